"""oi stats"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from .console import json_text, out, safe, show
from .options import AsJson, Directory

EXAMPLES = """\
oi stats              the newest build
oi stats mix --full   with every table, and the attributions
oi stats mix --json   for scripts"""


def stats(
    directory: Directory = None,
    full: Annotated[
        bool, typer.Option("--full", help="Show every table, and what each licence requires.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Summarise a build: conversations, tokens, languages, lengths, what was rejected and why."""
    from ..reports.shares import shares_table
    from ..reports.stats import stats as summarise
    from ..reports.tables import LEDGER_SPARE, edits_table, ledger_table, reasons_table

    found = summarise(directory)
    if as_json:
        typer.echo(json_text(found.to_dict()))
        return
    for label, text in found.brief():
        out().print(Text(safe(f"{label:<9}{text}")))
    if not full:
        return
    out().print()
    show("Sources", *found.table(), spare=("languages", "median", "p99", "mean", "longest"))
    show("Ledger", *ledger_table(found.ledger), spare=LEDGER_SPARE)
    show("Rejected", *reasons_table(found.ledger))
    if found.overlap:
        show("Evaluation sets", *found.overlap, spare=("8-grams, half", "any 13-gram"))
    show("Changed by rules", *edits_table(found.ledger))
    show("Mix", *shares_table(found.steps))
    total = found.all.conversations + found.all.preferences or 1
    show(
        "Languages",
        ["language", "rows", "share"],
        [[k, f"{n:,}", f"{n / total:.1%}"] for k, n in found.all.languages.items()],
    )
    show("Licences", *found.usage.table(), spare=("tokens", "answers by"))
    for line in found.terms():
        out().print(Text(safe(line)))
