"""How files are fetched for a user: whether at all, after asking, and watched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import UsageError
from .cache import Cache
from .fetch import Confirm, Failure, Needs, Progress, Wanted, fetch


@dataclass(frozen=True)
class Fetching:
    """How files are fetched that are not there: not at all (`offline`), asked about first
    (`confirm`), watched (`progress`, and `landed` for what is there, between `begin` and `end`)."""

    offline: bool = False
    confirm: Confirm | None = None
    progress: Progress | None = None
    landed: Callable[[Wanted], None] | None = None
    begin: Callable[[Needs], None] | None = None
    end: Callable[[], None] | None = None

    @property
    def allowed(self) -> bool:
        return not self.offline and os.environ.get("HF_HUB_OFFLINE", "").upper() not in (
            "1",
            "TRUE",
            "YES",
            "ON",
        )

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
        return fetch(needed, cache, how.progress, how.landed)


def told(failed: Sequence[Failure]) -> list[str]:
    """What failed, a line each."""
    return list(
        dict.fromkeys(f"{f.subset}{f' {f.file}' if f.file else ''}: {f.why}" for f in failed)
    )
