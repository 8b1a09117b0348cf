"""The one orchestration: plan -> run -> merge -> publish."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from . import recipe as recipes
from . import store
from .acquire import Found, Input, digest, find, samples_dir, stamp
from .card import card
from .catalogue import Selection, load_file, registry, select
from .chunk import Chunk, cut
from .engines import Engine
from .engines.local import Local
from .errors import InputError, LedgerError, OutputError, RecipeError, UsageError
from .ledger import Ledger
from .merge import merge
from .pipeline import Pipeline, check_names
from .places import check_reachable, check_writable, is_remote, place, store_fault
from .readers import member_size, open_file
from .recipe import Recipe
from .schema import Reason
from .store import Build
from .store.chunks import Finished, count_finished, finished, write_chunk
from .store.work import CHUNKS, READY, check_replaceable, clear, half_published, left_behind, locked, publish, workspace
from .tokens import tokenizer
from .versions import own_code, versions

SMALL_INPUT = 8 << 20
"""Under this many bytes one worker is faster than starting several."""


@dataclass(frozen=True)
class Step:
    """How far a build is: bytes of a source's files that are done, of all its bytes, and the records in them."""

    source: str
    done: int
    total: int
    records: int


Progress = Callable[[Step], None]


@dataclass(frozen=True)
class BuildResult:
    """What a build made, or found made already (`unchanged`). Prints as the table of its ledger."""

    path: Path
    manifest: dict[str, Any]
    found: Found
    unchanged: bool

    @property
    def ledger(self) -> Ledger:
        return Build(self.path, self.manifest).ledger

    def __repr__(self) -> str:
        from .tables import ledger_table, plain

        return plain(*ledger_table(self.ledger)) + f"\n{self.path}"


@dataclass(frozen=True)
class Plan:
    """Everything that decides the result, known before any work."""

    selections: tuple[Selection, ...]
    recipe: Recipe
    found: Found
    out: Path

    @cached_property
    def fingerprint(self) -> str:
        described = {
            "versions": versions(self.recipe),
            "recipe": self.recipe.to_dict(),
            "inputs": _described(self.found.inputs),
            "missing": self.found.missing,
            "sources": [(s.source.name, s.source.digest) for s in self.selections],
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def plan(
    sources: str | Iterable[str] = "all",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    sample: bool = False,
    missing: Literal["stop", "skip"] = "stop",
    recipe: str | Recipe = "default",
    out: str | os.PathLike[str] | None = None,
    languages: str | Sequence[str] | None = None,
    not_languages: str | Sequence[str] | None = None,
    max_tokens: int | None = None,
) -> Plan:
    """Find the inputs and settle everything that can be wrong before any work is done."""
    if sample and data_dir is not None:
        raise UsageError("--sample and --data-dir exclude each other.", hint="--sample uses the files that ship with the package.")
    if max_tokens is not None and (isinstance(max_tokens, bool) or not isinstance(max_tokens, int)):
        raise UsageError(f"max_tokens is a whole number, not {max_tokens!r}.")
    if missing not in ("stop", "skip"):
        raise UsageError(f"--missing is stop or skip, not {missing!r}.")
    if not isinstance(recipe, str | Recipe):
        raise UsageError(f"recipe is a name, a path or a Recipe, not a {type(recipe).__name__}.")
    chosen = recipes.load(recipe) if isinstance(recipe, str) else recipe
    chosen = chosen.with_flags(languages=_labels(languages), not_languages=_labels(not_languages), max_tokens=max_tokens)
    tokenizer(chosen.tokenizer)
    selections = select(sources)
    wrong = check_names(chosen, registry().all())
    if wrong:
        raise RecipeError(f"Recipe {chosen.name}: {wrong}")
    folder = samples_dir() if sample else place(data_dir) if data_dir is not None else None
    there = place(out) if out is not None else store.builds() / (store.SAMPLE if sample else chosen.name)
    check_writable(there)
    for address in (there, folder or there):
        check_reachable(address)
    found = find(folder, selections, missing=missing)
    if not found.inputs:
        raise InputError(f"{folder or 'Nothing'} holds no file of the sources asked for.", hint="oi sources lists the files looked for.")
    return Plan(tuple(selections), chosen, found, there if is_remote(there) else Path(os.path.realpath(there)))


def _labels(given: str | Sequence[str] | None) -> tuple[str, ...] | None:
    parts = given.split(",") if isinstance(given, str) else given
    return None if parts is None else tuple(part.strip() for part in parts if part.strip())


def build(
    sources: str | Iterable[str] = "all",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    sample: bool = False,
    missing: Literal["stop", "skip"] = "stop",
    recipe: str | Recipe = "default",
    out: str | os.PathLike[str] | None = None,
    languages: str | Sequence[str] | None = None,
    not_languages: str | Sequence[str] | None = None,
    max_tokens: int | None = None,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    restart: bool = False,
    progress: Progress | None = None,
    announce: Callable[[Plan, int], None] | None = None,
) -> BuildResult:
    """Build merged Parquet shards from upstream's files.

    `sources` is "all" or a list such as "alpaca,gpt4llm:zh" (also as an iterable, also with paths to .py files);
    `data_dir` the folder with upstream's files, or `sample=True` for the bundled samples; it and `out` may be addresses that
    fsspec knows (s3://bucket/mix). `workers=None` takes one per CPU, or one where there is little to do. `engine="ray"` runs
    on the Ray cluster at `ray_address`. A build that was interrupted goes on from the chunks that it finished, unless
    `restart`. The other parameters are the flags of `oi build`; `announce` gets the plan and how many chunks are done.

    Returns a BuildResult. Raises an OpenInstructionsError; see `open_instructions.errors`.

    >>> import open_instructions as oi                                        # doctest: +SKIP
    >>> oi.build("alpaca,dolly", sample=True, out="mix")                      # doctest: +SKIP
    """
    job = plan(
        sources,
        data_dir=data_dir,
        sample=sample,
        missing=missing,
        recipe=recipe,
        out=out,
        languages=languages,
        not_languages=not_languages,
        max_tokens=max_tokens,
    )
    if engine not in ("local", "ray"):
        raise UsageError(f"engine is local or ray, not {engine!r}.")
    if ray_address is not None and engine != "ray":
        raise UsageError("A Ray address needs the engine ray.", hint="Use --engine ray.")
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise UsageError(f"workers is a whole number from 1, not {workers!r}.")
    if not half_published(job.out) and (same := _made_already(job, store.existing(job.out))):
        if left_behind(job.out):
            with locked(job.out):
                clear(job.out)
        return same
    try:
        with locked(job.out):
            before = store.existing(job.out)  # again: a build that was killed while it replaced this one is mended by now
            if same := _made_already(job, before):
                return same
            if before and not overwrite:
                raise OutputError(f"{job.out} holds another build.", hint="Use --overwrite to replace it, or --out for another folder.")
            if before:
                check_replaceable(job.out, [*(i.path for i in job.found.inputs), *(Path(s.path) for s in job.selections if s.path)])
            with workspace(job.out, job.fingerprint, restart=restart) as work:
                if announce:
                    announce(job, count_finished(work / CHUNKS))
                with _engine(engine, ray_address, workers, job.found.inputs, work) as running:
                    manifest = _run(job, work, running, progress)
                notes = _damage(Ledger.from_dict(manifest["ledger"]))
                publish(work / READY, job.out)
    except OSError as error:
        raise OutputError(
            f"{error.filename or job.out} could not be written: {error.strerror or error}.",
            hint="The same command goes on from what is done.",
        ) from error
    except Exception as error:
        if fault := store_fault(error):
            raise OutputError(fault, hint="The same command goes on from what is done.") from error
        raise
    return BuildResult(job.out, manifest, _remembered(job, notes), unchanged=False)


def _made_already(job: Plan, before: Build | None) -> BuildResult | None:
    if before and before.manifest.get("fingerprint") == job.fingerprint and before.whole():
        return BuildResult(job.out, dict(before.manifest), job.found, unchanged=True)
    return None


def _remembered(job: Plan, notes: Sequence[str]) -> Found:
    """What was found, with what the build has to say of it; and where it lies, for `oi explain`."""
    paths = {i.sha256: i.path for i in job.found.inputs} | {s.source.digest: Path(s.path) for s in job.selections if s.path}
    try:
        store.remember(paths)
    except OSError as error:
        notes = [*notes, f"oi explain will need --data-dir: {error}"]
    return replace(job.found, notes=(*job.found.notes, *notes))


def _damage(ledger: Ledger) -> list[str]:
    """What nobody should overlook: files that stop in the middle, and a build without a row."""
    notes = []
    for entry in ledger.ordered():
        if entry.stage == "read" and entry.name == Reason.TRUNCATED:
            files = f"{ledger[entry]} file" + ("s" if ledger[entry] > 1 else "")
            notes.append(f"{entry.source}:{entry.subset}: {files} cut off inside a record or before the end; what was whole is kept")
        if entry.stage == "read" and entry.name == Reason.EMPTY_FILE:
            notes.append(f"{entry.source}:{entry.subset}: an empty file")
    if not ledger.summary()["rows"]:
        notes.append("not one conversation was kept; rejected/ says why")
    return notes


def _engine(name: str, address: str | None, workers: int | None, inputs: Sequence[Input], work: Path) -> Engine:
    if name == "local":
        return Local(workers or _workers(inputs), scratch=None if is_remote(work) else work)
    from .engines.ray import Ray

    return Ray(workers, address)


def _workers(inputs: Sequence[Input]) -> int:
    if sum(i.size for i in inputs) < SMALL_INPUT:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(job: Plan, work: Path, engine: Engine, progress: Progress | None) -> dict[str, Any]:
    chunks, ready = work / CHUNKS, work / READY
    files = tuple((s.path, s.source.digest) for s in job.selections if s.path)
    function = partial(_process, recipe=job.recipe, files=files, folder=chunks, code=own_code())
    counts = Ledger()
    for source, subset in job.found.missing:
        counts.add(source, subset, "read", "missing_files")
    sizes: list[int] = []
    for index, made, step in engine.map(function, _chunks(job, counts)):
        assert index == len(sizes)
        sizes.append(made.conversations)
        counts.update(made.ledger)
        if progress:
            progress(step)
    _still_there(job)
    merged = merge(engine, chunks, sizes, ready, job.recipe, [s.source.name for s in job.selections])
    counts.update(merged.ledger)
    problems = counts.problems()
    rows = sum(s["rows"] for s in merged.shards if s["path"].startswith(store.DATA))
    if rows != counts.summary()["rows"]:
        problems.append(f"{rows} rows were written and {counts.summary()['rows']} counted")
    if problems:
        raise LedgerError(
            "The books do not balance: " + "; ".join(problems[:5]) + ".", hint="Nothing was published. This is a bug: report it."
        )
    manifest = {
        "format": 1,
        "open_instructions": version("open-instructions"),
        "fingerprint": job.fingerprint,
        "versions": versions(job.recipe),
        "recipe": job.recipe.to_dict(),
        "sources": {s.source.name: s.source.digest or None for s in job.selections},
        "inputs": _described(job.found.inputs),
        "missing": [f"{source}:{subset}" for source, subset in job.found.missing],
        "totals": counts.summary(),
        "ledger": counts.to_dict(),
        "shards": merged.shards,
    }
    store.write_json(ready / store.MANIFEST, manifest)
    text = card(job.recipe.name, manifest, counts, [s.source for s in job.selections], merged.languages)
    (ready / store.CARD).write_text(text, encoding="utf-8")
    return manifest


def _still_there(job: Plan) -> None:
    """Raises InputError if a file is not the one that was hashed: what was read may be a mixture of two."""
    changed = [i.path for i in job.found.inputs if stamp(i.path) != i.stamp]
    changed += [Path(s.path) for s in job.selections if s.path and digest(Path(s.path)) != s.source.digest]
    if changed:
        raise InputError(f"{changed[0]} changed while it was read.", hint="Nothing was published. Start again when it stays as it is.")


def _described(inputs: Sequence[Input]) -> list[dict[str, Any]]:
    return [
        {"source": i.source, "subset": i.subset, "file": i.name, "bytes": i.size, "sha256": i.sha256}
        | ({} if i.member is None else {"member": i.member})
        for i in inputs
    ]


def _chunks(job: Plan, counts: Ledger) -> Iterator[tuple[Chunk, Step]]:
    by_name = {s.source.name: s.source for s in job.selections}
    sizes = _shares(job.found.inputs)
    totals = {name: sum(sizes[i] for i in job.found.inputs if i.source == name) for name in by_name}
    done = dict.fromkeys(by_name, 0)
    number = 0
    for item in job.found.inputs:
        source = by_name[item.source]
        opened = open_file(item.path, item.member, source.subset(item.subset))
        for chunk in cut(opened, item.source, item.name, start=number, join=job.recipe.join_parts):
            number = chunk.number + 1
            records = sum(len(run) for run in chunk.runs)
            counts.add(item.source, item.subset, "read", "records_in", records)  # here, so that no worker can lose any
            yield chunk, Step(item.source, done[item.source] + int(chunk.share * sizes[item]), totals[item.source], records)
        done[item.source] += sizes[item]


def _shares(inputs: Sequence[Input]) -> dict[Input, int]:
    """The bytes on disk that each input stands for: the members of an archive share its size by theirs."""
    unpacked = {i: 1 if i.member is None else member_size(i.path, i.member) for i in inputs}
    whole: Counter[Path] = Counter()
    for item, size in unpacked.items():
        whole[item.path] += size
    return {i: i.size * unpacked[i] // max(whole[i.path], 1) for i in inputs}


def _process(
    work: tuple[Chunk, Step], *, recipe: Recipe, files: tuple[tuple[str, str], ...], folder: Path, code: str
) -> tuple[int, Finished, Step]:
    """What a worker does: a chunk through the pipeline, its result to disk, its counts back."""
    if code != own_code():
        raise UsageError("A worker has another version of Open Instructions.", hint="Install the same version on every node.")
    chunk, step = work
    given = chunk.digest()
    done = finished(folder, chunk.number, given)
    if done is None:
        output = _pipeline(recipe, files, chunk.source, chunk.subset)(chunk)
        done = write_chunk(folder, chunk, given, output)
    return chunk.number, done, step


@lru_cache(maxsize=64)
def _pipeline(recipe: Recipe, files: tuple[tuple[str, str], ...], source: str, subset: str) -> Pipeline:
    for file, expected in files:
        if any(loaded.digest != expected for loaded in load_file(file)):
            raise InputError(f"{file} changed while the build ran.", hint="Nothing was published. Start again when it stays as it is.")
    described = registry().get(source)
    return Pipeline(recipe, described, described.subset(subset))
