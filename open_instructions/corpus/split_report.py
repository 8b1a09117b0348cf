"""What a build says of its splits, and what stops it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError, counted
from .sides import TRAIN, name_of
from .step import SPLITS

if TYPE_CHECKING:
    import numpy as np

    from .holdout import Held, Holdout
    from .sides import Groups

_LARGE = 0.1
"""A group that is this part of a split is said: it can make the split larger than was asked for."""


class Told(NamedTuple):
    """For each conversation its side, rows, tokens and label; the names of the labels; and how many
    changed sides since the earlier build."""

    side: np.ndarray[Any, Any]
    rows: np.ndarray[Any, Any]
    tokens: np.ndarray[Any, Any]
    label: np.ndarray[Any, Any]
    names: list[str]
    moved: int


def report(step: Holdout, told: Told, groups: Groups, of_group: np.ndarray[Any, Any]) -> Any:
    """The report of a holdout. Raises UsageError if nothing is left for training."""
    import numpy as np

    if told.rows.any() and not told.rows[told.side == TRAIN].any():
        raise UsageError(
            "validation and test take every row, and leave none for training.",
            hint="Ask for fewer rows or tokens, or for a smaller share.",
        )
    splits = {}
    for number in range(len(SPLITS) + 1):
        here = told.side == number
        if number == TRAIN or getattr(step, name_of(number)) or told.rows[here].any():
            rows = np.bincount(told.label[here], told.rows[here], len(told.names))
            splits[name_of(number)] = {
                "groups": int(((of_group == number) & (groups.rows > 0)).sum()),
                "rows": int(told.rows[here].sum()),
                "tokens": int(told.tokens[here].sum()),
                "sources": {
                    name: int(count)
                    for name, count in zip(told.names, rows.tolist(), strict=True)
                    if count
                },
            }
    made: dict[str, Any] = {"seed": step.seed, "splits": splits}
    if step.sides is not None:
        made |= {"from": step.sides.fingerprint, "moved": told.moved}
    return made | {"notes": list(_notes(step, splits, told, groups, of_group))}


def _notes(
    step: Holdout,
    splits: dict[str, dict[str, Any]],
    told: Told,
    groups: Groups,
    of_group: np.ndarray[Any, Any],
) -> Iterator[str]:
    total = {unit: sum(split[unit] for split in splits.values()) for unit in ("rows", "tokens")}
    for number, name in enumerate(SPLITS, 1):
        held: Held | None = getattr(step, name)
        if held is None and name not in splits:
            continue
        found, here = splits[name], groups.rows[of_group == number]
        largest = int(here.max()) if len(here) else 0
        if not found["rows"]:
            yield f"{name}: no row; {counted(len(groups.id), 'group')} of rows may be too few"
        elif held and (held.rows or held.tokens):
            unit = "rows" if held.rows else "tokens"
            asked = held.rows or held.tokens or 0
            if found[unit] != asked:
                yield f"{name}: {found[unit]:,} {unit} of {asked:,}: groups are never parted"
        elif held and held.share and largest > 1 and largest > _LARGE * found["rows"]:
            yield (
                f"{name}: {found['rows'] / total['rows']:.2%} of the rows, where {held.share:.2%} "
                f"were asked for; one group has {largest:,} rows, and groups are never parted"
            )
    if told.moved:
        were = "row was" if told.moved == 1 else "rows were"
        yield (
            f"holdout: {told.moved:,} {were} on another side in the earlier build: new rows joined "
            "their groups"
        )
