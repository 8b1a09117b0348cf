"""Which records are lost with a draft, where one record gives several drafts.

A record belongs to the first of its drafts that is left, and is lost with the last one. Of the
drafts that are left

    drafts = records - joined + derived

where a draft of n records of its own joins n - 1 of them into the first, and one without any is
derived.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import NamedTuple

from .preference import PreferenceDraft
from .schema import Draft, Reject


class Left(NamedTuple):
    """What a draft takes along: the records that no other draft has, and by how many the joined
    and the derived become fewer. `heirs` get one of its records each; a name may stand there
    twice."""

    gone: list[int]
    joined: int
    derived: int
    heirs: list[int]


class Claims:
    """Drafts, numbered from 0, and the records that each of them has.

    >>> claims = Claims([[7], [7]])
    >>> claims.own, claims.joined, claims.derived
    ([1, 0], 0, 1)
    >>> claims.leave(0).gone, claims.leave(1).gone
    ([], [7])
    """

    def __init__(self, records: Sequence[Sequence[int]]) -> None:
        self._records = records
        self._left = [True] * len(records)
        self._claimants: dict[int, deque[int]] = {}
        for draft, its in enumerate(records):
            for record in its:
                self._claimants.setdefault(record, deque()).append(draft)
        self.own = [0] * len(records)
        for claimants in self._claimants.values():
            self.own[claimants[0]] += 1
        self.joined = sum(max(own - 1, 0) for own in self.own)
        self.derived = self.own.count(0)

    def leave(self, draft: int) -> Left:
        """Takes a draft out. What it had goes to those behind it. Linear over all drafts."""
        joined, derived = self.joined, self.derived
        self._left[draft] = False
        self.joined -= max(self.own[draft] - 1, 0)
        self.derived -= self.own[draft] == 0
        gone: list[int] = []
        heirs: list[int] = []
        for record in self._records[draft]:
            claimants = self._claimants[record]
            if claimants[0] != draft:
                continue
            while claimants and not self._left[claimants[0]]:
                claimants.popleft()
            if claimants:
                heirs.append(claimants[0])
                self._inherit(claimants[0])
            else:
                gone.append(record)
        self.own[draft] = 0
        return Left(gone, joined - self.joined, derived - self.derived, heirs)

    def owned(self, draft: int) -> set[int]:
        """The records that belong to a draft now."""
        return {r for r in self._records[draft] if self._claimants[r][0] == draft}

    def _inherit(self, draft: int) -> None:
        if self.own[draft]:
            self.joined += 1
        else:
            self.derived -= 1
        self.own[draft] += 1


def _overlap(records: Sequence[Sequence[int]]) -> bool:
    """Whether two of these have a record in common."""
    return len({record for its in records for record in its}) < sum(map(len, records))


class Kin(NamedTuple):
    """A draft among several of the same records: who has which, its number among them, and the
    how many-th it is of its name, from 1."""

    claims: Claims
    number: int
    nth: int

    @property
    def own(self) -> int:
        """How many records belong to it now."""
        return self.claims.own[self.number]


def kin_of(produced: Sequence[Draft | PreferenceDraft | Reject]) -> dict[int, Kin]:
    """The drafts, by their place, that have a record in common with another one; none mostly."""
    if len(produced) == 1:
        return {}
    drafts = {at: item for at, item in enumerate(produced) if not isinstance(item, Reject)}
    records = [draft.records for draft in drafts.values()]
    if len(drafts) < 2 or not _overlap(records):
        return {}
    claims = Claims(records)
    names: Counter[tuple[str | None, int]] = Counter()
    kin = {}
    for number, (at, draft) in enumerate(drafts.items()):
        name = (draft.id, 0 if draft.id else draft.records[0])
        names[name] += 1
        kin[at] = Kin(claims, number, names[name])
    return kin
