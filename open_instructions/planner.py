"""Everything that decides a build, settled before any work: what was asked for, the recipe, the files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from . import recipe as recipes
from . import store
from .acquire import Found, Input, find, samples_dir
from .acquire.cache import Cache, Entry
from .acquire.fetch import Confirm, Needs, Progress, Wanted, fetch, fetch_one, needs
from .acquire.lock import Locked, read_lock
from .catalogue import Selection, Source, Subset, registry, select, suggest
from .errors import FetchError, InputError, MissingSourceError, RecipeError, UsageError
from .places import check_reachable, check_writable, is_remote, place
from .recipe import Recipe
from .tokens import tokenizer
from .upstream import File, parse_place
from .versions import versions

Missing = Literal["stop", "skip"]


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
            "inputs": describe_inputs(self.found.inputs),
            "missing": self.found.missing,
            "sources": [(s.source.name, s.source.digest) for s in self.selections],
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Fetching:
    """How files are fetched that are not there: not at all (`offline`), asked about first (`confirm`), watched (`progress`, between
    `begin` and `end`)."""

    offline: bool = False
    confirm: Confirm | None = None
    progress: Progress | None = None
    begin: Callable[[Needs], None] | None = None
    end: Callable[[], None] | None = None

    @property
    def allowed(self) -> bool:
        return not self.offline and os.environ.get("HF_HUB_OFFLINE", "").upper() not in ("1", "TRUE", "YES", "ON")

    @contextmanager
    def watched(self, needed: Needs) -> Iterator[None]:
        if self.begin:
            self.begin(needed)
        try:
            yield
        finally:
            if self.end:
                self.end()


@dataclass(frozen=True)
class Choices:
    """What a user said of a build's inputs and recipe; the parameters of `open_instructions.build` of the same names."""

    sources: str | Iterable[str] = "all"
    data_dir: str | os.PathLike[str] | None = None
    sample: bool = False
    missing: Missing = "stop"
    locked: str | os.PathLike[str] | None = None
    recipe: str | Recipe = "default"
    out: str | os.PathLike[str] | None = None
    languages: str | Sequence[str] | None = None
    not_languages: str | Sequence[str] | None = None
    licenses: str | Sequence[str] | None = None
    max_tokens: int | None = None
    fetching: Fetching = field(default_factory=Fetching)


def plan(said: Choices) -> Plan:
    """Find or fetch the inputs and settle everything that can be wrong before any work is done."""
    if said.sample and said.data_dir is not None:
        raise UsageError("--sample and --data-dir exclude each other.", hint="--sample uses the files that ship with the package.")
    if said.sample and said.locked is not None:
        raise UsageError("--sample and --locked exclude each other.", hint="A lock names upstream's files.")
    if said.missing not in ("stop", "skip"):
        raise UsageError(f"--missing is stop or skip, not {said.missing!r}.")
    recipe = _recipe(said)
    lock = read_lock(os.fspath(said.locked)) if said.locked is not None else None
    selections = select(
        [subset for file in lock for subset in file.subsets] if lock is not None and said.sources == "all" else said.sources
    )
    _check_names(recipe, registry().all())
    folder = samples_dir() if said.sample else place(said.data_dir) if said.data_dir is not None else None
    there = place(said.out) if said.out is not None else store.builds() / (store.SAMPLE if said.sample else recipe.name)
    check_writable(there)
    for address in (there, folder or there):
        check_reachable(address)
    if said.sample:
        found = find(folder, selections, missing=said.missing)
    elif lock is not None:
        found = _as_locked(folder, selections, lock, said)
    else:
        found = _fetched(folder, selections, said)
    if not found.inputs:
        raise InputError(f"{folder or 'The cache'} holds no file of the sources asked for.", hint="oi sources lists the files looked for.")
    return Plan(tuple(selections), recipe, found, there if is_remote(there) else Path(os.path.realpath(there)))


def _recipe(said: Choices) -> Recipe:
    if said.max_tokens is not None and (isinstance(said.max_tokens, bool) or not isinstance(said.max_tokens, int)):
        raise UsageError(f"max_tokens is a whole number, not {said.max_tokens!r}.")
    if not isinstance(said.recipe, str | Recipe):
        raise UsageError(f"recipe is a name, a path or a Recipe, not a {type(said.recipe).__name__}.")
    chosen = recipes.load(said.recipe) if isinstance(said.recipe, str) else said.recipe
    chosen = chosen.with_flags(
        languages=_labels(said.languages),
        not_languages=_labels(said.not_languages),
        licenses=_labels(said.licenses),
        max_tokens=said.max_tokens,
    )
    tokenizer(chosen.tokenizer)
    return chosen


def _check_names(recipe: Recipe, sources: Sequence[Source]) -> None:
    """Raises RecipeError for a name in `rules_off` or `prefer` of a rule or a source that nobody knows."""
    rules = [f"{s.name}.{r.name}" for s in sources for r in s.rules]
    names = [s.name for s in sources]
    for kind, given, known in (("rule", recipe.rules_off, rules), ("source", recipe.prefer, names)):
        for name in given:
            if name not in known:
                raise RecipeError(f"Recipe {recipe.name}: there is no {kind} {name!r}.", hint=suggest(name, known, "Known are"))


def _labels(given: str | Sequence[str] | None) -> tuple[str, ...] | None:
    parts = given.split(",") if isinstance(given, str) else given
    return None if parts is None else tuple(part.strip() for part in parts if part.strip())


def _fetched(folder: Path | None, selections: Sequence[Selection], said: Choices) -> Found:
    """The inputs: from the folder, from the cache; and without a folder, from the network."""
    cache = Cache()
    notes: tuple[str, ...] = ()
    if folder is None and said.fetching.allowed:
        failed = bring(needs(selections, cache), cache, said.fetching)
        if failed and said.missing == "stop":
            raise FetchError(
                "Not everything could be fetched:\n" + "\n".join(f"  {label}: {why}" for label, why in failed) + "\n",
                hint="The same command goes on with what is missing; --missing skip goes on without it.",
            )
        notes = tuple(f"{label} could not be fetched: {why}" for label, why in failed)
    found = find(folder, selections, kept=cache.complete, missing=said.missing)
    return Found(found.inputs, found.missing, (*found.notes, *notes), found.unused)


def bring(needed: Needs, cache: Cache, how: Fetching) -> tuple[tuple[str, str], ...]:
    """Fetch what is needed, if the user agrees; what failed. Raises UsageError where a user does not."""
    if not needed.wanted:
        return needed.failed
    if how.confirm and not how.confirm(needed):
        raise UsageError("Nothing was fetched.", hint="--sources names fewer; --sample needs none.")
    with how.watched(needed):
        return fetch(needed, cache, how.progress)


def _as_locked(folder: Path | None, selections: Sequence[Selection], lock: Sequence[Locked], said: Choices) -> Found:
    """Exactly the files of a lock: from the folder, the cache or their places. Raises an error where one is not to be had, or is another."""
    asked = {f"{s.source.name}:{name}" for s in selections for name in s.subsets}
    files = [f for f in lock if asked & set(f.subsets)]
    there = {i.sha256 for i in find(folder, selections, missing="skip").inputs} if folder else set()
    cache = Cache()
    entries: list[tuple[Locked, Entry]] = []
    for file in files:
        if file.sha256 not in there:
            entries.append((file, _locked_entry(file, cache, said.fetching)))

    def kept(source: Source, subset: Subset) -> list[Entry]:
        return [entry for file, entry in entries if f"{source.name}:{subset.name}" in file.subsets]

    found = find(folder, selections, kept=kept, missing=said.missing)
    expected, got = {f.sha256: f for f in files}, {i.sha256: i for i in found.inputs}
    other = [f"{i.relative} (sha256 {sha[:12]}…) is not in it" for sha, i in got.items() if sha not in expected]
    other += [f"{f.name} (sha256 {sha[:12]}…) is in it and was not found" for sha, f in expected.items() if sha not in got]
    if other:
        raise InputError(
            f"The files are not those of {os.fspath(said.locked or '')}: {'; '.join(other)}.",
            hint="Build without --locked, or with its files.",
        )
    return found


def _locked_entry(file: Locked, cache: Cache, how: Fetching) -> Entry:
    entry = cache.with_digest(file.sha256)
    if entry:
        return entry
    if file.place is None:
        raise MissingSourceError(
            f"{file.name} ({', '.join(file.subsets)}, sha256 {file.sha256}) came from a folder when the lock was written.",
            hint="Hand its folder in with --data-dir.",
        )
    if not how.allowed:
        raise MissingSourceError(f"{file.name} ({', '.join(file.subsets)}) is not in the cache.", hint="Without --offline it is fetched.")
    where = parse_place(file.place)
    source, _, subset = file.subsets[0].partition(":")
    # beside what the catalogue calls by this name, which may have other bytes
    pinned = File(f"{file.sha256[:12]}/{file.name}", (where,), file.size, (file.sha256,))
    wanted = Wanted(source, subset, pinned, where, size=file.size)
    with how.watched(Needs((wanted,))):
        return fetch_one(wanted, cache, how.progress)


def describe_inputs(inputs: Sequence[Input]) -> list[dict[str, Any]]:
    """Inputs as the manifest has them."""
    return [
        {"source": i.source, "subset": i.subset, "file": i.name, "bytes": i.size, "sha256": i.sha256}
        | ({} if i.member is None else {"member": i.member})
        for i in inputs
    ]
