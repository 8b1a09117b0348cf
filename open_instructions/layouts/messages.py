"""Lists of messages in their common forms: sender, text, and other fields.

[{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]
[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..schema import ASSISTANT, SYSTEM, USER, Message, Reason, Reject, to_json
from .fields import NUMBER_AS_TEXT, as_text, is_empty, leftover

_SENDER_KEYS = ("from", "role")
_TEXT_KEYS = ("value", "content")
_USERS = ("human", "user", "prompter")
_MODELS = (
    "gpt",
    "assistant",
    "model",
    "ai",
    "bot",
    "chatbot",
    "chatgpt",
    "bing",
    "bard",
    "claude",
    "gemini",
)
_ROLES = dict.fromkeys(_USERS, USER) | dict.fromkeys(_MODELS, ASSISTANT) | {"system": SYSTEM}
_TOOLS = frozenset(
    (
        "function",
        "function_call",
        "function_response",
        "function_result",
        "observation",
        "tool",
        "tool_call",
        "tool_calls",
        "tool_response",
        "tool_result",
        "ipython",
    )
)
_CALLS = ("tool_calls", "function_call", "tool_call")


class Chat(NamedTuple):
    """The content of a list of messages.

    items    the messages; a Reject stands where one cannot be read
    senders  who speaks, in upstream's words and small letters
    left     per message, the fields that were not used; empty where no message has any
    edits    names of what was changed
    """

    items: list[Message | Reject]
    senders: frozenset[str]
    left: list[dict[str, Any]]
    edits: tuple[str, ...]


def read_chat(turns: Sequence[Any], *, record: int = 0, html: bool = False) -> Chat | Reject:
    """Read a list of messages; `html` says that the assistant's are HTML. If a tool is called, the
    whole record becomes a Reject: without the call and its result, the conversation would be a
    different one.

    >>> turns = [{"from": "human", "value": "Hi"}, {"role": "assistant", "content": "Hello."}]
    >>> read_chat(turns).items[1].content
    'Hello.'
    """
    items: list[Message | Reject] = []
    senders: set[str] = set()
    left: list[dict[str, Any]] = []
    numbers = False
    for turn in turns:
        sender = _sender(turn)
        if _is_tool(turn, sender):
            return Reject(
                Reason.TOOL_CALL, f"a tool is called, in a message from {sender!r}", record=record
            )
        item = _message(turn, sender, html)
        if isinstance(item, Reject):
            items.append(item._replace(record=record))
            left.append({})
            continue
        items.append(item)
        senders.add(sender or "")
        texts = [key for key in _TEXT_KEYS if as_text(turn.get(key)) is not None]
        left.append(leftover(turn, (*_SENDER_KEYS, *texts)))
        numbers |= not any(isinstance(turn[key], str) for key in texts)
    return Chat(items, frozenset(senders), left if any(left) else [], (NUMBER_AS_TEXT,) * numbers)


def _sender(turn: Any) -> Any:
    """The sender, normalised; upstream's value if it is not a name."""
    if not isinstance(turn, dict):
        return None
    said = [turn[key] for key in _SENDER_KEYS if not is_empty(turn.get(key))]
    names = [name.strip().lower() if isinstance(name, str) else name for name in said]
    if len(names) == 2 and _role(names[0]) != _role(names[1]):
        return f"{names[0]}, {names[1]}"
    if names:
        return names[0]
    return None


def _role(sender: Any) -> str | None:
    if isinstance(sender, str):
        return _ROLES.get(sender)
    return None


def _is_tool(turn: Any, sender: Any) -> bool:
    if isinstance(sender, str) and sender.replace("-", "_").replace(" ", "_") in _TOOLS:
        return True
    return isinstance(turn, dict) and any(not is_empty(turn.get(key)) for key in _CALLS)


def _message(turn: Any, sender: Any, html: bool) -> Message | Reject:
    """One message, or a Reject that says why it is unreadable."""
    raw = Message("unknown", to_json(turn))
    if not isinstance(turn, dict):
        return Reject(Reason.UNEXPECTED_SHAPE, f"a message from {None!r}", raw)
    texts = [text for key in _TEXT_KEYS if (text := as_text(turn.get(key))) is not None]
    role = _role(sender)
    if not texts or not isinstance(sender, str):
        return Reject(Reason.UNEXPECTED_SHAPE, f"a message from {sender!r}", raw)
    if role is None:
        return Reject(Reason.UNKNOWN_ROLE, f"a message from {sender!r}", raw)
    if len(set(texts)) > 1:
        return Reject(Reason.UNEXPECTED_SHAPE, f"{' and '.join(_TEXT_KEYS)} differ", raw)
    return Message(role, texts[0], html and role == ASSISTANT)
