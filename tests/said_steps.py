"""A corpus step that says of each conversation what a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from open_instructions.corpus.step import (
    ID,
    NUMBER,
    PLACE,
    Definition,
    Round,
    verdict_schema,
    with_report,
)
from open_instructions.preference import Whole
from open_instructions.schema import Reason

Says = Callable[[str], dict[str, Any] | None]
"""From a conversation's id to the verdict on it, without its number."""


@dataclass(frozen=True)
class _Said(Round):
    says: Says

    def facts(self, conversations: Sequence[Whole], number: Any, before: pa.Table) -> pa.Table:
        return pa.table({PLACE: pa.array(range(len(conversations)), pa.int32())})

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        return facts[NUMBER].to_numpy() % parts

    def decide(self, facts: pa.Table) -> pa.Table:
        found = [
            {NUMBER: row[NUMBER], **said}
            for row in facts.to_pylist()
            if (said := self.says(row[ID])) is not None
        ]
        return pa.Table.from_pylist(found, verdict_schema())

    def settle(self, decided: pa.Table) -> pa.Table:
        return with_report(decided, {"verdicts": len(decided)})


@dataclass(frozen=True)
class Step:
    name: str
    says: Says
    reasons = (Reason.DUPLICATE,)

    @property
    def rounds(self) -> Sequence[Round]:
        return (_Said(self.says),)


@dataclass(frozen=True)
class Options:
    pass


def saying(name: str, says: Says) -> Definition:
    """A step of this name; it is always on."""
    return Definition(name, Options, Step.reasons, lambda *_: Step(name, says))
