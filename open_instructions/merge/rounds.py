"""Runs the rounds of a corpus step on an engine, over the chunks of a build.

The facts of the first round were collected when the chunk was made. The engine's workers collect
those of later rounds and write them beside the chunk, so a build that resumes after a kill collects
only the missing ones. The result of a round is also a file, which workers memory-map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from xxhash import xxh3_64_hexdigest

from ..arrays import booleans, numbers, view
from ..corpus.step import ID, NUMBER, PLACE, CorpusStep, Round, no_rows
from ..engines import Engine
from ..store.chunks import KEYS, facts_kind, read_chunk
from ..store.facts import has_facts, read_settled, read_wholes, write_facts, write_settled
from .contract import CHUNK_BITS, check_asks, check_facts, check_parts, check_verdicts, joined

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

PART = 500_000
"""How many facts one part holds, usually one for each conversation: about 100 MB while they are
compared."""
GROUP, GROUPS = 256, 128
"""How many chunks are sent together, and the most groups: beyond that, groups get larger. Messages
should not be tiny."""
Watch = Callable[[str, int, int], None]
"""Called with the name of the work ("shards", or a step and its round), how much is done, and the
total: bytes of text for shards, chunks for a round."""


class Group(NamedTuple):
    """Some chunks, and the numbers of the conversations in them that are already dropped."""

    chunks: range
    gone: np.ndarray[Any, Any]


def groups_of(chunks: int, gone: np.ndarray[Any, Any], each: int = 1) -> list[Group]:
    """All chunks, in groups that are sent together. `gone` holds sorted numbers, and `each` says
    how many facts a conversation has."""
    size = max(GROUP // each, 1, -(-chunks // GROUPS))
    ranges = [range(start, min(start + size, chunks)) for start in range(0, chunks, size)]
    return [Group(chunk_range, gone[within(gone, chunk_range)]) for chunk_range in ranges]


def parts_of(facts: int) -> int:
    return max(1, -(-facts // PART))


def run_step(
    engine: Engine,
    folder: Path,
    counts: Sequence[int],
    step: CorpusStep,
    gone: np.ndarray[Any, Any],
    watch: Watch | None = None,
) -> pa.Table:
    """The verdicts of a step, in any order; `counts` has the conversations of each chunk."""
    before = no_rows()
    for index, asked in enumerate(step.rounds):
        if index:
            _take_facts(engine, folder, counts, step, index, gone, before, watch)
        send = partial(_send, folder=folder, step=step.name, index=index, asked=asked)
        groups = groups_of(len(counts), gone, asked.each)
        decide = partial(_decide, step=step.name, asked=asked)
        answers = engine.exchange(send, groups, decide, parts_of(sum(counts) * asked.each))
        before = asked.conclude(joined(step.name, "decisions", list(answers)), before)
    check_verdicts(step, before, gone, counts)
    return before


def _take_facts(
    engine: Engine,
    folder: Path,
    counts: Sequence[int],
    step: CorpusStep,
    index: int,
    gone: np.ndarray[Any, Any],
    before: pa.Table,
    watch: Watch | None,
) -> None:
    """Collect the facts of a later round, each chunk's in a file beside it."""
    asked, chunks = step.rounds[index], len(counts)
    named = f"{step.name} {index + 1}/{len(step.rounds)}"
    settled = write_settled(folder, step.name, index, before)
    asks = asked.asks(before)
    wanted = None if asks is None else check_asks(step.name, asks, counts)
    work = []
    for chunk in range(chunks):
        span = range(chunk, chunk + 1)
        places = None if wanted is None else _places(wanted[within(wanted, span)], chunk)
        work.append(_Work(chunk, _places(gone[within(gone, span)], chunk), places))
    take = partial(_facts, folder=folder, step=step.name, index=index, asked=asked, given=settled)
    if watch:
        watch(named, 0, chunks)
    for done, _ in enumerate(engine.map(take, work), 1):
        if watch:
            watch(named, done, chunks)


class _Work(NamedTuple):
    """A chunk whose facts to collect: the dropped places, and the requested places, None for
    all."""

    chunk: int
    gone: np.ndarray[Any, Any]
    places: np.ndarray[Any, Any] | None


def _facts(work: _Work, *, folder: Path, step: str, index: int, asked: Round, given: str) -> None:
    """In a worker: collect the facts of one chunk. `given` is the digest of the previous round's
    result."""
    import numpy as np

    seen = [None if places is None else places.tolist() for places in (work.gone, work.places)]
    digest = xxh3_64_hexdigest(repr((given, seen)).encode())
    kind = facts_kind(step, index)
    if has_facts(folder, work.chunk, kind, digest):
        return
    places = np.arange(read_chunk(folder, work.chunk, KEYS).num_rows)
    left = np.setdiff1d(places if work.places is None else work.places, work.gone)
    number = left + (work.chunk << CHUNK_BITS)
    wholes = read_wholes(folder, work.chunk, left)
    facts = asked.facts(wholes, number, read_settled(folder, step, index))
    check_facts(step, facts, len(left))
    if PLACE in facts.column_names:  # from places among those read to places in the chunk
        at = facts.column_names.index(PLACE)
        facts = facts.set_column(at, PLACE, numbers(left[_places_in(facts)], "int32"))
    write_facts(folder, work.chunk, kind, facts, digest)


def _send(
    group: Group, parts: int, *, folder: Path, step: str, index: int, asked: Round
) -> list[pa.Table]:
    """In a worker: the facts of some chunks, for each part."""
    import numpy as np

    kind = facts_kind(step, index)
    tables = [_numbered(folder, chunk, step, kind, asked.named) for chunk in group.chunks]
    table = joined(step, "facts", tables)
    if NUMBER in table.column_names and len(group.gone):
        stays = np.isin(view(table[NUMBER]), group.gone, invert=True)
        table = table.filter(booleans(stays))

    def sent(table: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        return check_parts(step, asked.send(table, parts), len(table), parts)

    return parted(table.combine_chunks(), parts, sent)


def parted(
    table: pa.Table, parts: int, send: Callable[[pa.Table, int], np.ndarray[Any, Any]]
) -> list[pa.Table]:
    """The rows for each part, as `send` assigns them."""
    if parts == 1:
        return [table]
    part = send(table, parts)
    return [table.filter(booleans(part == number)) for number in range(parts)]


def _decide(messages: Sequence[pa.Table], *, step: str, asked: Round) -> pa.Table:
    return asked.decide(joined(step, "facts", messages))


def _numbered(folder: Path, chunk: int, step: str, kind: str, named: bool) -> pa.Table:
    """The facts of a chunk, with numbers, and ids if `named`, instead of places."""
    import numpy as np
    import pyarrow as pa

    ids = read_chunk(folder, chunk, KEYS)[ID]
    facts = check_facts(step, read_chunk(folder, chunk, kind), len(ids))
    if PLACE not in facts.column_names:
        return facts
    places = _places_in(facts)
    columns = {name: facts[name] for name in facts.column_names if name != PLACE}
    number = numbers(places + (chunk << CHUNK_BITS), "int64")
    if not named:
        return pa.table({NUMBER: number, **columns})
    if not np.array_equal(places, np.arange(len(ids))):  # else the ids are in order already
        ids = ids.take(numbers(places, "int64"))
    return pa.table({NUMBER: number, ID: ids, **columns})


def _places_in(facts: pa.Table) -> np.ndarray[Any, Any]:
    """The column of places, which may have any integer type, or any type if it is empty."""
    import numpy as np

    column = facts[PLACE]
    return view(column).astype(np.int64) if len(column) else np.empty(0, np.int64)


def within(values: np.ndarray[Any, Any], chunks: range) -> slice:
    """The slice of sorted numbers that belongs to these chunks."""
    import numpy as np

    ends = np.searchsorted(values, [chunks.start << CHUNK_BITS, chunks.stop << CHUNK_BITS])
    return slice(*ends.tolist())


def _places(numbers_in_chunk: np.ndarray[Any, Any], chunk: int) -> np.ndarray[Any, Any]:
    return numbers_in_chunk - (chunk << CHUNK_BITS)
