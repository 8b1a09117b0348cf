"""The result of each chunk, in a folder of the running build: Arrow files, and a note that says
they are complete.

    00000007.data.arrow           rows of data/
    00000007.preference.arrow     rows of preference/, if there are any
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
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol

from xxhash import xxh3_64, xxh3_64_intdigest

from ..arrays import booleans, flags, lists, numbers, offsets, strings, view, whole
from ..ledger import Ledger
from ..paths import Counted, children, is_remote, write_whole
from ..preference import Preference
from ..schema import Conversation, Reason, Rejected
from .columns import (
    KIN,
    PAIRED,
    PART_BYTES,
    RAW,
    ROW,
    data_table,
    keys_schema,
    raw_schema,
    rejected_schema,
)
from .forms import TOOLS, is_full, messages_array, messages_size
from .names import DATA, PREFERENCE, REJECTED
from .pair_columns import LISTS, preference_table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from ..pipeline import Output

KEYS, RAWS, WHOLE = "keys", "raw", "whole"
_KINDS = (DATA, REJECTED, KEYS, RAWS)
"""The tables that every chunk has."""
SOURCE, SUBSET, FILE, PARENT = "source", "subset", "file", "parent"


class Named(Protocol):
    """A chunk: its number, the source, subset and file of its rows, and the fingerprint of the
    build that they are from, "" if they are from a file."""

    @property
    def number(self) -> int: ...

    @property
    def source(self) -> str: ...

    @property
    def subset(self) -> str: ...

    @property
    def file(self) -> str: ...

    @property
    def parent(self) -> str: ...


class Finished(NamedTuple):
    """The ledger of a finished chunk, how many conversations it has, and the first record on which
    code failed ("" if none)."""

    ledger: Ledger
    conversations: int
    failure: str = ""


def write_chunk(folder: Path, chunk: Named, given: str, output: Output) -> Finished:
    """Write the result of a chunk: its rows, its rejects, what the merge needs, its ledger. `given`
    identifies its input."""
    rows = [kept.conversation for kept in output.conversations]
    data, raw = output.tables.get(DATA), _raws(output)
    if data is None:
        data = data_table([row for row in rows if isinstance(row, Conversation)])
    tables = {DATA: data, REJECTED: rejected_table(output.rejected), RAWS: raw}
    if pairs := [row for row in rows if isinstance(row, Preference)]:
        tables[PREFERENCE] = preference_table(pairs)
    tables[KEYS] = keys = _keys(chunk, output, data, tables.get(PREFERENCE), raw)
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


def parent_of(keys: pa.Table) -> str | None:
    """The fingerprint of the build that a chunk's rows are from; None if they are from a file."""
    found = keys.schema.metadata.get(PARENT.encode())
    return found.decode() if found else None


def paired_of(keys: pa.Table) -> np.ndarray[Any, Any] | None:
    """Which conversations of a chunk are preference rows; None if none is."""
    if PAIRED not in keys.column_names:
        return None
    return flags(keys[PAIRED])


def parts_in_data(keys: pa.Table) -> np.ndarray[Any, Any]:
    """How many rows of data/ each conversation of a chunk has. A preference row has none."""
    import numpy as np
    import pyarrow.compute as pc

    many = view(pc.list_value_length(keys[PART_BYTES]))
    paired = paired_of(keys)
    if paired is None:
        return many
    return np.where(paired, 0, many)


def _keys(
    chunk: Named, output: Output, data: pa.Table, pairs: pa.Table | None, raw: pa.Table
) -> pa.Table:
    """What the merge needs to know about the rows in `data` and `pairs` and the raw records in
    `raw`."""
    import numpy as np
    import pyarrow as pa

    first = [kept for kept in output.conversations if kept.first]
    ids = [kept.whole.id for kept in first]
    hashes = numbers([xxh3_64_intdigest(name.encode()) for name in ids], "uint64")
    parts = np.array(
        [
            *(at for at, kept in enumerate(output.conversations) if kept.first),
            len(output.conversations),
        ]
    )
    records = whole(raw[RAW])
    rows, raws = offsets(records), offsets(records.values)
    metadata: dict[str | bytes, str] = {
        SOURCE: chunk.source,
        SUBSET: chunk.subset,
        FILE: chunk.file,
    }
    if chunk.parent:
        metadata[PARENT] = chunk.parent
    if raw[ROW].null_count < raw.num_rows:
        metadata[KIN] = "yes"
    schema = keys_schema().with_metadata(metadata)
    turns, texts = _sizes(data, "messages")
    full = np.zeros(len(output.conversations), np.uint8)
    paired = None
    if pairs is not None:
        paired = np.array([isinstance(k.conversation, Preference) for k in output.conversations])
        turns, texts = _interleaved(paired, (turns, texts), _sizes(pairs, *LISTS))
    if pairs is not None or TOOLS in data.column_names:
        full[:] = [is_full(kept.conversation) for kept in output.conversations]
    turns = np.append(0, np.cumsum(turns))
    arrays = [
        strings(ids),
        hashes,
        numbers(np.diff(turns[parts]), "int32"),
        numbers(np.maximum.reduceat(full, parts[:-1]) if len(full) else full, "uint8"),
        pa.ListArray.from_arrays(numbers(parts, "int32"), numbers(texts, "int64")),
        pa.ListArray.from_arrays(numbers(rows, "int32"), numbers(np.diff(raws), "int64")),
    ]
    keys = pa.Table.from_arrays(arrays, schema=schema)
    if paired is None:
        return keys
    return keys.append_column(PAIRED, booleans(paired[parts[:-1]]))


def _sizes(table: pa.Table, *columns: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The number of messages in these columns of each row, and the bytes of text in them."""
    import numpy as np

    turns = texts = np.zeros(table.num_rows, np.int64)
    for name in columns:
        messages = whole(table[name])
        turns = turns + np.diff(offsets(messages))
        texts = texts + np.diff(messages_size(messages))
    if TOOLS in table.column_names:
        texts = texts + np.diff(offsets(whole(table[TOOLS])))
    return turns, texts


def _interleaved(
    paired: np.ndarray[Any, Any],
    talks: tuple[np.ndarray[Any, Any], ...],
    pairs: tuple[np.ndarray[Any, Any], ...],
) -> Iterator[np.ndarray[Any, Any]]:
    """Numbers about the rows of two tables, in the order of all rows."""
    import numpy as np

    for of_talks, of_pairs in zip(talks, pairs, strict=True):
        both = np.empty(len(paired), np.int64)
        both[paired], both[~paired] = of_pairs, of_talks
        yield both


def _raws(output: Output) -> pa.Table:
    import pyarrow as pa

    first = [kept for kept in output.conversations if kept.first]
    rows = lists([k.conversation.origin_rows for k in first], partial(numbers, kind="int64"))
    own = strings([k.row for k in first])
    raw = lists([k.raw for k in first], strings)
    return pa.Table.from_arrays([rows, raw, own], schema=raw_schema())


def _wholes(output: Output) -> pa.Table:
    """The original messages of the conversations that the split changed."""
    import pyarrow as pa

    first = [kept for kept in output.conversations if kept.first]
    split = [
        (place, kept.whole.messages)
        for place, kept in enumerate(first)
        if isinstance(kept.whole, Conversation)
        and kept.whole.messages is not kept.conversation.messages
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
