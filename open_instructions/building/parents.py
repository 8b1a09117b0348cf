"""A finished build as a source: its rows with all their columns, under the sources, ids and
licences that they have. They are not cleaned again; what decides over the whole build, such as
duplicates, sees them beside everything else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

from ..catalogue.own import OwnSource
from ..corpus import CorpusStep
from ..inputs import Input
from ..ledger import CONVERT, READ, Tally
from ..pipeline import Output
from ..preference import Preference, Tokens
from ..readers import Frame
from ..readers.chunk import CHUNK_CHARS, CHUNK_RECORDS, Chunk
from ..schema import GROUP, Conversation, Message, to_json
from ..stages.definition import Definition
from ..store import Build
from ..talks import Kept, first_facts
from .parent_rows import Row, open_parent, rows_of


class Origin(NamedTuple):
    """Where a row of a build came from; the rows of a chunk have one."""

    source: str
    subset: str
    file: str


def parents_of(owns: Sequence[OwnSource], inputs: Sequence[Input]) -> dict[str, Build]:
    """The builds among own sources, by the names of those, in the folders that their shards are in.
    Raises what `open_parent` raises."""
    fingerprints = {own.name: own.parent for own in owns if own.parent}
    folders = {i.source: i.path.parent.parent for i in inputs if i.source in fingerprints}
    return {name: open_parent(folder, fingerprints[name]) for name, folder in folders.items()}


def chunks_of_rows(item: Input, build: Build, start: int) -> Iterator[Chunk]:
    """The rows of a shard in chunks. Those of one conversation are one run, never cut apart."""
    shard, rows = rows_of(item, build)
    kind, parent = shard.kind, build.manifest.fingerprint
    runs: list[list[Frame]] = []
    number, chars, done = start, 0, 0
    last: Origin | None = None
    for (origin, _), together in groupby(rows, key=_conversation_of):
        frames = [Frame(row["origin_row"], to_json(row)) for row in together]
        if runs and (origin != last or chars >= CHUNK_CHARS or len(runs) >= CHUNK_RECORDS):
            assert last
            yield Chunk(number, *last, {}, runs, done / shard.rows, parent=parent, kind=kind)
            number, runs, chars = number + 1, [], 0
        runs.append(frames)
        chars += sum(len(frame.text) for frame in frames)
        done += len(frames)
        last = origin
    if runs and last:
        yield Chunk(number, *last, {}, runs, 1.0, parent=parent, kind=kind)


def _conversation_of(row: Row) -> tuple[Origin, str]:
    return Origin(row["source"], row["subset"], row["origin_file"]), row["conversation_id"]


def keep(chunk: Chunk, steps: Sequence[CorpusStep], used: Sequence[Definition]) -> Output:
    """The rows of a chunk as they are, with the facts that corpus steps collect."""
    output = Output(keeps_whole=any(len(step.rounds) > 1 for step in steps))
    made = _conversation if chunk.kind == "data" else _preference
    for frames in chunk.runs:
        output.conversations += _kept([json.loads(f.text) for f in frames], frames, made)
    tally = _counts(output.conversations, chunk.records, used)
    for (stage, what, name), count in tally.items():
        output.ledger.add(chunk.source, chunk.subset, stage, what, count, name)
    output.facts = first_facts(steps, output.conversations)
    return output


def _kept(rows: Sequence[Row], frames: Sequence[Frame], made: Callable[[Row], Any]) -> list[Kept]:
    """The parts of one conversation, or a preference."""
    parts = [made(row) for row in rows]
    # a row of rejected/ for each row, if a step drops the conversation
    parts[0] = replace(parts[0], origin_rows=tuple(frame.row for frame in frames))
    whole = parts[0] if len(parts) == 1 else _together(parts)
    raw: list[str | None] = [frame.text for frame in frames]
    return [Kept(part, whole, not at, [] if at else raw) for at, part in enumerate(parts)]


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
        Message(value.pop("role"), value.pop("content"), fields=value or None) for value in values
    )


def _conversation(row: Row) -> Conversation:
    row = {**row, "messages": _messages(row["messages"])}
    return Conversation.unchecked(**_named(row, "num_turns"))  # checked as it was read


def _preference(row: Row) -> Preference:
    sides = {side: _messages(row[side]) for side in ("prompt", "chosen", "rejected")}
    tokens = Tokens(*(row[f"{side}_tokens"] for side in sides))
    named = _named({**row, **sides}, "num_turns", *(f"{side}_tokens" for side in sides))
    return Preference(**named, tokens=tokens)


def _named(row: Row, *left_out: str) -> dict[str, Any]:
    """A row's columns as the fields of a value."""
    tools = row.get("tools")
    values = {
        **row,
        "origin_rows": (row["origin_row"],),
        "edits": tuple(row["edits"]),
        "tools": None if tools is None else to_json(tools),
    }
    for name in (*left_out, "origin_row"):
        del values[name]
    values.pop(GROUP, None)  # of a split there, which is made anew here
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
