"""Everything that decides a build, settled before any work: what was asked for, the recipe, the files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from .. import recipe as recipes
from .. import store
from ..catalogue import Selection, Source, Subset, registered, registry, select
from ..catalogue.published import File, parse_place
from ..errors import FetchError, InputError, MissingSourceError, RecipeError, UsageError, suggest
from ..inputs import Found, Input, find, samples_dir
from ..inputs.cache import Cache, Held
from ..inputs.fetch import Confirm, Failure, Needs, Progress, Wanted, fetch, needs
from ..inputs.lock import Lock, Locked, read_lock
from ..paths import Folders, check_reachable, check_writable, folders, is_remote, place
from ..recipe import Recipe
from ..rights.terms import qualifies
from ..tokens import tokenizer
from .probing import settle
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
    def described(self) -> dict[str, Any]:
        """All of it, as the manifest has it."""
        return {
            "versions": versions(self.recipe),
            "recipe": self.recipe.to_dict(),
            "sources": {s.source.name: s.source.digest or None for s in self.selections},
            "inputs": describe_inputs(self.found.inputs),
            "missing": [f"{source}:{subset}" for source, subset in self.found.missing],
        }

    @cached_property
    def fingerprint(self) -> str:
        return store.fingerprint(self.described)


@dataclass(frozen=True)
class Fetching:
    """How files are fetched that are not there: not at all (`offline`), asked about first (`confirm`), watched (`progress`, and
    `landed` for what is there, between `begin` and `end`)."""

    offline: bool = False
    confirm: Confirm | None = None
    progress: Progress | None = None
    landed: Callable[[Wanted], None] | None = None
    begin: Callable[[Needs], None] | None = None
    end: Callable[[], None] | None = None

    @property
    def allowed(self) -> bool:
        return not self.offline and os.environ.get("HF_HUB_OFFLINE", "").upper() not in (
            "1",
            "TRUE",
            "YES",
            "ON",
        )

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
    data_dir: Folders | None = None
    sample: bool = False
    missing: Missing = "stop"
    locked: str | os.PathLike[str] | None = None
    recipe: str | Recipe | None = None
    out: str | os.PathLike[str] | None = None
    languages: str | Sequence[str] | None = None
    not_languages: str | Sequence[str] | None = None
    licenses: str | Sequence[str] | None = None
    max_tokens: int | None = None
    encoding: str | None = None
    tokenizer: str | None = None
    index_base: Mapping[str, int] | Sequence[str] | None = None
    fetching: Fetching = field(default_factory=Fetching)


def plan(said: Choices) -> Plan:
    """Find or fetch the inputs and settle everything that can be wrong before any work is done."""
    if said.sample and said.data_dir is not None:
        raise UsageError(
            "--sample and --data-dir exclude each other.",
            hint="--sample uses the files that ship with the package.",
        )
    if said.sample and said.locked is not None:
        raise UsageError(
            "--sample and --locked exclude each other.", hint="A lock names upstream's files."
        )
    if said.missing not in ("stop", "skip"):
        raise UsageError(f"--missing is stop or skip, not {said.missing!r}.")
    lock = read_lock(os.fspath(said.locked)) if said.locked is not None else None
    recipe = _recipe(said, lock)
    selections = _selections(said, lock)
    _check_names(recipe, registry().all())
    data = (samples_dir(),) if said.sample else folders(said.data_dir)
    # a home that cannot be used is an error with --out as well
    usual = store.builds() / (store.SAMPLE if said.sample else recipe.name)
    there = place(said.out) if said.out is not None else usual
    check_writable(there)
    for address in (there, *data):
        check_reachable(address)
    if said.sample:
        found = find(data, selections, missing=said.missing, encoding=recipe.encoding)
    elif lock is not None:
        found = _as_locked(data, selections, lock, said, recipe.encoding)
    else:
        found, selections = _fetched(data, selections, recipe, said)
    if not found.inputs:
        why = "".join(f"\n  {line}" for line in dict.fromkeys((*found.notes, *found.there)))
        raise InputError(
            f"{_named(data) or 'The cache'} holds no file of the sources asked for.{why}",
            hint="oi sources lists the files looked for.",
        )
    found = replace(
        found, inputs=settle(found.inputs, selections, dict(recipe.index_base), recipe.encoding)
    )
    return Plan(
        tuple(selections),
        recipe,
        found,
        there if is_remote(there) else Path(os.path.realpath(there)),
    )


def _selections(said: Choices, lock: Lock | None) -> list[Selection]:
    if lock is None:
        return select(said.sources)
    if said.sources != "all":
        selections = select(said.sources)
    elif lock.own:
        name, sha256 = next(iter(lock.own.items()))
        others = [s for s in lock.sources if s.partition(":")[0] not in lock.own]
        raise UsageError(
            f"{said.locked} needs a source of your own: {name}, a .py file with the sha256 {sha256}.",
            hint=f"--sources={','.join([*others, './mine.py'])} names it; it is run, so look into it before.",
        )
    else:
        selections = _registered(said, lock)
    for s in selections:
        if lock.own.get(s.source.name, s.source.digest) != s.source.digest:
            raise InputError(
                f"{said.locked} was written with another source {s.source.name}: of the sha256 {lock.own[s.source.name]}.",
                hint=f"{s.path} has {s.source.digest}."
                if s.path
                else "An installed package has one of this name.",
            )
    return selections


def _registered(said: Choices, lock: Lock) -> list[Selection]:
    try:
        return registered(lock.sources)
    except UsageError as error:
        raise UsageError(
            f"{said.locked} is of a source that is not known here: {error.message}",
            hint="--sources=./mine.py names one of your own.",
        ) from error


def _recipe(said: Choices, lock: Lock | None) -> Recipe:
    if said.max_tokens is not None and (
        isinstance(said.max_tokens, bool) or not isinstance(said.max_tokens, int)
    ):
        raise UsageError(f"--max-tokens is a whole number, not {said.max_tokens!r}.")
    if not isinstance(said.encoding, str | None):
        raise UsageError(f"--encoding is a name like gb18030, not {said.encoding!r}.")
    if not isinstance(said.tokenizer, str | None):
        raise UsageError(
            f"--tokenizer is a text, not {said.tokenizer!r}.",
            hint="A name, or a path like ./tokenizer.json.",
        )
    if not isinstance(said.recipe, str | Recipe | None):
        raise UsageError(
            f"--recipe is a name, a path or a Recipe, not a {type(said.recipe).__name__}."
        )
    if said.recipe is None:
        chosen = Recipe.from_dict(lock.recipe) if lock else recipes.load()
    else:
        chosen = recipes.load(said.recipe) if isinstance(said.recipe, str) else said.recipe
    chosen = chosen.with_flags(
        languages=_labels(said.languages),
        not_languages=_labels(said.not_languages),
        licenses=_labels(said.licenses),
        max_tokens=said.max_tokens,
        encoding=said.encoding,
        tokenizer=said.tokenizer,
        index_base=_bases(said.index_base),
    )
    tokenizer(chosen.tokenizer)
    return chosen


def _check_names(recipe: Recipe, sources: Sequence[Source]) -> None:
    """Raises RecipeError for a name in `rules_off`, `prefer` or `index_base` of a rule, a source or a subset that nobody knows."""
    rules = [f"{s.name}.{r.name}" for s in sources for r in s.rules]
    names = [s.name for s in sources]
    counted = [f"{s.name}:{x.name}" for s in sources for x in s.subsets if x.probe]
    bases = [name for name, _ in recipe.index_base]
    asked = (
        ("rule", recipe.rules_off, rules),
        ("source", recipe.prefer, names),
        ("subset with counted options", bases, counted),
    )
    for kind, given, known in asked:
        for name in given:
            if name not in known:
                raise RecipeError(
                    f"Recipe {recipe.name}: there is no {kind} {name!r}.",
                    hint=suggest(name, known, "Known are"),
                )


def _named(data: Sequence[Path]) -> str:
    return ", ".join(map(str, data))


def _labels(given: str | Sequence[str] | None) -> tuple[str, ...] | None:
    parts = given.split(",") if isinstance(given, str) else given
    return None if parts is None else tuple(part.strip() for part in parts if part.strip())


def _bases(given: Mapping[str, int] | Sequence[str] | None) -> dict[str, int] | None:
    """`lmflow:medmcqa=0`, one or several, as a mapping."""
    if given is None or isinstance(given, Mapping):
        return None if given is None else dict(given)
    bases: dict[str, int] = {}
    for item in [given] if isinstance(given, str) else given:
        name, _, base = item.strip().rpartition("=")
        if not name or base not in ("0", "1"):
            raise UsageError(f"--index-base is like lmflow:medmcqa=0, not {item!r}.")
        if bases.setdefault(name, int(base)) != int(base):
            raise UsageError(f"--index-base says both 0 and 1 of {name}.")
    return bases


def _fetched(
    data: Sequence[Path], selections: list[Selection], recipe: Recipe, said: Choices
) -> tuple[Found, list[Selection]]:
    """The inputs: from the folder, from the cache; and without a folder, from the network. And the selections that they are of."""
    cache = Cache()
    notes: tuple[str, ...] = ()
    if not data and said.fetching.allowed:
        selections, spared = _worth_fetching(selections, recipe, cache)
        if spared:
            notes = (
                f"not fetched, for no row would qualify under {', '.join(recipe.licenses)}: {', '.join(spared)}",
            )
        failed = bring(needs(selections, cache), cache, said.fetching)
        if failed and said.missing == "stop":
            raise FetchError(
                "Not everything could be fetched:\n"
                + "\n".join(f"  {line}" for line in told(failed))
                + "\n",
                hint="The same command goes on with what is missing; --missing=skip goes on without it, --data-dir takes files of yours.",
            )
        notes += tuple(f"not fetched: {line}" for line in told(failed))

    def kept(source: Source, subset: Subset) -> list[Held]:
        return [entry.held for entry in cache.complete(source, subset)]

    found = find(data, selections, kept=kept, missing=said.missing, encoding=recipe.encoding)
    return replace(found, notes=(*found.notes, *notes)), selections


def _worth_fetching(
    selections: Sequence[Selection], recipe: Recipe, cache: Cache
) -> tuple[list[Selection], list[str]]:
    """The selections without subsets that are not here and would be rejected to the last row by their licence; and those subsets."""
    left: list[Selection] = []
    spared: list[str] = []
    for selection in selections:
        source = selection.source
        subsets = [source.subset(name) for name in selection.subsets]
        worth = [
            x
            for x in subsets
            if qualifies(x.license, x.engine, recipe.licenses)
            or x.own_licenses
            or cache.complete(source, x)
        ]
        spared += [f"{source.name}:{x.name}" for x in subsets if x not in worth]
        if worth:
            left.append(replace(selection, subsets=tuple(x.name for x in worth)))
    return left, spared


def told(failed: Sequence[Failure]) -> list[str]:
    """What failed, a line each."""
    return list(
        dict.fromkeys(f"{f.subset}{f' {f.file}' if f.file else ''}: {f.why}" for f in failed)
    )


def bring(needed: Needs, cache: Cache, how: Fetching) -> tuple[Failure, ...]:
    """Fetch what is needed, if the user agrees; what failed. Raises UsageError where a user does not."""
    if not needed.wanted:
        return needed.failed
    if not how.allowed:
        raise UsageError("Nothing is fetched offline.", hint="HF_HUB_OFFLINE is set.")
    if how.confirm and not how.confirm(needed):
        raise UsageError("Nothing was fetched.", hint="--sources names fewer; --sample needs none.")
    with how.watched(needed):
        return fetch(needed, cache, how.progress, how.landed)


def _as_locked(
    data: Sequence[Path], selections: Sequence[Selection], lock: Lock, said: Choices, encoding: str
) -> Found:
    """Exactly the files of a lock: from the folder, the cache or their places. Raises an error where one is not to be had, or is another."""
    asked = {f"{s.source.name}:{name}" for s in selections for name in s.subsets}
    files = [f for f in lock.files if asked & set(f.subsets)]
    there = {i.sha256 for i in find(data, selections, missing="skip", encoding=encoding).inputs}
    absent = [f for f in files if f.sha256 not in there]
    cache = Cache()
    lost = [
        f"  {f.name} ({', '.join(f.subsets)}, sha256 {f.sha256}) {why}"
        for f in absent
        if (why := _why_lost(f, data, cache, said.fetching))
    ]
    if lost:
        raise MissingSourceError(
            f"Not everything in {said.locked} is to be had:\n" + "\n".join(lost) + "\n",
            hint="--data-dir takes a folder with the very files; without --offline those that have a place are fetched.",
        )
    wanted = tuple(
        _locked_file(f, f.place) for f in absent if f.place and not cache.with_digest(f.sha256)
    )
    if failed := bring(Needs(wanted), cache, said.fetching):
        raise FetchError(
            f"Not everything in {said.locked} could be fetched:\n"
            + "\n".join(f"  {line}" for line in told(failed))
            + "\n",
            hint="The same command goes on with what is missing.",
        )
    entries = [(f, entry) for f in absent if (entry := cache.with_digest(f.sha256))]

    def kept(source: Source, subset: Subset) -> list[Held]:
        label = f"{source.name}:{subset.name}"
        return [entry.held._replace(relative=f.name) for f, entry in entries if label in f.subsets]

    found = find(data, selections, kept=kept, beside=True, missing="skip", encoding=encoding)
    expected, got = {f.sha256: f for f in files}, {i.sha256: i for i in found.inputs}
    other = [
        f"{i.relative} (sha256 {sha[:12]}…) is not in it"
        for sha, i in got.items()
        if sha not in expected
    ]
    other += [
        f"{f.name} (sha256 {sha[:12]}…) is in it and was not found"
        for sha, f in expected.items()
        if sha not in got
    ]
    if other:
        raise InputError(
            f"The files are not those of {said.locked}: {'; '.join(other)}.",
            hint="Build without --locked, or with its files.",
        )
    here = version("open-instructions")
    notes = (
        (f"the lock was written by Open Instructions {lock.version}, and this is {here}",)
        if lock.version != here
        else ()
    )
    return replace(found, notes=(*notes, *found.notes))


def _why_lost(file: Locked, data: Sequence[Path], cache: Cache, how: Fetching) -> str:
    """Why a file cannot be had; "" if it can."""
    if cache.with_digest(file.sha256) or (file.place and how.allowed):
        return ""
    if file.place:
        return "is not in the cache"
    return "came from a folder when the lock was written" + (
        f", and is not in {_named(data)}" if data else ""
    )


def _locked_file(file: Locked, place: str) -> Wanted:
    where = parse_place(place)
    source, _, subset = file.subsets[0].partition(":")
    # beside what the catalogue calls by this name, which may have other bytes
    return Wanted(
        source,
        subset,
        File(f"{file.sha256[:12]}/{file.name}", (where,), file.size, (file.sha256,)),
        where,
        size=file.size,
    )


def describe_inputs(inputs: Sequence[Input]) -> list[dict[str, Any]]:
    """Inputs as the manifest has them."""
    return [
        {
            "source": i.source,
            "subset": i.subset,
            "file": i.name,
            "bytes": i.size,
            "sha256": i.sha256,
        }
        | ({} if i.member is None else {"member": i.member})
        | ({} if i.index_base is None else {"index_base": i.index_base.as_dict()})
        for i in inputs
    ]
