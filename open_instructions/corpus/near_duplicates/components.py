"""Groups of what is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def components(
    one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """All numbers in pairs, sorted, and for each the smallest number that it is connected with.

    >>> import numpy as np
    >>> found = components(np.array([5, 3, 9]), np.array([3, 1, 8]))
    >>> [values.tolist() for values in found]
    [[1, 3, 5, 8, 9], [1, 1, 1, 8, 8]]
    """
    import numpy as np

    names, places = np.unique(np.concatenate([one, other]), return_inverse=True)
    a, b = places[: len(one)], places[len(one) :]
    root = np.arange(len(names))
    while len(a):
        low, high = np.minimum(root[a], root[b]), np.maximum(root[a], root[b])
        np.minimum.at(root, high, low)
        while not np.array_equal(root, further := root[root]):
            root = further
        apart = root[a] != root[b]
        a, b = a[apart], b[apart]
    return names, names[root]
