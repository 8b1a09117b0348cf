"""A conversation or a preference on its way through the stages, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from . import pairing
from .arrays import view
from .claims import Kin
from .corpus import CorpusStep
from .corpus.step import NUMBER, OfRows, Round, no_rows
from .ledger import Lost
from .preference import ANSWERS, Preference, PreferenceDraft, Whole, kind_of, text_of
from .readers import Frame
from .schema import Conversation, Draft, Reject, Rejected, to_json
from .stages.definition import BatchStage, Sides, Stage
from .stages.running import outcomes

if TYPE_CHECKING:
    import pyarrow as pa


class Kept(NamedTuple):
    """A conversation or one part of it, and the whole that the part belongs to; or a preference.
    `raw` holds its raw records, on the first part only; None stands for one that an earlier
    conversation holds. `row` is the text of its draft, where its records have others."""

    conversation: Conversation | Preference
    whole: Conversation | Preference
    first: bool
    raw: list[str | None]
    row: str | None = None


@dataclass(slots=True)
class Talk:
    """A conversation on its way through the stages: its frames, its number of messages, what was
    rejected, its current parts, and the conversation before the split."""

    name: str
    frames: list[Frame]
    drafted: int
    rejected: list[Rejected]
    current: list[Conversation | Preference]
    draft: Draft | PreferenceDraft
    kin: Kin | None
    whole: Conversation | Preference | None = None

    @property
    def kind(self) -> str:
        return kind_of(self.draft)

    def leave(self) -> tuple[list[Frame], Lost]:
        """The records that are lost with it, and what the ledger counts."""
        if self.kin is None:
            many = len(self.frames)
            return self.frames, Lost(many, joined=many - 1)
        left = self.kin.claims.leave(self.kin.number)
        lost = set(left.gone)
        its = zip(self.draft.records, self.frames, strict=True)
        gone = [frame for index, frame in its if index in lost]
        return gone, Lost(len(gone), int(not gone), left.joined, left.derived)


class Named(NamedTuple):
    """A stage in the pipeline, with its name. The stage is None if the recipe does not use it;
    `sides` are the answers of a preference that it looks at."""

    name: str
    stage: Stage | BatchStage | None
    sides: Sides = ANSWERS


def kept_of(talk: Talk) -> Iterator[Kept]:
    if not talk.current:
        return
    # the text of a frame is UTF-8, or it would not be here
    raw: list[str | None] = [under(frame.key, frame.text) for frame in talk.frames]
    row = None
    if talk.kin:
        own = talk.kin.claims.owned(talk.kin.number)
        raw = [
            text if at in own else None for at, text in zip(talk.draft.records, raw, strict=True)
        ]
        row = text_of(talk.draft)
    for number, part in enumerate(talk.current):
        assert talk.whole
        yield Kept(part, talk.whole, number == 0, [] if number else raw, None if number else row)


def count_records(talks: Sequence[Talk]) -> int:
    """The records that belong to these conversations, each once."""
    return sum([len(t.frames) if t.kin is None else t.kin.own for t in talks])


def results_of(
    named: Named, before: list[Conversation | Preference]
) -> list[list[Conversation | Preference | Reject]]:
    """A stage's result for each conversation and preference."""
    assert named.stage
    if Preference not in set(map(type, before)):
        return outcomes(named.stage, before)  # type: ignore[arg-type, return-value]
    pairs = [item for item in before if isinstance(item, Preference)]
    talks = [item for item in before if isinstance(item, Conversation)]
    paired: Iterator[Any] = iter(pairing.outcomes(named.stage, named.sides, pairs))
    alone: Iterator[Any] = iter(outcomes(named.stage, talks) if talks else [])
    return [next(paired if isinstance(item, Preference) else alone) for item in before]


def under(key: str, text: str) -> str:
    return f"{to_json(key)}: {text}" if key else text


def first_facts(steps: Sequence[CorpusStep], kept: Sequence[Kept]) -> dict[str, pa.Table]:
    """What the first round of each step wants to know of these conversations, by its name."""
    wholes = [item.whole for item in kept if item.first]
    rows: list[list[Whole]] = []
    for item in kept:
        if item.first:
            rows.append([])
        rows[-1].append(item.conversation)
    return {step.name: _facts(step.rounds[0], wholes, rows) for step in steps}


def _facts(first: Round, wholes: Sequence[Whole], rows: Sequence[Sequence[Whole]]) -> pa.Table:
    if isinstance(first, OfRows):
        return first.facts_of_rows(rows)
    return first.facts(wholes, view(no_rows()[NUMBER]), no_rows())
