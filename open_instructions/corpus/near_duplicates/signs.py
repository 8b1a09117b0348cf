"""What is small and says the opposite: operators, currencies, emoji, negations, number words, words
of which one excludes another, letters alone.

Signs are not part of a token, and can be all that tells two rows apart: a + b and a - b. A sign is
known by the words at both sides of it. Two rows differ if they have other signs between the same
words. A row that has none there does not differ: signs are also decoration. Number words are signs
that are at one place, all together. So are the words of each line of _OPPOSITES, and letters that
are words, as in "Vitamin C" and "C++".
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_64_intdigest

from ..words import words_of
from .lists import Lists, rest

if TYPE_CHECKING:
    import numpy as np

    from .shingles import Read

    Array = np.ndarray[Any, Any]

_OTHERS = "-–—−‐‑*/%&^#"
"""Signs that Unicode calls punctuation."""
_DASHES = str.maketrans(dict.fromkeys("–—−‐‑", "-"))
_SYMBOLS = frozenset({"Sm", "Sc", "So"})
_GAP = re.compile(r"[^\w\s][^\w\n]*")
_WORD = re.compile(r"\w+")
_ALONE = re.compile(r"(?<![\w'’])(?:[A-Za-z][+#]{1,3}|[A-HJ-Zb-hj-z])(?![\w'’+#])")
"""A letter that stands alone, with the signs attached to it. "I" and "a" are words."""
_FIGURE = re.compile(r"\d{1,20}")
_NEAR = 16
"""How many characters at each side of a sign are looked at."""
_BULLETS = frozenset("-*+#>|")
_RULES = frozenset("-*=~_|: ")
_OPENING, _CLOSING = "([{=<>+*/,:;", ")]}"
_NEGATIONS = """not no never none nor neither without cannot t except nicht kein keine keinen nie
pas jamais nunca não nem не нет ни 不 没 沒 无 無 未 नहीं न لا ليس ليست لم لن niet geen inte ikke
nie nem değil tidak bukan không chưa לא אין δεν نہیں নয় না இல்லை 안 못"""
"""The t is that of n't."""
_NEGATED = re.compile("ない|なかっ|なく|ません|ไม่|មិន|ບໍ່|ဘူး|않|없")
"""Negations in scripts and languages that do not write them as words."""
_OPPOSITES = """true false
positive negative neutral entailment contradiction
right wrong correct incorrect left
increase decrease
increases decreases
increased decreased
higher lower
high low
more less fewer
most least
maximum minimum
before after
above below
first second third fourth fifth last
male female
north south east west
monday tuesday wednesday thursday friday saturday sunday
january february march april may june july august september october november december
agree disagree
odd even
wahr falsch
vrai faux
verdadero falso
正 负 負
真 假
对 错 對 錯
左 右
高 低
多 少
增 减 減"""
_NUMBERS = """two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty
hundred thousand million"""
_NEGATION = 0xFFFF
"""The place of negations."""
_SIGN = 16
"""The lower bits of a sign's hash say what it is, the upper ones where."""


def signs_in(given: Read) -> tuple[Array, Array]:
    """The signs in each conversation, as hashes of 32 bits, and where those of each begin."""
    import numpy as np

    hashes: list[int] = []
    starts = [0]
    known = _words()
    told = np.isin(given.words.hashes, np.array(list(known), np.uint64))
    for first, last in zip(given.owners[:-1].tolist(), given.owners[1:].tolist(), strict=True):
        for text in given.texts[first:last]:
            hashes += (_hashed(text.side, *sign) for sign in signs_of(text.content))
            if not text.content.isascii():
                hashes += [_NEGATION << _SIGN] * len(_NEGATED.findall(text.content))
        span = slice(*given.words.starts[[first, last]])
        hashes += map(known.__getitem__, given.words.hashes[span][told[span]].tolist())
        starts.append(len(hashes))
    return np.array(hashes, np.uint32), np.array(starts, np.int64)


def other_signs(signs: Lists, one: Array, other: Array) -> Array:
    """Whether the two rows of each pair have different signs at the same place."""
    import numpy as np

    pair, sign, times = rest(signs, one, other)
    place = sign.astype(np.int64) >> _SIGN
    place = (pair << _SIGN | place)[place != _NEGATION]
    times = times[sign >> np.uint64(_SIGN) != _NEGATION]
    both = np.intersect1d(place[times > 0], place[times < 0])
    found = np.zeros(len(one), bool)
    found[both >> _SIGN] = True
    return found


def negations(signs: Lists) -> Array:
    """How many negations each row has."""
    import numpy as np

    return signs.where(signs.values >> np.uint32(_SIGN) == _NEGATION).sizes()


class SignsOf:
    """The signs of a row, to compare those of many others with. It takes only as long as the
    others are."""

    def __init__(self, signs: Sequence[int]) -> None:
        self._times = Counter(signs)
        self._places = Counter(sign >> _SIGN for sign in signs)

    def differ(self, others: Sequence[int]) -> bool:
        """Whether another row has different signs at the same place."""
        places: Counter[int] = Counter()
        shared: Counter[int] = Counter()
        for sign, times in Counter(others).items():
            places[sign >> _SIGN] += times
            shared[sign >> _SIGN] += min(times, self._times[sign])
        places.pop(_NEGATION, None)
        return any(times > shared[at] < self._places[at] for at, times in places.items())


def signs_of(text: str) -> Iterator[tuple[str, str]]:
    """The place and the sign of each sign of a text, of each letter alone, and of each figure.

    >>> list(signs_of("a + b"))
    [('a b', '+'), ('letter', 'B')]
    >>> list(signs_of("* the **first** of -5"))
    [('of 5', '-'), ('5', 'negative')]
    """
    known = _signs()
    for found in _GAP.finditer(text):
        if known.isdisjoint(found[0]):
            continue
        skipped = next(at for at, character in enumerate(found[0]) if character in known)
        skipped -= found[0][:skipped].endswith("!")
        start, stop = found.start() + skipped, found.end()
        before = text[max(start - _NEAR, 0) : start]
        if sign := _sign(before, found[0][skipped:], text[stop : stop + 1]):
            yield f"{_last(before)} {_first(text[stop : stop + _NEAR])}", sign
    for found in _ALONE.finditer(text):
        yield "letter", found[0].upper()
    for found in _FIGURE.finditer(text):
        yield found[0], _negative(text[max(found.start() - _NEAR, 0) : found.start()])


def _sign(before: str, found: str, after: str) -> str:
    """What of the characters from the first sign up to the next word is a sign."""
    space = before[-1:].isspace() or not before
    if not before.rpartition("\n")[2].strip() and _decorates(found):
        return ""
    known = _signs()
    signs = "".join(c for c in found.replace("!=", "≠") if c in known).translate(_DASHES)
    if signs.strip("*"):
        return signs.strip("*") if signs.strip("*") != "#" or not space else ""
    return signs if space == found[-1].isspace() and _operand(before, space) and after else ""


def _decorates(line: str) -> bool:
    """Whether the signs at the beginning of a line are those of a list, or a rule."""
    if line[-1].isspace():
        return line[0] in _BULLETS
    return len(line) > 2 and _RULES.issuperset(line)


def _operand(before: str, space: bool) -> bool:
    last = before.rstrip()[-1:]
    return space or last.isalnum() or last in _CLOSING


def _negative(before: str) -> str:
    """Whether a figure is negative, from what comes before it."""
    if before.translate(_DASHES)[-1:] != "-":
        return ""
    rest = before[:-1]
    line = rest.rpartition("\n")[2]
    if "\n" in rest and not line.strip():
        return ""  # an entry of a list
    apart = not rest or rest[-1].isspace() or rest[-1] in _OPENING
    return "negative" if apart and not rest.rstrip()[-1:].isdigit() else ""


def _last(text: str) -> str:
    words = _WORD.findall(text)
    return words[-1][-8:].casefold() if words else ""


def _first(text: str) -> str:
    found = _WORD.search(text)
    return found[0][:8].casefold() if found else ""


def _hashed(side: int, place: str, sign: str) -> int:
    where = xxh3_64_intdigest(f"{side} {place}".encode("utf-8", "surrogatepass"))
    what = xxh3_64_intdigest(sign.encode("utf-8", "surrogatepass"))
    return (where >> 48) << _SIGN | what >> 48


@cache
def _words() -> dict[int, int]:
    """The tokens that are signs, with the sign's hash."""
    signs = dict.fromkeys(_NEGATIONS.split(), _NEGATION << _SIGN)
    for line in (_NUMBERS.replace("\n", " "), *_OPPOSITES.splitlines()):
        signs |= {word: _hashed(0, line, word) for word in line.split()}
    tokens = words_of([*signs]).hashes.tolist()
    return dict(zip(tokens, signs.values(), strict=True))


@cache
def _signs() -> frozenset[str]:
    """Symbols, and what of Unicode's punctuation is an operator."""
    known = (c for c in map(chr, range(0x20000)) if unicodedata.category(c) in _SYMBOLS)
    return frozenset([*known, *_OTHERS])
