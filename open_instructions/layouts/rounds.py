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
    made: list[list[Message] | Reject] = []
    for item in items:
        before = made[-1] if made else None
        if isinstance(item, Reject):
            made.append(item)
        elif isinstance(before, list) and _goes_on(before[-1], item):
            if fields_of(before[-1]).get("weight") != fields_of(item).get("weight"):
                return Reject(Reason.CONTRADICTION, "a call and the text before differ in weight")
            before.append(item)
        else:
            made.append([item])
    return [each if isinstance(each, Reject) else _together(each) for each in made]


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


def _goes_on(before: Message, item: Message) -> bool:
    """Is a message nothing but calls, and the one before it of the same side?"""
    return before.role == item.role == ASSISTANT and not item.content and CALLS in fields_of(item)


def _together(messages: Sequence[Message]) -> Message:
    first, *others = messages
    if not others:
        return first
    each = [fields_of(message) for message in messages]
    thoughts = [fields[REASONING] for fields in each if REASONING in fields]
    fields = {key: value for own in reversed(each) for key, value in own.items() if key != CALLS}
    fields |= {REASONING: "\n\n".join(thoughts)} if thoughts else {}
    calls = [call for own in each for call in own.get(CALLS, ())]
    return first._replace(fields=with_calls(fields, calls))
