"""All chunks -> the shards: drop duplicates, keep ids apart, count what is written.

fate     which conversations are dropped, and which get another id: an exchange of keys, then one of ids
layout   where row groups and shards end
write    one shard

Of equal conversations one copy stays: that of the source the recipe prefers, then the one that stands first. All
parts of a dropped copy go with it. Where several conversations that stay carry one id, the later ones become `id~2`, …

An engine does the work; here is only what holds it together: for each conversation that is dropped or renamed a number and
a name, and for each chunk a few numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..engines import Engine
from ..ledger import Ledger
from ..places import children, make_folder
from ..recipe import Recipe
from ..store import DATA, REJECTED
from .fate import find_fate
from .layout import lay_out
from .write import Job, survey, write_shard


class Merged(NamedTuple):
    """The shards as the manifest describes them, the books of this stage, the languages that occur."""

    shards: list[dict[str, Any]]
    ledger: Ledger
    languages: list[str]


def merge(engine: Engine, chunks: Path, counts: Sequence[int], ready: Path, recipe: Recipe, sources: Sequence[str]) -> Merged:
    """Write data/ and rejected/ under `ready` from chunks that hold so many conversations each (`counts`)."""
    fate = find_fate(engine, chunks, counts, recipe, sources)
    ledger = Ledger()
    sizes: dict[str, list[Any]] = {DATA: [], REJECTED: []}
    copies = []
    work = [(index, fate.of(index)) for index in range(len(counts))]
    for index, surveyed in enumerate(engine.map(partial(survey, chunks=chunks), work)):
        ledger.update(surveyed.ledger)
        sizes[DATA].append(((DATA, index), surveyed.data))
        sizes[REJECTED].append(((REJECTED, index), surveyed.rejected))
        copies.append((("copies", index), surveyed.copies))
    # duplicates come last, so that the order of rejected/ does not show where the chunks were cut
    sizes[REJECTED] += copies
    jobs = []
    for kind, prefix in ((DATA, "train"), (REJECTED, "rejected")):
        make_folder(ready / kind)
        plan = lay_out(sizes[kind])
        for number, groups in enumerate(plan):
            used = {span.chunk for group in groups for span in group}
            name = f"{prefix}-{number:05d}-of-{len(plan):05d}.parquet"
            jobs.append(Job(kind, f"{kind}/{name}", groups, {index: fate.of(index) for index in used}))
    written = list(engine.map(partial(write_shard, chunks=chunks, ready=ready), jobs))
    for path in [p for kind in (DATA, REJECTED) for p in children(ready / kind) if f"{kind}/{p.name}" not in {job.path for job in jobs}]:
        path.unlink()  # a draft of a node that was lost
    return Merged([w.shard for w in written], ledger, sorted({label for w in written for label in w.languages}))
