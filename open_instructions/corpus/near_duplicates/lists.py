"""A list of numbers for each row, in two arrays, and what lists of two rows have in common. All of
it for many pairs of rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ...arrays import items_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class Lists(NamedTuple):
    """The numbers of all rows, of 32 bits, and where those of each begin, and the end."""

    values: Array
    starts: Array

    def sizes(self) -> Array:
        import numpy as np

        return np.diff(self.starts)

    def of(self, rows: Array) -> tuple[Array, Array]:
        """The numbers of these rows, and for each the place of its row among them.

        >>> import numpy as np
        >>> lists = Lists(np.array([5, 6, 7]), np.array([0, 1, 3]))
        >>> [found.tolist() for found in lists.of(np.array([1, 0, 1]))]
        [[6, 7, 5, 6, 7], [0, 0, 1, 2, 2]]
        """
        at, which = items_of(self.starts, rows)
        return self.values[at], which

    def sorted(self) -> Lists:
        """The lists with the numbers of each row in order."""
        import numpy as np

        return Lists((np.sort(self.keys()) & np.uint64(0xFFFFFFFF)).astype(np.uint32), self.starts)

    def row(self, row: int) -> list[int]:
        found: list[int] = self.values[self.starts[row] : self.starts[row + 1]].tolist()
        return found

    def where(self, wanted: Array) -> Lists:
        """The lists without the numbers that are not wanted."""
        import numpy as np

        return Lists(self.values[wanted], np.append(0, np.cumsum(wanted))[self.starts])

    def keys(self) -> Array:
        """Numbers of 64 bits: rows above values."""
        import numpy as np

        row = np.repeat(np.arange(len(self.starts) - 1, dtype=np.uint64), self.sizes())
        row <<= np.uint64(32)
        row |= self.values
        return row


class Members:
    """Says which rows have which numbers."""

    def __init__(self, lists: Lists) -> None:
        import numpy as np

        self._keys = np.sort(lists.keys())

    def have(self, rows: Array, values: Array) -> Array:
        """Whether each row has the value, a bool for each."""
        import numpy as np

        if not len(self._keys):
            return np.zeros(len(values), bool)
        wanted = rows.astype(np.uint64) << np.uint64(32) | values
        at = np.searchsorted(self._keys, wanted)
        found: Array = self._keys[np.minimum(at, len(self._keys) - 1)] == wanted
        return found


def rest(lists: Lists, one: Array, other: Array) -> tuple[Array, Array, Array]:
    """What one row of each pair has more often: the pair's place, the value, and how often. It is
    negative for what the other row has more often."""
    import numpy as np

    values, pairs, times = [], [], []
    for rows, sign in ((one, 1), (other, -1)):
        value, pair = lists.of(rows)
        values.append(value)
        pairs.append(pair)
        times.append(np.full(len(value), sign))
    key = np.concatenate(pairs).astype(np.uint64) << np.uint64(32) | np.concatenate(values)
    order = np.argsort(key)
    key = key[order]
    begins = np.flatnonzero(np.diff(key, prepend=~key[:1]))
    every = np.concatenate(times)[order]
    total = np.add.reduceat(every, begins) if len(begins) else every
    key, total = key[begins][total != 0], total[total != 0]
    return (key >> np.uint64(32)).astype(np.int64), key & np.uint64(0xFFFFFFFF), total
