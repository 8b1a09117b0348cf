"""oi cache"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from ..errors import counted
from .console import err, out, safe, show, size

if TYPE_CHECKING:
    from ..inputs.cache import Cache, CacheEntry

EXAMPLES = """\
oi cache                list its files, and where it is
oi cache verify         compare every file with its sha256
oi cache prune          remove damaged files and leftovers
oi cache prune gpt4all  remove what was fetched for a source"""


def cache(
    action: Annotated[
        Literal["list", "verify", "prune"],
        typer.Argument(metavar="ACTION", help="What to do: list, verify or prune."),
    ] = "list",
    sources: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCES", help="Only these, like gpt4all,sharegpt:v3.", show_default=False
        ),
    ] = None,
) -> int:
    """List, verify or prune fetched files.

    Files from the hub stay in the hub's own cache.
    """
    from ..inputs.cache import Cache

    kept = Cache()
    wanted = [name.strip() for name in sources.split(",")] if sources else []
    entries = _entries(kept, wanted)
    if action == "list":
        _list(kept, entries)
        return 0
    damaged = _damaged(entries) if action == "verify" or not wanted else []
    strangers = [] if wanted else kept.strangers()
    if action == "verify":
        for path in strangers:
            err().print(Text(safe(f"{path} belongs to nothing")))
        strange = f"{len(strangers)} that belong to nothing"
        _say(f"{counted(len(entries), 'file')}, {len(damaged)} damaged, {strange}")
        return 1 if damaged else 0
    gone = entries if wanted else damaged
    freed = sum(map(kept.remove, gone)) + kept.sweep(strangers)
    _say(f"{counted(len(gone), 'file')} removed, {size(freed)} freed in {kept.folder}")
    return 0


def _entries(kept: Cache, wanted: Sequence[str]) -> list[CacheEntry]:
    """The cached files of these sources and subsets; all if none is named. Raises UsageError for
    one that has none."""
    from ..errors import UsageError, suggest

    there = kept.entries()
    known = sorted({name for entry in there for name in _names(entry)})
    for name in wanted:
        if name not in known:
            raise UsageError(
                f"The cache has nothing for {name!r}.",
                hint=suggest(name, known, "It has") if known else "It is empty.",
            )
    return [entry for entry in there if not wanted or _names(entry) & set(wanted)]


def _names(entry: CacheEntry) -> set[str]:
    return {entry.source, f"{entry.source}:{entry.subset}"}


def _list(kept: Cache, entries: Sequence[CacheEntry]) -> None:
    from ..inputs.cache import is_there

    rows = [
        [
            f"{e.source}:{e.subset}",
            e.name,
            size(e.size) if is_there(e) else "gone",
            e.sha256[:12],
            e.place,
        ]
        for e in entries
    ]
    show("", ["source", "file", "size", "sha256", "from"], rows, spare=("sha256", "from"))
    _say(f"{counted(len(entries), 'file')}, {size(sum(e.size for e in entries))}, in {kept.folder}")


def _damaged(entries: Sequence[CacheEntry]) -> list[CacheEntry]:
    """The files that are gone or have changed, each said."""
    from ..paths import sha256_of

    damaged = []
    for entry in entries:
        problem = "is gone" if not entry.path.is_file() else ""
        if not problem and sha256_of(entry.path) != entry.sha256:
            problem = "has changed since it was fetched"
        if problem:
            damaged.append(entry)
            err().print(Text(safe(f"{entry.source}:{entry.subset} {entry.path} {problem}")))
    return damaged


def _say(line: str) -> None:
    out().print(Text(safe(line)))
