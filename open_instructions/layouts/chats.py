"""A record with a list of messages, and what it has beside the list -> a draft.

{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..schema import SYSTEM, Draft, Message, Reason, Record, Reject
from .embedded import holds_objects, opened_list
from .fields import is_empty, leftover
from .layout import Layout, LayoutExample, LayoutOptions
from .messages import read_chat
from .parts import Content, read_parts
from .roles import roles
from .tools import TOOL_KEYS, definitions

SYSTEMS = ("system", "system_prompt", "system_message")
_NAME = "conversation_id"


def read_list(record: Record, key: str, turns: Any, options: LayoutOptions) -> Draft | Reject:
    """The conversation in a list of messages.

    record  has the system prompt and the tools beside the list
    key     the field that the list is in
    turns   the list, or a JSON text of it

    A Reject where the list cannot be read, and where the record has what a conversation cannot.
    """
    listed = opened_list(turns)
    if listed is None:
        return Reject(Reason.UNEXPECTED_SHAPE, f"{key} is not a list of messages")
    if not listed:
        return Reject(Reason.EMPTY, f"an empty list of {key}")
    tools = definitions(record)
    if isinstance(tools, Reject):
        return tools
    names, has_tools = roles(options.roles), bool(tools.tools)
    chat = read_chat(listed, html=options.html, names=names, has_tools=has_tools)
    if isinstance(chat, Reject):
        return chat
    items = _with_system(chat.items, record)
    if isinstance(items, Reject):
        return items
    if not any(isinstance(item, Message) for item in chat.items):
        return _unread(chat.items)
    name = record.get(_NAME)
    named = "id" not in record and isinstance(name, str) and bool(name.strip())
    return Draft(
        items,
        id=name if named else None,
        metadata={key: chat.left} if chat.left else {},
        used=(key, *SYSTEMS, *TOOL_KEYS, *((_NAME,) * named)),
        edits=(*tools.edits, *chat.edits),
        tools=tools.tools,
    )


def _unread(items: Sequence[Message | Reject]) -> Reject:
    """The record, where none of its messages can be read: why the first one cannot."""
    reject = next(item for item in items if isinstance(item, Reject))
    return Reject(reject.reason, f"no message can be read: {reject.detail}")


def _with_system(
    items: list[Message | Reject], record: Mapping[str, Any]
) -> list[Message | Reject] | Reject:
    """The messages behind the system prompt that is beside them, if there is one."""
    keys = [key for key in SYSTEMS if key in record and _says_something(record[key])]
    if not keys:
        return items
    texts = [_text(record[key]) for key in keys]
    if None in texts:
        return Reject(Reason.LOST_CONTEXT, f"{keys[texts.index(None)]} is not text")
    first = items[0] if items else None
    if isinstance(first, Message) and first.role == SYSTEM and first.content.strip():
        keys, texts = [*keys, "the first message"], [*texts, first.content]
    if len(set(texts)) > 1:
        return Reject(Reason.CONTRADICTION, f"two system prompts, in {' and '.join(keys)}")
    if keys[-1] == "the first message":
        return items
    return [Message(SYSTEM, texts[0] or ""), *items]


def _says_something(system: Any) -> bool:
    return bool(system.strip()) if isinstance(system, str) else not is_empty(system)


def _text(system: Any) -> str | None:
    """A system prompt, as text or typed parts; None for anything else."""
    if isinstance(system, str):
        return system
    content = read_parts(system) if isinstance(system, list) else None
    if isinstance(content, Content) and not (content.calls or content.results or content.thought):
        return content.text
    return None


def _fits(record: Record, options: LayoutOptions) -> bool:
    return holds_objects(record.get("messages")) or _object(record) is not None


def _object(record: Record) -> dict[str, Any] | None:
    """A conversation that is an object, as Oumi has it, under `conversation`."""
    found = record.get("conversation")
    if isinstance(found, dict) and holds_objects(found.get("messages")):
        return found
    return None


def _read(record: Record, options: LayoutOptions) -> tuple[Draft | Reject]:
    inside = _object(record)
    if inside is None:
        return (read_list(record, "messages", record.get("messages"), options),)
    beside = {key: record[key] for key in (*SYSTEMS, *TOOL_KEYS, "id") if key in record}
    whole = {**inside, **beside}
    draft = read_list(whole, "messages", whole["messages"], options)
    if isinstance(draft, Reject):
        return (draft,)
    left = leftover(inside, draft.used)
    metadata = {**draft.metadata, **({"conversation": left} if left else {})}
    return (replace(draft, metadata=metadata, used=("conversation", *draft.used)),)


MESSAGES = Layout(
    "messages",
    "A list of messages with role and content, in the forms of OpenAI, Anthropic and Oumi.",
    {"messages": ("messages",), "system": SYSTEMS, "tools": TOOL_KEYS},
    _fits,
    _read,
    (
        LayoutExample(
            {
                "messages": [
                    {"role": "user", "content": "Which metal melts in the hand?"},
                    {"role": "assistant", "content": "Gallium."},
                ],
                "system": "Name one.",
            },
            (
                (
                    ("system", "Name one."),
                    ("user", "Which metal melts in the hand?"),
                    ("assistant", "Gallium."),
                ),
            ),
        ),
        LayoutExample(
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "Is it late?"}]},
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [{"function": {"name": "now", "arguments": "{}"}}],
                    },
                    {"role": "tool", "content": "23:50"},
                    {"role": "assistant", "content": "Yes, almost midnight.", "weight": 1},
                ],
                "tools": [{"name": "now", "description": "The time of day."}],
            },
            (
                (
                    ("user", "Is it late?"),
                    ("assistant", ""),
                    ("tool", "23:50"),
                    ("assistant", "Yes, almost midnight."),
                ),
            ),
        ),
        LayoutExample(
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": "cat.png"}]},
                    {"role": "assistant", "content": "A cat."},
                ]
            },
            (Reason.UNSUPPORTED_MODALITY,),
        ),
        LayoutExample(
            {
                "messages": [
                    {"role": "user", "content": "Is it late?"},
                    {
                        "role": "assistant",
                        "tool_calls": [{"function": {"name": "now", "arguments": "[1]"}}],
                    },
                ]
            },
            (Reason.BAD_ARGUMENTS,),
        ),
    ),
)
