"""The books of a build: how many records and turns each stage took in, passed on, changed and
refused.

A ledger is a bag of counts that adds up with `+`, so chunks can be counted anywhere and in any
order. The law, checked by `Ledger.problems`, per subset of a source:

    records found = records read + unreadable = records kept + records rejected
    rows = records kept - records joined into another + parts added by splitting
    at each stage: records in = records out + records rejected,
                   turns in + system prompts repeated = turns out + turns rejected + turns joined,
                   and what one stage passes on the next takes in

A turn is one message here. What the reader could not parse never had turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from .schema import Reject

if TYPE_CHECKING:
    from pandas import DataFrame

STAGES = (
    "read",
    "convert",
    "structure",
    "license",
    "html",
    "defects",
    "phrases",
    "gaps",
    "language",
    "split",
    "duplicates",
)
"""In the order in which records meet them. `split` comes before `duplicates` because a chunk
splits, and only the merge of all chunks knows the duplicates; the key that finds them is taken
before the split."""


class Entry(NamedTuple):
    """What one count is about. `name` is a rule for `edits`, a reason for `rejected_*`, else empty."""

    source: str
    subset: str
    stage: str
    what: str
    name: str = ""


_MOST_NAMES = 50
_LONGEST_NAME = 80
OTHER_NAMES = "other fields"


class Tally(Counter[tuple[str, str, str]]):
    """The books of a chunk while they are kept: counts by stage, what, and name."""

    def field(self, stage: str, what: str, name: str) -> None:
        """Count something under a name that the data gives. Data can give any number of names, so
        only the first ones in a chunk are kept."""
        name = name[:_LONGEST_NAME].encode("utf-8", "replace").decode() or "(no name)"
        if (stage, what, name) not in self:
            names = sum(1 for key in self if key[:2] == (stage, what))
            name = name if names < _MOST_NAMES else OTHER_NAMES
        self[stage, what, name] += 1

    def flow(
        self, stage: str, records_in: int, turns_in: int, records_out: int, turns_out: int
    ) -> None:
        """What a stage took in and passed on."""
        self[stage, "records_in", ""] += records_in
        self[stage, "turns_in", ""] += turns_in
        self[stage, "records_out", ""] += records_out
        self[stage, "turns_out", ""] += turns_out

    def changes(
        self, stage: str, records: int, turns: int, rejects: Iterable[Reject], edits: Iterable[str]
    ) -> None:
        """What a stage refused and edited in a conversation of so many records and turns."""
        for reject in rejects:
            self[stage, f"rejected_{reject.level}s", reject.reason] += (
                records if reject.turn is None else 1
            )
            if reject.turn is None:
                self[stage, "rejected_turns", reject.reason] += turns
                self[stage, "joined_dropped", ""] += records - 1
        for name in edits:
            self[stage, "edits", name] += 1


class Ledger(Counter[Entry]):
    """Counts by Entry.

    >>> ledger = Ledger()
    >>> ledger.add("alpaca", "main", "read", "records_out", 3)
    >>> ledger.sum_of("read", "records_out")
    3
    """

    def add(
        self, source: str, subset: str, stage: str, what: str, count: int = 1, name: str = ""
    ) -> None:
        if count:
            self[Entry(source, subset, stage, what, name)] += count

    def sum_of(
        self, stage: str | None, what: str, *, source: str | None = None, subset: str | None = None
    ) -> int:
        """The sum of all counts of a kind; None means any."""
        return sum(
            count
            for entry, count in self.items()
            if entry.what == what
            and stage in (None, entry.stage)
            and source in (None, entry.source)
            and subset in (None, entry.subset)
        )

    def by_name(
        self, what: str, *, source: str | None = None, stage: str | None = None
    ) -> dict[tuple[str, str], int]:
        """Counts of a kind per (stage, name), largest first."""
        found: Counter[tuple[str, str]] = Counter()
        for entry, count in self.items():
            if (
                entry.what == what
                and source in (None, entry.source)
                and stage in (None, entry.stage)
            ):
                found[entry.stage, entry.name] += count
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def subsets(self) -> list[tuple[str, str]]:
        """Each (source, subset) that was counted, in order of first appearance."""
        return list(dict.fromkeys((e.source, e.subset) for e in self))

    def summary(self, source: str | None = None, subset: str | None = None) -> dict[str, int]:
        """The figures of the law for a subset, a source or the whole build."""

        def total(stage: str | None, what: str) -> int:
            return self.sum_of(stage, what, source=source, subset=subset)

        return {
            "records_read": total("read", "records_out"),
            "records_unreadable": total("read", "rejected_records"),
            "records_kept": total("duplicates", "records_out"),
            "records_rejected": total(None, "rejected_records"),
            "records_joined": total("convert", "records_joined"),
            "parts_added": total("split", "parts_added") - total("duplicates", "parts_dropped"),
            "records_joined_dropped": sum(total(stage, "joined_dropped") for stage in STAGES),
            "rows": total("duplicates", "rows"),
            "turns_read": total("convert", "turns_in"),
            "turns_kept": total("duplicates", "turns_out"),
            "turns_rejected": total(None, "rejected_turns"),
            "turns_joined": total("structure", "turns_joined"),
            "turns_repeated": total("split", "turns_repeated"),
        }

    def problems(self) -> list[str]:
        """Each broken law in words; empty when the books balance."""
        found: list[str] = []

        def equal(where: str, left: int, right: int, law: str) -> None:
            if left != right:
                found.append(f"{where}: {law}: {left} is not {right}")

        for source, subset in self.subsets():
            where = f"{source}:{subset}"
            s = self.summary(source, subset)
            equal(
                where,
                self.sum_of("read", "records_in", source=source, subset=subset),
                s["records_read"] + s["records_unreadable"],
                "records found = read + unreadable",
            )
            equal(where, s["records_read"] + s["records_unreadable"], s["records_kept"] + s["records_rejected"],
                  "read + unreadable = kept + rejected")  # fmt: skip
            equal(where, s["rows"], s["records_kept"] - (s["records_joined"] - s["records_joined_dropped"]) + s["parts_added"],
                  "rows = kept - joined + parts added")  # fmt: skip
            before: tuple[str, int, int] | None = None
            for stage in STAGES[1:]:

                def at(
                    what: str, stage: str = stage, source: str = source, subset: str = subset
                ) -> int:
                    return self.sum_of(stage, what, source=source, subset=subset)

                equal(
                    where,
                    at("records_in"),
                    at("records_out") + at("rejected_records"),
                    f"{stage}: records in = out + rejected",
                )
                equal(
                    where,
                    at("turns_in") + at("turns_repeated"),
                    at("turns_out") + at("rejected_turns") + at("turns_joined"),
                    f"{stage}: turns in + repeated = out + rejected + joined",
                )
                if before:
                    equal(
                        where,
                        before[1],
                        at("records_in"),
                        f"records out of {before[0]} = records into {stage}",
                    )
                    equal(
                        where,
                        before[2],
                        at("turns_in"),
                        f"turns out of {before[0]} = turns into {stage}",
                    )
                else:
                    equal(
                        where,
                        s["records_read"],
                        at("records_in"),
                        "records read = records into convert",
                    )
                before = (stage, at("records_out"), at("turns_out"))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Nested counts for the manifest: {"source:subset": {stage: {what: n or {name: n}}}}, in
        fixed order."""
        result: dict[str, Any] = {}
        for entry in self.ordered():
            stage = result.setdefault(f"{entry.source}:{entry.subset}", {}).setdefault(
                entry.stage, {}
            )
            if entry.name:
                stage.setdefault(entry.what, {})[entry.name] = self[entry]
            else:
                stage[entry.what] = self[entry]
        return result

    def ordered(self) -> Iterator[Entry]:
        order = {stage: index for index, stage in enumerate(STAGES)}
        return iter(
            sorted(self, key=lambda e: (e.source, e.subset, order[e.stage], e.what, e.name))
        )

    def to_pandas(self) -> DataFrame:
        """One row per count: source, subset, stage, what, name (of a rule or a reason, or empty),
        count."""
        from pandas import DataFrame

        return DataFrame(
            [(*entry, self[entry]) for entry in self.ordered()], columns=[*Entry._fields, "count"]
        )

    def _repr_html_(self) -> str:
        from .reports.tables import as_html, ledger_table

        return as_html(*ledger_table(self))

    @classmethod
    def from_dict(cls, counts: dict[str, Any]) -> Ledger:
        """What `to_dict` wrote, read back."""
        ledger = cls()
        for key, stages in counts.items():
            source, _, subset = key.partition(":")
            for stage, whats in stages.items():
                for what, value in whats.items():
                    for name, count in value.items() if isinstance(value, dict) else [("", value)]:
                        ledger.add(source, subset, stage, what, count, name)
        return ledger

    @classmethod
    def merge(cls, ledgers: Iterable[Ledger]) -> Ledger:
        whole = cls()
        for ledger in ledgers:
            whole.update(ledger)
        return whole
