"""The sides of an earlier build's rows, for a recipe that keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from ..corpus.holdout import Held, id_key
from ..corpus.sides import TRAIN, Sides, is_fingerprint
from ..errors import InputError, UsageError, shown
from ..inputs import digest
from ..paths import place
from ..recipe import Recipe
from ..schema import GROUP, SPLITS
from ..store import DATA, PREFERENCE, Build, open_build
from ..store.finding import Sought, find_build


def keeping_sides(
    recipe: Recipe, parents: Mapping[str, Build], near: Path
) -> tuple[Recipe, Sides | None]:
    """The sides that a recipe keeps, and the recipe with that build's fingerprint in place of its
    folder. `parents` are the finished builds among the sources, by name. A build that is named
    by its fingerprint is also looked for beside the folder `near`.

    Raises UsageError if that build has no splits or is not here, and if one of the sources has some
    that nothing is said of: its validation rows must not become training rows in silence.
    """
    said = _from(recipe.validation) or _from(recipe.test)
    if said is None:
        if recipe.validation is None and recipe.test is None:
            _check_parents(parents)
        return recipe, None
    build = _build(said, parents, near)
    if len(build.manifest.splits()) == 1:
        raise UsageError(
            f"{shown(said)} has no splits whose sides could be kept.",
            hint="validation: 0.01 puts rows aside anew.",
        )
    fingerprint = build.manifest.fingerprint
    if fingerprint not in {parent.manifest.fingerprint for parent in parents.values()}:
        _check_shards(build)  # those of a source are hashed as inputs
    kept = {
        name: replace(held, from_=fingerprint)
        for name in ("validation", "test")
        if (held := getattr(recipe, name)) is not None and _from(held)
    }
    return replace(recipe, **kept), _sides(build)


def _from(held: Held | None) -> str | None:
    return held.from_ if held else None


def _check_parents(parents: Mapping[str, Build]) -> None:
    for name, build in parents.items():
        if others := [split for split in build.manifest.splits() if split != "train"]:
            raise UsageError(
                f"{name} is a build with rows for {' and '.join(others)}, which would be trained "
                "on.",
                hint=f"In a recipe, validation: {{from: {build.path}}} keeps them apart; "
                "validation: 0.01 puts rows aside anew.",
            )


def _build(said: str, parents: Mapping[str, Build], near: Path) -> Build:
    if not is_fingerprint(said):
        return open_build(place(said))
    found = next((b for b in parents.values() if b.manifest.fingerprint == said), None)
    sought = Sought(found, "") if found else find_build(said, (), near)
    if sought.build is None:
        raise UsageError(
            f"The recipe keeps the sides of the build {said[:16]}…, which is not here. "
            f"{sought.looked}.",
            hint="In a recipe, validation: {from: FOLDER} names its folder.",
        )
    return sought.build


def _check_shards(build: Build) -> None:
    """Raises InputError for a shard with other bytes than its build wrote: two builds of one
    fingerprint would keep different sides."""
    for shard in chain.from_iterable(map(build.manifest.of, _KINDS)):
        path = build.path / shard.path
        if digest(path) != shard.sha256:
            raise InputError(
                f"{shown(str(path))} is not as its manifest says.",
                hint="oi check says what is wrong with a build.",
            )


def _sides(build: Build) -> Sides:
    """Of all rows of a build. Raises InputError for a group that no build writes."""
    import numpy as np

    ids: list[Any] = [np.empty(0, np.uint64)]
    groups: list[Any] = [np.empty(0, np.uint64)]
    sides: list[Any] = [np.empty(0, np.int8)]
    for number, split in enumerate(("train", *SPLITS), TRAIN):
        found = (build.batches(kind, ["conversation_id", GROUP], split=split) for kind in _KINDS)
        for batch in chain.from_iterable(found):
            names, keys = (batch.column(at).to_pylist() for at in (0, 1))
            ids.append(np.array([id_key(name or "") for name in names], np.uint64))
            groups.append(_numbers(keys, build))
            sides.append(np.full(len(names), number, np.int8))
    side = np.concatenate(sides)
    pairs = [(np.concatenate(each), side) for each in (ids, groups)]
    by_id, by_group = (_sorted(keys, of) for keys, of in pairs)
    return Sides(build.manifest.fingerprint, by_id, by_group)


_KINDS = (DATA, PREFERENCE)


def _numbers(keys: list[str | None], build: Build) -> Any:
    import numpy as np

    try:
        data = bytes.fromhex("".join(keys))  # type: ignore[arg-type]
        if {len(key) for key in keys if key} - {16}:
            raise ValueError
    except (TypeError, ValueError) as error:
        where = shown(str(build.path))
        raise InputError(f"{where} has groups that no build writes.") from error
    return np.frombuffer(data, ">u8").astype(np.uint64)


def _sorted(keys: Any, sides: Any) -> tuple[Any, Any]:
    """Each key once, sorted, with the first of its sides."""
    import numpy as np

    found, first = np.unique(keys, return_index=True)
    return found, sides[first]
