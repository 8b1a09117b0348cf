"""Decides about each conversation of a build: it is dropped by a corpus step, or kept, with a new
id if an earlier conversation has the same one.

Corpus steps run in order, each on what earlier steps kept. Then ids are made unique: every chunk
sends its ids to the parts that they belong to, so that equal ids meet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..arrays import booleans, flags, numbers, shared, strings, view, whole
from ..corpus.step import (
    DETAIL,
    EVIDENCE,
    ID,
    NUMBER,
    OTHER,
    OTHER_ID,
    REASON,
    SCORE,
    STEP,
    CorpusStep,
    FollowingStep,
    report_of,
    verdict_schema,
)
from ..engines import Engine
from ..store.chunks import KEYS, read_chunk
from ..store.columns import ID_HASH
from .contract import CHUNK_BITS
from .rounds import Group, Watch, groups_of, parted, parts_of, run_step, within

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class Dropped(NamedTuple):
    """Why a conversation is dropped: the step, the reason, the reason in words, the id of the
    conversation that stays instead, a score, and the evidence."""

    step: str
    reason: str
    detail: str
    other: str | None
    score: float | None
    evidence: str | None


@dataclass(frozen=True)
class ChunkVerdicts:
    """For one chunk, by place: the conversations to drop, in the order in which the steps dropped
    them, and the new ids of others."""

    dropped: Mapping[int, Dropped]
    renamed: Mapping[int, str]


class Verdicts:
    """The verdicts of all chunks. `dropped` has a row per conversation, with its verdict and the
    step's name. `renamed` has the new ids. Both are sorted by number. `steps` are the names of all
    steps, in order, and `reports` what they say of themselves, by name."""

    def __init__(
        self,
        dropped: pa.Table,
        renamed: pa.Table,
        steps: Sequence[str] = (),
        reports: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._dropped, self._renamed = dropped, renamed
        self.reports = reports or {}
        self._steps = {name: at for at, name in enumerate(steps)}
        self._gone, self._other = view(dropped[NUMBER]), view(renamed[NUMBER])

    def count_dropped(self) -> int:
        return len(self._dropped)

    def of(self, chunk: int) -> ChunkVerdicts:
        rows = _rows(self._dropped, self._gone, chunk)
        rows.sort(key=lambda row: self._steps[row[STEP]])
        dropped = {row[NUMBER] - (chunk << CHUNK_BITS): _dropped(row) for row in rows}
        renamed = {
            row[NUMBER] - (chunk << CHUNK_BITS): row[ID]
            for row in _rows(self._renamed, self._other, chunk)
        }
        return ChunkVerdicts(dropped, renamed)


def find_verdicts(
    engine: Engine,
    folder: Path,
    counts: Sequence[int],
    steps: Sequence[CorpusStep],
    watch: Watch | None = None,
) -> Verdicts:
    """The verdicts on all conversations; `counts` has the conversations of each chunk."""
    import numpy as np
    import pyarrow as pa

    gone = np.empty(0, np.int64)
    judged = _no_verdicts()
    reports = {}
    for step in steps:
        follower = step.following(judged) if isinstance(step, FollowingStep) else step
        found = run_step(engine, folder, counts, follower, gone, watch)
        if report := report_of(found):
            reports[step.name] = report
        found = found.replace_schema_metadata()
        found = found.append_column(STEP, strings([step.name] * len(found)))
        judged = pa.concat_tables([judged, found])
        gone = np.sort(np.concatenate([gone, view(found[NUMBER])[flags(found[REASON].is_valid())]]))
    renamed = _renamed(engine, folder, counts, gone)
    dropped = _in_order(judged.filter(judged[REASON].is_valid()))
    names = [step.name for step in steps]
    return Verdicts(_with_new_ids(dropped, renamed), renamed, names, reports)


def _renamed(
    engine: Engine, folder: Path, counts: Sequence[int], gone: np.ndarray[Any, Any]
) -> pa.Table:
    """The conversations whose id an earlier one has, with their new ids."""
    import pyarrow as pa

    send = partial(_send_ids, folder=folder)
    groups = groups_of(len(counts), gone)
    repeated = engine.exchange(send, groups, _repeated, parts_of(sum(counts)))
    return _in_order(pa.concat_tables(repeated))


def _with_new_ids(dropped: pa.Table, renamed: pa.Table) -> pa.Table:
    """The verdicts with current ids: a conversation that stays instead of another may have got a
    new id itself."""
    import numpy as np
    import pyarrow.compute as pc

    numbers_renamed = view(renamed[NUMBER])
    if not len(numbers_renamed) or not len(dropped):
        return dropped
    every = view(pc.fill_null(dropped[OTHER], -1))
    known = np.flatnonzero(every >= 0)
    others = every[known]
    at = np.minimum(np.searchsorted(numbers_renamed, others), len(numbers_renamed) - 1)
    hits = np.flatnonzero(numbers_renamed[at] == others)
    if not len(hits):
        return dropped
    ids = dropped[OTHER_ID].to_pylist()
    for row, index in zip(known[hits].tolist(), at[hits].tolist(), strict=True):
        ids[row] = renamed[ID][index].as_py()
    column = dropped.column_names.index(OTHER_ID)
    return dropped.set_column(column, OTHER_ID, strings(ids))


def _send_ids(group: Group, parts: int, *, folder: Path) -> list[pa.Table]:
    """The kept conversations of some chunks, as number, id and hash of the id, divided into parts
    by the id."""
    import numpy as np
    import pyarrow as pa

    tables = []
    for chunk in group.chunks:
        keys = read_chunk(folder, chunk, KEYS)
        number = np.arange(keys.num_rows, dtype=np.int64) + (chunk << CHUNK_BITS)
        columns = {NUMBER: numbers(number, "int64"), ID: keys[ID], "hash": keys[ID_HASH]}
        tables.append(pa.table(columns))
    table = pa.concat_tables(tables).combine_chunks()
    if len(group.gone):
        stays = np.isin(view(table[NUMBER]), group.gone, assume_unique=True, invert=True)
        table = table.filter(booleans(stays))
    return parted(table, parts, _part_of_id)


def _part_of_id(table: pa.Table, parts: int) -> np.ndarray[Any, Any]:
    import numpy as np

    return view(table["hash"]) % np.uint64(parts)


def _repeated(messages: Sequence[pa.Table]) -> pa.Table:
    """The conversations whose id an earlier one has, with their new ids: ~2, ~3, … in order."""
    import numpy as np
    import pyarrow as pa

    table = pa.concat_tables(messages)
    perhaps = shared(view(table["hash"]))
    names = whole(table[ID].take(numbers(perhaps, "int64")))
    number = view(table[NUMBER])[perhaps]
    codes = view(names.dictionary_encode().indices)
    order = np.lexsort((number, codes))
    same = np.zeros(len(order), bool)
    same[1:] = codes[order][1:] == codes[order][:-1]
    places = np.arange(len(order))
    nth = places - np.maximum.accumulate(np.where(same, 0, places)) + 1
    renamed = names.take(numbers(order[same], "int64")).to_pylist()
    new = [f"{name}~{n}" for name, n in zip(renamed, nth[same].tolist(), strict=True)]
    return pa.table({NUMBER: numbers(number[order[same]], "int64"), ID: strings(new)})


def _no_verdicts() -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_batches([], verdict_schema().append(pa.field(STEP, pa.string())))


def _in_order(table: pa.Table) -> pa.Table:
    import numpy as np

    order = np.argsort(view(table[NUMBER]), kind="stable")
    return table.take(numbers(order, "int64")).combine_chunks()


def _rows(table: pa.Table, number: np.ndarray[Any, Any], chunk: int) -> list[dict[str, Any]]:
    """The rows of one chunk, from a table sorted by number."""
    rows: list[dict[str, Any]] = table[within(number, range(chunk, chunk + 1))].to_pylist()
    return rows


def _dropped(row: dict[str, Any]) -> Dropped:
    detail, other = row[DETAIL], row[OTHER_ID]
    told = f"{detail} {other}" if other is not None else detail
    return Dropped(row[STEP], row[REASON], told, other, row[SCORE], row[EVIDENCE])
