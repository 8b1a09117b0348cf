"""What a record has beside its own turn: a system prompt, earlier turns, tools."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from ..schema import ASSISTANT, USER, Draft, Reason, Record, Reject
from .behind import THOUGHTS
from .chats import HISTORIES as HISTORIES
from .chats import SYSTEMS, read_list
from .entries import ITEMS
from .fields import is_empty
from .layout import LayoutOptions
from .literals import listed
from .roles import roles, speaker
from .tools import TOOL_KEYS

ALIASES = {"system": SYSTEMS, "history": HISTORIES, "tools": TOOL_KEYS}
"""What a layout of one turn has beside it."""
BESIDE = frozenset((*SYSTEMS, *HISTORIES, *TOOL_KEYS, *THOUGHTS))
_SIDES = (
    ("human", "assistant"),
    ("user", "assistant"),
    ("prompt", "response"),
    ("query", "response"),
    ("question", "answer"),
    ("instruction", "output"),
)
"""What objects call the two sides of an earlier turn."""
Entries = list[dict[str, Any]]
"""Messages as files have them: {"role", "content"}, or {"from", "value"}."""


class Before(NamedTuple):
    """The earlier turns of a record, and the fields that they are in."""

    entries: Entries
    used: tuple[str, ...] = ()


def earlier_turns(record: Record) -> Before | Reject:
    """The earlier turns of a record; a Reject where they cannot be read, for a row without them
    would be a different conversation.

    >>> earlier_turns({"history": [["Hi", "Hello."]]}).entries[1]
    {'role': 'assistant', 'content': 'Hello.'}
    """
    names = filled(record, HISTORIES)
    if not names:
        return Before([])
    if len(names) > 1:
        return differ(names)
    (name,) = names
    turns = listed(record[name])
    if turns is not None and is_chat(turns):
        return Before(turns, (name,))
    pairs = [_pair(turn) for turn in turns or ()]
    if not pairs or not all(pairs):
        return Reject(Reason.LOST_CONTEXT, f"{name} is not a list of earlier turns")
    return Before([entry for pair in pairs for entry in pair], (name,))


def _pair(turn: Any) -> Entries:
    """The entries of an earlier turn; none where it is something else."""
    if isinstance(turn, list | tuple) and len(turn) == 2:
        asked, answered = turn
    elif isinstance(turn, dict):
        names = next((names for names in _SIDES if turn.keys() == set(names)), None)
        if names is None:
            return []
        asked, answered = (turn[name] for name in names)
    else:
        return []
    if not isinstance(asked, str) or not isinstance(answered, str):
        return []
    return [{"role": USER, "content": asked}, {"role": ASSISTANT, "content": answered}]


def conversation(
    record: Record, entries: Sequence[Any], name: str, options: LayoutOptions
) -> Draft | Reject:
    """A conversation of entries, with the system prompt and the tools that the record has, which
    are the fields that it says it uses.

    name  under which the metadata has what is in the entries and not in the conversation
    """
    beside = {key: record[key] for key in (*SYSTEMS, *TOOL_KEYS) if key in record}
    draft = read_list(beside, name, entries, options)
    if isinstance(draft, Reject):
        return draft
    return Draft(  # `replace` takes three times as long
        draft.messages,
        used=[field for field in draft.used if field in beside],
        metadata=draft.metadata,
        edits=draft.edits,
        tools=draft.tools,
    )


def is_chat(value: Any) -> bool:
    """Whether a value is a list of messages.

    >>> is_chat([{"role": "user", "content": "Hi"}]), is_chat([{"role": "admin", "id": 7}])
    (True, False)
    """
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(turn, dict) and is_message(turn) for turn in value)


def is_message(turn: Mapping[str, Any]) -> bool:
    says = "content" in turn or "tool_calls" in turn
    if turn.get("type") in ITEMS:
        return True
    return ("role" in turn and says) or ("from" in turn and "value" in turn)


def opened_chat(value: Any) -> Any:
    """The list of messages in a JSON text; any other value as it is, for an answer may be JSON."""
    if not isinstance(value, str):
        return value
    found = listed(value)
    return found if is_chat(found) else value


def role_in(entry: Any, options: LayoutOptions) -> str | None:
    """The role of the one who speaks in an entry; None if nobody is known by that name."""
    if not isinstance(entry, dict):
        return None
    return speaker(entry, roles(options.roles)).role


def filled(record: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The fields with something in them, in the order of `names`; of several with the same value
    the first."""
    found = [name for name in names if name in record and not is_empty(record[name])]
    if len(found) < 2:
        return found
    return [n for i, n in enumerate(found) if all(record[n] != record[m] for m in found[:i])]


def answer_in(
    record: Mapping[str, Any], names: Sequence[str], usual: Collection[str]
) -> str | Reject:
    """The field with the answer; a Reject where several could be it. Those in `usual` go with the
    prompt by custom: beside one of them, another is something else."""
    found = filled(record, names)
    if len(found) > 1:
        found = [name for name in found if name in usual] or found
    if len(found) > 1:
        return differ(found)
    return found[0] if found else next((name for name in names if name in record), names[0])


def differ(names: Sequence[str]) -> Reject:
    """The Reject for fields that could each be the one that is meant."""
    return Reject(Reason.AMBIGUOUS_LAYOUT, f"{' and '.join(map(repr, names))} could each be meant")
