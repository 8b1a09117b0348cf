"""The engine for this machine: one worker runs in this process, more in child processes or
threads."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from types import ModuleType
from typing import Self, TypeVar

from ..errors import OpenInstructionsError
from . import in_order

T = TypeVar("T")
R = TypeVar("R")
M = TypeVar("M")


class Local:
    """An Engine. If its block is left early or this process dies, the workers end immediately, in
    the middle of an item.

    `scratch` is the folder for exchange messages that should not be held in memory; None is the
    system's temporary folder.
    """

    sees_files = True

    def __init__(self, workers: int, scratch: Path | None = None) -> None:
        self._workers, self._scratch = workers, scratch
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._end_workers()

    def map(
        self, function: Callable[[T], R], items: Iterable[T], native: bool = False
    ) -> Iterator[R]:
        if self._workers <= 1:
            yield from map(function, items)
        elif native:
            self._end_workers()  # they would only hold memory
            threads = ThreadPoolExecutor(self._workers)
            try:
                yield from in_order(
                    lambda item: threads.submit(function, item),
                    Future.result,
                    items,
                    deque(),
                    2 * self._workers,
                )
            finally:
                threads.shutdown(cancel_futures=True)
        else:
            yield from self._in_processes(function, items)

    def _in_processes(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        if not self._pool:
            context = get_context("spawn")
            self._reader, self._writer = context.Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(
                self._workers, context, initializer=_start, initargs=(self._reader,)
            )
        pool = self._pool

        def submit(item: T) -> Future[R]:
            with _without_main():
                return pool.submit(function, item)

        try:
            yield from in_order(submit, Future.result, items, deque(), 2 * self._workers)
        except BrokenProcessPool as error:
            raise OpenInstructionsError(
                "A worker process died, perhaps because memory ran out.",
                hint=(
                    "Run the same command again to continue; use fewer --workers if this "
                    "happens again."
                ),
            ) from error

    def _end_workers(self) -> None:
        if self._pool:
            self._writer.close()  # this ends them immediately
            self._pool.shutdown(cancel_futures=True)
            self._reader.close()
            self._pool = None

    def exchange(
        self,
        scatter: Callable[[T, int], Sequence[M]],
        items: Sequence[T],
        gather: Callable[[Sequence[M]], R],
        parts: int,
    ) -> Iterator[R]:
        self._end_workers()  # this process does the exchange, and needs their memory
        if parts == 1:
            yield gather([scatter(item, 1)[0] for item in items])
            return
        with TemporaryDirectory(dir=self._scratch) as folder:
            paths = [Path(folder, str(part)) for part in range(parts)]
            for item in items:
                for path, message in zip(paths, scatter(item, parts), strict=True):
                    with path.open("ab") as file:
                        pickle.dump(message, file, protocol=5)
            for path in paths:
                with path.open("rb") as file:
                    yield gather([pickle.load(file) for _ in items])
                path.unlink()


def _start(pipe: Connection) -> None:
    """In a worker. Ctrl-C also reaches the children, but only the parent handles it. The children
    end when it closes the pipe or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()


def _end_with_parent(pipe: Connection) -> None:
    pipe.poll(None)
    os._exit(1)


@contextmanager
def _without_main() -> Iterator[None]:
    # A spawned child imports the parent's main script again. Our workers need nothing from it, and
    # a script that calls build() without a __main__ guard would start itself again.
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
