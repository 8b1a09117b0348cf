"""The result of each chunk, in a folder of the running build: Arrow files, and a note that says
they are complete.

    00000007.data.arrow           rows of data/
    00000007.rejected.arrow       rows of rejected/
    00000007.keys.arrow           per conversation, what the merge needs: its id and sizes
    00000007.raw.arrow            per conversation, its raw records, in case it is dropped
    00000007.duplicates-1.arrow   the facts of a corpus step's first round
    00000007.whole.arrow          messages before the split, for conversations that it changed; only
                                  if a step reads texts again in a later round
    00000007.json                 the input, the ledger, and the checksums of the other files

The note is written last, and files appear only when they are complete. A chunk counts as finished
only if its note names the same input as now, and the files have the bytes that the note names. So
however a build was killed, what it left behind is either complete or made again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from xxhash import xxh3_64, xxh3_64_intdigest

from ..arrays import lists, numbers, offsets, strings, whole
from ..ledger import Ledger
from ..paths import Counted, children, is_remote, write_whole
from ..schema import Reason, Rejected
from .columns import (
    RAW,
    data_table,
    keys_schema,
    raw_schema,
    rejected_schema,
)
from .forms import TOOLS, is_full, messages_array, messages_size
from .names import DATA, REJECTED

if TYPE_CHECKING:
    import pyarrow as pa

    from ..pipeline import Output
    from ..readers.chunk import Chunk

KEYS, RAWS, WHOLE = "keys", "raw", "whole"
_KINDS = (DATA, REJECTED, KEYS, RAWS)
"""The tables that every chunk has."""
SOURCE, SUBSET, FILE = "source", "subset", "file"


class Finished(NamedTuple):
    """The ledger of a finished chunk, how many conversations it has, and the first record on which
    code failed ("" if none)."""

    ledger: Ledger
    conversations: int
    failure: str = ""


def write_chunk(folder: Path, chunk: Chunk, given: str, output: Output) -> Finished:
    """Write the result of a chunk: its rows, its rejects, what the merge needs, its ledger. `given`
    identifies its input."""
    data, raw = data_table([k.conversation for k in output.conversations]), _raws(output)
    keys = _keys(chunk, output, data, raw)
    tables = {DATA: data, REJECTED: rejected_table(output.rejected), KEYS: keys, RAWS: raw}
    tables |= {facts_kind(step, 0): facts for step, facts in output.facts.items()}
    if output.keeps_whole:
        tables[WHOLE] = _wholes(output)
    failure = _first_failure(output.rejected)
    files = {
        kind: write_arrow(path_of(folder, chunk.number, kind), table)
        for kind, table in tables.items()
    }
    note = {
        "input": given,
        "conversations": keys.num_rows,
        "ledger": output.ledger.to_dict(),
        "failure": failure,
        "files": files,
    }
    write_note(_note(folder, chunk.number), note)
    return Finished(output.ledger, keys.num_rows, failure)


def facts_kind(step: str, index: int) -> str:
    """The name of the table with the facts of a step's round; `index` counts from 0."""
    return f"{step}-{index + 1}"


def _first_failure(rejected: Sequence[Rejected]) -> str:
    failed = next((row for row in rejected if row.reason == Reason.STAGE_FAILED), None)
    return f"{failed.conversation_id} at {failed.stage}: {failed.detail}" if failed else ""


def finished(folder: Path, index: int, given: str) -> Finished | None:
    """The result of an earlier run for this input as chunk `index`; None if there is none."""
    try:
        note = json.loads(_note(folder, index).read_text(encoding="utf-8"))
        files = note["files"]
        there = all(is_whole(path_of(folder, index, kind), files[kind]) for kind in files)
        if note["input"] == given and files.keys() >= set(_KINDS) and there:
            return Finished(
                Ledger.from_dict(note["ledger"]), note["conversations"], note["failure"]
            )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):  # half a note, after the machine itself crashed
        return None
    return None


def count_finished(folder: Path) -> int:
    return sum(path.suffix == ".json" for path in children(folder))


def read_chunk(folder: Path, index: int, kind: str) -> pa.Table:
    """One of the tables of a chunk."""
    return read_arrow(path_of(folder, index, kind))


def read_arrow(path: Path) -> pa.Table:
    """A table that `write_arrow` wrote; memory-mapped if it is on this machine."""
    import pyarrow as pa

    if is_remote(path):
        source = pa.BufferReader(path.read_bytes())
    else:
        source = pa.memory_map(os.fsencode(path))
    with source:
        return pa.ipc.open_file(source).read_all()


def rejected_table(rejected: Sequence[Rejected]) -> pa.Table:
    import pyarrow as pa

    schema = rejected_schema()
    arrays = [_column(field, [row[at] for row in rejected]) for at, field in enumerate(schema)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _column(field: pa.Field, values: list[Any]) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_string(field.type):
        return strings(values)
    if values.count(None) == len(values):
        return pa.nulls(len(values), field.type)
    return numbers(values, str(field.type))


def origin(keys: pa.Table) -> tuple[str, str, str]:
    """Source, subset and file of a chunk, from its keys."""
    metadata = keys.schema.metadata
    return (
        metadata[SOURCE.encode()].decode(),
        metadata[SUBSET.encode()].decode(),
        metadata[FILE.encode()].decode(),
    )


def _keys(chunk: Chunk, output: Output, data: pa.Table, raw: pa.Table) -> pa.Table:
    """What the merge needs to know about the rows in `data` and the raw records in `raw`."""
    import numpy as np
    import pyarrow as pa

    first = [kept for kept in output.conversations if kept.first]
    ids = [kept.conversation.conversation_id or kept.conversation.id for kept in first]
    hashes = numbers([xxh3_64_intdigest(name.encode()) for name in ids], "uint64")
    parts = np.array(
        [
            *(at for at, kept in enumerate(output.conversations) if kept.first),
            len(output.conversations),
        ]
    )
    messages, records = whole(data["messages"]), whole(raw[RAW])
    turns, texts = offsets(messages), messages_size(messages)
    full = np.zeros(len(data), np.uint8)
    if TOOLS in data.column_names:
        texts = texts + offsets(whole(data[TOOLS]))
        full[:] = [is_full(kept.conversation) for kept in output.conversations]
    rows, raws = offsets(records), offsets(records.values)
    arrays = [
        strings(ids),
        hashes,
        numbers(np.diff(turns[parts]), "int32"),
        numbers(np.maximum.reduceat(full, parts[:-1]) if len(full) else full, "uint8"),
        pa.ListArray.from_arrays(numbers(parts, "int32"), numbers(np.diff(texts), "int64")),
        pa.ListArray.from_arrays(numbers(rows, "int32"), numbers(np.diff(raws), "int64")),
    ]
    metadata = {SOURCE: chunk.source, SUBSET: chunk.subset, FILE: chunk.file}
    return pa.Table.from_arrays(arrays, schema=keys_schema().with_metadata(metadata))


def _raws(output: Output) -> pa.Table:
    import pyarrow as pa

    first = [kept for kept in output.conversations if kept.first]
    rows = lists([k.conversation.origin_rows for k in first], partial(numbers, kind="int64"))
    return pa.Table.from_arrays([rows, lists([k.raw for k in first], strings)], schema=raw_schema())


def _wholes(output: Output) -> pa.Table:
    """The original messages of the conversations that the split changed."""
    import pyarrow as pa

    first = [kept for kept in output.conversations if kept.first]
    split = [
        (place, kept.whole.messages)
        for place, kept in enumerate(first)
        if kept.whole.messages is not kept.conversation.messages
    ]
    places = numbers([place for place, _ in split], "int32")
    return pa.table({"place": places, "messages": messages_array([m for _, m in split])})


def path_of(folder: Path, index: int, kind: str) -> Path:
    return folder / f"{index:08d}.{kind}.arrow"


def _note(folder: Path, index: int) -> Path:
    return folder / f"{index:08d}.json"


def write_note(path: Path, note: dict[str, Any]) -> None:
    write_whole(path, lambda file: file.write(json.dumps(note).encode()))


def write_arrow(path: Path, table: pa.Table) -> list[int | str]:
    """Write a table. Returns the size and the xxHash of the file."""
    import pyarrow as pa

    seen = xxh3_64()

    def write(file: IO[bytes]) -> int:
        counted = Counted(file, seen.update)
        with pa.ipc.new_file(counted, table.schema) as writer:
            writer.write_table(table)
        return counted.size

    return [write_whole(path, write), seen.hexdigest()]


def is_whole(path: Path, expected: list[int | str]) -> bool:
    """Does a file have the size and the xxHash that it was written with? In an object store the
    size is enough, because objects are never partial."""
    if is_remote(path):
        return path.stat().st_size == expected[0]
    size, seen = 0, xxh3_64()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            seen.update(block)
    return [size, seen.hexdigest()] == expected
