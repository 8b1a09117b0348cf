"""One chunk looked over, and one shard written: what an engine does for the merge."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ..arrays import booleans, strings, view, whole
from ..ledger import Ledger
from ..paths import Counted, write_whole
from ..rights.rows import Usage
from ..schema import Reason, Rejected
from ..store import DATA, REJECTED, Shard
from ..store.chunks import KEYS, RAWS, origin, read_chunk, rejected_table
from ..store.columns import (
    PARQUET,
    PART_BYTES,
    RAW,
    RAW_BYTES,
    ROWS,
    TURNS,
    data_schema,
    rejected_schema,
)
from .layout import Group, Span
from .verdicts import STAGE, ChunkFate

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


COPIES = "copies"
"""The kind of a span that is rejected as duplicates."""


class Surveyed(NamedTuple):
    """The books of a chunk in this stage, and the bytes of text in each row that will be written,
    see `Span`."""

    ledger: Ledger
    data: np.ndarray[Any, Any]
    rejected: np.ndarray[Any, Any]
    copies: np.ndarray[Any, Any]


class Job(NamedTuple):
    """A shard to write: its kind, its place in the build, its groups."""

    kind: str
    path: str
    groups: list[Group]


class Written(NamedTuple):
    """A shard as the manifest describes it, the languages in it, and what its rows stand under."""

    shard: Shard
    languages: set[str]
    usage: Usage


def survey(work: tuple[int, ChunkFate], *, chunks: Path) -> Surveyed:
    import numpy as np
    import pyarrow.compute as pc

    index, fate = work
    keys = read_chunk(chunks, index, KEYS)
    source, subset, _ = origin(keys)
    parts, raws = whole(keys[PART_BYTES]), whole(keys[RAW_BYTES])
    many, records = (view(pc.list_value_length(column)) for column in (parts, raws))
    turns = view(keys[TURNS])
    stays = np.ones(keys.num_rows, bool)
    stays[list(fate.dropped)] = False
    ledger = Ledger()
    counts = {
        "records_in": records.sum(),
        "records_out": records[stays].sum(),
        "turns_in": turns.sum(),
        "turns_out": turns[stays].sum(),
        "rows": many[stays].sum(),
        "parts_dropped": (many[~stays] - 1).sum(),
        "joined_dropped": (records[~stays] - 1).sum(),
    }
    for what, count in counts.items():
        ledger.add(source, subset, STAGE, what, int(count))
    ledger.add(
        source, subset, STAGE, "rejected_records", int(records[~stays].sum()), Reason.DUPLICATE
    )
    ledger.add(source, subset, STAGE, "rejected_turns", int(turns[~stays].sum()), Reason.DUPLICATE)
    refused = view(pc.binary_length(read_chunk(chunks, index, REJECTED)["raw"]))
    return Surveyed(
        ledger,
        view(parts.flatten())[np.repeat(stays, many)],
        refused,
        view(raws.flatten())[np.repeat(~stays, records)],
    )


def write_shard(work: tuple[Job, Mapping[int, ChunkFate]], *, chunks: Path, ready: Path) -> Written:
    """Write one shard under `ready`, from chunks with the given fate."""
    job, fates = work
    return write_whole(ready / job.path, partial(_write, job, fates, chunks))


def _write(job: Job, fates: Mapping[int, ChunkFate], chunks: Path, file: IO[bytes]) -> Written:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    schema = data_schema() if job.kind == DATA else rejected_schema()
    rows = 0
    languages: set[str] = set()
    usage = Usage()
    digest = hashlib.sha256()
    sink = Counted(file, digest.update)
    with pq.ParquetWriter(sink, schema, **PARQUET) as writer:
        for group in job.groups:
            table = _table(group, fates, chunks)
            writer.write_table(table, row_group_size=table.num_rows)
            rows += table.num_rows
            if job.kind == DATA:
                languages.update(pc.unique(table["language"]).to_pylist())
                usage.count(table)
            del table  # before there is another
    return Written(
        Shard(job.path, rows, sink.size, digest.hexdigest()),
        languages,
        usage,
    )


def _table(group: Group, fates: Mapping[int, ChunkFate], chunks: Path) -> pa.Table:
    """One row group, in one piece: its pages must not show where chunks were cut."""
    import pyarrow as pa

    spans = [
        _rows(chunks, span, fates[span.chunk]).slice(span.start, span.stop - span.start)
        for span in group
    ]
    return pa.concat_tables(spans).combine_chunks()


def _rows(chunks: Path, span: Span, fate: ChunkFate) -> pa.Table:
    """The rows of one chunk that are written, under the names that tell their conversations apart."""
    if span.kind == DATA:
        return _data(chunks, span.chunk, fate)
    if span.kind == REJECTED:
        return _rejected(chunks, span.chunk, fate)
    return _copies(chunks, span.chunk, fate)


def _data(chunks: Path, index: int, fate: ChunkFate) -> pa.Table:
    import numpy as np
    import pyarrow.compute as pc

    table = read_chunk(chunks, index, DATA)
    if not fate.dropped and not fate.renamed:
        return table
    many = view(pc.list_value_length(read_chunk(chunks, index, KEYS)[PART_BYTES]))
    place = np.repeat(np.arange(len(many)), many)  # of the conversation that each row belongs to
    if fate.renamed:
        columns = [table[name].to_pylist() for name in ("id", "conversation_id")]
        for row in np.flatnonzero(np.isin(place, list(fate.renamed))).tolist():
            old, columns[1][row] = columns[1][row], fate.renamed[int(place[row])]
            columns[0][row] = columns[1][row] + columns[0][row][len(old) :]
        for at, values in enumerate(columns):
            table = table.set_column(at, table.schema.field(at), strings(values))
    return (
        table.filter(booleans(np.isin(place, list(fate.dropped), invert=True)))
        if fate.dropped
        else table
    )


def _rejected(chunks: Path, index: int, fate: ChunkFate) -> pa.Table:
    """Turns that were refused belong to their conversation, whatever it is called now."""
    table = read_chunk(chunks, index, REJECTED)
    if not fate.renamed or not table.num_rows:
        return table
    rows = read_chunk(chunks, index, RAWS)[ROWS]
    new = {row: name for place, name in fate.renamed.items() for row in rows[place].as_py()}
    refused = table.to_pylist()
    for row in refused:
        if row["level"] != "record" and row["origin_row"] in new:
            row["conversation_id"] = new[row["origin_row"]]
    return rejected_table([Rejected(**row) for row in refused])


def _copies(chunks: Path, index: int, fate: ChunkFate) -> pa.Table:
    """A row of rejected/ for each raw record of each conversation that is dropped."""
    keys, raws = read_chunk(chunks, index, KEYS), read_chunk(chunks, index, RAWS)
    source, subset, file = origin(keys)
    rejected = []
    for place, winner in sorted(fate.dropped.items()):
        name = keys["conversation_id"][place].as_py()
        for row, raw in zip(raws[ROWS][place].as_py(), raws[RAW][place].as_py(), strict=True):
            rejected.append(
                Rejected("record", source, subset, name, file, row, STAGE, Reason.DUPLICATE, f"equal to {winner}", raw)
            )  # fmt: skip
    return rejected_table(rejected)
