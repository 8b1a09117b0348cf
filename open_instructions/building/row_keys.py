"""By what the rows of a finished build are recognised: their ids, and what is said before the first
answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from ..arrays import numbers, offsets, strings
from ..corpus.holdout import id_key, is_later, texts_key
from ..errors import InputError, shown
from ..schema import ASSISTANT, GROUP
from ..store import DATA, PREFERENCE, Build

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

KINDS = (DATA, PREFERENCE)
"""The tables of rows."""
_MESSAGES = {DATA: "messages", PREFERENCE: "prompt"}
_REFUSED = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


class RowKeys(NamedTuple):
    """Hashes of some rows: of their conversations' ids, and of what the holdout groups them by, see
    `corpus.holdout`."""

    ids: np.ndarray[Any, Any]
    prompts: np.ndarray[Any, Any]


def row_keys(build: Build, split: str) -> Iterator[RowKeys]:
    """Those of the rows of a split, in data/ and preference/. Raises InputError for a row that no
    build writes."""
    for kind in KINDS:
        columns = ["id", "conversation_id", _MESSAGES[kind]]
        for batch in build.batches(kind, columns, split=split):
            with _as_written(build):
                yield _keys(batch)


def groups_of(build: Build, split: str) -> Iterator[np.ndarray[Any, Any]]:
    """The groups of the same rows, as numbers. Raises InputError for one that no build writes."""
    for kind in KINDS:
        for batch in build.batches(kind, [GROUP], split=split):
            with _as_written(build):
                yield _groups(batch.column(0).to_pylist())


@contextmanager
def _as_written(build: Build) -> Iterator[None]:
    try:
        yield
    except _REFUSED as error:
        raise InputError(
            f"{shown(str(build.path))} has rows that no build writes.",
            hint="oi check says what is wrong with a build.",
        ) from error


def ids_of(build: Build, split: str) -> Iterator[np.ndarray[Any, Any]]:
    """The hashes of the ids alone, which are read much faster."""
    for kind in KINDS:
        for batch in build.batches(kind, ["conversation_id"], split=split):
            yield hashed(batch.column(0).to_pylist())


def hashed(names: Sequence[str | None]) -> np.ndarray[Any, Any]:
    """The hashes of ids."""
    import numpy as np

    return np.fromiter((id_key(name or "") for name in names), np.uint64, len(names))


def _keys(batch: pa.RecordBatch) -> RowKeys:
    import numpy as np

    ids, names = (batch.column(at).to_pylist() for at in (0, 1))
    prompts = (
        id_key(id) if is_later(id, name) else texts_key(asked)
        for id, name, asked in zip(ids, names, _beginnings(batch.column(2)), strict=True)
    )
    return RowKeys(hashed(names), np.fromiter(prompts, np.uint64, len(names)))


def _groups(names: Sequence[str]) -> np.ndarray[Any, Any]:
    import numpy as np

    if {len(name) for name in names} - {16}:
        raise ValueError("a group that is not a hash")
    return np.frombuffer(bytes.fromhex("".join(names)), ">u8").astype(np.uint64)


def _beginnings(column: pa.ListArray) -> Iterator[list[str]]:
    """What is said before the first answer, for each list of messages."""
    import pyarrow as pa

    if pa.types.is_struct(column.type.value_type):
        return _of_plain(column)
    return map(_of_full, column.to_pylist())


def _of_plain(column: pa.ListArray) -> Iterator[list[str]]:
    """Few messages are before an answer, so the texts of the others are never Python objects."""
    import numpy as np
    import pyarrow.compute as pc

    ends, items = offsets(column).astype(np.int64), column.values
    answers = pc.indices_nonzero(pc.is_in(items.field(0), value_set=strings([ASSISTANT])))
    first = np.append(answers.to_numpy(), len(items))
    stops = np.minimum(first[np.searchsorted(first, ends[:-1])], ends[1:]).astype(np.int64)
    before = np.zeros(len(items) + 1, np.int64)
    np.add.at(before, ends[:-1], 1)
    np.add.at(before, stops, -1)
    inside = np.flatnonzero(np.cumsum(before[:-1]))
    texts = items.field(1).take(numbers(inside, "int64")).to_pylist()
    cuts = np.append(0, np.cumsum(stops - ends[:-1])).tolist()
    for start, stop in pairwise(cuts):
        yield texts[start:stop]


def _of_full(messages: Sequence[str]) -> list[str]:
    asked = []
    for text in messages:
        message = json.loads(text)
        if message["role"] == ASSISTANT:
            break
        asked.append(message["content"])
    return asked
