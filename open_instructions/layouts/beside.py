"""What a message has beside its role and content: reasoning, a name, a weight, the id of a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..schema import ASSISTANT, TOOL, Reason, Reject, is_blank
from .embedded import unfit

REASONING = "reasoning_content"
_REASONING = ("reasoning_content", "reasoning", "thinking")
_CALL_IDS = ("tool_call_id", "tool_use_id")
_NAMES = {TOOL: ("name", "tool_name")}
_WEIGHTS = ("weight", "loss", "loss_weight", "train")
_WRITTEN = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "0.5": 0.5, "true": 1, "false": 0}
"""Weights that are text."""
BESIDE = frozenset((*_REASONING, *_CALL_IDS, "name", "tool_name", *_WEIGHTS))
"""All fields that are read here."""


class Beside(NamedTuple):
    """The fields of a message as the schema has them, and upstream's fields that they are from."""

    fields: dict[str, Any]
    used: tuple[str, ...]


def fields_beside(entry: Mapping[str, Any], role: str, thought: str = "") -> Beside | Reject:
    """What an entry has beside role and content.

    thought  reasoning that was in the content; that in a field goes before it

    A Reject `contradiction` where it has two weights that differ.

    >>> fields_beside({"reasoning": "Hm.", "train": False}, "assistant").fields
    {'reasoning_content': 'Hm.', 'weight': 0}
    """
    fields: dict[str, Any] = {}
    used: list[str] = []
    if role == ASSISTANT:
        texts = dict.fromkeys((_text(entry, _REASONING, used), thought))
        text = "\n\n".join(filter(None, texts))
        fields |= {REASONING: text} if text else {}
    if role == TOOL:
        call = _text(entry, _CALL_IDS, used)
        fields |= {"tool_call_id": call} if call else {}
    name = _text(entry, _NAMES.get(role, ("name",)), used)
    fields |= {"name": name} if name else {}
    read = {key: _weight(entry[key]) for key in _WEIGHTS if key in entry}
    weights = {key: value for key, value in read.items() if value is not None}
    if len(set(weights.values())) > 1:
        return Reject(Reason.CONTRADICTION, f"{' and '.join(weights)} of a message differ")
    for value in weights.values():
        fields["weight"] = value
    return Beside(fields, (*used, *weights))


def _text(entry: Mapping[str, Any], keys: tuple[str, ...], used: list[str]) -> str:
    """The text of the first of these fields that has one. Those that say the same are used too."""
    found = ""
    for key in keys:
        value = entry.get(key)
        if isinstance(value, str) and not is_blank(value) and found in ("", value):
            found = value
            used.append(key)
    return found


def _weight(value: Any) -> int | float | None:
    """A weight as a number: 1 for true, 0 for false, also where a table has them as text. None for
    anything else."""
    if isinstance(value, str):
        value = _WRITTEN.get(value.strip().lower())
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, int | float) and not unfit(value) else None
