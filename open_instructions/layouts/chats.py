"""A record with a list of messages, and what it has beside the list -> a draft.

{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..schema import SYSTEM, Draft, Message, Reason, Record, Reject
from .behind import answer_behind
from .embedded import holds_objects
from .fields import is_empty, leftover
from .layout import Layout, LayoutExample, LayoutOptions
from .literals import listed
from .messages import read_chat
from .parts import Content, read_parts
from .roles import roles
from .tools import TOOL_KEYS, definitions

_INSTRUCTION = "system_instruction"
SYSTEMS = ("system", "system_prompt", "system_message", _INSTRUCTION)
_CONTENTS, _PARTS = "contents", "parts"
_INSTRUCTIONS = (_INSTRUCTION, "systemInstruction")
HISTORIES = (
    "history",
    "chat_history",
    "conversation_history",
    "dialog_history",
    "dialogue_history",
)
_NAME = "conversation_id"


def read_list(record: Record, key: str, turns: Any, options: LayoutOptions) -> Draft | Reject:
    """The conversation in a list of messages.

    record  has the system prompt and the tools beside the list
    key     the field that the list is in
    turns   the list, or a JSON text of it

    A Reject where the list cannot be read, and where the record has what a conversation cannot.
    """
    given = listed(turns)
    if given is None:
        return Reject(Reason.UNEXPECTED_SHAPE, f"{key} is not a list of messages")
    if not given:
        return Reject(Reason.EMPTY, f"an empty list of {key}")
    if lost := lost_history(record):
        return lost
    tools = definitions(record)
    if isinstance(tools, Reject):
        return tools
    names, has_tools = roles(options.roles), bool(tools.tools)
    behind = answer_behind(record, given, names)
    if isinstance(behind, Reject):
        return behind
    whole = [*given, *behind.entries] if behind.entries else given
    chat = read_chat(whole, html=options.html, names=names, has_tools=has_tools)
    if isinstance(chat, Reject):
        return chat
    system = _system(record)
    if isinstance(system, Reject):
        return system
    items = _with_system(chat.items, system)
    if isinstance(items, Reject):
        return items
    if not any(isinstance(item, Message) for item in chat.items):
        return _unread(chat.items)
    name = record.get(_NAME)
    named = "id" not in record and isinstance(name, str) and bool(name.strip())
    return Draft(
        items,
        id=name if named else None,
        metadata={**({key: chat.left} if chat.left else {}), **system.left},
        used=(key, *behind.used, *system.used, *tools.used, *((_NAME,) * named)),
        edits=(*tools.edits, *chat.edits),
        tools=tools.tools,
    )


def lost_history(record: Mapping[str, Any]) -> Reject | None:
    """The Reject for earlier turns beside a whole conversation: nobody says where they belong."""
    name = next((name for name in HISTORIES if not is_empty(record.get(name))), None)
    if name is None:
        return None
    return Reject(Reason.LOST_CONTEXT, f"{name} is beside a whole conversation")


def _unread(items: Sequence[Message | Reject]) -> Reject:
    """The record, where none of its messages can be read: why the first one cannot."""
    reject = next(item for item in items if isinstance(item, Reject))
    return Reject(reject.reason, f"no message can be read: {reject.detail}")


class _System(NamedTuple):
    """A system prompt beside the messages, "" if there is none; the fields that it is from; what
    was not used of them."""

    text: str = ""
    used: tuple[str, ...] = ()
    left: Mapping[str, Any] = {}


def _system(record: Record) -> _System | Reject:
    """The system prompt beside the messages, as text or typed parts."""
    keys = [key for key in SYSTEMS if key in record and not is_empty(record[key])]
    found: dict[str, Content] = {}
    for key in keys:
        given = record[key]
        content = read_parts(given if isinstance(given, list) else [given])
        if not isinstance(content, Content) or not _is_text(content):
            return Reject(Reason.LOST_CONTEXT, f"{key} is not text")
        found[key] = content
    texts = {content.text or "" for content in found.values()}
    if len(texts) > 1:
        return Reject(Reason.CONTRADICTION, f"{' and '.join(keys)} differ")
    left = {key: content.left for key, content in found.items() if content.left}
    return _System("".join(texts), tuple(keys), left)


def _is_text(content: Content) -> bool:
    return not (content.text is None or content.calls or content.results or content.thought)


def _with_system(items: list[Message | Reject], system: _System) -> list[Message | Reject] | Reject:
    """The messages behind the system prompt that is beside them."""
    if not system.text.strip():
        return items
    first = items[0]
    if not isinstance(first, Message) or first.role != SYSTEM or not first.content.strip():
        return [Message(SYSTEM, system.text), *items]
    if first.content != system.text:
        return Reject(Reason.CONTRADICTION, f"the first message is another {system.used[0]}")
    return items


def _fits(record: Record, options: LayoutOptions) -> bool:
    if holds_objects(record.get("messages")):
        return True
    return _object(record) is not None or _contents(record) is not None


def _object(record: Record) -> dict[str, Any] | None:
    """A conversation that is an object, as Oumi has it, under `conversation`."""
    found = record.get("conversation")
    if isinstance(found, dict) and holds_objects(found.get("messages")):
        return found
    return None


def _contents(record: Record) -> list[Any] | None:
    """The messages of a request to Gemini."""
    found = record.get(_CONTENTS)
    if not isinstance(found, list) or not found or "messages" in record:
        return None
    is_one = all(isinstance(each, dict) and isinstance(each.get(_PARTS), list) for each in found)
    return found if is_one else None


def _read_contents(record: Record, contents: list[Any], options: LayoutOptions) -> Draft | Reject:
    entries = [
        {"content" if key == _PARTS else key: value for key, value in each.items()}
        for each in contents
    ]
    names = [key for key in _INSTRUCTIONS if not is_empty(record.get(key))]
    if len(names) > 1:
        return Reject(Reason.CONTRADICTION, f"{' and '.join(names)} are both there")
    if not names:
        return read_list(record, _CONTENTS, entries, options)
    (name,) = names
    given = record[name]
    has_parts = isinstance(given, dict) and isinstance(given.get(_PARTS), list)
    whole = {**record, _INSTRUCTION: given[_PARTS] if has_parts else given}
    draft = read_list(whole, _CONTENTS, entries, options)
    if isinstance(draft, Reject):
        return draft
    left = leftover(given, (_PARTS,)) if has_parts else {}
    metadata = {**draft.metadata, **({f"{name}_left": left} if left else {})}
    used = tuple(name if key == _INSTRUCTION else key for key in draft.used)
    return replace(draft, metadata=metadata, used=used)


def _read(record: Record, options: LayoutOptions) -> tuple[Draft | Reject]:
    contents = _contents(record)
    if contents is not None:
        return (_read_contents(record, contents, options),)
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
    "A list of messages with role and content, in the forms of OpenAI, Anthropic, Oumi and Gemini.",
    {"messages": ("messages",), "contents": (_CONTENTS,), "system": SYSTEMS, "tools": TOOL_KEYS},
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
                "systemInstruction": {"parts": [{"text": "Name one."}]},
                "contents": [
                    {"role": "user", "parts": [{"text": "Which metal melts "}, {"text": "first?"}]},
                    {"role": "model", "parts": [{"text": "Mercury."}]},
                ],
            },
            (
                (
                    ("system", "Name one."),
                    ("user", "Which metal melts first?"),
                    ("assistant", "Mercury."),
                ),
            ),
        ),
        LayoutExample(
            {
                "contents": [
                    {"role": "user", "parts": [{"text": "Is it late?"}]},
                    {"role": "model", "parts": [{"functionCall": {"name": "now", "args": {}}}]},
                ]
            },
            (Reason.TOOL_CALL,),
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
