"""oi push"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from .console import err, out, safe

if TYPE_CHECKING:
    from ..rights.rows import Usage

EXAMPLES = """\
oi push mix me/mix --private
oi push mix me/mix            asks first if the licences restrict its use"""


def push(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="A build.")],
    repository: Annotated[
        str,
        typer.Argument(
            metavar="REPO",
            help="A dataset repository on the hub, like me/mix. It is created if needed.",
        ),
    ],
    private: Annotated[
        bool, typer.Option("--private", help="Make the repository private.")
    ] = False,
    rejected: Annotated[
        bool,
        typer.Option("--rejected", help="Upload rejected/ too, if files of your own are in it."),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Do not ask before publishing rows under restrictive licences."
        ),
    ] = False,
) -> None:
    """Check a build and upload it to the hub, with its card."""
    from ..exports.hub import push as run

    done = run(
        directory,
        repository,
        private=private,
        rejected=rejected,
        confirm=(lambda _: True) if yes else _confirm,
    )
    out().print(Text(safe(f"{done.url} is at {done.commit}")))


def _confirm(usage: Usage) -> bool:
    """Asks a person. In a pipe nobody is there to agree."""
    for line in [usage.verdict(), *(f"- {reason}" for reason in usage.reasons())]:
        err().print(Text(safe(line)))
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return typer.confirm("Publish it for everyone?", default=False, err=True)
