"""Blocks of code between fences, in a text of several messages."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from .styles import ENDS

_FENCE = r"(?P<fence>`{3,}+|~{3,}+)[ \t]*+(?P<info>[^\n`]*+)$"
_ON_A_LINE = re.compile("^ {0,3}" + _FENCE, re.M)
_BEHIND_A_MARKER = re.compile("[ \t]{0,3}" + _FENCE, re.M)


class Blocks(NamedTuple):
    """Where blocks of code begin and end, in order, and whether one of them is never closed."""

    found: list[tuple[int, int]]
    torn: bool


def blocks_of_code(text: str, markers: Sequence[tuple[int, int]]) -> Blocks:
    """The blocks of code in a text.

    markers  where markers begin and end, in order. A fence right behind one opens a block, like one
             with a language; if one is open already, that is never closed

    >>> blocks_of_code("```\\nx\\n```\\n```py", [])
    Blocks(found=[(0, 9)], torn=True)
    """
    if "```" not in text and "~~~" not in text:
        return Blocks([], False)
    starts = [start for start, _ in markers]
    fences = {}
    for line in _ON_A_LINE.finditer(text):
        fences[line.start("fence")] = _fence(line, starts)
    for _, end in markers:
        first = _BEHIND_A_MARKER.match(text, end)
        if first:
            fences[first.start("fence")] = (*_fence(first, starts)[:3], True)
    found: list[tuple[int, int]] = []
    start, fence, torn = -1, "", False
    for at, end, mark, opens in sorted(fences.values()):
        if start >= 0 and not opens and mark.startswith(fence):
            found.append((start, end))
            start = -1
        elif start < 0 or opens:
            torn |= start >= 0
            start, fence = at, mark
    return Blocks(found, torn or start >= 0)


def _fence(match: re.Match[str], starts: Sequence[int]) -> tuple[int, int, str, bool]:
    """Where a fence begins and ends, its marks, and whether it has a language, so that it opens a
    block. A marker on its line is behind it."""
    begin, behind = match.span("fence")
    following = bisect_left(starts, behind)
    end = min(match.end(), starts[following]) if following < len(starts) else match.end()
    language = match.string[behind:end].strip()
    return begin, end, match["fence"], bool(language) and language not in ENDS
