"""The law of near duplicates, over rows that are edited, cut, continued and given other signs: of
two rows that are alike one at most stays, a row is dropped only for one that stays and that it is
alike with, and rows that are alike are in one cluster. So no split parts such a pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from open_instructions.corpus.near_duplicates import (
    NearDuplicates,
    Step,
    agree,
    compare,
    groups,
)
from open_instructions.corpus.near_duplicates.keep import Judged, Links, judged, linked
from open_instructions.corpus.step import ID, NUMBER, PLACE, no_rows
from open_instructions.schema import Conversation, Message

WORDS = ["lake", "mill", "boat", "hill", "town", "spring", "stone", "bread", "glass", "paper"]
Edit = tuple[str, int, str]


def text(family: int) -> list[str]:
    """Sixty words; neighbouring families share fifty of them."""
    rng = np.random.default_rng(5)
    return [WORDS[n] for n in rng.integers(0, len(WORDS), 200)][family * 10 : family * 10 + 60]


def edited(family: int, edits: Sequence[Edit]) -> tuple[str, ...]:
    """The turns of a row: the family's text, with edits."""
    words = text(family)
    turns = ["Tell me of " + " ".join(words[:10]), ""]
    for kind, place, word in edits:
        if kind == "replace":
            words[place % len(words)] = word
        elif kind == "cut":
            del words[max(len(words) - place % 20 - 1, 5) :]
        elif kind == "sign":
            words[place % len(words)] += " " + "+-/€"[place % 4]
        elif kind == "case":
            words = [known.upper() for known in words]
        else:
            turns += [f"And the {word}?", "It is here." if place % 2 else f"Ask the {word}."]
    turns[1] = " ".join(words)
    return tuple(turns)


def run(step: Step, talks: Sequence[Conversation]) -> list[dict[str, Any]]:
    """The verdicts of all rounds, in memory."""
    before = no_rows()
    for asked in step.rounds:
        asks = asked.asks(before)
        at = np.arange(len(talks)) if asks is None else np.array(asks.to_pylist(), int)
        facts = asked.facts([talks[n] for n in at], at, before)
        if PLACE in facts.column_names:
            number = [int(at[place]) for place in facts[PLACE].to_pylist()]
            ids = [talks[n].conversation_id for n in number]
            named = {NUMBER: pa.array(number, pa.int64()), **({ID: ids} if asked.named else {})}
            facts = pa.table(named | {name: facts[name] for name in facts.column_names[1:]})
        before = asked.conclude(asked.decide(facts), before)
    return [row for row in before.to_pylist() if row["number"] is not None]


edits = st.lists(
    st.tuples(
        st.sampled_from(["replace", "cut", "sign", "case", "longer"]),
        st.integers(0, 79),
        st.sampled_from([*WORDS, "not", "7"]),
    ),
    max_size=4,
)


@given(
    st.lists(st.tuples(st.integers(0, 3), edits, st.sampled_from(["a", "b"])), max_size=30),
    st.sampled_from(["conversation", "prompt"]),
    st.sampled_from([1, 50, 10**6]),
)
@settings(deadline=None)
def test_of_two_rows_that_are_alike_one_at_most_stays(
    rows: list[tuple[int, list[Edit], str]],
    scope: Literal["conversation", "prompt"],
    at_once: int,
) -> None:
    talks = []
    for n, (family, changes, source) in enumerate(rows):
        turns = edited(family, changes)
        said = [Message(("user", "assistant")[at % 2], turn) for at, turn in enumerate(turns)]
        talks.append(Conversation(f"{n:02}", source, "x", tuple(said), f"{n:02}"))
    links: list[Links] = []
    alike: set[tuple[int, int]] = set()

    def judges(*given: Any) -> list[Judged]:
        links.append(linked(*given))
        return judged(*given)

    def says(told: Any, number: list[int], *more: Any) -> pa.Table:
        alike.update(
            (number[row], number[other])
            for row, other in zip(links[-1].row.tolist(), links[-1].other.tolist(), strict=True)
        )
        return as_verdicts(told, number, *more)

    as_verdicts = compare._as_verdicts
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "judged", judges)
        patch.setattr(compare, "_as_verdicts", says)
        for module in (compare, groups, agree):  # in parts of any size
            patch.setattr(module, "AT_ONCE", at_once)
        found = run(Step(NearDuplicates(scope=scope), ("a", "b")), talks)
    gone = {row["number"]: row["other"] for row in found if row["reason"]}
    cluster = {row["number"]: row["cluster"] for row in found}
    for one, other in alike:
        assert one in gone or other in gone
        assert cluster[one] == cluster[other]
    for row, other in gone.items():
        assert other not in gone
        assert (row, other) in alike
