"""Check a build against its manifest: every shard, every row, the ledger."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..corpus import names as step_names
from ..errors import InputError, NotFoundError
from ..inputs.lock import read_lock
from ..ledger import WRITE, Entry, Ledger
from ..paths import sha256_of, walk
from ..reasons import WITHOUT_TEXT
from ..schema import GROUP, SPLITS, Reason
from ..store import (
    DATA,
    FILES,
    LOCK,
    MANIFEST,
    PAGES,
    PREFERENCE,
    REJECTED,
    Build,
    Shard,
    open_build,
)
from ..store.columns import data_schema, files_schema, rejected_schema
from ..store.forms import is_full_schema
from ..store.names import TRAIN
from ..store.pair_columns import preference_schema
from .check_steps import Counts, card_problems
from .sides import Sides
from .valid_rows import OPTIONAL, is_object, pair_problems, talk_problems

if TYPE_CHECKING:
    import pyarrow as pa

MARK = "mark"
"""The level of a row of rejected/ that says what a corpus step found in a conversation that
stays."""
MOST = 100
"""The most problems that are listed; the rest are a number."""
_SCHEMAS = {DATA: data_schema, PREFERENCE: preference_schema}
_OTHERS = {REJECTED: rejected_schema, FILES: files_schema}
_ROWS = {DATA: talk_problems, PREFERENCE: pair_problems}
"""The tables of rows, and what is wrong with one."""


@dataclass(frozen=True)
class Checked:
    """What was checked, and every problem in words. True if there are no problems."""

    path: Path
    shards: int
    rows: int
    problems: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.problems


def check(path: str | os.PathLike[str] | None = None) -> Checked:
    """Check a build: sha256, size, schema and rows of each shard, unique ids, valid conversations,
    splits that are apart, the ledger, the other files. Consistent changes to both rows and manifest
    cannot be detected.

    Without a path, checks the newest build. Raises NotFoundError if there is none.

    >>> import open_instructions as oi                                     # doctest: +SKIP
    >>> bool(oi.check("mix"))                                              # doctest: +SKIP
    True
    """
    build = open_build(path)
    seen = _Seen(build)
    found: list[str] = []
    more = 0
    for problem in _problems(build, seen):
        if len(found) < MOST:
            found.append(problem)
        else:
            more += 1
    if more:
        found.append(f"and {more:,} more")
    return Checked(build.path, len(build.manifest.shards), len(seen.ids) // 16, tuple(found))


class _Seen:
    """What the rows of all shards are compared by: 16 bytes of each id, counts, and the sides of
    the splits."""

    def __init__(self, build: Build) -> None:
        self.ids = bytearray()
        self.counted: Counter[tuple[str, ...]] = Counter()
        self.sides = Sides()
        self.steps = Counts(build)


def _problems(build: Build, seen: _Seen) -> Iterator[str]:
    """The problems, from the rows of every shard."""
    for shard in build.manifest.shards:
        yield from _shard(build, shard, seen)
    yield from _files(build)
    yield from _repeated(seen.ids)
    yield from seen.sides.problems()
    yield from _books(build, seen.counted)
    yield from seen.steps.problems()
    yield from card_problems(build)
    if build.manifest.digest() != build.manifest.fingerprint:
        yield (
            "the manifest's fingerprint does not match its versions, recipe, sources, inputs and "
            "missing files"
        )


def _shard(build: Build, shard: Shard, seen: _Seen) -> Iterator[str]:
    name, path = shard.path, build.file(shard)
    if not path.is_file():
        yield f"{name} is gone"
        return
    size = path.stat().st_size
    if size != shard.bytes:
        yield f"{name} has {size:,} bytes, but the manifest says {shard.bytes:,}"
    if sha256_of(path) != shard.sha256:
        yield f"{name} does not have the sha256 in the manifest"
    try:
        yield from _table(build, shard, seen)
    except NotFoundError as error:
        yield f"{name} cannot be read: {error.__cause__ or error.message}"


def _table(build: Build, shard: Shard, seen: _Seen) -> Iterator[str]:
    """The problems in a shard's schema and rows. Raises NotFoundError if it is unreadable."""
    name, kind = shard.path, shard.kind
    said = build.footer(shard)
    full, grouped = is_full_schema(said.schema), GROUP in said.schema.names
    expected = _SCHEMAS[kind](full, grouped) if kind in _ROWS else _OTHERS[kind]()
    if not said.schema.equals(expected) or said.schema.metadata != expected.metadata:
        yield f"{name} has the wrong schema"
        return
    if said.rows != shard.rows:
        yield f"{name} has {said.rows:,} rows, but the manifest says {shard.rows:,}"
    if kind in _ROWS:
        seen.counted["full" if full else "plain",] += 1
        seen.counted["grouped" if grouped else "alone",] += 1
        if shard.split != TRAIN and not grouped:
            yield f"{name} is of a split, and has no {GROUP}"
    for batch in build.batches(kind, only=[shard]):
        if kind in _ROWS:
            yield from _data(shard, batch, seen, _ROWS[kind])
        elif kind == REJECTED:
            yield from _rejected(name, batch, seen.counted)
        else:
            yield from _headers(name, batch)


def _data(
    shard: Shard,
    batch: pa.RecordBatch,
    seen: _Seen,
    problems: Callable[[dict[str, Any]], Iterator[str]],
) -> Iterator[str]:
    for row in batch.to_pylist():
        seen.ids += blake2b((row["id"] or "").encode(), digest_size=16).digest()
        seen.counted["rows", row["source"], row["subset"]] += 1
        if shard.split != TRAIN:
            seen.counted[f"{shard.split}_rows", row["source"], row["subset"]] += 1
        wrong = list(problems(row))
        yield from (f"{shard.path}: {row['id']} {problem}" for problem in wrong)
        seen.steps.add(shard.kind, shard.split, row)
        if GROUP in row and not wrong:
            seen.sides.add(shard.split, row)


def _headers(name: str, batch: pa.RecordBatch) -> Iterator[str]:
    for row in batch.to_pylist():
        if None in row.values() or not is_object(row["header"]):
            yield f"{name}: {row['origin_file']} has a header that is not a JSON object"


def _rejected(name: str, batch: pa.RecordBatch, counted: Counter[tuple[str, ...]]) -> Iterator[str]:
    reasons = {str(reason) for reason in Reason}
    for column in batch.schema.names:
        if column not in OPTIONAL[REJECTED] and (absent := batch.column(column).null_count):
            yield f"{name}: {absent:,} rows have no {column}"
    without = batch.filter(batch.column("raw").is_null()).select(["level", "reason"]).to_pylist()
    if absent := sum(r["level"] != MARK and r["reason"] not in WITHOUT_TEXT for r in without):
        yield f"{name}: {absent:,} rows have no raw"
    for row in batch.select(["level", "source", "subset", "stage", "reason"]).to_pylist():
        if row["level"] == MARK:  # of a conversation that stays, with this edit
            counted["edits", row["source"], row["subset"], row["stage"], row["reason"]] += 1
            continue
        counted[
            f"rejected_{row['level']}s", row["source"], row["subset"], row["stage"], row["reason"]
        ] += 1
        if row["reason"] not in reasons or row["level"] not in (
            "record",
            "row",
            "message",
            "piece",
        ):
            yield f"{name}: a rejected {row['level']!r} for {row['reason']!r}"


def _files(build: Build) -> Iterator[str]:
    """Files that are missing beside the manifest, and files that do not belong to the build. Hidden
    files are left alone: a copy of a hub repository has some."""
    there = set()
    for folder, folders, names in walk(build.path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        there |= {
            (folder / name).relative_to(build.path).as_posix()
            for name in names
            if not name.startswith(".")
        }
    shards = [shard.path for shard in build.manifest.shards]
    yield from (
        f"no shard of {kind}/ is in the manifest"
        for kind in (DATA, REJECTED)
        if not build.manifest.of(kind)
    )
    yield from (f"{page} is gone" for page in PAGES if page not in there)
    yield from (
        f"{name} is not in the manifest" for name in sorted(there - {MANIFEST, *PAGES, *shards})
    )
    if LOCK in there:
        yield from _lock(build)


def _lock(build: Build) -> Iterator[str]:
    try:
        lock = read_lock(str(build.path / LOCK))
    except InputError as error:
        yield error.message
        return
    files = {entry.sha256 for entry in build.manifest.inputs}
    if {file.sha256 for file in lock.files} != files or lock.recipe != build.manifest.recipe:
        yield f"{LOCK} does not match the manifest's files or recipe"


def _repeated(ids: bytearray) -> Iterator[str]:
    import numpy as np

    digests = np.frombuffer(ids, dtype="V16")
    repeated = len(digests) - len(np.unique(digests))
    if repeated:
        yield f"{repeated:,} rows share their id with another row"


def _books(build: Build, counted: Counter[tuple[str, ...]]) -> Iterator[str]:
    ledger: Ledger = build.ledger
    for problem in ledger.problems():
        yield f"the ledger does not balance: {problem}"
    if ledger.summary() != build.manifest.totals:
        yield "the totals do not match the ledger"
    if counted["full",] and counted["plain",]:
        yield "the messages of some shards are JSON, and those of others are not"
    if counted["grouped",] and counted["alone",]:
        yield f"some shards have a column {GROUP}, and others do not"
    of_split = {f"{name}_rows": f" {name}" for name in SPLITS}
    rows = {key[1:] for key in counted if key[0] == "rows"}
    for source, subset in sorted({*ledger.subsets(), *rows}, key=str):
        for what, named in {"rows": "", **of_split}.items():
            said, there = (
                ledger[Entry(source, subset, WRITE, what)],
                counted[what, source, subset],
            )
            if said != there:
                yield (
                    f"{source}:{subset}: {there:,}{named} rows are there, but the ledger says "
                    f"{said:,}"
                )
    said_of = {
        (e.what, e.source, e.subset, e.stage, e.name)
        for e in ledger
        if e.what.startswith("rejected_") or (e.what == "edits" and e.stage in step_names())
    }
    for what, *where, name in sorted(
        {*said_of, *(key for key in counted if key[0].startswith(("rejected_", "edits")))}, key=str
    ):
        source, subset, stage = where
        said, there = (
            ledger[Entry(source, subset, stage, what, name)],
            counted[what, source, subset, stage, name],
        )
        # a rejected record takes its messages along: only records and pieces have a row for each
        # count
        if there > said or (there < said and what != "rejected_messages"):
            yield (
                f"{source}:{subset}: {there:,} {what.removeprefix('rejected_')} are in rejected/ "
                f"for {name}, but the ledger says {said:,}"
            )
