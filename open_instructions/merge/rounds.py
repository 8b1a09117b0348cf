"""The rounds of a corpus step, run by an engine over the chunks of a build.

Facts of the first round were taken when the chunk was made. Those of a later round are taken here,
by the engine's workers, and written beside the chunk: a build that goes on after a kill takes only
those that are not there yet. What a round settled lies in a file as well, which workers map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from xxhash import xxh3_64_hexdigest

from ..arrays import booleans, numbers, view, whole
from ..corpus.step import ID, NUMBER, PLACE, CorpusStep, Round, no_rows, verdict_schema
from ..engines import Engine
from ..errors import ConverterError
from ..store.chunks import KEYS, facts_kind, read_chunk
from ..store.facts import has_facts, read_settled, read_wholes, write_facts, write_settled

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

PART = 500_000
"""So many conversations come together in one part: some 100 MB while they are compared."""
GROUP, GROUPS = 256, 128
"""So many chunks send together, or more where there would be more than so many groups: what is sent
should be no crumbs."""
CHUNK_BITS = 32
"""A conversation's number is that of its chunk, times 2**32, plus its place in it."""

Watch = Callable[[str, int, int], None]
"""Called with what is done ("shards", or a step and its round), how much of it, and of how much:
bytes of text for shards, chunks for a round."""


class Group(NamedTuple):
    """Some chunks, and the numbers of the conversations in them that are dropped already."""

    chunks: range
    gone: np.ndarray[Any, Any]


def groups_of(chunks: int, gone: np.ndarray[Any, Any]) -> list[Group]:
    """All chunks, in groups that send together. `gone` are numbers in order."""
    size = max(GROUP, -(-chunks // GROUPS))
    ranges = [range(start, min(start + size, chunks)) for start in range(0, chunks, size)]
    return [Group(chunk_range, _within(gone, chunk_range)) for chunk_range in ranges]


def parts_of(conversations: int) -> int:
    return max(1, -(-conversations // PART))


def run_step(
    engine: Engine,
    folder: Path,
    counts: Sequence[int],
    step: CorpusStep,
    gone: np.ndarray[Any, Any],
    watch: Watch | None = None,
) -> pa.Table:
    """The verdicts of a step on chunks of so many conversations each, in order of the numbers."""
    import numpy as np
    import pyarrow as pa

    before = no_rows()
    for index, asked in enumerate(step.rounds):
        if index:
            _take_facts(engine, folder, len(counts), step, index, gone, before, watch)
        send = partial(_send, folder=folder, step=step.name, index=index, asked=asked)
        groups = groups_of(len(counts), gone)
        decide = partial(_decide, asked=asked)
        answers = engine.exchange(send, groups, decide, parts_of(sum(counts)))
        before = asked.settle(pa.concat_tables(answers))
    _check_verdicts(step, before, gone)
    order = np.argsort(view(before[NUMBER]), kind="stable")
    return before.take(numbers(order, "int64")).combine_chunks()


def _take_facts(
    engine: Engine,
    folder: Path,
    chunks: int,
    step: CorpusStep,
    index: int,
    gone: np.ndarray[Any, Any],
    before: pa.Table,
    watch: Watch | None,
) -> None:
    """The facts of a later round, each chunk's in a file beside it."""
    import numpy as np

    asked = step.rounds[index]
    named = f"{step.name} {index + 1}/{len(step.rounds)}"
    settled = write_settled(folder, step.name, index, before)
    asks = asked.asks(before)
    wanted = None if asks is None else np.unique(view(asks))
    work = []
    for chunk in range(chunks):
        span = range(chunk, chunk + 1)
        places = None if wanted is None else _places(_within(wanted, span), chunk)
        work.append(_Work(chunk, _places(_within(gone, span), chunk), places))
    take = partial(_facts, folder=folder, step=step.name, index=index, asked=asked, given=settled)
    if watch:
        watch(named, 0, chunks)
    for done, _ in enumerate(engine.map(take, work), 1):
        if watch:
            watch(named, done, chunks)


class _Work(NamedTuple):
    """A chunk whose facts are to be taken: the places that are dropped, and those that are asked
    for, None for all."""

    chunk: int
    gone: np.ndarray[Any, Any]
    places: np.ndarray[Any, Any] | None


def _facts(work: _Work, *, folder: Path, step: str, index: int, asked: Round, given: str) -> None:
    """In a worker: the facts of one chunk. `given` is the digest of what the round before
    settled."""
    import numpy as np

    seen = [None if places is None else places.tolist() for places in (work.gone, work.places)]
    digest = xxh3_64_hexdigest(repr((given, seen)).encode())
    kind = facts_kind(step, index)
    if has_facts(folder, work.chunk, kind, digest):
        return
    places = np.arange(read_chunk(folder, work.chunk, KEYS).num_rows)
    left = np.setdiff1d(places if work.places is None else work.places, work.gone)
    facts = asked.facts(read_wholes(folder, work.chunk, left), read_settled(folder, step, index))
    if PLACE in facts.column_names:  # in the chunk, not among those that were read
        at = facts.column_names.index(PLACE)
        facts = facts.set_column(at, PLACE, numbers(left[view(facts[PLACE])], "int32"))
    write_facts(folder, work.chunk, kind, facts, digest)


def _send(
    group: Group, parts: int, *, folder: Path, step: str, index: int, asked: Round
) -> list[pa.Table]:
    """In a worker: the facts of some chunks, for each part."""
    import numpy as np
    import pyarrow as pa

    kind = facts_kind(step, index)
    table = pa.concat_tables([_numbered(folder, chunk, kind) for chunk in group.chunks])
    if NUMBER in table.column_names and len(group.gone):
        stays = np.isin(view(table[NUMBER]), group.gone, invert=True)
        table = table.filter(booleans(stays))
    return parted(table.combine_chunks(), parts, asked.send)


def parted(
    table: pa.Table, parts: int, send: Callable[[pa.Table, int], np.ndarray[Any, Any]]
) -> list[pa.Table]:
    """The rows for each part, as `send` says."""
    if parts == 1:
        return [table]
    part = send(table, parts)
    return [table.filter(booleans(part == number)) for number in range(parts)]


def _decide(messages: Sequence[pa.Table], *, asked: Round) -> pa.Table:
    import pyarrow as pa

    return asked.decide(pa.concat_tables(messages))


def _numbered(folder: Path, chunk: int, kind: str) -> pa.Table:
    """The facts of a chunk, with numbers and ids in the place of places."""
    import numpy as np
    import pyarrow as pa

    facts = read_chunk(folder, chunk, kind)
    if PLACE not in facts.column_names:
        return facts
    places = whole(facts[PLACE])
    ids = read_chunk(folder, chunk, KEYS)[ID]
    if not np.array_equal(view(places), np.arange(len(ids))):  # else there is nothing to take
        ids = ids.take(places)
    columns = {name: facts[name] for name in facts.column_names if name != PLACE}
    number = numbers(view(places).astype("int64") + (chunk << CHUNK_BITS), "int64")
    return pa.table({NUMBER: number, ID: ids, **columns})


def _within(values: np.ndarray[Any, Any], chunks: range) -> np.ndarray[Any, Any]:
    """Those numbers, of numbers in order, that belong to these chunks."""
    import numpy as np

    ends = np.searchsorted(values, [chunks.start << CHUNK_BITS, chunks.stop << CHUNK_BITS])
    return values[slice(*ends)]


def _places(numbers_in_chunk: np.ndarray[Any, Any], chunk: int) -> np.ndarray[Any, Any]:
    return numbers_in_chunk - (chunk << CHUNK_BITS)


def _check_verdicts(step: CorpusStep, found: pa.Table, gone: np.ndarray[Any, Any]) -> None:
    """Raises ConverterError for verdicts that break the contract, which would break the books."""
    import numpy as np

    if found.schema != verdict_schema():
        raise ConverterError(f"Step {step.name} settles {found.schema.names}, which is no verdict.")
    named = set(found["reason"].unique().to_pylist())
    unknown = named - {reason.value for reason in step.reasons}
    if unknown:
        raise ConverterError(f"Step {step.name} drops for {min(map(str, unknown))}.")
    dropped, others = view(found[NUMBER]), found["other"].drop_null()
    if len(np.unique(dropped)) != len(dropped) or np.isin(dropped, gone).any():
        raise ConverterError(f"Step {step.name} drops a conversation twice.")
    if len(others) and np.isin(view(others), np.concatenate([dropped, gone])).any():
        raise ConverterError(f"Step {step.name} drops a conversation for one that is dropped too.")
