"""A finished build as a source: its rows with all their columns, under the sources, ids and
licences that they have. They are not cleaned again; what decides over the whole build, such as
duplicates, sees them beside everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from ..catalogue.own import OwnSource
from ..corpus import CorpusStep
from ..corpus.options import SHUFFLED
from ..inputs import Input
from ..ledger import CONVERT, READ, Tally
from ..pipeline import Output
from ..preference import Preference, Tokens
from ..recipe import Recipe
from ..schema import GROUP, Conversation, Message, to_json
from ..stages.definition import Definition
from ..store import DATA, Build
from ..store.columns import data_schema
from ..talks import Kept, first_facts
from .parent_rows import Row, RowChunk, check_parts, is_shuffled, open_parent, rows_of


def parents_of(owns: Sequence[OwnSource], inputs: Sequence[Input]) -> dict[str, Build]:
    """The builds among own sources, by the names of those, in the folders that their shards are in.
    Raises what `open_parent` raises."""
    fingerprints = {own.name: own.parent for own in owns if own.parent}
    folders = {i.source: i.path.parent.parent for i in inputs if i.source in fingerprints}
    return {name: open_parent(folder, fingerprints[name]) for name, folder in folders.items()}


def regrouped(parents: Mapping[str, Build], recipe: Recipe) -> list[str]:
    """A note for each parent whose random order is lost."""
    if recipe.order == SHUFFLED:
        return []
    return [
        f"{name} was shuffled, and its rows come by source here; --order shuffled shuffles them"
        for name, build in parents.items()
        if is_shuffled(build)
    ]


def keep(
    chunk: RowChunk, data: bytes, steps: Sequence[CorpusStep], used: Sequence[Definition]
) -> Output:
    """The rows of a chunk as they are, with the facts that corpus steps collect. Raises InputError
    for a row that no build writes."""
    table, rows = rows_of(data, chunk.kind, chunk.place.path)
    texts = [to_json(row) for row in rows]
    output = Output(keeps_whole=any(len(step.rounds) > 1 for step in steps))
    if GROUP in table.column_names:
        table = table.drop_columns([GROUP])  # of a split there, which is made anew here
    if table.schema.equals(data_schema()):
        output.tables[DATA] = table.replace_schema_metadata(data_schema().metadata)
    made = _conversation if chunk.kind == DATA else _preference
    at = 0
    # parts that a shuffled build has in other places are rows of their own
    key = itemgetter("id" if chunk.place.only else "conversation_id")
    for _, together in groupby(rows, key=key):
        found = [made(row) for row in together]
        check_parts(found, chunk.kind, chunk.place.path)
        for parts in [found] if _in_order(found) else [[part] for part in found]:
            output.conversations += _kept(parts, texts[at : at + len(parts)])
            at += len(parts)
    tally = _counts(output.conversations, len(rows), used)
    for (stage, what, name), count in tally.items():
        output.ledger.add(chunk.source, chunk.subset, stage, what, count, name)
    output.facts = first_facts(steps, output.conversations)
    return output


def _in_order(parts: Sequence[Any]) -> bool:
    """Whether they are the first parts of a conversation, or all of it. A build that was made of a
    shuffled one may have some of them side by side, in any order."""
    name = parts[0].conversation_id
    return [part.id for part in parts] in ([name], [f"{name}#{n + 1}" for n in range(len(parts))])


def _kept(parts: Sequence[Any], texts: Sequence[str]) -> list[Kept]:
    """The parts of one conversation, or a preference."""
    whole = first = parts[0]
    if len(parts) > 1:
        # a row of rejected/ for each row, if a step drops the conversation
        rows = tuple(part.origin_rows[0] for part in parts)
        first, whole = replace(first, origin_rows=rows), _together(parts)
    return [
        Kept(part, whole, not at, [] if at else list(texts))
        for at, part in enumerate((first, *parts[1:]))
    ]


def _together(parts: Sequence[Conversation]) -> Conversation:
    """The conversation that was split into these parts, each of which repeats the system prompt."""
    first = parts[0]
    messages = list(first.messages)
    for part in parts[1:]:
        messages += part.messages[1:] if part.has_system else part.messages
    return first.unchecked(
        **vars(first) | {"id": first.conversation_id, "messages": tuple(messages)}
    )


def _messages(values: Sequence[Row]) -> tuple[Message, ...]:
    return tuple(
        [Message(value.pop("role"), value.pop("content"), fields=value or None) for value in values]
    )


def _conversation(row: Row) -> Conversation:
    values = _said(row)
    del values["num_turns"]
    values["messages"] = _messages(values["messages"])
    return Conversation.unchecked(**values)  # checked as it was read


def _preference(row: Row) -> Preference:
    values = _said(row)
    del values["num_turns"]
    sides = ("prompt", "chosen", "rejected")
    tokens = Tokens(*[values.pop(f"{side}_tokens") for side in sides])
    values |= {side: _messages(values[side]) for side in sides}
    return Preference(**values, tokens=tokens)


def _said(row: Row) -> dict[str, Any]:
    """A row's columns as the fields of a value."""
    values = row.copy()
    tools = values.get("tools")
    values["tools"] = None if tools is None else to_json(tools)
    values["origin_rows"] = (values.pop("origin_row"),)
    values["edits"] = tuple(values["edits"])
    values.pop(GROUP, None)
    return values


def _counts(kept: Sequence[Kept], rows: int, used: Sequence[Definition]) -> Tally:
    """The counts of a chunk whose rows go through every stage unchanged; those of one conversation
    are joined, and split again."""
    tally = Tally()
    wholes = [item.whole for item in kept if item.first]
    messages = sum(len(whole.messages) for whole in wholes)
    parts = len(kept) - len(wholes)
    repeated = sum(item.conversation.has_system for item in kept if not item.first)
    tally[READ, "records_out", ""] += rows
    for stage in used:
        if stage.takes == "record":
            tally[stage.name, "records_in", ""] += rows
            tally[stage.name, "records_out", ""] += rows
    tally.flow(CONVERT, rows, messages, rows, messages)
    tally[CONVERT, "records_joined", ""] += parts
    for stage in used:
        if stage.splits and parts:
            tally[stage.name, "parts_added", ""] += parts
            tally[stage.name, "messages_repeated", ""] += repeated
        if stage.takes != "record":
            more = repeated if stage.splits else 0
            tally.flow(stage.name, rows, messages, rows, messages + more)
            messages, repeated, parts = messages + more, repeated - more, 0 if more else parts
    return tally
