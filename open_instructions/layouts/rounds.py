"""Messages as they were read -> messages in which calls and results are what the schema says.

Neighbouring calls of one side are one message, as are a text and the call behind it. Calls that are
written into the text are taken out. A list of results that answers several calls becomes as many
messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..schema import ASSISTANT, TOOL, Message, Reason, Reject, to_json
from .embedded import opened_list
from .hermes import take_calls

SPLIT_RESULTS = "split_results"
"""The edit that says that a list of results became a message for each."""
_CALLS, _REASONING = "tool_calls", "reasoning_content"


class Rounds(NamedTuple):
    """Messages with their calls and results in order, and the names of what was changed."""

    items: list[Message | Reject]
    edits: tuple[str, ...] = ()


def in_rounds(items: Sequence[Message | Reject], has_tools: bool) -> Rounds | Reject:
    """The messages with their calls and results in order.

    has_tools  whether the record defines tools; without them and without a result of a tool, what
               looks like a call in a text is text

    A Reject of the record for a call with bad arguments, and for one message with two weights.
    """
    answered = any(isinstance(item, Message) and item.role == TOOL for item in items)
    made: list[Message | Reject] = []
    for item in items:
        read = _spoken(item) if has_tools or answered else item
        if isinstance(read, Reject) and read.message is None:
            return read
        before = made[-1] if made else None
        if isinstance(before, Message) and isinstance(read, Message) and _goes_on(before, read):
            if _of(before).get("weight") != _of(read).get("weight"):
                return Reject(Reason.CONTRADICTION, "a call and the text before differ in weight")
            made[-1] = _together(before, read)
        else:
            made.append(read)
    return _with_results(made) if answered else Rounds(made)


def _of(message: Message) -> Mapping[str, Any]:
    return message.fields or {}


def _spoken(item: Message | Reject) -> Message | Reject:
    """A message of the assistant's with the calls in its text taken out, unless it has calls in a
    field."""
    if isinstance(item, Reject) or item.role != ASSISTANT or _CALLS in _of(item):
        return item
    spoken = take_calls(item.content)
    if isinstance(spoken, Reject):
        return spoken
    if not spoken.calls:
        return item
    return item._replace(content=spoken.text, fields=with_calls(_of(item), spoken.calls))


def with_calls(fields: Mapping[str, Any], calls: Sequence[Any]) -> dict[str, Any]:
    """The fields of a message with calls in their place, behind the reasoning."""
    thought = {_REASONING: fields[_REASONING]} if _REASONING in fields else {}
    return {**thought, _CALLS: list(calls), **{k: v for k, v in fields.items() if k not in thought}}


def _goes_on(before: Message, item: Message) -> bool:
    """Is a message only a call, and what the same side said or called just before a part of it?"""
    return before.role == item.role == ASSISTANT and not item.content and _CALLS in _of(item)


def _together(before: Message, item: Message) -> Message:
    one, other = _of(before), _of(item)
    thoughts = [fields[_REASONING] for fields in (one, other) if _REASONING in fields]
    fields = {**other, **one, **({_REASONING: "\n\n".join(thoughts)} if thoughts else {})}
    fields.pop(_CALLS)
    calls = [*one.get(_CALLS, ()), *other[_CALLS]]
    return before._replace(fields=with_calls(fields, calls))


def _with_results(items: list[Message | Reject]) -> Rounds:
    """The messages with one result for each call, where a list has those of several."""
    made: list[Message | Reject] = []
    split = False
    for index, item in enumerate(items):
        before = items[index - 1] if index else None
        following = items[index + 1] if index + 1 < len(items) else None
        results = [] if _is_result(following) else _listed(before, item)
        split |= bool(results)
        if results:
            made += results
        else:
            made.append(item)
    return Rounds(made, (SPLIT_RESULTS,) * split)


def _is_result(item: Message | Reject | None) -> bool:
    return isinstance(item, Message) and item.role == TOOL


def _listed(before: Message | Reject | None, item: Message | Reject) -> list[Message]:
    """The results in a list that has as many as were called right before it; else none."""
    if not isinstance(before, Message) or not isinstance(item, Message) or not _is_result(item):
        return []
    calls = _of(before).get(_CALLS, ())
    if len(calls) < 2 or "tool_call_id" in _of(item):
        return []
    results = opened_list(item.content)
    if results is None or len(results) != len(calls):
        return []
    texts = [result if isinstance(result, str) else to_json(result) for result in results]
    return [item._replace(content=text) for text in texts]
