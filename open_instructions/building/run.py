"""One place runs a build: plan -> run -> merge -> publish."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from errno import ENOSPC
from functools import partial
from pathlib import Path
from typing import NamedTuple

from .. import store
from ..corpus import CorpusStep, contamination, steps_of
from ..corpus.holdout import with_sides
from ..corpus.options import SHUFFLED
from ..engines import Engine
from ..engines.local import Local
from ..errors import InputError, Note, OutputError
from ..inputs import Found, Input, digest, stamp
from ..ledger import Ledger
from ..merge import merge, notes_of
from ..merge.rounds import Watch
from ..paths import children, is_remote, store_fault
from ..rights.rows import Usage
from ..stages import order
from ..store import Build, home
from ..store.chunks import count_finished
from ..store.headers import Header
from ..store.work import (
    CHUNKS,
    READY,
    check_replaceable,
    clear,
    half_published,
    held,
    left_behind,
    publish,
    workspace,
)
from .choices import Choices, taking
from .chunks import chunks_of, process
from .failures import check_failures, unreadable
from .finish import finish
from .moved import notes_on_moved
from .parents import regrouped
from .plan import Plan, plan
from .progress import Progress, Update, watched
from .result import BuildResult, damage, lopsided, other_counts_note
from .sides import sides_of
from .versions import own_code

SMALL_INPUT = 8 << 20
"""Below this many bytes, one worker is faster than starting several."""


@taking(Choices)
def build(said: Choices) -> BuildResult:
    """Build Parquet shards from known sources and from own files.

    sources      "all", names like "alpaca,gpt4llm:zh", and paths of own files, as text or a list
    data_dir     the folder with upstream's files, or several; an address like s3://bucket/raw too.
                 Without it, files come from the cache and from where upstream published them
    sample       use the bundled samples
    offline      fetch nothing
    locked       an oi.lock: only its files are read, by its recipe if `recipe` is not given
    out          the build's folder, or an address
    index_base   where a subset counts its options from, like {"lmflow:medmcqa": 0}
    engine       "local", or "ray": the cluster at `ray_address`
    workers      processes; None takes one per CPU, or one if there is little to do
    restart      do not continue an interrupted build from its finished chunks
    strict       stop at the first record on which the code of a converter, rule or stage fails; by
                 default it is rejected as `stage_failed`
    progress     a function that is called with each Update; True shows bars, False none, None shows
                 them in a notebook only
    announce     a function that gets the plan and the number of finished chunks before any work
    tell         a function that gets what corpus steps say before anything is written
    fetching     how files are fetched

    The others are the options of `oi build`, described in docs/cli.md.

    Returns a BuildResult. Raises an OpenInstructionsError; see `open_instructions.errors`.

    >>> import open_instructions as oi                                        # doctest: +SKIP
    >>> oi.build("alpaca,dolly", sample=True, out="mix")                      # doctest: +SKIP
    """
    job = plan(said)
    if not half_published(job.out) and (same := _made_already(job, store.existing(job.out))):
        if left_behind(job.out):
            with held(job.out):
                clear(job.out)
        return same
    try:
        with held(job.out):
            # again: by now, a build that was killed while replacing this one is repaired
            if same := _made_already(job, store.existing(job.out)):
                return same
            _check_there(job, said)
            made, notes = _made(job, said)
    except BrokenPipeError:  # raised by `progress` or `announce`
        raise
    except OSError as error:
        first = "Free some space, and run" if error.errno == ENOSPC else "Run"
        raise OutputError(
            f"{error.filename or job.out} could not be written: {error.strerror or error}.",
            hint=f"{first} the same command again to continue.",
        ) from error
    except Exception as error:
        if fault := store_fault(error):
            raise OutputError(fault, hint="Run the same command again to continue.") from error
        raise
    return BuildResult(job.out, made.manifest, _remembered(job, notes), unchanged=False)


def _check_there(job: Plan, said: Choices) -> None:
    """Raises OutputError if the folder has another build that may not be replaced."""
    if not children(job.out):
        return
    if not said.overwrite:
        raise OutputError(
            f"{job.out} has another build.",
            hint="Use --overwrite to replace it, or --out for another folder.",
        )
    read = [item.path for item in (*job.found.inputs, *job.evaluation_inputs)]
    check_replaceable(job.out, [*read, *(Path(s.path) for s in job.selections if s.path)])


def _made(job: Plan, said: Choices) -> tuple[Build, list[str]]:
    """The build, made and published, and its notes."""
    replaced = store.existing(job.out)
    with workspace(job.out, job.fingerprint, restart=said.restart) as work:
        if said.announce:
            said.announce(job, count_finished(work / CHUNKS))
        with _engine(said, job.found.inputs, work) as running, watched(said.progress) as watch:
            made, usage = _run(job, work, running, watch, said)
        notes = [
            *regrouped(job.parents, job.recipe),
            *notes_of(made.manifest.steps),
            *damage(made.ledger),
            *unreadable(made),
            *notes_on_moved(job, made, replaced),
        ]
        if job.recipe.mix is None:
            notes += lopsided(usage)
        if not said.sample:
            notes += other_counts_note(made.manifest.counts)
        publish(work / READY, job.out)
    return made, notes


def _made_already(job: Plan, before: Build | None) -> BuildResult | None:
    if before and before.manifest.fingerprint == job.fingerprint and before.whole():
        return BuildResult(job.out, before.manifest, _remembered(job, ()), unchanged=True)
    return None


def _remembered(job: Plan, notes: Sequence[str]) -> Found:
    """The files found, with the build's notes. Also notes, for later commands, where the files are
    and that this build is the newest."""
    try:
        inputs = [*job.found.inputs, *job.evaluation_inputs]
        home.remember({i.sha256: i.path for i in inputs}, job.out)
    except (OSError, NotImplementedError) as error:  # a file system without locks
        notes = [
            *notes,
            "later commands will not find this build by themselves; give them its folder and "
            f"--data-dir: {error}",
        ]
    return replace(job.found, notes=(*job.found.notes, *map(Note, notes)))


def _engine(said: Choices, inputs: Sequence[Input], work: Path) -> Engine:
    if said.engine == "local":
        return Local(said.workers or _workers(inputs), scratch=None if is_remote(work) else work)
    from ..engines.ray import Ray

    return Ray(said.workers, said.ray_address)


def _workers(inputs: Sequence[Input]) -> int:
    if sum(i.size for i in inputs) < SMALL_INPUT:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(
    job: Plan, work: Path, engine: Engine, progress: Progress | None, said: Choices
) -> tuple[Build, Usage]:
    """The build, made but not yet published, and what its rows may be used for."""
    chunks, ready = work / CHUNKS, work / READY
    names = [s.source.name for s in job.selections]
    names += [name for parent in job.parents.values() for name, _ in parent.ledger.subsets()]
    sides = sides_of(job.keeps) if job.keeps else None
    steps = with_sides(steps_of(job.recipe, sorted(set(names))), sides)
    cleaned = _clean(job, chunks, engine, steps, progress, said.strict)
    _still_there(job)
    knowing = contamination.knowing(steps, job.known.entries if job.known else None)
    seed = job.recipe.seed if job.recipe.order == SHUFFLED else None
    watch = _merging(progress)
    merged = merge(engine, chunks, cleaned.sizes, ready, knowing, watch, seed, said.tell)
    cleaned.counts.update(merged.ledger)
    return finish(job, ready, merged, cleaned.counts, cleaned.headers), merged.usage


class _Cleaned(NamedTuple):
    """What the chunks gave: the conversations of each, what files say once for all their records,
    and the counts."""

    sizes: list[int]
    headers: list[Header]
    counts: Ledger


def _clean(
    job: Plan,
    chunks: Path,
    engine: Engine,
    steps: tuple[CorpusStep, ...],
    progress: Progress | None,
    strict: bool,
) -> _Cleaned:
    """All stages over all chunks, each chunk's result in files below `chunks`. Raises
    ConverterError if the code of a source or a stage fails on too many records."""
    function = partial(
        process,
        recipe=job.recipe,
        refs={s.source.name: s.ref for s in job.selections},
        steps=steps,
        stages=tuple(order.STAGES),
        folder=chunks,
        code=own_code(),
    )
    counts = Ledger()
    for source, subset in job.found.missing:
        counts.add(source, subset, "read", "missing_files")
    sizes: list[int] = []
    headers: list[Header] = []
    failure = ""
    work = chunks_of(job, counts, headers, slabs=engine.sees_files)
    for index, made, step in engine.map(function, work):
        assert index == len(sizes)
        sizes.append(made.conversations)
        counts.update(made.ledger)
        failure = failure or made.failure
        if strict:
            check_failures(made.ledger, failure, strict=True)
        if progress:
            progress(step)
    check_failures(counts, failure, strict=False)
    return _Cleaned(sizes, headers, counts)


def _merging(progress: Progress | None) -> Watch | None:
    """The merge's progress, passed on to the watcher of the build."""
    if progress is None:
        return None
    return lambda doing, done, total: progress(Update(None, done, total, 0, doing))


def _still_there(job: Plan) -> None:
    """Raises InputError if a file changed since it was hashed: the build may have read a mixture of
    two versions."""
    inputs = [*job.found.inputs, *job.evaluation_inputs]
    changed = [i.path for i in inputs if stamp(i.path) != i.stamp]
    changed += [
        Path(s.path) for s in job.selections if s.path and digest(Path(s.path)) != s.source.digest
    ]
    if changed:
        raise InputError(
            f"{changed[0]} changed while it was read.",
            hint="Nothing was published. Run the command again when the file no longer changes.",
        )
