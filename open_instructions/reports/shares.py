"""The shares of a mix, as the manifest has them, in a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEADINGS = ["set", "weight", "wanted", "available", "taken", "epochs"]


def shares_table(steps: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows; no rows without a mix. Numbers are in the unit of the mix."""
    said = steps.get("mix", {})
    rows = [
        [
            str(share["name"]),
            f"{share['weight']:g}",
            f"{share['wanted']:,}",
            f"{share['available']:,}",
            f"{share['taken']:,}",
            f"{share['epochs']:g}",
        ]
        for share in said.get("shares", ())
    ]
    if more := said.get("more_shares"):
        rows.append([f"{more:,} more", *[""] * (len(HEADINGS) - 1)])
    return HEADINGS, rows


def in_words(steps: Mapping[str, Mapping[str, Any]]) -> str:
    """What the mix is, in a line; "" without one."""
    said = steps.get("mix")
    if not said:
        return ""
    taken = sum(share["taken"] for share in said["shares"])
    asked = f" of {said['total']:,}" if said["total"] else ""
    return f"{taken:,}{asked} {said['unit'].replace('_', ' ')} for training, by {said['by']}"
