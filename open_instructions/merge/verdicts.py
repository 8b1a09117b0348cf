"""Which conversations are dropped as duplicates, and which get another id because an earlier one
has theirs.

Both are questions about the whole build. Every chunk sends what it knows of a conversation to the
part that its key, or its id, belongs to: there all that could be equal come together, and no part
needs to know of the others.

A conversation's number says where it is: the chunk, times 2**32, plus its place in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..arrays import booleans, numbers, strings, view, whole
from ..engines import Engine
from ..recipe import Recipe
from ..store.chunks import KEYS, origin, read_chunk
from ..store.columns import ID_HASH, KEY

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

STAGE = "duplicates"
PART = 500_000
"""So many conversations come together in one part: some 100 MB while they are compared."""
GROUP, GROUPS = 256, 128
"""So many chunks send together, or more where there would be more than so many groups: what is sent
should be no crumbs."""
_CHUNK = 32  # bits of a number that say the place in the chunk


@dataclass(frozen=True)
class ChunkFate:
    """Of one chunk, by place: the conversations to drop, with the id of the copy that stays; and
    what others are called now."""

    dropped: Mapping[int, str]
    renamed: Mapping[int, str]


@dataclass(frozen=True)
class Fate:
    """Of all chunks, by number, in order. `dropped` and `renamed` have a name for each."""

    dropped: np.ndarray[Any, Any]
    winners: pa.Array
    renamed: np.ndarray[Any, Any]
    names: pa.Array

    def of(self, chunk: int) -> ChunkFate:
        return ChunkFate(
            _slice(self.dropped, self.winners, chunk), _slice(self.renamed, self.names, chunk)
        )


def find_fate(
    engine: Engine, chunks: Path, counts: Sequence[int], recipe: Recipe, sources: Sequence[str]
) -> Fate:
    """The fate of every conversation in chunks of so many each."""
    import numpy as np
    import pyarrow as pa

    ranks = {
        name: rank for rank, name in enumerate(dict.fromkeys([*recipe.prefer, *sorted(sources)]))
    }
    parts = max(1, -(-sum(counts) // PART))
    size = max(GROUP, -(-len(counts) // GROUPS))
    groups = [range(start, min(start + size, len(counts))) for start in range(0, len(counts), size)]
    lost = _none(winner=pa.int64(), name=pa.string())
    if recipe.duplicates:
        lost = _joined(
            engine.exchange(
                partial(_send_keys, chunks=chunks, ranks=ranks), groups, _losers, parts
            ),
            lost,
        )
    gone = view(lost["number"])
    staying = [
        (group, gone[slice(*np.searchsorted(gone, [group.start << _CHUNK, group.stop << _CHUNK]))])
        for group in groups
    ]
    repeated = _joined(
        engine.exchange(partial(_send_names, chunks=chunks), staying, _repeated, parts),
        _none(name=pa.string()),
    )
    renamed = view(repeated["number"])
    # the copy that stays may have got another name itself
    winners = view(lost["winner"])
    at = np.searchsorted(renamed, winners)
    found = np.flatnonzero(
        (renamed[np.minimum(at, len(renamed) - 1)] == winners)
        if len(renamed)
        else np.zeros(len(winners), bool)
    )
    names = lost["name"].to_pylist() if len(found) else whole(lost["name"])
    for place in found.tolist():
        names[place] = repeated["name"][int(at[place])].as_py()
    return Fate(gone, strings(names) if len(found) else names, renamed, whole(repeated["name"]))


def _slice(places: np.ndarray[Any, Any], names: pa.Array, chunk: int) -> dict[int, str]:
    import numpy as np

    start, stop = np.searchsorted(places, [chunk << _CHUNK, (chunk + 1) << _CHUNK]).tolist()
    return dict(
        zip(
            (places[start:stop] - (chunk << _CHUNK)).tolist(),
            names[start:stop].to_pylist(),
            strict=True,
        )
    )


def _send_keys(
    group: range, parts: int, *, chunks: Path, ranks: Mapping[str, int]
) -> list[pa.Table]:
    """The conversations of some chunks: key, rank of the source, number and name, parted by the
    key."""
    import numpy as np
    import pyarrow as pa

    tables = []
    for chunk in group:
        keys = read_chunk(chunks, chunk, KEYS)
        rank = numbers(np.full(keys.num_rows, ranks[origin(keys)[0]]), "int64")
        columns = {
            "key": keys[KEY],
            "rank": rank,
            "number": _numbers(chunk, keys.num_rows),
            "name": keys["conversation_id"],
        }
        tables.append(pa.table(columns))
    table = pa.concat_tables(tables).combine_chunks()
    return _parted(table, lambda: _halves(table["key"])[0] % np.uint64(parts), parts)


def _send_names(
    work: tuple[range, np.ndarray[Any, Any]], parts: int, *, chunks: Path
) -> list[pa.Table]:
    """The conversations of some chunks that stay: number, name and its hash, parted by the name."""
    import numpy as np
    import pyarrow as pa

    group, gone = work
    tables = []
    for chunk in group:
        keys = read_chunk(chunks, chunk, KEYS)
        tables.append(
            pa.table(
                {
                    "number": _numbers(chunk, keys.num_rows),
                    "name": keys["conversation_id"],
                    "hash": keys[ID_HASH],
                }
            )
        )
    table = pa.concat_tables(tables).combine_chunks()
    if len(gone):
        table = table.filter(
            booleans(np.isin(view(table["number"]), gone, assume_unique=True, invert=True))
        )
    return _parted(table, lambda: view(table["hash"]) % np.uint64(parts), parts)


def _numbers(chunk: int, count: int) -> pa.Array:
    import numpy as np

    return numbers(np.arange(count, dtype=np.int64) + (chunk << _CHUNK), "int64")


def _parted(table: pa.Table, belongs: Any, parts: int) -> list[pa.Table]:
    if parts == 1:
        return [table]
    part = belongs()
    return [table.filter(booleans(part == number)) for number in range(parts)]


def _halves(keys: pa.ChunkedArray) -> tuple[Any, Any]:
    """Keys of 16 bytes as two columns of numbers."""
    import numpy as np

    array = whole(keys)
    data = np.frombuffer(array.buffers()[1] or b"", dtype=">u8")[
        2 * array.offset : 2 * (array.offset + len(array))
    ].reshape(-1, 2)
    return data[:, 0].astype(np.uint64), data[:, 1].astype(np.uint64)


def _shared(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The places of those that occur more than once: few of many, and to find them takes a plain
    sort."""
    import numpy as np

    ordered = np.sort(values)
    return np.flatnonzero(np.isin(values, ordered[1:][ordered[1:] == ordered[:-1]]))


def _losers(messages: Sequence[pa.Table]) -> pa.Table:
    """Each conversation to drop, and the equal one that stays: of the best rank, then the first."""
    import numpy as np
    import pyarrow as pa

    table = pa.concat_tables(messages)
    first, second = _halves(table["key"])
    perhaps = _shared(first)
    first, second, number, rank = (
        first[perhaps],
        second[perhaps],
        view(table["number"])[perhaps],
        view(table["rank"])[perhaps],
    )
    order = np.lexsort((number, rank, second, first))
    same = np.zeros(len(order), bool)
    same[1:] = (first[order][1:] == first[order][:-1]) & (second[order][1:] == second[order][:-1])
    best = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))[same]
    names = table["name"].take(numbers(perhaps[order[best]], "int64"))
    return pa.table(
        {
            "number": numbers(number[order[same]], "int64"),
            "winner": numbers(number[order[best]], "int64"),
            "name": names,
        }
    )


def _repeated(messages: Sequence[pa.Table]) -> pa.Table:
    """The conversations whose id an earlier one has, under the name that tells them apart: ~2, ~3,
    … in their order."""
    import numpy as np
    import pyarrow as pa

    table = pa.concat_tables(messages)
    perhaps = _shared(view(table["hash"]))
    names = whole(table["name"].take(numbers(perhaps, "int64")))
    number = view(table["number"])[perhaps]
    codes = view(names.dictionary_encode().indices)
    order = np.lexsort((number, codes))
    same = np.zeros(len(order), bool)
    same[1:] = codes[order][1:] == codes[order][:-1]
    places = np.arange(len(order))
    nth = places - np.maximum.accumulate(np.where(same, 0, places)) + 1
    renamed = names.take(numbers(order[same], "int64")).to_pylist()
    return pa.table(
        {
            "number": numbers(number[order[same]], "int64"),
            "name": strings(
                [f"{name}~{n}" for name, n in zip(renamed, nth[same].tolist(), strict=True)]
            ),
        }
    )


def _none(**columns: Any) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_batches([], pa.schema([("number", pa.int64()), *columns.items()]))


def _joined(tables: Iterator[pa.Table] | Iterable[pa.Table], empty: pa.Table) -> pa.Table:
    """What all parts found, in order of the numbers."""
    import numpy as np
    import pyarrow as pa

    table = pa.concat_tables([empty, *tables])
    return table.take(numbers(np.argsort(view(table["number"])), "int64")).combine_chunks()
