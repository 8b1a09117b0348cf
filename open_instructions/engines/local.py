"""This machine: in this process for one worker, in child processes for more."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread
from types import ModuleType
from typing import TypeVar

from ..errors import OpenInstructionsError
from . import in_order

T = TypeVar("T")
R = TypeVar("R")


def map_ordered(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """The results of `function` in the order of `items`, whatever `workers` is. Few items wait at a time.

    Where the caller stops early, or this process dies, the workers end at once, in the middle of an item.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    context = get_context("spawn")
    ear, mouth = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(ear,))

    def submit(item: T) -> Future[R]:
        with _without_main():
            return pool.submit(function, item)

    try:
        yield from in_order(submit, Future.result, items, deque(), 2 * workers)
        pool.shutdown()
    except BrokenProcessPool as error:
        raise OpenInstructionsError(
            "A worker process died, perhaps for want of memory.",
            hint="The same command goes on from what is done; with fewer --workers if it happens again.",
        ) from error
    finally:
        mouth.close()
        pool.shutdown(cancel_futures=True)
        ear.close()


def _start(ear: Connection) -> None:
    """In a worker. Ctrl-C reaches the children too: the parent alone answers it. They end when it closes the pipe, or is no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, args=(ear,), daemon=True).start()


def _end_with_parent(ear: Connection) -> None:
    ear.poll(None)
    os._exit(1)


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
