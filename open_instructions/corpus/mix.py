"""Takes from each set its share of a mix, by rows or tokens.

There is one round. Each conversation gets a rank: a hash of its id and the seed. A set gives the
conversations with the lowest ranks, until the next one would be over its budget; see `budget`. So a
smaller mix is contained in a larger one, a raised weight only adds rows of that set, and a new
source changes the rank of nothing. What an earlier step put into another split stays there, if its
set has a weight. data/ and preference/ are mixed apart, each by all weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from xxhash import xxh3_64_intdigest

from ..arrays import flags, numbers, strings, view, whole
from ..preference import Preference, Whole, tokens_of
from ..schema import ASSISTANT, Message, Reason
from ..tokens import DEFAULT, message_tokens, tokenizer
from .budget import MOST_EPOCHS
from .groups import labelled
from .mix_report import much_aside
from .options import Seeded, Weights
from .sets import Sets, label_of
from .shares import DATA, PREFERENCE, Rows, in_all, settle_shares
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

RANK, SIZE, NAME, PAIRED = "rank", "size", "name", "paired"
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
        """Rank, size and set of each conversation or preference row."""
        import pyarrow as pa

        first = [parts[0] for parts in rows]
        before = f"mix {self._step.seed} "
        named = [before + (row.conversation_id or row.id) for row in first]
        by = self._step.mix.by
        return pa.table(
            {
                PLACE: numbers(list(range(len(rows))), "int32"),
                RANK: numbers([xxh3_64_intdigest(name.encode()) for name in named], "uint64"),
                SIZE: numbers([self._size(parts) for parts in rows], "int64"),
                PAIRED: numbers([isinstance(row, Preference) for row in first], "int8"),
                NAME: strings([label_of(by, row) for row in first]),
            }
        )

    def _size(self, parts: Sequence[Whole]) -> int:
        if self._step.mix.unit == "rows":
            return len(parts)
        if self._step.mix.unit == "tokens":
            return sum(map(tokens_of, parts))
        count = tokenizer(self._step.tokenizer).count
        return sum(message_tokens(count, m) for part in parts for m in _answers(part))

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        import numpy as np

        return view(facts[RANK]) % np.uint64(parts)

    def decide(self, facts: pa.Table) -> pa.Table:
        """The facts without ids, and with names once."""
        import pyarrow as pa

        columns: dict[str, Any] = {name: facts[name] for name in (NUMBER, RANK, SIZE, PAIRED)}
        return pa.table(columns | {NAME: whole(facts[NAME]).dictionary_encode()})

    def settle(self, decided: pa.Table) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        names, label = labelled(decided[NAME])
        order = np.lexsort((view(decided[NUMBER]), view(decided[RANK])))
        number, size, rank, paired = (
            view(decided[name])[order] for name in (NUMBER, SIZE, RANK, PAIRED)
        )
        held = np.isin(number, [] if self._step.held is None else self._step.held)
        every = Rows(label[order], size, rank, held)
        tables = {DATA: np.flatnonzero(paired == 0), PREFERENCE: np.flatnonzero(paired)}
        if not len(tables[PREFERENCE]):
            del tables[PREFERENCE]
        mix = self._step.mix
        found = settle_shares(
            mix, names, {name: Rows(*(c[at] for c in every)) for name, at in tables.items()}
        )
        copies = np.zeros(len(number), np.int32)
        for name, at in tables.items():
            copies[at] = found[name].copies
        gone, again = copies == 0, copies > 1
        sets = Sets(mix)
        weighted = np.array([sets.of(name) is not None for name in names], np.int64)
        dropped = verdicts(
            number=number[gone],
            reason=Reason.NOT_SAMPLED.value,
            detail=strings(_DETAILS).take(numbers(weighted[every.label[gone]], "int64")),
        )
        repeated = verdicts(number=number[again], copies=copies[again])
        aside, trained = int(np.count_nonzero(held & ~gone)), int(copies[~held].sum())
        told = in_all(mix, found)
        told["notes"] += much_aside(aside, trained)
        return with_report(pa.concat_tables([dropped, repeated]), told)


_DETAILS = ("its set has no weight in the mix", "beyond what its set gives to the mix")


def _answers(row: Whole) -> Iterator[Message]:
    """The messages that a trainer learns from."""
    messages = (*row.chosen, *row.rejected) if isinstance(row, Preference) else row.messages
    return filter(_trains, messages)


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
