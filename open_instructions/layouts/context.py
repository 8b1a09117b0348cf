"""What stands before a record's own turn: a system prompt, and earlier turns in their forms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..schema import SYSTEM, USER, Message, Reason, Record, Reject
from .fields import is_empty, pair
from .layout import LayoutOptions
from .messages import read_chat

SYSTEM_NAMES = ("system", "system_prompt", "system_message")
HISTORY_NAMES = ("history", "chat_history")
NAMES = frozenset((*SYSTEM_NAMES, *HISTORY_NAMES))
_SIDES = (
    ("human", "assistant"),
    ("user", "assistant"),
    ("prompt", "response"),
    ("query", "response"),
    ("question", "answer"),
    ("instruction", "output"),
)
"""What objects call the two sides of an earlier turn."""


class Before(NamedTuple):
    """The messages before a record's own turn, and the fields that they come from."""

    items: list[Message | Reject]
    used: tuple[str, ...]


def before(record: Record, options: LayoutOptions) -> Before | Reject:
    """The system prompt and the earlier turns of a record; a Reject where they cannot be read, for
    a row without them would be a different conversation.

    >>> record = {"system": "Be brief.", "history": [["Hi", "Hello."]]}
    >>> [message.content for message in before(record, LayoutOptions()).items]
    ['Be brief.', 'Hi', 'Hello.']
    """
    system = one_of(record, SYSTEM_NAMES)
    history = one_of(record, HISTORY_NAMES)
    for found in (system, history):
        if isinstance(found, Reject):
            return found
    items: list[Message | Reject] = []
    used: list[str] = []
    if isinstance(system, str):
        if not isinstance(record[system], str):
            return Reject(Reason.LOST_CONTEXT, f"{system} is not text")
        items.append(Message(SYSTEM, record[system]))
        used.append(system)
    if isinstance(history, str):
        turns = earlier_turns(opened(record[history]), options)
        if turns is None:
            return Reject(Reason.LOST_CONTEXT, f"{history} is not a list of earlier turns")
        items += _after(items, turns)
        used.append(history)
    return Before(items, tuple(used))


def opened(value: Any) -> Any:
    """The list or the object in a JSON text; any other value as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _after(items: Sequence[Message | Reject], turns: list[Message | Reject]) -> Sequence[Any]:
    """Earlier turns without a system prompt that stands before them already."""
    return turns[1:] if items and turns and turns[0] == items[0] else turns


def one_of(record: Mapping[str, Any], names: Sequence[str]) -> str | Reject | None:
    """The field among several names for one thing that is not empty. Two with different values
    are a Reject; None if all are empty or absent."""
    found = [name for name in names if name in record and not is_empty(record[name])]
    if not found:
        return None
    first, *others = found
    for other in others:
        if record[other] != record[first]:
            return Reject(Reason.AMBIGUOUS_LAYOUT, f"{first!r} and {other!r} differ")
    return first


def earlier_turns(turns: Any, options: LayoutOptions) -> list[Message | Reject] | None:
    """The messages of a list of [prompt, answer], of objects with both sides, or of messages; None
    for anything else."""
    if not isinstance(turns, list):
        return None
    sides = [_sides(turn) for turn in turns]
    if all(sides):
        return [message for side in sides if side for message in pair(*side)]
    return chat(turns, options)


def _sides(turn: Any) -> tuple[str, str] | None:
    """The prompt and the answer of an earlier turn."""
    if isinstance(turn, list | tuple) and len(turn) == 2:
        asked, answered = turn
    elif isinstance(turn, dict):
        names = next((names for names in _SIDES if turn.keys() == set(names)), None)
        if names is None:
            return None
        asked, answered = (turn[name] for name in names)
    else:
        return None
    if isinstance(asked, str) and isinstance(answered, str):
        return asked, answered
    return None


def chat(turns: Sequence[Any], options: LayoutOptions) -> list[Message | Reject] | None:
    """The messages of a list of them; None if it is something else, or its messages have fields
    that would be lost."""
    if not turns or not all(isinstance(turn, dict) for turn in turns):
        return None
    read = read_chat(turns, html=options.html)
    if isinstance(read, Reject) or any(read.left):
        return None
    return read.items


def is_chat(value: Any) -> bool:
    """Whether a value is a list of messages, by the first of them."""
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(value[0], dict)
        and ("role" in value[0] or "from" in value[0])
    )


def ends_with_user(items: Sequence[Message | Reject]) -> bool:
    """Whether the last message waits for an answer."""
    return bool(items) and isinstance(items[-1], Message) and items[-1].role == USER
