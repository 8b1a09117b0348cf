"""What is wrong with a row of data/ or preference/, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

from ..message import wrong_fields
from ..preference import Preference
from ..schema import Conversation, Message
from ..stages.language import LABELS
from ..store import DATA, PREFERENCE, REJECTED
from ..store.forms import TOOLS
from ..store.pair_columns import LISTS

OPTIONAL = {
    DATA: ("task", "metadata", TOOLS),
    PREFERENCE: (
        "tools",
        "chosen_score",
        "rejected_score",
        "score_name",
        "judge",
        "task",
        "metadata",
    ),
    REJECTED: ("conversation_id", "raw", "kind", "other", "score", "evidence", "parent"),
}
"""The columns that may be null."""
_PART = re.compile(r"#[1-9][0-9]*")
"""A part's id is the conversation's id with this behind it."""


def talk_problems(row: dict[str, Any]) -> Iterator[str]:
    """The problems in a row of data/."""
    if problem := _absent(row, DATA, ("messages",)):
        yield problem
        return
    try:
        talk = Conversation(
            row["id"],
            row["source"],
            row["subset"],
            tuple(map(message_of, row["messages"])),
        )
    except (ValueError, RecursionError) as error:
        yield f"is not a valid conversation: {str(error).removeprefix(row['id'] + ': ')}"
        return
    if talk.num_turns != row["num_turns"]:
        yield f"has {talk.num_turns} turns, but its num_turns is {row['num_turns']}"
    yield from _label_problems(row, ("num_tokens",))


def pair_problems(row: dict[str, Any]) -> Iterator[str]:
    """The problems in a row of preference/."""
    if problem := _absent(row, PREFERENCE, LISTS):
        yield problem
        return
    try:
        prompt, chosen, rejected = (tuple(map(message_of, row[name])) for name in LISTS)
        made = Preference(row["id"], row["source"], row["subset"], prompt, chosen, rejected)
    except (ValueError, RecursionError) as error:
        yield f"is not a valid preference: {str(error).removeprefix(row['id'] + ': ')}"
        return
    if made.num_turns != row["num_turns"]:
        yield f"has {made.num_turns} turns, but its num_turns is {row['num_turns']}"
    for name in ("chosen_score", "rejected_score"):
        if row[name] is not None and not isfinite(row[name]):
            yield f"has the {name} {row[name]}"
    yield from _label_problems(row, tuple(f"{name}_tokens" for name in LISTS))


def _absent(row: dict[str, Any], kind: str, lists: Sequence[str]) -> str:
    """What is null in a row and must not be; "" if nothing is."""
    absent = [name for name, value in row.items() if value is None and name not in OPTIONAL[kind]]
    if absent:
        return f"has no {', '.join(absent)}"
    messages = [message for name in lists for message in row[name]]
    if None in row["edits"] or any(
        m is None or (isinstance(m, dict) and None in m.values()) for m in messages
    ):
        return "has no value in a message or an edit"
    return ""


def _label_problems(row: dict[str, Any], tokens: Sequence[str]) -> Iterator[str]:
    for name in tokens:
        if row[name] < 0:
            yield f"has {row[name]} tokens"
    if row["origin_row"] < 0:
        yield f"has the origin_row {row['origin_row']}"
    if row["language"] not in LABELS:
        yield f"has language {row['language']!r}"
    if not 0 <= row["language_score"] <= 1:
        yield f"has the language score {row['language_score']}"
    whole = row["conversation_id"]
    if row["id"] != whole and not is_part(row["id"], whole):
        yield f"is not a part of {whole}"
    if row["metadata"] is not None and not is_object(row["metadata"]):
        yield "has metadata that is not a JSON object"
    if row.get(TOOLS) is not None and not _are_tools(row[TOOLS]):
        yield "has tools that are not a list of JSON objects"


def is_part(id: str, whole: str) -> bool:
    """Whether a row with this id is a part of the conversation with the other."""
    return id.startswith(whole) and bool(_PART.fullmatch(id, len(whole)))


def message_of(found: Any) -> Message:
    """A message as a row has it. Raises ValueError for one that is not as a build writes it."""
    if isinstance(found, str):
        found = _loads(found)
        if not isinstance(found, dict):
            raise ValueError("a message that is not an object")
    else:
        found = dict(found)  # the row keeps its own
    role, content = found.pop("role", None), found.pop("content", None)
    if not isinstance(role, str) or not isinstance(content, str):
        raise ValueError("a message without a role or a content")
    message = Message(role, content, fields=found or None)
    if wrong := wrong_fields(message):
        raise ValueError(f"a message in which {wrong}")
    return message


def _are_tools(text: str) -> bool:
    try:
        tools = _loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(tools, list) and bool(tools) and all(isinstance(t, dict) for t in tools)


def is_object(text: str) -> bool:
    try:
        return isinstance(_loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text} is too large")
    return value
