"""Where chunks run: a function over items, its results in their order, and nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
P = TypeVar("P")


def in_order(submit: Callable[[T], P], result: Callable[[P], R], items: Iterable[T], waiting: deque[P], many: int) -> Iterator[R]:
    """Hand out items and yield their results in order; `waiting` holds what is handed out and not yielded, `many` at the most."""
    for item in items:
        waiting.append(submit(item))
        if len(waiting) > many:
            yield result(waiting.popleft())
    while waiting:
        yield result(waiting.popleft())
