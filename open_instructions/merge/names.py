"""Makes ids unique: if several kept conversations have the same id, the later ones become `id~2`, …

A conversation that is written n times also has the ids `id*2` to `id*n`. Ids of upstream have
neither sign; those from a build that is a source may have both. All ids that differ only in what
these signs begin, or a part's number, are sent to the same part, where each gets a name that no
other has, so that no two rows have one id: the parts of a conversation have `id#1`, `id#2`, …, and
each stands alone where a shuffled build is a source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_64_intdigest

from ..arrays import booleans, flags, numbers, shared, strings, view, whole
from ..corpus.step import COPIES, ID, NUMBER, OTHER, OTHER_ID
from ..engines import Engine
from ..schema import COPY, SAME, copy_id
from ..store.chunks import KEYS, parts_in_data, read_chunk
from ..store.columns import ID_HASH
from .contract import CHUNK_BITS
from .rounds import ChunkGroup, groups_of, parted, parts_of, within

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_PART = "#"
_SIGNS = f"[{SAME}{COPY}{_PART}]"
_HASH, _PARTS = "hash", "parts"


def renamed(
    engine: Engine,
    folder: Path,
    counts: Sequence[int],
    gone: np.ndarray[Any, Any],
    copies: pa.Table,
) -> pa.Table:
    """NUMBER and new ID of the conversations whose id an earlier one has, sorted by number.
    `copies` has NUMBER and COPIES of those that are written several times, sorted too."""
    import numpy as np
    import pyarrow as pa

    several = view(copies[NUMBER])
    work = [
        (group, copies[within(several, group.chunks)]) for group in groups_of(len(counts), gone)
    ]
    send = partial(_send, folder=folder)
    found = pa.concat_tables(engine.exchange(send, work, decide, parts_of(sum(counts))))
    order = np.argsort(view(found[NUMBER]), kind="stable")
    return found.take(numbers(order, "int64")).combine_chunks()


def with_new_ids(verdicts: pa.Table, renamed: pa.Table) -> pa.Table:
    """The verdicts with current ids: the other conversation may have got a new id itself."""
    import numpy as np
    import pyarrow.compute as pc

    known = view(renamed[NUMBER])
    if not len(known) or not len(verdicts):
        return verdicts
    others = view(verdicts[OTHER].drop_null())
    at = np.minimum(np.searchsorted(known, others), len(known) - 1)
    found = known[at] == others
    hits = flags(verdicts[OTHER].is_valid())
    hits[hits] = found
    if not hits.any():
        return verdicts
    new = renamed[ID].take(numbers(at[found], "int64")).combine_chunks()
    ids = pc.replace_with_mask(verdicts[OTHER_ID].combine_chunks(), booleans(hits), new)
    return verdicts.set_column(verdicts.column_names.index(OTHER_ID), OTHER_ID, ids)


def _send(work: tuple[ChunkGroup, pa.Table], parts: int, *, folder: Path) -> list[pa.Table]:
    """The kept conversations of some chunks: number, id, parts, copies and hash, divided by the
    hash."""
    import numpy as np
    import pyarrow as pa

    group, copies = work
    tables = []
    for chunk in group.chunks:
        keys = read_chunk(folder, chunk, KEYS)
        number = np.arange(keys.num_rows, dtype=np.int64) + (chunk << CHUNK_BITS)
        tables.append(
            pa.table(
                {
                    NUMBER: numbers(number, "int64"),
                    ID: keys[ID],
                    _PARTS: numbers(parts_in_data(keys), "int32"),
                    _HASH: numbers(_hashes(keys), "uint64"),
                }
            )
        )
    table = pa.concat_tables(tables).combine_chunks()
    if len(copies):
        times = np.ones(len(table), np.int32)
        times[np.searchsorted(view(table[NUMBER]), view(copies[NUMBER]))] = view(copies[COPIES])
        table = table.append_column(COPIES, numbers(times, "int32"))
    if len(group.gone):
        stays = np.isin(view(table[NUMBER]), group.gone, assume_unique=True, invert=True)
        table = table.filter(booleans(stays))
    return parted(table, parts, _part_of)


def _hashes(keys: pa.Table) -> np.ndarray[Any, Any]:
    """The hash of each id, without what a sign begins."""
    import numpy as np
    import pyarrow.compute as pc

    hashes = view(keys[ID_HASH])
    signed = whole(pc.match_substring_regex(keys[ID], _SIGNS))
    if not signed.true_count:
        return hashes
    hashes = hashes.copy()
    for at in np.flatnonzero(np.array(signed.to_pylist())).tolist():
        hashes[at] = xxh3_64_intdigest(_stem(keys[ID][at].as_py()).encode())
    return hashes


def _stem(name: str) -> str:
    for sign in (SAME, COPY, _PART):
        name = name.partition(sign)[0]
    return name


def _part_of(table: pa.Table, parts: int) -> np.ndarray[Any, Any]:
    import numpy as np

    return view(table[_HASH]) % np.uint64(parts)


def decide(messages: Sequence[pa.Table]) -> pa.Table:
    """The new ids in one part."""
    import numpy as np
    import pyarrow as pa

    table = pa.concat_tables(messages, promote_options="default")
    perhaps = shared(view(table[_HASH]))
    perhaps = perhaps[np.argsort(view(table[NUMBER])[perhaps], kind="stable")]
    alike = table.take(numbers(perhaps, "int64"))
    names, parts = alike[ID].to_pylist(), alike[_PARTS].to_pylist()
    times = alike[COPIES].to_pylist() if COPIES in alike.column_names else [1] * len(names)
    new = _unique(names, parts, [n or 1 for n in times])
    number = view(alike[NUMBER])[list(new)]
    return pa.table({NUMBER: numbers(number, "int64"), ID: strings(list(new.values()))})


def _unique(names: Sequence[str], parts: Sequence[int], times: Sequence[int]) -> Mapping[int, str]:
    """New names, by index: an earlier conversation has the old one, or one of its rows has it."""
    taken: set[str] = set()
    last: dict[str, int] = {}
    new = {}
    for at, (name, many, copies) in enumerate(zip(names, parts, times, strict=True)):
        of, tail = _apart(name)
        for nth in count(last.get(name, 1)):
            tried = of if nth == 1 else f"{of}{SAME}{nth}"
            wanted = {
                row_id + more
                for row_id in (copy_id(tried, copy) + tail for copy in range(1, copies + 1))
                for more in _tails(many)
            }
            if wanted.isdisjoint(taken):
                break
        taken |= wanted
        last[name] = nth
        if nth > 1:
            new[at] = tried + tail
    return new


def _tails(parts: int) -> list[str]:
    """Nothing, for a conversation's own id, and what follows it in the ids of its parts."""
    return ["", *(f"{_PART}{number}" for number in range(1, parts + 1) if parts > 1)]


def copied(name: str, copy: int) -> str:
    """The id of a copy; the number of a part that stands alone stays behind it.

    >>> copied("alpaca/000017", 2), copied("alpaca/000017#1", 2)
    ('alpaca/000017*2', 'alpaca/000017*2#1')
    """
    of, tail = _apart(name)
    return copy_id(of, copy) + tail


def _apart(name: str) -> tuple[str, str]:
    """An id, and the part of it that begins with a part's number."""
    of, sign, number = name.partition(_PART)
    return of, sign + number
