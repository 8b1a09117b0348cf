"""The rows of a finished build that is a source, as they are read: it may be damaged, changed, or
made by another tool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, shown
from ..inputs import Input
from ..reports.valid_rows import pair_problems, talk_problems
from ..store import DATA, PREFERENCE, Build, Shard, open_build
from ..store.forms import open_rows

Row = dict[str, Any]
_HINT = "oi check says what is wrong with a build."
_PROBLEMS: Mapping[str, Callable[[Row], Iterator[str]]] = {
    DATA: talk_problems,
    PREFERENCE: pair_problems,
}


def open_parent(folder: Path, fingerprint: str) -> Build:
    """A build that is a source. Raises InputError if it is another one, has no rows, or its folder
    has other shards than its manifest, NotFoundError if one is missing or damaged."""
    build = open_build(folder)
    if build.manifest.fingerprint != fingerprint:
        raise InputError(f"{shown(str(folder))} is not the build that it was.")
    shards = [shard for kind in _PROBLEMS for shard in build.shards(kind)]
    if not any(shard.rows for shard in shards):
        raise InputError(f"{shown(str(folder))} is a build without rows.")
    known = {shard.path for shard in shards}
    files = [path for kind in _PROBLEMS for path in sorted((folder / kind).glob("*.parquet"))]
    for path in files:
        if f"{path.parent.name}/{path.name}" not in known:
            raise InputError(f"{shown(str(path))} is not in the manifest of its build.", hint=_HINT)
    return build


def rows_of(item: Input, build: Build) -> tuple[Shard, Iterator[Row]]:
    """A shard of a build, and its rows as Python objects. Raises InputError, also while they are
    read, for a shard that is not as the manifest says, and for a row that no build writes."""
    path = item.path
    kind = path.parent.name
    shard = next((s for s in build.manifest.of(kind) if s.path == f"{kind}/{path.name}"), None)
    if not shard or shard.sha256 != item.sha256:
        raise InputError(f"{shown(str(path))} is not as its manifest says.", hint=_HINT)
    footer = build.footer(shard)
    if footer.rows != shard.rows or not footer.schema.equals(build.schema(kind)):
        raise InputError(
            f"{shown(str(path))} does not have the rows and columns of a build.", hint=_HINT
        )
    return shard, _checked(build, shard)


def _checked(build: Build, shard: Shard) -> Iterator[Row]:
    counted = set(build.ledger.subsets())
    for batch in build.batches(shard.kind, only=[shard]):
        rows = batch.to_pylist()
        for row in rows:
            problem = next(_PROBLEMS[shard.kind](row), "")
            if not problem and (row["source"], row["subset"]) not in counted:
                problem = "is of a source that the ledger does not have"
            if problem:
                where = shown(str(build.file(shard)))
                raise InputError(f"{where}: {shown(str(row['id']))} {problem}.", hint=_HINT)
        open_rows(rows, batch.schema)
        yield from rows
