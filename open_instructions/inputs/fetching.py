"""How files are fetched for a user: whether at all, after asking, and watched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..catalogue import Selection, select_described
from ..errors import FetchError, UsageError
from .cache import Cache
from .fetch import Confirm, Failure, Needs, Report, WantedFile, fetch_needed, needs

_OFFLINE = ("1", "TRUE", "YES", "ON")


@dataclass(frozen=True)
class Fetching:
    """How files are fetched that are not there: not at all (`offline`), asked about first
    (`confirm`), watched (`progress`, and `landed` for what is there, between `begin` and `end`)."""

    offline: bool = False
    confirm: Confirm | None = None
    progress: Report | None = None
    landed: Callable[[WantedFile], None] | None = None
    begin: Callable[[Needs], None] | None = None
    end: Callable[[], None] | None = None

    @property
    def allowed(self) -> bool:
        return not self.offline and os.environ.get("HF_HUB_OFFLINE", "").upper() not in _OFFLINE

    @contextmanager
    def watched(self, needed: Needs) -> Iterator[None]:
        if self.begin:
            self.begin(needed)
        try:
            yield
        finally:
            if self.end:
                self.end()


def bring(needed: Needs, cache: Cache, how: Fetching) -> tuple[Failure, ...]:
    """Fetch what is needed, if the user agrees; what failed. Raises UsageError where a user does
    not."""
    if not needed.wanted:
        return needed.failed
    if not how.allowed:
        raise UsageError("Files cannot be fetched offline.", hint="HF_HUB_OFFLINE is set.")
    if how.confirm and not how.confirm(needed):
        raise UsageError(
            "Nothing was fetched.",
            hint="Choose fewer with --sources, or use --sample, which needs none.",
        )
    with how.watched(needed):
        return fetch_needed(needed, cache, how.progress, how.landed)


def told(failed: Sequence[Failure]) -> list[str]:
    """What failed, a line each."""
    return list(dict.fromkeys(map(_line, failed)))


def not_fetched(what: str, failed: Sequence[Failure], hint: str) -> FetchError:
    """The error for files that could not be fetched; `what` they are, like "Some files"."""
    lines = "".join(f"  {line}\n" for line in told(failed))
    return FetchError(f"{what} could not be fetched:\n{lines}", hint=hint)


def _line(failure: Failure) -> str:
    name = f"{failure.subset} {failure.file}".rstrip()
    return f"{name}: {failure.why}"


@dataclass(frozen=True)
class Fetched:
    """What `fetch` leaves in the cache.

    files    the files of each subset that is there whole, under its name ("gpt4llm:zh")
    by_hand  how to get each subset that no program can fetch and the cache lacks
    """

    files: dict[str, tuple[Path, ...]]
    by_hand: dict[str, str]


def fetch(sources: str | Iterable[str] = "all") -> Fetched:
    """Fetch upstream's files into the cache, as `oi fetch` does: what is there stays, what an
    earlier run began is resumed, and known digests are verified. It asks nothing and prints
    nothing.

    sources  "all", names such as "alpaca,gpt4llm:zh", or a list of them

    Returns the files of each subset, and how to get the subsets that have no address. Raises
    UsageError for an unknown name or where HF_HUB_OFFLINE is set, FetchError where a file could not
    be fetched: after all others were, with a line for each.

    >>> fetch("dolly").files  # doctest: +SKIP
    {'dolly:main': (PosixPath('.../databricks-dolly-15k.jsonl'),)}
    """
    selections = select_described(sources)
    cache = Cache()
    needed = needs(selections, cache)
    if failed := bring(needed, cache, Fetching()):
        raise FetchError(
            "Some files could not be fetched:\n" + "\n".join(told(failed)),
            hint="The same call goes on from what came.",
        )
    return Fetched(_in_cache(selections, cache), dict(needed.by_hand))


def _in_cache(selections: Iterable[Selection], cache: Cache) -> dict[str, tuple[Path, ...]]:
    """The files of the selected subsets that are there whole."""
    files = {}
    for selection in selections:
        source = selection.source
        for name in selection.subsets:
            if entries := cache.complete(source, source.subset(name)):
                files[f"{source.name}:{name}"] = tuple(entry.path for entry in entries)
    return files
