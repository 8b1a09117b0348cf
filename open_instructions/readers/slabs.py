"""A plain file in slabs: its record boundaries are found without reading the records, and the
worker that takes a slab reads it from the file.

The frames of the slabs, and those between them, are the records that `jsontext` finds in the file.
A slab is a window of the file. It is made only if this is certain:

    array   msgspec parses the window as a list of values; it is stricter than Python's parser
    lines   the window ends with a line; every line in it is a record, or blank, and none is several

A window that cannot be a slab (NaN, half a surrogate pair, far more records than a chunk should
have) is read into frames at once. The slabs end at the first broken record, because a window cannot
show where `jsontext` continues after it. They also end where a record cannot be told from an object
inside one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from . import jsontext
from .buffer import Buffer
from .frames import Frame, fast_decoder
from .jsontext import BLANKS, SIDE_BY_SIDE
from .streams import open_stream

LONGEST = 16 << 20
"""The largest window, in bytes, that is tried for a long record."""
_FIRST_GUESS = 64
"""Bytes of a record, before one has been seen."""
_TRIES = 16
"""How many places in a window, from its end, are tried as the beginning of a record."""
_OPENING = re.compile(rb'[ \t\r\n]*\[[ \t\r\n]*(\{[ \t\r\n]*"[^"\\]*"[ \t\r\n]*:)')
"""An array of objects up to the first key. Its other records usually begin the same way."""
_TOO_MANY_DIGITS = re.compile(rb"(?<![0-9])[0-9]{4301}")
_MANY_DIGITS = re.compile(rb"[0-9]{10}")
"""If there are too many digits in a row, every 400th byte includes this many."""
_SIDE_BY_SIDE = re.compile(SIDE_BY_SIDE.pattern.encode())
_SPACE = b" \t\r\n"
_MARK = b"\xef\xbb\xbf"

Framed = tuple[Frame, Any]
"""A frame, and its parsed value if the reader has parsed it."""


class Slab(NamedTuple):
    """The records in the bytes `start` to `stop` of a file, numbered from `row`."""

    path: Path
    start: int
    stop: int
    row: int
    records: int
    lines: bool

    def data(self) -> bytes:
        """Its bytes. Raises InputError if the file ends first."""
        found = read_window(self.path, self.start, self.stop - self.start)
        if len(found) < self.stop - self.start:
            raise self._changed()
        return found

    def frames(self, data: bytes) -> list[Frame]:
        """The frames in its data. Raises InputError if their number is not `records`."""
        found = _frames(data, self.start, self.row, lines=self.lines, single=True)
        if len(found) != self.records:
            raise self._changed()
        return found

    def _changed(self) -> InputError:
        return InputError(
            f"{self.path} changed while it was read.",
            hint="Nothing was published. Run the command again when the file no longer changes.",
        )


class _Piece(NamedTuple):
    """The first `length` bytes of a window, with the number of rows in them and of records among
    these."""

    length: int
    rows: int
    records: int
    frames: Sequence[Framed] = ()
    """Instead of a slab."""


_END = _Piece(0, 0, 0)


class Walk:
    """The slabs of a file, of about `size` bytes or `records` records each, up to `at`. There
    `rest` continues with row `row`."""

    def __init__(self, path: Path, size: int, records: int, *, lines: bool) -> None:
        self._path, self._size, self._records, self._lines = path, size, records, lines
        self.at = self.row = 0
        self._opening = b""
        self._last: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[Slab | Framed]:
        if not self._lines and not self._enter():
            return
        window = min(self._size, self._records * _FIRST_GUESS)
        while window <= LONGEST and len(data := read_window(self._path, self.at, window)) == window:
            part = self._some_lines(data) if self._lines else self._some_elements(data)
            if part is None:
                window *= 2
                continue
            if part is _END:
                return
            start, row = self.at, self.row
            self.at, self.row = start + part.length, row + part.rows
            if part.frames:
                yield from part.frames
            elif part.records > 2 * self._records:
                yield from (
                    (frame, None)
                    for frame in _frames(data[: part.length], start, row, lines=self._lines)
                )
            elif part.records:
                yield Slab(self._path, start, self.at, row, part.records, self._lines)
            window = max(min(self._size, self._records * part.length // max(part.records, 1)), 1)

    def _enter(self) -> bool:
        """Enter the array, if it is an array of objects."""
        head = _OPENING.match(read_window(self._path, 0, 1 << 16))
        if head is None or fast_decoder("raw list") is None:
            return False
        self.at, self._opening = head.start(1), head[1]
        return True

    def _some_lines(self, data: bytes) -> _Piece | None:
        length = data.rfind(b"\n") + 1
        if not length:
            return None
        begin = len(_MARK) if not self.at and data.startswith(_MARK) else 0
        lines = data[begin : length - 1].split(b"\n")
        records = sum(bool(line.strip(BLANKS.encode())) for line in lines)
        if _may_be_several(data):
            found = _frames(data[:length], self.at, self.row, lines=True)
            if more := len(found) - records:
                return _Piece(
                    length, len(lines) + more, len(found), [(frame, None) for frame in found]
                )
        return _Piece(length, len(lines), records)

    def _some_elements(self, data: bytes) -> _Piece | None:
        """Complete records from a window, up to where the last of them seems to begin; None if the
        window is too short for that."""
        begins = [place for place in _last_places(data, self._opening) if place > 0]
        for length in begins:
            if values := certain_values(data[:length]):
                self._seen(map(_value, reversed(values)))
                return _Piece(length, len(values), len(values))
        if not begins:
            return None
        if len(data) > 2 * self._size:
            return _END
        # as a list that ends here
        found = list(
            jsontext.array(
                _buffer(data[: begins[0]].rstrip(_SPACE + b",") + b"]", self.at),
                self.row,
                self._last,
            )
        )
        broken = [row for row, (frame, _) in enumerate(found) if frame.reason]
        if broken:  # if it is the last, the window may end inside it
            if broken == [len(found) - 1]:
                return None
            return _END
        self._seen(value for _, value in reversed(found))
        return _Piece(begins[0], len(found), len(found), found)

    def _seen(self, values: Iterator[Any]) -> None:
        """Remember the last object; `values` come in reverse. From its keys `jsontext` knows where
        a record begins."""
        self._last = next((value for value in values if isinstance(value, dict)), self._last)

    def rest(self, buffer: Buffer) -> Iterator[Framed]:
        """The remaining records, from a buffer that begins at `at`."""
        if self._lines:
            yield from ((frame, None) for frame in jsontext.lines(buffer, self.row))
            return
        if not self.at:
            buffer.enter()
        yield from jsontext.array(buffer, self.row, self._last)


def _frames(data: bytes, start: int, row: int, *, lines: bool, single: bool = False) -> list[Frame]:
    """The frames of a window that begins at `start` with row `row`. `single` says that no line has
    several."""
    if lines:
        return list(jsontext.lines(_buffer(data, start), row, single=single))
    return [Frame(number, _text(value)) for number, value in enumerate(raw_values(data), row)]


def _last_places(data: bytes, opening: bytes) -> Iterator[int]:
    """Where `opening` occurs in the data, the last place first."""
    place = len(data)
    for _ in range(_TRIES):
        place = data.rfind(opening, 0, place)
        if place < 0:
            return
        yield place


def certain_values(data: bytes) -> list[Any]:
    """As `raw_values`, for who plans slabs; none either where there is a number that Python refuses
    and msgspec does not look at."""
    if _MANY_DIGITS.search(data[::400]) and _TOO_MANY_DIGITS.search(data):
        return []
    return raw_values(data)


def raw_values(data: bytes) -> list[Any]:
    """The values in a window of an array; none where they are not what every parser agrees on."""
    fast = fast_decoder("raw list")
    if fast is None:
        return []
    decode, error = fast
    try:
        found: list[Any] = decode(b"[" + data.rstrip(_SPACE + b",") + b"]")
    except (error, RecursionError):
        return []
    return found


def _text(value: Any) -> str:
    return str(value, "utf-8", "surrogateescape")


def _value(value: Any) -> Any:
    try:
        return json.loads(_text(value))
    except (ValueError, RecursionError):  # an integer of more digits than Python parses
        return None


def _may_be_several(lines: bytes) -> bool:
    """Can a line hold several records? Not if msgspec parses all the lines in question as one list,
    since no string crosses the end of a line."""
    at = 0
    doubtful: list[bytes] = []
    while match := _SIDE_BY_SIDE.search(lines, at):
        begin, end = lines.rfind(b"\n", 0, match.start()) + 1, lines.find(b"\n", match.end())
        at = end if end >= 0 else len(lines)
        doubtful.append(lines[begin:at].rstrip(_SPACE + b","))
    return bool(doubtful) and not raw_values(b",\n".join(doubtful))


def read_window(path: Path, start: int, size: int) -> bytes:
    with open_stream(path, start=start) as stream:
        return stream.read(size)


def _buffer(data: bytes, start: int) -> Buffer:
    return Buffer(_Bytes(data), begins=not start)


class _Bytes:
    """A ByteStream of bytes in memory."""

    fault, share = "", 1.0

    def __init__(self, data: bytes) -> None:
        self.read = BytesIO(data).read
