"""Lists of messages in their common forms: sender, text, and other fields.

[{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]
[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..schema import ASSISTANT, SYSTEM, TOOL, USER, Message, Reject
from .entries import KNOWN, Entry, read_entry, with_spoken_calls
from .fields import leftover
from .roles import ROLES, Names
from .rounds import in_rounds

_PLAIN = (USER, ASSISTANT, SYSTEM)
_NOTHING: dict[str, Any] = {}


class Chat(NamedTuple):
    """The content of a list of messages.

    items    the messages; a Reject stands where one cannot be read
    senders  who speaks, in upstream's words and small letters
    left     per entry of the list, the fields that were not used; empty where no entry has any
    edits    names of what was changed
    """

    items: list[Message | Reject]
    senders: frozenset[str]
    left: list[dict[str, Any]]
    edits: tuple[str, ...]


def read_chat(
    turns: Sequence[Any],
    *,
    record: int = 0,
    html: bool = False,
    names: Names = ROLES,
    has_tools: bool = False,
) -> Chat | Reject:
    """Read a list of messages.

    record     the index of the raw record within its run
    html       whether the assistant's texts are HTML
    names      names of senders and their roles
    has_tools  whether the record defines tools; then calls in an assistant's text are calls

    A Reject where the whole record cannot be read: it calls a tool and the call is not readable, or
    it has images, sound or videos.

    >>> turns = [{"from": "human", "value": "Hi"}, {"role": "assistant", "content": "Hello."}]
    >>> read_chat(turns).items[1].content
    'Hello.'
    """
    if not has_tools:
        plain = _plain(turns, html, names)
        if plain:
            return plain
    entries = _entries(turns, names, html, has_tools)
    if isinstance(entries, Reject):
        return entries._replace(record=record)
    items = in_rounds(item for entry in entries for item in entry.items)
    if isinstance(items, Reject):
        return items._replace(record=record)
    left = [dict(entry.left) for entry in entries]
    return Chat(
        [i._replace(record=record) if isinstance(i, Reject) else i for i in items],
        frozenset(entry.sender for entry in entries if entry.sender),
        left if any(left) else [],
        tuple(dict.fromkeys(edit for entry in entries for edit in entry.edits)),
    )


def _entries(
    turns: Sequence[Any], names: Names, html: bool, has_tools: bool
) -> list[Entry] | Reject:
    padded = _is_padded(turns)
    entries: list[Entry] = []
    for turn in turns:
        entry = read_entry(turn, names, html=html, padded=padded)
        if isinstance(entry, Reject):
            return entry
        entries.append(entry)
    if not has_tools and not any(_is_result(item) for entry in entries for item in entry.items):
        return entries
    spoken: list[Entry] = []
    for entry in entries:
        read = with_spoken_calls(entry)
        if isinstance(read, Reject):
            return read
        spoken.append(read)
    return spoken


def _plain(turns: Sequence[Any], html: bool, names: Names) -> Chat | None:
    """A list of messages of the usual kind, as most are: of what is read, nothing but sender and
    text; None for any other."""
    items: list[Message | Reject] = []
    senders = set()
    left: list[dict[str, Any]] = []
    for turn in turns:
        if type(turn) is not dict:
            return None
        if len(turn) == 2:
            left.append(_NOTHING)
        elif len(KNOWN & turn.keys()) == 2:
            left.append(leftover(turn, KNOWN))
        else:
            return None
        if "role" in turn:
            sender, text = turn["role"], turn.get("content")
        else:
            sender, text = turn.get("from"), turn.get("value")
        if type(sender) is not str or type(text) is not str:
            return None
        role = names.get(sender)
        if role not in _PLAIN:
            return None
        items.append(Message(role, text, html and role == ASSISTANT))
        senders.add(sender)
    return Chat(items, frozenset(senders), left if any(left) else [], ())


def _is_result(item: Message | Reject) -> bool:
    return isinstance(item, Message) and item.role == TOOL


def _is_padded(turns: Sequence[Any]) -> bool:
    """Have all entries the same fields, and some of them null, as objects in Parquet do?"""
    keys = turns[0].keys() if turns and isinstance(turns[0], dict) else ()
    same = all(isinstance(turn, dict) and turn.keys() == keys for turn in turns)
    return same and any(value is None for turn in turns for value in turn.values())
