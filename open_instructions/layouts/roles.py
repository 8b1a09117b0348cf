"""Who speaks: the names that files have for the roles of a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ..schema import ASSISTANT, SYSTEM, TOOL, USER
from .fields import is_empty

CALL = "tool_call"
"""The role of an entry that is a call and nothing else: a message of the assistant's."""

SENDERS = ("from", "role")
OTHER_SENDERS = ("speaker", "sender")
"""Fields with a sender; the others where none of the first is."""
_USERS = ("human", "user", "prompter", "usr")
_MODELS = (
    "gpt",
    "assistant",
    "model",
    "ai",
    "bot",
    "chatbot",
    "chatgpt",
    "gpt-3.5",
    "gpt-4",
    "gpt4",
    "llm",
    "bing",
    "bard",
    "claude",
    "gemini",
)
_SYSTEMS = ("system", "developer")
_CALLS = ("function_call", "tool_call", "tool_calls")
_RESULTS = (
    "function",
    "function_response",
    "function_result",
    "observation",
    "tool",
    "tool_response",
    "tool_result",
    "ipython",
)
Names = Mapping[str, str]
"""Names of senders, in small letters, and the role of each."""

ROLES: Names = (
    dict.fromkeys(_USERS, USER)
    | dict.fromkeys(_MODELS, ASSISTANT)
    | dict.fromkeys(_SYSTEMS, SYSTEM)
    | dict.fromkeys(_CALLS, CALL)
    | dict.fromkeys(_RESULTS, TOOL)
)


@lru_cache(maxsize=64)
def roles(own: tuple[tuple[str, str], ...] = ()) -> Names:
    """The names of roles, a user's own before the usual ones.

    >>> roles((("Agent", "assistant"),))["agent"]
    'assistant'
    """
    if not own:
        return ROLES
    return {**ROLES, **{name.strip().lower(): ROLES.get(role, role) for name, role in own}}


def role_of(sender: Any, names: Names) -> str | None:
    """The role of a sender, in small letters; None if nobody is known by that name."""
    if not isinstance(sender, str):
        return None
    return names.get(sender) or names.get(sender.replace("-", "_").replace(" ", "_"))


class Speaker(NamedTuple):
    """Who speaks in an entry.

    name  upstream's word for it, in small letters; another value where upstream has no name
    role  ours; None if nobody is known by that name
    used  the fields that say so
    """

    name: Any
    role: str | None
    used: tuple[str, ...]


def speaker(entry: Mapping[str, Any], names: Names) -> Speaker:
    """Who speaks in an entry. Where two fields say so and differ, nobody is known.

    >>> speaker({"from": "GPT"}, ROLES)
    Speaker(name='gpt', role='assistant', used=('from',))
    """
    used = [key for key in SENDERS if key in entry and not is_empty(entry[key])]
    used = used or [key for key in OTHER_SENDERS if not is_empty(entry.get(key))]
    said = [_normal(entry[key]) for key in used]
    if len(said) == 2 and role_of(said[0], names) != role_of(said[1], names):
        return Speaker(f"{said[0]}, {said[1]}", None, tuple(used))
    name = said[0] if said else None
    return Speaker(name, role_of(name, names), tuple(used))


def _normal(sender: Any) -> Any:
    return sender.strip().lower() if isinstance(sender, str) else sender
