"""A plain file in slabs: where its records end is found without reading them, and whoever takes a slab reads it from the file.

The law: the frames of the slabs, and those between them, are just the frames that `jsontext` finds in the file. A slab is a window
of the file, made only where that is certain:

    array   msgspec parses the window as a list of values, and it is stricter than Python's own parser
    lines   the window ends with a line; every line in it is a record, or blank

A window that is no slab (a broken record, NaN, half a surrogate pair) is read with `jsontext` at once, and grows where its last
record is not whole. So is what is left at the end of the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..errors import InputError
from ..places import open_binary
from . import jsontext
from .buffer import Buffer
from .frames import Frame
from .jsontext import BLANKS

_LONGEST = 64 << 20
"""A window grows up to so many bytes; where that holds no whole record, `jsontext` goes on alone."""
_FIRST_GUESS = 64
"""Bytes of a record, before one has been seen."""
_OPENING = re.compile(rb'\s*\[\s*(\{\s*"[^"\\]*"\s*:)')
"""An array of objects up to the first key: its other records mostly begin so too."""
_SPACE = b" \t\r\n"

Framed = tuple[Frame, Any]
"""A frame, and its parsed value where the reader has parsed it."""


class Slab(NamedTuple):
    """So many records in the bytes `start` to `stop` of a file. Their numbers go on from `row`."""

    path: Path
    start: int
    stop: int
    row: int
    records: int
    lines: bool

    def frames(self) -> list[Frame]:
        """Raises InputError where the file is not what it was."""
        with open_binary(self.path) as file:
            data = _window(file, self.start, self.stop - self.start)
        if self.lines:
            found = list(jsontext.lines(_buffer(data, self.start), self.row))
        else:
            found = [Frame(row, _text(value)) for row, value in enumerate(_values(data), self.row)]
        if len(found) != self.records:
            raise InputError(f"{self.path} changed while it was read.", hint="Nothing was published. Start again when it stays as it is.")
        return found


class Walk:
    """The slabs of a file, of about `size` bytes or so many records; up to `at`, where `rest` goes on with row `row`."""

    def __init__(self, path: Path, size: int, records: int, *, lines: bool) -> None:
        self._path, self._size, self._records, self._lines = path, size, records, lines
        self.at = self.row = 0
        self._last: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[Slab | Framed]:
        window = min(self._size, self._records * _FIRST_GUESS)
        with open_binary(self._path) as file:
            opening = b"" if self._lines else self._opening(file)
            if opening is None:
                return
            while window <= _LONGEST and len(data := _window(file, self.at, window)) == window:
                # up to the last line break, or to where, it seems, the last record begins
                length = data.rfind(b"\n") + 1 if self._lines else data.rfind(opening)
                pieces, rows = self._pieces(data[:length]) if length > 0 else ([], 0)
                if not rows:
                    window *= 2
                    continue
                self.at, self.row = self.at + length, self.row + rows
                yield from pieces
                window = max(min(self._size, self._records * length // rows), 1)

    def _opening(self, file: IO[bytes]) -> bytes | None:
        """How the records of an array begin; None where it cannot be taken in slabs."""
        head = _OPENING.match(file.read(1 << 16))
        if head is None or _decoder() is None:
            return None
        self.at = head.start(1)
        return head[1]

    def _pieces(self, data: bytes) -> tuple[Sequence[Slab | Framed], int]:
        """A window as a slab, or as frames, and how many rows it has; none where its end is not that of a record."""
        stop = self.at + len(data)
        if self._lines:
            lines = data[:-1].split(b"\n")
            records = sum(bool(line.strip(BLANKS.encode())) for line in lines)
            return [Slab(self._path, self.at, stop, self.row, records, lines=True)], len(lines)
        if values := _values(data):
            self._seen(_value(values[-1]))
            return [Slab(self._path, self.at, stop, self.row, len(values), lines=False)], len(values)
        # a list that ends here. If the last of it is broken, the window was cut inside a record, or what is broken goes on behind it
        found = list(jsontext.array(_buffer(data.rstrip(_SPACE + b",") + b"]", self.at), self.row, self._last))
        if found[-1][0].reason:
            return [], 0
        self._seen(found[-1][1])
        return found, len(found)

    def _seen(self, value: Any) -> None:
        """`jsontext` knows where a record begins by the keys of the last good one."""
        self._last = value if isinstance(value, dict) else self._last

    def rest(self, buffer: Buffer) -> Iterator[Framed]:
        """What is left, from a buffer that begins at `at`."""
        if self._lines:
            yield from ((frame, None) for frame in jsontext.lines(buffer, self.row))
            return
        if not self.at:
            buffer.enter()
        yield from jsontext.array(buffer, self.row, self._last)


@cache
def _decoder() -> Any:
    """msgspec's, for a list of values that are not parsed; None where it is not installed."""
    try:
        import msgspec
    except ImportError:
        return None
    return msgspec.json.Decoder(list[msgspec.Raw])


def _values(data: bytes) -> list[Any]:
    """The values in a window of an array; none where they are not what every parser agrees on."""
    import msgspec

    try:
        found: list[Any] = _decoder().decode(b"[" + data.rstrip(_SPACE + b",") + b"]")
    except (msgspec.DecodeError, RecursionError):
        return []
    return found


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "surrogateescape")


def _value(value: Any) -> Any:
    try:
        return json.loads(_text(value))
    except (ValueError, RecursionError):  # an integer of more digits than Python parses
        return None


def _window(file: IO[bytes], start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def _buffer(data: bytes, start: int) -> Buffer:
    return Buffer(_Bytes(data), begins=not start)


class _Bytes:
    """A ByteStream of bytes in memory."""

    fault, share = "", 1.0

    def __init__(self, data: bytes) -> None:
        self.read = BytesIO(data).read
