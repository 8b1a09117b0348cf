"""Finds conversations that have items of evaluation sets.

items    records of an evaluation set -> questions, options, answers, passages
entries  items -> hashes; nothing later sees their text
index    which grams are in which entries
scan     entries in texts, by our rule and by two others
hits     what a conversation has of an item, with evidence
rounds   the rounds of the step
report   counts for the manifest
options  the recipe's key
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...schema import Reason
from ..step import CorpusStep, Definition, Round
from .options import Decontaminate
from .rounds import Held, Indexed, Judged, Looked

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DEFINITION", "Contamination", "Decontaminate", "Options", "knowing"]


@dataclass(frozen=True)
class Options:
    """
    decontaminate  the evaluation sets whose items to find; null is none
    """

    decontaminate: Decontaminate | None = None


@dataclass(frozen=True)
class Contamination:
    """The step. `entries` are those of all sets; the workers do without."""

    said: Decontaminate
    entries: pa.Table | None = None
    name = "contamination"
    reasons = (Reason.CONTAMINATED,)

    @property
    def rounds(self) -> Sequence[Round]:
        held = Held(self.entries)
        return (Indexed(held), Looked(held, self.said.threshold), Judged(held, self.said))


def knowing(steps: Sequence[CorpusStep], entries: pa.Table | None) -> tuple[CorpusStep, ...]:
    """The steps, as the main process runs them: this one with the entries of its sets."""
    return tuple(
        Contamination(step.said, entries) if isinstance(step, Contamination) else step
        for step in steps
    )


def _make(options: Options, sources: Sequence[str]) -> Contamination | None:
    said = options.decontaminate
    return Contamination(said) if said is not None else None


DEFINITION = Definition(Contamination.name, Options, Contamination.reasons, _make)
