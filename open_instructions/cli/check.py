"""oi check"""

from __future__ import annotations

from rich.text import Text

from .console import err, out, safe
from .options import Directory

EXAMPLES = """\
oi check      the newest build
oi check mix"""


def check(
    directory: Directory = None,
) -> int:
    """Check a build against its manifest: shards, rows, ids, ledger.

    Exits with 1 if anything is wrong.
    """
    from ..reports.check import check as run

    found = run(directory)
    for problem in found.problems:
        err().print(Text(safe(f"{found.path}: {problem}")))
    if found:
        out().print(
            Text(
                safe(
                    f"{found.path}: {found.shards} shards, {found.rows:,} rows, all as in the "
                    "manifest"
                )
            )
        )
    return 0 if found else 1
