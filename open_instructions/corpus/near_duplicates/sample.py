"""The first two rounds: which shingles are common.

What a row shares with many others says nothing about whether it is a copy of one of them. It is
counted in a sample of rows, those with the smallest hashes of their ids. So the limit is a share of
the rows, and counting does not read the whole text again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_64_intdigest

from ...arrays import numbers, view
from ...preference import Whole
from ..step import NUMBER, PLACE, Round
from .shingles import read, shingles_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SAMPLE = 50_000
"""How many rows are in the sample."""
COMMON = 20
"""A shingle is common if more rows of the sample than this have it."""
HASH, SHINGLE, ROWS = "hash", "shingle", "rows"


class Sampled(Round):
    """The numbers of the rows in the sample."""

    named = False

    def facts(
        self, conversations: Sequence[Whole], number: np.ndarray[Any, Any], before: pa.Table
    ) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        hashes = [xxh3_64_intdigest((c.conversation_id or c.id).encode()) for c in conversations]
        return pa.table(
            {
                PLACE: numbers(np.arange(len(hashes)), "int32"),
                HASH: numbers(np.array(hashes, np.uint64), "uint64"),
            }
        )

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        import numpy as np

        return view(facts[HASH]) % np.uint64(parts)

    def decide(self, facts: pa.Table) -> pa.Table:
        import numpy as np

        order = np.lexsort((view(facts[NUMBER]), view(facts[HASH])))[:SAMPLE]
        return facts.select([NUMBER, HASH]).take(numbers(order, "int64"))

    def settle(self, decided: pa.Table) -> pa.Table:
        return self.decide(decided)


class Counted(Round):
    """The common shingles, sorted."""

    def __init__(self, prompts_only: bool) -> None:
        self._prompts_only = prompts_only

    def asks(self, before: pa.Table) -> pa.Array | None:
        return numbers(view(before[NUMBER]), "int64")

    def facts(
        self, conversations: Sequence[Whole], number: np.ndarray[Any, Any], before: pa.Table
    ) -> pa.Table:
        """The shingles of these rows, and how many of them have each."""
        import numpy as np

        hashes, starts, _ = shingles_of(read(conversations, self._prompts_only))
        rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        order = np.lexsort((rows, hashes))
        hashes, rows = hashes[order], rows[order]
        again = np.zeros(len(hashes), bool)
        again[1:] = (hashes[1:] == hashes[:-1]) & (rows[1:] == rows[:-1])
        found, count = np.unique(hashes[~again], return_counts=True)
        return _counts(found, count)

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        import numpy as np

        return (view(facts[SHINGLE]) >> np.uint64(1)) % np.uint64(parts)

    def decide(self, facts: pa.Table) -> pa.Table:
        import numpy as np

        shingles, rows = view(facts[SHINGLE]), view(facts[ROWS])
        order = np.argsort(shingles, kind="stable")
        shingles, rows = shingles[order], rows[order]
        firsts = np.flatnonzero(np.diff(shingles, prepend=~shingles[:1]))
        if not len(firsts):
            return _counts(shingles, rows)
        count = np.add.reduceat(rows, firsts)
        common = count > COMMON
        return _counts(shingles[firsts][common], count[common])

    def settle(self, decided: pa.Table) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        return pa.table({SHINGLE: numbers(np.sort(view(decided[SHINGLE])), "uint64")})


def _counts(shingles: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> pa.Table:
    import pyarrow as pa

    return pa.table({SHINGLE: numbers(shingles, "uint64"), ROWS: numbers(rows, "int32")})


class Common:
    """Says which shingles are common, from a sorted array of them.

    A shingle has one slot in a table. Few slots are wanted by several, so few shingles have to be
    searched.
    """

    def __init__(self, shingles: np.ndarray[Any, np.dtype[np.uint64]]) -> None:
        import numpy as np

        bits = max(10, int(8 * len(shingles)).bit_length())
        self._shift = np.uint64(64 - bits)
        self._slots = np.zeros(1 << bits, np.uint64)
        place = shingles >> self._shift
        self._slots[place] = shingles
        self._others = shingles[self._slots[place] != shingles]

    def among(self, shingles: np.ndarray[Any, np.dtype[np.uint64]]) -> np.ndarray[Any, Any]:
        """A bool for each."""
        import numpy as np

        held = self._slots[shingles >> self._shift]
        known: np.ndarray[Any, Any] = held == shingles
        if len(self._others):
            perhaps = np.flatnonzero(~known & (held != 0))
            at = np.searchsorted(self._others, shingles[perhaps])
            found = self._others[np.minimum(at, len(self._others) - 1)] == shingles[perhaps]
            known[perhaps] = found
        return known
