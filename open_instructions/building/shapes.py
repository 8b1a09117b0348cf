"""What the first records of a user's own files show, before any work is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..catalogue import Selection
from ..catalogue.by_layout import tree_of
from ..catalogue.own import OwnSource
from ..catalogue.registry import own_selection
from ..errors import InputError, UsageError, shown, suggest
from ..inputs import Input
from ..layouts.layout import AUTO
from ..layouts.mapping import has
from ..layouts.recognise import convert
from ..layouts.roles import OTHER_SENDERS, SENDERS
from ..layouts.tree import TREE
from ..paths import shown as in_one_line
from ..readers import Opened
from ..readers.heads import read_head
from ..schema import Reason, Record, Reject

_BYTES = 1 << 20
_RECORDS = 1000
"""So much of each file is looked at."""
_DEPTH = 4
_CELL = 40
"""So many characters of a cell are shown."""
_NAMES, _NAME = 50, 80
"""So many names of fields or roles are suggested, and so many characters of each."""


def check_shapes(
    inputs: Sequence[Input], selections: Sequence[Selection], encoding: str
) -> list[Selection]:
    """Looks at the first records of every own source. The selections, with what the records show:
    whether they are rows of trees.

    Raises UsageError for a mapped field or role that none of them has, and InputError if most
    records of a file can be read in two ways.
    """
    return [_checked(s, inputs, encoding) if s.own and not s.own.parent else s for s in selections]


def _checked(selection: Selection, inputs: Sequence[Input], encoding: str) -> Selection:
    own = selection.own
    assert own
    heads = {
        item: _head(item, selection, encoding)
        for item in inputs
        if item.source == selection.source.name
    }
    records = [record for head in heads.values() for record in head]
    for item, head in heads.items():
        _check_header(item, head, selection, encoding)
    _check_names(own, records)
    if own.options.layout in (AUTO, TREE.name) and any(map(tree_of, records)):
        return own_selection(replace(own, trees=True))
    for item, head in heads.items():
        _check_readings(item, head, own)
    return selection


def _head(item: Input, selection: Selection, encoding: str) -> tuple[Record, ...]:
    subset = selection.source.subset(item.subset)
    return read_head(
        item.path, item.member, subset, _BYTES, encoding, most_records=_RECORDS
    ).records


def _check_header(
    item: Input, records: Sequence[Record], selection: Selection, encoding: str
) -> None:
    """Raises InputError for a table without a line of names, unless the user names columns by
    number."""
    if not records or not records[0] or not all(name.isdecimal() for name in records[0]):
        return
    own, subset = selection.own, selection.source.subset(item.subset)
    if own and any(place.isdecimal() for _, place in own.options.fields):
        return
    if Opened(item.path, item.member, subset, encoding).has_header:
        return  # numbers that are names
    cells = ", ".join(f"{n}: {shown(str(cell)[:_CELL])}" for n, cell in records[0].items())
    raise InputError(
        f"{shown(item.name)} has no line with the names of its columns. The first row is {cells}.",
        hint="Name them by number, like --field 0=prompt --field 1=completion.",
    )


def _check_names(own: OwnSource, records: Sequence[Record]) -> None:
    """Raises UsageError for a field or a role that none of these records has."""
    seen = list(dict.fromkeys(name for record in records for name in record))
    for name, place in own.options.fields if records else ():
        if any(has(record, place) for record in records):
            continue
        raise UsageError(
            f"No record of {own.name} has the field {shown(place)}, which --field maps to {name}.",
            hint=_suggest(place, seen, "Its fields are"),
        )
    roles = list(dict.fromkeys(role for record in records for role in _senders(record, _DEPTH)))
    for role, _ in own.options.roles if roles else ():
        if role.lower() not in map(str.lower, roles):
            raise UsageError(
                f"No message of {own.name} has the role {shown(role)}.",
                hint=_suggest(role, roles, "Its roles are"),
            )


def _suggest(name: str, seen: Sequence[str], label: str) -> str:
    """The nearest of the names in a file, or some of them: each in one line of bounded length."""
    return suggest(name, [in_one_line(known[:_NAME]) for known in seen[:_NAMES]], label)


def _senders(value: Any, depth: int) -> Iterator[str]:
    """The names of senders in the lists of a record."""
    if isinstance(value, dict):
        for key in (*SENDERS, *OTHER_SENDERS):
            if isinstance(value.get(key), str):
                yield value[key]
    inner: Iterable[Any] = ()
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, list):
        inner = value
    if depth:
        for item in inner:
            if isinstance(item, dict | list):
                yield from _senders(item, depth - 1)


def _check_readings(item: Input, records: Sequence[Record], own: OwnSource) -> None:
    unclear = [
        result.detail
        for record in records
        for result in convert(record, own.options)
        if isinstance(result, Reject) and result.reason == Reason.AMBIGUOUS_LAYOUT
    ]
    if len(unclear) * 2 > len(records):
        raise InputError(
            f"{shown(item.name)} can be read in two ways: {unclear[0]}.",
            hint="--layout says which, or `layout` under `sources` in a recipe.",
        )
