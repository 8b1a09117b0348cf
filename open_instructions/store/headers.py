"""File headers: what an input file says for all its records. They go into the table files/ of a
build, with a row per file that has a header.

Otherwise every row would repeat the same text: the examples of a Natural Instructions task, for
instance, with each of its 6,500 instances.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

from ..arrays import strings
from ..paths import Counted, make_folder, write_whole
from .columns import PARQUET, files_schema
from .manifest import Shard
from .names import FILES

NAME = f"{FILES}/{FILES}-00000-of-00001.parquet"


class Header(NamedTuple):
    """A file of a subset, and its header as JSON text."""

    source: str
    subset: str
    file: str
    text: str


def write_headers(ready: Path, headers: Sequence[Header]) -> list[Shard]:
    """Write the table below `ready`. Returns its shard; no shard if no file has a header."""
    import hashlib

    import pyarrow as pa
    import pyarrow.parquet as pq

    if not headers:
        return []
    columns = [strings([header[at] for header in headers]) for at in range(len(Header._fields))]
    table = pa.Table.from_arrays(columns, schema=files_schema())
    digest = hashlib.sha256()

    def write(file: IO[bytes]) -> int:
        sink = Counted(file, digest.update)
        pq.write_table(table, sink, compression=PARQUET["compression"], use_dictionary=False)
        return sink.size

    make_folder(ready / FILES)
    size = write_whole(ready / NAME, write)
    return [Shard(NAME, table.num_rows, size, digest.hexdigest())]
