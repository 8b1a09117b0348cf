"""The text of a conversation that votes on its language: words, but not code, markup, lists or
filler text.

There are two levels: a sample of both sides, which is enough for most conversations, and the lines
of each message if that sample holds more than one language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...schema import Conversation
from .filler import has_filler, is_filler

SIDE = 400  # characters that each side may contribute: enough to be sure, and fast
_WHOLE = 500
"""A side longer than this is sampled in four places."""
_PLACES, _PLACE = 4, 2000
_MARKUP = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|<[^<>\n]{1,200}>|\$\$.*?\$\$|\\[a-zA-Z]+|^[ \t]*>[^\n]*$",
    re.S | re.M,
)
_MARKS = "`<$\\>"
_CODE = re.compile(r"[\d_@/\\=<>{}\[\]|#~^$&+%]|[a-z][A-Z]|\w\(|\w\.\w")
_ODD = re.compile(
    r"""[^a-z\ ]                       # anything except
    (?<!(?<![a-z])[A-Z])             # a capital without a small letter before it,
    (?<!(?<=\S)[,;:!?'")-])          # a mark that begins no word,
    (?<!(?<=\S)\.(?!\w))            # a full stop that ends one,
    (?<!(?<!\S)['"(](?=[A-Za-z]))    # or what opens one""",
    re.X,
)
"""In a line without a match, every word votes unchanged."""
_ASCII = re.compile(r"[!-~]+")
LETTER = re.compile(r"[^\W\d_]")
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Kana, Han and Hangul: a character says about as much as three letters."""


_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_OTHER = re.compile(r"[^\W\d_A-Za-z\u00aa-\u024f\u1e00-\u1eff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_SECOND = 0.15


def is_in_two_scripts(text: str) -> bool:
    """Is a good part of a text in a second script, or Chinese beside Japanese?

    >>> (is_in_two_scripts("What is this? 我们说汉语。"),
    ...  is_in_two_scripts("これは何ですか。図書館です。"))
    (True, False)
    """
    if text.isascii() or not _OTHER.search(text):
        return False
    other, dense = len(_OTHER.findall(text)), len(_DENSE.findall(text))
    non_latin, latin = other + 2 * dense, len(_LATIN.findall(text))
    if min(non_latin, latin) > _SECOND * (non_latin + latin):
        return True
    kana = len(_KANA.findall(text))
    return bool(kana) and kana < len(_HAN.findall(text))


def words(conversation: Conversation) -> str:
    """A sample of the words of each side, without code, addresses, markup and quoted blocks."""
    sides: dict[str, list[str]] = {"user": [], "assistant": []}
    for message in conversation.messages:
        if message.role in sides:
            sides[message.role].append(_without_fences(message.content))
    return " ".join(_sample(contents) for contents in sides.values()).strip()


def _without_fences(content: str) -> str:
    """The text outside fenced code; an unclosed fence goes to the end."""
    if "```" in content:
        return "\n".join(content.split("```")[::2])
    return content


def _sample(contents: Sequence[str]) -> str:
    """Up to 400 characters of words: from the start of a short side, from four places in a long
    one."""
    total = sum(map(len, contents))
    if total <= _WHOLE:
        return " ".join(_words(content, 2 * SIDE) for content in contents).strip()[:SIDE]
    share = SIDE // _PLACES
    places = _excerpts(contents, total, _PLACES)
    return " ".join(_words(excerpt, 3 * share // 2).strip()[:share] for excerpt in places).strip()


def _excerpts(contents: Sequence[str], total: int, many: int) -> Iterator[str]:
    """Excerpts from evenly spaced places in some texts. Each begins at the start of a word and ends
    with its text at the latest."""
    starts = [total * number // many for number in range(many)]
    begin = 0
    for content in contents:
        while starts and starts[0] < begin + len(content):
            start = _word_start(content, starts.pop(0) - begin)
            yield content[start : start + _PLACE]
        begin += len(content)


def _word_start(content: str, start: int) -> int:
    """The start of the next word if one is near; text without blanks is cut where it is."""
    blank = content.find(" ", start, start + 40)
    if start and blank >= 0:
        return blank + 1
    return start


def _words(content: str, most: int) -> str:
    """The words in the first `most` characters of a text; about half as many characters are
    returned."""
    text = content[:most]
    if any(map(text.__contains__, _MARKS)):
        text = _MARKUP.sub(" ", text)
    found, length = [], 0
    for line in text.split("\n"):
        if voting := _voting(line):
            found.append(voting)
            length += len(voting.strip())
            if length >= most // 2:
                break
    return " ".join(found)


def _voting(line: str) -> str:
    if "  " in line or _ODD.search(line):
        return _line(line)
    return line.strip()


def _line(line: str) -> str:
    return " ".join(
        [token for given in line.split() if (token := given if given.isalpha() else _word(given))]
    )


def _word(token: str) -> str:
    """The part of a token that votes. In scripts without spaces between words, a token is a
    sentence: only the code in it is removed."""
    word = token.strip(".,:;!?'\"")
    if word.isalpha() and word[1:].islower():  # most are: no need to search
        return token
    if not token.isascii():
        token = _ASCII.sub(lambda m: " " if _CODE.search(m[0]) else m[0], token)
    elif _CODE.search(token):
        return ""
    if LETTER.search(token):
        return token
    return ""


class Part(NamedTuple):
    """Neighbouring lines of one message that vote together."""

    turn: int
    role: str
    text: str
    letters: int
    """A Chinese, Japanese or Korean character counts as three."""
    weight: float
    """How many letters of the message it represents."""


_TURNS = 20
"""In a conversation with more messages, every n-th one is sampled."""
_LOOKED_AT = 1600
"""How many characters of a conversation are sampled, divided among its messages."""
_LEAST = 120
_OWN = 50
"""A line of this many characters is a part of its own; a message's shorter lines are joined."""
_AGAIN = 4
"""Further repeats of a word in a part count for nothing."""
_OTHERS = re.compile(r"[^\W\d_A-Za-z\u00aa-\u024f\u1e00-\u1eff]+")
_LATIN_WORDS = 4
_ITEM = re.compile(r"(?<!\s)\s*(?:[-*•+]|[A-Za-z0-9]{1,3}[.):])\s+")
_ITEM_WORDS = 5
_SHORT, _ITEMS = 3, 3
"""Lines of up to three words are a list if there are three of them."""
_SPELT = 4
_ENDS = tuple(",;.?!，；、。？！।…؟:：")
_COMMAS = re.compile(r"[,;|、，،]")


def parts(conversation: Conversation) -> list[Part]:
    """The lines of each message that vote, for a conversation in more than one language.

    Lists of names and filler text say nothing about the language of the rest, so they vote only if
    there is nothing else.
    """
    turns = [(i, m) for i, m in enumerate(conversation.messages) if m.role in ("user", "assistant")]
    turns = turns[:: (len(turns) // _TURNS) | 1]
    room = max(_LOOKED_AT // max(len(turns), 1), _LEAST)
    found = [
        (running, _part(turn, message.role, text, scale))
        for turn, message in turns
        for running, text, scale in _lines(message.content, room)
    ]
    return [part for running, part in found if running] or [part for _, part in found]


def _part(turn: int, role: str, text: str, scale: float) -> Part:
    tokens = text.split()
    letters = min(_letters("".join(tokens)), _AGAIN * _letters("".join(set(tokens))))
    return Part(turn, role, text, letters, scale * letters)


def _letters(text: str) -> int:
    """How many characters a text has; Chinese, Japanese and Korean ones count three times."""
    if text.isascii():
        return len(text)
    return len(text) + 2 * len(_DENSE.findall(text))


def _lines(content: str, room: int) -> Iterator[tuple[bool, str, float]]:
    """(is it running text?, words, how many letters of the message each of theirs represents) for
    one message; short lines are joined."""
    text = _without_fences(content)
    many = 1 if len(text) <= room else min(max(room // _LEAST, 1), _PLACES)
    share = room // many
    scale = max(len(text) / room, 1.0)
    for excerpt in _excerpts([text], len(text), many):
        lines = _MARKUP.sub(" ", excerpt[:share]).split("\n")
        voting = [(line, words) for line in lines if LETTER.search(words := _voting(line))]
        filler = has_filler(excerpt[:share])
        short = sum(_is_short(line) for line, _ in voting) >= _ITEMS
        gathered: list[str] = []
        for line, words in voting:
            if (filler and is_filler(words)) or _is_list(line) or (short and _is_short(line)):
                yield False, words, scale
                continue
            for piece in _by_script(words):
                if len(piece) >= _OWN:
                    yield True, piece, scale
                else:
                    gathered.append(piece)
        if gathered:
            yield True, " ".join(gathered), scale


def _by_script(line: str) -> list[str]:
    """The line; if it mixes scripts, its sentences in Latin script are separated from the rest."""
    if not is_in_two_scripts(line):
        return [line]
    latin = [run for run in _OTHERS.split(line) if len(run.split()) >= _LATIN_WORDS]
    for run in latin:
        line = line.replace(run, " ", 1)
    return [piece for piece in (line, " ".join(latin)) if LETTER.search(piece)]


def _is_short(line: str) -> bool:
    """Is it a line of a list without markers?"""
    return (
        not line.rstrip().endswith(_ENDS) and len(line.split()) <= _SHORT and _letters(line) <= 40
    )


def _is_list(line: str) -> bool:
    """Is it an item after a list marker, names between commas, or letters separated by blanks?"""
    tokens = line.split()
    if len(tokens) >= _SPELT and sum(map(len, tokens)) < 2 * len(tokens) and line.isascii():
        return True
    item = _ITEM.sub("", line, count=1)
    if item != line.lstrip() and len(item.split()) <= _ITEM_WORDS and _letters(item) <= 60:
        return True
    commas = len(_COMMAS.findall(item))
    return commas >= 3 and len(item.split()) <= 2.5 * (commas + 1) and not _DENSE.search(item)
