"""The evaluation sets that a recipe names: their files, found and fetched like those of sources,
and the items in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ...arrays import view
from ...catalogue import OwnSource, evaluations
from ...errors import InputError, Note, UsageError, counted, shown, suggest
from ...inputs import Input
from ...inputs.fetching import Fetching
from ...inputs.lock import Lock
from ...inputs.own import OwnFound, own_files
from ...layouts import recognise
from ...layouts.layout import AUTO
from ...readers import open_file, parse
from ...schema import Reject
from . import index_file
from .entries import SHORT, WHOLE, entries_of
from .items import FIELDS, Item, counted_from_one, is_mapped, items_of
from .options import INDEX, Sets

if TYPE_CHECKING:
    import pyarrow as pa

_SPLITS = ("test", "validation", "train")
"""The splits of a dataset on the hub in which its items are, the first that it has."""
_ENDING = re.compile(r"(\.\w{1,8}){1,2}\Z")


@dataclass(frozen=True)
class EvaluationSet:
    """An evaluation set: its name, and its files with how each is read."""

    name: str
    files: tuple[tuple[OwnSource, Input], ...]


@dataclass
class Read:
    """What is known of evaluation sets: their entries, how many items each has, and notes."""

    entries: pa.Table
    items: dict[str, int] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def find_sets(
    sets: Sets, how: Fetching, lock: Lock | None = None, folders: Sequence[Path] = ()
) -> tuple[list[EvaluationSet], list[Note]]:
    """The files of evaluation sets, and notes about them. Those of the catalogue and of the hub are
    fetched, as `how` says. With a lock they are exactly its files.

    Raises UsageError for fields that no item has, and what `own_files` raises.
    """
    notes: list[Note] = []
    found = [_found(each, how, lock, folders, notes) for each in sets]
    return found, notes


def _found(
    said: str | OwnSource,
    how: Fetching,
    lock: Lock | None,
    folders: Sequence[Path],
    notes: list[Note],
) -> EvaluationSet:
    if isinstance(said, OwnSource):
        _check(said)
        owns = [said]
    else:
        owns = evaluations.evaluation(said).sources()
    if lock:  # it has the files of all configs
        lock, owns = replace(lock, files=lock.evaluations), owns[:1]
    files: list[tuple[OwnSource, Input]] = []
    for own in owns:
        seen = OwnFound()
        read, inputs = own_files(own, how, lock, folders, seen, _SPLITS)
        files += [(read, item) for item in inputs]
        notes += seen.notes
    return EvaluationSet(owns[0].name, tuple(files))


def _check(own: OwnSource) -> None:
    """Raises UsageError for a layout or a field that there is not."""
    options, known = own.options, recognise.names()
    if options.layout != AUTO and options.layout not in known:
        raise UsageError(
            f"There is no layout {shown(options.layout)}.",
            hint=suggest(options.layout, known, "Layouts are"),
        )
    fields = FIELDS if is_mapped(options) else recognise.canonical_fields(options.layout)
    for name, _ in options.fields:
        if name not in fields:
            raise UsageError(
                f"{own.name}: an evaluation set has no field {shown(name)}.",
                hint=suggest(name, (*FIELDS, *fields), "Fields are"),
            )


def read_sets(sets: Iterable[EvaluationSet], encoding: str = "") -> Read:
    """The entries of all items. Raises InputError for a file without an item that can be read, for
    an index file that is none, and where two sets have one name."""
    import pyarrow as pa

    from .entries import entries_schema

    found = Read(pa.Table.from_batches([], entries_schema()))
    tables = [found.entries]
    for each in sets:
        for name, entries in _entries(each, encoding, found.notes):
            if name in found.items:
                raise InputError(
                    f"Two evaluation sets have the name {shown(name)}.",
                    hint="Leave one of them out.",
                )
            found.items[name] = _count(entries)
            found.notes += _short(name, entries)
            tables.append(entries)
    found.entries = pa.concat_tables(tables).combine_chunks()
    return found


def _entries(
    each: EvaluationSet, encoding: str, notes: list[Note]
) -> Iterator[tuple[str, pa.Table]]:
    indexes = [item.path for _, item in each.files if is_index(item)]
    for path in indexes:
        yield from index_file.read(path).items()
    if len(indexes) < len(each.files):
        items = items_in(each, encoding, notes)
        entries = entries_of(each.name, items)
        if lost := len(items) - _count(entries):
            notes.append(
                Note(f"{each.name}: {counted(lost, 'item')} without a word cannot be found")
            )
        yield each.name, entries


def is_index(item: Input) -> bool:
    return item.name.endswith(INDEX)


def _count(entries: pa.Table) -> int:
    return int((view(entries["kind"]) == WHOLE).sum())


def _short(name: str, entries: pa.Table) -> list[Note]:
    whole = view(entries["kind"]) == WHOLE
    short = int((view(entries["tokens"])[whole] < SHORT).sum())
    if 2 * short <= whole.sum():
        return []
    return [
        Note(
            f"{name}: {short:,} of {int(whole.sum()):,} items have under {SHORT} words, and are "
            "found only where one is a whole message"
        )
    ]


def items_in(each: EvaluationSet, encoding: str, notes: list[Note]) -> list[Item]:
    """The items of a set's files, with ids that are unique in it. Raises InputError for a file of
    which none can be read."""
    found: list[Item] = []
    several = len(each.files) > 1
    taken: set[str] = set()
    for own, item in each.files:
        if is_index(item):
            continue
        prefix = f"{_stem(item.name)}/" if several else ""
        given, names = [], []
        for row, items in _of_file(own, item, each.name, encoding, notes):
            for turn, read in enumerate(items, 1):
                number = f"#{turn}" if len(items) > 1 else ""
                name = f"{read.id}{number}"
                if not read.id or name in taken:
                    name = f"{prefix}{row:06d}{number}"
                if name in taken:  # another record has this as its id
                    name = f"{name}~{len(taken)}"
                taken.add(name)
                names.append(name)
                given.append(read)
        read_items = zip(counted_from_one(given), names, strict=True)
        found += [replace(read, id=name) for read, name in read_items]
    return found


def _stem(name: str) -> str:
    return quote(_ENDING.sub("", name).encode("utf-8", "surrogateescape"), safe="-_.+@=/")


def _of_file(
    own: OwnSource, item: Input, name: str, encoding: str, notes: list[Note]
) -> Iterator[tuple[int, list[Item]]]:
    """The items of each record, with its number."""
    opened = open_file(item.path, item.member, own.source().subsets[0], encoding)
    rejects: list[Reject] = []
    read = 0
    for frame, _ in opened.frames():
        record = parse(frame)
        items = record if isinstance(record, Reject) else items_of(record, own.options)
        if isinstance(items, Reject):
            rejects.append(items)
            continue
        read += 1
        yield frame.row, items
    file = shown(item.relative)
    if not read and not rejects:
        raise InputError(f"{file}, of the evaluation set {name}, has no records.")
    if not read:
        raise InputError(
            f"{file}, of the evaluation set {name}, has no record that can be read as a question: "
            f"{rejects[0].detail}.",
            hint="`fields` of its entry under `decontaminate` says where they are, like "
            "{question: q, options: choices, answer: a}.",
        )
    if rejects:
        notes.append(
            Note(
                f"{name}: {len(rejects):,} of {read + len(rejects):,} records of {file} cannot be "
                f"read as questions: {rejects[0].detail}"
            )
        )
