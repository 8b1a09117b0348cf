"""Counts that stop a build: too many records on which code failed, or no rows at all.

If the code of a converter, a rule or a stage fails on a few records, they are rejects like any
others. If it fails on many, the code is wrong, not the data. The verdict depends only on the counts
of the whole build, so it is the same for any number of workers.
"""

from __future__ import annotations

from shlex import quote
from typing import Any

from ..arrays import strings
from ..errors import ConverterError, EmptyBuildError, counted, safe, shortened
from ..ledger import Ledger
from ..schema import Reason
from ..store import REJECTED, Build

_FEW = 10
_ONE_IN = 1000
_MOST_REASONS = 8
"""The most reasons that the error about an empty build lists."""
_WAYS_OUT = {
    Reason.UNKNOWN_LAYOUT: "--field prompt=FIELD --field completion=FIELD says where your own file "
    "has what a layout needs.",
    Reason.UNKNOWN_ROLE: "--role ROLE=user says what a role in your own file means.",
}
"""What a user can do about a reason, if it is why nothing was kept."""


def count_failed(ledger: Ledger) -> int:
    """The number of records that failed."""
    failed = [
        entry
        for entry in ledger
        if entry.name == Reason.STAGE_FAILED and entry.what == "rejected_records"
    ]
    return sum(ledger[entry] for entry in failed)


def check_failures(ledger: Ledger, first: str, *, strict: bool) -> None:
    """Raises ConverterError if more records failed than a build tolerates: none if `strict`, else
    ten or one in a thousand. `first` describes the first of them."""
    failed, read = count_failed(ledger), ledger.summary()["records_read"]
    too_many = failed > _FEW and failed * _ONE_IN > read
    if failed and (strict or too_many):
        why = "--strict allows none" if strict else f"more than one in {_ONE_IN:,}"
        raise ConverterError(
            f"The code of a source or a stage failed on {failed:,} of {counted(read, 'record')}, "
            f"and {why}. {first}",
            hint="The code is at fault, not the data. Nothing was published.",
        )


def first_rejected(build: Build, stage: str = "") -> dict[str, Any] | None:
    """The first record in rejected/; with `stage`, the first that this stage rejected."""
    import pyarrow.compute as pc

    columns = ["level", "stage", "conversation_id", "origin_file", "origin_row", "reason", "detail"]
    for batch in build.batches(REJECTED, columns):
        fits = pc.equal(batch["level"], strings(["record"])[0])
        if stage:
            fits = pc.and_(fits, pc.equal(batch["stage"], strings([stage])[0]))
        if first := batch.filter(fits).slice(0, 1).to_pylist():
            found: dict[str, Any] = first[0]
            return found
    return None


def _place(row: dict[str, Any]) -> str:
    """Where a rejected record came from, and why it was rejected."""
    why = ": ".join(filter(None, (row["reason"], shortened(row["detail"]))))
    return safe(f"record {row['origin_row']} (counted from 0) of {row['origin_file']}: {why}")


def unreadable(build: Build) -> list[str]:
    """A note about unreadable records: how many, where the first is, what is wrong with it, and how
    to see them."""
    count = build.ledger.summary()["records_unreadable"]
    first = first_rejected(build, "read") if count else None
    if first is None:
        return []
    id = quote(first["conversation_id"])
    which, they = (". The first: ", "All are") if count > 1 else (": ", "It is")
    return [
        f"{counted(count, 'record')} cannot be read{which}{_place(first)}. oi explain {id} "
        f"shows it. {they} in rejected/, under the stage read"
    ]


def check_rows(build: Build) -> None:
    """Raises EmptyBuildError if no conversation was kept: neither a trainer nor `load_dataset` can
    read such a build."""
    counts = build.ledger.summary()
    if counts["rows"]:
        return
    read = counts["records_read"] + counts["records_unreadable"]
    lines = [f"No conversation was kept, of {counted(read, 'record')}. Rejected:"]
    reasons = list(build.ledger.by_name("rejected_records").items())
    for (stage, reason), count in reasons[:_MOST_REASONS]:
        lines.append(f"  {count:,} as {reason}, at {stage}")
    if len(reasons) > _MOST_REASONS:
        lines.append(f"  and more, for {len(reasons) - _MOST_REASONS} other reasons")
    if first := first_rejected(build):
        lines.append(f"The first: {_place(first)}.")
    if len(lines) == 1:
        lines = ["No conversation was kept: the files have no records."]
    ways = [_WAYS_OUT[Reason(reason)] for (_, reason), _ in reasons if reason in _WAYS_OUT]
    raise EmptyBuildError("\n".join(lines) + "\n", hint=" ".join([*ways, "Nothing was published."]))
