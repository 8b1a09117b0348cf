"""What would be left beside a prompt and its answer although the answer may depend on it: another
prompt, a text that is asked about, choices to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..schema import Reason, Record, Reject
from .context import differ
from .fields import as_text, is_empty
from .layout import AUTO, LayoutOptions
from .turns import begins_as_turns

PROMPTS = ("instruction", "prompt", "query", "question", "problem", "input", "inputs")
_CONTEXT = "context"
_TEXTS = ("passage", "paragraph", "article", "document", "story", "definition", "instructions")
_SEVERAL = ("passages", "documents", "contexts", "retrieved_contexts", "ctxs")
_TABLES = ("table", "tables", "table_array")
_CHOICES = ("choices", "options")
_LETTERS = frozenset("AB")
"""Columns of a table with a choice in each."""
_WHOLE = (_CONTEXT, *_SEVERAL, *_TABLES)
"""Fields that say something if there is anything in them."""
NEEDED = frozenset((*PROMPTS, *_WHOLE, *_TEXTS, *_CHOICES))


def rival(record: Record, taken: Sequence[str], options: LayoutOptions) -> Reject | None:
    """A Reject for what a prompt may not do without; None if there is nothing, or if the user named
    the layout and so knows what it reads.

    taken  the fields of the prompt
    """
    if options.layout == AUTO and record.keys() >= _LETTERS and not _LETTERS & set(taken):
        return Reject(Reason.LOST_CONTEXT, "the prompt may need the choices 'A', 'B'")
    if options.layout != AUTO or not NEEDED.intersection(record).difference(taken):
        return None
    others = [name for name in PROMPTS if name in record and name not in taken]
    others = [name for name in others if is_other(record, name, taken)]
    if others:
        return differ([taken[0], others[0]])
    for name in (*_WHOLE, *_TEXTS, *_CHOICES):
        if name in taken or is_empty(record.get(name)):
            continue
        if name in _WHOLE or _is_asked_about(record[name]):
            return _needs(name)
    return None


def beside_answers(record: Record, used: Sequence[str], options: LayoutOptions) -> Reject | None:
    """A Reject for what several answers to a prompt in one text may not do without, as `rival` has
    it for a single one; None if the prompt is a list of messages.

    used  all fields that were read
    """
    asked = [name for name in PROMPTS if name in used and isinstance(record.get(name), str)]
    if options.layout != AUTO or not asked:
        return None
    for name in _WHOLE:
        if name not in used and not is_empty(record.get(name)):
            return _needs(name)
    return None


def _needs(name: str) -> Reject:
    detail = f"the prompt may need {name!r}: map it to a field, or name the layout"
    return Reject(Reason.LOST_CONTEXT, detail)


def is_other(record: Record, name: str, taken: Sequence[str]) -> bool:
    """Whether a field has a prompt that is neither the one that is taken, nor what a template made
    of it."""
    text = as_text(record[name])
    if text is None or not text.strip():
        return False
    texts = [said.strip() for field in taken if (said := as_text(record.get(field)))]
    if text.strip() in texts:
        return False
    return not (begins_as_turns(text) and all(said in text for said in texts))


def _is_asked_about(value: Any) -> bool:
    """Whether a value is a text, or things to choose from: a list of them, one per letter, or the
    lists of their texts and labels; not a setting."""
    if isinstance(value, dict):
        inside = list(value.values())
        return len(inside) > 1 and any(all(isinstance(v, t) for v in inside) for t in (str, list))
    if isinstance(value, list):
        return len(value) > 1
    return isinstance(value, str) and not is_empty(value)
