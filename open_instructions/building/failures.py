"""Of what counts no build comes: of records on which code failed, where they are many, and of no row at all.

A few records on which the code of a converter, a rule or a stage failed are rejects like any others. Many say that the code is
wrong, not the data. The verdict depends on the counts of the whole build alone, so it is the same for any number of workers.
"""

from __future__ import annotations

from ..errors import ConverterError, EmptyBuildError
from ..ledger import Ledger
from ..schema import Reason

_FEW = 10
_ONE_IN = 1000
_MOST_REASONS = 8
"""So many reasons why a build is empty are told."""


def count_failed(ledger: Ledger) -> int:
    """The records that failed."""
    failed = [
        entry
        for entry in ledger
        if entry.name == Reason.STAGE_FAILED and entry.what == "rejected_records"
    ]
    return sum(ledger[entry] for entry in failed)


def check_failures(ledger: Ledger, first: str, *, strict: bool) -> None:
    """Raises ConverterError where more records failed than a build puts up with: none if `strict`, else ten, or one in a
    thousand. `first` describes the first of them."""
    failed, read = count_failed(ledger), ledger.summary()["records_read"]
    too_many = failed > _FEW and failed * _ONE_IN > read
    if failed and (strict or too_many):
        why = "--strict allows none" if strict else f"more than one in {_ONE_IN:,}"
        raise ConverterError(
            f"The code of a source or a stage failed on {failed:,} of {read:,} records, and {why}. {first}",
            hint="The fault is in the code, not in the data. Nothing was published.",
        )


def check_rows(ledger: Ledger) -> None:
    """Raises EmptyBuildError where no conversation was kept: no trainer and no `load_dataset` can take such a build."""
    counts = ledger.summary()
    if counts["rows"]:
        return
    read = counts["records_read"] + counts["records_unreadable"]
    lines = [
        f"Not one conversation was kept of {read:,} record{'' if read == 1 else 's'}. Rejected were:"
    ]
    reasons = list(ledger.by_name("rejected_records").items())
    for (stage, reason), count in reasons[:_MOST_REASONS]:
        lines.append(f"  {count:,} as {reason}, at {stage}")
    if len(reasons) > _MOST_REASONS:
        lines.append(f"  and more, for {len(reasons) - _MOST_REASONS} other reasons")
    if len(lines) == 1:
        lines = ["Not one conversation was kept: the files hold no record."]
    raise EmptyBuildError(
        "\n".join(lines) + "\n",
        hint="Nothing was published. docs/schema.md says what the reasons mean.",
    )
