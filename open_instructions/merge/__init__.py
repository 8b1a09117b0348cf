"""All chunks -> the shards: drop duplicates, keep ids apart, count what is written.

fate     which conversations are dropped, and which get another id: an exchange of keys, then one of ids
layout   where row groups and shards end
write    one shard

Of equal conversations one copy stays: that of the source the recipe prefers, then the one that
stands first. All parts of a dropped copy go with it. Where several conversations that stay carry
one id, the later ones become `id~2`, …

An engine does the work; here is only what holds it together: for each conversation that is dropped
or renamed a number and a name, and for each chunk a few numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..engines import Engine
from ..ledger import Ledger
from ..paths import children, make_folder
from ..recipe import Recipe
from ..rights.rows import Usage
from ..store import DATA, REJECTED, Shard
from .layout import Group, Layout
from .verdicts import find_fate
from .write import COPIES, Job, Written, survey, write_shard


class Merged(NamedTuple):
    """The shards as the manifest describes them, the books of this stage, the languages that occur,
    what rows stand under."""

    shards: list[Shard]
    ledger: Ledger
    languages: list[str]
    usage: Usage


Watch = Callable[[int, int], None]
"""Called with the bytes of text that are in shards, and those that will be."""


def merge(
    engine: Engine,
    chunks: Path,
    counts: Sequence[int],
    ready: Path,
    recipe: Recipe,
    sources: Sequence[str],
    watch: Watch | None = None,
) -> Merged:
    """Write data/ and rejected/ under `ready` from chunks that hold so many conversations each
    (`counts`)."""
    fate = find_fate(engine, chunks, counts, recipe, sources)
    ledger = Ledger()
    layouts = {DATA: Layout(), REJECTED: Layout()}
    copies = []
    work = ((index, fate.of(index)) for index in range(len(counts)))
    for index, surveyed in enumerate(engine.map(partial(survey, chunks=chunks), work, native=True)):
        ledger.update(surveyed.ledger)
        layouts[DATA].add(DATA, index, surveyed.data)
        layouts[REJECTED].add(REJECTED, index, surveyed.rejected)
        copies.append(surveyed.copies)
    # duplicates come last, so that the order of rejected/ does not show where the chunks were cut
    for index, lengths in enumerate(copies):
        layouts[REJECTED].add(COPIES, index, lengths)
    for kind in layouts:
        make_folder(ready / kind)
    jobs = [job for kind, layout in layouts.items() for job in _jobs(kind, layout.shards())]
    with_fates = (
        (job, {span.chunk: fate.of(span.chunk) for group in job.groups for span in group})
        for job in jobs
    )
    sizes = [size for layout in layouts.values() for size in layout.sizes]
    if watch:
        watch(0, sum(sizes))
    written: list[Written] = []
    for done in engine.map(
        partial(write_shard, chunks=chunks, ready=ready), with_fates, native=True
    ):
        written.append(done)
        if watch:
            watch(sum(sizes[: len(written)]), sum(sizes))
    for path in [
        p
        for kind in layouts
        for p in children(ready / kind)
        if f"{kind}/{p.name}" not in {job.path for job in jobs}
    ]:
        path.unlink()  # a draft of a node that was lost
    usage = sum([w.usage for w in written], Usage())
    return Merged(
        [w.shard for w in written],
        ledger,
        sorted({label for w in written for label in w.languages}),
        usage,
    )


def _jobs(kind: str, shards: Sequence[list[Group]]) -> Iterator[Job]:
    prefix = {DATA: "train", REJECTED: "rejected"}[kind]
    for number, groups in enumerate(shards):
        yield Job(kind, f"{kind}/{prefix}-{number:05d}-of-{len(shards):05d}.parquet", groups)
