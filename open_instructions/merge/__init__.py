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

A dropped conversation is dropped with all its parts. If several kept conversations have the same
id, the later ones become `id~2`, …; the copies of one that is written n times become `id*2` to
`id*n`.

An engine does the work. This process holds some tens of bytes for each conversation that has a
verdict, and a few numbers for each chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..corpus import CorpusStep
from ..engines import Engine
from ..ledger import Ledger
from ..paths import children, make_folder
from ..rights.rows import Usage
from ..store import DATA, PREFERENCE, REJECTED, Shard
from ..store.names import TRAIN
from .kept import Form
from .layout import Group, Layout
from .placing import ALL_SPLITS
from .rounds import Watch
from .verdicts import Verdicts, find_verdicts
from .write import DROPPED, ShardPlan, Table, Written, survey, write_shard

SHARDS = "shards"
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
) -> Merged:
    """Write data/, preference/ and rejected/ below `ready` from chunks; `counts` says how many
    conversations each chunk has."""
    verdicts = find_verdicts(engine, chunks, counts, steps, watch)
    ledger = Ledger()
    names = tuple(step.name for step in steps)
    layouts, full = _laid_out(engine, chunks, len(counts), names, verdicts, ledger)
    for kind, _ in layouts:
        make_folder(ready / kind)
    jobs = [job for table, layout in layouts.items() for job in _jobs(table, layout.shards())]
    sizes = [size for layout in layouts.values() for size in layout.sizes]
    form = Form(full, verdicts.grouped, names)
    write = partial(write_shard, chunks=chunks, ready=ready, form=form)
    work = ((job, _verdicts_of(job, verdicts)) for job in jobs)
    written: list[Written] = []
    if watch:
        watch(SHARDS, 0, sum(sizes))
    for done in engine.map(write, work, native=True):
        written.append(done)
        if watch:
            watch(SHARDS, sum(sizes[: len(written)]), sum(sizes))
    _remove_drafts(ready, {job.path for job in jobs})
    languages = {label for shard in written for label in shard.languages}
    usage = sum([shard.usage for shard in written], Usage())
    shards = [shard.shard for shard in written]
    return Merged(shards, ledger, sorted(languages), usage, full, verdicts.reports)


def _laid_out(
    engine: Engine,
    chunks: Path,
    count: int,
    steps: Sequence[str],
    verdicts: Verdicts,
    ledger: Ledger,
) -> tuple[dict[Table, Layout], bool]:
    """Where each row goes, and whether any of them needs the full form. Also adds to `ledger` what
    the steps did."""
    layouts, full = {table: Layout() for table in _TABLES}, False
    dropped = []
    look = partial(survey, chunks=chunks, steps=steps)
    work = ((index, verdicts.of(index)) for index in range(count))
    rejected = layouts[REJECTED, REJECTED]
    for index, surveyed in enumerate(engine.map(look, work, native=True)):
        ledger.update(surveyed.ledger)
        full = full or surveyed.full
        for (kind, split), lengths in surveyed.kept.items():
            layouts[kind, split].add(kind, index, lengths, split)
        rejected.add(REJECTED, index, surveyed.rejected)
        dropped.append(surveyed.dropped)
    # dropped rows come last, so that the order of rejected/ does not depend on the chunks
    for index, lengths in enumerate(dropped):
        rejected.add(DROPPED, index, lengths)
    there = {table: layout for table, layout in layouts.items() if layout.rows or table in _ALWAYS}
    return there, full


def _verdicts_of(job: ShardPlan, verdicts: Verdicts) -> dict[int, Any]:
    chunks = {span.chunk for group in job.groups for span in group}
    return {chunk: verdicts.of(chunk) for chunk in chunks}


def _jobs(table: Table, shards: Sequence[list[Group]]) -> Iterator[ShardPlan]:
    kind, split = table
    for number, groups in enumerate(shards):
        yield ShardPlan(kind, f"{kind}/{split}-{number:05d}-of-{len(shards):05d}.parquet", groups)


def _remove_drafts(ready: Path, written: set[str]) -> None:
    """Remove drafts that a lost node left behind."""
    for kind, _ in _TABLES:
        for path in children(ready / kind):
            if f"{kind}/{path.name}" not in written:
                path.unlink()
