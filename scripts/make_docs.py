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
from open_instructions.catalogue.pages import as_page
from open_instructions.errors import OpenInstructionsError
from open_instructions.layouts.page import as_page as layouts_page
from open_instructions.rights.terms import ENGINES, known_licenses, use_of

DOCS = Path(__file__).resolve().parent.parent / "docs"
COMMANDS = (
    "",
    "build",
    "fetch",
    "inspect",
    "stats",
    "check",
    "sources",
    "explain",
    "decontaminate",
    "cache",
    "push",
)


def pages() -> dict[str, str]:
    """The path of each generated page, relative to docs/, and its text."""
    made = {f"sources/{s.name}.md": as_page(s) for s in registry().all()}
    made["sources/README.md"] = _index()
    made["layouts.md"] = layouts_page()
    made["cli.md"] = _cli()
    made["licences.md"] = _licences()
    return made


def _index() -> str:
    lines = [
        "# Sources",
        "",
        "Generated from the descriptions in `converters/`.",
        "",
        "| source | records | languages | answers by | licence |",
    ]
    lines.append("| --- | ---: | --- | --- | --- |")
    for s in registry().all():
        for x in s.subsets:
            records = f"{x.records:,}" if x.records else "?"
            lines.append(
                f"| [{s.name}:{x.name}]({s.name}.md) | {records} | {', '.join(x.languages)} |"
                f" {x.engine} | {x.license} |"
            )
    return "\n".join(lines) + "\n"


def _licences() -> str:
    """What a row may be used for: the two tables of licenses.py."""
    lines = [
        "# Licences",
        "",
        "Generated from `open_instructions/rights/terms.py`. This is information, not legal "
        "advice.",
        "",
        (
            "What a row may be used for is two questions: what the people who published the set"
            " allow (its licence, column `license`), and"
        ),
        (
            "whose terms the answers stand under besides (who wrote them, column `engine`). A row"
            " is for `any` use only where both say so;"
        ),
        (
            "otherwise it is what the narrower of the two says, and `unclear` is the narrowest:"
            " where nobody can say, nothing is granted."
        ),
        (
            "What a mix as a whole may be used for is what the narrowest of its rows allows: `oi"
            " stats` says it, and the dataset card and `oi stats --full` give the"
        ),
        "reasons per source.",
        "",
        (
            "    oi build --licenses commercial                 rows for any use, by both tables"
            " (the recipe `commercial` is the same)"
        ),
        (
            "    oi build --licenses commercial,CC-BY-NC-4.0    and rows under this licence,"
            " whoever wrote the answers"
        ),
        (
            "    oi build --licenses MIT,CC-BY-SA-3.0           rows under these, whoever wrote the"
            " answers"
        ),
        "",
        (
            "All other rows go to rejected/ with the reason `license`. A set whose rows would "
            "all go there is not fetched, and the build says"
        ),
        (
            "so. For `A AND B` you must name both, for `A OR B` one. A licence that is not in "
            "the table is `unclear`. Natural Instructions has"
        ),
        ("a licence per task. MedMCQA has two conflicting labels, so it is unclear."),
        "",
        "## Licences",
        "",
        "| licence | use | why | name the authors | share alike |",
        "| --- | --- | --- | --- | --- |",
    ]
    yes = {True: "yes", False: ""}
    lines += [
        f"| {name} | {t.use} | {t.why} | {yes[t.attribution]} | {yes[t.share_alike]} |"
        for name, t in known_licenses().items()
    ]
    lines += ["", "## Who wrote the answers", "", "| engine | use | why |", "| --- | --- | --- |"]
    lines += [f"| {name} | {t.use} | {t.why} |" for name, t in ENGINES.items()]
    lines += [
        "",
        "## The sources, by both",
        "",
        "| source | licence | answers by | use |",
        "| --- | --- | --- | --- |",
    ]
    for s in registry().all():
        lines += [
            f"| {s.name}:{x.name} | {x.license} | {x.engine} | {use_of(x.license, x.engine)} |"
            for x in s.subsets
        ]
    return "\n".join(lines) + "\n"


def _cli() -> str:
    lines = [
        "# The command line",
        "",
        (
            "Generated from `oi --help` and the errors. `--debug` shows a traceback when "
            "something fails."
        ),
        "",
    ]
    for command in COMMANDS:
        lines += [f"## oi {command}".rstrip(), "", "```", _help(command), "```", ""]
    lines += [
        "## Exit codes",
        "",
        "| code | error | when |",
        "| ---: | --- | --- |",
        "| 0 | | done |",
    ]
    errors: list[type[OpenInstructionsError]] = [
        OpenInstructionsError,
        *OpenInstructionsError.__subclasses__(),
    ]
    for error in errors:
        summary = (error.__doc__ or "").split("\n")[0]
        lines.append(f"| {error.exit_code} | {error.__name__} | {summary} |")
    lines += ["| 1 | | `oi check` found something wrong. |", "| 130 | | Interrupted (Ctrl-C). |"]
    lines += [
        (
            "| 141 | | The pipe was closed (`oi stats \\| head`). "
            "`oi build` and `oi fetch` continue without a reader. |"
        ),
        "",
    ]
    return "\n".join(lines)


def _help(command: str) -> str:
    environment = {
        **os.environ,
        "COLUMNS": "100",
        "TERMINAL_WIDTH": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }
    environment.pop("FORCE_COLOR", None)
    environment.pop("GITHUB_ACTIONS", None)
    arguments = [
        sys.executable,
        "-c",
        "from open_instructions.cli import run; run()",
        *command.split(),
        "--help",
    ]
    text = subprocess.run(
        arguments, env=environment, capture_output=True, text=True, encoding="utf-8", check=True
    ).stdout
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def main() -> None:
    for name, text in pages().items():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(DOCS.parent))


if __name__ == "__main__":
    main()
