"""Write the generated pages of docs/: one per source, and the reference of the command line.

    python scripts/make_docs.py

A test compares the files with what `pages` returns.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from open_instructions.catalogue import registry
from open_instructions.describe import as_page
from open_instructions.errors import OpenInstructionsError

DOCS = Path(__file__).resolve().parent.parent / "docs"
COMMANDS = ("", "build", "stats", "check", "sources", "explain")


def pages() -> dict[str, str]:
    """The path of each generated page, relative to docs/, and its text."""
    made = {f"sources/{s.name}.md": as_page(s) for s in registry().all()}
    made["sources/README.md"] = _index()
    made["cli.md"] = _cli()
    return made


def _index() -> str:
    lines = [
        "# Sources",
        "",
        "Rendered from the descriptions in `converters/`.",
        "",
        "| source | records | languages | answers by | licence |",
    ]
    lines.append("| --- | ---: | --- | --- | --- |")
    for s in registry().all():
        for x in s.subsets:
            records = f"{x.records:,}" if x.records else "?"
            lines.append(f"| [{s.name}:{x.name}]({s.name}.md) | {records} | {', '.join(x.languages)} | {x.engine} | {x.license} |")
    return "\n".join(lines) + "\n"


def _cli() -> str:
    lines = ["# The command line", "", "Rendered from `oi --help` and the errors; `--debug` shows a traceback where something fails.", ""]
    for command in COMMANDS:
        lines += [f"## oi {command}".rstrip(), "", "```", _help(command), "```", ""]
    lines += ["## Exit codes", "", "| code | error | when |", "| ---: | --- | --- |", "| 0 | | done |"]
    errors: list[type[OpenInstructionsError]] = [OpenInstructionsError, *OpenInstructionsError.__subclasses__()]
    for error in errors:
        summary = (error.__doc__ or "").split("\n")[0]
        lines.append(f"| {error.exit_code} | {error.__name__} | {summary} |")
    lines += ["| 1 | | `oi check` found something wrong. |", "| 130 | | Interrupted (Ctrl-C). |", ""]
    return "\n".join(lines)


def _help(command: str) -> str:
    environment = {**os.environ, "COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb"}
    environment.pop("FORCE_COLOR", None)
    environment.pop("GITHUB_ACTIONS", None)
    arguments = [sys.executable, "-c", "import sys; from open_instructions.cli import main; sys.exit(main())", *command.split(), "--help"]
    text = subprocess.run(arguments, env=environment, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def main() -> None:
    for name, text in pages().items():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(DOCS.parent))


if __name__ == "__main__":
    main()
