"""The shares of a mix, as the manifest has them, in a table. A manifest may be anybody's, and a set
may have the name that a record gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..paths import shown
from ..store import PREFERENCE

HEADINGS = ["set", "weight", "wanted", "available", "taken", "epochs"]


def shares_table(steps: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows; no rows without a mix. Numbers are in the unit of the mix. Sets of
    preference/ have its name behind theirs."""
    rows = []
    for behind, said in _tables(steps):
        rows += [
            [
                shown(str(share.get("name"))) + behind,
                _number(share.get("weight"), "g"),
                *(_number(share.get(name), ",") for name in HEADINGS[2:5]),
                _number(share.get("epochs"), "g"),
            ]
            for share in _shares(said)
        ]
        if (more := _number(said.get("more_shares"), ",")) not in ("0", "?"):
            rows.append([f"{more} more{behind}", *[""] * (len(HEADINGS) - 1)])
    return HEADINGS, rows


def in_words(steps: Mapping[str, Mapping[str, Any]]) -> str:
    """What the mix is, in a line; "" without one."""
    said = steps.get("mix")
    if not said:
        return ""
    asked = f" of {_number(said['total'], ',')}" if said.get("total") else ""
    unit, by = (shown(str(said.get(name, "?"))) for name in ("unit", "by"))
    unit = unit.replace("_", " ")
    taken = [
        f"{sum(n for s in shares if isinstance(n := s.get('taken'), int)):,}{asked} {unit}{behind}"
        for behind, table in _tables(steps)
        if (shares := _shares(table)) or not behind
    ]
    return f"{' and '.join(taken)} for training, by {by}"


def _tables(steps: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """What the mix says of data/ and of preference/, each with what is put behind a name."""
    said = steps.get("mix", {})
    pairs = said.get(PREFERENCE)
    return [("", said), *([(f" ({PREFERENCE}/)", pairs)] if isinstance(pairs, dict) else [])]


def _shares(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    shares = said.get("shares")
    found = shares if isinstance(shares, list) else []
    return [share for share in found if isinstance(share, dict)]


def _number(value: Any, form: str) -> str:
    return format(value, form) if isinstance(value, int | float) else "?"
