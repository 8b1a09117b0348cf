"""Which side of a split each group is on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from .budget import exactly
from .groups import seeded
from .step import SPLITS

if TYPE_CHECKING:
    import numpy as np

    from .holdout import Held

UNKNOWN, TRAIN = -1, 0
SIDES = ("train", *SPLITS)
"""A side is the number of its split: TRAIN, or 1 and more for the others."""
_ALL = 1 << 64


@dataclass(frozen=True)
class Sides:
    """The sides of an earlier build's rows, by the hashes of their ids and of their texts before
    the first answer. Both are sorted. Workers know the fingerprint alone."""

    fingerprint: str
    ids: tuple[Any, Any] = field(default=((), ()), compare=False, repr=False)
    prompts: tuple[Any, Any] = field(default=((), ()), compare=False, repr=False)

    def of(
        self, ids: np.ndarray[Any, Any], prompts: np.ndarray[Any, Any]
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The side of each row: that of its text, or else of its id; UNKNOWN for a new row. And
        the same for rows of that build alone, not for new ones with a text of its."""
        import numpy as np

        by_text, by_id = found(*self.prompts, prompts), found(*self.ids, ids)
        side = np.where(by_text == UNKNOWN, by_id, by_text)
        return side, np.where(by_id == side, side, UNKNOWN)

    def __getstate__(self) -> dict[str, Any]:
        return {"fingerprint": self.fingerprint, "ids": ((), ()), "prompts": ((), ())}


def found(keys: Any, sides: Any, asked: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The side of each key that is asked for, UNKNOWN where it is not among the sorted `keys`."""
    import numpy as np

    if not len(keys):
        return np.full(len(asked), UNKNOWN, np.int8)
    at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[at] == asked, sides[at], UNKNOWN).astype(np.int8)


class Groups(NamedTuple):
    """All groups, in any order: id, rows, tokens, and the side that an earlier build gave them."""

    id: np.ndarray[Any, Any]
    rows: np.ndarray[Any, Any]
    tokens: np.ndarray[Any, Any]
    known: np.ndarray[Any, Any]


def sides_of(
    groups: Groups, validation: Held | None, test: Held | None, seed: int
) -> np.ndarray[Any, Any]:
    """The side of each group. A side that is known stays. Validation takes the groups whose hashes
    are lowest, and test those whose hashes are highest, so that neither depends on the other."""
    import numpy as np

    place = seeded(groups.id, seed)
    side = np.where(groups.known == UNKNOWN, TRAIN, groups.known)
    free = groups.known == UNKNOWN
    for number, (held, placed) in enumerate([(validation, place), (test, ~place)], 1):
        if held is None:
            continue
        if held.share is not None:
            chosen = placed < np.uint64(int(exactly(held.share) * _ALL))
            side[free & chosen & (side == TRAIN)] = number
        elif (most := held.rows or held.tokens) is not None:
            sizes = groups.rows if held.rows else groups.tokens
            left = most - int(sizes[side == number].sum())
            open_to = np.flatnonzero(free & (side == TRAIN))
            order = open_to[np.argsort(placed[open_to], kind="stable")]
            side[_fitting(order, sizes, left)] = number
    return side


def _fitting(order: np.ndarray[Any, Any], sizes: np.ndarray[Any, Any], left: int) -> list[int]:
    """Groups in this order, each that still fits."""
    taken = []
    for group, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        if left <= 0:
            break
        if size <= left:
            taken.append(group)
            left -= size
    return taken


def name_of(side: int) -> str:
    return SIDES[side]


def is_fingerprint(said: str) -> bool:
    """Whether it is a build's fingerprint, in place of a folder."""
    return len(said) == 64 and set(said) <= set("0123456789abcdef")
