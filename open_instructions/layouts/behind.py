"""The answer to a list of messages that ends with the user's, in a field beside the list:

{"messages": [{"role": "user", "content": "Hi"}], "reasoning": "A greeting.", "response": "Hello."}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..schema import ASSISTANT, TOOL, USER, Reason, Record, Reject
from .beside import REASONING
from .fields import as_text, is_empty
from .roles import Names, speaker

ANSWERS = ("completion", "response", "answer", "output")
THOUGHTS = (REASONING, "reasoning", "thinking", "complex_cot")
"""Fields of a record with what was thought before its one answer."""
_SETTINGS = ("reasoning", "thinking")
_FEW_WORDS, _FEW_CHARACTERS = 3, 40
"""Under these names, a thought is longer than a setting, like "on" or "very high"."""


class Behind(NamedTuple):
    """The entries of an answer, and the fields that they are from."""

    entries: Sequence[Any] = ()
    used: tuple[str, ...] = ()


def answer_behind(record: Record, turns: Sequence[Any], names: Names) -> Behind | Reject:
    """The answer beside a list of messages; none if the list has it.

    A Reject where several fields could be it.
    """
    last = turns[-1]
    fields = [name for name in ANSWERS if not is_empty(record.get(name))]
    if not fields or not isinstance(last, dict) or speaker(last, names).role not in (USER, TOOL):
        return Behind()
    said = {name: entries for name in fields if (entries := _entries(record[name]))}
    if not said:
        return Behind()
    first = next(iter(said.values()))
    if any(entries != first for entries in said.values()):
        shown = " and ".join(map(repr, said))
        return Reject(Reason.AMBIGUOUS_LAYOUT, f"{shown} could each be the answer")
    entries, thought = with_thought(first, record)
    return Behind(entries, (*said, *thought))


def _entries(value: Any) -> list[Any]:
    """The entries of an answer: a text, a message, or a list of messages; [] for anything else."""
    text = as_text(value)
    if text is not None:
        return [{"role": ASSISTANT, "content": text}]
    listed = [value] if isinstance(value, dict) else value
    if not isinstance(listed, list):
        return []
    is_chat = all(isinstance(each, dict) and ("role" in each or "from" in each) for each in listed)
    return listed if is_chat else []


def with_thought(entries: list[Any], record: Record) -> tuple[list[Any], tuple[str, ...]]:
    """The entries of an answer with what the record says was thought before, and the fields of
    that. A thought that is in the text already stays metadata."""
    found = [name for name in THOUGHTS if _is_thought(name, record.get(name))]
    if not found or len(entries) != 1 or REASONING in entries[0]:
        return entries, ()
    thought, text = record[found[0]], entries[0].get("content")
    same = tuple(name for name in found if record[name] == thought)
    if not isinstance(text, str) or thought.strip() in text:
        return entries, ()
    return [{**entries[0], REASONING: thought}], same


def _is_thought(name: str, value: Any) -> bool:
    """Whether a value is a thought, and not a setting."""
    if not isinstance(value, str) or name not in _SETTINGS:
        return isinstance(value, str) and bool(value.strip())
    return len(value.split(maxsplit=_FEW_WORDS)) > _FEW_WORDS or len(value) > _FEW_CHARACTERS
