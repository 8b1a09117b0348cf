"""One entry of a list of messages -> the messages that it stands for.

Usually one. An entry of Anthropic's with the results of two tools and a text stands for three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import shown
from ..schema import ASSISTANT, TOOL, USER, Message, Reason, Reject, to_json
from .beside import BESIDE, REASONING, fields_beside
from .embedded import without_nulls
from .fields import NUMBER_AS_TEXT, leftover
from .hermes import take_calls
from .parts import Result, Unreadable, is_call
from .roles import CALL, ROLES, SENDERS, Names, Speaker, speaker
from .rounds import fields_of, with_calls
from .said import CALLS, TEXTS, Said, read_said
from .tools import NULL_MEMBERS

KNOWN = frozenset((*SENDERS, *TEXTS, *CALLS)) | BESIDE
"""All fields that are read where an entry has a sender and a text under their usual names."""


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


def read_entry(turn: Any, names: Names, *, html: bool, padded: bool) -> Entry | Reject:
    """The messages of an entry.

    names   names of senders and their roles
    html    whether the assistant's texts are HTML
    padded  whether members of objects that are null say nothing, as in Parquet

    A Reject of the record for a call or a result that cannot be read, and for what is not text.
    """
    if not isinstance(turn, dict):
        return _unreadable(turn, Unreadable(f"a message from {None!r}"))
    given = {key: value for key, value in turn.items() if value is not None}
    entry = _unpadded(given) if padded else given
    edits = (NULL_MEMBERS,) * (entry != given)
    who = speaker(entry, names)
    if not who.used:
        entry = _with_sender(entry, names)
        who = speaker(entry, ROLES if entry.get("role") == CALL else names)
    read = _read(entry, who, html)
    if isinstance(read, Unreadable):
        return _unreadable(turn, read)
    if edits and isinstance(read, Entry):
        return replace(read, edits=(*read.edits, *edits))
    return read


def _unpadded(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with calls and objects that have no null members."""
    found = {key: without_nulls(entry[key]) for key in CALLS if key in entry}
    for key in (key for key in TEXTS if key in entry):
        value = entry[key]
        if isinstance(value, list):
            found[key] = [without_nulls(part) if is_call(part) else part for part in value]
        elif isinstance(value, dict):
            found[key] = without_nulls(value)
    return {**entry, **found}


def _with_sender(entry: dict[str, Any], names: Names) -> dict[str, Any]:
    """An entry that says who speaks in another way: as its type, as the one key that it has, or by
    what it is. LangChain puts the message under `data`."""
    if len(entry) == 1:
        [(name, text)] = entry.items()
        is_said = isinstance(text, str) and isinstance(name, str)
        return {"role": name, "content": text} if is_said and name.lower() in names else entry
    type_ = entry.get("type")
    if not isinstance(type_, str):
        return entry
    if type_ not in names or type_ in (CALL, *ITEMS):
        return _with_role(entry) if type_ in ITEMS else entry
    data = entry.get("data")
    inner = data if isinstance(data, dict) and data.get("type", type_) == type_ else {}
    beside = {name: value for name, value in entry.items() if not inner or name != "data"}
    return {**inner, **beside, "role": type_}


ITEMS = ("function_call", "function_call_output")
"""Types of the items of OpenAI's responses that are no messages."""


def _with_role(item: dict[str, Any]) -> dict[str, Any]:
    """An item of OpenAI's responses as an entry: a call and its result have a type and no role."""
    if item["type"] == "function_call":
        return {"role": CALL, "content": item}
    names = {"output": "content", "call_id": "tool_call_id"}
    beside = {names.get(key, key): value for key, value in item.items() if key != "type"}
    return {"role": TOOL, **beside}


def _unreadable(turn: Any, why: Unreadable) -> Entry:
    return Entry((Reject(why.reason, why.detail, Message("unknown", to_json(turn))),))


def _read(entry: Mapping[str, Any], who: Speaker, html: bool) -> Entry | Unreadable | Reject:
    said = read_said(entry, who.role)
    if isinstance(said, Reject | Unreadable):
        return said
    if said.calls and who.role not in (ASSISTANT, CALL):
        return Reject(Reason.TOOL_CALL, f"a call in {_from(who)}")
    if said.results and who.role not in (USER, TOOL):
        return Reject(Reason.TOOL_CALL, f"a result in {_from(who)}")
    if who.role == CALL and not said.calls:
        return Reject(Reason.TOOL_CALL, f"no call in {_from(who)}")
    if said.thought and who.role != ASSISTANT:
        return Unreadable(f"a thought in {_from(who)}")
    role = ASSISTANT if who.role == CALL else who.role
    found = fields_beside(entry, role or "", said.thought)
    if isinstance(found, Reject):
        return found
    speaks = said.text is not None or said.results or said.calls or REASONING in found.fields
    if not speaks or not isinstance(who.name, str):
        return Unreadable(_from(who))
    if role is None:
        return Unreadable(_from(who), Reason.UNKNOWN_ROLE)
    left = leftover(entry, (*who.used, *said.used, *found.used)) | said.left
    items = _messages(role, said, found.fields, html)
    return Entry(tuple(items), who.name, left, (NUMBER_AS_TEXT,) * said.number)


def with_spoken_calls(entry: Entry) -> Entry | Reject:
    """An entry with the calls that are written into the assistant's text taken out, unless it has
    calls in a field."""
    if len(entry.items) != 1:
        return entry
    message = entry.items[0]
    if isinstance(message, Reject) or message.role != ASSISTANT or CALLS[0] in fields_of(message):
        return entry
    spoken = take_calls(message.content)
    if isinstance(spoken, Reject):
        return spoken
    if not spoken.calls:
        return entry
    fields = with_calls(fields_of(message), spoken.calls)
    made = message._replace(content=spoken.text, fields=fields)
    left = {**entry.left, CALLS[0]: spoken.left} if spoken.left else entry.left
    return replace(entry, items=(made,), left=left)


def _from(who: Speaker) -> str:
    return f"a message from {shown(who.name)}"


def _messages(role: str, said: Said, fields: dict[str, Any], html: bool) -> list[Message]:
    """The messages of an entry: results before what is said."""
    if role == TOOL:
        return [_result(result, fields) for result in said.results]
    weight = {"weight": fields["weight"]} if "weight" in fields else {}
    results = [_result(result, weight) for result in said.results]
    text = said.text or ""
    if results and not text:
        return results
    if said.calls:
        fields = with_calls(fields, said.calls)
    return [*results, Message(role, text, html and role == ASSISTANT, fields=fields or None)]


def _result(result: Result, fields: dict[str, Any]) -> Message:
    own = {"tool_call_id": result.call, **fields} if result.call else fields
    return Message(TOOL, result.text, fields=own or None)
