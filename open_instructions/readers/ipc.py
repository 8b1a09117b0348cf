"""The rows of Arrow's own files as frames: a stream of record batches, as `datasets` caches a
dataset, or the file format, which is such a stream between a mark and a table of contents. Both are
read from their start, so that one that was cut off gives what it has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import InputError
from ..schema import Reason
from .batches import frames_of, labels_of
from .frames import Frame
from .streams import ByteStream

_ROWS = 1024
_MARK = b"ARROW1"
_PADDED = 8
_PIECE = 1 << 20


def rows(stream: ByteStream, path: Any, *, named: bool = False) -> Iterator[Frame]:
    """A frame per row, from a stream at the start of the file; with `named`, classes by their
    names. Raises InputError where it does not begin as an Arrow file."""
    import pyarrow as pa

    faults = (pa.ArrowException, OSError, MemoryError, EOFError, ValueError)
    source = _Source(stream)
    try:
        reader = pa.ipc.open_stream(pa.PythonFile(source, mode="r"))
        names = reader.schema.names
        labels = labels_of(reader.schema) if named else {}
    except faults as error:
        raise InputError(
            f"{path} cannot be read as Arrow: {_line(error)}.", hint="Download it again."
        ) from error
    if len(set(names)) < len(names):
        raise InputError(f"{path} has two columns of one name.", hint="Rename one of them.")
    row = 0
    try:
        for batch in reader:
            _check(batch)
            for start in range(0, batch.num_rows, _ROWS):
                yield from frames_of(batch.slice(start, _ROWS), row + start, labels)
            row += batch.num_rows
    except faults as error:
        yield Frame(row, "", reason=Reason.TRUNCATED, detail=stream.fault or _line(error))
        return
    if stream.fault or not source.ended:
        yield Frame(row, "", reason=Reason.TRUNCATED, detail=stream.fault or "no end of the file")
    elif not row:
        yield Frame(0, "", reason=Reason.EMPTY_FILE, detail="no rows")


def _check(batch: Any) -> None:
    """Raises ArrowInvalid for a batch whose parts do not fit together, which pyarrow would read
    beyond its memory. Text that is not UTF-8 is none."""
    import pyarrow as pa

    for column in batch.columns:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            flat = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
            if not (flat and "UTF8" in str(error)):
                raise


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


class _Source:
    """What pyarrow reads from: the stream, without the mark of the file format before it. `ended`
    says that it has not yet asked for more than there was."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream, self.closed, self.ended = stream, False, True
        self._kept = self._upto(_PADDED)
        if self._kept.startswith(_MARK):
            self._kept = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int) -> bytes:
        data, self._kept = self._kept[:size], self._kept[size:]
        data += self._upto(size - len(data))
        if len(data) < size:
            self.ended = False
        return data

    def _upto(self, size: int) -> bytes:
        """So many bytes, in pieces: a damaged file may ask for more than there is memory."""
        parts: list[bytes] = []
        while size > 0 and (part := self._stream.read(min(size, _PIECE))):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
