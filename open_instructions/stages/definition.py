"""An entry of the list of stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from ..catalogue import Rule
from ..preference import ANSWERS, Answer, Preference
from ..schema import Conversation, Reason, Reject


class Stage(Protocol):
    """A stage that takes one conversation at a time."""

    name: str

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]: ...


@runtime_checkable
class BatchStage(Protocol):
    """A stage that takes many conversations at once, because its work is faster that way. Each
    conversation still gets the result that it would get alone."""

    name: str

    def batch(self, conversations: Sequence[Conversation]) -> list[list[Conversation | Reject]]: ...


@runtime_checkable
class PairStage(Protocol):
    """A stage that does something of its own to a preference: one result for both answers."""

    name: str

    def pair(self, preference: Preference) -> Preference | Reject: ...


Sides = tuple[Answer, ...]


class About(NamedTuple):
    """What a stage may know about the subset that it cleans: its active rules and its languages."""

    rules: tuple[Rule, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Definition:
    """A stage in the list.

    name     its name in the ledger, in rejected/ and in `oi explain`
    options  a frozen dataclass: the recipe's keys that the stage reads
    reasons  why it rejects
    make     options and facts about the subset -> the stage; None if the recipe leaves it out
    takes    raw records, a converter's drafts, or conversations
    splits   whether it runs after the point where corpus steps see whole conversations
    sides    the answers of a preference row that it looks at, each with the prompt before it as a
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
        """The stage as the recipe configures it. Keys missing from the recipe keep their
        defaults."""
        return self.make(read_options(self.options, recipe), about)


def read_options(options: type[Any], recipe: object) -> Any:
    """The options that a recipe sets. Keys missing from it keep their defaults."""
    keys = [field.name for field in fields(options) if hasattr(recipe, field.name)]
    return options(**{key: getattr(recipe, key) for key in keys})


STOPS = (OSError, MemoryError)
"""Failures of the machine rather than of the code that handles a record. They end the build."""
_MOST_DETAIL = 300
"""How many characters of an exception's message are kept: some messages quote the whole text."""


def failed(who: str, error: BaseException) -> Reject:
    """The Reject for a record on which code failed."""
    told = f"{who} failed: {type(error).__name__}: {error}"
    if len(told) > _MOST_DETAIL:
        told = told[: _MOST_DETAIL - 1] + "…"
    return Reject(Reason.STAGE_FAILED, told)
