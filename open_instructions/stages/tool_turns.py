"""Turns in which tools are called: a call and its results are never apart.

A turn is a user message and all behind it up to the next. It stays as far as `read_turn` reads it;
where a call has no result, a result no call, or a message of it was refused, all of it goes, so
that nothing is stitched together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..message import (
    SYSTEM,
    TOOL,
    USER,
    Broken,
    Message,
    next_user,
    read_turn,
)
from ..reasons import Reason
from ..schema import Reject

Items = Sequence[Message | Reject]


def settled(items: Items) -> dict[int, Reject | None]:
    """What becomes of each message of the turns with tools, by its index: a Reject, or None where
    it stays. Empty for a plain conversation.

    >>> asks = Message("assistant", "", fields={"tool_calls": [{"function": {"name": "now"}}]})
    >>> found = settled([Message("user", "?"), asks, Message("assistant", "Noon.")])
    >>> [reject.reason.value for reject in found.values()]
    ['call_without_result', 'call_without_result', 'call_without_result']
    """
    if not any(map(_is_of_tools, items)):
        return {}
    found: dict[int, Reject | None] = {}
    for turn in _turns(items):
        if any(_is_of_tools(items[index]) for index in turn):
            found |= _settled(items, turn)
    return found


def _is_of_tools(item: Message | Reject) -> bool:
    if isinstance(item, Reject):
        return item.reason == Reason.BAD_ARGUMENTS
    return item.role == TOOL or bool(item.calls)


def _turns(items: Items) -> Iterator[range]:
    start = 0
    while start < len(items):
        stop = next_user(items, start + 1)
        yield range(start, stop)
        start = stop


def _settled(items: Items, turn: range) -> dict[int, Reject | None]:
    said = {i: m for i in turn if isinstance(m := items[i], Message) and m.role != SYSTEM}
    indexes, messages = list(said), list(said.values())
    stays = _stays(messages, turn.stop == len(items))
    if isinstance(stays, Broken):
        return {i: _reject(stays, message) for i, message in said.items()}
    if any(isinstance(items[i], Reject) for i in range(turn.start, indexes[stays - 1])):
        broken = Broken(Reason.CALL_WITHOUT_RESULT, "a message of the turn was refused")
        return {i: _reject(broken, message) for i, message in said.items()}
    behind = Broken(Reason.NO_PROMPT, "no user message before it")
    rejects = {i: _reject(behind, said[i]) for i in indexes[stays:]}
    return dict.fromkeys(indexes[:stays]) | rejects


def _stays(messages: Sequence[Message], ends: bool) -> int | Broken:
    """How many messages of a turn stay; why none does."""
    no_prompt = Broken(Reason.NO_PROMPT, "no user message before it")
    if not messages or messages[0].role != USER:
        read = read_turn(messages, ends)
        return read if _lacks_a_side(read) else no_prompt
    if messages[0].is_empty:
        return no_prompt
    read = read_turn(messages[1:], ends)
    return read if isinstance(read, Broken) else 1 + read


def _lacks_a_side(read: int | Broken) -> bool:
    return isinstance(read, Broken) and read.reason != Reason.NO_ANSWER


def _reject(broken: Broken, message: Message) -> Reject:
    if message.is_empty:
        return Reject(Reason.EMPTY, f"an empty {message.role} message", message)
    return Reject(broken.reason, broken.detail, message)
