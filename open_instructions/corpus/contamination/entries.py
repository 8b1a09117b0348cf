"""What is kept of evaluation items to find them again: hashes, lengths, ids; none of their text.

An item has an entry whole, another by its stem if it has options, and entries for its answer and
its passage. A table of entries is all that later steps need, and all that an index file has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...arrays import mixed, numbers, strings
from ..words import Words, grams, words_of
from .items import Item

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Hashes = np.ndarray[Any, np.dtype[np.uint64]]

WHOLE, STEM, ANSWER, PASSAGE = 0, 1, 2, 3
"""What an entry is of: the question with its options, without them, the answer, the passage."""
KINDS = ("whole", "stem", "answer", "passage")
SIZE, EIGHT, THIRTEEN = 5, 8, 13
"""How many tokens a gram has: of our rule, of Tülu 3's, of GPT-3's."""
SHORT = 8
"""An entry of fewer tokens is found only as a whole message."""
LONGEST = 20_000
"""How many tokens of an entry count."""
FIELDS = ("fives", "eights", "thirteens", "figures")
"""The columns of lists of hashes."""
_STEP = 0x9E3779B97F4A7C15


def entries_schema() -> pa.Schema:
    """The columns of a table of entries.

    set        the name of its evaluation set
    item       the id of its item, unique in the table
    kind       what it is of, see KINDS
    tokens     how many tokens it has
    sequence   the hash of them all, in order
    fives      the hashes of its 5-grams, in order
    eights     the hashes of its 8-grams, in order; only of a whole item
    thirteens  the hashes of its 13-grams, in order; only of a whole item
    figures    the hashes of the tokens that have a digit, sorted
    """
    import pyarrow as pa

    hashes = pa.list_(pa.field("item", pa.uint64(), nullable=False))
    return pa.schema(
        [
            pa.field("set", pa.string(), nullable=False),
            pa.field("item", pa.string(), nullable=False),
            pa.field("kind", pa.int8(), nullable=False),
            pa.field("tokens", pa.int32(), nullable=False),
            pa.field("sequence", pa.uint64(), nullable=False),
            *(pa.field(name, hashes, nullable=False) for name in FIELDS),
        ]
    )


class _Text(NamedTuple):
    item: int
    kind: int
    text: str


def entries_of(name: str, items: Sequence[Item]) -> pa.Table:
    """The entries of a set's items, which have ids that are unique in it."""
    import numpy as np
    import pyarrow as pa

    texts = list(_texts(items))
    words = _bounded(words_of([each.text for each in texts]))
    filled = np.diff(words.starts) > 0
    kinds = np.array([each.kind for each in texts], np.int8)
    whole = kinds == WHOLE
    lists = (
        grams(words, SIZE),
        _only(grams(words, EIGHT), whole),
        _only(grams(words, THIRTEEN), whole),
        _figures(words),
    )
    arrays = [
        strings([name] * len(texts)),
        strings([f"{name}/{items[each.item].id}" for each in texts]),
        numbers(kinds, "int8"),
        numbers(np.diff(words.starts), "int32"),
        numbers(sequences(words), "uint64"),
        *(
            pa.ListArray.from_arrays(numbers(ends, "int32"), numbers(hashes, "uint64"))
            for hashes, ends in lists
        ),
    ]
    schema = entries_schema()
    made = [array.cast(field.type) for array, field in zip(arrays, schema, strict=True)]
    table = pa.Table.from_arrays(made, schema=schema)
    return table.take(numbers(np.flatnonzero(filled), "int64"))


def _texts(items: Sequence[Item]) -> Iterator[_Text]:
    """The texts of items that become entries; a passage of many items once, as the first one's."""
    passages: set[str] = set()
    for at, item in enumerate(items):
        yield _Text(at, WHOLE, item.whole)
        if item.options:
            yield _Text(at, STEM, item.question)
        for answer in item.answers:
            yield _Text(at, ANSWER, answer)
        if item.passage and item.passage not in passages:
            passages.add(item.passage)
            yield _Text(at, PASSAGE, item.passage)


def _bounded(words: Words) -> Words:
    """The first LONGEST tokens of each text."""
    kept, starts = first_of_each(words.starts, LONGEST)
    return Words(words.hashes[kept], starts, words.numeric[kept])


def first_of_each(starts: np.ndarray[Any, Any], most: int) -> tuple[Any, np.ndarray[Any, Any]]:
    """Which values are among the first `most` of their list, and where those begin. `starts` says
    where the lists begin and the last one ends.

    >>> import numpy as np
    >>> kept, starts = first_of_each(np.array([0, 3, 4]), 2)
    >>> kept.tolist(), starts.tolist()
    ([True, True, False, True], [0, 2, 3])
    """
    import numpy as np

    many = np.diff(starts)
    if not len(many) or many.max() <= most:
        return slice(None), starts
    kept = np.arange(starts[-1]) - np.repeat(starts[:-1], many) < most
    return kept, np.append(0, np.cumsum(np.minimum(many, most)))


def _only(
    found: tuple[Hashes, np.ndarray[Any, Any]], wanted: np.ndarray[Any, Any]
) -> tuple[Hashes, np.ndarray[Any, Any]]:
    """The grams of some texts."""
    import numpy as np

    hashes, starts = found
    many = np.diff(starts)
    return hashes[np.repeat(wanted, many)], np.append(0, np.cumsum(many * wanted))


def _figures(words: Words) -> tuple[Hashes, np.ndarray[Any, Any]]:
    """The distinct figures of each text, sorted."""
    import numpy as np

    text = np.repeat(np.arange(len(words.starts) - 1), np.diff(words.starts))[words.numeric]
    hashes = words.hashes[words.numeric]
    order = np.lexsort((hashes, text))
    text, hashes = text[order], hashes[order]
    first = np.ones(len(text), bool)
    first[1:] = (text[1:] != text[:-1]) | (hashes[1:] != hashes[:-1])
    counts = np.bincount(text[first], minlength=len(words.starts) - 1)
    return hashes[first], np.append(0, np.cumsum(counts))


def sequences(words: Words) -> Hashes:
    """The hash of all tokens of each text, in order; 0 for a text without any.

    >>> one, other, again = sequences(words_of(["a b", "b a", "A, b!"])).tolist()
    >>> one == again, one == other
    (True, False)
    """
    import numpy as np

    many = np.diff(words.starts)
    place = np.arange(len(words.hashes)) - np.repeat(words.starts[:-1], many)
    sums = np.zeros(len(words.hashes) + 1, np.uint64)
    np.cumsum(_placed(words.hashes, place.astype(np.uint64)), out=sums[1:])
    return sums[words.starts[1:]] - sums[words.starts[:-1]]


def windows(hashes: Hashes, size: int) -> Hashes:
    """The hashes of every `size` neighbouring tokens of a text, as `sequences` has them."""
    import numpy as np

    count = max(len(hashes) - size + 1, 0)
    made = np.zeros(count, np.uint64)
    for place in range(size):
        made += _placed(hashes[place : place + count], np.uint64(place))
    return made


def _placed(hashes: Hashes, place: Any) -> Hashes:
    import numpy as np

    with np.errstate(over="ignore"):  # hashes wrap around
        return mixed(hashes + (place + np.uint64(1)) * np.uint64(_STEP))
