"""The rounds of the step.

1  `settle` makes the index of the evaluation items. It stays in the main process until it is
   written as a table, which the workers of the next round memory-map
2  every conversation is looked at: which have an item, and how many have each gram
3  what is common in the sources no longer counts; what is left is judged, with evidence
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...arrays import numbers, strings, view
from ...preference import Whole
from ...schema import Reason
from ..step import DETAIL, EDIT, EVIDENCE, NUMBER, PLACE, REASON, SCORE, Round
from .hits import (
    ONLY_ANSWER,
    ONLY_PASSAGE,
    QUESTION,
    WITH_ANSWER,
    Found,
    Hit,
    evidence,
    found_in,
    look,
)
from .index import Index, index_of, with_common
from .options import Decontaminate
from .report import settled

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MARK = "contaminated_passage"
"""The edit of a conversation that stays."""
FOUND = "found"
"""The column with what is counted of a conversation, as JSON."""
KIND, VALUE, ROWS = "kind", "value", "rows"
GRAM, CONVERSATION, COUNT = 0, 1, 2
"""Kinds of facts: in how many rows a gram is, a conversation to judge, how many rows there are."""
FLOOR, SHARE = 100, 1000
"""A gram is common in more than FLOOR conversations, and more than one in SHARE."""
_SAYS = {
    WITH_ANSWER: "has the question and the answer of",
    QUESTION: "has the question of",
    ONLY_ANSWER: "has the answer of",
    ONLY_PASSAGE: "has the passage of",
}


class Held:
    """The entries of the evaluation sets, and their index. They do not go to the workers: pickling
    leaves them out."""

    def __init__(self, entries: pa.Table | None) -> None:
        self._entries = entries
        self._index: Index | None = None

    def __reduce__(self) -> Any:
        return Held, (None,)

    @property
    def index(self) -> Index:
        if self._index is None:
            assert self._entries is not None
            self._index = index_of(self._entries)
        return self._index


class Indexed(Round):
    """The first round: nothing to collect, the index as its result."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def facts(
        self, conversations: Sequence[Whole], number: np.ndarray[Any, Any], before: pa.Table
    ) -> pa.Table:
        import pyarrow as pa

        return pa.table({PLACE: numbers([], "int32")})

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        import numpy as np

        return np.zeros(len(facts), np.int64)

    def decide(self, facts: pa.Table) -> pa.Table:
        return facts

    def settle(self, decided: pa.Table) -> pa.Table:
        return self._held.index.to_table()


class Looked(Round):
    """The second round: the conversations to judge, and the grams that are common."""

    def __init__(self, held: Held, threshold: float) -> None:
        self._held, self._threshold = held, threshold

    def facts(
        self, conversations: Sequence[Whole], number: np.ndarray[Any, Any], before: pa.Table
    ) -> pa.Table:
        import numpy as np

        index = Index.from_table(before)
        messages = [conversation.messages for conversation in conversations]
        _, owners, _, seen = look(messages, index, self._threshold)
        columns = (seen.hits.text, seen.quoted.text, seen.eights[0], seen.thirteen[0])
        asked = np.unique(owners[np.concatenate(columns).astype(np.int64)])
        pairs = np.unique(owners[seen.shared[0]] << 32 | seen.shared[1])
        gram, first, many = np.unique(pairs & 0xFFFFFFFF, return_index=True, return_counts=True)
        count = min(1, len(messages))
        return _facts(
            (pairs[first] >> 32, GRAM, gram, many),
            (asked, CONVERSATION, asked * 0, asked * 0),
            (np.zeros(count, np.int64), COUNT, [0] * count, [len(messages)] * count),
        )

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        return view(facts[VALUE]) % parts

    def decide(self, facts: pa.Table) -> pa.Table:
        """The grams that may be common, the conversations, and how many there are."""
        import numpy as np
        import pyarrow as pa

        kind, value, rows = (view(facts[name]) for name in (KIND, VALUE, ROWS))
        grams, which = np.unique(value[kind == GRAM], return_inverse=True)
        many = np.bincount(which, rows[kind == GRAM], minlength=len(grams)).astype(np.int64)
        often = many > FLOOR
        asked = view(facts[NUMBER])[kind == CONVERSATION]
        count = np.array([rows[kind == COUNT].sum()])
        columns = [
            (np.full(int(often.sum()), GRAM), grams[often], many[often]),
            (np.full(len(asked), CONVERSATION), asked, asked * 0),
            (np.array([COUNT]), count * 0, count),
        ]
        kinds, values, counts = (np.concatenate(each) for each in zip(*columns, strict=True))
        return pa.table(
            {
                KIND: numbers(kinds, "int8"),
                VALUE: numbers(values, "int64"),
                ROWS: numbers(counts, "int64"),
            }
        )

    def settle(self, decided: pa.Table) -> pa.Table:
        import numpy as np

        kind, value, rows = (view(decided[name]) for name in (KIND, VALUE, ROWS))
        limit = max(FLOOR, int(rows[kind == COUNT].sum()) // SHARE)
        common = value[(kind == GRAM) & (rows > limit)]
        index = with_common(self._held.index, np.sort(common))
        return index._replace(asked=np.sort(value[kind == CONVERSATION])).to_table()


def _facts(*kinds: tuple[Any, int, Any, Any]) -> pa.Table:
    """Facts of several kinds: places, the kind, values, rows."""
    import numpy as np
    import pyarrow as pa

    places, kind, values, rows = zip(*kinds, strict=True)
    each = [np.full(len(place), of) for place, of in zip(places, kind, strict=True)]
    return pa.table(
        {
            PLACE: numbers(np.concatenate(places), "int32"),
            KIND: numbers(np.concatenate(each), "int8"),
            VALUE: numbers(np.concatenate(values), "int64"),
            ROWS: numbers(np.concatenate(rows), "int32"),
        }
    )


class Judged(Round):
    """The third round: a verdict on each conversation that has an item."""

    def __init__(self, held: Held, said: Decontaminate) -> None:
        self._held, self._said = held, said

    def asks(self, before: pa.Table) -> pa.Array:
        return numbers(Index.from_table(before).asked, "int64")

    def facts(
        self, conversations: Sequence[Whole], number: np.ndarray[Any, Any], before: pa.Table
    ) -> pa.Table:
        import pyarrow as pa

        index = Index.from_table(before)
        names = index.names_of_items()
        messages = [conversation.messages for conversation in conversations]
        every = found_in(messages, index, self._said.threshold)
        rows = [
            _verdict(conversation, found, index, names, self._said)
            for conversation, found in zip(conversations, every, strict=True)
        ]
        columns = {PLACE: numbers(list(range(len(rows))), "int32")}
        for name in (REASON, DETAIL, EVIDENCE, EDIT, FOUND):
            columns[name] = strings([row[name] for row in rows]) if rows else strings([])
        columns[SCORE] = numbers([row[SCORE] for row in rows], "float64")
        return pa.table(columns)

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        return view(facts[NUMBER]) % parts

    def decide(self, facts: pa.Table) -> pa.Table:
        return facts.select([NUMBER, REASON, DETAIL, EVIDENCE, EDIT, FOUND, SCORE])

    def settle(self, decided: pa.Table) -> pa.Table:
        return settled(decided, self._held.index, self._said)


def _verdict(
    conversation: Whole,
    found: Found,
    index: Index,
    names: Sequence[str],
    said: Decontaminate,
) -> dict[str, Any]:
    """What becomes of a conversation, as columns of a verdict, and what is counted of it."""
    accepted = conversation.conversation_id in said.allow
    counted = [hit for hit in found.hits if not (accepted or names[hit.item] in said.allow)]
    dropping = [hit for hit in counted if hit.part in said.drop]
    told = dropping or counted
    row: dict[str, Any] = dict.fromkeys((REASON, DETAIL, EVIDENCE, EDIT, SCORE))
    if told:
        row |= {EVIDENCE: evidence(found, told, index), SCORE: max(hit.cover for hit in told)}
    if dropping:
        row |= {REASON: Reason.CONTAMINATED.value, DETAIL: _detail(dropping, names)}
    elif counted:
        row[EDIT] = MARK
    row[FOUND] = json.dumps(_counted(conversation, found, counted, dropping, index))
    return row


def _detail(hits: Sequence[Hit], names: Sequence[str]) -> str:
    first, more = hits[0], len(hits) - 1
    said = f"{_SAYS[first.part]} {names[first.item]}"
    return f"{said} and of {more:,} more" if more else said


def _counted(
    conversation: Whole,
    found: Found,
    counted: Sequence[Hit],
    dropping: Sequence[Hit],
    index: Index,
) -> dict[str, Any]:
    """What the report counts, as numbers of sets and items."""
    kept = {hit.item for hit in counted}
    allowed = [hit for hit in found.hits if hit.item not in kept]
    return {
        "items": sorted(kept),
        "parts": sorted({(int(index.sets[hit.item]), hit.part) for hit in counted}),
        "dropped": _sets(dropping, index),
        "allowed": _sets(allowed, index),
        "allowed_items": sorted({hit.item for hit in allowed}),
        "allowed_id": conversation.conversation_id if allowed else "",
        "quoted": sorted({int(index.sets[item]) for item in found.quoted}),
        "tulu3": sorted(found.eights),
        "any_13": sorted(found.thirteen),
    }


def _sets(hits: Sequence[Hit], index: Index) -> list[int]:
    return sorted({int(index.sets[hit.item]) for hit in hits})
