"""Calls and results that are written into the text, as Hermes has them:

Let me look.
<tool_call>{"name": "now", "arguments": {"zone": "UTC"}}</tool_call>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..schema import Reason, Reject
from .calls import Call, read_calls
from .embedded import opened

_THOUGHT = ("<think>", "</think>")
_CALL = ("<tool_call>", "</tool_call>")
_RESULT = ("<tool_response>", "</tool_response>")


class Spoken(NamedTuple):
    """A text without the calls that were in it, and those."""

    text: str
    calls: list[Call]


class _Piece(NamedTuple):
    """What is between two tags: where it begins and ends with them, and the text between them."""

    start: int
    end: int
    inside: str


def take_calls(text: str) -> Spoken | Reject:
    """The calls in a text, taken out with the white space around them. What is between tags and is
    not JSON that says what is called stays in the text, and so does what the model thought.

    A Reject `bad_arguments` for a call whose arguments are not an object.

    >>> take_calls('Wait. <tool_call>{"name": "now"}</tool_call>').text
    'Wait.'
    """
    said: list[str] = []
    calls: list[Call] = []
    begin = 0
    for piece in _pieces(text, _CALL, after_thought(text)):
        found = _called(piece.inside)
        if isinstance(found, Reject):
            return found
        if found:
            said.append(text[begin : piece.start].strip())
            calls += found
            begin = piece.end
    if not calls:
        return Spoken(text, [])
    said.append(text[begin:].strip())
    return Spoken("\n".join(filter(None, said)), calls)


def take_results(text: str) -> list[str]:
    """The results in the text of a tool: what is between tags, or the whole text where something
    else is beside them.

    >>> take_results("<tool_response>7</tool_response> <tool_response>8</tool_response>")
    ['7', '8']
    """
    begin = 0
    found: list[str] = []
    for piece in _pieces(text, _RESULT, 0):
        if text[begin : piece.start].strip():
            return [text]
        found.append(piece.inside.strip())
        begin = piece.end
    return found if found and not text[begin:].strip() else [text]


def after_thought(text: str) -> int:
    """Where a text goes on behind the thought that it begins with; 0 if it begins with none.

    >>> after_thought("<think>Hm.</think>Yes.")
    18
    """
    begin, end = _THOUGHT
    if not text.lstrip().startswith(begin):
        return 0
    at = text.find(end)
    return at + len(end) if at >= 0 else 0


def _pieces(text: str, tags: tuple[str, str], begin: int) -> Iterator[_Piece]:
    opening, closing = tags
    start = text.find(opening, begin)
    while start >= 0:
        end = text.find(closing, start)
        if end < 0:
            return
        yield _Piece(start, end + len(closing), text[start + len(opening) : end])
        start = text.find(opening, end)


def _called(inside: str) -> list[Call] | Reject:
    """The calls between two tags; none where it does not say what is called."""
    try:
        value = opened(inside)
    except ValueError:
        return []
    calls = read_calls(value) if isinstance(value, dict | list) else []
    if isinstance(calls, Reject) and calls.reason == Reason.TOOL_CALL:
        return []
    return calls
