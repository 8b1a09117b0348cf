"""The beginning of an input, read as a build reads all of it: enough to recognise a file, at a
bounded cost."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ..catalogue import Subset
from ..errors import InputError
from ..schema import Reject
from . import Opened
from .arrangement import stands_alone
from .buffer import Buffer
from .encodings import encoding_of, open_text
from .frames import parse
from .slabs import Framed
from .streams import ByteStream, seekable

_ONE = 1 << 20
_RECORDS = 8
_PLACES = 32
"""How many records are read at most, and from how many places where there should be one."""


class Head(NamedTuple):
    """The first records of a file, as a converter sees them, and whether the file goes on after
    what was read."""

    records: tuple[dict[str, Any], ...]
    cut: bool


def read_head(
    path: Path,
    member: int | None,
    subset: Subset,
    most: int,
    encoding: str = "",
    *,
    most_records: int = _RECORDS,
) -> Head:
    """The records in the first `most` bytes of a file, up to eight or so many, as a subset reads
    them.

    Raises InputError if the file cannot be read at all.
    """
    opened = _OpenedHead(path, member, subset, most, encoding)
    opened.read_header()
    parsed = (parse(frame) for frame, _ in islice(opened.frames(), _PLACES + most_records))
    records = islice((record for record in parsed if not isinstance(record, Reject)), most_records)
    return Head(
        tuple(_under_header(record, opened.header, subset) for record in records), opened.cut
    )


def is_one_object(path: Path, member: int | None, encoding: str = "") -> bool:
    """Is a file that begins with `{` one object, as far as its beginning shows?"""
    with open_text(path, member, encoding_of(path, member, encoding)) as stream:
        return stands_alone(Buffer(_Beginning(stream, _ONE)))


def parquet_fields(path: Path, member: int | None) -> frozenset[str]:
    """The columns of a Parquet file, and their members as `column.member`.

    Raises InputError if it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with seekable(path, member) as file:
        try:
            schema = pq.read_schema(file)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            wrong = f"{path} cannot be read as Parquet: {error}."
            raise InputError(wrong, hint="Download it again.") from error
    found = set(schema.names)
    for column in schema:
        kind = column.type
        while pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind = kind.value_type
        if pa.types.is_struct(kind):
            found |= {f"{column.name}.{kind.field(at).name}" for at in range(kind.num_fields)}
    return frozenset(found)


def _under_header(record: dict[str, Any], header: dict[str, Any], subset: Subset) -> dict[str, Any]:
    if header and subset.format == "envelope":
        return {**header, subset.items: record}
    return record


class _Beginning:
    """A stream that ends after `most` bytes."""

    def __init__(self, stream: ByteStream, most: int) -> None:
        self._stream, self._left = stream, most
        self.cut, self.fault = False, ""

    @property
    def share(self) -> float:
        return self._stream.share

    def read(self, size: int = -1, /) -> bytes:
        if self.cut:
            return b""
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        if not self._left and self._stream.read(1):
            self.cut, self.fault = True, "the rest was not read"
        else:
            self.fault = self._stream.fault
        return data


class _OpenedHead(Opened):
    """An open input of which only the first `most` bytes are read."""

    def __init__(
        self, path: Path, member: int | None, subset: Subset, most: int, encoding: str
    ) -> None:
        super().__init__(path, member, subset, encoding)
        self._most = most
        self._beginnings: list[_Beginning] = []

    @property
    def cut(self) -> bool:
        return any(beginning.cut for beginning in self._beginnings)

    def read_header(self) -> None:
        if self._arrangement.kind != "envelope":
            return
        with open_text(self.path, self.member, self._encoding) as stream:
            buffer = self._buffer(stream)
            buffer.skip_space()
            self.header = self._careful_header(buffer, self._arrangement.items)

    def _columns(self, buffer: Buffer) -> Iterator[Framed]:
        """The rows of a table; none if only a part of it was read, since no row is complete before
        the last column."""
        try:
            yield from super()._columns(buffer)
        except InputError:
            if not self.cut:
                raise

    def _buffer(self, stream: ByteStream, start: int = 0) -> Buffer:
        beginning = _Beginning(stream, self._most)
        self._beginnings.append(beginning)
        return super()._buffer(beginning, start)
