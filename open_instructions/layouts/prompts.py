"""What comes before the answers of a record with several: its prompt, in whatever form it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..schema import ASSISTANT, SYSTEM, Draft, Message, Reason, Record, Reject
from .answered import asked_entries
from .context import Entries, conversation, differ, earlier_turns, filled
from .fields import is_empty, not_text
from .layout import LayoutOptions
from .literals import listed

PROMPTS = ("prompt", "question", "query", "instruction", "problem", "input")
ABOUT = ("input", "context")
CHATS = ("conversations", "conversation", "messages", "trajectory")


class Asked(NamedTuple):
    """The entries of a prompt, and the fields that they are in."""

    entries: Entries
    used: tuple[str, ...] = ()


class Prompt(NamedTuple):
    """The messages of a prompt, the fields that they are in, and what else its draft says."""

    messages: tuple[Message, ...]
    used: tuple[str, ...]
    draft: Draft


def own_prompt(record: Record) -> Asked | Reject | None:
    """The prompt in a field of its own, a text or a list of messages; None if there is none."""
    names = filled(record, PROMPTS)
    if any(not is_empty(record.get(name)) for name in CHATS):
        names = [name for name in names if not isinstance(record[name], dict)]
    about = [name for name in ABOUT if not is_empty(record.get(name))]
    if "instruction" not in names:
        about = [name for name in about if name not in PROMPTS]
    names = [name for name in names if name not in about]
    if lost := not_text(record, about):
        return lost
    if not names:
        return None
    if len(names) > 1:
        return differ(names)
    fields = (*names, *about)
    entries = asked_entries(record, fields)
    return entries if isinstance(entries, Reject) else Asked(entries, fields)


def listed_prompt(record: Record, answer: Sequence[Any] = ()) -> Asked | Reject:
    """The prompt in a list of messages, without the answer that may stand at its end."""
    names = filled(record, CHATS)
    if not names:
        return Reject(Reason.NO_PROMPT, "answers without a prompt")
    if len(names) > 1:
        return differ(names)
    (name,) = names
    entries = listed(record[name])
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        return Reject(Reason.UNEXPECTED_SHAPE, f"{name} is not a list of messages")
    if answer and _said(entries[-len(answer) :]) == _said(answer):
        entries = entries[: -len(answer)]
    return Asked(entries, (name,))


def _said(entries: Sequence[Any]) -> list[Any]:
    return [entry.get("content", entry.get("value")) for entry in entries]


def with_earlier(record: Record, asked: Asked) -> Asked | Reject:
    """A prompt behind the earlier turns of its record."""
    before = earlier_turns(record)
    if isinstance(before, Reject):
        return before
    return Asked([*before.entries, *asked.entries], (*asked.used, *before.used))


def prompt_of(record: Record, options: LayoutOptions) -> Prompt | Reject:
    """The messages before the answers: system prompt, earlier turns, the prompt.

    A Reject where there is none, where it does not wait for an answer, and where part of it cannot
    be read: answers to another prompt are other answers.
    """
    asked = own_prompt(record)
    if asked is None:
        asked = listed_prompt(record)
    if isinstance(asked, Reject):
        return asked
    asked = with_earlier(record, asked)
    if isinstance(asked, Reject):
        return asked
    draft = conversation(record, asked.entries, "prompt", options)
    if isinstance(draft, Reject):
        return draft
    messages = all_of(draft)
    if isinstance(messages, Reject):
        return messages
    if not messages or messages[-1].role in (ASSISTANT, SYSTEM):
        return Reject(Reason.NO_PROMPT, "nothing that waits for an answer")
    return Prompt(messages, (*asked.used, *draft.used), draft)


def all_of(draft: Draft) -> tuple[Message, ...] | Reject:
    """The messages of a draft; a Reject of the record where one of them cannot be read."""
    for item in draft.messages:
        if isinstance(item, Reject):
            return Reject(item.reason, f"a message cannot be read: {item.detail}")
    return tuple(item for item in draft.messages if isinstance(item, Message))
