"""Puts rows aside for validation and test, so that what belongs together is on one side.

A group is what no split may part: a conversation with its parts, all rows of one record, near
duplicates, and whatever has the same text before the first answer, in data/ and preference/ alike.
Its id is the smallest hash of such a text in it, and its side a hash of that id. So a row changes
sides only if a new one joins its group, whatever else is added.

There is one round, and the groups are found where its results come together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from xxhash import xxh3_64_intdigest

from ..arrays import numbers, strings, view, whole
from ..preference import Whole, tokens_of
from ..schema import ASSISTANT
from .budget import exactly
from .groups import components, hexadecimal, labelled, same_key, sums
from .mix import Mix
from .options import Seeded
from .sets import Sets
from .sides import UNKNOWN, Groups, Sides, is_fingerprint, sides_of
from .split_report import Told, report
from .step import (
    CLUSTER,
    NUMBER,
    PLACE,
    SPLITS,
    CorpusStep,
    Definition,
    Round,
    verdicts,
    with_report,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

PROMPT, BEGINS, RECORD, NAMED = "prompt", "begins", "record", "named"
ROWS, TOKENS, LABEL = "rows", "tokens", "label"


@dataclass(frozen=True)
class Held:
    """The keys `validation` and `test` of a recipe.

    share   the part of all rows, above 0 and below 1
    rows    in place of it: how many rows
    tokens  or how many tokens
    from_   the folder of a build whose sides stay as they are. Without another key, new rows are
            for training
    """

    SHORT: ClassVar[str] = "share"

    share: float | None = None
    rows: int | None = None
    tokens: int | None = None
    from_: str | None = None

    def __post_init__(self) -> None:
        said = [name for name in ("share", "rows", "tokens") if getattr(self, name) is not None]
        if len(said) > 1:
            raise ValueError(f"{said[0]} and {said[1]} exclude each other: name one")
        if self.share is not None and not 0 < self.share < 1:
            raise ValueError(
                f"a share is above 0 and below 1, not {self.share:g}; for a number write "
                f"{{rows: {max(1, round(self.share)) if abs(self.share) < 1e15 else 1}}}"
            )
        for name in ("rows", "tokens"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} is {value}, so nothing would be put aside")
        if self.from_ is not None and not self.from_.strip():
            raise ValueError("from names no build")
        if not said and self.from_ is None:
            object.__setattr__(self, "share", 0.01)

    def beside(self, folder: Path) -> Held:
        """The same for a recipe in this folder, where a relative path begins."""
        said = self.from_
        if said is None or said.startswith("~") or "://" in said or is_fingerprint(said):
            return self
        return replace(self, from_=str(folder / said))


@dataclass(frozen=True)
class Options(Seeded):
    """
    validation  what to put aside for validation
    test        what to put aside for a test
    mix         which sets have a weight: what has none is left out of all splits
    """

    validation: Held | None = None
    test: Held | None = None
    mix: Mix | None = None


def problem(options: Options) -> str:
    """Why the two keys cannot be together; "" if they can."""
    validation, test = options.validation, options.test
    if not (validation and test):
        return ""
    if validation.share and test.share and exactly(validation.share) + exactly(test.share) >= 1:
        return f"validation and test take every row: {validation.share:g} and {test.share:g}"
    if validation.from_ and test.from_ and validation.from_ != test.from_:
        return "validation and test can keep the sides of one build, not of two"
    return ""


@dataclass(frozen=True)
class Holdout:
    """The step. `sides` are those of an earlier build, and `clusters` the near duplicates that
    earlier steps found: numbers of conversations, and each one's cluster. Workers need neither.
    What `mix` leaves out of all splits is not counted."""

    validation: Held | None
    test: Held | None
    seed: int
    sides: Sides | None = None
    clusters: tuple[Any, Any] | None = field(default=None, compare=False)
    mix: Mix | None = None
    name = "holdout"
    reasons = ()

    @property
    def rounds(self) -> Sequence[Round]:
        return (_Grouped(self),)

    def following(self, earlier: pa.Table) -> Holdout:
        found = earlier.filter(earlier[CLUSTER].is_valid())
        return replace(self, clusters=(view(found[NUMBER]), view(found[CLUSTER])))

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "clusters": None}


def with_sides(steps: Sequence[CorpusStep], sides: Sides | None) -> tuple[CorpusStep, ...]:
    """The steps, of which the holdout keeps these sides."""
    return tuple(replace(s, sides=sides) if isinstance(s, Holdout) else s for s in steps)


def prompt_key(conversation: Whole) -> int:
    """A hash of all text before the first answer; capitals and white space do not count."""
    asked = takewhile(lambda message: message.role != ASSISTANT, conversation.messages)
    return texts_key(message.content for message in asked)


def texts_key(texts: Iterable[str]) -> int:
    """The same of texts alone."""
    return xxh3_64_intdigest(compared(texts).encode())


def compared(texts: Iterable[str]) -> str:
    """Texts as they are compared."""
    return "\n".join(" ".join(text.casefold().split()) for text in texts)


def is_later_part(row: Whole) -> bool:
    """Whether it is a part of a conversation, without the beginning. Such parts stand alone where a
    shuffled build is a source."""
    return is_later(row.id, row.conversation_id)


def is_later(id: str, conversation_id: str) -> bool:
    """The same, by its ids."""
    return id[len(conversation_id or id) :] not in ("", "#1")


def id_key(name: str) -> int:
    return xxh3_64_intdigest(name.encode())


class _Grouped(Round):
    def __init__(self, step: Holdout) -> None:
        self._step = step

    def facts(
        self, conversations: Sequence[Whole], number: np.ndarray[Any, Any], before: pa.Table
    ) -> pa.Table:
        return self.facts_of_rows([[conversation] for conversation in conversations])

    def facts_of_rows(self, rows: Sequence[Sequence[Whole]]) -> pa.Table:
        """A row for each conversation, or for each of its records if it has several: the first
        has its size, which is nothing if the mix leaves it out."""
        import pyarrow as pa

        sets = Sets(self._step.mix) if self._step.mix else None

        columns: dict[str, list[Any]] = {
            name: [] for name in (PLACE, PROMPT, BEGINS, RECORD, NAMED, ROWS, TOKENS, LABEL)
        }
        for place, parts in enumerate(rows):
            first = parts[0]
            label = f"{first.source}:{first.subset}"
            file = f"{label}\n{first.origin_file}\n"
            named = id_key(first.conversation_id or first.id)
            begins = not is_later_part(first)  # others begin with "Continue", as many do
            prompt = prompt_key(first) if begins else id_key(first.id)
            size = len(parts), sum(map(tokens_of, parts))
            if sets and not sets.takes(first):
                size = 0, 0
            for record in dict.fromkeys(first.origin_rows):
                key = xxh3_64_intdigest(f"{file}{record}".encode())
                fact = (place, prompt, begins, key, named, *size, label)
                for column, value in zip(columns.values(), fact, strict=True):
                    column.append(value)
                size = 0, 0
        kinds = {PLACE: "int32", BEGINS: "int32", ROWS: "int64", TOKENS: "int64"}
        labels = strings(columns.pop(LABEL))
        arrays: dict[str, Any] = {
            name: numbers(values, kinds.get(name, "uint64")) for name, values in columns.items()
        }
        return pa.table(arrays | {LABEL: labels})

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        import numpy as np

        return view(facts[PROMPT]) % np.uint64(parts)

    def decide(self, facts: pa.Table) -> pa.Table:
        """The facts without ids, and with labels once."""
        import pyarrow as pa

        kept: dict[str, Any] = {
            name: facts[name] for name in (NUMBER, PROMPT, BEGINS, RECORD, NAMED, ROWS, TOKENS)
        }
        return pa.table(kept | {LABEL: whole(facts[LABEL]).dictionary_encode()})

    def settle(self, decided: pa.Table) -> pa.Table:
        import numpy as np

        number, first, node = np.unique(
            view(decided[NUMBER]), return_index=True, return_inverse=True
        )
        count = len(number)
        member = components(count, *self._edges(decided, number, node))
        prompt, label = view(decided[PROMPT]), labelled(decided[LABEL])
        smallest = _smallest(prompt, member[node], view(decided[BEGINS]) > 0, count)
        rows, tokens = (sums(node, view(decided[name]), count) for name in (ROWS, TOKENS))
        known, before = self._known(view(decided[NAMED]), prompt, node, count)
        heads = np.flatnonzero(member == np.arange(count))
        groups = Groups(
            smallest[heads],
            sums(member, rows, count)[heads],
            sums(member, tokens, count)[heads],
            _agreed(known, member, count)[heads],
        )
        of_head = sides_of(groups, self._step.validation, self._step.test, self._step.seed)
        every = np.zeros(count, np.int8)
        every[heads] = of_head
        side = every[member]
        moved = int(((before != UNKNOWN) & (before != side) & (rows > 0)).sum())
        told = Told(side, rows, tokens, label.codes[first], label.names, moved)
        found = verdicts(
            number=number,
            split=_names().take(numbers(side.astype(np.int64), "int64")),
            group_id=hexadecimal(smallest[member]),
        )
        return with_report(found, report(self._step, told, groups, of_head))

    def _edges(
        self, decided: pa.Table, number: np.ndarray[Any, Any], node: np.ndarray[Any, Any]
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Which conversations belong together, as pairs of their places in `number`; `node` is the
        place that each fact is about."""
        import numpy as np

        one, other = [], []
        for name in (PROMPT, RECORD):
            one.append(node)
            other.append(node[same_key(view(decided[name]))])
        # later parts that stand alone have no prompt, and their record may have been another file's
        named = view(decided[NAMED])
        parted = np.isin(named, named[view(decided[BEGINS]) == 0])
        one.append(node[parted])
        other.append(node[parted][same_key(named[parted])])
        if self._step.clusters is not None:
            of, cluster = self._step.clusters
            here = np.isin(of, number)
            place, cluster = np.searchsorted(number, of[here]), cluster[here]
            one.append(place)
            other.append(place[same_key(cluster)])
            led = np.isin(cluster, number)  # the first of a cluster may have no verdict itself
            one.append(place[led])
            other.append(np.searchsorted(number, cluster[led]))
        return np.concatenate(one), np.concatenate(other)

    def _known(
        self,
        named: np.ndarray[Any, Any],
        prompt: np.ndarray[Any, Any],
        node: np.ndarray[Any, Any],
        count: int,
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The side that the earlier build says for each conversation, and that it had there."""
        import numpy as np

        if self._step.sides is None:
            return (np.full(count, UNKNOWN, np.int8),) * 2
        said, had = self._step.sides.of(named, prompt)
        return _agreed(said, node, count), _agreed(had, node, count)


_LAST = 2**64 - 1


def _smallest(
    prompt: np.ndarray[Any, Any], group: np.ndarray[Any, Any], begins: Any, count: int
) -> np.ndarray[Any, Any]:
    """The smallest hash of a prompt in each group; in one of later parts alone, that of an id."""
    import numpy as np

    found = np.full(count, _LAST, np.uint64)
    np.minimum.at(found, group[begins], prompt[begins])
    alone = ~begins & (found[group] == _LAST)
    np.minimum.at(found, group[alone], prompt[alone])
    return found


def _agreed(
    known: np.ndarray[Any, Any], member: np.ndarray[Any, Any], count: int
) -> np.ndarray[Any, Any]:
    """One side for each group. Where a group has several, training comes first, then validation:
    no row that a model may have seen is then used to judge it."""
    import numpy as np

    found = np.full(count, _UNSEEN, np.int8)
    np.minimum.at(found, member, np.where(known == UNKNOWN, _UNSEEN, known).astype(np.int8))
    return np.where(found == _UNSEEN, UNKNOWN, found)


_UNSEEN = 100


def _names() -> pa.Array:
    """The names of sides in a verdict: training has none."""
    return strings([None, *SPLITS])


def _make(options: Options, sources: Sequence[str]) -> Holdout | None:
    if options.validation is None and options.test is None:
        return None
    return Holdout(options.validation, options.test, options.seed, mix=options.mix)


DEFINITION = Definition(Holdout.name, Options, Holdout.reasons, _make)
