"""Groups of candidates: which pairs of rows could be alike, by what they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ...arrays import items_of, spans, up_to
from .lists import Lists

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

SIGNS = "signs"
LISTS = ("shingles", "words", "last", "figures", SIGNS)
"""What a candidate has, as numbers of 32 bits: its shingles, each once, in the order of its text;
its tokens, as often as they occur; the shingles of its last message; its numbers, and its signs
(see `signs`), also as often as they occur."""
FIRST, SECOND, THIRD, FLAGS = 1, 2, 4, 7
"""The lowest bits. Of a shingle: it is of an answer; it is common in the build; it begins with a
letter of a script without spaces. Of a token: it is of an answer."""
FAMILY = 20
"""A shingle that more rows of a group have says what they are about, not which are copies."""
SIDE = 0.5
"""How much of the prompt, and of the answer, two rows have to share: of the one with less."""
CLOSE = 0.9
"""What rows with little of their own have to share of everything."""
CLOSE_OWN = 0.85
"""And of what is rare in them."""
OWN = 0.5
"""A row has little of its own if less than this share of its shingles is rare."""
BARE = 30
"""How many rows of a group with nothing of their own others are compared with."""
AT_ONCE = 1_000_000
"""How many pairs are counted at once, each as often as its rows have a shingle in common."""


@dataclass(frozen=True)
class Alike:
    """When rows are alike: the similarity, and whether only prompts are compared."""

    threshold: float
    prompts_only: bool = False

    @property
    def close(self) -> float:
        """What rows with little of their own have to share of everything."""
        return max(CLOSE, self.threshold)


class Pairs(NamedTuple):
    """Pairs of rows, by place, how alike their rare shingles are, and whether they have too few of
    them to decide."""

    one: Array
    other: Array
    score: Array
    close: Array

    def where(self, wanted: Array | slice) -> Pairs:
        return Pairs(*(column[wanted] for column in self))


class Group:
    """Rows of some groups. `groups` names each row's.

    sizes  how many shingles of prompt and answer each row has: an array of shape (rows, 2)
    own    and how many of those are rare
    """

    def __init__(self, groups: Array, shingles: Lists) -> None:
        import numpy as np

        count = len(groups)
        self._group = np.unique(groups, return_inverse=True)[1]
        row = np.repeat(np.arange(count, dtype=np.int32), shingles.sizes())
        key = self._group[row].astype(np.uint64) << np.uint64(32) | shingles.values
        order = np.argsort(key, kind="stable")
        key, row = key[order], row[order]
        self.sizes = _counted(row, key, count)
        begins = np.flatnonzero(np.diff(key, prepend=~key[:1]))
        times = np.diff(begins, append=len(key))
        rare = (key & np.uint64(SECOND) == 0) & np.repeat(times <= FAMILY, times)
        ends = np.repeat(begins + times, times)
        self._later = (ends - np.arange(1, len(key) + 1))[rare]
        self._row = row[rare]
        self._answer = (key[rare] & np.uint64(FIRST)).astype(bool)
        self.own = _counted(self._row, key[rare], count)

    def pairs(self, alike: Alike) -> Iterator[Pairs]:
        """Pairs of rows that share so much that they could be alike."""
        import numpy as np

        own, size = self.own.sum(axis=1), self.sizes.sum(axis=1)
        little = own < OWN * size
        for one, other, common in self._sharing():
            both = common.sum(axis=1)
            score = both / (own[one] + own[other] - both)
            strict = little[one] | little[other]
            perhaps = score >= np.where(strict, CLOSE_OWN, alike.threshold)
            least = np.minimum(self.own[one], self.own[other])
            perhaps &= (common >= SIDE * least).all(axis=1)
            ratio = np.minimum(size[one], size[other]) / np.maximum(size[one], size[other])
            perhaps &= ~strict | (ratio >= alike.close)
            yield Pairs(one, other, score, strict).where(perhaps)
        for one, other in self._bare():
            yield Pairs(one, other, np.zeros(len(one)), np.ones(len(one), bool))

    def _sharing(self) -> Iterator[tuple[Array, Array, Array]]:
        """Pairs of rows with rare shingles in common, and how many in prompts and in answers.
        `_later` says in how many rows after its own each shingle is."""
        import numpy as np

        count = len(self.sizes)
        order = np.argsort(self._row, kind="stable")
        begins = np.searchsorted(self._row[order], np.arange(count + 1))
        pairs = np.bincount(self._row, self._later, count)
        for rows in spans(pairs, AT_ONCE):
            places = order[begins[rows.start] : begins[rows.stop]]
            many = self._later[places]
            partner = np.repeat(places + 1, many) + up_to(many)
            pair = np.repeat(self._row[places].astype(np.int64), many) * count + self._row[partner]
            found, times = np.unique(pair * 2 + self._answer[partner], return_counts=True)
            each, place = np.unique(found >> 1, return_inverse=True)
            common = np.zeros((len(each), 2), np.int64)
            common[place, found & 1] = times
            yield each // count, each % count, common

    def _bare(self) -> Iterator[tuple[Array, Array]]:
        """Pairs of a row with nothing of its own and another that has almost nothing."""
        import numpy as np

        own, size = self.own.sum(axis=1), self.sizes.sum(axis=1)
        order = np.argsort(self._group, kind="stable")
        almost = order[own[order] <= (1 - CLOSE) * size[order]]
        begins = np.searchsorted(self._group[almost], np.arange(len(order) + 1))
        bare = order[own[order] == 0]
        begin = np.searchsorted(self._group[bare], self._group[bare])
        bare = bare[np.arange(len(bare)) - begin < BARE]
        many = np.diff(begins)[self._group[bare]]
        for some in spans(many, AT_ONCE):
            at, which = items_of(begins, self._group[bare[some]])
            rows, first = almost[at], bare[some][which]
            ratio = np.minimum(size[rows], size[first]) / np.maximum(size[rows], size[first])
            wanted = (ratio >= CLOSE) & ((rows > first) | (own[rows] > 0))
            rows, first = rows[wanted], first[wanted]
            yield np.minimum(rows, first), np.maximum(rows, first)


def _counted(row: Array, key: Array, rows: int) -> Array:
    """How many of these shingles of prompt and answer each row has."""
    import numpy as np

    side = (key & np.uint64(FIRST)).astype(np.int64)
    return np.bincount(row.astype(np.int64) * 2 + side, minlength=2 * rows).reshape(-1, 2)
