"""The contract of a corpus step: something that is decided over the whole build.

A cleaning stage sees one conversation. Whether a conversation equals another, overlaps with an
evaluation set or fits into a mix can only be said over all of them. A step says so in rounds:

    facts    in a worker, of the conversations of one chunk: what there is to know of them
    send     in a worker: the part that each fact belongs to, so that what must meet meets
    decide   on the engine, of all facts of one part
    settle   of what all parts decided; the next round's `facts` see it

A round is pure and picklable, and gives the same result for any cut into chunks and parts. It never
opens a file: the merge hands it what it needs. What it sees is the whole conversation, as it was
before the split, or a preference, whose `messages` are those of prompt and both answers. The last
round settles the verdicts, see `VERDICT`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..preference import Whole
from ..schema import Reason
from ..stages.definition import read_options

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

PLACE = "place"
"""A fact about one conversation has its place in the sequence that `facts` was given. The merge
turns it into NUMBER and ID. Facts without it are about the chunk as a whole."""
NUMBER, ID = "number", "conversation_id"
"""What stands in for the place when facts are sent: a number that no other conversation of the
build has, in the order of the records, and the id that its record gave it."""
OTHER, OTHER_ID, DETAIL, SCORE, EVIDENCE, REASON = (
    "other",
    "other_id",
    "detail",
    "score",
    "evidence",
    "reason",
)


class Round(ABC):
    """One question to the whole build."""

    def asks(self, before: pa.Table) -> pa.Array | None:
        """The numbers of the conversations whose text this round reads, None for all that are left.
        Not asked of the first round of a step, which sees all."""
        return None

    @abstractmethod
    def facts(self, conversations: Sequence[Whole], before: pa.Table) -> pa.Table:
        """A row for each fact. `before` is what the round before settled, without rows in the first
        round. Columns are the step's own, and PLACE."""

    @abstractmethod
    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        """The part, from 0, that each fact belongs to. Facts have NUMBER and ID now."""

    @abstractmethod
    def decide(self, facts: pa.Table) -> pa.Table:
        """What follows from all facts of one part."""

    def settle(self, decided: pa.Table) -> pa.Table:
        """What follows from what all parts decided."""
        return decided


class CorpusStep(Protocol):
    """A step as a recipe wants it: its name, why it drops conversations, its rounds."""

    @property
    def name(self) -> str: ...

    @property
    def reasons(self) -> tuple[Reason, ...]: ...

    @property
    def rounds(self) -> Sequence[Round]: ...


@dataclass(frozen=True)
class Definition:
    """A step in the list.

    name     in the ledger, in rejected/ and in `oi explain`
    options  a frozen dataclass: the recipe's keys that the step reads
    reasons  why it drops conversations
    make     options and the names of the build's sources -> the step; None if the recipe does
             without
    """

    name: str
    options: type[Any]
    reasons: tuple[Reason, ...]
    make: Callable[[Any, Sequence[str]], CorpusStep | None]

    def made(self, recipe: object, sources: Sequence[str]) -> CorpusStep | None:
        """The step as a recipe wants it."""
        return self.make(read_options(self.options, recipe), sources)


def verdict_schema() -> pa.Schema:
    """What the last round of a step settles: a row for each conversation to drop.

    number    which one
    reason    why
    detail    in words; where there is an `other` its id is added to them
    other     the number of the conversation that it lost to, null if there is none
    other_id  the id that its record gave that one
    score     how sure, or how similar; null if that means nothing
    evidence  JSON text with what was found, or null
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
        ]
    )


def no_rows() -> pa.Table:
    """What the first round sees of the one before it."""
    import pyarrow as pa

    return pa.Table.from_batches([], verdict_schema())


def verdicts(**columns: Any) -> pa.Table:
    """A table of verdicts. A column that is left out is null in each row; a text stands for all.

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
