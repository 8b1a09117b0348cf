"""The rows of data/ and preference/ that a chunk has, as they are written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..arrays import lists, numbers, strings
from ..corpus.step import EDIT
from ..schema import GROUP
from ..store import DATA, PREFERENCE
from ..store.chunks import KEYS, read_chunk
from ..store.columns import data_schema, in_form, rejected_schema
from ..store.pair_columns import preference_in_form, preference_schema
from .names import copied
from .placing import Rows, groups_at, rows_of
from .verdicts import ChunkVerdicts

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Form:
    """What the rows of a build have in common.

    full     whether messages have the full form, see `store.forms`
    grouped  whether rows have a group, because the recipe asks for a split
    steps    the names of its corpus steps, in order
    """

    full: bool
    grouped: bool
    steps: tuple[str, ...]

    def schema(self, kind: str) -> pa.Schema:
        if kind == DATA:
            return data_schema(self.full, self.grouped)
        if kind == PREFERENCE:
            return preference_schema(self.full, self.grouped)
        return rejected_schema()


def kept(
    chunks: Path,
    index: int,
    verdicts: ChunkVerdicts,
    table: tuple[str, str],
    some: slice,
    form: Form,
) -> pa.Table:
    """Some of the rows of a chunk that belong to a table, a kind and a split."""
    import numpy as np

    kind, split = table
    found = read_chunk(chunks, index, kind)
    keys = read_chunk(chunks, index, KEYS)
    rows = Rows(*(column[some] for column in rows_of(keys, verdicts, kind, split)))
    if not np.array_equal(rows.row, np.arange(len(found))):
        found = found.take(numbers(rows.row, "int64"))
    found = _with_ids(found, rows, verdicts)
    found = _with_edits(found, rows, verdicts)
    if form.grouped:
        found = found.append_column(GROUP, groups_at(verdicts, rows.place))
    return in_form(found, form.full) if kind == DATA else preference_in_form(found, form.full)


def _with_ids(table: pa.Table, rows: Rows, verdicts: ChunkVerdicts) -> pa.Table:
    """The rows with their final ids: a part keeps what follows its conversation's id. So does one
    that stands alone, whose new name ends with it."""
    import numpy as np

    new = np.isin(rows.place, list(verdicts.renamed)) | (rows.copy > 1)
    if not new.any():
        return table
    ids, names = (table[column].to_pylist() for column in ("id", "conversation_id"))
    for row in np.flatnonzero(new).tolist():
        old = names[row]
        renamed = verdicts.renamed.get(int(rows.place[row]), old)
        tail = ids[row][len(old) :]
        names[row] = copied(renamed.removesuffix(tail), int(rows.copy[row]))
        ids[row] = names[row] + tail
    for at, values in enumerate((ids, names)):
        table = table.set_column(at, table.schema.field(at), strings(values))
    return table


def _with_edits(table: pa.Table, rows: Rows, verdicts: ChunkVerdicts) -> pa.Table:
    """The rows with the edits that steps gave to their conversations, behind those of stages."""
    import numpy as np

    edits = verdicts.edits
    mine = np.isin(rows.place, edits.places)
    if not mine.any():
        return table
    added: dict[int, list[str]] = {}
    for place, name in zip(edits.places.tolist(), edits.table[EDIT].to_pylist(), strict=True):
        added.setdefault(place, []).append(name)
    values = table["edits"].to_pylist()
    for row in np.flatnonzero(mine).tolist():
        values[row] += [name for name in added[int(rows.place[row])] if name not in values[row]]
    at = table.column_names.index("edits")
    return table.set_column(at, table.schema.field(at), lists(values, strings))
