"""What comes before the answers of a record with several: its prompt, in whatever form it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..schema import USER, Message, Reason, Record, Reject
from .answered import differ, filled
from .context import before, chat, ends_with_user, is_chat, opened, opened_chat
from .fields import as_text, question
from .layout import LayoutOptions
from .transcript import opened_prompt

PROMPTS = ("prompt", "question", "query", "instruction", "problem", "input")
ABOUT = ("input", "context")
CHATS = ("conversations", "conversation", "messages")


class Prompt(NamedTuple):
    """The messages of a prompt, and the fields that they are from."""

    messages: tuple[Message, ...]
    used: tuple[str, ...]


def prompt_of(record: Record, options: LayoutOptions) -> Prompt | Reject:
    """The messages before the answers: system prompt, earlier turns, the prompt.

    A Reject where there is none, where it does not end with the user, and where part of it cannot
    be read: answers to another prompt are other answers.
    """
    said = text_prompt(record, options)
    if isinstance(said, Reject):
        return said
    if said is None:
        said = _chat_prompt(record, options)
    if isinstance(said, Reject):
        return said
    found = before(record, options)
    if isinstance(found, Reject):
        return found
    return whole((*found.items, *said.messages), (*said.used, *found.used))


def whole(items: Sequence[Message | Reject], used: tuple[str, ...]) -> Prompt | Reject:
    """A prompt of messages that are all readable and end with the user's."""
    for item in items:
        if isinstance(item, Reject):
            return Reject(item.reason, f"the prompt cannot be read: {item.detail}")
    if not ends_with_user(items):
        return Reject(Reason.NO_PROMPT, "nothing from the user before the answers")
    return Prompt(tuple(item for item in items if isinstance(item, Message)), used)


def text_prompt(record: Record, options: LayoutOptions) -> Prompt | Reject | None:
    """The prompt in a field of its own, a text or a list of messages; None if there is none."""
    names = filled(record, PROMPTS)
    about: tuple[str, ...] = ()
    if "instruction" in names:
        about = tuple(name for name in ABOUT if as_text(record.get(name)))
        names = [name for name in names if name not in about]
    if not names:
        return None
    if len(names) > 1:
        return differ(names)
    (name,) = names
    value = opened_chat(record[name])
    if is_chat(value):
        items = chat(value, options)
        if items is None:
            return Reject(Reason.UNEXPECTED_SHAPE, f"{name} is not a list of messages")
        return whole(items, (name,))
    text = as_text(record[name])
    if text is None:
        return Reject(Reason.UNEXPECTED_SHAPE, f"{name} is neither text nor messages")
    turns = None if about else opened_prompt(text, options)
    if turns:
        return Prompt(tuple(turns), (name,))
    texts = [text, *(as_text(record[other]) or "" for other in about)]
    return Prompt((Message(USER, question(*texts)),), (name, *about))


def _chat_prompt(record: Record, options: LayoutOptions) -> Prompt | Reject:
    """The prompt in a list of messages."""
    names = filled(record, CHATS)
    if not names:
        return Reject(Reason.NO_PROMPT, "answers without a prompt")
    if len(names) > 1:
        return differ(names)
    (name,) = names
    turns = opened(record[name])
    items = chat(turns, options) if isinstance(turns, list) else None
    if items is None:
        return Reject(Reason.UNEXPECTED_SHAPE, f"{name} is not a list of messages")
    return Prompt(tuple(items), (name,))  # type: ignore[arg-type]
