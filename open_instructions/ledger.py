"""The counts of a build: how many records and messages each stage took in, passed on, changed and
rejected.

A ledger is a bag of counts that adds up with `+`, so chunks can be counted anywhere and in any
order. `Ledger.problems` checks the law, per subset of a source:

    records found = records read + unreadable = records kept + records rejected
    rows = records kept - records joined into another + parts added by splitting
         + derived rows, which a record gives beyond its first + repeats, which are written again
    at each stage: records in = records out + records rejected,
                   messages in + system prompts repeated
                       = messages out + messages rejected + messages joined,
                   and what one stage passes on the next takes in

There are no messages before the converter. A row that is dropped while its record has another one
is counted among the rejected rows, and the record is kept. A stage missing from a ledger took no
part in the build.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .schema import SPLITS, Reject

if TYPE_CHECKING:
    from pandas import DataFrame

READ, CONVERT, WRITE = "read", "convert", "write"


def stages() -> tuple[str, ...]:
    """The stages in the order in which they run: the reader, the stages of a chunk, the corpus
    steps over all chunks, and writing. A corpus step sees conversations before the split, and drops
    all parts of a conversation."""
    # imported here, because commands that need no stage read ledgers too
    from .corpus import names as step_names
    from .stages.order import names as stage_names

    return (READ, *stage_names(), *step_names(), WRITE)


class Entry(NamedTuple):
    """What one count is about. `name` is a rule, or a reason, or empty."""

    source: str
    subset: str
    stage: str
    what: str
    name: str = ""


class Lost(NamedTuple):
    """What is lost with a conversation: records; the row alone, where its records have others; and
    by how many the joined and the derived become fewer."""

    records: int
    rows: int = 0
    joined: int = 0
    derived: int = 0


_MOST_NAMES = 50
_LONGEST_NAME = 80
OTHER_NAMES = "other fields"


class Tally(Counter[tuple[str, str, str]]):
    """The counts of a chunk while it is processed: by stage, what, and name."""

    def field(self, stage: str, what: str, name: str) -> None:
        """Counts something under a name from the data. Data can contain any number of names, so
        only the first ones in a chunk are kept."""
        name = name[:_LONGEST_NAME].encode("utf-8", "replace").decode() or "(no name)"
        if (stage, what, name) not in self:
            names = sum(1 for key in self if key[:2] == (stage, what))
            name = name if names < _MOST_NAMES else OTHER_NAMES
        self[stage, what, name] += 1

    def flow(
        self, stage: str, records_in: int, messages_in: int, records_out: int, messages_out: int
    ) -> None:
        """Counts what a stage took in and passed on."""
        self[stage, "records_in", ""] += records_in
        self[stage, "messages_in", ""] += messages_in
        self[stage, "records_out", ""] += records_out
        self[stage, "messages_out", ""] += messages_out

    def changes(
        self,
        stage: str,
        lost: Lost,
        messages: int,
        rejects: Iterable[Reject],
        edits: Iterable[str],
    ) -> None:
        """Counts what a stage rejected and edited in a conversation with so many messages. `lost`
        is what goes with it if it is rejected as a whole."""
        for reject in rejects:
            if reject.message is None:
                self.lose(stage, reject.reason, lost)
                self[stage, "rejected_messages", reject.reason] += messages
            else:
                self[stage, f"rejected_{reject.level}s", reject.reason] += 1
        for name in edits:
            self[stage, "edits", name] += 1

    def lose(self, stage: str, reason: str, lost: Lost) -> None:
        """Counts what is lost with a conversation."""
        for what, count in losses(lost, reason):
            self[stage, *what] += count


def losses(lost: Lost, reason: str) -> Iterator[tuple[tuple[str, str], int]]:
    """The counts, by what and name, of what is lost for a reason. Where a record passes to
    another row, that one may join more records than it did."""
    yield ("rejected_records", reason), lost.records
    if lost.rows:
        yield ("rejected_rows", reason), lost.rows
    if lost.derived:
        yield ("derived_dropped", ""), lost.derived
    yield ("joined_dropped" if lost.joined >= 0 else "records_joined", ""), abs(lost.joined)


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
        """The figures of the law for a subset, a source or the whole build. `derived`, `repeats`,
        `rows_rejected`, and the rows of preference/ and of other splits than train are there where
        they are not 0."""

        def total(stage: str | None, what: str) -> int:
            return self.sum_of(stage, what, source=source, subset=subset)

        found = {
            "records_read": total(READ, "records_out"),
            "records_unreadable": total(READ, "rejected_records"),
            "records_kept": total(WRITE, "records_out"),
            "records_rejected": total(None, "rejected_records"),
            "records_joined": total(None, "records_joined"),
            "parts_added": total(None, "parts_added") - total(None, "parts_dropped"),
            "records_joined_dropped": total(None, "joined_dropped"),
            "rows": total(WRITE, "rows"),
            "messages_read": total(CONVERT, "messages_in"),
            "messages_kept": total(WRITE, "messages_out"),
            "messages_rejected": total(None, "rejected_messages"),
            "messages_joined": total(None, "messages_joined"),
            "messages_repeated": total(None, "messages_repeated"),
        }
        more = {
            "derived": total(CONVERT, "derived") - total(None, "derived_dropped"),
            "repeats": total(WRITE, "repeats"),
            "rows_rejected": total(None, "rejected_rows"),
            "preference_rows": total(WRITE, "preference_rows"),
            **{f"{name}_rows": total(WRITE, f"{name}_rows") for name in SPLITS},
        }
        return found | {name: count for name, count in more.items() if count}

    def problems(self) -> list[str]:
        """Each broken law in words; empty if the ledger balances."""
        took_part = self._took_part()
        found: list[str] = []
        for (source, subset), own in self.by_subset().items():
            found += own._problems(f"{source}:{subset}", took_part)
        return found + self._unknown_stages()

    def by_subset(self) -> dict[tuple[str, str], Ledger]:
        """The counts of each (source, subset), in order of first appearance."""
        found: dict[tuple[str, str], Ledger] = {}
        for entry, count in self.items():
            found.setdefault((entry.source, entry.subset), Ledger())[entry] = count
        return found

    def _unknown_stages(self) -> list[str]:
        unknown = {entry.stage for entry in self} - set(stages())
        return [f"there is no stage {stage}" for stage in sorted(unknown)]

    def _problems(self, where: str, took_part: Sequence[str]) -> list[str]:
        """The broken laws of one subset; `took_part` are the stages that the build had."""
        found: list[str] = []

        def equal(left: int, right: int, law: str) -> None:
            if left != right:
                found.append(f"{where}: {law}: {left} is not {right}")

        def at(stage: str, what: str) -> int:
            return self.sum_of(stage, what)

        s = self.summary()
        read = s["records_read"] + s["records_unreadable"]
        joined = s["records_joined"] - s["records_joined_dropped"]
        equal(at(READ, "records_in"), read, "records found = read + unreadable")
        kept_or_not = s["records_kept"] + s["records_rejected"]
        equal(read, kept_or_not, "read + unreadable = kept + rejected")
        rows = s["records_kept"] - joined + s["parts_added"] + s.get("derived", 0)
        rows += s.get("repeats", 0)
        equal(s["rows"], rows, "rows = kept - joined + parts added + derived + repeats")
        before, records, messages = READ, s["records_read"], 0
        for stage in took_part:
            into, out = at(stage, "records_in"), at(stage, "records_out")
            equal(records, into, f"records out of {before} = records into {stage}")
            refused = at(stage, "rejected_records")
            equal(into, out + refused, f"{stage}: records in = out + rejected")
            came = at(stage, "messages_in")
            if stage != CONVERT:  # it makes the messages
                equal(messages, came, f"messages out of {before} = messages into {stage}")
            left = at(stage, "messages_out")
            gone = at(stage, "rejected_messages") + at(stage, "messages_joined")
            law = f"{stage}: messages in + repeated = out + rejected + joined"
            equal(came + at(stage, "messages_repeated"), left + gone, law)
            before, records, messages = stage, out, left
        return found

    def _took_part(self) -> list[str]:
        """The stages after the reader that took part in this build."""
        named = {entry.stage for entry in self}
        always = (CONVERT, WRITE)
        return [name for name in stages()[1:] if name in named or name in always]

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
        order = {stage: index for index, stage in enumerate(stages())}
        return iter(
            sorted(
                self,
                key=lambda e: (e.source, e.subset, order.get(e.stage, -1), e.what, e.name),
            )
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
        """A ledger from the output of `to_dict`."""
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
