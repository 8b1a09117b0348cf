"""The merge's ledger entries for a chunk: what corpus steps dropped, and what is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..ledger import WRITE, Ledger
from ..store.chunks import origin

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class Sizes(NamedTuple):
    """For each conversation, the number of its parts, its raw records, and the messages in all its
    parts."""

    parts: np.ndarray[Any, Any]
    records: np.ndarray[Any, Any]
    messages: np.ndarray[Any, Any]


def count_step(
    ledger: Ledger,
    keys: pa.Table,
    step: str,
    sizes: Sizes,
    stays: np.ndarray[Any, Any],
    dropped: Mapping[int, str],
) -> None:
    """Count what a step took in, passed on and dropped. `dropped` maps the place of each dropped
    conversation to the reason; `stays` says which conversations earlier steps kept."""
    left = stays.copy()
    left[list(dropped)] = False
    _flow(ledger, keys, step, sizes, stays, left)
    lost: Counter[tuple[str, str]] = Counter()
    for place, reason in dropped.items():
        lost["rejected_records", reason] += int(sizes.records[place])
        lost["rejected_messages", reason] += int(sizes.messages[place])
        lost["parts_dropped", ""] += int(sizes.parts[place]) - 1
        lost["joined_dropped", ""] += int(sizes.records[place]) - 1
    source, subset, _ = origin(keys)
    for (what, name), count in lost.items():
        ledger.add(source, subset, step, what, count, name)


def count_written(
    ledger: Ledger, keys: pa.Table, sizes: Sizes, stays: np.ndarray[Any, Any]
) -> None:
    source, subset, _ = origin(keys)
    _flow(ledger, keys, WRITE, sizes, stays, stays)
    ledger.add(source, subset, WRITE, "rows", int(sizes.parts[stays].sum()))


def _flow(
    ledger: Ledger,
    keys: pa.Table,
    stage: str,
    sizes: Sizes,
    before: np.ndarray[Any, Any],
    after: np.ndarray[Any, Any],
) -> None:
    source, subset, _ = origin(keys)
    counts = {
        "records_in": sizes.records[before],
        "records_out": sizes.records[after],
        "messages_in": sizes.messages[before],
        "messages_out": sizes.messages[after],
    }
    for what, count in counts.items():
        ledger.add(source, subset, stage, what, int(count.sum()))
