"""What an entry of a list of messages says: its text, calls of tools and results, from all fields
that may have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..schema import TOOL, Reason, Reject
from .calls import Call, Calls, read_calls
from .fields import as_text, is_empty
from .hermes import after_thought, take_calls, take_results
from .parts import Content, Result, Unreadable, read_answer, read_parts
from .roles import CALL

TEXTS = ("value", "content")
_OTHER_TEXTS = ("text", "message", "utterance")
"""Fields with what is said; the others where none of the first is."""
CALLS = ("tool_calls", "function_call", "tool_call")


class Said(NamedTuple):
    """What an entry says.

    text     its text; None if there is none
    thought  reasoning that is in the content
    calls    what it calls
    results  what tools answered
    used     the fields that all this is from
    left     what was not used inside of these fields
    number   whether the text is a number in the file
    """

    text: str | None
    thought: str
    calls: list[Call]
    results: list[Result]
    used: tuple[str, ...]
    left: dict[str, Any]
    number: bool


def read_said(entry: Mapping[str, Any], role: str | None) -> Said | Unreadable | Reject:
    """What an entry says. A Reject of the record for a call that cannot be read, and for a part
    that is not text.

    >>> read_said({"content": "Hi", "lang": "en"}, "user").text
    'Hi'
    """
    calls = _calls(entry)
    if isinstance(calls, Reject):
        return calls
    texts: dict[str, Content] = {}
    for key in _keys(entry):
        content = _content(entry[key], role, alone=not calls.calls)
        if isinstance(content, Reject | Unreadable):
            return content
        if content:
            texts[key] = content
    contents = list(texts.values()) or [Content(None)]
    if any(content != contents[0] for content in contents):
        return Unreadable(f"{' and '.join(texts)} differ")
    first = contents[0]
    left: dict[str, Any] = {"content": first.left} if first.left else {}
    return Said(
        first.text,
        first.thought,
        [*calls.calls, *first.calls],
        list(first.results),
        (*_call_keys(entry), *texts),
        {**left, CALLS[0]: calls.left} if calls.left else left,
        bool(texts) and not any(isinstance(entry[key], str | list | dict) for key in texts),
    )


def _keys(entry: Mapping[str, Any]) -> list[str]:
    usual = [key for key in TEXTS if key in entry]
    return usual or [key for key in _OTHER_TEXTS if key in entry]


def _call_keys(entry: Mapping[str, Any]) -> list[str]:
    return [key for key in CALLS if key in entry and not is_empty(entry[key])]


_NO_CALLS = Calls()


def _calls(entry: Mapping[str, Any]) -> Calls | Reject:
    """The calls that an entry has in fields of their own."""
    keys = _call_keys(entry)
    if not keys:
        return _NO_CALLS
    found: list[Calls] = []
    for key in keys:
        calls = read_calls(entry[key])
        if isinstance(calls, Reject):
            return calls
        found.append(calls)
    if any(_functions(calls) != _functions(found[0]) for calls in found):
        return Reject(Reason.CONTRADICTION, f"{' and '.join(keys)} of a message differ")
    return found[0]


def _functions(calls: Calls) -> list[Any]:
    return [call["function"] for call in calls.calls]


def _content(value: Any, role: str | None, alone: bool) -> Content | Unreadable | Reject | None:
    """The content in a value; None for what is neither text nor parts.

    alone  whether an entry of calls has them nowhere else
    """
    if role == TOOL:
        return _of_tool(value)
    if role == CALL and alone:
        return _of_call(value)
    text = as_text(value)
    if text is not None:
        return Content(text)
    if isinstance(value, list):
        return read_parts(value) if value else Content("")
    if isinstance(value, dict) and "type" in value:
        return read_parts([value])
    return None


def _of_tool(value: Any) -> Content | Reject | None:
    """The results that a tool's entry has: at least one, unless it is null."""
    if value is None:
        return None
    content = read_answer(value)
    if isinstance(content, Reject) or content.text is None:
        return content
    results = [Result(text) for text in take_results(content.text)]
    return Content(None, results=(*content.results, *results), left=content.left)


def _of_call(value: Any) -> Content | Unreadable | Reject | None:
    """An entry that is a call: JSON, or JSON between tags, perhaps behind a thought."""
    if not isinstance(value, str):
        calls = read_calls(value)
        return (
            calls if isinstance(calls, Reject) else Content(None, "", calls.calls, (), calls.left)
        )
    at = after_thought(value)
    thought = value[:at].strip()
    spoken = take_calls(value[at:])
    if isinstance(spoken, Reject):
        return spoken
    if spoken.calls:
        said = "\n".join(filter(None, (thought, spoken.text)))
        return Content(said, "", spoken.calls, (), spoken.left)
    calls = read_calls(spoken.text)
    return calls if isinstance(calls, Reject) else Content(thought, "", calls.calls, (), calls.left)
