"""What the build says of a mix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from .budget import Budget, Share

if TYPE_CHECKING:
    from .mix import Mix

LISTED = 200
"""The most sets in a report: tasks, as records name them, can be any number."""
_TOLD = 3
"""The most sets in a sentence."""
_ASIDE = 0.2
"""Where more than this part of a build is put aside, it says so."""
UNITS = {"rows": "rows", "tokens": "tokens", "answer_tokens": "answer tokens"}


def table_report(
    mix: Mix, title: str, given: Budget, taken: Mapping[str, int], left: Mapping[str, int]
) -> dict[str, Any]:
    """What is said of one table. `taken` is by set, and `left` the size of what no weight names, by
    label."""
    notes = [*_notes(mix, given), *_nothing(mix, given, taken), *_left_out(mix, left)]
    return _shares(mix, given, taken, left) | {"notes": [f"{title}: {note}" for note in notes]}


def much_aside(aside: int, trained: int) -> list[str]:
    """A note where validation and test are large beside the mix. Both are numbers of conversations;
    a share for validation is of all rows, before the mix takes a part of them."""
    if aside <= _ASIDE * (aside + trained):
        return []
    return [
        f"mix: {aside:,} conversations are put aside, and {trained:,} are for training. A share is "
        "of all rows, before the mix; validation: {rows: 500} says how many"
    ]


def lacks(share: Share, mix: Mix, epochs: int) -> str:
    """That a set is short, in words."""
    unit = UNITS[mix.unit]
    lacking = share.wanted - share.available * epochs
    return (
        f"{share.name} has {share.available:,} {unit} and its share is {share.wanted:,}: "
        f"{lacking:,} are missing at {_epochs(epochs)}, and {share.needs:,.2f} are needed"
    )


def _epochs(count: int) -> str:
    return f"{count} epoch" if count == 1 else f"{count} epochs"


def _shares(
    mix: Mix, given: Budget, taken: Mapping[str, int], left: Mapping[str, int]
) -> dict[str, Any]:
    every = sum(share.weight for share in given.shares)
    named = bool(mix.weights)
    rows = [
        {
            "name": share.name,
            "weight": float(share.weight) if named else round(float(share.weight / every), 6),
            "wanted": share.wanted,
            "available": share.available,
            "taken": taken[share.name],
            "epochs": _rounded(taken[share.name] / share.available),
        }
        for share in sorted(given.shares, key=lambda share: (-share.given, share.name))
    ]
    listed = dict(sorted(left.items(), key=lambda item: (-item[1], item[0]))[:LISTED])
    return {
        "shares": rows[:LISTED],
        "more_shares": max(0, len(rows) - LISTED),
        "left_out": listed,
    }


def _rounded(epochs: float) -> float:
    """Two decimals, or as many as it takes to tell a small number from nothing."""
    return round(epochs, 2) or float(f"{epochs:.1g}")


def _notes(mix: Mix, given: Budget) -> Iterator[str]:
    """What a user should know before anything is written."""
    unit = UNITS[mix.unit]
    if not given.shares:
        return
    if mix.total is None:
        first = min(given.shares, key=lambda share: (-share.needs, share.name))
        if len(given.shares) > 1 and any(s.given < s.available for s in given.shares):
            whole = sum(share.given for share in given.shares)
            yield (
                f"{whole:,} {unit} in all; {first.name} gives everything that it has, and "
                "the weights say what the others give beside it: a lower weight for it, or "
                "max_epochs, takes more of them"
            )
        return
    if given.scale < 1:
        short = max(given.shares, key=lambda share: (share.needs, share.name))
        become = [
            f"{share.name} gives {share.given:,} instead of {share.wanted:,}"
            for share in given.shares
        ]
        yield (
            f"{lacks(short, mix, mix.max_epochs)}; the whole mix is scaled to "
            f"{float(given.scale):.1%}: {few(become)}"
        )
        return
    for share in given.shares[:LISTED]:
        if share.given > share.available:
            yield (
                f"{share.name} has {share.available:,} {unit} and its share is "
                f"{share.wanted:,}: its rows are written up to {ceil(share.needs)} times"
            )


def _nothing(mix: Mix, given: Budget, taken: Mapping[str, int]) -> Iterator[str]:
    """The sets that have a weight and give nothing all the same."""
    small = [
        f"{share.name} (whose share is {share.given:,} of {share.available:,} {UNITS[mix.unit]})"
        for share in given.shares
        if not taken[share.name]
    ]
    if small:
        yield f"nothing is taken where no conversation fits into the share: {few(small)}"


def _left_out(mix: Mix, left: Mapping[str, int]) -> Iterator[str]:
    if left:
        items = sorted(left.items(), key=lambda item: (-item[1], item[0]))
        named = [f"{name} ({size:,} {UNITS[mix.unit]})" for name, size in items]
        yield f"without a weight, and left out: {few(named)}"


def few(items: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f", and {len(items) - _TOLD:,} more" if len(items) > _TOLD else ""
    return ", ".join(items[:_TOLD]) + more
