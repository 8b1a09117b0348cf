"""Lists of messages in their common forms: sender, text, and other fields.

[{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]
[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..schema import ASSISTANT, SYSTEM, USER, Message, Reject
from .entries import Entry, read_entry
from .roles import ROLES, Names
from .rounds import in_rounds

_PLAIN = (USER, ASSISTANT, SYSTEM)


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
    padded = _is_padded(turns)
    entries: list[Entry] = []
    for turn in turns:
        entry = read_entry(turn, names, html=html, padded=padded)
        if isinstance(entry, Reject):
            return entry._replace(record=record)
        entries.append(entry)
    rounds = in_rounds([item for entry in entries for item in entry.items], has_tools)
    if isinstance(rounds, Reject):
        return rounds._replace(record=record)
    left = [dict(entry.left) for entry in entries]
    return Chat(
        [i._replace(record=record) if isinstance(i, Reject) else i for i in rounds.items],
        frozenset(entry.sender for entry in entries if entry.sender),
        left if any(left) else [],
        tuple(dict.fromkeys((*(e for entry in entries for e in entry.edits), *rounds.edits))),
    )


def _plain(turns: Sequence[Any], html: bool, names: Names) -> Chat | None:
    """A list of messages of the usual kind, as most are: nothing but sender and text; None for any
    other."""
    items: list[Message | Reject] = []
    senders = set()
    for turn in turns:
        if type(turn) is not dict or len(turn) != 2:
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
    return Chat(items, frozenset(senders), [], ())


def _is_padded(turns: Sequence[Any]) -> bool:
    """Have all entries the same fields, and some of them null, as objects in Parquet do?"""
    keys = turns[0].keys() if turns and isinstance(turns[0], dict) else ()
    same = all(isinstance(turn, dict) and turn.keys() == keys for turn in turns)
    return same and any(value is None for turn in turns for value in turn.values())
