"""An HTML table as rows of equal columns: Markdown has no cells that span.

A cell is placed where a browser shows it. The places that it spans to the right and below are
empty.
"""

from __future__ import annotations

import re
from typing import Final

from ...limits import Room
from .dom import Element

Row = list[Element | None]
"""The cells of a row; None is an empty cell."""

_NUMBER: Final = re.compile(r"\s*+\+?([0-9]++)")
_WIDEST: Final = 1000  # columns that a cell can span, in HTML
_EMPTY: Final = 3  # characters of an empty cell


def rows(table: Element, room: Room) -> list[Row]:
    """The rows that have cells."""
    groups: list[list[Element]] = [[]]
    _collect(table, groups)
    if not any(groups):
        groups = [[table]]
    cells = [[_cells(row) for row in group] for group in groups]
    if any(_spans(cell) for group in cells for row in group for cell in row):
        return _spread(cells, room)
    plain: list[Row] = []
    for group in cells:
        for row in group:
            if row:
                plain.append([*row])
    return plain


def find(element: Element, tag: str) -> list[Element]:
    """All blocks with this name below an element, except those in a nested table."""
    found: list[Element] = []
    for child in element.children:
        if isinstance(child, Element):
            if child.tag == tag:
                found.append(child)
            elif child.holds and child.tag != "table":
                found += find(child, tag)
    return found


def alignment(cell: Element | None) -> str:
    """The cell below a column's head in Markdown, which sets its alignment."""
    if cell is None or not cell.attributes:
        return "---"
    style = re.sub(r"\s", "", cell.get("style"))
    align = cell.get("align") or style.partition("text-align:")[2].partition(";")[0]
    return {"left": ":---", "center": ":---:", "right": "---:"}.get(align.lower(), "---")


def _collect(element: Element, groups: list[list[Element]]) -> None:
    """Collect rows by group, because no cell spans beyond its group. Rows outside any group form
    one of their own."""
    for child in element.children:
        if not isinstance(child, Element):
            continue
        if child.tag == "tr":
            groups[-1].append(child)
        elif child.tag in ("thead", "tbody", "tfoot"):
            groups.append([])
            _collect(child, groups)
            groups.append([])
        elif child.holds and child.tag != "table":
            _collect(child, groups)


def _cells(row: Element) -> list[Element]:
    return [c for c in row.children if isinstance(c, Element) and c.tag in ("td", "th")]


def _spans(cell: Element) -> bool:
    return "span" in cell.attributes.lower()


def _spread(groups: list[list[list[Element]]], room: Room) -> list[Row]:
    """Each cell in the column where HTML puts it; columns in which no cell begins are left out."""
    placed: list[list[tuple[int, Element]]] = []
    for group in groups:
        free: dict[int, int] = {}  # spanned column -> the row from which it is free again
        for at, row in enumerate(group):
            column = 0
            placed.append([])
            for cell in row:
                start = column
                while free.get(column, 0) > at:
                    column += 1
                room.take(column - start)
                width = min(max(_number(cell.get("colspan")), 1), _WIDEST)
                height = _number(cell.get("rowspan")) or len(group)
                placed[-1].append((column, cell))
                if height > 1:
                    room.take(width)
                    free.update(dict.fromkeys(range(column, column + width), at + height))
                column += width
    starts = sorted({column for row in placed for column, _ in row})
    numbers = {column: number for number, column in enumerate(starts)}
    spread: list[Row] = []
    for placed_row in placed:
        if placed_row:
            room.take(_EMPTY * (len(starts) - len(placed_row)))
            cells: Row = [None] * len(starts)
            for column, cell in placed_row:
                cells[numbers[column]] = cell
            spread.append(cells)
    return spread


def _number(text: str) -> int:
    """A span as HTML reads it; 1 if it is not a number. Six digits are more than any table has."""
    match = _NUMBER.match(text)
    if match:
        return int(match[1].lstrip("0")[:6] or "0")
    return 1
