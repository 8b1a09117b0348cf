"""What a build says of evaluation sets, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..corpus.contamination.hits import PARTS
from ..corpus.contamination.report import ALLOWED, DROPPED, MARKED, QUOTED, THIRTEEN, TULU
from .tables import Table

STEP = "contamination"
_HEADINGS = {
    "items": "items",
    "found": "found",
    **{part: part.replace("_", " ") for part in PARTS},
    DROPPED: "dropped",
    MARKED: "marked",
    ALLOWED: "allowed",
    QUOTED: "only common words",
    TULU: "8-grams, half",
    THIRTEEN: "any 13-gram",
}
"""The counts that are shown, and what they are called."""


def overlap_table(steps: Mapping[str, Mapping[str, Any]]) -> Table | None:
    """A line for each evaluation set: its items, how many were found, and in how many
    conversations, by part and by what became of them; beside them, in how many conversations two
    other rules find it. None for a build without evaluation sets. `steps` are a manifest's.

    >>> overlap_table({"contamination": {"sets": {"gsm8k": {"items": 1319, "found": 2}}}})[1][0][:3]
    ['gsm8k', '1,319', '2']
    """
    sets = steps.get(STEP, {}).get("sets", {})
    if not isinstance(sets, Mapping) or not sets:
        return None
    rows = [
        [str(name), *(_count(counts, what) for what in _HEADINGS)]
        for name, counts in sets.items()
        if isinstance(counts, Mapping)
    ]
    return ["evaluation set", *_HEADINGS.values()], rows


def _count(counts: Mapping[str, Any], what: str) -> str:
    """A manifest may come from anywhere."""
    value = counts.get(what, 0)
    return f"{value:,}" if isinstance(value, int) else "?"
