"""The merge's work on an engine: surveys one chunk, writes one shard."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ..arrays import booleans, strings, view, whole
from ..corpus.step import ID
from ..ledger import Ledger
from ..paths import Counted, write_whole
from ..preference import CONVERSATION
from ..rights.rows import Usage, as_counted
from ..schema import Rejected
from ..store import DATA, PREFERENCE, REJECTED, Shard
from ..store.chunks import (
    KEYS,
    RAWS,
    origin,
    paired_of,
    parent_of,
    parts_in_data,
    read_chunk,
    rejected_table,
)
from ..store.columns import (
    FULL,
    KIN,
    PARQUET,
    PART_BYTES,
    RAW_BYTES,
    ROWS,
    data_schema,
    in_form,
    rejected_schema,
)
from ..store.pair_columns import preference_in_form, preference_schema
from .counts import count_step, count_written, find_gone, sizes_of
from .kin import Kin, texts_alone
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
    preference: np.ndarray[Any, Any] | None
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
    sizes = sizes_of(keys)
    many, records = sizes.parts, sizes.records
    kin = Kin(read_chunk(chunks, index, RAWS)) if KIN in keys.schema.metadata else None
    gone = find_gone(verdicts.dropped, sizes, kin.rows if kin else None)
    left = kin.count() if kin else int(records.sum())
    ledger = Ledger()
    stays = np.ones(keys.num_rows, bool)
    for step in steps:
        dropped = {p: d.reason for p, d in verdicts.dropped.items() if d.step == step}
        left = count_step(ledger, keys, step, sizes, stays, dropped, gone, left)
        stays[list(dropped)] = False
    paired = paired_of(keys)
    count_written(ledger, keys, sizes, stays, paired, left)
    refused = view(pc.binary_length(read_chunk(chunks, index, REJECTED)["raw"]))
    lengths = view(parts.flatten())
    talks = stays if paired is None else stays & ~paired
    return Surveyed(
        ledger,
        bool(view(keys[FULL])[stays].any()),
        lengths[np.repeat(talks, many)],
        None if paired is None else lengths[np.repeat(stays & paired, many)],
        refused,
        kin.lengths(gone) if kin else view(raws.flatten())[np.repeat(~stays, records)],
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

    schema = _schema(job.kind, full)
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
            if job.kind != REJECTED:
                languages.update(pc.unique(table["language"]).to_pylist())
                usage.count(table if job.kind == DATA else as_counted(table))
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
        spans.append(_in_form(rows, span.kind, full))
    return pa.concat_tables(spans).combine_chunks()


def _schema(kind: str, full: bool) -> pa.Schema:
    if kind == DATA:
        return data_schema(full)
    if kind == PREFERENCE:
        return preference_schema(full)
    return rejected_schema()


def _in_form(rows: pa.Table, kind: str, full: bool) -> pa.Table:
    if kind == DATA:
        return in_form(rows, full)
    if kind == PREFERENCE:
        return preference_in_form(rows, full)
    return rows


def _rows(chunks: Path, span: Span, verdicts: ChunkVerdicts) -> pa.Table:
    """The rows of one chunk to write, with their final ids."""
    if span.kind in (DATA, PREFERENCE):
        return _kept(chunks, span.chunk, verdicts, span.kind)
    if span.kind == REJECTED:
        return _rejected(chunks, span.chunk, verdicts)
    return _dropped(chunks, span.chunk, verdicts)


def _kept(chunks: Path, index: int, verdicts: ChunkVerdicts, kind: str) -> pa.Table:
    import numpy as np

    table = read_chunk(chunks, index, kind)
    if not verdicts.dropped and not verdicts.renamed:
        return table
    keys = read_chunk(chunks, index, KEYS)
    many = parts_in_data(keys) if kind == DATA else paired_of(keys)
    assert many is not None
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
    keys, rows = read_chunk(chunks, index, KEYS), read_chunk(chunks, index, RAWS)[ROWS]
    new: dict[tuple[int, str | None], str] = {}
    for place, name in verdicts.renamed.items():
        # only where a record has several conversations does its row not say which
        old = keys[ID][place].as_py() if KIN in keys.schema.metadata else None
        new |= {(row, old): name for row in rows[place].as_py()}
    refused = table.to_pylist()
    for row in refused:
        if row["level"] not in ("record", "row"):
            at = row["origin_row"]
            given = row["conversation_id"]
            row["conversation_id"] = new.get((at, None)) or new.get((at, given)) or given
    return rejected_table([Rejected(**row) for row in refused])


def _dropped(chunks: Path, index: int, verdicts: ChunkVerdicts) -> pa.Table:
    """A row of rejected/ for each raw record of each dropped conversation, or one for the
    conversation if its records have others."""
    keys, raws = read_chunk(chunks, index, KEYS), read_chunk(chunks, index, RAWS)
    source, subset, file = origin(keys)
    kin = Kin(raws) if KIN in keys.schema.metadata else None
    paired, parent = paired_of(keys), parent_of(keys)
    gone = find_gone(verdicts.dropped, sizes_of(keys), kin.rows if kin else None)
    rejected = []
    for place, why in sorted(verdicts.dropped.items()):
        name = keys[ID][place].as_py()
        records = kin.texts(place, gone[place]) if kin else texts_alone(raws, place)
        rejected += [
            Rejected(
                level=level,
                source=source,
                subset=subset,
                conversation_id=name,
                origin_file=file,
                origin_row=row,
                stage=why.step,
                reason=why.reason,
                detail=why.detail,
                raw=raw,
                kind=CONVERSATION if paired is None or not paired[place] else PREFERENCE,
                other=why.other,
                score=why.score,
                evidence=why.evidence,
                parent=parent,
            )
            for level, row, raw in records
        ]
    return rejected_table(rejected)
