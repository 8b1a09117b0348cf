"""Arrow arrays from values, and NumPy views of them, without importing pandas.

pa.array(), pa.scalar(), to_numpy(), group_by(), and combine_chunks() of no chunks import pandas if
it is installed, which takes a fifth of a second in each process. The functions here never do, and
make the same arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_MOST = (1 << 31) - 1
"""The most bytes in an array of strings, and values in an array of lists: Arrow's offsets have four
bytes."""


def strings(values: Sequence[str | None]) -> pa.StringArray:
    """An array of strings. Raises InputError above 2 GB.

    >>> strings(["a", None, "né"]).to_pylist()
    ['a', None, 'né']
    """
    import pyarrow as pa

    count = len(values)
    if values.count(None) == count:
        return pa.nulls(count, pa.string())
    valid = pa.py_buffer(_bits([value is not None for value in values])) if None in values else None
    texts = [value or "" for value in values]
    lengths: Iterable[int]
    if values.count(values[0]) == count:  # true of most columns of a chunk
        encoded = texts[0].encode()
        lengths, data = repeat(len(encoded), count), encoded * count
    elif all(map(str.isascii, texts)):
        lengths, data = map(len, texts), "".join(texts).encode()
    else:
        each = [text.encode() for text in texts]
        lengths, data = map(len, each), b"".join(each)
    return pa.StringArray.from_buffers(
        count, pa.py_buffer(_ends(lengths, count)), pa.py_buffer(data), valid
    )


def numbers(
    values: Sequence[float | None] | np.ndarray[Any, Any],
    kind: str,
    valid: np.ndarray[Any, Any] | None = None,
) -> pa.Array:
    """An array of numbers; `kind` is a NumPy dtype. Those that are not `valid` are null, and None
    is. Raises OverflowError if a number does not fit.

    >>> numbers([1, 2], "int32").type
    DataType(int32)
    """
    import numpy as np
    import pyarrow as pa

    if isinstance(values, list) and None in values:
        valid = np.array([value is not None for value in values])
        values = [0 if value is None else value for value in values]
    made = np.ascontiguousarray(values, dtype=kind)
    bits = None if valid is None else pa.py_buffer(_bits(valid))
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(made.dtype), len(made), [bits, pa.py_buffer(made)]
    )


def booleans(values: np.ndarray[Any, Any]) -> pa.BooleanArray:
    import pyarrow as pa

    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(_bits(values))])


def digests(values: Sequence[bytes], size: int) -> pa.FixedSizeBinaryArray:
    """An array of binary values of `size` bytes each."""
    import pyarrow as pa

    data = b"".join(values)
    assert len(data) == size * len(values)
    return pa.Array.from_buffers(pa.binary(size), len(values), [None, pa.py_buffer(data)])


def lists(values: Sequence[Sequence[Any]], items: Callable[[list[Any]], pa.Array]) -> pa.ListArray:
    """An array of lists; `items` makes one array from all their items together.

    >>> lists([["a", "b"], []], strings).to_pylist()
    [['a', 'b'], []]
    """
    import pyarrow as pa

    ends = numbers(_ends(map(len, values), len(values)), "int32")
    return pa.ListArray.from_arrays(ends, items(list(chain.from_iterable(values))))


def whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    import pyarrow as pa

    if column.num_chunks:
        return column.combine_chunks()
    return pa.nulls(0, column.type)


def view(column: pa.Array | pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """A NumPy view of numbers without nulls.

    >>> view(numbers([3, 4], "int64")).tolist()
    [3, 4]
    """
    import numpy as np
    import pyarrow as pa

    array = whole(column) if isinstance(column, pa.ChunkedArray) else column
    if len(array):
        return np.from_dlpack(array)
    return np.empty(0, str(array.type))


def flags(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """Booleans without a null, as NumPy has them.

    >>> import pyarrow as pa
    >>> flags(pa.chunked_array([booleans([True, False])])).tolist()
    [True, False]
    """
    import numpy as np

    array = whole(column)
    bits = np.frombuffer(array.buffers()[1] or b"", np.uint8)
    every = np.unpackbits(bits, bitorder="little")
    return every[array.offset : array.offset + len(array)].astype(bool)


def offsets(array: pa.ListArray | pa.StringArray) -> np.ndarray[Any, Any]:
    """Where each value begins among all items or bytes, and where the last one ends.

    >>> offsets(strings(["a", "né"])).tolist()
    [0, 1, 4]
    """
    import numpy as np

    buffer = array.buffers()[1]
    if buffer:
        return np.frombuffer(buffer, np.int32)[array.offset : array.offset + len(array) + 1]
    return np.zeros(len(array) + 1, np.int32)


def up_to(counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """For each count the numbers from 0 up to it.

    >>> import numpy as np
    >>> up_to(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    import numpy as np

    ends = np.cumsum(counts)
    found: np.ndarray[Any, Any] = np.arange(ends[-1] if len(ends) else 0)
    found -= np.repeat(ends - counts, counts)
    return found


def items_of(
    starts: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Where the items of some lists are, and for each the place of its list among these. `starts`
    says where the items of each list begin, and where the last one ends.

    >>> import numpy as np
    >>> [found.tolist() for found in items_of(np.array([0, 1, 3]), np.array([1, 0, 1]))]
    [[1, 2, 0, 1, 2], [0, 0, 1, 2, 2]]
    """
    import numpy as np

    many = starts[rows + 1] - starts[rows]
    return np.repeat(starts[rows], many) + up_to(many), np.repeat(np.arange(len(rows)), many)


def spans(sizes: np.ndarray[Any, Any], most: int) -> Iterator[slice]:
    """Slices that follow each other, each of about `most` in all, or of one.

    >>> import numpy as np
    >>> list(spans(np.array([3, 3, 9, 1]), 6))
    [slice(0, 2, None), slice(2, 3, None), slice(3, 4, None)]
    """
    import numpy as np

    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + most, "right")), start + 1)
        yield slice(start, stop)
        start = stop


def unpacked(column: pa.ChunkedArray) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The numbers in all lists of a column, and where each list begins and the last one ends.

    >>> import pyarrow as pa
    >>> made = lists([[4, 5], [], [6]], lambda values: numbers(values, "int64"))
    >>> [found.tolist() for found in unpacked(pa.chunked_array([made]))]
    [[4, 5, 6], [0, 2, 2, 3]]
    """
    import numpy as np

    array = whole(column)
    ends = offsets(array).astype(np.int64)
    return view(array.values)[ends[0] : ends[-1]], ends - ends[0]


def _ends(lengths: Iterable[int], count: int) -> np.ndarray[Any, Any]:
    import numpy as np

    ends = np.zeros(count + 1, np.int64)
    np.cumsum(np.fromiter(lengths, np.int64, count), out=ends[1:])
    if ends[-1] > _MOST:
        raise InputError(
            "Neighbouring records hold more than 2 GB of text.",
            hint="One of them is not a real record: remove it from its file.",
        )
    return ends.astype(np.int32)


def _bits(values: Sequence[bool] | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.packbits(np.asarray(values, bool), bitorder="little")


def shared(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The indexes of values that occur more than once. A plain sort is fast, because few values
    do."""
    import numpy as np

    ordered = np.sort(values)
    return np.flatnonzero(np.isin(values, ordered[1:][ordered[1:] == ordered[:-1]]))


def mixed(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Numbers of 64 bits as others whose bits are all equally random, one to one: the last steps of
    SplitMix64. Changes `values`.

    >>> import numpy as np
    >>> mixed(np.array([0x9E3779B97F4A7C15], np.uint64)).tolist()
    [16294208416658607535]
    """
    import numpy as np

    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        values ^= values >> np.uint64(shift)
        values *= np.uint64(factor)
    values ^= values >> np.uint64(31)
    return values
