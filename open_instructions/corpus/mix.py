"""Takes from each set its share of a mix, by rows or tokens.

There is one round. Each conversation gets a rank: a hash of its id and the seed. A set gives the
conversations with the lowest ranks, until the next one would be over its budget; see `budget`. So a
smaller mix is contained in a larger one, a raised weight only adds rows of that set, and a new
source changes the rank of nothing. Whatever an earlier step put into another split stays there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from xxhash import xxh3_64_intdigest

from ..arrays import booleans, flags, numbers, strings, view, whole
from ..preference import Preference, Whole
from ..schema import ASSISTANT, Message, Reason
from ..tokens import DEFAULT, message_tokens, tokenizer
from .budget import MOST_EPOCHS
from .groups import labelled
from .options import Seeded, Weights
from .shares import settle_shares
from .step import (
    NUMBER,
    PLACE,
    SPLIT,
    Definition,
    Round,
    verdicts,
    with_report,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

RANK, SIZE, NAME = "rank", "size", "name"
NO_TASK = "none"
"""The name of the rows without a task."""
_HOTTEST = 1000.0


@dataclass(frozen=True)
class Mix:
    """The key `mix` of a recipe.

    unit         what weights and the total are about: rows, tokens, or the tokens of answers
    weights      names to weights; sets that are not named are left out
    by           what the names are: sources and subsets, languages, tasks or licences
    temperature  in place of weights: the weight of each set is size^(1/temperature). Without
                 either it is the size
    total        how much to take in all; without it, as much as the weights allow
    max_epochs   how often a row may be written before its set is short
    shortfall    what to do if a set cannot give its share: stop, scale the whole mix down, or
                 repeat its rows as often as it takes
    seed         which rows are taken; default: the recipe's
    """

    unit: Literal["rows", "tokens", "answer_tokens"] = "tokens"
    weights: Weights = field(default_factory=Weights)
    by: Literal["source", "language", "task", "license"] = "source"
    temperature: float | None = None
    total: int | None = None
    max_epochs: int = 1
    shortfall: Literal["stop", "scale", "repeat"] = "scale"
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.weights and self.temperature is not None:
            raise ValueError("weights and temperature exclude each other: both say what each gives")
        if self.weights and not any(weight for _, weight in self.weights):
            raise ValueError("all weights are 0, so nothing would be taken")
        if self.temperature is not None and not 1 <= self.temperature <= _HOTTEST:
            raise ValueError(
                f"temperature is {self.temperature:g}, and goes from 1 (sets in proportion to "
                f"their size) to {_HOTTEST:,.0f} (all the same)"
            )
        if self.total is not None and self.total < 1:
            raise ValueError(
                f"total is {self.total}, so nothing would be taken; leave it out to take as much "
                "as the weights allow"
            )
        if not 1 <= self.max_epochs <= MOST_EPOCHS:
            raise ValueError(
                f"max_epochs is {self.max_epochs}, and goes from 1 (no row is repeated) to "
                f"{MOST_EPOCHS}"
            )
        if self.total is None and self.shortfall == "repeat":
            raise ValueError("shortfall repeat needs a total: without one, no set is short")
        if self.seed is not None and self.seed < 0:
            raise ValueError(f"seed is {self.seed}, and cannot be negative")


@dataclass(frozen=True)
class Options(Seeded):
    """
    mix        how much to take of each set
    tokenizer  what counts tokens
    """

    mix: Mix | None = None
    tokenizer: str = DEFAULT


@dataclass(frozen=True)
class Mixing:
    """The step. `held` are the numbers of conversations in other splits; workers need none."""

    mix: Mix
    seed: int
    tokenizer: str
    held: np.ndarray[Any, Any] | None = field(default=None, compare=False)
    name = "mix"
    reasons = (Reason.NOT_SAMPLED,)

    @property
    def rounds(self) -> Sequence[Round]:
        return (_Ranked(self),)

    def following(self, earlier: pa.Table) -> Mixing:
        split = flags(earlier[SPLIT].is_valid())
        return replace(self, held=view(earlier[NUMBER])[split])

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "held": None}


class _Ranked(Round):
    def __init__(self, step: Mixing) -> None:
        self._step = step

    def facts(
        self, conversations: Sequence[Whole], number: np.ndarray[Any, Any], before: pa.Table
    ) -> pa.Table:
        return self.facts_of_rows([[conversation] for conversation in conversations])

    def facts_of_rows(self, rows: Sequence[Sequence[Whole]]) -> pa.Table:
        """Rank, size and set of each conversation. Preference rows have none: the mix leaves them
        alone."""
        import pyarrow as pa

        talks = [
            (place, parts)
            for place, parts in enumerate(rows)
            if not isinstance(parts[0], Preference)
        ]
        first: list[Any] = [parts[0] for _, parts in talks]
        before = f"mix {self._step.seed} "
        named = [before + (talk.conversation_id or talk.id) for talk in first]
        ranks = [xxh3_64_intdigest(name.encode()) for name in named]
        return pa.table(
            {
                PLACE: numbers([place for place, _ in talks], "int32"),
                RANK: numbers(ranks, "uint64"),
                SIZE: numbers([self._size(parts) for _, parts in talks], "int64"),
                NAME: strings([self._name(talk) for talk in first]),
            }
        )

    def _size(self, parts: Sequence[Any]) -> int:
        if self._step.mix.unit == "rows":
            return len(parts)
        if self._step.mix.unit == "tokens":
            return sum(part.num_tokens for part in parts)
        count = tokenizer(self._step.tokenizer).count
        return sum(message_tokens(count, m) for part in parts for m in part.messages if _trains(m))

    def _name(self, talk: Any) -> str:
        by = self._step.mix.by
        if by == "source":
            return f"{talk.source}:{talk.subset}"
        return getattr(talk, by) or NO_TASK

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        import numpy as np

        return view(facts[RANK]) % np.uint64(parts)

    def decide(self, facts: pa.Table) -> pa.Table:
        """The facts without ids, and with names once."""
        import pyarrow as pa

        columns: dict[str, Any] = {name: facts[name] for name in (NUMBER, RANK, SIZE)}
        return pa.table(columns | {NAME: whole(facts[NAME]).dictionary_encode()})

    def settle(self, decided: pa.Table) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        if self._step.held is not None:
            here = np.isin(view(decided[NUMBER]), self._step.held, invert=True)
            decided = decided.filter(booleans(here))
        names, label = labelled(decided[NAME])
        order = np.lexsort((view(decided[NUMBER]), view(decided[RANK])))
        number, label = view(decided[NUMBER])[order], label[order]
        size, rank = view(decided[SIZE])[order], view(decided[RANK])[order]
        found = settle_shares(self._step.mix, names, label, size, rank)
        gone, again = found.copies == 0, found.copies > 1
        weighted = found.weighted[label[gone]].astype(np.int64)
        dropped = verdicts(
            number=number[gone],
            reason=Reason.NOT_SAMPLED.value,
            detail=strings(_DETAILS).take(numbers(weighted, "int64")),
        )
        repeated = verdicts(number=number[again], copies=found.copies[again])
        return with_report(pa.concat_tables([dropped, repeated]), found.report)


_DETAILS = ("its set has no weight in the mix", "beyond what its set gives to the mix")


def _trains(message: Message) -> bool:
    """Whether a trainer that learns from answers learns from this message."""
    return message.role == ASSISTANT and (message.fields or {}).get("weight", 1) != 0


def _make(options: Options, sources: Sequence[str]) -> Mixing | None:
    mix = options.mix
    if mix is None:
        return None
    seed = options.seed if mix.seed is None else mix.seed
    return Mixing(mix, seed, options.tokenizer)


DEFINITION = Definition(Mixing.name, Options, Mixing.reasons, _make)
