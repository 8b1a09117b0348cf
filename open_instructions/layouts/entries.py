"""One entry of a list of messages -> the messages that it stands for.

Usually one. An entry of Anthropic's with the results of two tools and a text stands for three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..schema import ASSISTANT, TOOL, Message, Reason, Reject, to_json
from .beside import fields_beside
from .calls import Call, read_calls
from .embedded import without_nulls
from .fields import NUMBER_AS_TEXT, as_text, is_empty, leftover
from .hermes import after_thought, take_calls, take_results
from .parts import Content, Unreadable, read_answer, read_parts
from .roles import CALL, Names, speaker
from .rounds import with_calls
from .tools import NULL_MEMBERS

_TEXTS = ("value", "content")
_OTHER_TEXTS = ("text", "message", "utterance")
"""Fields with what is said; the others where none of the first is."""
_CALLS = ("tool_calls", "function_call", "tool_call")
_SHOWN = 100
"""Characters of upstream's words in a detail."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What an entry stands for.

    items   its messages; a Reject where it cannot be read
    sender  who speaks, in upstream's words and small letters; "" where it cannot be read
    left    the fields that were not used
    edits   names of what was changed
    """

    items: tuple[Message | Reject, ...]
    sender: str = ""
    left: Mapping[str, Any] = field(default_factory=dict)
    edits: tuple[str, ...] = ()


class _Said(NamedTuple):
    """The content of an entry, and the fields that it is from."""

    content: Content
    used: tuple[str, ...]
    number: bool = False


class _Called(NamedTuple):
    """The calls that an entry has in fields of their own, and those."""

    calls: list[Call]
    used: tuple[str, ...]


def read_entry(turn: Any, names: Names, *, html: bool, padded: bool) -> Entry | Reject:
    """The messages of an entry.

    names   names of senders and their roles
    html    whether the assistant's texts are HTML
    padded  whether members of objects that are null say nothing, as in Parquet

    A Reject of the record for a call that cannot be read, and for what is not text.
    """
    if not isinstance(turn, dict):
        return _unreadable(turn, f"a message from {None!r}")
    given = {key: value for key, value in turn.items() if value is not None}
    entry = without_nulls(given) if padded else given
    who = speaker(entry, names)
    called = _called(entry)
    if isinstance(called, Reject):
        return called
    said = _said(entry, who.role)
    if isinstance(said, Reject):
        return said
    if isinstance(said, Unreadable):
        return _unreadable(turn, said.detail)
    name = f"a message from {who.name!r:.{_SHOWN}}"
    beside = fields_beside(entry, who.role or "", said.content.thought)
    if isinstance(beside, Reject):
        return beside
    calls = [*called.calls, *said.content.calls]
    speaks = said.content.text is not None or said.content.results or calls
    if not isinstance(who.name, str) or not (speaks or "reasoning_content" in beside.fields):
        return _unreadable(turn, name)
    if who.role is None:
        return _unreadable(turn, name, Reason.UNKNOWN_ROLE)
    if calls and who.role not in (ASSISTANT, CALL):
        return Reject(Reason.TOOL_CALL, f"a call in {name}")
    items = _messages(who.role, said.content, calls, beside.fields, html)
    if isinstance(items, Reject):
        return items
    left = leftover(entry, (*who.used, *called.used, *said.used, *beside.used))
    if said.content.left:
        left["content"] = said.content.left
    edits = (NULL_MEMBERS,) * (entry != given) + (NUMBER_AS_TEXT,) * said.number
    return Entry(tuple(items), who.name, left, edits)


def _unreadable(turn: Any, detail: str, reason: Reason = Reason.UNEXPECTED_SHAPE) -> Entry:
    return Entry((Reject(reason, detail, Message("unknown", to_json(turn))),))


def _called(entry: Mapping[str, Any]) -> _Called | Reject:
    """The calls that an entry has in fields of their own."""
    keys = [key for key in _CALLS if not is_empty(entry.get(key))]
    found: list[list[Call]] = []
    for key in keys:
        calls = read_calls(entry[key])
        if isinstance(calls, Reject):
            return calls
        found.append(calls)
    if len(found) > 1 and any(_functions(calls) != _functions(found[0]) for calls in found):
        return Reject(Reason.CONTRADICTION, f"{' and '.join(keys)} of a message differ")
    return _Called(found[0] if found else [], tuple(keys))


def _functions(calls: list[Call]) -> list[Any]:
    return [call["function"] for call in calls]


def _said(entry: Mapping[str, Any], role: str | None) -> _Said | Unreadable | Reject:
    """The content of an entry. Where two fields have one, they must say the same."""
    read: dict[str, Content] = {}
    for key in [key for key in _TEXTS if key in entry] or [k for k in _OTHER_TEXTS if k in entry]:
        content = _content(entry[key], role)
        if isinstance(content, Reject | Unreadable):
            return content
        if content:
            read[key] = content
    if not read:
        return _Said(Content(None), ())
    contents = list(read.values())
    if any(content != contents[0] for content in contents):
        return Unreadable(f"{' and '.join(read)} differ")
    return _Said(
        contents[0], tuple(read), not any(isinstance(entry[key], str | list | dict) for key in read)
    )


def _content(value: Any, role: str | None) -> Content | Unreadable | Reject | None:
    """The content in a value; None for what is neither text nor parts."""
    text = as_text(value)
    if text is not None:
        return Content(text)
    if role == TOOL:
        return read_answer(value)
    if role == CALL and isinstance(value, list | dict):
        calls = read_calls(value)
        return calls if isinstance(calls, Reject) else Content(None, calls=tuple(calls))
    if isinstance(value, list):
        return read_parts(value) if value else Content("")
    if isinstance(value, dict) and "type" in value:
        return read_parts([value])
    return None


def _messages(
    role: str, content: Content, calls: list[Call], fields: dict[str, Any], html: bool
) -> list[Message] | Reject:
    """The messages of an entry by their roles."""
    text = content.text or ""
    if role == CALL:
        return _call_alone(text, calls, fields)
    results = [_result(result.text, result.call, fields) for result in content.results]
    if role == TOOL:
        return results or [_result(found, None, fields) for found in take_results(text)]
    if calls:
        fields = with_calls(fields, calls)
    spoken = Message(role, text, html and role == ASSISTANT, fields=fields or None)
    return [*results, spoken] if text or not results else results


def _result(text: str, call: str | None, fields: dict[str, Any]) -> Message:
    own = {"tool_call_id": call, **fields} if call else fields
    return Message(TOOL, text, fields=own or None)


def _call_alone(text: str, calls: list[Call], fields: dict[str, Any]) -> list[Message] | Reject:
    """An entry that is a call: JSON, or JSON between tags, perhaps behind a thought."""
    said = text
    if not calls:
        at = after_thought(text)
        rest = take_calls(text[at:])
        if isinstance(rest, Reject):
            return rest
        found = rest.calls or read_calls(rest.text)
        if isinstance(found, Reject):
            return found
        calls = found
        said = text[:at].strip() + rest.text if rest.calls else text[:at].strip()
    if not calls:
        return Reject(Reason.BAD_ARGUMENTS, "a call that is empty")
    return [Message(ASSISTANT, said, fields=with_calls(fields, calls))]
