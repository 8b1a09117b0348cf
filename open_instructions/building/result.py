"""The result of a build, and warnings that nobody should overlook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import counted
from ..inputs import Found
from ..ledger import Ledger
from ..rights.rows import Usage
from ..schema import Reason
from ..store import Manifest, OtherCount


@dataclass(frozen=True)
class BuildResult:
    """The result of a build, or the existing build if nothing changed (`unchanged`). Prints the
    table of its ledger.

    `manifest` is the content of manifest.json: `manifest.totals["rows"]`, `manifest.shards`.
    """

    path: Path
    manifest: Manifest
    found: Found
    unchanged: bool

    @property
    def ledger(self) -> Ledger:
        return self.manifest.ledger

    def __repr__(self) -> str:
        from ..reports.tables import ledger_table, plain, safe

        return safe(plain(*ledger_table(self.ledger)) + f"\n{self.path}")

    def _repr_html_(self) -> str:
        from ..reports.tables import as_html, ledger_table, paragraphs

        notes = [f"Note: {note}" for note in self.found.notes]
        return as_html(*ledger_table(self.ledger)) + paragraphs([*notes, str(self.path)])


def damage(ledger: Ledger) -> list[str]:
    """Warnings that nobody should overlook: truncated files, and code that failed."""
    notes = []
    for entry in ledger.ordered():
        if entry.stage == "read" and entry.name == Reason.TRUNCATED:
            files = counted(ledger[entry], "file")
            notes.append(
                f"{entry.source}:{entry.subset}: {files} cut off inside a record or before the "
                "end; whole records are kept"
            )
        if entry.stage == "read" and entry.name == Reason.EMPTY_FILE:
            notes.append(f"{entry.source}:{entry.subset}: an empty file")
        if entry.what == "rejected_records" and entry.name == Reason.STAGE_FAILED:
            records = counted(ledger[entry], "record")
            notes.append(
                f"{entry.source}:{entry.subset}: code failed on {records} at {entry.stage}; "
                "rejected/ has them as stage_failed"
            )
    return notes


def other_counts_note(other: Sequence[OtherCount]) -> list[str]:
    """One note about all subsets with other counts: a partial download affects every one of
    them."""
    if not other:
        return []
    first, *more = other
    were = "was" if first.found == 1 else "were"
    found = f"{counted(first.found, 'record')} {were} found"
    said = [f"{first.name}: {found}, and {first.published:,} were published"]
    return ["; ".join([*said, *(f"{c.name}: {c.found:,} and {c.published:,}" for c in more)])]


_MOST_OF_A_MIX = 0.95
_FEW_ROWS = 100
"""Below this many rows nobody trains, and nothing is said."""


def lopsided(usage: Usage) -> list[str]:
    """A note where nearly all of a mix is from one source."""
    rows, tokens = Counter[str](), Counter[str]()
    for key, (count, size) in usage.counts.items():
        rows[key.source] += count
        tokens[key.source] += size
    [(first, most)] = tokens.most_common(1) or [("", 0)]
    if len(tokens) == 1 or rows.total() < _FEW_ROWS or most < _MOST_OF_A_MIX * tokens.total():
        return []
    share = most / tokens.total()
    others = counted(len(tokens) - 1, "other source")
    have = "has" if len(tokens) == 2 else "have"
    return [
        f"{first} has {share:.1%} of all tokens, and {others} {have} {1 - share:.1%}; the key mix "
        "of a recipe says how much each gives"
    ]
