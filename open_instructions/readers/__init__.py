"""Bytes -> records. Every byte of a file is in exactly one Frame, except white space and
punctuation between records.

json array       [ {...}, {...} ]                     one frame per element; a list per line too
json lines       {...} newline {...}                  one frame per line, or per record in it
json values      {...} {...}, {...}                   one frame each, over however many lines
json object      { "key": {...}, "key": {...} }       one frame per value, with its key
json envelope    { "type": ..., "items": [ {...} ] }  one frame per item; the rest is a header
json columns     { "a": [...], "b": [...] }           one frame per row
parquet, arrow   one frame per row
xlsx             one frame per row of each sheet, a JSON object of its cells
csv, tsv         one frame per row, a JSON object of its cells; the header is in none
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from ..catalogue import Subset
from ..errors import InputError
from ..paths import is_remote
from ..schema import Reason
from . import delimited, ipc, jsontext, parquet, sheets
from .arrangement import Arrangement, arrangement_of, lists_of_records, several
from .buffer import Buffer
from .columns import table
from .containers import container_of
from .encodings import UTF_8, encoding_of, known_encoding, open_text
from .envelopes import Envelope, read_envelope
from .frames import Frame, RepeatedKey, parse, printable
from .slabs import Framed, Slab, Walk
from .streams import (
    ByteStream,
    archive_fault,
    is_archive,
    member_name,
    member_size,
    members,
    open_stream,
    plain_name,
    seekable,
)

__all__ = [
    "UTF_8",
    "Frame",
    "Opened",
    "Slab",
    "archive_fault",
    "encoding_of",
    "is_archive",
    "known_encoding",
    "member_size",
    "members",
    "open_file",
    "open_stream",
    "open_text",
    "parse",
    "plain_name",
    "printable",
]


_ARRANGED = {
    "empty": "empty",
    "array": "JSON array",
    "lines": "JSON lines",
    "values": "JSON values",
    "object": "JSON object of records",
    "envelope": "JSON object with a list of records",
    "columns": "JSON object of columns",
}


class Opened:
    """An open input: its `header`, which all its records share, and its frames, with parsed values
    where a run key needs them.

    `share` is how much of it has been read, from 0 to 1. `encoding` is the encoding of its text if
    its bytes do not show it; `names_first` is whether a table's first row has the names of its
    columns, if somebody says so.
    """

    def __init__(
        self,
        path: Path,
        member: int | None,
        subset: Subset,
        encoding: str = "",
        names_first: bool | None = None,
    ) -> None:
        self.path, self.member, self.subset = path, member, subset
        self._name = path.name if member is None else member_name(path, member)
        self._container = container_of(self._name)
        self._encoding = encoding_of(path, member, encoding) if self._is_text else UTF_8
        self._names_first = names_first
        self.header: dict[str, Any] = {}
        self._stream: ByteStream | None = None
        self._share = 0.0
        self._envelope: Envelope | None = None

    @property
    def share(self) -> float:
        # asking for the position in a file costs more than reading a small record
        if self._stream:
            return self._stream.share
        return self._share

    def pieces(self, size: int, records: int) -> Iterator[Slab | Framed]:
        """The records that `frames` finds. Those of a plain file come in slabs of about `size`
        bytes or `records` records, as far as possible."""
        if self._envelope:
            whole = self.path.stat().st_size
            for slab in self._envelope.slabs(size, records):
                self._share = slab.stop / max(whole, slab.stop)
                yield slab
            return
        if not self._in_slabs:
            yield from self.frames()
            return
        walk = Walk(self.path, size, records, lines=self._arrangement.kind == "lines")
        whole = self.path.stat().st_size
        for piece in walk:
            self._share = walk.at / max(whole, walk.at)
            yield piece
        with open_stream(self.path, start=walk.at) as self._stream:
            yield from walk.rest(self._buffer(self._stream, walk.at))

    def frames(self, columns: Collection[str] = ()) -> Iterator[Framed]:
        """Every record. If `columns` names some, only these are read from Parquet, which saves most
        of the work."""
        if self._is_parquet:
            yield from self._parquet(columns)
            return
        if self._container != "json":
            yield from ((frame, None) for frame in self._rows())
            return
        with open_text(self.path, self.member, self._encoding) as self._stream:
            yield from self._json(self._buffer(self._stream))

    @property
    def _is_plain(self) -> bool:
        """Can any part of the file be read on its own, without unpacking or decoding the rest?"""
        is_file = (
            self.member is None
            and not is_remote(self.path)
            and plain_name(self._name) == self._name
        )
        return is_file and self._encoding == UTF_8

    @property
    def _in_slabs(self) -> bool:
        if not self._is_plain or self._container != "json":
            return False
        return self._arrangement.kind in ("array", "lines")

    @property
    def way_in(self) -> str:
        """How the file can be entered in the middle: by its row groups, its lines, or as an array;
        "" if only from the start."""
        if self._is_parquet:
            return "row groups"
        return self._arrangement.kind if self._in_slabs else ""

    @property
    def described(self) -> str:
        """What the file is, in words: its container and how it is arranged."""
        words = {
            "parquet": "Parquet",
            "delimited": "table",
            "arrow": "Arrow",
            "xlsx": "Excel sheet",
        }
        if self._container in words:
            return words[self._container]
        return _ARRANGED[self._arrangement.kind]

    @property
    def encoding(self) -> str:
        return self._encoding

    @property
    def _is_text(self) -> bool:
        return self._container in ("json", "delimited")

    @property
    def _is_own(self) -> bool:
        """Is nothing known of it beforehand? Then its classes are read by their names."""
        return not self.subset.fields

    @property
    def _is_parquet(self) -> bool:
        return self._container == "parquet"

    def _buffer(self, stream: ByteStream, start: int = 0) -> Buffer:
        return Buffer(stream, begins=not start)

    @cached_property
    def _arrangement(self) -> Arrangement:
        """How the file is arranged. Its name does not always tell."""
        with open_text(self.path, self.member, self._encoding) as stream:
            try:
                return arrangement_of(self._buffer(stream), self.subset)
            except InputError as error:
                raise self._said(error) from error

    def _said(self, error: InputError) -> InputError:
        """The error, with the name of this file."""
        name = f"{self.path}" if self.member is None else f"{self.path}!{self._name}"
        return InputError(f"{name}: {error.message}", hint=error.hint)

    def _json(self, buffer: Buffer) -> Iterator[Framed]:
        kind = self._arrangement.kind
        if kind == "empty":
            if buffer.fault:
                reason, detail = Reason.TRUNCATED, buffer.fault
            else:
                reason, detail = Reason.EMPTY_FILE, "the file is empty"
            yield Frame(0, "", reason=reason, detail=detail), None
        elif kind == "lines":
            yield from ((frame, None) for frame in jsontext.lines(buffer))
        elif kind == "values":
            yield from jsontext.values(buffer)
        elif kind == "array":
            buffer.enter()
            yield from jsontext.array(buffer)
        elif kind == "object":
            buffer.skip_space()
            yield from jsontext.by_key(buffer)
        elif kind == "columns":
            yield from self._columns(buffer)
        else:
            buffer.skip_space()
            yield from jsontext.envelope(buffer, self._arrangement.items)

    def _columns(self, buffer: Buffer) -> Iterator[Framed]:
        buffer.skip_space()
        try:
            yield from table(buffer)
        except InputError as error:
            raise self._said(error) from error

    def read_header(self) -> None:
        """Read the header of an envelope: everything but its items, wherever it is in the file."""
        if self._container == "xlsx":
            sheets.check_installed(self.path)
        if self._container != "json" or self._arrangement.kind != "envelope":
            return
        items = self._arrangement.items
        if self._is_plain and (envelope := read_envelope(self.path, items)):
            self._envelope, self.header = envelope, envelope.header
        else:
            with open_text(self.path, self.member, self._encoding) as stream:
                buffer = self._buffer(stream)
                buffer.skip_space()
                self.header = self._careful_header(buffer, items)
        if self.subset.format != "envelope" and (
            others := lists_of_records(self.header, self.subset)
        ):
            raise self._said(several([items, *others]))

    def _careful_header(self, buffer: Buffer, items: str) -> dict[str, Any]:
        try:
            return jsontext.header(buffer, items)
        except RepeatedKey as error:
            raise InputError(
                f"{self.path} has two values under the key {str(error)!r}, which all its records"
                " share.",
                hint="Remove the wrong one.",
            ) from error

    def label_names(self, field: str) -> list[str]:
        """The names that a Parquet file gives to the numbers in a column, as `datasets` writes a
        ClassLabel. Empty if it gives none."""
        if not self._is_parquet:
            return []
        with seekable(self.path, self.member) as file:
            return parquet.label_names(file, field)

    def _parquet(self, columns: Collection[str]) -> Iterator[Framed]:
        with seekable(self.path, self.member) as file:
            for frame, share in parquet.rows(file, self.path, columns, named=self._is_own):
                self._share = share
                yield frame, None

    @property
    def has_header(self) -> bool | None:
        """Does the first row of a table have the names of its columns? None where that cannot be
        told; True of files that name their columns otherwise."""
        if self._container == "delimited":
            return self._form.header
        if self._container == "xlsx":
            with seekable(self.path, self.member) as file:
                return sheets.has_header(file, self.path, self._names_first)
        return True

    @cached_property
    def _form(self) -> delimited.Form:
        with open_text(self.path, self.member, self._encoding) as stream:
            try:
                return delimited.form_of(stream, self._names_first)
            except InputError as error:
                raise self._said(error) from error

    def _rows(self) -> Iterator[Frame]:
        if self._container == "xlsx":
            with seekable(self.path, self.member) as file:
                yield from sheets.rows(file, self.path, self._names_first)
            return
        with open_text(self.path, self.member, self._encoding) as self._stream:
            if self._container == "arrow":
                yield from ipc.rows(self._stream, self.path, named=self._is_own)
            else:
                yield from delimited.rows(self._stream, self._form)


def open_file(
    path: Path,
    member: int | None,
    subset: Subset,
    encoding: str = "",
    names_first: bool | None = None,
) -> Opened:
    """Open one input and read what its records share. Raises InputError if it cannot be read at
    all."""
    opened = Opened(path, member, subset, encoding, names_first)
    opened.read_header()
    return opened
