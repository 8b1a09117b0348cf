"""Records of one prompt and one answer, whatever their fields are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..schema import Draft, Message, Reason, Record, Reject
from .context import NAMES, before, chat, is_chat, opened
from .fields import as_text, instruction_pair, is_empty
from .layout import LayoutOptions


def filled(record: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The fields with something in them, in the order of `names`; of several with the same value
    the first."""
    found = [name for name in names if name in record and not is_empty(record[name])]
    if len(found) < 2:
        return found
    return [n for i, n in enumerate(found) if all(record[n] != record[m] for m in found[:i])]


def differ(names: Sequence[str]) -> Reject:
    """The Reject for fields that could each be the one that is meant."""
    return Reject(Reason.AMBIGUOUS_LAYOUT, f"{' and '.join(map(repr, names))} could each be meant")


def answered(
    record: Record, prompts: Sequence[str], answer: str, options: LayoutOptions
) -> Draft | Reject:
    """A conversation of earlier turns, if there are some, a prompt and its answer. Of several
    prompts, the second is what the first is about; texts are joined with a blank line."""
    has_chat = any(is_chat(opened(record.get(name))) for name in (*prompts[:1], answer))
    if not has_chat and NAMES.isdisjoint(record):
        return instruction_pair(record, prompt=prompts, answer=answer)
    found = before(record, options)
    if isinstance(found, Reject):
        return found
    if has_chat:
        items = _chats(record, (*prompts, answer), options)
        if isinstance(items, Reject):
            return items
        return Draft((*found.items, *items), used=(*prompts, answer, *found.used))
    own = {key: value for key, value in record.items() if key not in NAMES}
    draft = instruction_pair(own, prompt=prompts, answer=answer)
    if isinstance(draft, Reject):
        return draft
    return Draft(
        (*found.items, *draft.messages),
        used=(*prompts, answer, *found.used),
        edits=draft.edits,
    )


def _chats(
    record: Record, names: Sequence[str], options: LayoutOptions
) -> list[Message | Reject] | Reject:
    """The messages of a prompt and an answer where at least one is a list of messages."""
    items: list[Message | Reject] = []
    for name, role in zip(names, ("user",) * (len(names) - 1) + ("assistant",), strict=True):
        value = opened(record.get(name))
        if is_empty(value):
            continue
        text = as_text(value)
        read = chat(value, options) if text is None else [Message(role, text)]
        if read is None:
            return Reject(Reason.UNEXPECTED_SHAPE, f"{name} is neither text nor messages")
        items += read
    return items
