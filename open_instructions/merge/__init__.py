"""Merges all chunks into shards: corpus steps decide, ids are made unique, written rows are
counted.

rounds    runs the rounds of a corpus step on an engine
contract  checks what a round returns
verdicts  decides about each conversation: dropped, or kept, where, and how often
names     makes ids unique
placing   which rows of a chunk go into which split
counts    updates the ledger for a chunk
layout    decides where row groups and shards end
kept      makes the rows of data/ and preference/
dropped   makes the rows of rejected/
write     writes one shard
shuffle   writes shards whose rows are in a random order

A dropped conversation is dropped with all its parts. If several kept conversations have the same
id, the later ones become `id~2`, …; the copies of one that is written n times become `id*2` to
`id*n`.

An engine does the work. This process holds some tens of bytes for each conversation that has a
verdict, and a few numbers for each chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..corpus import CorpusStep
from ..engines import Engine
from ..ledger import Ledger
from ..paths import children, make_folder
from ..rights.rows import Usage
from ..store import DATA, PREFERENCE, REJECTED, Shard
from ..store.names import TRAIN
from .kept import Form
from .layout import Layout
from .placing import ALL_SPLITS
from .rounds import Watch
from .shuffle import (
    Batch,
    Shuffled,
    ShuffledShard,
    ShufflePlan,
    sort_batch,
    write_shuffled,
)
from .verdicts import Verdicts, find_verdicts
from .write import DROPPED, MARKED, ShardPlan, Table, Written, survey, write_shard

if TYPE_CHECKING:
    import numpy as np

SHARDS, ORDER = "shards", "order"
"""The names of the work that a watcher sees besides that of the steps."""
_ALWAYS: tuple[Table, ...] = ((DATA, TRAIN), (REJECTED, REJECTED))
_TABLES: tuple[Table, ...] = (
    *((DATA, split) for split in ALL_SPLITS),
    (REJECTED, REJECTED),
    *((PREFERENCE, split) for split in ALL_SPLITS),
)
"""The tables of a build, in the order of the manifest. It always has the first train and
rejected."""


class Merged(NamedTuple):
    """The shards as the manifest describes them, the ledger of the merge, the languages that occur,
    what the rows may be used for, whether their messages are in the full form, and what corpus
    steps say of themselves, by name."""

    shards: list[Shard]
    ledger: Ledger
    languages: list[str]
    usage: Usage
    full: bool
    reports: Mapping[str, Mapping[str, Any]]


def merge(
    engine: Engine,
    chunks: Path,
    counts: Sequence[int],
    ready: Path,
    steps: Sequence[CorpusStep],
    watch: Watch | None = None,
    seed: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> Merged:
    """Write data/, preference/ and rejected/.

    engine  does the work
    chunks  the folder of the chunk files
    counts  how many conversations each chunk has
    ready   the folder to write below
    steps   the corpus steps, in order
    watch   called as work is done
    seed    shuffles the rows; None keeps the order in which they were read
    tell    gets the notes of the steps before anything is written

    Raises ConverterError if a step breaks its contract.
    """
    verdicts = find_verdicts(engine, chunks, counts, steps, watch)
    if tell:
        for note in notes_of(verdicts.reports):
            tell(note)
    names = tuple(step.name for step in steps)
    tables = _laid_out(engine, chunks, len(counts), names, verdicts, seed)
    for kind, _ in (*tables.as_read, *tables.shuffled):
        make_folder(ready / kind)
    form = Form(tables.full, verdicts.grouped, names)
    plans = [table.plan() for table in tables.shuffled.values()]
    jobs = [job for table, layout in tables.as_read.items() for job in _jobs(table, layout)]
    shuffled = _sorted(engine, plans, verdicts, chunks, form, watch)
    sizes = [size for layout in tables.as_read.values() for size in layout.sizes]
    sizes += [size for plan in plans for size in plan.sizes()]
    write = partial(write_shard, chunks=chunks, ready=ready, form=form)
    write_in_order = partial(write_shuffled, chunks=chunks, ready=ready, form=form)
    work = ((job, _verdicts_of(job, verdicts)) for job in jobs)
    written: list[Written] = []
    if watch:
        watch(SHARDS, 0, sum(sizes))
    for done in chain(
        engine.map(write, work, native=True),
        engine.map(write_in_order, shuffled, native=True),
    ):
        written.append(done)
        if watch:
            watch(SHARDS, sum(sizes[: len(written)]), sum(sizes))
    _remove_drafts(ready, {shard.shard.path for shard in written})
    languages = {label for shard in written for label in shard.languages}
    usage = sum([shard.usage for shard in written], Usage())
    shards = sorted((shard.shard for shard in written), key=_in_manifest)
    return Merged(shards, tables.ledger, sorted(languages), usage, tables.full, verdicts.reports)


class _Tables(NamedTuple):
    """Where each row goes, by table; what the steps did; and whether a row needs the full form."""

    as_read: dict[Table, Layout]
    shuffled: dict[Table, Shuffled]
    ledger: Ledger
    full: bool


def notes_of(reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What steps want the user to know, in their order."""
    return [note for report in reports.values() for note in report.get("notes", ())]


def _laid_out(
    engine: Engine,
    chunks: Path,
    count: int,
    steps: Sequence[str],
    verdicts: Verdicts,
    seed: int | None,
) -> _Tables:
    import numpy as np

    layouts = {table: Layout() for table in _TABLES}
    shuffled = {table: Shuffled(table) for table in _TABLES}
    ledger, full = Ledger(), False
    dropped: list[np.ndarray[Any, Any]] = []
    marked: list[int] = []
    look = partial(survey, chunks=chunks, steps=steps, seed=seed)
    work = ((index, verdicts.of(index)) for index in range(count))
    rejected = layouts[REJECTED, REJECTED]
    for index, surveyed in enumerate(engine.map(look, work, native=True)):
        ledger.update(surveyed.ledger)
        full = full or surveyed.full
        for (kind, split), its in surveyed.kept.items():
            if its.keys is None:
                layouts[kind, split].add(kind, index, its.lengths, split)
            else:
                shuffled[kind, split].add(index, its.lengths, its.keys)
        rejected.add(REJECTED, index, surveyed.rejected)
        dropped.append(surveyed.dropped)
        marked.append(surveyed.marked)
    # those of corpus steps come last, so that the order of rejected/ does not depend on the chunks
    for index, lengths in enumerate(dropped):
        rejected.add(DROPPED, index, lengths)
    for index, rows in enumerate(marked):
        rejected.add(MARKED, index, np.zeros(rows, np.int64))
    filled = {table: rows for table, rows in shuffled.items() if rows.rows}
    always = [table for table in _ALWAYS if table not in filled]
    plain = {table: rows for table, rows in layouts.items() if rows.rows or table in always}
    return _Tables(plain, filled, ledger, full)


def _sorted(
    engine: Engine,
    plans: Sequence[ShufflePlan],
    verdicts: Verdicts,
    chunks: Path,
    form: Form,
    watch: Watch | None,
) -> list[ShuffledShard]:
    """The shards of shuffled tables, after their rows were sorted batch by batch."""
    batches: list[Batch] = []
    shards: list[ShuffledShard] = []
    for plan in plans:
        its = list(plan.batches())
        batches += [Batch(plan.table, at, *each, plan.starts) for at, each in enumerate(its)]
        shards += plan.shards([places for _, places in its])
    work = ((batch, [verdicts.of(chunk) for chunk in batch.chunks]) for batch in batches)
    sort = partial(sort_batch, chunks=chunks, form=form)
    for done, _ in enumerate(engine.map(sort, work, native=True), 1):
        if watch:
            watch(ORDER, done, len(batches))
    return shards


def _in_manifest(shard: Shard) -> tuple[int, str]:
    return _TABLES.index((shard.kind, shard.split)), shard.path


def _verdicts_of(job: ShardPlan, verdicts: Verdicts) -> dict[int, Any]:
    chunks = {span.chunk for group in job.groups for span in group}
    return {chunk: verdicts.of(chunk) for chunk in chunks}


def _jobs(table: Table, layout: Layout) -> Iterator[ShardPlan]:
    kind, split = table
    shards = layout.shards()
    for number, groups in enumerate(shards):
        yield ShardPlan(kind, f"{kind}/{split}-{number:05d}-of-{len(shards):05d}.parquet", groups)


def _remove_drafts(ready: Path, written: set[str]) -> None:
    """Remove drafts that a lost node left behind."""
    for kind, _ in _TABLES:
        for path in children(ready / kind):
            if f"{kind}/{path.name}" not in written:
                path.unlink()
