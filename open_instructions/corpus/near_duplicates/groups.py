"""Groups of candidates: which pairs of rows are alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LISTS = ("rare", "usual", "figures")
"""What a candidate has: shingles that are rare and common in the build, and its numbers."""
FAMILY = 20
"""A shingle that more rows of a group have says what they are about, not which are copies."""
SIDE = 0.5
"""How much of the prompt, and of the answer, two rows have to share: of the one with less."""
CLOSE, CLOSE_SIDE, CLOSE_OWN = 0.9, 0.7, 0.7
"""What rows with little of their own have to share: of everything, of each side, and of what is
rare in the one with less of it."""
OWN = 0.5
"""A row has little of its own if less than this share of its shingles is rare."""
SLACK = 0.05
"""The share of numbers that may differ."""
BARE = 30
"""How many rows of a group with nothing of their own others are compared with."""


@dataclass(frozen=True)
class Alike:
    """When rows are alike: the similarity, and whether only prompts are compared."""

    threshold: float
    prompts_only: bool = False


class Candidate(NamedTuple):
    """A row to keep or drop: the rank of its source, its length, and its keys (see
    `shingles.prefix_keys`)."""

    rank: int
    length: int
    keys: tuple[int, ...]


class Pair(NamedTuple):
    """Two rows that are alike, by place, how much, and what agreed."""

    one: int
    other: int
    score: float
    prompt: float
    answer: float


class Group:
    """Rows of some groups. `groups` names each row's; `lists` has the values of LISTS and where
    those of each row begin."""

    def __init__(self, groups: Array, lists: Sequence[tuple[Array, Array]]) -> None:
        import numpy as np

        self._figures = lists[2]
        rows = [np.repeat(np.arange(len(groups)), np.diff(starts)) for _, starts in lists[:2]]
        row, shingle = np.concatenate(rows), np.concatenate([values for values, _ in lists[:2]])
        rare = np.repeat([True, False], [len(own) for own in rows])
        _, group = np.unique(groups, return_inverse=True)
        key = group[row].astype(np.uint64) << np.uint64(32) | shingle
        order = np.lexsort((row, key))
        self._key, self._row, rare = key[order], row[order], rare[order]
        first = np.ones(len(key), bool)
        first[1:] = self._key[1:] != self._key[:-1]
        begins = np.flatnonzero(first)
        count = np.repeat(
            np.diff(np.append(begins, len(key))), np.diff(np.append(begins, len(key)))
        )
        self._rare = rare & (count <= FAMILY)
        self._answer = (self._key & np.uint64(1)).astype(bool)
        self._sizes = self._count(np.ones(len(key), bool), len(groups))
        self._own = self._count(self._rare, len(groups))
        self._group = group

    def _count(self, wanted: Array, rows: int) -> Array:
        """How many shingles of prompt and answer each row has: an array of shape (rows, 2)."""
        import numpy as np

        both = self._row[wanted] * 2 + self._answer[wanted]
        return np.bincount(both, minlength=2 * rows).reshape(-1, 2)

    def pairs(self, alike: Alike) -> list[Pair]:
        """All pairs of alike rows."""
        import numpy as np

        one, other, common = self._sharing()
        own = self._own.sum(axis=1)
        size = self._sizes.sum(axis=1)
        both = common.sum(axis=1)
        score = both / (own[one] + own[other] - both)
        least = np.minimum(own[one], own[other])
        little = own < OWN * size
        close = little[one] & little[other] & (both >= CLOSE_OWN * least)
        perhaps = (score >= alike.threshold) | close
        shares = np.ones((len(one), 2))
        np.divide(
            common,
            np.minimum(self._own[one], self._own[other]),
            out=shares,
            where=np.minimum(self._own[one], self._own[other]) > 0,
        )
        perhaps &= (shares >= SIDE).all(axis=1)
        found = []
        sets = self._sets()
        for at in np.flatnonzero(perhaps).tolist():
            pair = self._checked(int(one[at]), int(other[at]), float(score[at]), sets, alike)
            if pair:
                found.append(pair)
        for a, b in self._bare():
            pair = self._checked(a, b, 0.0, sets, alike)
            if pair:
                found.append(pair)
        return found

    def _sharing(self) -> tuple[Array, Array, Array]:
        """Pairs of rows with rare shingles in common, and how many in prompts and in answers."""
        import numpy as np

        key, row = self._key[self._rare], self._row[self._rare]
        answer = self._answer[self._rare]
        count = len(self._sizes)
        found = [np.empty(0, np.int64)]
        for step in range(1, FAMILY):
            same = key[step:] == key[:-step]
            if not same.any():
                break
            pair = row[:-step][same] * count + row[step:][same]
            found.append(pair * 2 + answer[step:][same])
        pairs, times = np.unique(np.concatenate(found), return_counts=True)
        which, side = pairs >> 1, pairs & 1
        each, place = np.unique(which, return_inverse=True)
        common = np.zeros((len(each), 2), np.int64)
        common[place, side] = times
        return each // max(count, 1), each % max(count, 1), common

    def _bare(self) -> Iterator[tuple[int, int]]:
        """Pairs of a row with nothing of its own and another that has almost nothing."""
        import numpy as np

        own, size = self._own.sum(axis=1), self._sizes.sum(axis=1)
        for group in np.unique(self._group[own == 0]).tolist():
            rows = np.flatnonzero(self._group == group)
            almost = rows[own[rows] <= (1 - CLOSE) * size[rows]]
            for bare in rows[own[rows] == 0][:BARE].tolist():
                ratio = np.minimum(size[almost], size[bare]) / np.maximum(size[almost], size[bare])
                for row in almost[ratio >= CLOSE].tolist():
                    if row > bare or own[row]:
                        yield min(bare, row), max(bare, row)

    def _sets(self) -> tuple[Array, Array]:
        """The shingles of each row, sorted, and where they begin."""
        import numpy as np

        order = np.argsort(self._row, kind="stable")
        values = self._key[order] & np.uint64(0xFFFFFFFF)
        return values, np.append(0, np.cumsum(self._sizes.sum(axis=1)))

    def _checked(
        self, one: int, other: int, score: float, sets: tuple[Array, Array], alike: Alike
    ) -> Pair | None:
        import numpy as np

        if not self._same_figures(one, other):
            return None
        values, starts = sets
        a, b = (values[starts[row] : starts[row + 1]] for row in (one, other))
        common = np.intersect1d(a, b, assume_unique=True)
        answers = int(np.count_nonzero(common & np.uint64(1)))
        shared = np.array([len(common) - answers, answers])
        least = np.minimum(self._sizes[one], self._sizes[other])
        most = np.maximum(self._sizes[one], self._sizes[other])
        share = np.where(least > 0, shared / np.maximum(least, 1), most == 0)
        if score >= alike.threshold:
            if share.min() < SIDE:
                return None
            return Pair(one, other, score, *(round(float(s), 3) for s in share))
        score = len(common) / (len(a) + len(b) - len(common))
        if score < max(CLOSE, alike.threshold) or share.min() < CLOSE_SIDE:
            return None
        return Pair(one, other, score, *(round(float(s), 3) for s in share))

    def _same_figures(self, one: int, other: int) -> bool:
        """Whether the numbers of one row are among those of the other."""
        values, starts = self._figures
        a, b = (Counter(values[starts[row] : starts[row + 1]].tolist()) for row in (one, other))
        if a.total() > b.total():
            a, b = b, a
        return (a - b).total() <= SLACK * a.total()
