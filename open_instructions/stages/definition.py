"""What the list of stages says of each stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from ..catalogue import Rule
from ..preference import ANSWERS, Answer, Preference
from ..schema import Conversation, Reason, Reject


class Stage(Protocol):
    """One conversation at a time."""

    name: str

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]: ...


@runtime_checkable
class BatchStage(Protocol):
    """A stage that takes many conversations at once, where the work underneath is faster that way;
    each still gets the result that it would get alone."""

    name: str

    def batch(self, conversations: Sequence[Conversation]) -> list[list[Conversation | Reject]]: ...


@runtime_checkable
class PairStage(Protocol):
    """A stage that does something of its own to a preference: one result for both answers."""

    name: str

    def pair(self, preference: Preference) -> Preference | Reject: ...


Sides = tuple[Answer, ...]


class About(NamedTuple):
    """What a stage may know of the subset that it cleans: the rules that are on, its languages."""

    rules: tuple[Rule, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Definition:
    """A stage in the list.

    name     in the ledger, in rejected/ and in `oi explain`
    options  a frozen dataclass: the recipe's keys that the stage reads
    reasons  why it rejects
    make     options and what is known of the subset -> the stage; None if the recipe does without
    takes    raw records, a converter's drafts, or conversations
    splits   it stands behind the point where corpus steps see whole conversations
    sides    the answers of a preference that it looks at: each, with the prompt before it, as a
             conversation
    """

    name: str
    options: type[Any]
    reasons: tuple[Reason, ...]
    make: Callable[[Any, About], Any]
    takes: Literal["record", "draft", "conversation"] = "conversation"
    splits: bool = False
    sides: Sides = ANSWERS

    def made(self, recipe: object, about: About) -> Any:
        """The stage as a recipe wants it. Keys that the recipe does not have keep their
        defaults."""
        return self.make(read_options(self.options, recipe), about)


def read_options(options: type[Any], recipe: object) -> Any:
    """The options that a recipe has. Keys that it does not have keep their defaults."""
    keys = [field.name for field in fields(options) if hasattr(recipe, field.name)]
    return options(**{key: getattr(recipe, key) for key in keys})


STOPS = (OSError, MemoryError)
"""Failures of the machine, not of the code on a record: they end the build."""
_MOST_DETAIL = 300
"""Characters of an exception's message that are kept: some quote the whole text."""


def failed(who: str, error: BaseException) -> Reject:
    """The Reject of a record on which code failed."""
    told = f"{who} failed: {type(error).__name__}: {error}"
    if len(told) > _MOST_DETAIL:
        told = told[: _MOST_DETAIL - 1] + "…"
    return Reject(Reason.STAGE_FAILED, told)
