"""oi fetch, and what oi build shows and asks while it fetches."""

from __future__ import annotations

import sys
from threading import Lock
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ..errors import FetchError
from .console import bars, err, out, safe, show, size
from .options import sources_argument, yes_option

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ..inputs.fetch import Needs, WantedFile
    from ..inputs.fetching import Fetching

EXAMPLES = """\
oi fetch                    fetch what a build of all sources needs
oi fetch dolly gpt4llm:zh   fetch two sources
oi fetch gpt4all:p3 --yes   fetch without asking"""


def fetch(
    named: Annotated[
        list[str] | None,
        sources_argument("Sources to fetch, like alpaca gpt4llm:zh. Default: all."),
    ] = None,
    yes: Annotated[bool, yes_option()] = False,
) -> int:
    """Fetch upstream's files into the cache.

    Interrupted downloads resume, and checksums are verified.
    """
    from ..catalogue import select_described
    from ..inputs.cache import Cache
    from ..inputs.fetch import needs
    from ..inputs.fetching import bring, told

    cache = Cache()
    needed = needs(select_described(named or "all"), cache)
    for label, steps in needed.by_hand:
        err().print(Text(safe(f"By hand: {label}. {steps}")))
    failed = bring(needed, cache, watching(yes=yes))
    for line in told(failed):
        err().print(Text(safe(f"Failed: {line}")))
    if not needed.wanted and not failed:
        out().print(Text(safe(f"Everything is already in {cache.folder}")))
    else:
        there = len(needed.wanted) - sum(bool(f.file) for f in failed)
        out().print(
            Text(
                safe(
                    f"{there:,} of {len(needed.wanted):,} files fetched; the cache is"
                    f" {cache.folder}"
                )
            )
        )
    return FetchError.exit_code if failed else 0


def watching(*, yes: bool) -> Fetching:
    """How the commands fetch: on a terminal they ask first and show bars; elsewhere they print a
    line per file."""
    from ..inputs.fetching import Fetching

    watcher = _Watcher()
    return Fetching(
        confirm=None if yes else _confirm,
        progress=watcher.step,
        landed=watcher.landed,
        begin=watcher.begin,
        end=watcher.close,
    )


def _confirm(needed: Needs) -> bool:
    from ..inputs.fetch import LARGE

    if needed.size < LARGE and not needed.unsized:
        return True
    _summary(needed)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    return typer.confirm(f"Fetch {_amount(needed)}?", default=True, err=True)


def _amount(needed: Needs) -> str:
    return size(needed.size) + (f", and {needed.unsized} of unknown size" if needed.unsized else "")


def _summary(needed: Needs) -> None:
    rows = [
        [
            f"{w.source}:{w.subset}",
            w.name,
            size(w.size) if w.size is not None else "?",
            str(w.place),
        ]
        for w in needed.wanted
    ]
    show("To fetch", ["source", "file", "size", "from"], rows)


class _Watcher:
    """On a terminal, a bar per file and one for all; elsewhere, a line when a file has been
    fetched."""

    def __init__(self) -> None:
        self._console = err()
        self._progress: Progress | None = None
        self._tasks: dict[WantedFile | None, TaskID] = {}  # None is the bar for all
        self._done: dict[WantedFile, int] = {}
        self._lock = Lock()

    def begin(self, needed: Needs) -> None:
        names = len(needed.wanted)
        self._console.print(
            Text(safe(f"Fetching {names} file{'s' if names != 1 else ''}, {_amount(needed)}"))
        )
        if not self._console.is_terminal:
            return
        self._progress = bars(self._console)
        self._tasks[None] = self._progress.add_task(
            "all", total=None if needed.unsized else needed.size
        )
        self._progress.start()

    def step(self, wanted: WantedFile, done: int, total: int | None) -> None:
        with self._lock:
            self._done[wanted] = done
            if self._progress is None:
                return
            if wanted not in self._tasks:
                self._tasks[wanted] = self._progress.add_task(
                    safe(f"{wanted.source}:{wanted.subset} {wanted.name}"), total=total
                )
            self._progress.update(self._tasks[wanted], completed=done, total=total)
            self._progress.update(self._tasks[None], completed=sum(self._done.values()))

    def landed(self, wanted: WantedFile) -> None:
        """A file is verified and in the cache."""
        if self._progress is None:
            print(
                safe(
                    f"{wanted.source}:{wanted.subset}  {wanted.name} "
                    f" {size(self._done.get(wanted, 0))}"
                ),
                file=sys.stderr,
            )

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
        self._progress, self._tasks = None, {}
