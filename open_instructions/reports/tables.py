"""Tables as headings and rows, and as plain text, for the command line and the notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from ..errors import safe as safe
from ..ledger import Ledger

LEDGER_SPARE = (
    "joined",
    "derived",
    "repeats",
    "parts added",
    "unreadable",
    "messages rejected",
    "messages kept",
)
"""Columns of the ledger that a narrow terminal can omit, the first one first."""

Table = tuple[list[str], list[list[str]]]
_CELL = "padding: 2px 8px; white-space: nowrap; text-align: "


def ledger_table(ledger: Ledger) -> Table:
    """A line per subset and one for the build: what became of records and messages."""
    headings = [
        "source",
        "read",
        "unreadable",
        "kept",
        "rejected",
        "joined",
        "parts added",
        "rows",
        "messages kept",
        "messages rejected",
    ]
    rare = [name for name in ("derived", "repeats") if name in ledger.summary()]
    headings[headings.index("rows") : headings.index("rows")] = rare
    rows = []
    named = {f"{source}:{subset}": own for (source, subset), own in ledger.by_subset().items()}
    for name, own in [*sorted(named.items(), key=lambda item: item[0].split(":")), ("all", ledger)]:
        if name != "all" and own.sum_of("read", "missing_files"):
            rows.append([name, "missing", *[""] * (len(headings) - 2)])
            continue
        s = own.summary()
        counts = (
            s["records_read"],
            s["records_unreadable"],
            s["records_kept"],
            s["records_rejected"],
            s["records_joined"] - s["records_joined_dropped"],
            s["parts_added"],
            *(s.get(name, 0) for name in rare),
            s["rows"],
            s["messages_kept"],
            s["messages_rejected"],
        )
        rows.append([name, *(f"{count:,}" for count in counts)])
    return headings, rows


def reasons_table(ledger: Ledger, source: str | None = None) -> Table:
    """Why records and messages, rows of records that have others, and pieces cut off messages were
    rejected: stage, reason, count."""
    counts = {
        level: ledger.by_name(f"rejected_{level}", source=source)
        for level in ("records", "messages", "rows", "pieces")
    }
    for rare in ("rows", "pieces"):
        if not counts[rare]:
            del counts[rare]
    keys = sorted(
        {k for count in counts.values() for k in count},
        key=lambda k: ([-count.get(k, 0) for count in counts.values()], k),
    )
    return ["stage", "reason", *counts], [
        [*k, *(f"{count.get(k, 0):,}" for count in counts.values())] for k in keys
    ]


def edits_table(ledger: Ledger, source: str | None = None) -> Table:
    """How many conversations each rule changed."""
    edits = ledger.by_name("edits", source=source)
    return ["stage", "rule", "conversations"], [
        [stage, name, f"{count:,}"] for (stage, name), count in edits.items()
    ]


def plain(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as text: the first column to the left, numbers to the right.

    >>> print(plain(["source", "rows"], [["dolly", "12"]]))
    source  rows
    dolly     12
    """
    lines = [list(headings), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
    numeric = _numeric(headings, rows)
    return "\n".join(
        "  ".join(
            cell.rjust(w) if numeric[i] and i else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _numeric(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[bool]:
    """Which columns hold numbers."""
    return [
        all(
            row[i].replace(",", "").replace(".", "").replace("%", "").isdigit()
            or row[i] in ("", "missing")
            for row in rows
        )
        for i in range(len(headings))
    ]


def as_html(headings: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> str:
    """A table for a notebook. Text from the data is escaped, never markup.

    >>> as_html(["source"], [["<b>"]]).count("&lt;b&gt;")
    1
    """
    sides = [
        "right" if numeric and i else "left" for i, numeric in enumerate(_numeric(headings, rows))
    ]
    lines = [f"<caption>{escaped(title)}</caption>"] if title else []
    for tag, line in [("th", headings), *(("td", row) for row in rows)]:
        cells = [
            f'<{tag} style="{_CELL}{side}">{escaped(cell)}</{tag}>'
            for side, cell in zip(sides, line, strict=True)
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(lines)}</table>"


def paragraphs(lines: Iterable[str]) -> str:
    """Lines of text for a notebook."""
    return "".join(f"<p>{escaped(line)}</p>" for line in lines)


def escaped(text: str) -> str:
    return html.escape(safe(text))
