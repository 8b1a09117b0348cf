"""The verdicts of the step, and what the manifest says of it: counts for each evaluation set, and
beside them what two other rules find."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ...arrays import booleans, flags, whole
from ...errors import shown
from ..step import DETAIL, EDIT, EVIDENCE, NUMBER, REASON, SCORE, verdicts, with_report
from .hits import PARTS
from .index import Index
from .options import Decontaminate

if TYPE_CHECKING:
    import pyarrow as pa

DROPPED, MARKED, ALLOWED, QUOTED, TULU, THIRTEEN = (
    "dropped",
    "marked",
    "allowed",
    "quoted",
    "tulu3",
    "any_13",
)
"""What is counted of conversations, for each set."""
COUNTS = (*PARTS, DROPPED, MARKED, ALLOWED, QUOTED, TULU, THIRTEEN)
_MOST = 5


def settled(decided: pa.Table, index: Index, said: Decontaminate) -> pa.Table:
    """The verdicts, from what was decided on each conversation, with the report."""
    found = [json.loads(text) for text in decided["found"].to_pylist()]
    judged = decided.filter(booleans(flags(decided[SCORE].is_valid())))
    columns = {
        name: whole(judged[name]) for name in (NUMBER, REASON, DETAIL, SCORE, EVIDENCE, EDIT)
    }
    return with_report(verdicts(**columns), _report(found, index, said))


def _report(found: list[dict[str, Any]], index: Index, said: Decontaminate) -> dict[str, Any]:
    import numpy as np

    names = index.names_of_sets()
    counts = [Counter[str]() for _ in names]
    hit: set[int] = set()
    allowed: set[str] = set()
    items = index.names_of_items()
    for row in found:
        hit.update(row["items"])
        allowed.update(items[item] for item in row["allowed_items"])
        allowed.add(row["allowed_id"])
        _count(counts, row)
    per_set = np.bincount(index.sets, minlength=len(names)).tolist()
    items_hit = Counter(int(index.sets[item]) for item in hit)
    sets = {
        name: {"items": per_set[at], "found": items_hit[at]}
        | {what: counts[at][what] for what in COUNTS}
        for at, name in enumerate(names)
    }
    rules = {
        "ours": sum(bool(row["items"]) for row in found),
        **{what: sum(bool(row[what]) for row in found) for what in (TULU, THIRTEEN)},
        **{f"ours_and_{what}": _both(found, what) for what in (TULU, THIRTEEN)},
    }
    notes = [*_unmatched(said.allow, allowed), *_quoted(sets)]
    return {"sets": sets, "rules": rules, "notes": notes}


def _both(found: Iterable[Mapping[str, Any]], what: str) -> int:
    return sum(bool(row["items"]) and bool(row[what]) for row in found)


def _count(counts: list[Counter[str]], row: Mapping[str, Any]) -> None:
    """Count a conversation for the sets of which it has something."""
    marked = {at for at, _ in row["parts"]} - set(row["dropped"])
    for at, part in row["parts"]:
        counts[at][part] += 1
    for at in marked:
        counts[at][MARKED] += not row["dropped"]
    for what in (DROPPED, ALLOWED, QUOTED, TULU, THIRTEEN):
        for at in row[what]:
            counts[at][what] += 1


def _unmatched(allow: Iterable[str], allowed: set[str]) -> list[str]:
    left = [name for name in allow if name not in allowed]
    if not left:
        return []
    more = f" and {len(left) - _MOST:,} more" if len(left) > _MOST else ""
    told = ", ".join(map(shown, left[:_MOST])) + more
    return [f"decontaminate: allow names {told}, of which nothing was found"]


def _quoted(sets: Mapping[str, Mapping[str, int]]) -> list[str]:
    told = [f"{name} {counts[QUOTED]:,}" for name, counts in sets.items() if counts[QUOTED]]
    if not told:
        return []
    return [
        "conversations were kept that have an evaluation item only in words that are common in the "
        f"sources: {', '.join(told)}"
    ]
