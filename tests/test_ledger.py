from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from open_instructions.ledger import Ledger, stages


def balanced() -> Ledger:
    """Five records read, one unreadable, one rejected; two joined; one split in two. Eleven turns,
    one rejected, one repeated."""
    ledger = Ledger()

    def add(stage: str, **counts: int) -> None:
        for what, count in counts.items():
            name = "why" if what.startswith("rejected") else ""
            ledger.add("s", "m", stage, what, count, name)

    add("read", records_in=6, records_out=5, rejected_records=1)
    add(
        "convert",
        records_in=5,
        records_out=4,
        rejected_records=1,
        records_joined=1,
        messages_in=12,
        messages_out=11,
        rejected_messages=1,
    )
    for stage in ("structure", "license", "html", "defects", "phrases", "gaps", "language"):
        add(stage, records_in=4, records_out=4, messages_in=11, messages_out=11)
    add(
        "split",
        records_in=4,
        records_out=4,
        messages_in=11,
        messages_out=12,
        messages_repeated=1,
        parts_added=1,
    )
    add("duplicates", records_in=4, records_out=4, messages_in=12, messages_out=12)
    add("write", records_in=4, records_out=4, messages_in=12, messages_out=12, rows=4)
    return ledger


def test_balanced_books() -> None:
    assert balanced().problems() == []
    summary = balanced().summary("s")
    assert (
        summary["records_read"],
        summary["records_unreadable"],
        summary["records_kept"],
        summary["records_rejected"],
    ) == (5, 1, 4, 2)
    assert summary["rows"] == 4


def test_every_lost_record_or_turn_is_noticed() -> None:
    entries = [e for e in balanced() if e.what != "messages_repeated"]
    for entry in entries:
        broken = balanced()
        broken[entry] -= 1
        assert broken.problems(), entry


def test_there_and_back() -> None:
    assert Ledger.from_dict(balanced().to_dict()) == balanced()


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(stages()), st.integers(1, 9)),
        max_size=12,
    ),
    st.integers(0, 12),
)
def test_merging_does_not_depend_on_the_parts(counts: list[tuple[str, str, int]], cut: int) -> None:
    def book(items: list[tuple[str, str, int]]) -> Ledger:
        ledger = Ledger()
        for source, stage, count in items:
            ledger.add(source, "m", stage, "messages_in", count)
        return ledger

    assert Ledger.merge([book(counts[:cut]), book(counts[cut:])]) == book(counts)


def test_many_subsets_are_looked_at_once() -> None:
    """Each subset's law reads its own counts, not those of all: a manifest can name thousands."""
    many = Ledger()
    for number in range(300):
        for entry, count in balanced().items():
            many.add("s", f"m{number}", entry.stage, entry.what, count, entry.name)
    looked = 0

    class Counted(Ledger):
        def items(self) -> Any:
            nonlocal looked
            looked += 1
            return super().items()

    assert Counted(many).problems() == []
    assert looked == 1
