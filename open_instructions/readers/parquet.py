"""The rows of a Parquet file as frames. A value that cannot be read costs at most its row, never
the file."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from ..errors import InputError
from ..schema import Reason, to_json
from .frames import Frame

_ROWS = 1024
_NAMES = 100
"""How many names of a column's numbers are read, and how many characters of each. No question has
more options."""


def rows(file: Any, path: Any, columns: Collection[str] = ()) -> Iterator[tuple[Frame, float]]:
    """One frame per row, limited to `columns` if some are named, and the share of the file that has
    been read with it, from 0 to 1. Raises InputError if the file cannot be read as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = 0
    try:
        table = pq.ParquetFile(file)
        names = table.schema_arrow.names
        if len(set(names)) < len(names):
            raise InputError(f"{path} has two columns of one name.", hint="Download it again.")
        wanted = [name for name in names if name in columns] if columns else None
        for batch in table.iter_batches(_ROWS, columns=wanted):
            share = (row + batch.num_rows) / max(table.metadata.num_rows, 1)
            for frame in _frames(batch, row):
                yield frame, share
            row += batch.num_rows
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise InputError(
            f"{path} cannot be read as Parquet: {error}.", hint="Download it again."
        ) from error
    if not row:
        yield Frame(0, "", reason=Reason.EMPTY_FILE, detail="no rows"), 1.0


def label_names(file: Any, field: str) -> list[str]:
    """The names that a file gives to the numbers in a column, as `datasets` writes a ClassLabel.
    Empty if it gives none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        said = (pq.read_schema(file).metadata or {}).get(b"huggingface", b"")
        names = json.loads(said)["info"]["features"][field]["names"]
    except (pa.ArrowInvalid, OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    if isinstance(names, list):
        return [str(name)[:_NAMES] for name in names[:_NAMES]]
    return []


def _frames(batch: Any, row: int) -> Iterator[Frame]:
    """One frame per row, with a reason if text in it is not UTF-8."""
    try:
        yield from [Frame(row + at, to_json(record)) for at, record in enumerate(batch.to_pylist())]
        return
    except (ValueError, OverflowError):  # UnicodeDecodeError is a ValueError
        pass
    for at in range(batch.num_rows):
        damage: list[str] = []
        record = {name: _plain(batch.column(name)[at], damage) for name in batch.schema.names}
        if damage:
            yield Frame(row + at, to_json(record), reason=Reason.INVALID_UTF8, detail=damage[0])
        else:
            yield Frame(row + at, to_json(record))


def _plain(scalar: Any, damage: list[str]) -> Any:
    """A value as a Python object, or as text if Python cannot represent it (a date in the year
    12000, nanoseconds). For text that is not UTF-8, the error is added to `damage`. Recurses only
    as deep as the schema."""
    import pyarrow as pa

    try:
        value = scalar.as_py()
        to_json(value)
        return value
    except UnicodeDecodeError as error:
        if isinstance(scalar, pa.StringScalar | pa.LargeStringScalar | pa.StringViewScalar):
            damage.append(str(error))
            return scalar.as_buffer().to_pybytes().decode("utf-8", "backslashreplace")
    except (ValueError, OverflowError):
        pass
    if isinstance(scalar, pa.MapScalar):
        return [
            [_plain(entry["key"], damage), _plain(entry["value"], damage)]
            for entry in scalar.values
        ]
    if isinstance(scalar, pa.StructScalar):
        names = [field.name for field in scalar.type]
        values = [_plain(scalar[at], damage) for at in range(len(names))]
        if len(set(names)) == len(names):
            return dict(zip(names, values, strict=True))
        return list(zip(names, values, strict=True))
    if hasattr(scalar, "values"):  # a list of any kind
        return [_plain(item, damage) for item in scalar.values]
    if isinstance(scalar, pa.DictionaryScalar | pa.ExtensionScalar):
        return _plain(scalar.value, damage)
    return _as_text(scalar)


def _as_text(scalar: Any) -> str:
    import pyarrow as pa

    try:
        return str(scalar.cast(pa.string()).as_py())
    except (pa.ArrowException, ValueError):
        return str(getattr(scalar, "value", scalar.type))
