"""Calls and results that are written into the text, as Hermes has them:

Let me look.
<tool_call>{"name": "now", "arguments": {"zone": "UTC"}}</tool_call>
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..schema import Reason, Reject
from .calls import Call, Calls, read_calls
from .embedded import opened
from .literals import read_literal

_THOUGHT = ("<think>", "</think>")
_CALL = ("<tool_call>", "</tool_call>")
_RESULT = ("<tool_response>", "</tool_response>")


class Spoken(NamedTuple):
    """A text without the calls that were in it, those, and what was not used of them."""

    text: str
    calls: Sequence[Call]
    left: Sequence[dict[str, Any]] = ()


class _Piece(NamedTuple):
    """What is between two tags: where it begins and ends with them, and the text between them."""

    start: int
    end: int
    inside: str


def take_calls(text: str) -> Spoken | Reject:
    """The calls in a text, taken out with the white space around them. Each is JSON between tags,
    or what Python prints for it, and says what is called. Anything else between tags stays in the
    text, and so does what the model thought.

    A Reject `bad_arguments` for a call whose arguments are not an object.

    >>> take_calls('Wait. <tool_call>{"name": "now"}</tool_call>').text
    'Wait.'
    """
    said: list[str] = []
    calls: list[Call] = []
    left: list[dict[str, Any]] = []
    begin = 0
    for piece in _pieces(text, _CALL, after_thought(text)):
        found = _called(piece.inside)
        if isinstance(found, Reject):
            return found
        if found.calls:
            said.append(text[begin : piece.start].strip())
            calls += found.calls
            left += found.left
            begin = piece.end
    if not calls:
        return Spoken(text, [])
    said.append(text[begin:].strip())
    return Spoken("\n".join(filter(None, said)), calls, left)


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


def _printed(text: str) -> Any:
    try:
        return read_literal(text)
    except ValueError:
        return None


def _called(inside: str) -> Calls | Reject:
    """The calls between two tags; none where it does not say what is called."""
    try:
        value = opened(inside)
    except ValueError:
        value = _printed(inside)
    calls = read_calls(value) if isinstance(value, dict | list) else Calls()
    if isinstance(calls, Reject) and calls.reason == Reason.TOOL_CALL:
        return Calls()
    return calls
