"""What the commands print with. Text that comes from data goes through `safe` first."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import UNSEEN
from ..reports.tables import plain
from ..reports.tables import safe as safe

if TYPE_CHECKING:
    from rich.progress import Progress

_LONGEST = 20_000
"""The longest message, in characters: longer ones are cut."""
_GAP = 2
"""Spaces between two columns of a table."""
_UNLISTED = "LicenseRef-"
"""The prefix of licences that SPDX does not list. It is left out on a narrow terminal."""


def json_text(value: Any) -> str:
    """JSON for a terminal as well as for a script: characters that `safe` makes visible are escaped
    in JSON's own way."""
    return UNSEEN.sub(
        lambda m: json.dumps(m[0])[1:-1], json.dumps(value, ensure_ascii=False, indent=2)
    )


class _Console(Console):
    """On a terminal, prose is wrapped between words, and a word that is too long, such as a path,
    stays in one piece. In a pipe, lines are never wrapped."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False)
        self.soft_wrap = not self.is_terminal

    def print(self, *objects: Any, **options: Any) -> None:
        if not self.soft_wrap:
            objects = tuple(_at_words(o, self.width) if isinstance(o, Text) else o for o in objects)
        super().print(*objects, **{"soft_wrap": True} | options)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # which is handled in one place


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


def bars(console: Console) -> Progress:
    """Progress bars in bytes, with speed and remaining time; a task with `in_bytes=False` counts
    chunks."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        Task,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.table import Column

    class Amount(DownloadColumn):
        def render(self, task: Task) -> Text:
            if task.fields.get("in_bytes", True):
                return super().render(task)
            return Text(f"{task.completed:.0f}/{task.total or 0:.0f} chunks", "progress.download")

    class Speed(TransferSpeedColumn):
        def render(self, task: Task) -> Text:
            return super().render(task) if task.fields.get("in_bytes", True) else Text("")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        Amount(table_column=Column(no_wrap=True)),
        Speed(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        console=console,
    )


def show(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str] = ()
) -> None:
    """A table: drawn on a terminal, plain columns in a pipe.

    If a terminal is too narrow, empty columns are left out, then those of `spare`, in order, and a
    line says so. Cells are wrapped only between words, because a number or an id that is broken in
    two is misread."""
    if not rows:
        return
    console = out()
    if not console.is_terminal:
        sys.stdout.write((f"{title}\n" if title else "") + safe(plain(headings, rows)) + "\n\n")
        return
    every_name, every_row = (
        [safe(heading) for heading in headings],
        [[safe(cell) for cell in row] for row in rows],
    )
    names, cells, left_out = _narrowed(every_name, every_row, spare, console.width)
    numeric = [
        all(not row[i] or row[i][0].isdigit() or row[i] in ("missing", "?") for row in cells)
        for i in range(len(names))
    ]
    widths = _fitted(names, cells, numeric, console.width)
    if not widths:
        _print_stacked(console, safe(title), every_name, every_row)
        return
    console.print(_drawn(safe(title), names, cells, numeric, widths), soft_wrap=False)
    if left_out:
        console.print(Text(f"Not shown, for lack of width: {', '.join(left_out)}.\n", style="dim"))


def _narrowed(
    headings: list[str], rows: list[list[str]], spare: Sequence[str], width: int
) -> tuple[list[str], list[list[str]], list[str]]:
    """A table without the columns that this width has no room for, and the names of what was left
    out."""
    shown = list(range(len(headings)))
    if _width(headings, rows, shown) > width:
        shown = [i for i in shown if i == 0 or any(row[i] not in ("", "0") for row in rows)]
    left_out = []
    for name in spare:
        if name not in headings:  # a column that only some builds have
            continue
        if _width(headings, rows, shown) > width and (at := headings.index(name)) in shown:
            shown.remove(at)
            left_out.append(name)
    if _width(headings, rows, shown) > width and any(
        cell.startswith(_UNLISTED) for row in rows for cell in row
    ):
        rows = [[cell.removeprefix(_UNLISTED) for cell in row] for row in rows]
        left_out.append(f"{_UNLISTED} before a licence")
    return [headings[i] for i in shown], [[row[i] for i in shown] for row in rows], left_out


def _width(headings: Sequence[str], rows: Sequence[Sequence[str]], shown: Sequence[int]) -> int:
    return 2 + sum(
        max(cell_len(cell) for cell in (headings[i], *(row[i] for row in rows))) + _GAP
        for i in shown
    )


def _fitted(
    headings: list[str], rows: list[list[str]], numeric: list[bool], width: int
) -> list[int]:
    """The width of each column, so that no word or number is broken in two. Empty if a terminal is
    too narrow for that."""
    whole, least = [], []
    for at, heading in enumerate(headings):
        cells = [heading, *(row[at] for row in rows)]
        whole.append(max(map(cell_len, cells)))
        words = [word for cell in cells for word in cell.split(" ")]
        least.append(whole[at] if not at or numeric[at] else max(map(cell_len, words)))
    spare = width - 2 - _GAP * (len(headings) - 1) - sum(least)
    if spare < 0:
        return []
    for at, wanted in enumerate(whole):
        more = min(spare, wanted - least[at])
        least[at] += more
        spare -= more
    return least


def _drawn(
    title: str, headings: list[str], rows: list[list[str]], numeric: list[bool], widths: list[int]
) -> Table:
    table = Table(
        title=title or None, title_justify="left", title_style="bold", header_style="bold",
        box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip
    for at, heading in enumerate(headings):
        table.add_column(
            heading,
            justify="right" if at and numeric[at] else "left",
            width=widths[at],
            no_wrap=not at or numeric[at],
        )
    for row in rows:
        table.add_row(*map(Text, row), style="bold" if row[0] == "all" else None)
    return table


def _print_stacked(
    console: Console, title: str, headings: list[str], rows: list[list[str]]
) -> None:
    """A table for a terminal that is too narrow for its columns: each row is a paragraph."""
    if title:
        console.print(Text(title, style="bold"))
    for row in rows:
        console.print(Text(row[0], style="bold"))
        said = [
            f"{heading} {cell}"
            for heading, cell in zip(headings[1:], row[1:], strict=True)
            if cell not in ("", "0")
        ]
        console.print(Text("; ".join(said)))
    console.print()


def size(count: int) -> str:
    """Bytes for people: 4.7 MB."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
