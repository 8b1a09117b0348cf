"""Reads shards: the one place where a table of a build is opened.

Rows come in record batches, one row group at a time, so memory stays flat however large the build
is. With a filter, a row group without a match costs only the columns that the filter needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..arrays import strings, whole
from ..errors import NotFoundError
from ..paths import for_pyarrow
from .names import DATA, PREFERENCE, REJECTED

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_IDS = {
    DATA: ("id", "conversation_id"),
    PREFERENCE: ("id", "conversation_id"),
    REJECTED: ("conversation_id",),
}
"""The columns of each table that can hold an id."""


class Footer(NamedTuple):
    """The schema and the number of rows in a shard's footer, and the rows of each row group."""

    schema: pa.Schema
    rows: int
    groups: tuple[int, ...] = ()


class Wanted(NamedTuple):
    """A filter for rows: by sources or subsets, by languages, and by ids. An empty one matches
    all."""

    sources: Sequence[str] = ()
    languages: Sequence[str] = ()
    ids: Sequence[str] = ()

    def columns(self, kind: str) -> list[str]:
        """The columns that the filter needs."""
        needed = ["source", "subset"] if self.sources else []
        needed += ["language"] if self.languages else []
        return [*needed, *(_IDS[kind] if self.ids else ())]

    def mask(self, kind: str, table: pa.Table) -> pa.Array:
        """An array of booleans: which rows of a table match. At least one of the three filters must
        not be empty."""
        import pyarrow.compute as pc

        masks = []
        if self.sources:
            masks.append(_of_sources(table, self.sources))
        if self.languages:
            masks.append(_in_languages(table["language"], self.languages))
        if self.ids:
            ids = [_is_in(table[column], self.ids) for column in _IDS[kind]]
            masks.append(reduce(pc.or_, ids))
        return whole(reduce(pc.and_, masks))


def _is_in(column: Any, values: Sequence[str]) -> Any:
    import pyarrow.compute as pc

    return pc.is_in(column, value_set=strings(values))


def _of_sources(table: pa.Table, wanted: Sequence[str]) -> Any:
    import pyarrow.compute as pc

    subsets = [name for name in wanted if ":" in name]
    mask = _is_in(table["source"], [name for name in wanted if ":" not in name])
    if not subsets:
        return mask
    names = pc.binary_join_element_wise(table["source"], table["subset"], strings([":"])[0])
    return pc.or_(mask, _is_in(names, subsets))


def _in_languages(column: Any, wanted: Sequence[str]) -> Any:
    import pyarrow.compute as pc

    from ..stages.language import matches

    labels = filter(None, pc.unique(column).to_pylist())
    return _is_in(column, [label for label in labels if matches(label, wanted)])


def footer(path: Path) -> Footer:
    """The footer of a shard. Raises NotFoundError if it cannot be read."""
    with _opened(path) as parquet:
        said = parquet.metadata
        groups = tuple(said.row_group(at).num_rows for at in range(said.num_row_groups))
        return Footer(parquet.schema_arrow, said.num_rows, groups)


def read_groups(path: Path, groups: range, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of neighbouring row groups. Raises NotFoundError if they cannot be read, or are not
    valid: text that is not UTF-8, lists that end before they begin."""
    with _opened(path) as parquet:
        table = parquet.read_row_groups(list(groups), columns=columns, use_threads=False)
        table.validate(full=True)
        return table


def read(
    path: Path, kind: str, columns: Sequence[str] | None, wanted: Wanted, rows: int
) -> Iterator[pa.RecordBatch]:
    """The rows of a shard, in order, at most `rows` at a time. Raises NotFoundError if it cannot be
    read or lacks a column."""
    telling = wanted.columns(kind)
    with _opened(path) as parquet:
        names = parquet.schema_arrow.names
        columns = list(names if columns is None else columns)
        for name in (*columns, *telling):
            if name not in names:
                raise NotFoundError(
                    f"{path} has no column {name}.", hint="Build it again with --overwrite."
                )
        for batch in _batches(parquet, kind, columns, wanted, rows):
            yield batch.select(columns)


def _batches(
    parquet: pq.ParquetFile, kind: str, columns: list[str], wanted: Wanted, rows: int
) -> Iterator[pa.RecordBatch]:
    telling = wanted.columns(kind)
    if not telling:
        yield from parquet.iter_batches(rows, columns=columns)
        return
    for group in range(parquet.num_row_groups):
        mask = wanted.mask(kind, parquet.read_row_group(group, columns=telling))
        if not mask.true_count:
            continue
        start = 0
        for batch in parquet.iter_batches(rows, row_groups=[group], columns=columns):
            kept = batch.filter(mask.slice(start, batch.num_rows))
            start += batch.num_rows
            if kept.num_rows:
                yield kept


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(for_pyarrow(path)) as parquet:
            yield parquet
    except (pa.ArrowException, OSError) as error:
        raise NotFoundError(
            f"{path} cannot be read: {error}.", hint="Build it again with --overwrite."
        ) from error
