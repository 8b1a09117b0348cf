"""A record with two answers, one of which is preferred."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .schema import Message


@dataclass(frozen=True, slots=True)
class PreferenceDraft:
    """A converter's result for a record with two answers, one of which is preferred.

    prompt           messages that both answers continue, ending with the user's
    chosen           the messages of the better answer; usually one, from the assistant
    rejected         those of the worse one
    chosen_score     upstream's score, higher is better; None if there is none
    rejected_score   the same of the other
    score_name       what upstream calls the score
    judge            who compared them: a model, or people
    chosen_engine    who wrote the answer; None: what the catalogue says
    rejected_engine  the same of the other
    Everything else as in a Draft.
    """

    prompt: Sequence[Message]
    chosen: Sequence[Message]
    rejected: Sequence[Message]
    chosen_score: float | None = None
    rejected_score: float | None = None
    score_name: str | None = None
    judge: str | None = None
    chosen_engine: str | None = None
    rejected_engine: str | None = None
    id: str | None = None
    task: str | None = None
    license: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    used: Collection[str] = ()
    records: tuple[int, ...] = (0,)
    edits: tuple[str, ...] = ()
    tools: Sequence[Mapping[str, Any]] = ()
