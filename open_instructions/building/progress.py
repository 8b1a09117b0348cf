"""How far a build is, and bars that show it in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Update:
    """How far a build is: bytes of a source's files that are done, of all its bytes, and the
    records in them. Behind all sources, with None for one, `doing` says what: "shards", in bytes of
    text that are written, or a corpus step and its round, in chunks. `total` is 0 where there is
    nothing."""

    source: str | None
    done: int
    total: int
    records: int
    doing: str = ""

    @property
    def name(self) -> str:
        return self.source or self.doing


Progress = Callable[[Update], None]


@contextmanager
def watched(progress: Progress | bool | None) -> Iterator[Progress | None]:
    """What is called with each step: bars for True, and in a notebook for None; none for False."""
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
    """Does this run in the kernel of a notebook? Jupyter, Colab and VS Code have one; scripts and
    IPython's shell do not."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


class Bars:
    """A bar for each source and one for the shards, drawn by tqdm as `datasets` draws its own."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._name = ""

    def __call__(self, step: Update) -> None:
        from tqdm.auto import tqdm

        if self._bar is None or step.name != self._name:
            self.close()
            self._name = step.name
            self._bar = tqdm(desc=step.name, total=step.total, unit="B", unit_scale=True)
        self._bar.total = step.total
        self._bar.update(step.done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
