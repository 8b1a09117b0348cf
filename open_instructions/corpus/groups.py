"""Rows that belong together: the components of a graph, keys and labels, in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..arrays import mixed, view

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def components(
    count: int, one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """The smallest node of each node's component.

    count  the nodes are the numbers below it
    one    of each edge, the node at one end
    other  and that at the other

    Each pass hooks roots below smaller roots beside them and makes all trees flat. Two passes leave
    at most half of the trees that have neighbours, so even a long chain takes few.

    >>> import numpy as np
    >>> components(5, np.array([3, 4]), np.array([1, 3])).tolist()
    [0, 1, 2, 1, 1]
    """
    import numpy as np

    root = np.arange(count)
    while True:
        first, second = root[one], root[other]
        apart = first != second
        if not apart.any():
            return root
        one, other, first, second = one[apart], other[apart], first[apart], second[apart]
        np.minimum.at(root, np.maximum(first, second), np.minimum(first, second))
        while not np.array_equal(root, above := root[root]):
            root = above


def connected(
    one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """All numbers in pairs, sorted, and for each the smallest number that it is connected with.

    >>> import numpy as np
    >>> found = connected(np.array([5, 3, 9]), np.array([3, 1, 8]))
    >>> [values.tolist() for values in found]
    [[1, 3, 5, 8, 9], [1, 1, 1, 8, 8]]
    """
    import numpy as np

    names, places = np.unique(np.concatenate([one, other]), return_inverse=True)
    return names, names[components(len(names), places[: len(one)], places[len(one) :])]


def same_key(keys: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """For each place, the first place with the same key.

    >>> import numpy as np
    >>> same_key(np.array([7, 9, 7])).tolist()
    [0, 1, 0]
    """
    import numpy as np

    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    found: np.ndarray[Any, Any] = first[which]
    return found


def sums(
    group: np.ndarray[Any, Any], values: np.ndarray[Any, Any], count: int
) -> np.ndarray[Any, Any]:
    """The sum of the values of each group, for groups that are numbers below `count`.

    >>> import numpy as np
    >>> sums(np.array([2, 0, 2]), np.array([3, 4, 5]), 3).tolist()
    [4, 0, 8]
    """
    import numpy as np

    found = np.zeros(count, np.int64)
    np.add.at(found, group, values)
    return found


def seeded(values: np.ndarray[Any, Any], seed: int) -> np.ndarray[Any, Any]:
    """Numbers of 64 bits as other numbers of 64 bits, one to one; a different order for each
    seed."""
    import numpy as np

    return mixed(values.astype(np.uint64) ^ np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64))


def hexadecimal(values: np.ndarray[Any, Any]) -> list[str]:
    """Numbers of 64 bits as 16 digits.

    >>> import numpy as np
    >>> hexadecimal(np.array([255], np.uint64))
    ['00000000000000ff']
    """
    text = values.astype(">u8").tobytes().hex()
    return [text[at : at + 16] for at in range(0, len(text), 16)]


class Labels(NamedTuple):
    """The values of a column, sorted, and for each row the index of its value."""

    names: list[str]
    codes: np.ndarray[Any, Any]


def labelled(column: pa.ChunkedArray) -> Labels:
    """The values of a column of dictionaries, of which each chunk may have its own."""
    import numpy as np

    names = sorted({name for chunk in column.chunks for name in chunk.dictionary.to_pylist()})
    index = {name: at for at, name in enumerate(names)}
    found = [
        np.array([index[name] for name in chunk.dictionary.to_pylist()])[view(chunk.indices)]
        for chunk in column.chunks
        if len(chunk)
    ]
    return Labels(names, np.concatenate(found) if found else np.empty(0, np.int64))
