"""Groups of candidates: which pairs of rows are alike."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from . import shingles as of
from .signs import negated, other_signs

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

SIGNS = "signs"
LISTS = ("shingles", "words", "last", "figures", SIGNS)
"""What a candidate has, as numbers of 32 bits: its shingles, each once, in the order of its text;
its tokens, each once, sorted; the shingles of its last message; its numbers, as often as they
occur; its signs (see `signs`), as often as they occur."""
FIRST, SECOND, THIRD, FLAGS = 1, 2, 4, 7
"""The lowest bits. Of a shingle: it is of an answer; it is common in the build; it begins with a
letter of a script without spaces. Of a token: prompt and answer have it."""
FAMILY = 20
"""A shingle that more rows of a group have says what they are about, not which are copies."""
SIDE = 0.5
"""How much of the prompt, and of the answer, two rows have to share: of the one with less."""
CLOSE, CLOSE_SIDE = 0.9, 0.7
"""What rows with little of their own have to share: of everything, and of each side."""
CLOSE_OWN = 0.85
"""And of what is rare in them."""
OWN = 0.5
"""A row has little of its own if less than this share of its shingles is rare."""
SLACK = 0.05
"""The share of numbers that may differ."""
SHORT, SHORT_SIDE = 20, 0.6
"""Of an answer with so few shingles, two rows have to share this much of both together: here some
words are the answer."""
PASSAGES, LETTERS = ((5, 6), (4, 7)), ((28, 28),)
"""So many shingles in a row that only one prompt has, and so many that only the other one has, are
a passage with other content: another input for the same task. Three or four words for as many, two
for five, or twenty letters."""
BEFORE_SHORT = ((4, 4),)
"""The same before a short answer: two words for two."""
BARE = 30
"""How many rows of a group with nothing of their own others are compared with."""


@dataclass(frozen=True)
class Alike:
    """When rows are alike: the similarity, and whether only prompts are compared."""

    threshold: float
    prompts_only: bool = False


class Candidate(NamedTuple):
    """A row to keep or drop: the rank of its source, its length, its keys (see
    `shingles.prefix_keys`), and its signs, sorted."""

    rank: int
    length: int
    keys: tuple[int, ...]
    signs: tuple[int, ...] = ()


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

        self._lists = [
            [values[start:stop] for start, stop in itertools.pairwise(starts.tolist())]
            for values, starts in lists
        ]
        shingle, starts = lists[0]
        row = np.repeat(np.arange(len(groups)), np.diff(starts))
        rare = shingle & SECOND == 0
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
        self._answer = (self._key & np.uint64(FIRST)).astype(bool)
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
        little = own < OWN * size
        strict = little[one] | little[other]
        perhaps = score >= np.where(strict, CLOSE_OWN, alike.threshold)
        shares = np.ones((len(one), 2))
        np.divide(
            common,
            np.minimum(self._own[one], self._own[other]),
            out=shares,
            where=np.minimum(self._own[one], self._own[other]) > 0,
        )
        perhaps &= (shares >= SIDE).all(axis=1)
        found = [
            self._checked(int(one[at]), int(other[at]), float(score[at] * ~strict[at]), alike)
            for at in np.flatnonzero(perhaps).tolist()
        ]
        found += [self._checked(*rows, 0.0, alike) for rows in self._bare()]
        return [pair for pair in found if pair]

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

    def _checked(self, one: int, other: int, score: float, alike: Alike) -> Pair | None:
        """The pair, if everything agrees. `score` is how alike the rare shingles are, 0 if that
        does not decide because there are few."""
        import numpy as np

        shingles, words, last, figures, hashes = ((own[one], own[other]) for own in self._lists)
        signs = hashes[0].tolist(), hashes[1].tolist()
        if not same_figures(*figures) or other_subject(*words) or other_signs(*signs):
            return None
        if negated(*signs, abs(len(shingles[0]) - len(shingles[1]))):
            return None
        a, b = shingles
        if other_end(last[0], b) and other_end(last[1], a):
            return None
        shared = np.isin(a, b, assume_unique=True)
        short = self._sizes[[one, other], 1].min() <= SHORT
        if other_passage(a, b, shared, BEFORE_SHORT if short else PASSAGES):
            return None
        answers = int(np.count_nonzero(a[shared] & FIRST))
        both = int(np.count_nonzero(shared))
        least = np.minimum(self._sizes[one], self._sizes[other])
        most = np.maximum(self._sizes[one], self._sizes[other])
        sides = np.array([both - answers, answers]) / np.maximum(least, 1)
        share = np.where(least > 0, sides, most == 0)
        if short and answers < SHORT_SIDE * (least[1] + most[1] - answers):
            return None
        needed = SIDE
        if score < alike.threshold:  # little of its own
            score, needed = both / (len(a) + len(b) - both), CLOSE_SIDE
            if score < max(CLOSE, alike.threshold):
                return None
        if (share < needed).any():
            return None
        return Pair(one, other, score, *(round(float(s), 3) for s in share))


def same_figures(one: Array, other: Array) -> bool:
    """Whether the numbers of one row are among those of the other."""
    a, b = sorted((Counter(one.tolist()), Counter(other.tolist())), key=Counter.total)
    return (a - b).total() <= SLACK * a.total()


def other_subject(one: Array, other: Array) -> bool:
    """Whether each row has a token in prompt and answer that the other does not have at all: the
    same template about something else."""
    import numpy as np

    flag = np.uint32(FIRST)
    own = [words[words & flag != 0] & ~flag for words in (one, other)]
    every = [words & ~flag for words in (one, other)]
    return not (np.isin(own[0], every[1]).all() or np.isin(own[1], every[0]).all())


def other_end(last: Array, other: Array) -> bool:
    """Whether the last message of a row is not in the other one: the conversations go on in
    different ways."""
    import numpy as np

    there = np.isin(last, other & ~np.uint32(SECOND))
    return bool(np.count_nonzero(there) < SIDE * len(last))


def other_passage(
    one: Array, other: Array, shared: Array, limits: Sequence[tuple[int, int]]
) -> bool:
    """Whether both prompts have a passage that the other one does not have. `shared` says which
    shingles of the one the other has."""
    import numpy as np

    prompt = one & FIRST == 0
    letters = np.count_nonzero(one[prompt] & THIRD) * 2 > np.count_nonzero(prompt)
    limits, size = (LETTERS, of.LETTERS) if letters else (limits, of.SIZE)
    longest = _longest(~shared[prompt], size)
    if longest < min(limits)[0]:
        return False
    asked = other[other & FIRST == 0]
    runs = sorted((longest, _longest(np.isin(asked, one, assume_unique=True, invert=True), size)))
    return any(runs[0] >= short and runs[1] >= long for short, long in limits)


def _longest(flags: Array, size: int) -> int:
    """The longest run of true values, each a shingle of `size` tokens. At the end of a text a token
    is in one shingle only; such a run counts as the same words do in the middle."""
    import numpy as np

    if not len(flags):
        return 0
    ends = np.flatnonzero(~np.concatenate([[False], flags, [False]]))
    runs = np.diff(ends) - 1
    runs[-1] += (size - 1) * bool(flags[-1])
    return int(runs.max())
