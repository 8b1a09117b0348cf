"""A part of a file that stands for the rest: its head, its middle and its tail, where a file can be
entered in the middle.

    small files                all records
    JSON lines                 a window at each place
    JSON array                 a slab at each place; the whole file is looked over, not parsed
    Parquet                    a row group's beginning at each place
    anything compressed        the head
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..catalogue import Subset
from . import Opened, Slab, member_size, open_file
from .batches import frames_of, labels_of
from .frames import Frame
from .slabs import read_window
from .streams import seekable

SMALL = 4 << 20
"""A file of so many bytes is read whole."""
WINDOW = 1 << 20
RECORDS = 500
"""So many bytes and records are taken at each place."""
PLACES = ("head", "middle", "tail")
UNKNOWN_ROW = -1
"""The row of a frame whose number nobody counted."""


@dataclass
class Sample:
    """Some of a file's frames, which come as they are read.

    places   where they are from: head, middle, tail; empty if all records are read
    records  how many the file has, once they are known; None if nobody counted
    read     bytes that were read so far, of `size`
    """

    opened: Opened
    size: int
    places: tuple[str, ...] = ()
    records: int | None = None
    read: int = 0

    def frames(self) -> Iterator[Frame]:
        """The frames. Afterwards `read`, `places` and perhaps `records` are settled."""
        way = self.opened.way_in
        if self.size <= SMALL or not self.places:
            yield from self._all()
        elif way == "row groups":
            yield from self._of_parquet()
        elif way == "lines":
            yield from self._of_lines()
        elif way == "array":
            yield from self._of_slabs()
        else:
            yield from self._of_head()

    def _all(self) -> Iterator[Frame]:
        count = 0
        for frame, _ in self.opened.frames():
            count += 1
            yield frame
        self.places, self.records, self.read = (), count, self.size

    def _of_head(self) -> Iterator[Frame]:
        count = chars = 0
        for frame, _ in self.opened.frames():
            count += 1
            chars += len(frame.text)
            yield frame
            if count >= len(PLACES) * RECORDS or chars >= len(PLACES) * WINDOW:
                self.read = max(1, int(self.opened.share * self.size))
                self.places = ("head",)
                return
        self.places, self.records, self.read = (), count, self.size

    def _of_lines(self) -> Iterator[Frame]:
        path = self.opened.path
        head = read_window(path, 0, WINDOW)
        for number, line in enumerate(_whole_lines(head, first=True)):
            yield Frame(number, line)
        self.read += len(head)
        for start in (self.size // 2, self.size - WINDOW):
            window = read_window(path, start, WINDOW)
            self.read += len(window)
            for line in _whole_lines(window, first=False):
                yield Frame(UNKNOWN_ROW, line)

    def _of_slabs(self) -> Iterator[Frame]:
        slabs: list[Slab] = []
        count = 0
        others: list[Frame] = []
        for piece in self.opened.pieces(WINDOW, RECORDS):
            if isinstance(piece, Slab):
                slabs.append(piece)
                count += piece.records
            else:
                count += 1
                if len(others) < RECORDS:
                    others.append(piece[0])
        self.records, self.read = count, self.size
        for slab in _three(slabs):
            yield from slab.frames(slab.data())
        yield from others

    def _of_parquet(self) -> Iterator[Frame]:
        import pyarrow.parquet as pq

        with seekable(self.opened.path, self.opened.member) as file:
            table = pq.ParquetFile(file)
            self.records = table.metadata.num_rows
            labels = labels_of(table.schema_arrow)
            for group in _three(range(table.metadata.num_row_groups)):
                batch = next(table.iter_batches(RECORDS, row_groups=[group]), None)
                self.read += table.metadata.row_group(group).total_byte_size
                if batch is not None:
                    for frame in frames_of(batch, 0, labels):
                        yield frame._replace(row=UNKNOWN_ROW)
        self.read = min(self.read, self.size)


def _three(items: Sequence[Any]) -> list[Any]:
    """The first, the middle and the last of them; fewer if there are fewer."""
    wanted = sorted({0, len(items) // 2, len(items) - 1}) if items else []
    return [items[index] for index in wanted]


def _whole_lines(window: bytes, *, first: bool) -> Iterator[str]:
    """The lines of a window that are in it as a whole, at most so many. Only the first window
    begins with a line."""
    lines = window.split(b"\n")
    inside = lines[0 if first else 1 : -1]
    filled = (line for line in inside if line.strip())
    for line in islice(filled, RECORDS):
        yield line.decode("utf-8-sig" if first else "utf-8", "backslashreplace")


def sample(
    path: Path, member: int | None, subset: Subset, encoding: str = "", *, whole: bool = False
) -> Sample:
    """A sample of a file, or all of it. Raises InputError if it cannot be read at all."""
    opened = open_file(path, member, subset, encoding)
    size = path.stat().st_size if member is None else member_size(path, member)
    return Sample(opened, size, () if whole else PLACES)
