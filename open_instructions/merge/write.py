"""The merge's work on an engine: surveys one chunk, writes one shard."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ..arrays import view, whole
from ..corpus.step import ID, STEP
from ..ledger import Ledger
from ..paths import Counted, write_whole
from ..rights.rows import Usage, as_counted
from ..schema import Rejected
from ..store import DATA, PREFERENCE, REJECTED, Shard
from ..store.chunks import KEYS, RAWS, paired_of, read_chunk, rejected_table
from ..store.columns import FULL, KIN, PARQUET, PART_BYTES, ROWS
from .counts import count_edits, count_step, count_written, find_gone, sizes_of
from .dropped import dropped, kin_of, lengths, marked
from .kept import Form, kept
from .layout import RowGroup, Span
from .placing import keys_of, placed_of, rows_of, splits_of
from .verdicts import ChunkVerdicts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


DROPPED, MARKED = "dropped", "marked"
"""The kinds of spans of rows that corpus steps dropped, and of what they say of those that stay."""
Table = tuple[str, str]
"""A kind of rows, and their split."""


class Measured(NamedTuple):
    """The bytes of text in each row, and the number that decides its place if rows are shuffled."""

    lengths: np.ndarray[Any, Any]
    keys: np.ndarray[Any, Any] | None


class Surveyed(NamedTuple):
    """The merge's ledger of a chunk, whether a row to write needs the full form, and the rows to
    write: of data/ and preference/ by table, the bytes of text in each that stages rejected and
    that corpus steps dropped, and the number of edits that those gave."""

    ledger: Ledger
    full: bool
    kept: dict[Table, Measured]
    rejected: np.ndarray[Any, Any]
    dropped: np.ndarray[Any, Any]
    marked: int


class ShardPlan(NamedTuple):
    """A shard to write: its kind, its path in the build, its groups."""

    kind: str
    path: str
    groups: list[RowGroup]


class Written(NamedTuple):
    """A shard as the manifest describes it, the languages in it, and the licences of its rows."""

    shard: Shard
    languages: set[str]
    usage: Usage


def survey(
    work: tuple[int, ChunkVerdicts], *, chunks: Path, steps: Sequence[str], seed: int | None
) -> Surveyed:
    """Measure the rows of a chunk, and count what the steps did to it, in order. `seed` is None if
    rows are written as read."""
    import numpy as np
    import pyarrow.compute as pc

    index, verdicts = work
    keys = read_chunk(chunks, index, KEYS)
    sizes = sizes_of(keys)
    kin = kin_of(chunks, index, keys)
    drops = verdicts.drops
    gone = find_gone(drops.places, sizes, kin.rows if kin else None)
    left = kin.count() if kin else int(sizes.records.sum())
    ledger = Ledger()
    stays = np.ones(keys.num_rows, bool)
    step_of = drops.column(STEP)
    for at, step in enumerate(steps):
        mine = np.flatnonzero(step_of == at)
        left = count_step(ledger, keys, step, sizes, stays, drops, gone, mine, left)
        stays[drops.places[mine]] = False
    count_edits(ledger, keys, steps, verdicts.edits)
    placed = placed_of(verdicts, keys.num_rows)
    count_written(ledger, keys, sizes, stays, paired_of(keys), placed, left)
    refused = view(pc.binary_length(read_chunk(chunks, index, REJECTED)["raw"]))
    return Surveyed(
        ledger,
        bool(view(keys[FULL])[stays].any()),
        _measured(keys, verdicts, seed),
        refused,
        lengths(keys, drops, kin, gone),
        len(verdicts.edits.places),
    )


def _measured(keys: pa.Table, verdicts: ChunkVerdicts, seed: int | None) -> dict[Table, Measured]:
    """The rows of data/ and preference/ by table; the latter are there only if the chunk has
    some."""
    import numpy as np
    import pyarrow.compute as pc

    parts = whole(keys[PART_BYTES])
    many, every = view(pc.list_value_length(parts)), view(parts.flatten())
    paired = paired_of(keys)
    in_data = np.ones(keys.num_rows, bool) if paired is None else ~paired
    tables = {DATA: in_data} if paired is None else {DATA: in_data, PREFERENCE: paired}
    found = {}
    for kind, its in tables.items():
        lengths = every[np.repeat(its, many)]
        for split in splits_of(verdicts):
            rows = rows_of(keys, verdicts, kind, split)
            order = None if seed is None else keys_of(keys, rows, verdicts, seed)
            found[kind, split] = Measured(lengths[rows.row], order)
    return found


def write_shard(
    work: tuple[ShardPlan, Mapping[int, ChunkVerdicts]],
    *,
    chunks: Path,
    ready: Path,
    form: Form,
) -> Written:
    """Write one shard below `ready`, from chunks with the given verdicts."""
    job, all_verdicts = work
    rows = partial(_group, all_verdicts=all_verdicts, chunks=chunks, form=form)
    return write_groups(ready / job.path, job.kind, map(rows, job.groups), form)


def write_groups(path: Path, kind: str, groups: Iterable[pa.Table], form: Form) -> Written:
    """Write a shard from its row groups."""
    return write_whole(path, partial(_write, path, kind, groups, form))


def _write(
    path: Path, kind: str, groups: Iterable[pa.Table], form: Form, file: IO[bytes]
) -> Written:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rows = 0
    languages: set[str] = set()
    usage = Usage()
    digest = hashlib.sha256()
    sink = Counted(file, digest.update)
    with pq.ParquetWriter(sink, form.schema(kind), **PARQUET) as writer:
        for table in groups:
            writer.write_table(table, row_group_size=table.num_rows)
            rows += table.num_rows
            if kind != REJECTED:
                languages.update(pc.unique(table["language"]).to_pylist())
                usage.count(table if kind == DATA else as_counted(table))
            del table  # frees its memory before the next one is read
    shard = Shard(f"{path.parent.name}/{path.name}", rows, sink.size, digest.hexdigest())
    return Written(shard, languages, usage)


def _group(
    group: RowGroup, *, all_verdicts: Mapping[int, ChunkVerdicts], chunks: Path, form: Form
) -> pa.Table:
    """One row group in one piece, so that its pages do not depend on the chunks."""
    import pyarrow as pa

    spans = [_span(span, all_verdicts[span.chunk], chunks, form) for span in group]
    return pa.concat_tables(spans).combine_chunks()


def _span(span: Span, verdicts: ChunkVerdicts, chunks: Path, form: Form) -> pa.Table:
    """Rows of one chunk, with their final ids."""
    some = slice(span.start, span.stop)
    if span.kind in (DATA, PREFERENCE):
        return kept(chunks, span.chunk, verdicts, (span.kind, span.split), some, form)
    if span.kind == REJECTED:
        return _rejected(chunks, span.chunk, verdicts)[some]
    if span.kind == DROPPED:
        return dropped(chunks, span.chunk, verdicts.drops, form.steps)[some]
    return marked(chunks, span.chunk, verdicts.edits, form.steps)[some]


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
