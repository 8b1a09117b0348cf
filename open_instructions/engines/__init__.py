"""Where work runs: a function over items, its results in their order; an exchange between all of
them; and nothing else.

local   this machine, in one process or several
ray     a Ray cluster
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")
M = TypeVar("M")
P = TypeVar("P")


class Engine(Protocol):
    """Used as a context: what it started ends with the block, in the middle of an item where the
    block is left early.

    `sees_files` says that its workers see all files that are seen here.
    """

    sees_files: bool

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: object) -> None: ...

    def map(
        self, function: Callable[[T], R], items: Iterable[T], native: bool = False
    ) -> Iterator[R]:
        """The results of `function` in the order of `items`. Few items wait at a time. `native`
        says that it spends its time outside of Python, where threads are as good as processes."""
        ...

    def exchange(
        self,
        scatter: Callable[[T, int], Sequence[M]],
        items: Sequence[T],
        gather: Callable[[Sequence[M]], R],
        parts: int,
    ) -> Iterator[R]:
        """`scatter` makes of an item one message for each of the `parts`; `gather` gets the
        messages of all items for one part, in the order of the items. Its results in the order of
        the parts: at no time more than one part is in the memory of one process."""
        ...


def in_order(
    submit: Callable[[T], P],
    result: Callable[[P], R],
    items: Iterable[T],
    waiting: deque[P],
    many: int,
) -> Iterator[R]:
    """Hand out items and yield their results in order; `waiting` holds what is handed out and not
    yielded, `many` at the most."""
    for item in items:
        waiting.append(submit(item))
        if len(waiting) > many:
            yield result(waiting.popleft())
    while waiting:
        yield result(waiting.popleft())
