"""What is decided over the whole build, in one ordered list of steps.

step        the contract: rounds of facts, parts, decisions
duplicates  equal conversations

A step drops conversations, with a reason, and never edits a text. To add one: its file, a line in
`STEPS`, its reasons in `schema.Reason`.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import duplicates
from .step import CorpusStep, Definition, Round

__all__ = ["STEPS", "CorpusStep", "Definition", "Round", "names", "steps_of"]

STEPS: list[Definition] = [duplicates.DEFINITION]
"""In the order in which they decide. A step sees the conversations that those before it left."""


def names() -> tuple[str, ...]:
    return tuple(definition.name for definition in STEPS)


def steps_of(recipe: object, sources: Sequence[str]) -> tuple[CorpusStep, ...]:
    """The steps that a recipe wants, in order; `sources` are the names of the build's."""
    made = [definition.made(recipe, sources) for definition in STEPS]
    return tuple(step for step in made if step is not None)
