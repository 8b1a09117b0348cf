"""Tokens of many texts at once, for steps that compare texts.

One rule serves all languages. A text is normalised (NFKC, casefold, without invisible characters).
Letters, marks and digits make words; marks are part of them because Indic vowel signs are. Scripts
written without spaces have a token for each character: Han, kana, Thai, Lao, Khmer, Burmese.
Everything else separates. Digits of all scripts are the same digits, and a figure is one token with
or without signs between its groups of three: 1,250 is 1250. Letters of Greek and Cyrillic that look
like Latin ones are those. A token is a hash of 64 bits, and the same on every machine. Python's
Unicode tables decide about categories, so only newly assigned characters differ between versions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ..arrays import mixed

if TYPE_CHECKING:
    import numpy as np

    Hashes = np.ndarray[Any, np.dtype[np.uint64]]
    Places = np.ndarray[Any, np.dtype[np.int64]]

BLOCK = 1 << 16
"""How many characters are hashed together, and the most in a word: a longer one counts as
several."""
_LAST = 0x40000
"""Above this there are only characters that separate, and invisible ones."""
LETTER = 1
"""The lowest bit of a token's hash: it is a letter of Thai, Lao, Khmer or Burmese, which says less
than a word, or a character of Chinese."""
_WORD, _ALONE, _DIGIT, _LETTER = 1, 2, 4, 8
"""Bits of a character's class; 0 separates. A digit is part of a word."""
_LETTERS = (
    (0x0E00, 0x0F00),  # Thai, Lao
    (0x1000, 0x10A0),  # Burmese
    (0xA9E0, 0xAA00),
    (0xAA60, 0xAA80),
    (0x1780, 0x1800),  # Khmer
    (0x19E0, 0x1A00),
)
_SIGNS = (
    (0x2E80, 0x2FE0),  # Han
    (0x3005, 0x3008),
    (0x3021, 0x302A),
    (0x3038, 0x303C),
    (0x3400, 0x4DC0),
    (0x4E00, 0xA000),
    (0xF900, 0xFB00),
    (0x20000, _LAST),
    (0x3041, 0x3100),  # kana
    (0x31F0, 0x3200),
    (0x1AFF0, 0x1B170),
)
_BETWEEN_GROUPS = ", '_\u2019\u066c"
"""What may be between the groups of three digits of a figure, after NFKC."""
_LOOKS_LIKE = {
    "\u0430\u0432\u0435\u043a\u043c\u043d": "abekmh",  # Cyrillic
    "\u043e\u0440\u0441\u0442\u0443\u0445": "opctyx",
    "\u0455\u0456\u0458\u0475\u04bb\u0501\u051b\u051d": "sijvhdqw",
    "\u03b1\u03b2\u03b5\u03b6\u03b9\u03ba\u03bc": "abezikm",  # Greek
    "\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7": "voptux",
}
"""Small letters of Cyrillic and Greek, and the Latin ones that they, or their capitals, look like.
Text in those scripts loses nothing: within one script, hardly two letters become the same."""
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e0fff]"
)
_MARKS = 30
"""How many marks one character may have. Sorting more of them, as NFKC does, takes quadratic
time; Unicode's Stream-Safe Text Format has the same limit."""
_APART = "\u034f"
"""The invisible character that is put between so many marks."""
_MARKS_WHEN_NORMALISED = "\u0f73\u0f75\u0f81\uff9e\uff9f"
"""Characters that are no marks that NFKC sorts, and become such marks by it."""
_BASE = 0x9E3779B97F4A7C15
"""The base of the polynomial over a token's characters, and over a gram's tokens."""


class Words(NamedTuple):
    """The tokens of several texts, all in a row.

    hashes   uint64, one for each token
    starts   int64, the first token of each text, and the number of tokens
    numeric  bool: whether a token has a digit
    """

    hashes: Hashes
    starts: Places
    numeric: np.ndarray[Any, np.dtype[np.bool_]]


def words_of(texts: Sequence[str]) -> Words:
    """The tokens of texts.

    >>> words = words_of(["Hello, HELLO!", "", "你好 3"])
    >>> words.starts.tolist(), words.numeric.tolist()
    ([0, 2, 2, 5], [False, False, False, False, True])
    >>> bool(words.hashes[0] == words.hashes[1])
    True
    """
    import numpy as np

    found, counts = [_no_tokens()], np.zeros(len(texts) + 1, np.int64)
    for first, block in _blocks(texts):
        codes = _codes("\n".join(block))
        at = 0
        starts = []
        for window in _windows(codes):
            tokens = _tokens(window)
            starts.append(tokens.starts + at)
            at += len(window)
            found.append(tokens)
        ends = np.cumsum([len(text) + 1 for text in block])
        before = np.searchsorted(np.concatenate(starts), np.append(0, ends))
        counts[first + 1 : first + 1 + len(block)] = np.diff(before)
    return Words(
        np.concatenate([tokens.hashes for tokens in found]),
        np.cumsum(counts),
        np.concatenate([tokens.numeric for tokens in found]),
    )


def grams(words: Words, size: int) -> tuple[Hashes, Places]:
    """The hashes of every `size` neighbouring tokens of each text, and where those of each text
    begin, with the end. A text with fewer tokens has none.

    >>> hashes, starts = grams(words_of(["a b c d", "b c d", "a"]), 3)
    >>> starts.tolist(), bool(hashes[1] == hashes[2])
    ([0, 2, 3, 3], True)
    """
    import numpy as np

    tokens, starts, _ = words
    count = max(len(tokens) - size + 1, 0)
    made = np.zeros(count, np.uint64)
    for place in range(size):
        made *= np.uint64(_BASE)
        made += tokens[place : place + count]
    many = np.maximum(np.diff(starts) - (size - 1), 0)
    within = np.zeros(len(tokens) + 1, np.int8)  # +1 where a text's grams begin, -1 where they end
    np.add.at(within, starts[:-1], many > 0)
    np.subtract.at(within, starts[:-1] + many, many > 0)
    inside = np.cumsum(within[:count], dtype=np.int8).astype(bool)
    return mixed(made[inside]), np.append(0, np.cumsum(many))


def spans_of(text: str) -> list[tuple[int, int]]:
    """Where each token of a text begins and ends in it, in characters. Tokens that come from one
    character, like those of ½, have its span.

    >>> spans_of("Ｈi, 你好!")
    [(0, 2), (4, 5), (5, 6)]
    """
    import numpy as np

    known, firsts, ends = _traced(text)
    spans: list[tuple[int, int]] = []
    begin = 0
    for window in _windows(_codes(known)):
        starts = _tokens(window).starts
        letters = np.flatnonzero(_classes()[window])
        after = np.append(starts[1:], len(window))[: len(starts)]
        lasts = letters[np.searchsorted(letters, after) - 1]
        for first, last in zip((starts + begin).tolist(), (lasts + begin).tolist(), strict=True):
            spans.append((firsts[first], ends[last]))
        begin += len(window)
    return spans


def _traced(text: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """A text normalised, and where what each of its characters comes from begins and ends."""
    if text.isascii():
        return normalised(text), range(len(text)), range(1, len(text) + 1)
    pieces: list[str] = []
    firsts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        piece = normalised(text[start:end])
        pieces.append(piece)
        alone = len(piece) == end - start
        firsts += range(start, end) if alone else [start] * len(piece)
        ends += range(start + 1, end + 1) if alone else [end] * len(piece)
    return "".join(pieces), firsts, ends


def normalised(text: str) -> str:
    """A text as its tokens are made of: NFKC, casefold, nothing invisible."""
    if text.isascii():
        return text.lower()
    known = unicodedata.normalize("NFKC", _bounded(text)).casefold()
    return _INVISIBLE.sub("", known)


class _Tokens(NamedTuple):
    hashes: Hashes
    starts: Places
    numeric: np.ndarray[Any, np.dtype[np.bool_]]


def _no_tokens() -> _Tokens:
    import numpy as np

    return _Tokens(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, bool))


def _tokens(codes: np.ndarray[Any, Any]) -> _Tokens:
    """The tokens of at most BLOCK characters; `starts` are places of characters."""
    import numpy as np

    kinds = _classes()[codes]
    signs = _between_groups(codes, kinds)
    if len(signs):
        places = np.delete(np.arange(len(codes)), signs)
        told = _tokens(codes[places])
        return told._replace(starts=places[told.starts])
    word = kinds & _WORD
    begins = (kinds & _ALONE) != 0
    begins[:1] |= word[:1] != 0
    begins[1:] |= word[1:] > word[:-1]
    starts = np.flatnonzero(begins)
    if not len(starts):
        return _no_tokens()
    powers, inverse = _powers()
    values = codes.astype(np.uint64)
    values *= kinds != 0
    values *= powers[: len(codes)]
    hashes = np.add.reduceat(values, starts) * inverse[starts]
    numeric = np.bitwise_or.reduceat(kinds, starts) & _DIGIT != 0
    letter = (kinds[starts] & _LETTER != 0).astype(np.uint64)
    return _Tokens((mixed(hashes) & ~np.uint64(LETTER)) | letter, starts, numeric)


def _between_groups(codes: np.ndarray[Any, Any], kinds: np.ndarray[Any, Any]) -> Places:
    """The signs between groups of three digits, where a figure begins with one to three, the first
    not 0, and has one sign throughout."""
    import numpy as np

    digit = np.zeros(len(codes) + 8, bool)
    np.not_equal(kinds & _DIGIT, 0, out=digit[4:-4])

    def at(place: int) -> np.ndarray[Any, Any]:
        return digit[4 + place : 4 + place + len(codes)]

    signs: Places = np.flatnonzero(at(-1) & ~at(0) & at(1))
    if not len(signs):
        return signs

    def has(place: int) -> np.ndarray[Any, Any]:
        return digit[4 + place + signs]

    signs = signs[has(2) & has(3) & ~has(4) & np.isin(codes[signs], _codes(_BETWEEN_GROUPS))]
    if not len(signs):
        return signs
    many = 1 + has(-2) * (1 + has(-3) * (1 + has(-4)))
    begins = (many < 4) & (codes[signs - np.minimum(many, 3)] != ord("0"))
    first = np.flatnonzero(np.diff(signs, prepend=-4) != 4)
    head = np.repeat(first, np.diff(np.append(first, len(signs))))
    joined: Places = signs[begins[head] & (codes[signs] == codes[signs[head]])]
    return joined


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Normalised texts, together at most BLOCK characters, or one; and the first one's place."""
    first, size = 0, 0
    block: list[str] = []
    for place, text in enumerate(texts):
        known = normalised(text)
        if block and size + len(known) >= BLOCK:
            yield first, block
            first, block, size = place, [], 0
        block.append(known)
        size += len(known) + 1
    if block:
        yield first, block


def _windows(codes: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """The characters of one block, or of one long text in pieces that end where a word does."""
    import numpy as np

    at = 0
    while len(codes) - at > BLOCK:
        window = codes[at : at + BLOCK]
        ends = np.flatnonzero(_classes()[window] & _WORD == 0)
        size = int(ends[-1]) + 1 if len(ends) else BLOCK
        yield codes[at : at + size]
        at += size
    yield codes[at:]


def _codes(text: str) -> np.ndarray[Any, Any]:
    """A text's characters as numbers, one for those that are the same to a reader."""
    import numpy as np

    if text.isascii():
        return np.frombuffer(text.encode(), np.uint8)
    codes: np.ndarray[Any, Any] = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    known: np.ndarray[Any, Any] = _folded()[codes.clip(max=_LAST)]
    return known


def _bounded(text: str) -> str:
    """The text with at most _MARKS marks in a row: an invisible character is put between them."""
    import numpy as np

    marks = _combining()[_codes(text)]
    if np.count_nonzero(marks) <= _MARKS:
        return text
    others = np.flatnonzero(~np.append(marks, False))
    if np.diff(others, prepend=-1).max() <= _MARKS + 1:
        return text
    before = np.zeros(len(text), np.int64)  # the last character that is no mark
    np.maximum.accumulate(np.where(marks, -1, np.arange(len(text))), out=before)
    run = np.arange(len(text)) - before
    cuts = np.flatnonzero(marks & (run % _MARKS == 1) & (run > 1)).tolist()
    return _APART.join(text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True))


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Spans of a text that are normalised alone: a character with what may join it."""
    start = 0
    for place, character in enumerate(text):
        joins = unicodedata.category(character)[0] == "M" or character in _JOINING
        if place and not joins:
            yield start, place
            start = place
    if text:
        yield start, len(text)


_JOINING = frozenset(map(chr, range(0x1160, 0x1200))) | {"\uff9e", "\uff9f"}
"""Vowels and finals of Hangul syllables, and voice marks of narrow kana."""


@cache
def _classes() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The class of each character."""
    import numpy as np

    table = np.zeros(_LAST + 1, np.uint8)
    for code in range(_LAST):
        category = unicodedata.category(chr(code))
        if category[0] in "LMN":
            table[code] = _WORD | _DIGIT if category == "Nd" else _WORD
    for spans, kind in ((_SIGNS, _ALONE), (_LETTERS, _ALONE | _LETTER)):
        for start, stop in spans:
            span = table[start:stop]
            span[span == _WORD] = kind
    return table


@cache
def _folded() -> np.ndarray[Any, np.dtype[np.uint32]]:
    """The character that each one is compared as: a digit as the same one of ASCII, and a letter as
    the Latin one that it looks like."""
    import numpy as np

    table = np.arange(_LAST + 1, dtype=np.uint32)
    for code in np.flatnonzero(_classes() & _DIGIT).tolist():
        table[code] = ord("0") + unicodedata.digit(chr(code))
    for letters, latin in _LOOKS_LIKE.items():
        table[list(map(ord, letters))] = list(map(ord, latin))
    return table


@cache
def _combining() -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which characters are sorted by NFKC."""
    import numpy as np

    codes = range(_LAST + 1)
    sorts = np.fromiter((unicodedata.combining(chr(code)) != 0 for code in codes), bool, _LAST + 1)
    sorts[list(map(ord, _MARKS_WHEN_NORMALISED))] = True
    return sorts


@cache
def _powers() -> tuple[Hashes, Hashes]:
    """The powers of the base, and of its inverse."""
    import numpy as np

    def powers(base: int) -> Hashes:
        row = np.full(BLOCK, base, np.uint64)
        row[0] = 1
        return np.cumprod(row)

    return powers(_BASE), powers(pow(_BASE, -1, 1 << 64))
