"""Records on which the code of a converter, a rule or a stage failed: how many of them a build puts up with.

A few are rejects like any others. Many say that the code is wrong, not the data, and then no build should come of it. The
verdict depends on the counts of the whole build alone, so it is the same for any number of workers.
"""

from __future__ import annotations

from .errors import ConverterError
from .ledger import Ledger
from .schema import Reason

_FEW = 10
_ONE_IN = 1000


def count_failed(ledger: Ledger) -> int:
    """The records that failed."""
    failed = [entry for entry in ledger if entry.name == Reason.STAGE_FAILED and entry.what == "rejected_records"]
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
