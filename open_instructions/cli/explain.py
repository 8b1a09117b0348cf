"""oi explain"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from .console import out, safe
from .options import Directory, as_in_build

EXAMPLES = """\
oi explain alpaca/000017
oi explain sharegpt/QWJhYvA mix --data-dir downloads"""

_STYLES = {
    "heading": "bold",
    "refused": "red",
    "note": "yellow",
    "added": "green",
    "removed": "red",
    "near": "dim",
}


def explain(
    id: Annotated[
        str,
        typer.Argument(metavar="ID", help="An id or conversation_id in data/ or rejected/."),
    ],
    directory: Directory = None,
    data_dir: Annotated[
        list[str] | None,
        as_in_build(
            "data_dir",
            "Folder with the upstream files, if they moved. Can be repeated.",
        ),
    ] = None,
    sources: Annotated[
        str | None,
        as_in_build(
            "sources",
            "The .py file of your own source.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Do not shorten long texts.")] = False,
) -> None:
    """Show where a record came from, and what each stage did to it."""
    from ..reports.explain import explain as look
    from ..reports.narrative import LONG, lines

    found = look(id, directory, data_dir=data_dir or None, sources=sources)
    console = out()
    for kind, line in lines(found, None if full else LONG):
        console.print(Text(safe(line), style=_STYLES.get(kind, "")))
