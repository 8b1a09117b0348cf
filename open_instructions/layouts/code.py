"""Blocks of code between fences, in a text of several messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_FENCE = r"(?P<fence>`{3,}+|~{3,}+)[ \t]*+(?P<info>[^\n`]*+)$"
_ON_A_LINE = re.compile("^ {0,3}" + _FENCE, re.M)
_BEHIND_A_MARKER = re.compile("[ \t]{0,3}" + _FENCE, re.M)


class Blocks(NamedTuple):
    """Where blocks of code begin and end, in order, and whether one of them is never closed."""

    found: list[tuple[int, int]]
    torn: bool


def blocks_of_code(text: str, messages: Sequence[int]) -> Blocks:
    """The blocks of code in a text.

    messages  where messages may begin; a fence there opens a block, like one with a language. If
              one is open already, that is never closed

    >>> blocks_of_code("```\\nx\\n```\\n```py", [])
    Blocks(found=[(0, 9)], torn=True)
    """
    if "```" not in text and "~~~" not in text:
        return Blocks([], False)
    fences = {match.start("fence"): (match, False) for match in _ON_A_LINE.finditer(text)}
    for begin in messages:
        match = _BEHIND_A_MARKER.match(text, begin)
        if match:
            fences[match.start("fence")] = (match, True)
    found: list[tuple[int, int]] = []
    start, fence, torn = -1, "", False
    for at, (match, begins) in sorted(fences.items(), key=lambda item: item[0]):
        opens = begins or bool(match["info"].strip())
        if start >= 0 and not opens and match["fence"].startswith(fence):
            found.append((start, match.end()))
            start = -1
        elif start < 0 or opens:
            torn |= start >= 0
            start, fence = at, match["fence"]
    return Blocks(found, torn or start >= 0)
