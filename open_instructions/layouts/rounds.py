"""Messages as they were read -> messages whose calls are where the schema has them.

Calls that are written into a text are taken out. Neighbouring calls are one message, and so are a
text and the calls behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..schema import ASSISTANT, TOOL, Message, Reason, Reject
from .hermes import take_calls

Items = list[Message | Reject]
_CALLS, _REASONING = "tool_calls", "reasoning_content"


def in_rounds(items: Sequence[Message | Reject], has_tools: bool) -> Items | Reject:
    """The messages with each one's calls in it.

    has_tools  whether the record defines tools; without them and without a result of a tool, what
               looks like a call in a text is text

    A Reject of the record for a call with bad arguments, and for one message with two weights.
    """
    answered = any(isinstance(item, Message) and item.role == TOOL for item in items)
    made: Items = []
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
    return made


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
