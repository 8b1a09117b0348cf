"""How many tokens of an entry texts have, counting every gram of the entry, also those that are in
many items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...arrays import items_of, spans
from .entries import SIZE
from .index import Index, covered

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]
    Grams = tuple[Array, Array]

AT_ONCE = 1 << 20
"""How many grams of entries are looked up at once, if no entry has more."""


def cover_of(fives: Grams, index: Index, texts: Array, entries: Array) -> Array:
    """How many tokens of each entry the grams of texts cover.

    fives    the 5-grams of all texts, and where those of each text begin, with the end
    texts    int64 [N, K]: for each entry, one text or several that are read together
    entries  int64 [N]
    """
    import numpy as np

    found = np.zeros(len(entries), np.int64)
    there = _there(fives, index, np.unique(texts))
    for some in spans(index.own_starts[entries + 1] - index.own_starts[entries], AT_ONCE):
        rows, places = [], []
        for column in texts[some].T:
            row, place = _places(there, index, column, entries[some])
            rows.append(row)
            places.append(place)
        row, place = np.concatenate(rows), np.concatenate(places)
        found[some] = covered(row, place, some.stop - some.start, SIZE)
    return found


def _there(fives: Grams, index: Index, texts: Array) -> Array:
    """Which grams of entries are in which texts, sorted."""
    import numpy as np

    hashes, starts = fives
    at, which = items_of(starts, texts)
    text = texts[which]
    number = np.searchsorted(index.every, hashes[at])
    np.minimum(number, len(index.every) - 1, out=number)
    same = index.every[number] == hashes[at]
    return np.unique(text[same] << 32 | number[same])


def _places(there: Array, index: Index, texts: Array, entries: Array) -> tuple[Array, Array]:
    """The grams of entries that are in the text beside each: which entry, and the token at which
    the gram begins."""
    import numpy as np

    if not len(there):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    at, row = items_of(index.own_starts, entries)
    wanted = texts[row] << 32 | index.own[at]
    place = np.minimum(np.searchsorted(there, wanted), len(there) - 1)
    same = there[place] == wanted
    return row[same], (at - index.own_starts[entries][row])[same]
