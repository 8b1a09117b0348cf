"""The rows of a Parquet file as frames."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ..errors import InputError
from ..schema import Reason
from .batches import frames_of, labels_of, names_in
from .frames import Frame

_ROWS = 1024


def rows(
    file: Any, path: Any, columns: Collection[str] = (), *, named: bool = False
) -> Iterator[tuple[Frame, float]]:
    """A frame per row, of these columns where some are named, and how much of the file is read with
    it, 0 to 1; with `named`, classes by their names.

    Raises InputError where it cannot be read as Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = 0
    try:
        table = pq.ParquetFile(file)
        names = table.schema_arrow.names
        if len(set(names)) < len(names):
            raise InputError(f"{path} has two columns of one name.", hint="Download it again.")
        wanted = [name for name in names if name in columns] if columns else None
        labels = labels_of(table.schema_arrow) if named else {}
        for batch in table.iter_batches(_ROWS, columns=wanted):
            share = (row + batch.num_rows) / max(table.metadata.num_rows, 1)
            for frame in frames_of(batch, row, labels):
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
        return names_in(pq.read_schema(file), field)
    except (pa.ArrowInvalid, OSError):
        return []
