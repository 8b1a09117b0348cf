"""One place runs a build: plan -> run -> merge -> publish."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

from .. import store
from ..corpus import contamination, steps_of
from ..corpus.holdout import with_sides
from ..corpus.options import SHUFFLED
from ..engines import Engine
from ..engines.local import Local
from ..errors import InputError, LedgerError, Note, OutputError, UsageError
from ..inputs import Found, Input, digest, stamp
from ..inputs.cache import Cache
from ..inputs.lock import Lock, locked_files
from ..ledger import Ledger
from ..merge import merge, notes_of
from ..merge.rounds import Watch
from ..paths import children, is_remote, store_fault
from ..reports.card import card, license_page
from ..rights.rows import Usage
from ..stages import order
from ..store import Build, Manifest, OtherCount, home
from ..store.chunks import count_finished
from ..store.headers import Header, write_headers
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
from .failures import check_failures, check_rows, unreadable
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
    """Build merged Parquet shards from upstream's files.

    `sources` is "all" or a list such as "alpaca,gpt4llm:zh" (also as an iterable, also with paths
    to .py files); `data_dir` the folder with upstream's files, or several, or `sample=True` for the
    bundled samples; it and `out` may be addresses that fsspec knows (s3://bucket/mix). Without
    either, files come from the cache and, unless `offline`, from where upstream published them;
    `locked` is an oi.lock, of whose files alone the build is made, with its recipe where none is
    said. `workers=None` takes one per CPU, or one where there is little to do. `engine="ray"` runs
    on the Ray cluster at `ray_address`. `index_base` says where a subset counts its options from,
    like {"lmflow:medmcqa": 0}. A build that was interrupted goes on from the chunks that it
    finished, unless `restart`. With `strict` it stops at the first record that the code of a
    converter, rule or stage fails on; else such a record is rejected as `stage_failed`. `progress`
    is called with each Update; True shows bars, False none, None shows them in a notebook only. The
    other parameters are the flags of `oi build`; `announce` gets the plan and how many chunks are
    done, `tell` what corpus steps say before anything is written; `fetching` says how files are
    fetched.

    Returns a BuildResult. Raises an OpenInstructionsError; see `open_instructions.errors`.

    >>> import open_instructions as oi                                        # doctest: +SKIP
    >>> oi.build("alpaca,dolly", sample=True, out="mix")                      # doctest: +SKIP
    """
    job = plan(said)
    if said.engine not in ("local", "ray"):
        raise UsageError(f"--engine takes local or ray, not {said.engine!r}.")
    if said.ray_address is not None and said.engine != "ray":
        raise UsageError("A Ray address needs the engine ray.", hint="Use --engine=ray.")
    if said.workers is not None and (not isinstance(said.workers, int) or said.workers < 1):
        raise UsageError(f"--workers takes a whole number from 1, not {said.workers!r}.")
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
            replaced = store.existing(job.out)
            there = bool(children(job.out))
            if there and not said.overwrite:
                raise OutputError(
                    f"{job.out} has another build.",
                    hint="Use --overwrite to replace it, or --out for another folder.",
                )
            if there:
                check_replaceable(
                    job.out,
                    [
                        *(i.path for i in [*job.found.inputs, *job.evaluation_inputs]),
                        *(Path(s.path) for s in job.selections if s.path),
                    ],
                )
            with workspace(job.out, job.fingerprint, restart=said.restart) as work:
                if said.announce:
                    said.announce(job, count_finished(work / CHUNKS))
                with (
                    _engine(said, job.found.inputs, work) as running,
                    watched(said.progress) as watch,
                ):
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
    except BrokenPipeError:  # raised by `progress` or `announce`
        raise
    except OSError as error:
        raise OutputError(
            f"{error.filename or job.out} could not be written: {error.strerror or error}.",
            hint="Run the same command again to continue.",
        ) from error
    except Exception as error:
        if fault := store_fault(error):
            raise OutputError(fault, hint="Run the same command again to continue.") from error
        raise
    return BuildResult(job.out, made.manifest, _remembered(job, notes), unchanged=False)


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
    refs = {s.source.name: s.ref for s in job.selections}
    names = [s.source.name for s in job.selections]
    names += [name for parent in job.parents.values() for name, _ in parent.ledger.subsets()]
    sides = sides_of(job.keeps) if job.keeps else None
    steps = with_sides(steps_of(job.recipe, sorted(set(names))), sides)
    function = partial(
        process,
        recipe=job.recipe,
        refs=refs,
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
    for index, made, step in engine.map(
        function, chunks_of(job, counts, headers, slabs=engine.sees_files)
    ):
        assert index == len(sizes)
        sizes.append(made.conversations)
        counts.update(made.ledger)
        failure = failure or made.failure
        if said.strict:
            check_failures(made.ledger, failure, strict=True)
        if progress:
            progress(step)
    check_failures(counts, failure, strict=False)
    _still_there(job)
    knowing = contamination.knowing(steps, job.known.entries if job.known else None)
    seed = job.recipe.seed if job.recipe.order == SHUFFLED else None
    merged = merge(engine, chunks, sizes, ready, knowing, _merging(progress), seed, said.tell)
    counts.update(merged.ledger)
    problems = counts.problems()
    written = Counter[str]()
    for shard in merged.shards:
        written[shard.kind] += shard.rows
    totals = counts.summary()
    pairs = totals.get("preference_rows", 0)
    for kind, counted in ((store.DATA, totals["rows"] - pairs), (store.PREFERENCE, pairs)):
        if written[kind] != counted:
            problems.append(f"{written[kind]} rows of {kind}/ were written and {counted} counted")
    if problems:
        raise LedgerError(
            "The ledger does not balance: " + "; ".join(problems[:5]) + ".",
            hint="Nothing was published. This is a bug: please report it.",
        )
    named = {s.source.name: s.source.attribution for s in job.selections}
    for parent in job.parents.values():
        named = {**parent.manifest.attribution, **named}
    attribution = {name: named[name] for name in merged.usage.sources() if named.get(name)}
    manifest = Manifest(
        **vars(job.decided),
        open_instructions=version("open-instructions"),
        fingerprint=job.fingerprint,
        counts=tuple(_other_counts(job, counts)),
        attribution=attribution,
        totals=counts.summary(),
        ledger=counts,
        shards=(*merged.shards, *write_headers(ready, headers)),
        steps=merged.reports,
    )
    result = Build(ready, manifest)
    check_rows(result)
    lock = Lock(
        version("open-instructions"),
        tuple(said for s in job.selections for said in s.as_said()),
        job.recipe.to_dict(),
        locked_files(job.found.inputs, [s.source for s in job.selections], Cache()),
        {s.source.name: s.source.digest for s in job.selections if s.path},
        {s.source.name: s.own.described() for s in job.selections if s.own},
        locked_files(job.evaluation_inputs, (), Cache()),
    )
    store.write_json(ready / store.LOCK, lock.to_dict())
    store.write_json(ready / store.MANIFEST, manifest.to_dict())
    sources = [s.source for s in job.selections]
    text = card(manifest, sources, merged.languages, merged.usage, merged.full)
    (ready / store.CARD).write_text(text, encoding="utf-8")
    (ready / store.LICENSE).write_text(license_page(manifest, merged.usage), encoding="utf-8")
    return result, merged.usage


def _merging(progress: Progress | None) -> Watch | None:
    """The merge's progress, passed on to the watcher of the build."""
    if progress is None:
        return None
    return lambda doing, done, total: progress(Update(None, done, total, 0, doing))


def _other_counts(job: Plan, counts: Ledger) -> list[OtherCount]:
    """The subsets whose number of records differs from upstream's."""
    by_name = {s.source.name: s.source for s in job.selections}
    other = []
    for source, subset in sorted({(i.source, i.subset) for i in job.found.inputs}):
        published = by_name[source].subset(subset).records
        found = counts.sum_of("read", "records_in", source=source, subset=subset)
        if published is not None and found != published:
            other.append(OtherCount(source, subset, published, found))
    return other


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
