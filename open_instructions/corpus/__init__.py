"""Decisions over the whole build, in an ordered list of steps.

step             the contract: rounds of facts, parts and decisions
words            tokens of many texts at once
duplicates       equal conversations
near_duplicates  those that say the same in almost the same words
contamination    conversations that have items of evaluation sets
holdout          validation and test splits, by groups
mix              how much of each source is written

A step drops conversations, with a reason, or says what to do with those that stay: an edit to note,
a split, how often they are written. It never edits a text. To add one, write its file, add a
line to `STEPS`, and add its reasons to `reasons.Reason`.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import contamination, duplicates, holdout, mix, near_duplicates
from .step import CorpusStep, Definition, Round

__all__ = ["STEPS", "CorpusStep", "Definition", "Round", "names", "steps_of"]

STEPS: list[Definition] = [
    duplicates.DEFINITION,
    near_duplicates.DEFINITION,
    contamination.DEFINITION,
    holdout.DEFINITION,
    mix.DEFINITION,
]
"""The steps in the order in which they run. A step sees the conversations that earlier steps
kept."""


def names() -> tuple[str, ...]:
    return tuple(definition.name for definition in STEPS)


def steps_of(recipe: object, sources: Sequence[str]) -> tuple[CorpusStep, ...]:
    """The steps that a recipe asks for, in order; `sources` names the build's sources."""
    made = [definition.made(recipe, sources) for definition in STEPS]
    return tuple(step for step in made if step is not None)
