"""The input files of a build: from folders, the cache, a lock, or the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from ..catalogue import Selection, Source, Subset
from ..catalogue.registry import in_order
from ..errors import InputError, MissingSourceError, Note
from ..inputs import Found, find
from ..inputs.cache import Cache, CachedFile
from ..inputs.fetch import Needs, needs
from ..inputs.fetching import Fetching, bring, not_fetched, told
from ..inputs.lock import Lock, LockedFile
from ..inputs.own import OwnFound
from ..inputs.own_hub import locked_file
from ..recipe import Recipe
from ..rights.terms import qualifies
from .choices import Choices


def fetched(
    data: Sequence[Path], selections: list[Selection], recipe: Recipe, said: Choices
) -> tuple[Found, list[Selection]]:
    """The inputs and their selections. Files come from the folder and the cache; without a folder,
    also from the network."""
    cache = Cache()
    notes: tuple[str, ...] = ()
    if not data and said.how_to_fetch.allowed:
        selections, spared = _worth_fetching(selections, recipe, cache)
        if spared:
            notes = (
                f"not fetched, because no row would qualify under {', '.join(recipe.licenses)}: "
                f"{', '.join(spared)}",
            )
        failed = bring(needs(selections, cache), cache, said.how_to_fetch)
        if failed and said.missing == "stop":
            raise not_fetched(
                "Some files",
                failed,
                "Run the same command again to fetch the rest. --missing=skip builds "
                "without it; --data-dir uses files of yours.",
            )
        notes += tuple(f"not fetched: {line}" for line in told(failed))

    def cached(source: Source, subset: Subset) -> list[CachedFile]:
        return [entry.file for entry in cache.complete(source, subset)]

    found = find(data, selections, cached=cached, missing=said.missing, encoding=recipe.encoding)
    return replace(found, notes=(*found.notes, *map(Note, notes))), selections


def _worth_fetching(
    selections: Sequence[Selection], recipe: Recipe, cache: Cache
) -> tuple[list[Selection], list[str]]:
    """The selections without the subsets that are not here and would lose every row to the licence
    filter; and those subsets."""
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


def as_locked(
    data: Sequence[Path], selections: Sequence[Selection], lock: Lock, said: Choices, encoding: str
) -> Found:
    """Exactly the files of a lock: from the folder, the cache or their published addresses. Raises
    an error if one is unavailable or differs."""
    asked = {f"{s.source.name}:{name}" for s in selections for name in s.subsets}
    files = [f for f in lock.files if asked & set(f.subsets)]
    there = {i.sha256 for i in find(data, selections, missing="skip", encoding=encoding).inputs}
    absent = [f for f in files if f.sha256 not in there]
    cache = Cache()
    lost = [
        f"  {f.name} ({', '.join(f.subsets)}, sha256 {f.sha256}) {why}"
        for f in absent
        if (why := _why_lost(f, data, cache, said.how_to_fetch))
    ]
    if lost:
        raise MissingSourceError(
            f"Some files in {said.locked} are not available:\n" + "\n".join(lost) + "\n",
            hint=(
                "Pass a folder with exactly these files as --data-dir. Without --offline, "
                "those that were published are fetched."
            ),
        )
    wanted = tuple(
        locked_file(f, f.place) for f in absent if f.place and not cache.with_digest(f.sha256)
    )
    if failed := bring(Needs(wanted), cache, said.how_to_fetch):
        raise not_fetched(
            f"Some files in {said.locked}", failed, "Run the same command again to fetch the rest."
        )
    entries = [(f, entry) for f in absent if (entry := cache.with_digest(f.sha256))]

    def cached(source: Source, subset: Subset) -> list[CachedFile]:
        label = f"{source.name}:{subset.name}"
        return [entry.file._replace(relative=f.name) for f, entry in entries if label in f.subsets]

    found = find(data, selections, cached=cached, beside=True, missing="skip", encoding=encoding)
    _check_same(found, files, said)
    here = version("open-instructions")
    notes = (
        (f"the lock was written by Open Instructions {lock.version}; this is {here}",)
        if lock.version != here
        else ()
    )
    return replace(found, notes=(*map(Note, notes), *found.notes))


def _check_same(found: Found, files: Sequence[LockedFile], said: Choices) -> None:
    """Raises InputError if the files that were found are not exactly those of the lock."""
    expected, got = {f.sha256: f for f in files}, {i.sha256: i for i in found.inputs}
    other = [
        f"{i.relative} (sha256 {sha[:12]}…) is not in it"
        for sha, i in got.items()
        if sha not in expected
    ]
    other += [
        f"{f.name} (sha256 {sha[:12]}…) is in it but was not found"
        for sha, f in expected.items()
        if sha not in got
    ]
    if other:
        raise InputError(
            f"The files differ from those of {said.locked}: {'; '.join(other)}.",
            hint="Build without --locked, or with the lock's files.",
        )


def with_own(
    found: Found, selections: list[Selection], own: OwnFound
) -> tuple[Found, list[Selection]]:
    """What was found, with the user's own sources: all inputs by source, each file once."""
    inputs = {(i.source, i.subset, i.sha256, i.member): i for i in (*own.inputs, *found.inputs)}
    chosen = in_order([*selections, *own.selections])
    ranks = {s.source.name: number for number, s in enumerate(chosen)}
    return replace(
        found,
        inputs=tuple(sorted(inputs.values(), key=lambda i: ranks[i.source])),
        notes=(*found.notes, *own.notes),
        unused=(*found.unused, *own.unused),
    ), chosen


def _why_lost(file: LockedFile, data: Sequence[Path], cache: Cache, how: Fetching) -> str:
    """Why a file is unavailable; "" if it is available."""
    if cache.with_digest(file.sha256) or (file.place and how.allowed):
        return ""
    if file.place:
        return "is not in the cache"
    return "came from a folder when the lock was written" + (
        f", and is not in {named(data)}" if data else ""
    )


def named(data: Sequence[Path]) -> str:
    return ", ".join(map(str, data))
