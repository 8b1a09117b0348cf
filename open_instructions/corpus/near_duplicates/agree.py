"""What has to agree in two rows, however much they share. Everything is decided for many pairs at
once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...arrays import spans
from . import shingles as of
from .groups import FIRST, SECOND, SIDE, THIRD, Alike, Group, Pairs
from .lists import Lists, Members, rest
from .signs import negations, other_signs

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

CLOSE_SIDE = 0.7
"""What rows with little of their own have to share of each side."""
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
NEGATED = 2
"""Rows of which one has so many shingles more have the same length: a negation is one word, or two
of them for another one."""
AT_ONCE = 1_000_000
"""How many numbers of pairs are compared at once."""


class Agreed(NamedTuple):
    """Pairs of rows that are alike, by place, how much, and how much of the prompt and of the
    answer both have."""

    one: Array
    other: Array
    score: Array
    prompt: Array
    answer: Array

    @classmethod
    def of(cls, pairs: Sequence[tuple[float, ...]] = ()) -> Agreed:
        import numpy as np

        columns = np.array(pairs, float).reshape(-1, 5).T
        return cls(columns[0].astype(np.int64), columns[1].astype(np.int64), *columns[2:])


class Rows:
    """Rows of some groups, with their LISTS. `groups` names each row's."""

    def __init__(self, groups: Array, lists: Mapping[str, Lists]) -> None:
        import numpy as np

        self._group = Group(groups, lists["shingles"])
        self._shingles = lists["shingles"]
        self._last, self._figures, self._signs = lists["last"], lists["figures"], lists["signs"]
        self._length = self._shingles.sizes()
        self._negations = negations(self._signs)
        values = self._shingles.values
        self._has_shingle = Members(_unflagged(self._shingles, SECOND))
        self._words = lists["words"]
        told = self._words.values & np.uint32(FIRST) != 0
        self._says = [_unflagged(self._words.where(side), FIRST) for side in (~told, told)]
        asked = self._shingles.where(values & np.uint32(FIRST) == 0)
        letters = asked.where(asked.values & np.uint32(THIRD) != 0)
        self._asked = _unflagged(asked, SECOND)
        self._in_letters = letters.sizes() * 2 > asked.sizes()

    def agreed(self, alike: Alike) -> Agreed:
        """All pairs of alike rows."""
        import numpy as np

        sizes = self._length + self._words.sizes() + self._signs.sizes()
        found = [Agreed.of()]
        for pairs in self._group.pairs(alike):
            for some in spans(sizes[pairs.one] + sizes[pairs.other], AT_ONCE):
                found.append(self._checked(pairs.where(some), alike))
        return Agreed(*(np.concatenate(columns) for columns in zip(*found, strict=True)))

    def _checked(self, pairs: Pairs, alike: Alike) -> Agreed:
        """The pairs in which everything agrees."""
        for differ in (
            self._negated,
            self._other_figures,
            self._other_subject,
            self._other_signs,
            self._other_end,
        ):
            pairs = pairs.where(~differ(pairs.one, pairs.other))
        return self._shared(pairs, alike)

    def _negated(self, one: Array, other: Array) -> Array:
        """Whether one of two rows has a negation more. In a longer text a negation may be of what
        is added."""
        same_length = abs(self._length[one] - self._length[other]) <= NEGATED
        found: Array = same_length & (self._negations[one] != self._negations[other])
        return found

    def _other_figures(self, one: Array, other: Array) -> Array:
        """Whether some numbers of the row with fewer numbers are not in the other one."""
        import numpy as np

        many = self._figures.sizes()
        pair, _, times = rest(self._figures, one, other)
        ours, theirs = (
            np.bincount(pair[side], abs(times[side]), len(one)) for side in (times > 0, times < 0)
        )
        fewer = many[one] <= many[other]
        found: Array = np.where(fewer, ours, theirs) > SLACK * np.minimum(many[one], many[other])
        return found

    def _other_subject(self, one: Array, other: Array) -> Array:
        """Whether each row has some word more often than the other, both in prompt and in answer:
        the same template about something else."""
        import numpy as np

        asks, tells = self._says
        asked = rest(asks, one, other)
        at = np.flatnonzero(_of_both(asked[0], asked[2], len(one)))
        pair, word, times = rest(tells, one[at], other[at])
        told = at[pair], word, times
        ours, theirs = (_in_both(_keys(*asked, sign), _keys(*told, sign)) for sign in (1, -1))
        found = np.zeros(len(one), bool)
        found[np.intersect1d(ours, theirs)] = True
        return found

    def _other_signs(self, one: Array, other: Array) -> Array:
        return other_signs(self._signs, one, other)

    def _other_end(self, one: Array, other: Array) -> Array:
        """Whether the last message of each row is not in the other one: the conversations go on in
        different ways."""
        return self._own_end(one, other) & self._own_end(other, one)

    def _own_end(self, one: Array, other: Array) -> Array:
        import numpy as np

        last, pair = self._last.of(one)
        there = np.bincount(pair[self._has_shingle.have(other[pair], last)], minlength=len(one))
        found: Array = there < SIDE * self._last.sizes()[one]
        return found

    def _shared(self, pairs: Pairs, alike: Alike) -> Agreed:
        """The pairs that share enough of each side and of everything, and have no other passage in
        their prompts."""
        import numpy as np

        one, other, score, close = pairs
        values, pair = self._shingles.of(one)
        shared = self._has_shingle.have(other[pair], values & ~np.uint32(SECOND))
        answer = values & np.uint32(FIRST) != 0
        sides = np.bincount(pair[shared] * 2 + answer[shared], minlength=2 * len(one))
        sides = sides.reshape(-1, 2)
        least, most = (
            which(self._group.sizes[one], self._group.sizes[other])
            for which in (np.minimum, np.maximum)
        )
        share = np.where(least > 0, sides / np.maximum(least, 1), most == 0)
        both = sides.sum(axis=1)
        short = least[:, 1] <= SHORT
        every = both / (self._length[one] + self._length[other] - both)
        score = np.where(close, every, score)
        wanted = ~close | (score >= alike.close)
        wanted &= (share >= np.where(close, CLOSE_SIDE, SIDE)[:, None]).all(axis=1)
        wanted &= ~short | (sides[:, 1] >= SHORT_SIDE * (least + most - sides)[:, 1])
        runs = self._runs(pair[~answer], shared[~answer], one)
        wanted &= ~self._other_passage(one, other, runs, short, wanted)
        prompt, told = (np.array([round(s, 3) for s in side.tolist()]) for side in share[wanted].T)
        return Agreed(one[wanted], other[wanted], score[wanted], prompt, told)

    def _other_passage(
        self, one: Array, other: Array, runs: Array, short: Array, wanted: Array
    ) -> Array:
        """Whether both prompts have a passage that the other one does not have. `runs` are the
        longest of the first rows, and only some pairs are `wanted`."""
        import numpy as np

        found = np.zeros(len(one), bool)
        for letters, brief, limits in (
            (True, None, LETTERS),
            (False, True, BEFORE_SHORT),
            (False, False, PASSAGES),
        ):
            which = wanted & (self._in_letters[one] == letters) & (runs >= min(limits)[0])
            if brief is not None:
                which &= short == brief
            at = np.flatnonzero(which)
            values, pair = self._asked.of(other[at])
            shared = self._has_shingle.have(one[at][pair], values)
            theirs = self._runs(pair, shared, one[at])
            low, high = np.minimum(runs[at], theirs), np.maximum(runs[at], theirs)
            for least, most in limits:
                found[at] |= (low >= least) & (high >= most)
        return found

    def _runs(self, pair: Array, shared: Array, one: Array) -> Array:
        """The longest run of shingles of a prompt that the other row does not have. At the end of
        a text a token is in one shingle only; such a run counts as the same words do in the
        middle."""
        import numpy as np

        size = np.where(self._in_letters[one], of.LETTERS, of.SIZE)
        return longest(~shared, pair, size)


def _unflagged(lists: Lists, flag: int) -> Lists:
    import numpy as np

    return Lists(lists.values & ~np.uint32(flag), lists.starts)


def _of_both(pair: Array, times: Array, pairs: int) -> Array:
    """Of which pairs each row has something more often."""
    import numpy as np

    ours, theirs = (np.bincount(pair[side], minlength=pairs) for side in (times > 0, times < 0))
    found: Array = (ours > 0) & (theirs > 0)
    return found


def _keys(pair: Array, values: Array, times: Array, sign: int) -> Array:
    """What one row of each pair has more often, or the other one, as numbers of 64 bits."""
    import numpy as np

    more = times * sign > 0
    found: Array = pair[more].astype(np.uint64) << np.uint64(32) | values[more]
    return found


def _in_both(one: Array, other: Array) -> Array:
    """The pairs that have a value in both."""
    import numpy as np

    return np.unique(np.intersect1d(one, other) >> np.uint64(32)).astype(np.int64)


def longest(flags: Array, owner: Array, size: Array) -> Array:
    """The longest run of true flags of each owner, a run at the end with `size` - 1 more.

    >>> import numpy as np
    >>> flags = np.array([True, True, False, True, False])
    >>> longest(flags, np.array([0, 0, 0, 2, 2]), np.array([3, 3, 3])).tolist()
    [2, 0, 1]
    >>> longest(flags[:4], np.array([0, 0, 0, 0]), np.array([3])).tolist()
    [3]
    """
    import numpy as np

    if not len(size):
        return np.empty(0, np.int64)
    after = np.cumsum(np.bincount(owner, minlength=len(size)))
    apart = np.zeros(len(flags) + len(size) + 1, bool)  # one that is false before each owner's
    apart[np.arange(len(flags)) + owner + 1] = flags
    ends = np.flatnonzero(~apart)
    runs = np.diff(ends) - 1
    begins = np.append(0, after[:-1]) + np.arange(len(size))
    firsts = np.searchsorted(ends, begins)
    lasts = np.append(firsts[1:], len(runs)) - 1
    runs[lasts] += (size - 1) * (runs[lasts] > 0)
    found: Array = np.maximum.reduceat(runs, firsts)
    return found
