"""This machine: in this process for one worker, in child processes for more."""

from __future__ import annotations

import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from types import ModuleType
from typing import TypeVar

from ..errors import OpenInstructionsError

T = TypeVar("T")
R = TypeVar("R")


def map_ordered(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """The results of `function` in the order of `items`, whatever `workers` is. Few items wait at a time."""
    if workers <= 1:
        yield from map(function, items)
        return
    waiting: deque[Future[R]] = deque()
    # Ctrl-C reaches the children too; the parent alone answers it, and they end with their chunk
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    try:
        for item in items:
            with _without_main():
                waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise OpenInstructionsError(
            "A worker process died, perhaps for want of memory.", hint="Start again, with fewer --workers if it happens again."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _without_main() -> Iterator[None]:
    # A spawned child imports the parent's main script again. Ours need nothing from it, and a script that calls
    # build() without a __main__ guard would start itself over.
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
