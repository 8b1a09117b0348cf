"""Rejected rows of a chunk in which some records have several conversations: a record is rejected
with the last of them, and each before it as a row of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..arrays import numbers, view, whole
from ..store.columns import RAW, ROW, ROWS
from .counts import Gone

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Text = tuple[str, int, str | None]
"""Level, row in the file and text of what goes into rejected/."""


class Kin:
    """Whose records are whose, in the raw records of a chunk. `rows` are those of each
    conversation."""

    def __init__(self, raws: pa.Table) -> None:
        self._raws = raws
        self.rows: list[list[int]] = raws[ROWS].to_pylist()

    def count(self) -> int:
        """The records, each once."""
        return len({row for rows in self.rows for row in rows})

    def lengths(self, gone: Mapping[int, Gone]) -> np.ndarray[Any, Any]:
        """The bytes of text in each row of rejected/, in the order of the conversations."""
        import pyarrow.compute as pc

        of_records = pc.fill_null(pc.binary_length(self._texts), 0)
        of_rows = pc.fill_null(pc.binary_length(self._raws[ROW]), 0)
        found = []
        for place in sorted(gone):
            its = gone[place]
            found += [of_records[self._at[row]].as_py() for row in its.records or ()]
            found += [of_rows[place].as_py()] * its.lost.rows
        return view(numbers(found, "int64"))

    def texts(self, place: int, gone: Gone) -> Iterator[Text]:
        """The rows of rejected/ for a conversation that is dropped."""
        for row in gone.records or ():
            yield "record", row, self._texts[self._at[row]].as_py()
        if gone.lost.rows:
            yield "row", self.rows[place][0], self._raws[ROW][place].as_py()

    @cached_property
    def _texts(self) -> pa.Array:
        return whole(self._raws[RAW]).flatten()

    @cached_property
    def _at(self) -> dict[int, int]:
        """Where each record's text is: with the first conversation that had it."""
        valid = self._texts.is_valid().to_pylist()
        flat = [row for rows in self.rows for row in rows]
        return {row: at for at, row in enumerate(flat) if valid[at]}


def texts_alone(raws: pa.Table, place: int) -> Iterator[Text]:
    """The rows of rejected/ for a conversation whose records have no other."""
    records = zip(raws[ROWS][place].as_py(), raws[RAW][place].as_py(), strict=True)
    return (("record", row, text) for row, text in records)
