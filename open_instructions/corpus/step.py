"""The contract of a corpus step, which decides over the whole build.

A cleaning stage sees one conversation. Whether a conversation equals another, overlaps with an
evaluation set or fits into a mix can only be decided over all of them. A step does so in rounds:

    facts    in a worker: collects facts about the conversations of one chunk, see also `OfRows`
    send     in a worker: assigns each fact to a part, so that facts to compare meet there
    decide   on the engine: decides from all facts of one part
    settle   combines the decisions of all parts; the next round's `facts` see the result

A round is pure and picklable, and its result does not depend on how the build is cut into chunks
and parts. It never opens a file: the merge passes it what it needs. It sees whole conversations,
as they were before the split, and preference rows, whose `messages` are those of the prompt and
both answers. The last round returns the verdicts, see `verdict_schema`: conversations to drop, and
what to do with others that stay. It may add a report, see `with_report`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..preference import Whole
from ..schema import GROUP as GROUP
from ..schema import SPLITS as SPLITS
from ..schema import Reason
from ..stages.definition import read_options

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

PLACE = "place"
"""The column with the index of a fact's conversation in the sequence passed to `facts`. The merge
replaces it with NUMBER and ID. Facts without it are about the whole chunk."""
NUMBER, ID = "number", "conversation_id"
"""The columns that replace the place when facts are sent: a number that is unique in the build and
follows the order of the records, and the id from the conversation's record."""
OTHER, OTHER_ID, DETAIL, SCORE, EVIDENCE, REASON = (
    "other",
    "other_id",
    "detail",
    "score",
    "evidence",
    "reason",
)
EDIT, SPLIT, COPIES, CLUSTER = "edit", "split", "copies", "cluster"
STEP = "step"
"""The column with the name of the step, where verdicts of several steps are in one table."""
_REPORT = b"report"


class Round(ABC):
    """One round of facts, parts and decisions over the whole build.

    each   how many facts there are for a conversation: more make more parts
    named  whether facts get the column ID
    """

    each: int = 1
    named: bool = True

    def asks(self, before: pa.Table) -> pa.Array | None:
        """The numbers of the conversations whose text this round reads, None for all that remain.
        Not called for the first round of a step, which sees all."""
        return None

    @abstractmethod
    def facts(
        self, conversations: Sequence[Whole], number: np.ndarray[Any, Any], before: pa.Table
    ) -> pa.Table:
        """A table with a row for each fact. The columns are the step's own, and PLACE.

        number  the numbers of the conversations; none in the first round of a step, which is
                before they have any
        before  the result of the previous round, without rows in the first round
        """

    @abstractmethod
    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        """The part, from 0, that each fact belongs to. By now facts have NUMBER and ID."""

    @abstractmethod
    def decide(self, facts: pa.Table) -> pa.Table:
        """The decisions that follow from all facts of one part."""

    def settle(self, decided: pa.Table) -> pa.Table:
        """The result of the round, from the decisions of all parts."""
        return decided

    def conclude(self, decided: pa.Table, before: pa.Table) -> pa.Table:
        """The same, for a round that has to know the result of the previous one."""
        return self.settle(decided)


@runtime_checkable
class OfRows(Protocol):
    """A first round whose facts are also about the rows that conversations become."""

    def facts_of_rows(self, rows: Sequence[Sequence[Whole]]) -> pa.Table:
        """In place of `facts`: `rows` has, for each conversation, its parts after the split, whose
        tokens are counted, or its preference row."""
        ...


class CorpusStep(Protocol):
    """A step as a recipe configures it: its name, its reasons to drop conversations, its rounds."""

    @property
    def name(self) -> str: ...

    @property
    def reasons(self) -> tuple[Reason, ...]: ...

    @property
    def rounds(self) -> Sequence[Round]: ...


@runtime_checkable
class FollowingStep(Protocol):
    """A step that depends on what earlier steps decided."""

    def following(self, earlier: pa.Table) -> CorpusStep:
        """The step, after the earlier ones. `earlier` has all their verdicts, and STEP. Only rounds
        after the first, and `decide` and `settle` of the first, see what it does with them: the
        first facts are older."""
        ...


@dataclass(frozen=True)
class Definition:
    """A step in the list.

    name     its name in the ledger, in rejected/ and in `oi explain`
    options  a frozen dataclass: the recipe's keys that the step reads
    reasons  why it drops conversations
    make     options and the names of the build's sources -> the step; None if the recipe leaves it
             out
    """

    name: str
    options: type[Any]
    reasons: tuple[Reason, ...]
    make: Callable[[Any, Sequence[str]], CorpusStep | None]

    def made(self, recipe: object, sources: Sequence[str]) -> CorpusStep | None:
        """The step as the recipe configures it."""
        return self.make(read_options(self.options, recipe), sources)


def verdict_schema() -> pa.Schema:
    """The schema of a step's result: at most one row for each conversation.

    number    the number of the conversation
    reason    the reason for dropping it, null if it stays
    detail    the reason in words; the id of `other` is added to them if there is one
    other     the number of the conversation that stays instead, or that it was compared with; null
              if there is none
    other_id  the id of that conversation, from its record
    score     how certain, or how similar; null if it has no meaning
    evidence  JSON text with what was found, or null
    edit      of one that stays: a name for its `edits`, or null
    split     of one that stays: the split that it goes to, like "validation"; null is train
    group_id  of one that stays: what may not be on both sides of a split; null without splits
    copies    of one that stays: how often it is written; null is once
    cluster   the number of the first conversation of its cluster, for later steps; null if it has
              none. It also counts for one that is dropped
    """
    import pyarrow as pa

    return pa.schema(
        [
            (NUMBER, pa.int64()),
            (REASON, pa.string()),
            (DETAIL, pa.string()),
            (OTHER, pa.int64()),
            (OTHER_ID, pa.string()),
            (SCORE, pa.float64()),
            (EVIDENCE, pa.string()),
            (EDIT, pa.string()),
            (SPLIT, pa.string()),
            (GROUP, pa.string()),
            (COPIES, pa.int32()),
            (CLUSTER, pa.int64()),
        ]
    )


def with_report(verdicts: pa.Table, report: Mapping[str, Any]) -> pa.Table:
    """Verdicts with what the manifest says of the step under `steps`: plain JSON, whose key "notes"
    is a list of sentences for the user."""
    return verdicts.replace_schema_metadata({_REPORT: json.dumps(report, ensure_ascii=False)})


def report_of(verdicts: pa.Table) -> dict[str, Any]:
    """The report that `with_report` added; empty without one."""
    found = (verdicts.schema.metadata or {}).get(_REPORT, b"{}")
    report: dict[str, Any] = json.loads(found)
    return report


def no_rows() -> pa.Table:
    """An empty table in place of the previous round, for the first round."""
    import pyarrow as pa

    return pa.Table.from_batches([], verdict_schema())


def verdicts(**columns: Any) -> pa.Table:
    """A table of verdicts. A column that is left out is null; a string applies to every row.

    >>> verdicts(number=[4], reason="duplicate", detail="of no use").to_pylist()[0]["score"]
    """
    import pyarrow as pa

    from ..arrays import numbers, strings

    schema = verdict_schema()
    rows = len(columns[NUMBER])
    arrays = []
    for field in schema:
        given = columns.pop(field.name, None)
        if isinstance(given, str):
            arrays.append(strings([given] * rows))
        elif given is None:
            arrays.append(pa.nulls(rows, field.type))
        elif pa.types.is_string(field.type) and isinstance(given, list):
            arrays.append(strings(given))
        elif isinstance(given, pa.Array):
            arrays.append(given)
        else:
            arrays.append(numbers(given, str(field.type)))
    if columns:
        raise TypeError(f"a verdict has no {min(columns)}")
    return pa.Table.from_arrays(arrays, schema=schema)
