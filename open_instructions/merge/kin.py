"""Rejected rows of a chunk in which some records have several conversations: a record is rejected
with the last of them, and each before it as a row of its own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..arrays import whole
from ..store.columns import RAW, ROW, ROWS
from .counts import Gone

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Text = tuple[int, str, int, str | None]
"""Of a row of rejected/: which drop it belongs to, its level, its row in the file, its text."""


class Kin:
    """Whose records are whose, in the raw records of a chunk. `rows` are those of each
    conversation."""

    def __init__(self, raws: pa.Table) -> None:
        self._raws = raws
        self.rows: list[list[int]] = raws[ROWS].to_pylist()

    def count(self) -> int:
        """The records, each once."""
        return len({row for rows in self.rows for row in rows})

    def lengths(
        self, places: np.ndarray[Any, Any], gone: Gone
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """For each row of rejected/, which drop it belongs to, and the bytes of text in it, in the
        order of the conversations; `places` are those that are dropped."""
        import numpy as np
        import pyarrow.compute as pc

        assert gone.which is not None
        of_records = pc.fill_null(pc.binary_length(self._texts), 0)
        of_rows = pc.fill_null(pc.binary_length(self._raws[ROW]), 0)
        found = []
        for drop in np.argsort(places).tolist():
            its = [of_records[self._at[row]].as_py() for row in gone.which[drop]]
            found += [(drop, size) for size in its or [of_rows[places[drop]].as_py()]]
        drops, sizes = np.array(found, np.int64).reshape(-1, 2).T
        return drops, sizes

    def texts(self, places: np.ndarray[Any, Any], gone: Gone) -> Iterator[Text]:
        """The rows of rejected/, as `lengths`. A conversation that takes no record along is lost
        alone."""
        import numpy as np

        assert gone.which is not None
        for drop in np.argsort(places).tolist():
            place, its = int(places[drop]), gone.which[drop]
            for row in its:
                yield drop, "record", row, self._texts[self._at[row]].as_py()
            if not its:
                yield drop, "row", self.rows[place][0], self._raws[ROW][place].as_py()

    @cached_property
    def _texts(self) -> pa.Array:
        return whole(self._raws[RAW]).flatten()

    @cached_property
    def _at(self) -> dict[int, int]:
        """Where each record's text is: with the first conversation that had it."""
        valid = self._texts.is_valid().to_pylist()
        flat = [row for rows in self.rows for row in rows]
        return {row: at for at, row in enumerate(flat) if valid[at]}
