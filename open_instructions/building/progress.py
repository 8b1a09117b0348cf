"""How far a build is, and bars that show it in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..merge import SHARDS


@dataclass(frozen=True)
class Update:
    """How far a build is: the bytes done of a source's files, their total, and the records in them.
    Steps about all sources have None for the source, and `doing` names the work: "shards", in bytes
    of text written, or a corpus step and its round, or "order", in chunks. If there is nothing to
    do, `total` is 0."""

    source: str | None
    done: int
    total: int
    records: int
    doing: str = ""

    @property
    def name(self) -> str:
        return self.source or self.doing

    @property
    def in_bytes(self) -> bool:
        """Whether `done` and `total` are bytes; otherwise they are chunks."""
        return self.source is not None or self.doing == SHARDS


Progress = Callable[[Update], None]


@contextmanager
def watched(progress: Progress | bool | None) -> Iterator[Progress | None]:
    """The function to call with each step: bars if True, or if None in a notebook; nothing if
    False."""
    if callable(progress):
        yield progress
    elif progress or (progress is None and in_notebook()):
        bars = Bars()
        try:
            yield bars
        finally:
            bars.close()
    else:
        yield None


def in_notebook() -> bool:
    """Whether this runs in a notebook's kernel, as in Jupyter, Colab and VS Code. Scripts and
    IPython's shell have none."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


class Bars:
    """A bar for each source, each round of a corpus step and the shards, drawn by tqdm, like those
    of `datasets`."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._name = ""

    def __call__(self, step: Update) -> None:
        from tqdm.auto import tqdm

        if self._bar is None or step.name != self._name:
            self.close()
            self._name = step.name
            unit = "B" if step.in_bytes else " chunks"
            self._bar = tqdm(desc=step.name, total=step.total, unit=unit, unit_scale=step.in_bytes)
        self._bar.total = step.total
        self._bar.update(step.done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
