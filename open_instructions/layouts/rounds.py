"""Messages as they were read -> messages whose calls are where the schema has them: neighbouring
calls are one message, and so are a text and the calls behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..schema import ASSISTANT, Message, Reason, Reject
from .beside import REASONING

CALLS = "tool_calls"


def in_rounds(items: Iterable[Message | Reject]) -> list[Message | Reject] | Reject:
    """The messages, with calls that one side makes in a row in one of them.

    A Reject of the record where two that belong together have different weights.
    """
    runs: list[list[Message | Reject]] = []
    for item in items:
        if runs and _goes_on(runs[-1][-1], item):
            runs[-1].append(item)
        else:
            runs.append([item])
    made: list[Message | Reject] = []
    for run in runs:
        one = _together([m for m in run if isinstance(m, Message)]) if len(run) > 1 else run[0]
        if isinstance(one, Reject) and one.message is None:
            return one
        made.append(one)
    return made


def fields_of(message: Message) -> Mapping[str, Any]:
    """What a message has beside role and content."""
    return message.fields or {}


def with_calls(fields: Mapping[str, Any], calls: Sequence[Any]) -> dict[str, Any]:
    """The fields of a message with calls in their place, behind the reasoning.

    >>> list(with_calls({"name": "Ann", "reasoning_content": "Hm."}, ["a call"]))
    ['reasoning_content', 'tool_calls', 'name']
    """
    thought = {REASONING: fields[REASONING]} if REASONING in fields else {}
    return {**thought, CALLS: list(calls), **{k: v for k, v in fields.items() if k not in thought}}


def _goes_on(before: Message | Reject, item: Message | Reject) -> bool:
    """Is a message nothing but calls, and the one before it of the same side?"""
    if isinstance(before, Reject) or isinstance(item, Reject):
        return False
    return before.role == item.role == ASSISTANT and not item.content and CALLS in fields_of(item)


def _together(run: Sequence[Message]) -> Message | Reject:
    """A text with the calls behind it, or several calls, as one message."""
    every = [fields_of(message) for message in run]
    if len({fields.get("weight") for fields in every}) > 1:
        return Reject(Reason.CONTRADICTION, "a call and what is before it differ in weight")
    thoughts = [fields[REASONING] for fields in every if REASONING in fields]
    fields: dict[str, Any] = {REASONING: "\n\n".join(thoughts)} if thoughts else {}
    for others in every:
        fields = {**others, **fields}
    fields.pop(CALLS)
    calls = [call for fields in every for call in fields.get(CALLS, ())]
    return run[0]._replace(fields=with_calls(fields, calls))
