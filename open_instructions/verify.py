"""Is a build what its manifest says? Every shard, every row, the books."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .columns import data_schema, rejected_schema
from .ledger import Ledger
from .places import children, for_pyarrow, sha256_of
from .schema import Conversation, Message, Reason
from .stages.language import LABELS
from .store import DATA, REJECTED, Build, inside, open_build

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 100
"""So many problems are told one by one; the rest as a number."""


@dataclass(frozen=True)
class Checked:
    """What was looked at, and each thing that is wrong, in words. True where nothing is."""

    path: Path
    shards: int
    rows: int
    problems: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.problems


def check(path: str | os.PathLike[str] | None = None) -> Checked:
    """Check a build: sha256, size, schema and rows of each shard, ids unique, every row a valid conversation, the books.

    Without a path, the newest build. Raises NotFoundError where there is none.

    >>> import open_instructions as oi                                     # doctest: +SKIP
    >>> bool(oi.check("mix"))                                              # doctest: +SKIP
    True
    """
    build = open_build(path)
    found: list[str] = []
    counted: Counter[tuple[str, ...]] = Counter()
    ids = bytearray()
    for shard in build.manifest["shards"]:
        found += _shard(build, shard, counted, ids)
    found += _strangers(build)
    found += _repeated(ids)
    found += _books(build, counted)
    if len(found) > MOST:
        found = [*found[:MOST], f"and {len(found) - MOST:,} more"]
    return Checked(build.path, len(build.manifest["shards"]), len(ids) // 16, tuple(found))


def _shard(build: Build, shard: dict[str, Any], counted: Counter[tuple[str, ...]], ids: bytearray) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    name, path = shard["path"], build.path / shard["path"]
    kind = DATA if name.startswith(DATA + "/") else REJECTED
    if not inside(name) or not path.is_file():
        yield f"{name} is gone"
        return
    if path.stat().st_size != shard["bytes"]:
        yield f"{name} has {path.stat().st_size:,} bytes, and the manifest says {shard['bytes']:,}"
    if sha256_of(path) != shard["sha256"]:
        yield f"{name} has another sha256 than the manifest says"
    try:
        parquet = pq.ParquetFile(for_pyarrow(path))
        expected = data_schema() if kind == DATA else rejected_schema()
        if not parquet.schema_arrow.equals(expected) or parquet.schema_arrow.metadata != expected.metadata:
            yield f"{name} has another schema"
            return
        if parquet.metadata.num_rows != shard["rows"]:
            yield f"{name} has {parquet.metadata.num_rows:,} rows, and the manifest says {shard['rows']:,}"
        for batch in parquet.iter_batches(batch_size=4096):
            yield from _data(name, batch, counted, ids) if kind == DATA else _rejected(name, batch, counted)
    except (pa.ArrowException, OSError) as error:
        yield f"{name} cannot be read: {error}"


def _data(name: str, batch: pa.RecordBatch, counted: Counter[tuple[str, ...]], ids: bytearray) -> Iterator[str]:
    for row in batch.to_pylist():
        ids += blake2b(row["id"].encode(), digest_size=16).digest()
        counted["rows", row["source"], row["subset"]] += 1
        try:
            talk = Conversation(row["id"], row["source"], row["subset"], tuple(Message(m["role"], m["content"]) for m in row["messages"]))
        except ValueError as error:
            yield f"{name}: {error}"
            continue
        if talk.num_turns != row["num_turns"]:
            yield f"{name}: {talk.id} has {talk.num_turns} pairs, and its num_turns is {row['num_turns']}"
        if row["language"] not in LABELS:
            yield f"{name}: {talk.id} has language {row['language']!r}"
        if row["id"] != row["conversation_id"] and not row["id"].startswith(row["conversation_id"] + "#"):
            yield f"{name}: {talk.id} is no part of {row['conversation_id']}"


def _rejected(name: str, batch: pa.RecordBatch, counted: Counter[tuple[str, ...]]) -> Iterator[str]:
    reasons = {str(reason) for reason in Reason}
    for row in batch.select(["level", "source", "subset", "stage", "reason"]).to_pylist():
        counted[f"rejected_{row['level']}s", row["source"], row["subset"], row["stage"], row["reason"]] += 1
        if row["reason"] not in reasons or row["level"] not in ("record", "turn", "piece"):
            yield f"{name}: a rejected {row['level']!r} for {row['reason']!r}"


def _strangers(build: Build) -> Iterator[str]:
    """Files that a reader of the folder would take for shards."""
    known = {shard["path"] for shard in build.manifest["shards"]}
    for kind in (DATA, REJECTED):
        for path in children(build.path / kind):
            if f"{kind}/{path.name}" not in known:
                yield f"{kind}/{path.name} is not in the manifest"


def _repeated(ids: bytearray) -> Iterator[str]:
    import numpy as np

    digests = np.frombuffer(ids, dtype="V16")
    repeated = len(digests) - len(np.unique(digests))
    if repeated:
        yield f"{repeated:,} rows have an id that another row has"


def _books(build: Build, counted: Counter[tuple[str, ...]]) -> Iterator[str]:
    ledger: Ledger = build.ledger
    for problem in ledger.problems():
        yield f"the books do not balance: {problem}"
    if ledger.summary() != build.manifest["totals"]:
        yield "the totals are not the sums of the ledger"
    for source, subset in ledger.subsets():
        said, there = ledger.summary(source, subset)["rows"], counted["rows", source, subset]
        if said != there:
            yield f"{source}:{subset}: {there:,} rows are there, and the ledger says {said:,}"
    # a record that is refused takes its turns along: only records and pieces have a row for each count
    for entry in ledger:
        if entry.what in ("rejected_records", "rejected_pieces"):
            there = counted[entry.what, entry.source, entry.subset, entry.stage, entry.name]
            if there != ledger[entry]:
                what = entry.what.removeprefix("rejected_")
                yield f"{entry.source}:{entry.subset}: {there:,} {what} are in rejected/ for {entry.name}, and the ledger says {ledger[entry]:,}"
