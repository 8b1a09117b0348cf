"""Decides about each conversation of a build: it is dropped by a corpus step, or kept, perhaps with
a new id, in a split, several times, or with an edit.

Corpus steps run in order, each on what earlier steps kept. Then ids are made unique, see `names`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..arrays import flags, numbers, strings, view
from ..corpus.step import (
    COPIES,
    DETAIL,
    EDIT,
    EVIDENCE,
    GROUP,
    ID,
    NUMBER,
    OTHER,
    OTHER_ID,
    REASON,
    SCORE,
    SPLIT,
    SPLITS,
    STEP,
    CorpusStep,
    FollowingStep,
    report_of,
    verdict_schema,
)
from ..engines import Engine
from .contract import CHUNK_BITS, check_kept
from .names import renamed, with_new_ids
from .rounds import Watch, run_step, within

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_WHY = (NUMBER, STEP, REASON, EDIT, DETAIL, OTHER, OTHER_ID, SCORE, EVIDENCE)


class Told(NamedTuple):
    """What steps say of some conversations of a chunk: their places, and a table with a row for
    each."""

    places: np.ndarray[Any, Any]
    table: pa.Table

    def column(self, name: str) -> np.ndarray[Any, Any]:
        """A column of numbers."""
        return view(self.table[name])


@dataclass(frozen=True)
class ChunkVerdicts:
    """The verdicts on one chunk.

    drops    conversations to drop, in the order in which the steps dropped them: STEP (its index
             among all steps), REASON, DETAIL, OTHER_ID, SCORE, EVIDENCE
    edits    STEP, EDIT and what else there is, also of those that are dropped later
    groups   SPLIT (the index in `SPLITS`, from 1; 0 is train) and GROUP; without rows in a build
             without splits
    copies   COPIES of what is written several times
    renamed  new ids, by place
    """

    drops: Told
    edits: Told
    groups: Told
    copies: Told
    renamed: Mapping[int, str]


class Verdicts:
    """The verdicts on all chunks, in tables that are sorted by number, and what the steps say of
    themselves, by name."""

    def __init__(
        self,
        drops: pa.Table,
        edits: pa.Table,
        groups: pa.Table,
        copies: pa.Table,
        renamed: pa.Table,
        reports: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.reports = reports
        self.grouped = groups.num_rows > 0
        self._tables = (drops, edits, groups, copies, renamed)
        self._numbers = [view(table[NUMBER]) for table in self._tables]

    def count_dropped(self) -> int:
        return len(self._tables[0])

    def of(self, chunk: int) -> ChunkVerdicts:
        drops, edits, groups, copies, renamed = (
            _told(table, every, chunk)
            for table, every in zip(self._tables, self._numbers, strict=True)
        )
        names = zip(renamed.places.tolist(), renamed.table[ID].to_pylist(), strict=True)
        return ChunkVerdicts(_by_step(drops), _by_step(edits), groups, copies, dict(names))


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
    return _sorted_out(engine, folder, counts, judged, gone, [s.name for s in steps], reports)


def _sorted_out(
    engine: Engine,
    folder: Path,
    counts: Sequence[int],
    judged: pa.Table,
    gone: np.ndarray[Any, Any],
    names: Sequence[str],
    reports: Mapping[str, Mapping[str, Any]],
) -> Verdicts:
    """The verdicts of all steps by what they are about."""
    import numpy as np

    judged = _with_indexes(judged, names)
    stays = np.isin(view(judged[NUMBER]), gone, invert=True)

    def some(column: str, *columns: str) -> pa.Table:
        """What is said of conversations that have a value in a column."""
        there = flags(judged[column].is_valid())
        if column in (GROUP, COPIES):
            there &= stays
        return _in_order(judged.select(columns), there)

    groups, copies = some(GROUP, NUMBER, SPLIT, GROUP), some(COPIES, NUMBER, COPIES)
    alone = flags(judged[GROUP].is_null()) & (view(judged[SPLIT]) > 0) & stays
    check_kept(groups, copies, sum(counts) - len(gone), int(alone.sum()))
    new = renamed(engine, folder, counts, gone, copies)
    drops, edits = (with_new_ids(some(name, *_WHY), new) for name in (REASON, EDIT))
    return Verdicts(drops, edits, groups, copies, new, reports)


def _with_indexes(judged: pa.Table, names: Sequence[str]) -> pa.Table:
    """Numbers in place of the names of steps and splits."""
    for column, known in ((STEP, names), (SPLIT, (None, *SPLITS))):
        at = judged.column_names.index(column)
        judged = judged.set_column(at, column, _indexes(judged[column], known))
    return judged


def _indexes(column: pa.ChunkedArray, known: Sequence[str | None]) -> pa.Array:
    import pyarrow.compute as pc

    return numbers(view(pc.index_in(column, value_set=strings(known))), "int8")


def _no_verdicts() -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_batches([], verdict_schema().append(pa.field(STEP, pa.string())))


def _in_order(table: pa.Table, some: np.ndarray[Any, Any]) -> pa.Table:
    """Some of the rows, by number."""
    import numpy as np

    rows = np.flatnonzero(some)
    rows = rows[np.argsort(view(table[NUMBER])[rows], kind="stable")]
    return table.take(numbers(rows, "int64")).combine_chunks()


def _told(table: pa.Table, every: np.ndarray[Any, Any], chunk: int) -> Told:
    """The rows about one chunk, from a table sorted by number."""
    rows = within(every, range(chunk, chunk + 1))
    return Told(every[rows] - (chunk << CHUNK_BITS), table[rows])


def _by_step(told: Told) -> Told:
    import numpy as np

    order = np.argsort(told.column(STEP), kind="stable")
    return Told(told.places[order], told.table.take(numbers(order, "int64")))
