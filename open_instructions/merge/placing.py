"""Which rows of a chunk are written, into which split, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from xxhash import xxh3_64_intdigest

from ..arrays import mixed, numbers, up_to, view
from ..corpus.step import COPIES, GROUP, SPLIT, SPLITS
from ..store import DATA
from ..store.chunks import paired_of, parts_in_data
from ..store.columns import ID_HASH
from ..store.names import TRAIN
from .verdicts import ChunkVerdicts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ALL_SPLITS = (TRAIN, *SPLITS)


class Placed(NamedTuple):
    """For each conversation of a chunk, the index of its split in `ALL_SPLITS`, and how often it is
    written: never if it is dropped."""

    split: np.ndarray[Any, Any]
    times: np.ndarray[Any, Any]


class Rows(NamedTuple):
    """Rows to write, in order: the index of each in its table of the chunk, the place of its
    conversation, which part of it the row is, from 0, and of which copy, from 1."""

    row: np.ndarray[Any, Any]
    place: np.ndarray[Any, Any]
    part: np.ndarray[Any, Any]
    copy: np.ndarray[Any, Any]


def placed_of(verdicts: ChunkVerdicts, conversations: int) -> Placed:
    import numpy as np

    split = np.zeros(conversations, np.int8)
    split[verdicts.groups.places] = verdicts.groups.column(SPLIT)
    times = np.ones(conversations, np.int64)
    times[verdicts.copies.places] = verdicts.copies.column(COPIES)
    times[verdicts.drops.places] = 0
    return Placed(split, times)


def rows_of(keys: pa.Table, verdicts: ChunkVerdicts, kind: str, split: str) -> Rows:
    """The rows of data/ or preference/ in a split. A conversation is written with all its parts
    before its next copy."""
    import numpy as np

    placed = placed_of(verdicts, keys.num_rows)
    times = np.where(placed.split == ALL_SPLITS.index(split), placed.times, 0)
    parts = _parts(keys, kind)
    first = np.cumsum(parts) - parts
    place, copy = _repeated(times)  # a run of parts for each copy of each conversation
    run, part = _repeated(parts[place])
    place = place[run]
    return Rows(first[place] + part, place, part, copy[run] + 1)


def splits_of(verdicts: ChunkVerdicts) -> tuple[str, ...]:
    """The splits that rows of a chunk may be in."""
    return ALL_SPLITS if len(verdicts.groups.places) else ALL_SPLITS[:1]


def groups_at(verdicts: ChunkVerdicts, place: np.ndarray[Any, Any]) -> pa.Array:
    """The group of each row, from the places of their conversations."""
    import numpy as np

    known = verdicts.groups.places
    at = np.searchsorted(known, place)
    return verdicts.groups.table[GROUP].take(numbers(at, "int64")).combine_chunks()


def keys_of(keys: pa.Table, rows: Rows, verdicts: ChunkVerdicts, seed: int) -> np.ndarray[Any, Any]:
    """The number that decides a row's place. Conversations with one id have new ones by now."""
    import numpy as np

    hashes = view(keys[ID_HASH]).copy()
    for place, name in verdicts.renamed.items():
        hashes[place] = xxh3_64_intdigest(name.encode())
    begin = np.uint64(xxh3_64_intdigest(f"order {seed}".encode()))
    found = scrambled(hashes[rows.place] ^ begin)
    for number in (rows.part, rows.copy):
        found = scrambled(found + number.astype(np.uint64))
    return found


def scrambled(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Each number as another one, as SplitMix64 does; neighbours are far apart."""
    import numpy as np

    return mixed(values + np.uint64(0x9E3779B97F4A7C15))


def _parts(keys: pa.Table, kind: str) -> np.ndarray[Any, Any]:
    """How many rows of a table each conversation has."""
    import numpy as np

    if kind == DATA:
        return parts_in_data(keys)
    paired = paired_of(keys)
    return np.zeros(keys.num_rows, np.int64) if paired is None else paired.astype(np.int64)


def _repeated(
    times: np.ndarray[Any, Any],
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Each index so many times, and which of those it is, from 0."""
    import numpy as np

    return np.repeat(np.arange(len(times)), times), up_to(times)
