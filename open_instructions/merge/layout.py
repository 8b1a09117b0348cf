"""Where row groups and shards end. It depends on the rows alone, not on how they were cut into chunks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

GROUP_ROWS = 4096
GROUP_BYTES = 32 << 20
SHARD_BYTES = 512 << 20


class Span(NamedTuple):
    """Rows of a table of one chunk, `start` to `stop`. `kind` is data, rejected, or copies: rejected as duplicates."""

    kind: str
    chunk: int
    start: int
    stop: int


Group = list[Span]


def lay_out(sizes: Iterable[tuple[tuple[str, int], np.ndarray[Any, Any]]]) -> list[list[Group]]:
    """Shards of row groups of spans, from the bytes of text in each row, table by table. There is always one shard.

    A group ends with the row that fills it, by number or by bytes; a shard with the group that fills it.
    """
    import numpy as np

    shards: list[list[Group]] = [[]]
    group: Group = []
    rows = size = shard_size = 0

    def end_group() -> None:
        nonlocal group, rows, size, shard_size
        if shard_size >= SHARD_BYTES:
            shards.append([])
            shard_size = 0
        shards[-1].append(group)
        shard_size += size
        group, rows, size = [], 0, 0

    for (kind, chunk), lengths in sizes:
        ends = np.cumsum(lengths)
        start = 0
        while start < len(lengths):
            before = int(ends[start - 1]) if start else 0
            full = int(np.searchsorted(ends, GROUP_BYTES - size + before))  # the row that reaches the bytes
            stop = min(full + 1, start + GROUP_ROWS - rows, len(lengths))
            group.append(Span(kind, chunk, start, stop))
            rows += stop - start
            size += int(ends[stop - 1]) - before
            start = stop
            if rows >= GROUP_ROWS or size >= GROUP_BYTES:
                end_group()
    if group:
        end_group()
    return shards
