"""A user's own names for fields: which field, path or constant stands for a layout's field."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from ..preference import PreferenceDraft
from ..schema import Draft, Record
from .embedded import opened
from .fields import leftover

Fields = tuple[tuple[str, str], ...]
_ABSENT = object()
_BETWEEN_WORDS = " \t\r\n_-"


class Mapped(NamedTuple):
    """A record under canonical names.

    record    what a layout reads
    displaced own values of canonical names for which another field stands
    """

    record: Record
    displaced: dict[str, Any]


def mapped(record: Record, fields: Fields) -> Mapped:
    """The record with the fields that a user named under their canonical names.

    >>> mapped({"q": "Why?", "prompt": "7"}, (("prompt", "q"),))
    Mapped(record={'prompt': 'Why?'}, displaced={'prompt': '7'})
    """
    result = dict(record)
    values = {name: _value(record, where) for name, where in fields}
    for _, where in fields:
        _take_out(result, where)
    names = dict(fields)
    displaced = {name: result.pop(name) for name in names if name in result}
    result |= {name: value for name, value in values.items() if value is not _ABSENT}
    return Mapped(result, displaced)


def seen_as(aliases: Mapping[str, Sequence[str]], under: Mapped, fields: Fields) -> Mapped:
    """A mapped record as a layout sees it: other names of what is mapped stand for it no more."""
    own = {name for name, _ in fields}
    hidden = {alias for name in own for alias in aliases.get(name, ())} - own
    displaced = {name: under.record[name] for name in under.record if name in hidden}
    if not displaced:
        return under
    record = {name: value for name, value in under.record.items() if name not in hidden}
    return Mapped(record, {**under.displaced, **displaced})


def spelled_otherwise(
    record: Record, fields: Fields, known: Mapping[str, str], usual: Collection[str]
) -> Fields:
    """The mapped fields, and those whose names are known but for capitals and what is between the
    words; nothing where there are no such names.

    known  names as `squeezed` writes them, and as layouts do
    usual  names of layouts, which stay as they are

    >>> known = {"systemprompt": "system_prompt"}
    >>> spelled_otherwise({"System Prompt": "Hm.", "Level": 7}, (), known, known.values())
    (('system_prompt', 'System Prompt'),)
    """
    taken = {name for name, _ in fields} | record.keys()
    found: dict[str, str] = {}
    for name in record:
        meant = None if name in usual else known.get(squeezed(name))
        if meant and meant not in taken:
            found.setdefault(meant, name)
    return (*fields, *found.items()) if found else ()


@lru_cache(4096)
def squeezed(name: str) -> str:
    """A name in small letters and without what is between its words.

    >>> squeezed("System Prompt"), squeezed("systemPrompt"), squeezed(" system-prompt")
    ('systemprompt', 'systemprompt', 'systemprompt')
    """
    return "".join(character for character in name.lower() if character not in _BETWEEN_WORDS)


def beside_displaced(mapped: Mapped) -> Record:
    """A record under canonical names, with the values that those had before under names of their
    own."""
    record = dict(mapped.record)
    for name, value in mapped.displaced.items():
        record[_free(name, record)] = value
    return record


def has(record: Record, where: str) -> bool:
    """Whether a record has something at a place that a user maps.

    >>> has({"data": [{"q": "Why?"}]}, "data.0.q"), has({"data": []}, "data.0.q")
    (True, False)
    """
    return _value(record, where) is not _ABSENT


def value_at(record: Record, where: str) -> Any:
    """What is at a place that a user maps; None if nothing is.

    >>> value_at({"data": [{"q": "Why?"}]}, "data.0.q"), value_at({}, "q")
    ('Why?', None)
    """
    found = _value(record, where)
    return None if found is _ABSENT else found


def _value(record: Record, where: str) -> Any:
    """What is in a field, at a path, or in a constant."""
    if is_constant(where):
        return where[1:-1]
    if where in record:
        return record[where]
    value: Any = record
    for step in where.split("."):
        value = _opened(value)
        if isinstance(value, list) and step.isascii() and step.isdigit() and len(step) < 10:
            value = value[int(step)] if int(step) < len(value) else _ABSENT
        elif isinstance(value, dict):
            value = value.get(step, _ABSENT)
        else:
            return _ABSENT
    return value


def _opened(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return opened(value)
    except ValueError:
        return _ABSENT


def is_constant(where: str) -> bool:
    """Whether it is a value in single quotes."""
    return len(where) > 1 and where[0] == where[-1] == "'"


def _take_out(record: Record, where: str) -> None:
    """Take a field out of a record; of a path through objects the last step alone."""
    if is_constant(where):
        return
    if where in record:
        del record[where]
        return
    steps = where.split(".")
    place: Any = record
    for step in steps[:-1]:
        inner = place.get(step)
        if not isinstance(inner, dict):
            return
        place[step] = dict(inner)
        place = place[step]
    place.pop(steps[-1], None)


def under_own_names(
    draft: Draft | PreferenceDraft, record: Record, mapped: Mapped
) -> Draft | PreferenceDraft:
    """A draft of a mapped record, as one of the record in the file: what it does not use of the
    fields that were mapped is in its metadata."""
    left = leftover(mapped.record, draft.used)
    stays = {key for key in left if key in record and record[key] is left[key]}
    metadata = dict(draft.metadata)
    for fields in ({k: v for k, v in left.items() if k not in stays}, mapped.displaced):
        for key, value in leftover(fields, ()).items():
            metadata[_free(key, metadata)] = value
    used = [key for key in record if key not in stays]
    return replace(draft, metadata=metadata, used=used)


def _free(key: str, taken: Collection[str]) -> str:
    while key in taken:
        key = f"upstream_{key}"
    return key
