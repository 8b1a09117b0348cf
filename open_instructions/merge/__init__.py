"""Merges all chunks into shards: corpus steps decide, ids are made unique, written rows are
counted.

rounds    runs the rounds of a corpus step on an engine
contract  checks what a round returns
verdicts  decides about each conversation: dropped, or kept, perhaps with a new id
counts    updates the ledger for a chunk
layout    decides where row groups and shards end
write     writes one shard

A dropped conversation is dropped with all its parts. If several kept conversations have the same
id, the later ones become `id~2`, …

An engine does the work. This process holds only a few values for each conversation that is dropped
or renamed, and a few numbers for each chunk.
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
from .layout import Group, Layout
from .rounds import Watch
from .verdicts import Verdicts, find_verdicts
from .write import DROPPED, ShardPlan, Written, survey, write_shard

SHARDS = "shards"
_PREFIXES = {DATA: "train", PREFERENCE: "train", REJECTED: "rejected"}


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
    layouts, full = _laid_out(
        engine, chunks, len(counts), [step.name for step in steps], verdicts, ledger
    )
    for kind in layouts:
        make_folder(ready / kind)
    jobs = [job for kind, layout in layouts.items() for job in _jobs(kind, layout.shards())]
    sizes = [size for layout in layouts.values() for size in layout.sizes]
    write = partial(write_shard, chunks=chunks, ready=ready, full=full)
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
) -> tuple[dict[str, Layout], bool]:
    """Where each row goes, and whether any of them needs the full form. Also adds to `ledger` what
    the steps did."""
    layouts, full = {DATA: Layout(), REJECTED: Layout()}, False
    pairs = Layout()
    dropped = []
    look = partial(survey, chunks=chunks, steps=tuple(steps))
    work = ((index, verdicts.of(index)) for index in range(count))
    for index, surveyed in enumerate(engine.map(look, work, native=True)):
        ledger.update(surveyed.ledger)
        full = full or surveyed.full
        layouts[DATA].add(DATA, index, surveyed.data)
        if surveyed.preference is not None:
            pairs.add(PREFERENCE, index, surveyed.preference)
        layouts[REJECTED].add(REJECTED, index, surveyed.rejected)
        dropped.append(surveyed.dropped)
    # dropped rows come last, so that the order of rejected/ does not depend on the chunks
    for index, lengths in enumerate(dropped):
        layouts[REJECTED].add(DROPPED, index, lengths)
    if pairs.rows:
        layouts[PREFERENCE] = pairs
    return layouts, full


def _verdicts_of(job: ShardPlan, verdicts: Verdicts) -> dict[int, Any]:
    chunks = {span.chunk for group in job.groups for span in group}
    return {chunk: verdicts.of(chunk) for chunk in chunks}


def _jobs(kind: str, shards: Sequence[list[Group]]) -> Iterator[ShardPlan]:
    prefix = _PREFIXES[kind]
    for number, groups in enumerate(shards):
        yield ShardPlan(kind, f"{kind}/{prefix}-{number:05d}-of-{len(shards):05d}.parquet", groups)


def _remove_drafts(ready: Path, written: set[str]) -> None:
    """Remove drafts that a lost node left behind."""
    for kind in _PREFIXES:
        for path in children(ready / kind):
            if f"{kind}/{path.name}" not in written:
                path.unlink()
