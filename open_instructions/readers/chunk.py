"""Inputs are cut into chunks of neighbouring records: what one worker takes at a time, and what a
resumed build skips."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from xxhash import xxh3_128

from ..schema import Record
from . import Frame, Opened, Slab

CHUNK_CHARS = 2 << 20
CHUNK_RECORDS = 2000

FILE_KEY = "@file"
"""Under this key a record of an envelope carries the name of its file, which is where Natural
Instructions names a task."""


class Chunk(NamedTuple):
    """Neighbouring records of one file. A run holds the frames that the source declares to be one;
    mostly it is one frame.

    `share` is how much of the file was read up to here, 0 to 1; `index_base` is where the file's
    answer codes begin to count. Instead of runs a chunk can have a slab, which `read` makes runs
    of.
    """

    number: int
    source: str
    subset: str
    file: str
    header: Record
    runs: list[list[Frame]]
    share: float
    slab: Slab | None = None
    index_base: int | None = None

    @property
    def records(self) -> int:
        if self.slab:
            return self.slab.records
        return sum(map(len, self.runs))

    def data(self) -> bytes:
        """What stands in its slab. Raises InputError where the file is not what it was."""
        if self.slab:
            return self.slab.data()
        return b""

    def read(self, data: bytes) -> Chunk:
        """The chunk with its records in it, from its `data`. Raises InputError where they are no
        longer in the file."""
        if self.slab:
            return self._replace(runs=[[frame] for frame in self.slab.frames(data)], slab=None)
        return self

    def digest(self, data: bytes) -> str:
        """What tells this chunk's input from any other: its records, their places, and what stands
        over them.

        xxHash, which is no secret: a file with other bytes has another workspace, and only one that
        changes while it is read is told by this.
        """
        of_all = (self.source, self.subset, self.file, self.header, self.index_base)
        seen = xxh3_128(repr(of_all).encode("utf-8", "surrogatepass"))
        if self.slab:
            seen.update(repr(self.slab[1:]).encode())
            seen.update(data)
        for run in self.runs:
            for frame in run:
                text = frame.text.encode("utf-8", "surrogatepass")
                seen.update(
                    repr((frame.row, frame.key, frame.reason, frame.detail, len(text))).encode(
                        "utf-8", "surrogatepass"
                    )
                )
                seen.update(text)
            seen.update(b"end of run")
        return seen.hexdigest()


def cut(
    opened: Opened,
    source: str,
    file: str,
    *,
    start: int,
    join: bool,
    slabs: bool = True,
    index_base: int | None = None,
) -> Iterator[Chunk]:
    """Cut an input into chunks. Where they are cut depends on the input, on `slabs` and on whether
    msgspec is installed, and never lies inside a run. Without `slabs` each has its records in it.
    """
    subset = opened.subset
    header = {**opened.header, FILE_KEY: file} if subset.format == "envelope" else {}
    run_key = subset.run_key if join else None
    numbers = count(start)

    def chunk(runs: list[list[Frame]], slab: Slab | None = None) -> Chunk:
        return Chunk(
            next(numbers), source, subset.name, file, header, runs, opened.share, slab, index_base
        )

    runs: list[list[Frame]] = []
    chars = records = 0
    last_key: str | None = None
    for piece in (
        opened.pieces(CHUNK_CHARS, CHUNK_RECORDS) if slabs and not run_key else opened.frames()
    ):
        if isinstance(piece, Slab):
            if runs:
                yield chunk(runs)
                runs, chars, records = [], 0, 0
            yield chunk([], piece)
            continue
        frame, value = piece
        key = run_key(value) if run_key and isinstance(value, dict) else None
        joins = key is not None and key == last_key and bool(runs)
        if not joins and (chars >= CHUNK_CHARS or records >= CHUNK_RECORDS):
            yield chunk(runs)
            runs, chars, records = [], 0, 0
        if joins:
            runs[-1].append(frame)
        else:
            runs.append([frame])
        last_key = key
        chars += len(frame.text)
        records += 1
    if runs:
        yield chunk(runs)
