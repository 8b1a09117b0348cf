"""oi inspect"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ..errors import counted
from .console import json_text, out, safe, size
from .options import AsJson

if TYPE_CHECKING:
    from ..reports.inspect import Becomes, FileReport

EXAMPLES = """\
oi inspect ./tickets.jsonl          what is in a file, and how it would be read
oi inspect ./exports/ --all         every record of every file
oi inspect 'day-*.csv' --json       for scripts"""

_WIDTH, _MOST = 200, 6
"""So many characters of a message are shown, and so many messages of a record."""
_CALL = {"tool_call": "a tool call"}


def inspect(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A file, a folder, a pattern, or a hub dataset.")
    ],
    whole: Annotated[
        bool, typer.Option("--all", help="Read every record. Default: head, middle and tail.")
    ] = False,
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Encoding of files whose bytes do not tell.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Look into your own files: their layouts and fields, what records become, what is rejected."""
    import yaml

    from ..reports.inspect import inspect as look

    found = look(path, whole=whole, encoding=encoding)
    if as_json:
        typer.echo(json_text(found.to_dict()))
        return
    for number, file in enumerate(found.files):
        if number:
            _say("")
        _show(file)
    text = yaml.safe_dump([found.entry], sort_keys=False, allow_unicode=True)
    lines = ["", "For a recipe:", "", "sources:", *("  " + line for line in text.splitlines())]
    for line in (*lines, *(f"    # {key}: {example}" for key, example in found.unsaid().items())):
        _say(line)


def _say(line: str) -> None:
    out().print(Text(safe(line)))


def _show(file: FileReport) -> None:
    from ..reports.inspect import records_in_words

    _say(f"{file.name}  {file.container}, {file.encoding}, {size(file.size)}")
    if file.known_as:
        _say(f"  this is {file.known_as}, byte for byte, and is built as that source")
    counted_records = f"  {records_in_words(file)} records"
    if file.places:
        places = ", ".join(file.places)
        counted_records += (
            f"; looked at {file.sampled:,} of them ({places}, {size(file.read)} read)"
        )
    _say(counted_records)
    for name, count in sorted(file.layouts.items(), key=lambda item: -item[1]):
        _say(f"  {name}: {counted(count, 'record')}")
        for field, said in file.fields.get(name, {}).items():
            _say(f"    {field} from {said}")
    if file.roles:
        _say(
            "  roles: "
            + ", ".join(
                f"{theirs} is {_CALL.get(ours, ours)}" for theirs, ours in file.roles.items()
            )
        )
    for reason, (count, detail) in file.rejects.items():
        _say(f"  rejected: {count:,} as {reason}, the first at {detail}")
    for example in file.examples:
        _show_example(example)


def _show_example(example: Becomes) -> None:
    place = f"record {example.row}" if example.row >= 0 else "a record further on"
    _say(f"  {place}, by {example.layout}:")
    for title, turns in (
        ("", example.messages),
        ("chosen ", example.chosen),
        ("rejected ", example.rejected),
    ):
        for role, text in turns[:_MOST]:
            _say(f"    {title}{role}: {_short(text)}")
        if len(turns) > _MOST:
            _say(f"    and {counted(len(turns) - _MOST, 'more message')}")
    if example.metadata:
        _say(f"    metadata: {', '.join(example.metadata)}")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…"
