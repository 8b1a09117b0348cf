"""What the tests of fetching share: records, a source whose files lie on a server, the command that
builds from it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from .test_cli import oi

ROWS = json.dumps(
    [{"q": f"How much is {n} and {n}?", "a": f"It is {2 * n}."} for n in range(400)]
).encode()
FETCHED_SOURCE = """
from open_instructions.catalogue import Source, Subset, source
from open_instructions.schema import Draft
from open_instructions.layouts.fields import pair
from open_instructions.catalogue.published import File, Hub, Url

MINE = Source(
    name="mine", title="Mine", description="d", homepage="h", cost="c", attribution="a",
    default=("main",),
    subsets=(
        Subset(
            "main", files=("mine*.json", "*.parquet"), fields=frozenset({"q", "a"}),
            languages=("en",), engine="human", license="CC0-1.0",
            downloads=(DOWNLOADS), records=400, MORE
        ),
    ),
)


@source(MINE)
def convert(record):
    yield Draft(pair(record["q"], record["a"]), used=("q", "a"))
"""


def build(source: Path | str, out: Path, *flags: str | Path) -> subprocess.CompletedProcess[str]:
    return oi("build", "--sources", source, "--out", out, *flags)


def locked(out: Path) -> dict[str, Any]:
    """A build's oi.lock."""
    content: dict[str, Any] = json.loads((out / "oi.lock").read_text())
    return content


def lock(out: Path) -> list[dict[str, Any]]:
    """The files in a build's oi.lock."""
    files: list[dict[str, Any]] = locked(out)["files"]
    return files
