"""The chunks of a build: cut, processed by a worker, written."""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from ..catalogue import SourceRef
from ..corpus import CorpusStep
from ..drafting import wanted_fields
from ..errors import UsageError
from ..inputs import Input
from ..ledger import Ledger
from ..pipeline import Output, Pipeline
from ..readers import member_size, open_file
from ..readers.chunk import Chunk, cut
from ..recipe import Recipe
from ..schema import strict_json
from ..stages.definition import Definition
from ..store.chunks import Finished, finished, write_chunk
from ..store.headers import Header
from .parent_rows import RowChunk, chunks_of_rows
from .parents import keep
from .plan import Plan
from .progress import Update
from .versions import own_code


def chunks_of(
    job: Plan, counts: Ledger, headers: list[Header], *, slabs: bool
) -> Iterator[tuple[Chunk | RowChunk, Update]]:
    """The chunks of a build, and how far they are. `slabs` says that workers see the files; without
    it, chunks hold their records themselves."""
    sizes = bytes_of(job.found.inputs)
    totals = Counter[str]()
    for item, size in sizes.items():
        totals[item.source] += size
    done = Counter[str]()
    ended: defaultdict[str, set[bytes]] = defaultdict(set)
    number = 0
    for item in job.found.inputs:
        chunks: Iterator[Chunk | RowChunk]
        if parent := job.parents.get(item.source):
            chunks = chunks_of_rows(item, parent, number, carried=not slabs)
        else:
            chunks = _of_file(job, item, number, headers, ended[item.source], slabs=slabs)
        for chunk in chunks:
            number = chunk.number + 1
            # counted here, so that no worker can lose any
            counts.add(chunk.source, chunk.subset, "read", "records_in", chunk.records)
            at = done[item.source] + int(chunk.share * sizes[item])
            yield chunk, Update(item.source, at, totals[item.source], chunk.records)
        done[item.source] += sizes[item]


def _of_file(
    job: Plan,
    item: Input,
    start: int,
    headers: list[Header],
    ended: set[bytes],
    *,
    slabs: bool,
) -> Iterator[Chunk]:
    """The chunks of one input; what its records share goes to `headers`."""
    source = next(s.source for s in job.selections if s.source.name == item.source)
    opened = open_file(item.path, item.member, source.subset(item.subset), job.recipe.encoding)
    if said := wanted_fields(opened.header, job.recipe.metadata):
        headers.append(Header(item.source, item.subset, item.name, strict_json(said)[0]))
    return cut(
        opened,
        item.source,
        item.name,
        start=start,
        join=job.recipe.join_parts,
        slabs=slabs,
        index_base=item.index_base.base if item.index_base else None,
        ended=ended,
    )


def bytes_of(inputs: Sequence[Input]) -> dict[Input, int]:
    """The bytes on disk per input. The members of an archive share its size in proportion to their
    own."""
    unpacked = {i: 1 if i.member is None else member_size(i.path, i.member) for i in inputs}
    whole: Counter[Path] = Counter()
    for item, size in unpacked.items():
        whole[item.path] += size
    return {i: i.size * unpacked[i] // max(whole[i.path], 1) for i in inputs}


@contextmanager
def _uncollected() -> Iterator[None]:
    """Turn off the garbage collector: a chunk's records contain no cycles, and searching them again
    and again takes a tenth of a build's time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_uncollected()
def process(
    work: tuple[Chunk | RowChunk, Update],
    *,
    recipe: Recipe,
    refs: Mapping[str, SourceRef],
    steps: tuple[CorpusStep, ...],
    stages: tuple[Definition, ...],
    folder: Path,
    code: str,
) -> tuple[int, Finished, Update]:
    """A worker's job: run a chunk through the pipeline, write the result to disk, return the
    counts."""
    if code != own_code():
        raise UsageError(
            f"A worker runs another version of Open Instructions, from {Path(__file__).parent}.",
            hint=(
                "Install the same version on every node. A command started in a clone uses the "
                "clone, not the installed package."
            ),
        )
    chunk, step = work
    data = chunk.data()
    given = chunk.digest(data)
    done = finished(folder, chunk.number, given)
    if done is None:
        output = _output(chunk, data, recipe, refs, steps, stages)
        done = write_chunk(folder, chunk, given, output)
    return chunk.number, done, step


def _output(
    chunk: Chunk | RowChunk,
    data: bytes,
    recipe: Recipe,
    refs: Mapping[str, SourceRef],
    steps: tuple[CorpusStep, ...],
    stages: tuple[Definition, ...],
) -> Output:
    if isinstance(chunk, RowChunk):
        return keep(chunk, data, steps, stages)
    pipeline = pipeline_of(recipe, refs[chunk.source], chunk.subset, steps, stages)
    return pipeline(chunk.read(data))


@lru_cache(maxsize=64)
def pipeline_of(
    recipe: Recipe,
    ref: SourceRef,
    subset: str,
    steps: tuple[CorpusStep, ...],
    stages: tuple[Definition, ...],
) -> Pipeline:
    described = ref.resolve()
    return Pipeline(recipe, described, described.subset(subset), steps, stages)
