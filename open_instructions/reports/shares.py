"""The shares of a mix, as the manifest has them, in a table. A manifest may be anybody's, and a set
may have the name that a record gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..paths import shown

HEADINGS = ["set", "weight", "wanted", "available", "taken", "epochs"]


def shares_table(steps: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows; no rows without a mix. Numbers are in the unit of the mix."""
    said = steps.get("mix", {})
    rows = [
        [
            shown(str(share.get("name"))),
            _number(share.get("weight"), "g"),
            *(_number(share.get(name), ",") for name in HEADINGS[2:5]),
            _number(share.get("epochs"), "g"),
        ]
        for share in _shares(said)
    ]
    if (more := _number(said.get("more_shares"), ",")) not in ("0", "?"):
        rows.append([f"{more} more", *[""] * (len(HEADINGS) - 1)])
    return HEADINGS, rows


def in_words(steps: Mapping[str, Mapping[str, Any]]) -> str:
    """What the mix is, in a line; "" without one."""
    said = steps.get("mix")
    if not said:
        return ""
    taken = sum(n for share in _shares(said) if isinstance(n := share.get("taken"), int))
    asked = f" of {_number(said['total'], ',')}" if said.get("total") else ""
    unit, by = (shown(str(said.get(name, "?"))) for name in ("unit", "by"))
    return f"{taken:,}{asked} {unit.replace('_', ' ')} for training, by {by}"


def _shares(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    shares = said.get("shares")
    found = shares if isinstance(shares, list) else []
    return [share for share in found if isinstance(share, dict)]


def _number(value: Any, form: str) -> str:
    return format(value, form) if isinstance(value, int | float) else "?"
