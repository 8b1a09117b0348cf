"""The sides of an earlier build's rows, for a recipe that keeps them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from ..corpus.holdout import Held
from ..corpus.sides import SIDES, UNKNOWN, Sides, found, is_fingerprint
from ..errors import InputError, UsageError, shown
from ..inputs import digest
from ..paths import place
from ..recipe import Recipe
from ..store import REJECTED, Build, open_build
from ..store.finding import Sought, find_build
from .row_keys import KINDS, groups_of, hashed, row_keys


def keeping_sides(
    recipe: Recipe, parents: Mapping[str, Build], out: Path
) -> tuple[Recipe, Build | None]:
    """The build whose sides a recipe keeps, and the recipe with its fingerprint in place of its
    folder. `parents` are the finished builds among the sources, by name. A build that is named by
    its fingerprint is also looked for beside `out`.

    Raises UsageError if that build has no splits, is not here, or would be replaced, and if one of
    the sources has splits that nothing is said of: its validation rows must not become training
    rows in silence.
    """
    said = _from(recipe.validation) or _from(recipe.test)
    if said is None:
        if recipe.validation is None and recipe.test is None:
            _check_parents(parents)
        return recipe, None
    build = _build(said, parents, out)
    if len(build.manifest.splits()) == 1:
        raise UsageError(
            f"{shown(said)} has no splits whose sides could be kept.",
            hint="validation: 0.01 puts rows aside anew.",
        )
    if os.path.realpath(build.path) == os.path.realpath(out):
        raise UsageError(
            f"{shown(said)} is the build whose sides are kept, and would be replaced.",
            hint="Choose another folder with --out.",
        )
    fingerprint = build.manifest.fingerprint
    # the rows of a source are hashed as inputs
    is_source = build.path in {parent.path for parent in parents.values()}
    _check_shards(build, [REJECTED] if is_source else [*KINDS, REJECTED])
    kept = {
        name: replace(held, from_=fingerprint)
        for name in ("validation", "test")
        if (held := getattr(recipe, name)) is not None and _from(held)
    }
    return replace(recipe, **kept), build


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


def _check_shards(build: Build, kinds: Sequence[str]) -> None:
    """Raises InputError for a shard with other bytes than its build wrote: two builds of one
    fingerprint would keep different sides."""
    for shard in chain.from_iterable(map(build.manifest.of, kinds)):
        path = build.path / shard.path
        if digest(path) != shard.sha256:
            raise InputError(
                f"{shown(str(path))} is not as its manifest says.",
                hint="oi check says what is wrong with a build.",
            )


def sides_of(build: Build) -> Sides:
    """Of all rows of a build, of their groups, and of rows that it dropped as nearly the same as
    one of them. Raises InputError for rows that no build writes."""
    import numpy as np

    rows = row_sides(build)
    # the text that a group is named after can be of a row that a mix left out
    named = [
        (keys, np.full(len(keys), number, np.int8))
        for number, split in enumerate(SIDES)
        for keys in groups_of(build, split)
    ]
    prompts = joined(rows.prompts, *named)
    alike, other = _nearly_the_same(build)
    side = found(*rows.ids, other)
    known = side != UNKNOWN
    return Sides(rows.fingerprint, joined(rows.ids, (alike[known], side[known])), prompts)


def row_sides(build: Build) -> Sides:
    """Of the rows alone."""
    import numpy as np

    ids, prompts = [], []
    for number, split in enumerate(SIDES):
        for keys in row_keys(build, split):
            side = np.full(len(keys.ids), number, np.int8)
            ids.append((keys.ids, side))
            prompts.append((keys.prompts, side))
    return Sides(build.manifest.fingerprint, joined(*ids), joined(*prompts))


def _nearly_the_same(build: Build) -> tuple[Any, Any]:
    """The ids of rows that were dropped for another, and of those."""
    import numpy as np

    pairs: list[Any] = [np.empty((0, 2), np.uint64)]
    for batch in build.batches(REJECTED, ["level", "conversation_id", "other"]):
        dropped = batch.filter(batch.column("other").is_valid())
        if len(dropped):
            both = [hashed(dropped.column(at).to_pylist()) for at in (1, 2)]
            pairs.append(np.stack(both, axis=1))
    alike, other = np.concatenate(pairs).T
    return alike, other


def joined(*pairs: tuple[Any, Any]) -> tuple[Any, Any]:
    """Keys with their sides: each key once, sorted, with the first of its sides."""
    import numpy as np

    keys = np.concatenate([np.empty(0, np.uint64), *[each for each, _ in pairs]])
    sides = np.concatenate([np.empty(0, np.int8), *[each for _, each in pairs]])
    found, first = np.unique(keys, return_index=True)
    return found, sides[first]
