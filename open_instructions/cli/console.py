"""What the commands print with. Text that comes from data goes through `safe` first."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..reports.tables import UNSEEN, plain
from ..reports.tables import safe as safe

if TYPE_CHECKING:
    from rich.progress import Progress

_LONGEST = 20_000
"""Characters of a message: one that names every file of a large set is no longer."""


def json_text(value: Any) -> str:
    """JSON for a terminal as well as for a script: what `safe` makes visible is escaped as JSON has it."""
    return UNSEEN.sub(
        lambda m: json.dumps(m[0])[1:-1], json.dumps(value, ensure_ascii=False, indent=2)
    )


class _Console(Console):
    """On a terminal prose is wrapped between words, and a word that is too long, like a path, stays in one piece; in a pipe a line is
    a line, however long."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False)
        self.soft_wrap = not self.is_terminal

    def print(self, *objects: Any, **options: Any) -> None:
        if not self.soft_wrap:
            objects = tuple(_at_words(o, self.width) if isinstance(o, Text) else o for o in objects)
        super().print(*objects, **{"soft_wrap": True} | options)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # which has one answer, whoever wrote


def _at_words(text: Text, width: int) -> Text:
    """Text with a line break wherever the next word would not fit."""
    breaks, used = [], 0
    for word in re.finditer(r"[^ \n]*(?: +|\n|$)", text.plain):
        size = cell_len(word[0].rstrip(" \n"))
        if used and used + size > width:
            breaks.append(word.start())
            used = 0
        used = 0 if word[0].endswith("\n") else used + cell_len(word[0])
    lines = text.divide(breaks)
    for line in lines[:-1]:
        line.rstrip()
    return Text("\n").join(lines)


def out() -> Console:
    return _Console()


def err() -> Console:
    return _Console(stderr=True)


def fail(message: str, hint: str = "") -> None:
    """One clear line and what to do, on standard error."""
    console = err()
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST]} … ({len(message) - _LONGEST:,} more characters)"
    console.print(Text.assemble(("Error: ", "bold red"), safe(message)))
    if hint:
        console.print(Text(safe(hint)))


def to_read(directory: str | None) -> str | os.PathLike[str]:
    """The build that a command reads: the one that was named, or the newest, and then which one that is is said."""
    if directory is not None:
        return directory
    from ..store import newest

    found = newest()
    err().print(Text(safe(f"The newest build: {found}")))
    return found


def bars(console: Console) -> Progress:
    """Bars of bytes: how far, how fast, how long still."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def show(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str] = ()
) -> None:
    """A table: drawn on a terminal, plain columns in a pipe.

    Where a terminal is too narrow, columns go that say nothing, then those of `spare`, the first before the others, and that is said:
    a number that is broken in two is misread.
    """
    if not rows:
        return
    console = out()
    if not console.is_terminal:
        sys.stdout.write((f"{title}\n" if title else "") + safe(plain(headings, rows)) + "\n\n")
        return
    shown = list(range(len(headings)))
    if _width(headings, rows, shown, gap=2) > console.width:
        shown = [i for i in shown if i == 0 or any(row[i] not in ("", "0") for row in rows)]
    left_out = []
    for name in spare:
        if (
            _width(headings, rows, shown, gap=2) > console.width
            and (at := headings.index(name)) in shown
        ):
            shown.remove(at)
            left_out.append(name)
    headings, rows = [headings[i] for i in shown], [[row[i] for i in shown] for row in rows]
    table = Table(
        title=safe(title) or None, title_justify="left", title_style="bold", header_style="bold",
        box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip
    numeric = [
        all(not row[i] or row[i][0].isdigit() or row[i] in ("missing", "?") for row in rows)
        for i in range(len(headings))
    ]
    for at, heading in enumerate(headings):
        table.add_column(
            safe(heading),
            justify="right" if at and numeric[at] else "left",
            overflow="fold",
            no_wrap=not at or numeric[at],
        )
    for row in rows:
        table.add_row(
            *(Text(safe(cell)) for cell in row), style="bold" if row[0] == "all" else None
        )
    console.print(table, soft_wrap=False)
    if left_out:
        console.print(Text(f"Not shown, for want of width: {', '.join(left_out)}.\n", style="dim"))


def _width(
    headings: Sequence[str], rows: Sequence[Sequence[str]], shown: Sequence[int], *, gap: int
) -> int:
    """Of a table with so much between two columns."""
    return 2 + sum(
        max(len(cell) for cell in (headings[i], *(row[i] for row in rows))) + gap for i in shown
    )


def size(count: int) -> str:
    """Bytes for people: 4.7 MB."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
