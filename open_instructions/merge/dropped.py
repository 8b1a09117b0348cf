"""The rows of rejected/ that corpus steps give. A conversation that is dropped has one for each raw
record, or one of its own if its records have others. One that stays with an edit has one that says
what was found, of the level `mark`.

What a mix left out has no text: its origin is the way back. It may be most of the input, so nothing
here makes a Python object for a row, but for records that have several conversations.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..arrays import flags, numbers, offsets, strings, up_to, view, whole
from ..corpus.step import DETAIL, EDIT, EVIDENCE, ID, OTHER_ID, REASON, SCORE, STEP
from ..preference import CONVERSATION
from ..reasons import WITHOUT_TEXT
from ..store import PREFERENCE
from ..store.chunks import KEYS, RAWS, origin, paired_of, parent_of, read_chunk
from ..store.columns import KIN, RAW, RAW_BYTES, ROWS, rejected_schema
from .counts import Gone, find_gone, sizes_of
from .kin import Kin
from .verdicts import Told

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class _Records(NamedTuple):
    """The level, the row in the file and the text of each row of rejected/, and which of the drops
    it belongs to."""

    level: pa.Array
    row: pa.Array
    raw: pa.Array
    drop: np.ndarray[Any, Any]


def kin_of(chunks: Path, index: int, keys: pa.Table) -> Kin | None:
    """Whose records are whose, if some have several conversations."""
    return Kin(read_chunk(chunks, index, RAWS)) if KIN in keys.schema.metadata else None


def lengths(keys: pa.Table, drops: Told, kin: Kin | None, gone: Gone) -> np.ndarray[Any, Any]:
    """The bytes of text in each row."""
    import numpy as np

    if kin:
        drop, sizes = kin.lengths(drops.places, gone)
    else:
        drop, at = _items(keys[RAW_BYTES], drops)
        sizes = view(whole(keys[RAW_BYTES]).flatten())[at]
    return np.where(_has_text(drops)[drop], sizes, 0)


def dropped(chunks: Path, index: int, drops: Told, steps: Sequence[str]) -> pa.Table:
    """The rows for what was dropped from a chunk, in the order of its conversations."""
    keys = read_chunk(chunks, index, KEYS)
    kin = kin_of(chunks, index, keys)
    records = _of_kin(keys, drops, kin) if kin else _alone(read_chunk(chunks, index, RAWS), drops)
    return _rows(keys, drops, records, REASON, steps)


def marked(chunks: Path, index: int, edits: Told, steps: Sequence[str]) -> pa.Table:
    """The rows for the edits that steps gave, in the order of the conversations and the steps."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    raws = read_chunk(chunks, index, RAWS)
    order = np.argsort(edits.places, kind="stable")
    first = pc.list_element(raws[ROWS], 0).take(numbers(edits.places[order], "int64"))
    rows = len(order)
    records = _Records(strings(["mark"] * rows), first, pa.nulls(rows, pa.string()), order)
    return _rows(read_chunk(chunks, index, KEYS), edits, records, EDIT, steps)


def _rows(
    keys: pa.Table, told: Told, records: _Records, reason: str, steps: Sequence[str]
) -> pa.Table:
    """Rows of rejected/, from what steps say of conversations of a chunk."""
    import pyarrow as pa

    place = told.places[records.drop]
    why = told.table.take(numbers(records.drop, "int64"))
    source, subset, file = origin(keys)
    rows, paired = len(place), paired_of(keys)
    kinds = [0] * rows if paired is None else paired[place]
    columns = {
        "level": records.level,
        "source": strings([source] * rows),
        "subset": strings([subset] * rows),
        "conversation_id": keys[ID].take(numbers(place, "int64")),
        "origin_file": strings([file] * rows),
        "origin_row": records.row,
        "stage": strings(steps).take(why[STEP]),
        "reason": why[reason],
        "detail": _in_words(why[DETAIL], why[OTHER_ID]),
        "raw": records.raw,
        "kind": strings([CONVERSATION, PREFERENCE]).take(numbers(kinds, "int8")),
        "other": why[OTHER_ID],
        "score": why[SCORE],
        "evidence": why[EVIDENCE],
        "parent": strings([parent_of(keys)] * rows),
    }
    schema = rejected_schema()
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _in_words(detail: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    """The detail, and behind it the id of the other conversation if there is one."""
    import pyarrow.compute as pc

    nothing, space = strings(["", " "])
    return pc.coalesce(pc.binary_join_element_wise(detail, other, space), detail, nothing)


def _alone(raws: pa.Table, drops: Told) -> _Records:
    """Of conversations whose records have no others."""
    drop, at = _items(raws[ROWS], drops)
    rows, texts = (whole(raws[name]).flatten() for name in (ROWS, RAW))
    return _Records(
        strings(["record"] * len(at)),
        rows.take(numbers(at, "int64")),
        texts.take(numbers(at, "int64", valid=_has_text(drops)[drop])),
        drop,
    )


def _of_kin(keys: pa.Table, drops: Told, kin: Kin) -> _Records:
    gone = find_gone(drops.places, sizes_of(keys), kin.rows)
    has_text = _has_text(drops).tolist()
    found = list(kin.texts(drops.places, gone))
    return _Records(
        strings([level for _, level, _, _ in found]),
        numbers([row for _, _, row, _ in found], "int64"),
        strings([text if has_text[drop] else None for drop, _, _, text in found]),
        view(numbers([drop for drop, *_ in found], "int64")),
    )


def _items(
    column: pa.ChunkedArray, drops: Told
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Of a column with a list for each conversation: which drop each item of the dropped ones
    belongs to, and where it is among all items, in the order of the conversations."""
    import numpy as np

    order = np.argsort(drops.places)
    ends = offsets(whole(column)) - offsets(whole(column))[0]
    first, many = ends[:-1][drops.places], np.diff(ends)[drops.places]
    drop = np.repeat(order, many[order])
    return drop, np.repeat(first[order], many[order]) + up_to(many[order])


def _has_text(drops: Told) -> np.ndarray[Any, Any]:
    import pyarrow.compute as pc

    without = pc.is_in(drops.table[REASON], value_set=strings(sorted(WITHOUT_TEXT)))
    return ~flags(without)
