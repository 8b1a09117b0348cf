"""What the tests of mix and holdout share: conversations, and a step's verdicts on them without a
build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa

from open_instructions.corpus.step import (
    ID,
    NUMBER,
    PLACE,
    STEP,
    CorpusStep,
    OfRows,
    no_rows,
    report_of,
    verdict_schema,
)
from open_instructions.preference import Whole
from open_instructions.schema import Conversation, Message


def talk(id: str, source: str = "alpaca", tokens: int = 10, **more: Any) -> Conversation:
    """A conversation of one turn, whose prompt is its id unless it is given."""
    asked = more.pop("prompt", f"What is {id}?")
    messages = (Message("user", asked), Message("assistant", "It is this."))
    name = f"{source}/{id}"
    fields = {"subset": "main", "conversation_id": name, "origin_file": f"{source}.json"}
    if "origin_rows" not in more:
        fields["origin_rows"] = (crc32(id.encode()),)  # its own
    return Conversation(name, source, messages=messages, num_tokens=tokens, **(fields | more))


def verdicts_of(
    step: CorpusStep,
    conversations: Sequence[Whole],
    earlier: Sequence[Mapping[str, Any]] = (),
    parts: int = 1,
) -> pa.Table:
    """The verdicts of a step of one round. `earlier` are those of steps before it."""
    schema = verdict_schema().append(pa.field(STEP, pa.string()))
    judged = pa.Table.from_pylist([dict(row) for row in earlier], schema)
    step = step.following(judged)  # type: ignore[attr-defined]
    [asked] = step.rounds
    rows = [[conversation] for conversation in conversations]
    wants_rows = isinstance(asked, OfRows)
    none = np.empty(0, np.int64)
    facts = asked.facts_of_rows(rows) if wants_rows else asked.facts(conversations, none, no_rows())
    places = facts[PLACE].to_pylist()
    columns = {name: facts[name] for name in facts.column_names if name != PLACE}
    names = [conversations[place].conversation_id for place in places]
    table = pa.table({NUMBER: pa.array(places, pa.int64()), ID: names, **columns})
    part = asked.send(table, parts)
    found = [asked.decide(table.filter(pa.array(part == n))) for n in range(parts)]
    return asked.settle(pa.concat_tables(found))


def copies_of(step: CorpusStep, conversations: Sequence[Whole], **more: Any) -> dict[str, int]:
    """How often each conversation is written, by id, without those that are not."""
    found = {item.conversation_id: 1 for item in conversations}
    for row in verdicts_of(step, conversations, **more).to_pylist():
        name = conversations[row["number"]].conversation_id
        found[name] = 0 if row["reason"] else row["copies"] or 1
    return {name: count for name, count in found.items() if count}


def shares_of(step: CorpusStep, conversations: Sequence[Whole]) -> dict[str, tuple[int, ...]]:
    """Wanted, available and taken of each set, as the report has them."""
    rows = report_of(verdicts_of(step, conversations))["shares"]
    return {row["name"]: (row["wanted"], row["available"], row["taken"]) for row in rows}
