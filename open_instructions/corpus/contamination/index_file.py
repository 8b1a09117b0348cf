"""Index files: the entries of evaluation sets, to look for them without having them.

A file is Parquet with the columns of `entries_schema` and a note of its format. It has hashes of
n-grams, ids, lengths and hashes of figures, never a text. Hashes are not encryption: who can guess
a text can confirm it.

A file may come from anywhere, so everything in it is checked when it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...arrays import offsets, view, whole
from ...errors import InputError, OutputError, shown
from ...paths import write_whole
from .entries import EIGHT, FIELDS, KINDS, LONGEST, SIZE, THIRTEEN, WHOLE, entries_schema

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

FORMAT = 2
_NOTE = b"open_instructions.evaluation_index"
_LARGEST = 1 << 31
"""Bytes that the entries of a file may have in memory."""
_ROWS = 1 << 16
_NAME = re.compile(r"[\w%.+@=-]{1,200}", re.ASCII)
_ITEM = re.compile(r"[\w%.+@=#:/~-]{1,600}", re.ASCII)


def write(path: Path, entries: pa.Table) -> None:
    """Write the entries of all sets to a file. The same entries give the same bytes."""
    import pyarrow.parquet as pq

    note = {_NOTE: json.dumps({"format": FORMAT}).encode()}
    table = entries.replace_schema_metadata(note)
    try:
        write_whole(path, lambda file: pq.write_table(table, file, compression="zstd"))
    except OSError as error:
        raise OutputError(
            f"{shown(str(path))} could not be written: {error.strerror or error}."
        ) from error


def read(path: Path) -> dict[str, pa.Table]:
    """The entries of each set of a file. Raises InputError for what is not an index file."""
    import pyarrow as pa

    try:
        entries = _read(path)
        _check(entries)
    except (OSError, ValueError, pa.ArrowException, RecursionError) as error:
        raise InputError(
            f"{shown(path.name)} is not an index of evaluation sets: {shown(str(error))}.",
            hint="oi decontaminate index makes one.",
        ) from error
    found: dict[str, Any] = {}
    at = 0
    for name, rows in groupby(entries["set"].to_pylist()):
        many = sum(1 for _ in rows)
        found[name] = entries.slice(at, many).combine_chunks()
        at += many
    return found


def _read(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        said = json.loads((schema.metadata or {}).get(_NOTE, b"{}"))
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise ValueError(f"it does not have the format {FORMAT}")
        if not schema.remove_metadata().equals(entries_schema()):
            raise ValueError("it has other columns")
        batches, size = [], 0
        for batch in file.iter_batches(_ROWS):
            size += batch.nbytes
            if size > _LARGEST:
                raise ValueError(f"it has more than {_LARGEST:,} bytes")
            batches.append(batch)
    return pa.Table.from_batches(batches, entries_schema()).combine_chunks()


def _check(entries: pa.Table) -> None:
    """Raises ValueError for entries that this software would not write."""
    import numpy as np

    entries.validate(full=True)
    if not len(entries):
        raise ValueError("it has no entries")
    if any(column.null_count for column in entries.columns):
        raise ValueError("a value is missing")
    _check_names(entries)
    kind, tokens = view(entries["kind"]), view(entries["tokens"])
    if not (0 <= kind.min() <= kind.max() < len(KINDS)):
        raise ValueError("an entry is of no kind")
    if not (1 <= tokens.min() <= tokens.max() <= LONGEST):
        raise ValueError("an entry has no possible length")
    lengths = dict(zip(FIELDS, _lengths(entries), strict=True))
    if (lengths["fives"] != np.maximum(tokens - SIZE + 1, 0)).any():
        raise ValueError("an entry has another number of 5-grams")
    for name, size in (("eights", EIGHT), ("thirteens", THIRTEEN)):
        expected = np.maximum(tokens - size + 1, 0) * (kind == WHOLE)
        if (lengths[name] != expected).any():
            raise ValueError(f"an entry has another number of {size}-grams")
    if (lengths["figures"] > tokens).any():
        raise ValueError("an entry has more figures than words")


def _lengths(entries: pa.Table) -> Iterator[np.ndarray[Any, Any]]:
    import numpy as np

    for name in FIELDS:
        column = whole(entries[name])
        if column.values.null_count:
            raise ValueError("a hash is missing")
        yield np.diff(offsets(column))


def _check_names(entries: pa.Table) -> None:
    """Each set has its items in a row, and each item its entries, the whole item first; its name
    begins with the set's."""
    names = [name for name, _ in groupby(entries["set"].to_pylist())]
    if len(set(names)) < len(names):
        raise ValueError("the items of a set are not in a row")
    before, seen = "", set()
    rows = (entries[name].to_pylist() for name in ("set", "item", "kind"))
    for name, item, kind in zip(*rows, strict=True):
        if not _NAME.fullmatch(name) or not _ITEM.fullmatch(item):
            raise ValueError(f"{shown(item)} is not the name of an item")
        if not item.startswith(f"{name}/"):
            raise ValueError(f"{shown(item)} is not an item of {shown(name)}")
        if item != before and (item in seen or kind != WHOLE):
            raise ValueError(f"the entries of {shown(item)} are not in order")
        if item == before and kind == WHOLE:
            raise ValueError(f"{shown(item)} is there twice")
        before = item
        seen.add(item)
