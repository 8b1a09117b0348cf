"""The rows of a finished build that is a source, as they are read: it may be damaged, changed, or
made by another tool. A chunk names rows of a shard; the worker that takes it reads and checks them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from xxhash import xxh3_128

from ..arrays import flags, strings, whole
from ..corpus.options import SHUFFLED
from ..errors import InputError, shown
from ..inputs import Input
from ..preference import Whole
from ..reports.valid_columns import all_valid
from ..reports.valid_rows import pair_problems, talk_problems
from ..store import DATA, PREFERENCE, Build, Shard, open_build
from ..store.forms import is_full_schema, open_rows
from ..store.reading import ROWS
from ..store.shards import read_groups

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Row = dict[str, Any]
_HINT = "oi check says what is wrong with a build."
_PROBLEMS: Mapping[str, Callable[[Row], Iterator[str]]] = {
    DATA: talk_problems,
    PREFERENCE: pair_problems,
}
_ORIGIN = ("source", "subset", "origin_file")
_RUN = (*_ORIGIN, "conversation_id")
"""Neighbouring rows that agree in these are the parts of one conversation."""
WINDOW = 4
"""How many row groups of a shuffled build are read together, up to 16,384 rows: chunks of a few
rows each would take long."""


class Origin(NamedTuple):
    """Where a row of a build came from; the rows of a chunk have one."""

    source: str
    subset: str
    file: str


class Place(NamedTuple):
    """Where rows are: the shard, its row groups from `first` to before `last`, and how many rows of
    these are before them. They are neighbours, or in a shuffled build all rows of these groups with
    the origin `only`."""

    path: Path
    first: int
    last: int
    before: int
    rows: int
    only: Origin | None = None

    def read(self) -> bytes:
        """The rows in Arrow's format, which is the same for the same rows."""
        import pyarrow as pa

        table = read_groups(self.path, range(self.first, self.last))
        if self.only:
            table = table.filter(_is_from(table, self.only))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.slice(self.before, self.rows).combine_chunks())
        data: bytes = sink.getvalue().to_pybytes()
        return data


class RowChunk(NamedTuple):
    """Neighbouring rows of a build that is a source, in whole conversations. All have the same
    source, subset and file. `parent` is the build's fingerprint, `kind` their table, `share` how
    much of the shard has been read up to here, from 0 to 1. `carried` are the rows themselves, for
    a worker that does not see the file."""

    number: int
    source: str
    subset: str
    file: str
    parent: str
    kind: str
    place: Place
    share: float
    carried: bytes | None = None

    @property
    def records(self) -> int:
        return self.place.rows

    def data(self) -> bytes:
        """The rows, as `Place.read` returns them. Raises NotFoundError if they cannot be read."""
        return self.place.read() if self.carried is None else self.carried

    def digest(self, data: bytes) -> str:
        """A digest of its input; see `Chunk.digest`."""
        of_all = (self.source, self.subset, self.file, self.parent, self.kind, *self.place[1:])
        seen = xxh3_128(repr(of_all).encode("utf-8", "surrogatepass"))
        seen.update(data)
        return seen.hexdigest()


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


def chunks_of_rows(item: Input, build: Build, start: int, *, carried: bool) -> Iterator[RowChunk]:
    """The rows of a shard in chunks, numbered from `start`: about a row group each, cut between
    conversations. In a shuffled build, rows of one origin that are near each other come together.
    The cuts depend on the shard alone.

    Raises InputError if the shard is not as the manifest says.
    """
    shard, groups = _checked(item, build)
    counted = set(build.ledger.subsets())
    parent = build.manifest.fingerprint
    places = _scattered if is_shuffled(build) else _neighbours
    done = 0
    for number, (origin, place) in enumerate(places(item.path, shard, groups), start):
        if origin[:2] not in counted:
            name = f"{origin.source}:{origin.subset}"
            raise _refused(item.path, name, "is of a source that the ledger does not have")
        done += place.rows
        rows = place.read() if carried else None
        yield RowChunk(number, *origin, parent, shard.kind, place, done / shard.rows, rows)


def is_shuffled(build: Build) -> bool:
    return build.manifest.recipe.get("order") == SHUFFLED


def _neighbours(path: Path, shard: Shard, groups: Sequence[int]) -> Iterator[tuple[Origin, Place]]:
    ends = list(accumulate(groups))
    cuts = chain(_cuts(path, shard.kind, groups), [(shard.rows, Origin("", "", ""))])
    for (at, origin), (stop, _) in pairwise(cuts):
        first, last = bisect_right(ends, at), bisect_right(ends, stop - 1) + 1
        yield origin, Place(path, first, last, at - ends[first] + groups[first], stop - at)


def _scattered(path: Path, shard: Shard, groups: Sequence[int]) -> Iterator[tuple[Origin, Place]]:
    """The origins in every few row groups, in the order of their first rows."""
    for first in range(0, len(groups), WINDOW):
        last = min(first + WINDOW, len(groups))
        table = read_groups(path, range(first, last), _ORIGIN)
        if any(table[name].null_count for name in _ORIGIN):
            _check_each(read_groups(path, range(first, last)).to_pylist(), shard.kind, path)
        origins = Counter(zip(*(table[name].to_pylist() for name in _ORIGIN), strict=True))
        for origin, rows in origins.items():
            yield Origin(*origin), Place(path, first, last, 0, rows, Origin(*origin))


def _is_from(table: pa.Table, origin: Origin) -> pa.ChunkedArray:
    """Which rows have this origin."""
    import pyarrow.compute as pc

    same = [
        pc.is_in(table[name], value_set=strings([value]))
        for name, value in zip(_ORIGIN, origin, strict=True)
    ]
    return reduce(pc.and_, same)


def _checked(item: Input, build: Build) -> tuple[Shard, tuple[int, ...]]:
    """A shard of a build and the rows of each of its row groups."""
    path = item.path
    kind = path.parent.name
    shard = next((s for s in build.manifest.of(kind) if s.path == f"{kind}/{path.name}"), None)
    if not shard or shard.sha256 != item.sha256:
        raise InputError(f"{shown(str(path))} is not as its manifest says.", hint=_HINT)
    footer = build.footer(shard)
    fits = footer.rows == shard.rows and max(footer.groups, default=0) <= ROWS
    if not fits or not footer.schema.equals(build.schema(kind)):
        raise InputError(
            f"{shown(str(path))} does not have the rows and columns of a build.", hint=_HINT
        )
    return shard, footer.groups


def _cuts(path: Path, kind: str, groups: Sequence[int]) -> Iterator[tuple[int, Origin]]:
    """The row that each chunk begins with, and its origin: each row with another origin than the
    one before it, and the first conversation that begins in a row group."""
    import numpy as np

    last: tuple[str, ...] = ()
    passed = 0
    for group, rows in enumerate(groups):
        if not rows:
            continue
        table = read_groups(path, range(group, group + 1), _RUN)
        if any(table[name].null_count for name in _RUN):
            rows_there = read_groups(path, range(group, group + 1)).to_pylist()
            _check_each(rows_there, kind, path)
        columns = {name: whole(table[name]) for name in _RUN}
        moves = [_moves(columns[name]) for name in _RUN]
        changes, begins = np.any(moves[:-1], axis=0), np.any(moves, axis=0)
        ahead = tuple(columns[name][0].as_py() for name in _RUN)
        changes[0], begins[0] = ahead[:-1] != last[:-1], ahead != last
        changes[begins.argmax()] |= begins.any()
        for at in changes.nonzero()[0].tolist():
            yield passed + at, Origin(*(columns[name][at].as_py() for name in _ORIGIN))
        last = tuple(columns[name][rows - 1].as_py() for name in _RUN)
        passed += rows


def _moves(column: pa.Array) -> np.ndarray[Any, Any]:
    """Whether each value differs from the one before it. The first does not."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    other = pc.not_equal(column.slice(1), column.slice(0, len(column) - 1))
    return np.append(False, flags(pa.chunked_array([other], pa.bool_())))


def rows_of(data: bytes, kind: str, path: Path) -> tuple[pa.Table, list[Row]]:
    """The rows of a chunk, checked, as a table and as Python objects. Raises InputError for a row
    that no build writes."""
    import pyarrow as pa

    table = pa.ipc.open_stream(data).read_all()
    rows: list[Row] = table.to_pylist()
    if kind != DATA or is_full_schema(table.schema) or not all_valid(table):
        _check_each(rows, kind, path)
    open_rows(rows, table.schema)
    return table, rows


def _check_each(rows: Iterable[Row], kind: str, path: Path) -> None:
    for row in rows:
        if problem := next(_PROBLEMS[kind](row), ""):
            raise _refused(path, str(row["id"]), problem)


def check_parts(parts: Sequence[Whole], kind: str, path: Path) -> None:
    """Raises InputError if neighbouring rows of one conversation are not its parts: each has an id
    of its own, and a preference has no parts."""
    if len(parts) > 1 and (kind == PREFERENCE or len({part.id for part in parts}) < len(parts)):
        problem = f"is one of {len(parts)} rows that cannot be parts of one conversation"
        raise _refused(path, parts[0].id, problem)


def _refused(path: Path, name: str, problem: str) -> InputError:
    return InputError(f"{shown(str(path))}: {shown(name)} {problem}.", hint=_HINT)
