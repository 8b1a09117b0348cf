"""Inputs are cut into chunks of neighbouring records: what one worker takes at a time, and what a
resumed build skips."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import count
from typing import NamedTuple

from xxhash import xxh3_128

from ..errors import InputError, shown
from ..schema import Record
from . import Frame, Opened, Slab, parse

CHUNK_CHARS = 2 << 20
CHUNK_RECORDS = 2000

FILE_KEY = "@file"
"""The key under which a record of an envelope carries the name of its file. Natural Instructions
names its tasks only there."""


class Chunk(NamedTuple):
    """Neighbouring records of one file. A run holds the frames that the source treats as one
    record; usually that is one frame.

    `share` is how much of the file has been read up to here, from 0 to 1. `index_base` is the
    number at which the file's answer codes start. Instead of runs a chunk can have a slab, which
    `read` turns into runs."""

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
    def parent(self) -> str:
        return ""  # its records are from a file

    @property
    def records(self) -> int:
        if self.slab:
            return self.slab.records
        return sum(map(len, self.runs))

    def data(self) -> bytes:
        """The bytes of its slab, b"" without one. Raises InputError if the file has changed."""
        if self.slab:
            return self.slab.data()
        return b""

    def read(self, data: bytes) -> Chunk:
        """The chunk with its records, read from its `data`. Raises InputError if they are no longer
        in the file."""
        if self.slab:
            return self._replace(runs=[[frame] for frame in self.slab.frames(data)], slab=None)
        return self

    def digest(self, data: bytes) -> str:
        """A digest of this chunk's input: its records, their places, and what they share.

        xxHash is enough, although it is not cryptographic: a file with other bytes has another
        workspace, so this only has to detect a file that changes while it is read."""
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


def _begin(key: str, frame: Frame, file: str, ended: set[bytes]) -> None:
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    if digest in ended:
        raise InputError(
            f"Record {frame.row} of {shown(file)} belongs to {shown(key)}, and so do records "
            "apart from it. Read alone, they would give other conversations.",
            hint="Sort the records, so that those of one tree are neighbours in one file.",
        )
    ended.add(digest)


def cut(
    opened: Opened,
    source: str,
    file: str,
    *,
    start: int,
    join: bool,
    slabs: bool = True,
    index_base: int | None = None,
    ended: set[bytes] | None = None,
) -> Iterator[Chunk]:
    """Cut an input into chunks, never inside a run. The cuts depend on the input, on `slabs` and on
    whether msgspec is installed. Without `slabs` every chunk holds its records itself. `ended` has
    digests of the keys whose runs are over, where a key has one run; they are added.

    Raises InputError for such a key that comes again.
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
        if run_key and value is None:
            value = parse(frame)
        key = run_key(value) if run_key and isinstance(value, dict) else None
        joins = key is not None and key == last_key and bool(runs)
        if subset.one_run and ended is not None and key is not None and not joins:
            _begin(key, frame, file, ended)
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
