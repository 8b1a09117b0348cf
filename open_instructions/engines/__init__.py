"""Where work runs. An engine maps a function over items, with results in order, and exchanges
messages between all of them; it does nothing else.

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
    """A context manager: what it started ends with the block. If the block is left early, work
    stops in the middle of an item.

    `sees_files` says whether its workers see the same files as this process.
    """

    sees_files: bool

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: object) -> None: ...

    def map(
        self, function: Callable[[T], R], items: Iterable[T], native: bool = False
    ) -> Iterator[R]:
        """The results of `function` in the order of `items`. Only a few items are taken ahead.
        `native` says that the function spends its time outside Python, so threads are as good as
        processes."""
        ...

    def exchange(
        self,
        scatter: Callable[[T, int], Sequence[M]],
        items: Sequence[T],
        gather: Callable[[Sequence[M]], R],
        parts: int,
    ) -> Iterator[R]:
        """`scatter` makes one message for each of the `parts` from an item; `gather` gets the
        messages of all items for one part, in the order of the items. Yields the results in the
        order of the parts. A process never holds more than one part in memory."""
        ...


def in_order(
    submit: Callable[[T], P],
    result: Callable[[P], R],
    items: Iterable[T],
    waiting: deque[P],
    many: int,
) -> Iterator[R]:
    """Submit items and yield their results in order; `waiting` holds what is submitted and not yet
    yielded, at most `many`."""
    for item in items:
        waiting.append(submit(item))
        if len(waiting) > many:
            yield result(waiting.popleft())
    while waiting:
        yield result(waiting.popleft())
