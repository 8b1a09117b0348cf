"""Bytes -> records. Law: every byte of a file that is not white space or punctuation between records is in one Frame.

json array       [ {...}, {...} ]                     one frame per element
json lines       {...} newline {...}                  one frame per line
json object      { "key": {...}, "key": {...} }       one frame per value, with its key
json envelope    { "type": ..., "items": [ {...} ] }  one frame per item; the rest is the header of the file
parquet          one frame per row
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal

from ..catalogue import Subset
from ..errors import InputError
from ..places import is_remote
from ..schema import Reason, to_json
from . import jsontext
from .buffer import Buffer
from .envelopes import Envelope, read_envelope
from .frames import Frame, RepeatedKey, parse, printable
from .slabs import Framed, Slab, Walk
from .streams import ByteStream, archive_fault, is_archive, member_name, member_size, members, open_stream, plain_name, seekable

__all__ = [
    "Frame",
    "Opened",
    "Slab",
    "archive_fault",
    "is_archive",
    "member_size",
    "members",
    "open_file",
    "open_stream",
    "parse",
    "plain_name",
    "printable",
]

_PARQUET_ROWS = 1024
_NAMES = 100
"""So many names of a column's numbers are looked at, and so much of each: more than any question has options."""


class Opened:
    """An open input: what all its records share (`header`), and its frames with parsed values where a run key needs them.

    `share` is how much of it has been read: 0 to 1.
    """

    def __init__(self, path: Path, member: int | None, subset: Subset) -> None:
        self.path, self.member, self.subset = path, member, subset
        self._name = path.name if member is None else member_name(path, member)
        self.header: dict[str, Any] = {}
        self._stream: ByteStream | None = None
        self._share = 0.0
        self._envelope: Envelope | None = None

    @property
    def share(self) -> float:
        return self._stream.share if self._stream else self._share  # to ask where a file stands costs more than to read a small record

    def pieces(self, size: int, records: int) -> Iterator[Slab | Framed]:
        """What `frames` finds; of a plain file in slabs of about `size` bytes or so many records, as far as that goes."""
        if self._envelope:
            whole = self.path.stat().st_size
            for slab in self._envelope.slabs(size, records):
                self._share = slab.stop / max(whole, slab.stop)
                yield slab
            return
        walk = self._walk(size, records)
        if walk is None:
            yield from self.frames()
            return
        whole = self.path.stat().st_size
        for piece in walk:
            self._share = walk.at / max(whole, walk.at)
            yield piece
        with open_stream(self.path, start=walk.at) as self._stream:
            yield from walk.rest(self._buffer(self._stream, walk.at))

    def _walk(self, size: int, records: int) -> Walk | None:
        if not self._is_plain or self._is_parquet or self.subset.format in ("object", "envelope"):
            return None  # these are not opened once more to see that they are what they say
        with open_stream(self.path) as stream:
            layout = self._layout(self._buffer(stream))
        return Walk(self.path, size, records, lines=layout == "lines") if layout in ("array", "lines") else None

    def frames(self, columns: Collection[str] = ()) -> Iterator[Framed]:
        """Every record. Of Parquet these columns alone, where some are named, which spares most of the work."""
        if self._is_parquet:
            yield from self._parquet(columns)
            return
        with open_stream(self.path, self.member) as self._stream:
            yield from self._json(self._buffer(self._stream))

    @property
    def _is_plain(self) -> bool:
        """Can whoever sees the file read any part of it?"""
        return self.member is None and not is_remote(self.path) and plain_name(self._name) == self._name

    @property
    def _is_parquet(self) -> bool:
        return plain_name(self._name).lower().endswith(".parquet")

    def _buffer(self, stream: ByteStream, start: int = 0) -> Buffer:
        try:
            return Buffer(stream, begins=not start)
        except InputError as error:
            raise InputError(f"{self.path}: {error.message}", hint=error.hint) from error

    def _layout(self, buffer: Buffer) -> Literal["empty", "array", "object", "envelope", "lines"]:
        """How a file is laid out, which is not always what its name says."""
        first, format = buffer.peek(), self.subset.format
        if not first:
            return "empty"
        if first == "[" and (format != "lines" or _is_array(buffer)):
            return "array"
        if format == "object" and first == "{":
            in_lines = self.subset.fields and self.subset.has(_first_line(buffer))
            return "lines" if in_lines else "object"
        return "envelope" if format == "envelope" and first == "{" else "lines"

    def _json(self, buffer: Buffer) -> Iterator[Framed]:
        layout = self._layout(buffer)
        if layout == "empty":
            yield (
                Frame(0, "", reason=Reason.TRUNCATED if buffer.fault else Reason.EMPTY_FILE, detail=buffer.fault or "the file is empty"),
                None,
            )
        elif layout == "lines":
            yield from ((frame, None) for frame in jsontext.lines(buffer))
        elif layout == "array":
            buffer.enter()
            yield from jsontext.array(buffer)
        elif layout == "object":
            buffer.skip_space()
            yield from jsontext.by_key(buffer)
        else:
            buffer.skip_space()
            yield from jsontext.envelope(buffer, self.subset.items)

    def read_header(self) -> None:
        """For an envelope: everything but its items, wherever in the file it stands."""
        if self.subset.format != "envelope":
            return
        if self._is_plain and (envelope := read_envelope(self.path, self.subset.items)):
            self._envelope, self.header = envelope, envelope.header
        else:
            with open_stream(self.path, self.member) as stream:
                buffer = Buffer(stream)
                if buffer.skip_space() == "{":
                    self.header = self._careful_header(buffer)

    def _careful_header(self, buffer: Buffer) -> dict[str, Any]:
        try:
            return jsontext.header(buffer, self.subset.items)
        except RepeatedKey as error:
            raise InputError(
                f"{self.path} has two values under the key {str(error)!r}, which all its records share.",
                hint="Take out the one that is wrong.",
            ) from error

    def label_names(self, field: str) -> list[str]:
        """The names that a Parquet file gives to the numbers in a column, as `datasets` writes a ClassLabel; none without."""
        if not self._is_parquet:
            return []
        import pyarrow as pa
        import pyarrow.parquet as pq

        with seekable(self.path, self.member) as file:
            try:
                said = (pq.read_schema(file).metadata or {}).get(b"huggingface", b"")
                names = json.loads(said)["info"]["features"][field]["names"]
            except (pa.ArrowInvalid, OSError, ValueError, KeyError, TypeError, RecursionError):
                return []
        return [str(name)[:_NAMES] for name in names[:_NAMES]] if isinstance(names, list) else []

    def _parquet(self, columns: Collection[str]) -> Iterator[Framed]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        row = 0
        with seekable(self.path, self.member) as file:
            try:
                table = pq.ParquetFile(file)
                names = table.schema_arrow.names
                if len(set(names)) < len(names):
                    raise InputError(f"{self.path} has two columns of one name.", hint="Download it again.")
                wanted = [name for name in names if name in columns] if columns else None
                for batch in table.iter_batches(_PARQUET_ROWS, columns=wanted):
                    for frame in _batch_frames(batch, row):
                        yield frame, None
                        row += 1
                    self._share = row / max(table.metadata.num_rows, 1)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
                raise InputError(f"{self.path} cannot be read as Parquet: {error}.", hint="Download it again.") from error
        if not row:
            yield Frame(0, "", reason=Reason.EMPTY_FILE, detail="no rows"), None


def _batch_frames(batch: Any, row: int) -> Iterator[Frame]:
    """A frame per row; where a value has no form in Python (a date in the year 12000, text that is not UTF-8), a refused one."""
    try:
        yield from [Frame(row + at, to_json(record)) for at, record in enumerate(batch.to_pylist())]
        return
    except (ValueError, OverflowError):  # UnicodeDecodeError is a ValueError
        pass
    for at in range(batch.num_rows):
        one = batch.slice(at, 1)
        try:
            yield Frame(row + at, to_json(one.to_pylist()[0]))
        except (ValueError, OverflowError) as error:
            reason = Reason.INVALID_UTF8 if isinstance(error, UnicodeDecodeError) else Reason.UNEXPECTED_SHAPE
            yield Frame(row + at, to_json({name: _cell(one.column(name)) for name in one.schema.names}), reason=reason, detail=str(error))


def _cell(column: Any) -> Any:
    """The one value of a column, as near to itself as Python can hold it."""
    import pyarrow as pa

    try:
        return column[0].as_py()
    except UnicodeDecodeError:
        return column.cast(pa.binary())[0].as_py().decode("utf-8", "backslashreplace")
    except (ValueError, OverflowError):
        return str(column[0].value) if hasattr(column[0], "value") else str(column.type)


def _is_array(buffer: Buffer) -> bool:
    """For a file that should be lines and begins with `[`: an array of objects, not a line that happens to be a list."""
    line = buffer.text[buffer.at : buffer.at + 4096].lstrip().partition("\n")[0].strip()
    return line == "[" or line[1:].lstrip().startswith("{")


def _first_line(buffer: Buffer) -> set[str]:
    """The keys of the object that is the first line, as far as it has been read; none where it is not one."""
    line = buffer.text[buffer.at :].lstrip().partition("\n")[0]
    record = parse(Frame(0, line))
    return set(record) if isinstance(record, dict) else set()


def open_file(path: Path, member: int | None, subset: Subset) -> Opened:
    """Open one input and read what its records share. Raises InputError if it cannot be read at all."""
    opened = Opened(path, member, subset)
    opened.read_header()
    return opened
