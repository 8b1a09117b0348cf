"""The merge's ledger entries for a chunk: what corpus steps dropped, and what is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from ..arrays import numbers, view
from ..claims import Claims
from ..corpus.step import EDIT, REASON, SPLITS, STEP
from ..ledger import WRITE, Ledger, Lost, losses
from ..store.chunks import origin
from ..store.columns import MESSAGES, PART_BYTES, RAW_BYTES
from .placing import Placed
from .verdicts import Told

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
    """What goes with each conversation that is dropped, in the order in which they are: how many
    records that no other one has, whether its row is lost alone, and by how many the joined and the
    derived become fewer. `which` are those records, None for all that are its own."""

    records: np.ndarray[Any, Any]
    rows: np.ndarray[Any, Any]
    joined: np.ndarray[Any, Any]
    derived: np.ndarray[Any, Any]
    which: list[list[int]] | None = None

    def of(self, some: np.ndarray[Any, Any]) -> Iterator[Lost]:
        """What is lost with some of them, by their indexes. Where records passed to others, those
        join more than they did."""
        joined = self.joined[some]
        fewer, more = (int(joined[mask].sum()) for mask in (joined > 0, joined < 0))
        records, rows, _, derived = (int(column[some].sum()) for column in self[:4])
        yield Lost(records, rows, fewer, derived)
        yield Lost(0, joined=more)


def find_gone(
    places: np.ndarray[Any, Any], sizes: Sizes, rows: Sequence[Sequence[int]] | None
) -> Gone:
    """For conversations at these places, in the order in which they are dropped. `rows` are the
    records of each conversation of the chunk, None where no record has several."""
    import numpy as np

    if rows is None:
        records, none = sizes.records[places], np.zeros(len(places), np.int64)
        return Gone(records, none, records - 1, none)
    claims = Claims(rows)
    left = [claims.leave(place) for place in places.tolist()]
    which = [each.gone for each in left]
    lost = [(len(e.gone), not e.gone, e.joined, e.derived) for e in left]
    records, alone, joined, derived = np.array(lost, np.int64).reshape(-1, 4).T
    return Gone(records, alone, joined, derived, which)


def count_step(
    ledger: Ledger,
    keys: pa.Table,
    step: str,
    sizes: Sizes,
    stays: np.ndarray[Any, Any],
    drops: Told,
    gone: Gone,
    mine: np.ndarray[Any, Any],
    records: int,
) -> int:
    """Count what a step took in, passed on and dropped: `mine` are the indexes of its own among all
    drops of the chunk. `stays` says which conversations earlier steps kept, and `records` how many
    records those have. Returns how many records are left."""
    import numpy as np

    places = drops.places[mine]
    left = stays.copy()
    left[places] = False
    behind = records - int(gone.records[mine].sum())
    _flow(ledger, keys, step, sizes, stays, left, records, behind)
    reasons = drops.table[REASON].take(numbers(mine, "int64")).combine_chunks().dictionary_encode()
    codes = view(reasons.indices)
    source, subset, _ = origin(keys)
    for code, reason in enumerate(reasons.dictionary.to_pylist()):
        own = mine[codes == code]
        for (what, name), count in chain(*(losses(lost, reason) for lost in gone.of(own))):
            ledger.add(source, subset, step, what, count, name)
        messages = int(sizes.messages[drops.places[own]].sum())
        ledger.add(source, subset, step, "rejected_messages", messages, reason)
    ledger.add(source, subset, step, "parts_dropped", int(np.sum(sizes.parts[places] - 1)))
    return behind


def count_edits(ledger: Ledger, keys: pa.Table, steps: Sequence[str], edits: Told) -> None:
    """Count the conversations that steps gave an edit."""
    source, subset, _ = origin(keys)
    for at, name in zip(edits.column(STEP).tolist(), edits.table[EDIT].to_pylist(), strict=True):
        ledger.add(source, subset, steps[at], "edits", 1, name)


def count_written(
    ledger: Ledger,
    keys: pa.Table,
    sizes: Sizes,
    stays: np.ndarray[Any, Any],
    paired: np.ndarray[Any, Any] | None,
    placed: Placed,
    records: int,
) -> None:
    """Count what goes into data/ and preference/."""
    source, subset, _ = origin(keys)
    _flow(ledger, keys, WRITE, sizes, stays, stays, records, records)
    rows = sizes.parts * placed.times
    counts = {
        "rows": int(rows.sum()),
        "repeats": int((rows - sizes.parts)[stays].sum()),
        "preference_rows": 0 if paired is None else int(rows[paired].sum()),
    }
    for at, name in enumerate(SPLITS, 1):
        counts[f"{name}_rows"] = int(rows[placed.split == at].sum())
    for what, count in counts.items():
        ledger.add(source, subset, WRITE, what, count)


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
