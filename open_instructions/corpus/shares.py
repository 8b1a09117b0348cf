"""What each set gives to a mix, and which of its rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError, shown, suggest
from .budget import MOST_EPOCHS, Budget, Share, budget, exactly, tempered
from .groups import sums
from .mix_report import LISTED, UNITS, few, lacks, table_report
from .sets import Sets, general

if TYPE_CHECKING:
    import numpy as np

    from .mix import Mix

DATA, PREFERENCE = "data", "preference"


class Rows(NamedTuple):
    """Rows of a table, in the order of their ranks.

    label  of each: an index of the names in the build, like gpt4llm:zh
    size   of each, in the unit of the mix
    rank   of each: those of one conversation have the same
    held   whether it is for validation or a test, so that it is neither counted nor repeated
    """

    label: np.ndarray[Any, Any]
    size: np.ndarray[Any, Any]
    rank: np.ndarray[Any, Any]
    held: np.ndarray[Any, Any]


class Settled(NamedTuple):
    """How often each row is written, in the order given; the sets that give anything; and the
    report."""

    copies: np.ndarray[Any, Any]
    given: Collection[str]
    report: dict[str, Any]


def settle_shares(
    mix: Mix, labels: Sequence[str], tables: Mapping[str, Rows]
) -> dict[str, Settled]:
    """The shares of a mix, in each table: data, and preference if it has rows. The weights and the
    total are about each of them alone. `labels` are the names in the build.

    Raises UsageError if a set has nothing to give in any table, if one is short and the mix is to
    stop then, or if nothing would be taken.
    """
    names = list(map(Sets(mix).of, labels))
    made = {table: _Table(mix, table, labels, names, rows) for table, rows in tables.items()}
    _check_sets(mix, labels, {name for table in made.values() for name in table.available})
    return {name: table.settled() for name, table in made.items()}


class _Table:
    """What each set has in a table. `sets` are the names of the sets that the labels belong to."""

    def __init__(
        self,
        mix: Mix,
        name: str,
        labels: Sequence[str],
        sets: Sequence[str | None],
        rows: Rows,
    ) -> None:
        import numpy as np

        self._mix, self._labels, self._of, self._rows = mix, labels, sets, rows
        self._title = "mix" if name == DATA else f"mix of {name}/"
        self._sets = sorted({name for name in sets if name is not None})
        nowhere = len(self._sets)
        index = {name: at for at, name in enumerate(self._sets)}
        number = np.array([nowhere if n is None else index[n] for n in sets], np.int64)
        self._member = number[rows.label] if len(rows.label) else np.empty(0, np.int64)
        have = sums(self._member, np.where(rows.held, 0, rows.size), nowhere + 1).tolist()
        self.available = {name: have[at] for name, at in index.items() if have[at]}

    def settled(self) -> Settled:
        """Raises UsageError if one is short and may not be, or if nothing would be taken."""
        import numpy as np

        rows, nowhere = self._rows, len(self._sets)
        given = _budget(self._mix, self._title, self.available)
        member = np.where(rows.held, nowhere, self._member)
        copies = (rows.held & (self._member < nowhere)).astype(np.int32)
        order = np.argsort(member, kind="stable")
        starts = np.searchsorted(member[order], np.arange(nowhere + 1))
        taken = {}
        index = {name: at for at, name in enumerate(self._sets)}
        for share in given.shares:
            at = index[share.name]
            mine = order[starts[at] : starts[at + 1]]
            copies[mine] = _copies(rows.size[mine], rows.rank[mine], share)
            taken[share.name] = int((rows.size[mine] * copies[mine]).sum())
        if taken and not any(taken.values()):
            raise UsageError(
                f"{self._title}: a total of {self._mix.total:,} {UNITS[self._mix.unit]} takes "
                "nothing: no conversation fits into the share of its set.",
                hint="Raise the total, or leave it out.",
            )
        return Settled(copies, taken.keys(), self._report(given, taken))

    def _report(self, given: Budget, taken: Mapping[str, int]) -> dict[str, Any]:
        sizes = sums(self._rows.label, self._rows.size, len(self._labels)).tolist()
        left = {
            name: size
            for name, of, size in zip(self._labels, self._of, sizes, strict=True)
            if of is None and size
        }
        return table_report(self._mix, self._title, given, taken, left)


def _check_sets(mix: Mix, labels: Sequence[str], available: Collection[str]) -> None:
    """Raises UsageError if a set has nothing to give, or nothing is there at all."""
    if not labels:
        raise UsageError("mix: no conversation is left to take.")
    for name, weight in mix.weights:
        if weight and name not in available:
            known = sorted({*labels, *(general(mix.by, label) for label in labels)} - {name})
            raise UsageError(
                f"mix: {shown(name)} has a weight, and nothing is left of it for training.",
                hint=suggest(name, known[:LISTED], "Something is left of"),
            )
    if not available:
        raise UsageError("mix: no conversation is left to take.")


def _weights(mix: Mix, available: Mapping[str, int]) -> dict[str, Fraction]:
    """The weight of each set that gives anything."""
    if not mix.weights:
        degree = mix.temperature or 1.0
        return {name: tempered(size, degree) for name, size in available.items()}
    return {name: exactly(weight) for name, weight in mix.weights if weight and name in available}


def _budget(mix: Mix, title: str, available: Mapping[str, int]) -> Budget:
    """What each set gives. Raises UsageError where a set is short and may not be."""
    weights = _weights(mix, available)
    if not weights:
        return Budget([], Fraction(1))
    most = MOST_EPOCHS if mix.shortfall == "repeat" else mix.max_epochs
    found = budget(weights, available, mix.total, most)
    if found.scale < 1 and mix.shortfall != "scale":
        short = max(found.shares, key=lambda share: share.needs)
        largest = found.scale * (mix.total or 0)
        least = f"max_epochs: {ceil(short.needs)}, " if short.needs <= MOST_EPOCHS else ""
        raise UsageError(
            f"{title}: {lacks(short, mix, most)}.",
            hint=f"Use {least}a total up to {int(largest):,}, or shortfall: scale.",
        )
    return found


def _copies(
    sizes: np.ndarray[Any, Any], ranks: np.ndarray[Any, Any], share: Share
) -> np.ndarray[Any, Any]:
    """How often each row is written, for rows in the order of their ranks. Parts of a conversation
    that stand alone, as in a shuffled build, are taken or left together."""
    import numpy as np

    if not share.available:
        return np.zeros(len(sizes), np.int32)
    passes, rest = divmod(share.given, share.available)
    last = np.searchsorted(ranks, ranks, side="right") - 1
    more = (np.cumsum(sizes)[last] <= rest) & bool(rest)
    copies: np.ndarray[Any, Any] = (passes + more).astype(np.int32)
    return copies


def in_all(mix: Mix, settled: Mapping[str, Settled]) -> dict[str, Any]:
    """The report of a mix: that of data/, and what there is of preference/."""
    reports = {table: dict(found.report) for table, found in settled.items()}
    notes = [note for report in reports.values() for note in report.pop("notes")]
    for table, found in settled.items() if len(settled) > 1 else ():
        if absent := [name for name, weight in mix.weights if weight and name not in found.given]:
            notes.append(f"mix: {table}/ has no rows for training of {few(absent)}")
    said = {"unit": mix.unit, "by": mix.by, "total": mix.total, **reports.pop(DATA)}
    return said | reports | {"notes": notes}
