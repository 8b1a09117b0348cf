"""Preference records in LMFlow's own format.

{"type": "paired_text_to_text", "instances": [{"prompt": "2 + 2?", "chosen": "4", "rejected": "5"}]}
-> a preference row; `margin` is in its metadata
{"type": "paired_conversation", "instances": [{"chosen": {"messages": […]}, "rejected": {…}}]}
-> the same, where both conversations part at the last answer
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from open_instructions.layouts.fields import is_empty, leftover
from open_instructions.layouts.layout import LayoutOptions
from open_instructions.layouts.sides import read_sides
from open_instructions.preference import ANSWERS, PreferenceDraft
from open_instructions.schema import SYSTEM, Reason, Record, Reject

_OPTIONS = LayoutOptions()
_OWN = ("messages", "system", "tools")


def read_pair(instance: Record) -> Iterable[PreferenceDraft | Reject]:
    """The row of an instance, or why there is none."""
    sides = {name: instance[name] for name in ANSWERS if isinstance(instance.get(name), dict)}
    if len(sides) < len(ANSWERS):
        return read_sides(instance, _OPTIONS)
    tools = [side.get("tools") for side in sides.values()]
    if tools[0] != tools[1] and not all(map(is_empty, tools)):
        return [Reject(Reason.DIFFERENT_PROMPTS, "the conversations have other tools")]
    if not all(isinstance(side.get("messages"), list) for side in sides.values()):
        return [Reject(Reason.UNEXPECTED_SHAPE, "no list of messages")]
    record: Record = {**instance}
    record |= {name: _messages(side) for name, side in sides.items()}
    if not is_empty(tools[0]):
        record["tools"] = tools[0]
    left = {str(name): leftover(side, _OWN) for name, side in sides.items()}
    metadata: Record = {name: fields for name, fields in left.items() if fields}
    return [_with(item, metadata) for item in read_sides(record, _OPTIONS)]


def _with(item: PreferenceDraft | Reject, metadata: Record) -> PreferenceDraft | Reject:
    if isinstance(item, Reject) or not metadata:
        return item
    return replace(item, metadata={**item.metadata, **metadata})


def _messages(side: Record) -> Any:
    """A conversation's messages, with its system prompt before them."""
    messages, system = side["messages"], side.get("system")
    if not isinstance(system, str) or not system.strip():
        return messages
    return [{"role": SYSTEM, "content": system}, *messages]
