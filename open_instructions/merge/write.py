"""The merge's work on an engine: surveys one chunk, writes one shard."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ..arrays import booleans, strings, view, whole
from ..ledger import Ledger
from ..paths import Counted, write_whole
from ..rights.rows import Usage
from ..schema import Rejected
from ..store import DATA, REJECTED, Shard
from ..store.chunks import KEYS, RAWS, origin, read_chunk, rejected_table
from ..store.columns import (
    FULL,
    MESSAGES,
    PARQUET,
    PART_BYTES,
    RAW,
    RAW_BYTES,
    ROWS,
    data_schema,
    in_form,
    rejected_schema,
)
from .counts import Sizes, count_step, count_written
from .layout import Group, Span
from .verdicts import ChunkVerdicts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


DROPPED = "dropped"
"""The kind of a span of rows that corpus steps dropped."""


class Surveyed(NamedTuple):
    """The merge's ledger of a chunk, whether a row to write needs the full form, and the bytes of
    text in each row to write, by the kinds of `Span`."""

    ledger: Ledger
    full: bool
    data: np.ndarray[Any, Any]
    rejected: np.ndarray[Any, Any]
    dropped: np.ndarray[Any, Any]


class ShardPlan(NamedTuple):
    """A shard to write: its kind, its path in the build, its groups."""

    kind: str
    path: str
    groups: list[Group]


class Written(NamedTuple):
    """A shard as the manifest describes it, the languages in it, and the licences of its rows."""

    shard: Shard
    languages: set[str]
    usage: Usage


def survey(work: tuple[int, ChunkVerdicts], *, chunks: Path, steps: Sequence[str]) -> Surveyed:
    """Measure the rows of a chunk, and count what the steps did to it, in order."""
    import numpy as np
    import pyarrow.compute as pc

    index, verdicts = work
    keys = read_chunk(chunks, index, KEYS)
    parts, raws = whole(keys[PART_BYTES]), whole(keys[RAW_BYTES])
    many, records = (view(pc.list_value_length(column)) for column in (parts, raws))
    sizes = Sizes(many, records, view(keys[MESSAGES]))
    ledger = Ledger()
    stays = np.ones(keys.num_rows, bool)
    for step in steps:
        dropped = {p: d.reason for p, d in verdicts.dropped.items() if d.step == step}
        count_step(ledger, keys, step, sizes, stays, dropped)
        stays[list(dropped)] = False
    count_written(ledger, keys, sizes, stays)
    refused = view(pc.binary_length(read_chunk(chunks, index, REJECTED)["raw"]))
    return Surveyed(
        ledger,
        bool(view(keys[FULL])[stays].any()),
        view(parts.flatten())[np.repeat(stays, many)],
        refused,
        view(raws.flatten())[np.repeat(~stays, records)],
    )


def write_shard(
    work: tuple[ShardPlan, Mapping[int, ChunkVerdicts]], *, chunks: Path, ready: Path, full: bool
) -> Written:
    """Write one shard below `ready`, from chunks with the given verdicts. `full` is the form of all
    messages of the build."""
    job, all_verdicts = work
    return write_whole(ready / job.path, partial(_write, job, all_verdicts, chunks, full))


def _write(
    job: ShardPlan,
    all_verdicts: Mapping[int, ChunkVerdicts],
    chunks: Path,
    full: bool,
    file: IO[bytes],
) -> Written:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    schema = data_schema(full) if job.kind == DATA else rejected_schema()
    rows = 0
    languages: set[str] = set()
    usage = Usage()
    digest = hashlib.sha256()
    sink = Counted(file, digest.update)
    with pq.ParquetWriter(sink, schema, **PARQUET) as writer:
        for group in job.groups:
            table = _table(group, all_verdicts, chunks, full)
            writer.write_table(table, row_group_size=table.num_rows)
            rows += table.num_rows
            if job.kind == DATA:
                languages.update(pc.unique(table["language"]).to_pylist())
                usage.count(table)
            del table  # frees its memory before the next one is read
    return Written(
        Shard(job.path, rows, sink.size, digest.hexdigest()),
        languages,
        usage,
    )


def _table(
    group: Group, all_verdicts: Mapping[int, ChunkVerdicts], chunks: Path, full: bool
) -> pa.Table:
    """One row group in one piece, so that its pages do not depend on the chunks."""
    import pyarrow as pa

    spans = []
    for span in group:
        rows = _rows(chunks, span, all_verdicts[span.chunk])
        rows = rows.slice(span.start, span.stop - span.start)
        spans.append(in_form(rows, full) if span.kind == DATA else rows)
    return pa.concat_tables(spans).combine_chunks()


def _rows(chunks: Path, span: Span, verdicts: ChunkVerdicts) -> pa.Table:
    """The rows of one chunk to write, with their final ids."""
    if span.kind == DATA:
        return _data(chunks, span.chunk, verdicts)
    if span.kind == REJECTED:
        return _rejected(chunks, span.chunk, verdicts)
    return _dropped(chunks, span.chunk, verdicts)


def _data(chunks: Path, index: int, verdicts: ChunkVerdicts) -> pa.Table:
    import numpy as np
    import pyarrow.compute as pc

    table = read_chunk(chunks, index, DATA)
    if not verdicts.dropped and not verdicts.renamed:
        return table
    many = view(pc.list_value_length(read_chunk(chunks, index, KEYS)[PART_BYTES]))
    place = np.repeat(np.arange(len(many)), many)  # the conversation of each row
    if verdicts.renamed:
        columns = [table[name].to_pylist() for name in ("id", "conversation_id")]
        for row in np.flatnonzero(np.isin(place, list(verdicts.renamed))).tolist():
            old, columns[1][row] = columns[1][row], verdicts.renamed[int(place[row])]
            columns[0][row] = columns[1][row] + columns[0][row][len(old) :]
        for at, values in enumerate(columns):
            table = table.set_column(at, table.schema.field(at), strings(values))
    if not verdicts.dropped:
        return table
    return table.filter(booleans(np.isin(place, list(verdicts.dropped), invert=True)))


def _rejected(chunks: Path, index: int, verdicts: ChunkVerdicts) -> pa.Table:
    """The rejects of one chunk; those of messages get their conversation's final id."""
    table = read_chunk(chunks, index, REJECTED)
    if not verdicts.renamed or not table.num_rows:
        return table
    rows = read_chunk(chunks, index, RAWS)[ROWS]
    new = {row: name for place, name in verdicts.renamed.items() for row in rows[place].as_py()}
    refused = table.to_pylist()
    for row in refused:
        if row["level"] != "record" and row["origin_row"] in new:
            row["conversation_id"] = new[row["origin_row"]]
    return rejected_table([Rejected(**row) for row in refused])


def _dropped(chunks: Path, index: int, verdicts: ChunkVerdicts) -> pa.Table:
    """A row of rejected/ for each raw record of each dropped conversation."""
    keys, raws = read_chunk(chunks, index, KEYS), read_chunk(chunks, index, RAWS)
    source, subset, file = origin(keys)
    rejected = []
    for place, why in sorted(verdicts.dropped.items()):
        name = keys["conversation_id"][place].as_py()
        records = zip(raws[ROWS][place].as_py(), raws[RAW][place].as_py(), strict=True)
        rejected += [
            Rejected(
                level="record",
                source=source,
                subset=subset,
                conversation_id=name,
                origin_file=file,
                origin_row=row,
                stage=why.step,
                reason=why.reason,
                detail=why.detail,
                raw=raw,
                kind="conversation",
                other=why.other,
                score=why.score,
                evidence=why.evidence,
            )
            for row, raw in records
        ]
    return rejected_table(rejected)
