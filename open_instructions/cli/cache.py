"""oi cache"""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from rich.text import Text

from .console import err, out, safe, show, size

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
    from ..errors import UsageError, suggest
    from ..inputs.cache import Cache, is_there
    from ..paths import sha256_of

    kept = Cache()
    wanted = [name.strip() for name in sources.split(",")] if sources else []
    there = kept.entries()
    known = sorted({name for e in there for name in (e.source, f"{e.source}:{e.subset}")})
    for name in wanted:
        if name not in known:
            raise UsageError(
                f"The cache has nothing for {name!r}.",
                hint=suggest(name, known, "It has") if known else "It is empty.",
            )
    entries = [
        e for e in there if not wanted or e.source in wanted or f"{e.source}:{e.subset}" in wanted
    ]
    if action == "list":
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
        out().print(
            Text(
                safe(
                    f"{len(entries)} files, {size(sum(e.size for e in entries))}, in {kept.folder}"
                )
            )
        )
        return 0
    damaged = []
    for entry in entries if action == "verify" or not wanted else ():
        problem = "is gone" if not entry.path.is_file() else ""
        if not problem and sha256_of(entry.path) != entry.sha256:
            problem = "has changed since it was fetched"
        if problem:
            damaged.append(entry)
            err().print(Text(safe(f"{entry.source}:{entry.subset} {entry.path} {problem}")))
    strangers = [] if wanted else kept.strangers()
    if action == "verify":
        for path in strangers:
            err().print(Text(safe(f"{path} belongs to nothing")))
        out().print(
            Text(
                safe(
                    f"{len(entries)} files, {len(damaged)} damaged, {len(strangers)} that belong to"
                    " nothing"
                )
            )
        )
        return 1 if damaged else 0
    freed = sum(kept.remove(entry) for entry in (entries if wanted else damaged))
    freed += kept.sweep(strangers)
    out().print(
        Text(
            safe(
                f"{len(entries if wanted else damaged)} files removed, {size(freed)} freed in"
                f" {kept.folder}"
            )
        )
    )
    return 0
