"""Rows into Parquet shards of an even size."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP_ROWS = 4096
ROW_GROUP_BYTES = 32 << 20
SHARD_BYTES = 512 << 20


class ShardWriter:
    """Writes rows into Parquet shards. Where groups and shards end depends on the rows alone, not on how they arrive."""

    def __init__(self, folder: Path, kind: str, prefix: str, schema: pa.Schema) -> None:
        self._folder, self._kind, self._prefix, self._schema = folder / kind, kind, prefix, schema
        self._folder.mkdir()
        self._writer: Any = None
        self._waiting: list[pa.Table] = []
        self._rows = self._bytes = 0
        self._shard_bytes = 0
        self._paths: list[Path] = []
        self._counts: list[int] = []

    def append(self, table: pa.Table) -> None:
        sizes = _row_bytes(table)
        start = 0
        for at, size in enumerate(sizes):
            self._rows += 1
            self._bytes += size
            if self._rows >= ROW_GROUP_ROWS or self._bytes >= ROW_GROUP_BYTES:
                self._waiting.append(table.slice(start, at + 1 - start))
                start = at + 1
                self._flush()
        if start < table.num_rows:
            self._waiting.append(table.slice(start))

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting and self._writer is not None:
            return
        if self._writer is None:
            path = self._folder / f"{len(self._paths):05d}"
            self._paths.append(path)
            self._counts.append(0)
            self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        if self._waiting:
            group = pa.concat_tables(self._waiting).combine_chunks()
            self._writer.write_table(group, row_group_size=max(group.num_rows, 1))
            self._counts[-1] += group.num_rows
            self._shard_bytes += self._bytes
        self._waiting, self._rows, self._bytes = [], 0, 0
        if self._shard_bytes >= SHARD_BYTES:
            self._close()

    def _close(self) -> None:
        self._writer.close()
        self._writer, self._shard_bytes = None, 0

    def finish(self) -> list[dict[str, Any]]:
        """Close the last shard, give all their final names, and describe them for the manifest."""
        if self._waiting or not self._paths:
            self._flush()
        if self._writer is not None:
            self._close()
        shards = []
        for number, (path, count) in enumerate(zip(self._paths, self._counts, strict=True)):
            final = path.with_name(f"{self._prefix}-{number:05d}-of-{len(self._paths):05d}.parquet")
            path.rename(final)
            with final.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            shards.append({"path": f"{self._kind}/{final.name}", "rows": count, "bytes": final.stat().st_size, "sha256": digest})
        return shards


def _row_bytes(table: pa.Table) -> list[int]:
    """Bytes of text in each row, near enough to bound a row group: the longest column's."""
    import numpy as np
    import pyarrow.compute as pc

    if not table.num_rows:
        return []
    if "raw" in table.column_names:
        return [int(n) for n in pc.binary_length(table["raw"]).to_numpy()]
    messages = table["messages"].combine_chunks()
    lengths = pc.binary_length(messages.flatten().field("content")).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths)
    offsets = messages.offsets.to_numpy() - messages.offsets[0].as_py()
    edges = np.concatenate(([0], ends))[offsets]
    return [int(n) for n in np.diff(edges)]
