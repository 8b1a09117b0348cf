"""The merge's ledger entries for a chunk: what corpus steps dropped, and what is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..arrays import view
from ..claims import Claims
from ..ledger import WRITE, Ledger, Lost, losses
from ..store.chunks import origin
from ..store.columns import MESSAGES, PART_BYTES, RAW_BYTES

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class Sizes(NamedTuple):
    """For each conversation, the number of its parts, its raw records, and the messages in all its
    parts."""

    parts: np.ndarray[Any, Any]
    records: np.ndarray[Any, Any]
    messages: np.ndarray[Any, Any]


def sizes_of(keys: pa.Table) -> Sizes:
    import pyarrow.compute as pc

    parts, records = (view(pc.list_value_length(keys[name])) for name in (PART_BYTES, RAW_BYTES))
    return Sizes(parts, records, view(keys[MESSAGES]))


class Gone(NamedTuple):
    """What goes with a conversation that is dropped: the records that no other one has, None for
    all that are its own; and what the ledger counts."""

    records: list[int] | None
    lost: Lost


def find_gone(
    dropped: Iterable[int], sizes: Sizes, rows: Sequence[Sequence[int]] | None
) -> dict[int, Gone]:
    """By place, for conversations in the order in which they are dropped. `rows` are the records
    of each conversation of the chunk, None where no record has several."""
    if rows is None:
        every = {place: int(sizes.records[place]) for place in dropped}
        return {place: Gone(None, Lost(n, joined=n - 1)) for place, n in every.items()}
    claims = Claims(rows)
    found = {}
    for place in dropped:
        left = claims.leave(place)
        many = len(left.gone)
        found[place] = Gone(left.gone, Lost(many, int(not many), left.joined, left.derived))
    return found


def count_step(
    ledger: Ledger,
    keys: pa.Table,
    step: str,
    sizes: Sizes,
    stays: np.ndarray[Any, Any],
    dropped: Mapping[int, str],
    gone: Mapping[int, Gone],
    records: int,
) -> int:
    """Count what a step took in, passed on and dropped. `dropped` maps the place of each dropped
    conversation to the reason; `stays` says which conversations earlier steps kept, and `records`
    how many records those have. Returns how many records are left."""
    left = stays.copy()
    left[list(dropped)] = False
    behind = records - sum(gone[place].lost.records for place in dropped)
    _flow(ledger, keys, step, sizes, stays, left, records, behind)
    counts: Counter[tuple[str, str]] = Counter()
    for place, reason in dropped.items():
        for lost, count in losses(gone[place].lost, reason):
            counts[lost] += count
        counts["rejected_messages", reason] += int(sizes.messages[place])
        counts["parts_dropped", ""] += int(sizes.parts[place]) - 1
    source, subset, _ = origin(keys)
    for (what, name), count in counts.items():
        ledger.add(source, subset, step, what, count, name)
    return behind


def count_written(
    ledger: Ledger,
    keys: pa.Table,
    sizes: Sizes,
    stays: np.ndarray[Any, Any],
    paired: np.ndarray[Any, Any] | None,
    records: int,
) -> None:
    """Count what goes into data/ and preference/."""
    source, subset, _ = origin(keys)
    _flow(ledger, keys, WRITE, sizes, stays, stays, records, records)
    ledger.add(source, subset, WRITE, "rows", int(sizes.parts[stays].sum()))
    if paired is not None:
        ledger.add(source, subset, WRITE, "preference_rows", int((stays & paired).sum()))


def _flow(
    ledger: Ledger,
    keys: pa.Table,
    stage: str,
    sizes: Sizes,
    before: np.ndarray[Any, Any],
    after: np.ndarray[Any, Any],
    records_in: int,
    records_out: int,
) -> None:
    source, subset, _ = origin(keys)
    counts = {
        "records_in": records_in,
        "records_out": records_out,
        "messages_in": int(sizes.messages[before].sum()),
        "messages_out": int(sizes.messages[after].sum()),
    }
    for what, count in counts.items():
        ledger.add(source, subset, stage, what, count)
