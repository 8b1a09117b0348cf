"""The third round: which rows could be alike.

A row gives keys, and rows that share one become candidates. There are three kinds. Bands of MinHash
values over what is rare in the row find rows with similar content. Rows with little of their own
also have bands over everything, for a higher similarity. Keys of the messages up to each answer
find rows with equal tokens, and the longer export of a conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_64_intdigest

from ...arrays import mixed, numbers, shared, view
from ...preference import Preference, Whole
from ..groups import connected
from ..step import NUMBER, PLACE, Round
from .sample import SHINGLE, Common
from .shingles import prefix_keys, read, shingles_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from .shingles import Hashes, Places

VALUES = 120
"""MinHash values of a row."""
CLOSE = 12
"""Values in a band for rows with little of their own, which have to be 0.9 alike."""
OWN = 0.5
"""A row has little of its own if less than this share of its shingles is rare."""
FOUND = 0.9
"""The share of pairs at the threshold that share a band."""
KEY, GROUP = "key", "group"
_BASE = 0x9E3779B97F4A7C15


def values_in_band(threshold: float) -> int:
    """How many values make a band: as many as still find most pairs at the threshold.

    >>> [values_in_band(threshold) for threshold in (0.5, 0.6, 0.7, 0.8, 0.9)]
    [3, 4, 6, 8, 12]
    """
    sizes = (12, 10, 8, 6, 5, 4, 3)
    return next((n for n in sizes if 1 - (1 - threshold**n) ** (VALUES // n) >= FOUND), sizes[-1])


class Candidates(Round):
    """The numbers of all candidates, each with the first number of its group; and the common
    shingles again, with the number -1."""

    named = False

    def __init__(self, threshold: float, prompts_only: bool, by_source: bool) -> None:
        self._size = values_in_band(threshold)
        self._prompts_only, self._by_source = prompts_only, by_source
        self.each = VALUES // self._size + 1

    def facts(
        self, conversations: Sequence[Whole], number: np.ndarray[Any, Any], before: pa.Table
    ) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        given = read(conversations, self._prompts_only)
        every = shingles_of(given)
        rare = ~Common(view(before[SHINGLE])).among(every.hashes)
        own = np.append(0, np.cumsum(rare))[every.starts]
        little = np.diff(own) < OWN * np.diff(every.starts)
        lengths = np.where(little, np.diff(every.starts), 0)
        close = np.repeat(little, np.diff(every.starts))
        found = [
            _bands(every.hashes[rare], own, self._size, 1),
            _bands(every.hashes[close], np.append(0, np.cumsum(lengths)), CLOSE, 2),
            _prefixes(prefix_keys(given), self._prompts_only),
        ]
        places = np.concatenate([places for places, _ in found])
        keys = np.concatenate([keys for _, keys in found])
        apart = np.array([self._apart(c) for c in conversations], np.uint64)
        keys = mixed(keys ^ apart[places])
        return pa.table({PLACE: numbers(places, "int32"), KEY: numbers(keys, "uint64")})

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        import numpy as np

        return (view(facts[KEY]) >> np.uint64(32)) % np.uint64(parts)

    def decide(self, facts: pa.Table) -> pa.Table:
        """Rows that share a key, each with the first row that has it."""
        import numpy as np

        keys = view(facts[KEY])
        perhaps = shared(keys)
        keys, number = keys[perhaps], view(facts[NUMBER])[perhaps]
        order = np.lexsort((number, keys))
        keys, number = keys[order], number[order]
        same = np.zeros(len(keys), bool)
        same[1:] = keys[1:] == keys[:-1]
        first = np.maximum.accumulate(np.where(same, 0, np.arange(len(keys))))
        return _grouped(*connected(number[same], number[first[same]]))

    def conclude(self, decided: pa.Table, before: pa.Table) -> pa.Table:
        import pyarrow as pa

        groups = _grouped(*connected(view(decided[NUMBER]), view(decided[GROUP])))
        none = numbers([-1] * len(before), "int64")
        common = pa.table({NUMBER: none, GROUP: none, SHINGLE: before[SHINGLE]})
        zeros = numbers([0] * len(groups), "uint64")
        return pa.concat_tables([common, groups.append_column(SHINGLE, zeros)])

    def _apart(self, conversation: Whole) -> int:
        """What rows must have in common to be compared."""
        kind = "preference" if isinstance(conversation, Preference) else ""
        source = conversation.source if self._by_source else ""
        return xxh3_64_intdigest(f"{kind} {source}".encode())


def _bands(hashes: Hashes, starts: Places, size: int, kind: int) -> tuple[Places, Hashes]:
    """The keys of all bands of each row that has shingles, with the row's place."""
    import numpy as np

    rows = np.flatnonzero(np.diff(starts))
    if not len(rows):
        return rows, np.empty(0, np.uint64)
    begins = starts[rows]
    small = (hashes >> np.uint64(32)).astype(np.uint32)
    keys = []
    for band in range(VALUES // size):
        key = np.full(len(rows), kind << 32 | band, np.uint64)
        for value in range(band * size, band * size + size):
            key *= np.uint64(_BASE)
            key += np.minimum.reduceat(_permuted(small, value), begins)
        keys.append(mixed(key))
    return np.tile(rows, len(keys)), np.concatenate(keys)


def _permuted(hashes: np.ndarray[Any, Any], value: int) -> np.ndarray[Any, Any]:
    """Hashes of 32 bits in another order: exclusive or, times an odd number."""
    import numpy as np

    seed = xxh3_64_intdigest(value.to_bytes(4, "little"))
    return (hashes ^ np.uint32(seed >> 32)) * np.uint32(seed & 0xFFFFFFFF | 1)


def _prefixes(keys: Any, prompts_only: bool) -> tuple[Places, Hashes]:
    import numpy as np

    places, found = [], []
    for place, own in enumerate(keys):
        wanted = own[-1:] if prompts_only else own
        places += [place] * len(wanted)
        found += wanted
    return np.array(places, np.int64), np.array(found, np.uint64)


def _grouped(number: np.ndarray[Any, Any], group: np.ndarray[Any, Any]) -> pa.Table:
    import pyarrow as pa

    return pa.table({NUMBER: numbers(number, "int64"), GROUP: numbers(group, "int64")})
