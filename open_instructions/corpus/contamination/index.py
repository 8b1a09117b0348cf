"""The index of evaluation items: which grams occur in which entries, and where.

Grams that occur in more than MOST items say nothing of one of them and are left out. An index is a
set of plain arrays. As a table it is written once and memory-mapped by the workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...arrays import items_of, strings, unpacked, view, whole
from .entries import ANSWER, FIELDS, PASSAGE, SHORT, SIZE, first_of_each

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

MOST = 5
"""In how many items a gram may occur."""
_OCCURRENCES, _COMPARED = 64, 8
"""How many occurrences of a gram are kept, the first ones: of our rule, and of Tülu 3's, whose
grams may be in any number of items."""
_SPARSE = 16
"""How many places a table of marks has for each gram, at least."""
_LARGEST = 1 << 24
"""The most places in a table of marks."""


class Postings(NamedTuple):
    """Where grams of one size occur.

    grams    uint64 [G], sorted, each once
    starts   int64 [G + 1], the first occurrence of each gram, and the number of occurrences
    entries  int32, the entry of each occurrence
    places   int32, the token of the entry at which it begins
    marks    uint8, 1 at the low bits of each gram: most hashes are ruled out by it
    """

    grams: Array
    starts: Array
    entries: Array
    places: Array
    marks: Array

    def found(self, hashes: Array) -> tuple[Array, Array]:
        """The hashes that are grams, as their places in `hashes` and the numbers of the grams."""
        import numpy as np

        if not len(self.grams) or not len(hashes):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        low = (hashes & np.uint64(len(self.marks) - 1)).astype(np.int64)
        perhaps = np.flatnonzero(self.marks[low])
        at = np.searchsorted(self.grams, hashes[perhaps])
        np.minimum(at, len(self.grams) - 1, out=at)
        same = self.grams[at] == hashes[perhaps]
        return perhaps[same], at[same]

    def expanded(self, grams: Array) -> tuple[Array, Array]:
        """All occurrences of grams: which of `grams` each is of, and its number."""
        at, whose = items_of(self.starts, grams)
        return whose, at


class Index(NamedTuple):
    """The items of all evaluation sets.

    fives, eights, thirteens  the grams of each size; of fives those that count; those of 13 tokens
              with sets in place of entries
    common    uint8 [G]: whether a gram of `fives` is also common in the sources
    tokens    int32 [E], how many tokens each entry has
    known     int32 [E], how many of them are in grams that count
    known_rare int32 [E], and in grams that are not common in the sources
    kinds     int8 [E], see entries.KINDS
    items     int32 [E], the number of its item; those of an item are neighbours
    sequences uint64 [E], the hash of all its tokens
    sorted    int64, the entries that a whole text can be, in order of `sequences`
    figures, figure_starts  the figures of each entry
    every     uint64, the 5-grams of all entries, also those that do not count, sorted, each once
    own, own_starts  int32, the 5-grams of each entry, in order: their numbers in `every`
    first     int64 [I + 1], the first entry of each item, and the number of entries
    sets      int32 [I], the number of its set
    set_names, item_names   the names, UTF-8, each ended by a line break
    asked     int64, the numbers of conversations to look at closely
    """

    fives: Postings
    eights: Postings
    thirteens: Postings
    common: Array
    tokens: Array
    known: Array
    known_rare: Array
    kinds: Array
    items: Array
    sequences: Array
    sorted: Array
    figures: Array
    figure_starts: Array
    every: Array
    own: Array
    own_starts: Array
    first: Array
    sets: Array
    set_names: Array
    item_names: Array
    asked: Array

    def names_of_sets(self) -> list[str]:
        return _lines(self.set_names)

    def names_of_items(self) -> list[str]:
        return _lines(self.item_names)

    def to_table(self) -> pa.Table:
        """The arrays, each as a row of bytes."""
        import pyarrow as pa

        arrays = {**self._asdict()}
        for name in _POSTINGS:
            arrays |= {f"{name}.{k}": v for k, v in arrays.pop(name)._asdict().items()}
        rows = [(name, array.dtype.str, len(array)) for name, array in arrays.items()]
        data = [array.tobytes() + bytes(-array.nbytes % 8) for array in arrays.values()]
        return pa.table(
            {
                "name": strings([name for name, _, _ in rows]),
                "kind": strings([kind for _, kind, _ in rows]),
                "length": strings([str(length) for _, _, length in rows]),
                "data": pa.chunked_array([_binaries(data)]),
            }
        )

    @classmethod
    def from_table(cls, table: pa.Table) -> Index:
        """What `to_table` made a table of. Large arrays are not copied."""
        import numpy as np

        data = whole(table["data"])
        buffer = data.buffers()[2]
        ends = np.frombuffer(data.buffers()[1], np.int64)[data.offset :]
        arrays: dict[str, Any] = {}
        columns = (table[name].to_pylist() for name in ("name", "kind", "length"))
        for at, (name, kind, length) in enumerate(zip(*columns, strict=True)):
            arrays[name] = np.frombuffer(buffer, kind, int(length), int(ends[at]))
        for name in _POSTINGS:
            fields = {k: arrays.pop(f"{name}.{k}") for k in Postings._fields}
            arrays[name] = Postings(**fields)
        return cls(**arrays)


_POSTINGS = ("fives", "eights", "thirteens")


def index_of(entries: pa.Table) -> Index:
    """The index of the entries of all sets."""
    import numpy as np

    columns = {name: view(entries[name]) for name in ("kind", "tokens", "sequence")}
    item_names = entries["item"].to_pylist()
    begins = np.array([a != b for a, b in zip(item_names, [None, *item_names], strict=False)], bool)
    items = (np.cumsum(begins) - 1).astype(np.int32)
    first = np.append(np.flatnonzero(begins), len(items))
    set_names = [entries["set"][int(at)].as_py() for at in first[:-1]]
    known_sets = list(dict.fromkeys(set_names))
    numbers_of = {name: number for number, name in enumerate(known_sets)}
    sets = np.array([numbers_of[name] for name in set_names], np.int32)
    hashes, starts = unpacked(entries[FIELDS[0]])
    groups = _groups(columns["kind"], columns["sequence"], items)
    long = columns["tokens"] >= SHORT
    fives, known = _counted(_postings(hashes, starts, long), groups, len(items))
    figures, figure_starts = unpacked(entries["figures"])
    every, own = np.unique(hashes, return_inverse=True)
    return Index(
        fives=fives,
        eights=_few(_postings(*unpacked(entries[FIELDS[1]]), long), _COMPARED),
        thirteens=_by_set(_postings(*unpacked(entries[FIELDS[2]]), long), sets[items]),
        common=np.zeros(len(fives.grams), np.uint8),
        tokens=columns["tokens"],
        known=known,
        known_rare=known,
        kinds=columns["kind"],
        items=items,
        sequences=columns["sequence"],
        sorted=_sorted_wholes(columns["sequence"], long | (columns["kind"] != ANSWER)),
        figures=figures,
        figure_starts=figure_starts,
        every=every,
        own=own.astype(np.int32),
        own_starts=starts.astype(np.int64),
        first=first.astype(np.int64),
        sets=sets,
        set_names=_text(known_sets),
        item_names=_text([item_names[int(at)] for at in first[:-1]]),
        asked=np.empty(0, np.int64),
    )


def with_common(index: Index, common: Array) -> Index:
    """The index, with the numbers of the 5-grams that are common in the sources."""
    import numpy as np

    marked = np.zeros(len(index.fives.grams), np.uint8)
    marked[common] = 1
    many = np.diff(index.fives.starts)
    rare = np.repeat(marked == 0, many)
    entries, places = index.fives.entries[rare], index.fives.places[rare]
    known = covered(entries.astype(np.int64), places, len(index.tokens), SIZE)
    return index._replace(common=marked, known_rare=known.astype(np.int32))


def covered(keys: Array, places: Array, count: int, size: int) -> Array:
    """How many tokens are in grams, for each key from 0 below `count`. `places` are the tokens at
    which the grams of a key begin, in any order.

    >>> import numpy as np
    >>> covered(np.array([0, 0, 2]), np.array([4, 1, 9]), 3, 5).tolist()
    [8, 0, 5]
    """
    import numpy as np

    order = np.lexsort((places, keys))
    keys, places = keys[order], places[order].astype(np.int64)
    steps = np.full(len(keys), size, np.int64)
    same = keys[1:] == keys[:-1]
    steps[:-1][same] = np.minimum(places[1:] - places[:-1], size)[same]
    return np.bincount(keys, steps, minlength=count).astype(np.int64)


def _groups(kinds: Array, sequences: Array, items: Array) -> Array:
    """The group of each entry: an item with the same text as another is the same item, and a
    passage one of its own."""
    import numpy as np

    leading = np.zeros(items[-1] + 1 if len(items) else 0, np.uint64)
    leading[items[::-1]] = sequences[::-1]  # the first entry's stays
    groups = np.where(kinds == PASSAGE, sequences, leading[items])
    return np.unique(groups, return_inverse=True)[1]


def _sorted_wholes(sequences: Array, wanted: Array) -> Array:
    import numpy as np

    chosen = np.flatnonzero(wanted)
    return chosen[np.argsort(sequences[chosen], kind="stable")]


def _postings(hashes: Array, starts: Array, wanted: Array) -> Postings:
    """The postings of the grams of some entries; all entries have them in order."""
    import numpy as np

    many = np.diff(starts)
    entries = np.repeat(np.arange(len(many)), many)
    places = np.arange(len(hashes)) - starts[:-1][entries]
    chosen = wanted[entries]
    return _sorted(hashes[chosen], entries[chosen], places[chosen])


def _sorted(hashes: Array, entries: Array, places: Array) -> Postings:
    import numpy as np

    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    begins = np.ones(len(hashes), bool)
    begins[1:] = hashes[1:] != hashes[:-1]
    starts = np.append(np.flatnonzero(begins), len(hashes))
    grams = hashes[begins]
    return Postings(
        grams,
        starts.astype(np.int64),
        entries[order].astype(np.int32),
        places[order].astype(np.int32),
        _marks(grams),
    )


def _marks(grams: Array) -> Array:
    import numpy as np

    size = 1 << 10
    while size < min(len(grams) * _SPARSE, _LARGEST):
        size *= 2
    marks = np.zeros(size, np.uint8)
    marks[(grams & np.uint64(size - 1)).astype(np.int64)] = 1
    return marks


def _counted(postings: Postings, groups: Array, entries: int) -> tuple[Postings, Array]:
    """The postings without grams of more than MOST groups; how many tokens of each entry are in
    those that are left."""
    import numpy as np

    many = np.diff(postings.starts)
    gram = np.repeat(np.arange(len(many)), many)
    pairs = np.unique(gram << 32 | groups[postings.entries])
    few = np.bincount(pairs >> 32, minlength=len(many)) <= MOST
    kept = few[gram]
    hashes = np.repeat(postings.grams, many)[kept]
    left = _few(_sorted(hashes, postings.entries[kept], postings.places[kept]), _OCCURRENCES)
    known = covered(left.entries.astype(np.int64), left.places, entries, SIZE)
    return left, known.astype(np.int32)


def _by_set(postings: Postings, sets: Array) -> Postings:
    """The postings with sets in place of entries, each once for a gram. `sets` has that of each
    entry."""
    import numpy as np

    many = np.diff(postings.starts)
    gram = np.repeat(np.arange(len(many)), many)
    pairs = np.unique(gram << 32 | sets[postings.entries])
    starts = np.append(0, np.cumsum(np.bincount(pairs >> 32, minlength=len(many))))
    where = (pairs & 0xFFFFFFFF).astype(np.int32)
    return postings._replace(starts=starts, entries=where, places=where * 0)


def _few(postings: Postings, most: int) -> Postings:
    """The postings with the first occurrences of each gram."""
    kept, starts = first_of_each(postings.starts, most)
    return postings._replace(
        starts=starts, entries=postings.entries[kept], places=postings.places[kept]
    )


def _text(names: Sequence[str]) -> Array:
    import numpy as np

    return np.frombuffer("".join(f"{name}\n" for name in names).encode(), np.uint8)


def _lines(text: Array) -> list[str]:
    return text.tobytes().decode().split("\n")[:-1]


def _binaries(values: Sequence[bytes]) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    ends = np.append(0, np.cumsum([len(value) for value in values])).astype(np.int64)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(pa.large_binary(), len(values), buffers)
