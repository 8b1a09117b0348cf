"""How many rows are on another side of a split than in an earlier build."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..corpus.sides import SIDES, TRAIN, UNKNOWN, found
from ..errors import InputError, NotFoundError, counted
from ..paths import shown
from ..store import Build
from .plan import Plan
from .row_keys import ids_of, row_keys
from .sides import joined, row_sides


class Moved(NamedTuple):
    """How many rows were put aside and are for training now, the other way round, and from
    validation to test or back."""

    trained: int = 0
    held: int = 0
    between: int = 0


def notes_on_moved(job: Plan, made: Build, replaced: Build | None) -> Iterator[str]:
    """What a user should know of rows that a source put aside, or the build that is replaced."""
    if job.recipe.validation is None and job.recipe.test is None:
        return
    kept = job.keeps.manifest.fingerprint if job.keeps else ""
    for name, parent in job.parents.items():
        if parent.manifest.fingerprint != kept and any(moved := count_moved(parent, made)):
            keeps = f"validation: {{from: {shown(str(parent.path))}}} keeps the sides"
            yield f"holdout: {_in_words(shown(name), moved)}; {keeps}"
    try:
        if replaced and any(moved := count_moved(replaced, made)):
            yield f"holdout: {_in_words('the build that this one replaces', moved)}"
    except (InputError, NotFoundError) as error:  # it may be replaced because it is damaged
        yield f"rows that changed sides were not counted: {error.message}"


def count_moved(before: Build, made: Build) -> Moved:
    """Of rows that both have, with the same text before the first answer. Raises InputError or
    NotFoundError for a build that is damaged."""
    if len(before.manifest.splits()) == 1 or not _some_moved(before, made):
        return Moved()
    sides = row_sides(before)
    trained = held = between = 0
    for side, split in enumerate(SIDES):
        for keys in row_keys(made, split):
            had = found(*sides.prompts, keys.prompts)
            same = found(*sides.ids, keys.ids) == had
            moved = had[same & (had != UNKNOWN) & (had != side)]
            if side == TRAIN:
                trained += len(moved)
            else:
                held += int((moved == TRAIN).sum())
                between += int((moved != TRAIN).sum())
    return Moved(trained, held, between)


def _some_moved(before: Build, made: Build) -> bool:
    """Whether an id is on another side. Ids are read much faster than texts, and mostly none is."""
    import numpy as np

    known = joined(
        *(
            (ids, np.full(len(ids), side, np.int8))
            for side, split in enumerate(SIDES)
            for ids in ids_of(before, split)
        )
    )
    return any(
        not np.isin(found(*known, batch), (side, UNKNOWN)).all()
        for side, split in enumerate(SIDES)
        for batch in ids_of(made, split)
    )


def _in_words(name: str, moved: Moved) -> str:
    ways = (
        (moved.trained, "that it put aside", "for training here"),
        (moved.held, "that it trained on", "put aside here"),
        (moved.between, "that it put aside", "in another split here"),
    )
    said = [
        f"{counted(rows, 'row')} {which} {'is' if rows == 1 else 'are'} {where}"
        for rows, which, where in ways
        if rows
    ]
    return f"of {name}, {', '.join(said)}"
