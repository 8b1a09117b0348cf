"""oi explain"""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from .console import out, safe, to_read

if TYPE_CHECKING:
    from ..explain import Explanation

EXAMPLES = """Examples:

oi explain alpaca/000017

oi explain sharegpt/QWJhYvA mix --data-dir downloads"""

_LONG = 2000


def explain(
    id: Annotated[str, typer.Argument(metavar="ID", help="An id or conversation_id, of data/ or of rejected/.")],
    directory: Annotated[
        str | None, typer.Argument(metavar="DIR", help="A build; the one made last by default.", show_default=False)
    ] = None,
    data_dir: Annotated[
        list[str] | None,
        typer.Option(
            "--data-dir", "-d", metavar="FOLDER", help="Where the upstream files are now, if they moved. Can be given several times."
        ),
    ] = None,
    sources: Annotated[
        str | None, typer.Option("--sources", "-s", metavar="FILE", help="The .py file of a source of your own.", show_default=False)
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Do not shorten long texts.")] = False,
) -> None:
    """Show where one record came from and what each stage did to it, before and after."""
    from ..explain import explain as look

    found = look(id, to_read(directory), data_dir=data_dir or None, sources=sources)
    console = out()
    for line in _lines(found, None if full else _LONG):
        console.print(line)


def _lines(found: Explanation, most: int | None) -> list[Text]:
    lines: list[Text] = []

    def say(text: str, style: str = "") -> None:
        lines.append(Text(safe(text), style=style))

    origin: dict[str, Any] = (found.rows or found.rejected)[0]
    say(found.id, "bold")
    say(f"  from {origin['origin_file']}, record {origin['origin_row']}, of {origin['source']}:{origin['subset']}")
    for row in found.rows:
        say(
            f"  kept as {row['id']}: {row['num_turns']} pair{'s' if row['num_turns'] != 1 else ''}, {row['num_tokens']:,} tokens, {row['language']} {row['language_score']:.2f}"
        )
        say(f"    licence {row['license']}, answers by {row['engine']}" + (f", task {row['task']}" if row["task"] else ""))
        say(f"    changed by {', '.join(row['edits'])}" if row["edits"] else "    changed by nothing")
    for row in found.rejected:
        say(f"  rejected {row['level']} at {row['stage']}: {row['reason']}: {row['detail']}", "red")
        if row["level"] == "turn":
            say(_indent(_short(row["raw"], 300)))
    if found.note:
        say(f"  {found.note}", "yellow")
    if found.header:
        say("the file says, for all its records", "bold")
        say(_indent(_short(_pretty(found.header), most)))
    if found.raw:
        say("as read", "bold")
        say(_indent(_short(_pretty(found.raw), most)))
    before: list[str] = []
    for step in found.steps:
        if step.record is not None:
            say(f"rules on the record  {step.labels}", "bold")
            lines += _changes(_pretty(found.raw).split("\n"), json.dumps(step.record, ensure_ascii=False, indent=2).split("\n"), most)
            continue
        after = [line for talk in step.conversations for role, content in talk for line in f"{role}: {content}".split("\n")]
        same = bool(before) and after == before
        say(
            f"{step.stage}" + (f"  {step.labels}" if step.labels else "") + ("  nothing changed" if same and not step.refused else ""),
            "bold",
        )
        for refused in step.refused:
            say(f"  - {refused}", "red")
        if not step.conversations:
            continue
        if not before:
            say(_indent(_short("\n".join(after), most)))
        elif not same:
            lines += _changes(before, after, most)
        before = after
    return lines


def _changes(before: list[str], after: list[str], most: int | None) -> list[Text]:
    """What went and what came, with a line around it, as in a diff."""
    shown = _shortened(list(difflib.unified_diff(before, after, lineterm="", n=1))[2:], most)
    return [Text("  " + safe(line), style="green" if line.startswith("+") else "red" if line.startswith("-") else "dim") for line in shown]


def _pretty(raw: str) -> str:
    try:
        return "\n".join(json.dumps(json.loads(line), ensure_ascii=False, indent=2) for line in [raw])
    except (ValueError, RecursionError):
        return raw


def _short(text: str, most: int | None) -> str:
    return text if most is None or len(text) <= most else f"{text[:most]}\n… {len(text) - most:,} more characters; --full shows them"


def _shortened(lines: list[str], most: int | None) -> list[str]:
    return lines if most is None or len(lines) <= 60 else [*lines[:60], f"… {len(lines) - 60:,} more lines; --full shows them"]


def _indent(text: str) -> str:
    return "\n".join("  " + line for line in text.split("\n"))
