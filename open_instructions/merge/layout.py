"""Decides where row groups and shards end. This depends only on the rows, not on how they were cut
into chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..store.names import TRAIN

if TYPE_CHECKING:
    import numpy as np

GROUP_ROWS = 4096
GROUP_BYTES = 16 << 20
SHARD_BYTES = 256 << 20


class Span(NamedTuple):
    """Rows `start` to `stop` of one table of one chunk. `kind` is data, preference, rejected,
    dropped or marked: what corpus steps say. Of data and preference they are those of one split."""

    kind: str
    chunk: int
    start: int
    stop: int
    split: str = TRAIN


RowGroup = list[Span]


class Layout:
    """Shards of row groups of spans, filled table by table. There is always at least one shard.
    `sizes` has the bytes of text in each, `rows` is the number of all rows.

    A group ends with the row that fills it, by rows or by bytes; a shard ends with the group that
    fills it.
    """

    def __init__(self) -> None:
        self._shards: list[list[RowGroup]] = [[]]
        self.sizes = [0]
        self.rows = 0
        self._group: RowGroup = []
        self._rows = self._size = 0

    def add(self, kind: str, chunk: int, lengths: np.ndarray[Any, Any], split: str = TRAIN) -> None:
        """Add the next table; `lengths` has the bytes of text in each of its rows."""
        import numpy as np

        self.rows += len(lengths)
        ends = np.cumsum(lengths)
        start = 0
        while start < len(lengths):
            before = int(ends[start - 1]) if start else 0
            # the row that reaches the bytes
            full = int(np.searchsorted(ends, GROUP_BYTES - self._size + before))
            stop = min(full + 1, start + GROUP_ROWS - self._rows, len(lengths))
            self._group.append(Span(kind, chunk, start, stop, split))
            self._rows += stop - start
            self._size += int(ends[stop - 1]) - before
            start = stop
            if self._rows >= GROUP_ROWS or self._size >= GROUP_BYTES:
                self._end_group()

    def shards(self) -> list[list[RowGroup]]:
        """All shards; call it after the last table."""
        if self._group:
            self._end_group()
        return self._shards

    def _end_group(self) -> None:
        if self.sizes[-1] >= SHARD_BYTES:
            self._shards.append([])
            self.sizes.append(0)
        self._shards[-1].append(self._group)
        self.sizes[-1] += self._size
        self._group, self._rows, self._size = [], 0, 0
