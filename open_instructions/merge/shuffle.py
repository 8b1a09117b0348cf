"""Writes the rows of a table in a random order, the same for any number of workers and chunks.

A row's place follows from a hash of the seed, its conversation's id, its part and its copy. Each
worker reads some neighbouring chunks and puts their rows, sorted by place, into a file for each
shard; then each shard takes from those files what belongs into its next row group. So every row is
read and written once more than without shuffling, and memory stays flat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..arrays import numbers, view
from ..store.chunks import path_of, read_arrow, write_arrow
from . import layout
from .kept import Form, kept
from .verdicts import ChunkVerdicts
from .write import Table, Written, write_groups

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

BATCH_BYTES, BATCHES = 16 << 20, 1000
"""How many bytes of text are sorted together, and the most batches: beyond that they get larger."""
_PLACE = "place"


class Batch(NamedTuple):
    """Neighbouring chunks whose rows are sorted together, the place of each of their rows in the
    whole order, chunk by chunk, and where shards begin."""

    table: Table
    number: int
    chunks: Sequence[int]
    places: np.ndarray[Any, Any]
    starts: np.ndarray[Any, Any]


class ShuffledShard(NamedTuple):
    """A shard to write: the batches that have rows of it, and the places at which its row groups
    begin and the last one ends."""

    table: Table
    path: str
    number: int
    batches: Sequence[int]
    ends: np.ndarray[Any, Any]


class Shuffled:
    """The rows of a table, chunk by chunk: a few numbers for each row."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._chunks: list[int] = []
        self._keys: list[np.ndarray[Any, Any]] = []
        self._lengths: list[np.ndarray[Any, Any]] = []
        self.rows = 0

    def add(self, chunk: int, lengths: np.ndarray[Any, Any], keys: np.ndarray[Any, Any]) -> None:
        """Add the next rows; `lengths` has the bytes of text in each of them."""
        if len(lengths):
            self._chunks.append(chunk)
            self._lengths.append(lengths)
            self._keys.append(keys)
            self.rows += len(lengths)

    def plan(self) -> ShufflePlan:
        """The order of all rows; call it after the last chunk."""
        import numpy as np

        lengths = np.concatenate([np.empty(0, np.int64), *self._lengths])
        order = np.argsort(np.concatenate([np.empty(0, np.uint64), *self._keys]), kind="stable")
        places = np.empty(self.rows, np.int64)
        places[order] = np.arange(self.rows)
        shards = max(1, min(self.rows, -(-int(lengths.sum()) // layout.SHARD_BYTES)))
        starts = np.arange(shards + 1) * self.rows // shards
        return ShufflePlan(self.table, self._chunks, self._lengths, places, starts, lengths[order])


class ShufflePlan(NamedTuple):
    """The chunks with rows of a table, the bytes of text in each of their rows, its place in the
    whole order, the places where shards begin and the last one ends, and the bytes in order."""

    table: Table
    chunks: Sequence[int]
    lengths: Sequence[np.ndarray[Any, Any]]
    places: np.ndarray[Any, Any]
    starts: np.ndarray[Any, Any]
    ordered: np.ndarray[Any, Any]

    def sizes(self) -> list[int]:
        """The bytes of text in each shard."""
        spans = zip(self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True)
        return [int(self.ordered[start:stop].sum()) for start, stop in spans]

    def batches(self) -> Iterator[tuple[list[int], np.ndarray[Any, Any]]]:
        """The chunks of each batch, and the places of their rows."""
        most = max(BATCH_BYTES, int(self.ordered.sum()) // BATCHES)
        some: list[int] = []
        size = first = rows = 0
        for chunk, lengths in zip(self.chunks, self.lengths, strict=True):
            some.append(chunk)
            size += int(lengths.sum())
            rows += len(lengths)
            if size >= most:
                yield some, self.places[first : first + rows]
                some, size, first, rows = [], 0, first + rows, 0
        if some:
            yield some, self.places[first:]

    def shards(self, batches: Sequence[np.ndarray[Any, Any]]) -> Iterator[ShuffledShard]:
        """The shards; `batches` has the places of the rows of each."""
        import numpy as np

        kind, split = self.table
        many = len(self.starts) - 1
        there = [set(_shard_of(self.starts, places).tolist()) for places in batches]
        for number in range(many):
            start, stop = self.starts[number : number + 2].tolist()
            having = [at for at, shards in enumerate(there) if number in shards]
            path = f"{kind}/{split}-{number:05d}-of-{many:05d}.parquet"
            ends = np.array([0, *group_ends(self.ordered[start:stop])]) + start
            yield ShuffledShard(self.table, path, number, having, ends)


def group_ends(lengths: np.ndarray[Any, Any]) -> list[int]:
    """Where row groups end: with the row that fills them, by rows or by bytes."""
    import numpy as np

    behind = np.cumsum(lengths)
    ends: list[int] = []
    start = before = 0
    while start < len(lengths):
        full = int(np.searchsorted(behind, before + layout.GROUP_BYTES)) + 1
        start = min(full, start + layout.GROUP_ROWS, len(lengths))
        before = int(behind[start - 1])
        ends.append(start)
    return ends


def sort_batch(work: tuple[Batch, Sequence[ChunkVerdicts]], *, chunks: Path, form: Form) -> None:
    """Write the rows of a batch into a file for each shard, sorted by place. The verdicts are those
    on each of its chunks."""
    import numpy as np
    import pyarrow as pa

    batch, verdicts = work
    tables = [
        kept(chunks, chunk, each, batch.table, slice(None), form)
        for chunk, each in zip(batch.chunks, verdicts, strict=True)
    ]
    rows = pa.concat_tables(tables).append_column(_PLACE, numbers(batch.places, "int64"))
    order = np.argsort(batch.places)
    rows = rows.combine_chunks().take(numbers(order, "int64"))
    ends = np.searchsorted(batch.places[order], batch.starts)
    for shard, (start, stop) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)):
        if stop > start:
            file = _file(chunks, batch.table, batch.number, shard)
            write_arrow(file, rows[start:stop])


def write_shuffled(job: ShuffledShard, *, chunks: Path, ready: Path, form: Form) -> Written:
    """Write one shard below `ready`, from the files of all batches."""
    files = [read_arrow(_file(chunks, job.table, at, job.number)) for at in job.batches]
    kind, _ = job.table
    return write_groups(ready / job.path, kind, _groups(files, job.ends), form)


def _groups(files: Sequence[pa.Table], ends: np.ndarray[Any, Any]) -> Iterator[pa.Table]:
    """The row groups between these places."""
    import numpy as np
    import pyarrow as pa

    cuts = [np.searchsorted(view(file[_PLACE]), ends).tolist() for file in files]
    for at in range(len(ends) - 1):
        pieces = [file[cut[at] : cut[at + 1]] for file, cut in zip(files, cuts, strict=True)]
        rows = pa.concat_tables(pieces).combine_chunks()
        order = np.argsort(view(rows[_PLACE]))
        yield rows.drop_columns(_PLACE).take(numbers(order, "int64"))


def _file(chunks: Path, table: Table, batch: int, shard: int) -> Path:
    return path_of(chunks, batch, f"sorted-{'-'.join(table)}-{shard}")


def _shard_of(starts: np.ndarray[Any, Any], places: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The shards that these places are in."""
    import numpy as np

    return np.unique(np.searchsorted(starts, places, side="right") - 1)
