"""What each set gives to a mix, which of its rows, and what the build says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError, shown, suggest
from .budget import MOST_EPOCHS, Budget, Share, budget, exactly, tempered

if TYPE_CHECKING:
    import numpy as np

    from .mix import Mix

_LISTED = 200
"""The most sets in a report: tasks, as records name them, can be any number."""
_TOLD = 3
"""The most sets in a sentence."""
_PARTS = {"source": ":", "language": "-"}
"""Between the general part of a name and the rest: gpt4llm:zh is of gpt4llm, zh-Hans of zh."""
UNITS = {"rows": "rows", "tokens": "tokens", "answer_tokens": "answer tokens"}


class Settled(NamedTuple):
    """How often each row is written, in the order given; whether each label has a weight; and the
    report."""

    copies: np.ndarray[Any, Any]
    weighted: np.ndarray[Any, Any]
    report: dict[str, Any]


def general(by: str, label: str) -> str:
    """The name that covers a label.

    >>> general("source", "gpt4llm:zh"), general("language", "zh-Hans"), general("task", "a:b")
    ('gpt4llm', 'zh', 'a:b')
    """
    return label.partition(_PARTS[by])[0] if by in _PARTS else label


def set_of(mix: Mix, label: str) -> str | None:
    """The set that the rows with a label belong to: one named by the whole label comes before one
    named by its general part. None if no weight names it."""
    whole = general(mix.by, label)
    if not mix.weights:
        return whole if mix.by == "source" else label
    weights = dict(mix.weights)
    name = label if label in weights else whole
    return name if weights.get(name) else None


def settle_shares(
    mix: Mix,
    labels: Sequence[str],
    label: np.ndarray[Any, Any],
    sizes: np.ndarray[Any, Any],
    ranks: np.ndarray[Any, Any],
) -> Settled:
    """The shares of a mix.

    labels  the names in the build, like gpt4llm:zh
    label   of each row, in the order of their ranks: an index of `labels`
    sizes   of each row, in the unit of the mix
    ranks   of each row, in order: those of one conversation have the same

    Raises UsageError if a set has nothing to give, if one is short and the mix is to stop then, or
    if nothing would be taken.
    """
    import numpy as np

    names = [set_of(mix, name) for name in labels]
    sets = sorted({name for name in names if name is not None})
    index = {name: at for at, name in enumerate(sets)}
    nowhere = len(sets)
    number = np.array([nowhere if name is None else index[name] for name in names], np.int64)
    member = number[label] if len(label) else np.empty(0, np.int64)
    have = _sums(member, sizes, nowhere + 1)
    available = dict(zip(sets, have[:nowhere].tolist(), strict=True))
    weights = _weights(mix, available, labels)
    given = _budget(mix, weights, available)
    copies = np.zeros(len(sizes), np.int32)
    taken = {}
    order = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[order], np.arange(nowhere + 1))
    for share in given.shares:
        at = index[share.name]
        rows = order[starts[at] : starts[at + 1]]
        copies[rows] = _copies(sizes[rows], ranks[rows], share)
        taken[share.name] = int((sizes[rows] * copies[rows]).sum())
    if not any(taken.values()):
        raise UsageError(
            f"mix: a total of {mix.total:,} {UNITS[mix.unit]} takes nothing: no conversation fits "
            "into the share of its set.",
            hint="Raise the total, or leave it out.",
        )
    by_label = _sums(label, sizes, len(labels))
    left = {
        name: size
        for name, of, size in zip(labels, names, by_label.tolist(), strict=True)
        if of is None and size
    }
    report = _report(mix, given, taken, left)
    return Settled(copies, number < nowhere, report)


def _sums(group: np.ndarray[Any, Any], values: np.ndarray[Any, Any], count: int) -> Any:
    import numpy as np

    sums = np.zeros(count, np.int64)
    np.add.at(sums, group, values)
    return sums


def _weights(mix: Mix, available: Mapping[str, int], labels: Sequence[str]) -> dict[str, Fraction]:
    """The weight of each set that gives anything. Raises UsageError if one has nothing to give."""
    if not mix.weights:
        degree = mix.temperature or 1.0
        found = {name: tempered(size, degree) for name, size in available.items() if size}
        if not found:
            raise UsageError("mix: no conversation is left to take.")
        return found
    weights = {name: exactly(weight) for name, weight in mix.weights if weight}
    for name in weights:
        if not available.get(name):
            known = sorted({*labels, *(general(mix.by, label) for label in labels)} - {name})
            raise UsageError(
                f"mix: {shown(name)} has a weight, and nothing is left of it for training.",
                hint=suggest(name, known[:_LISTED], "Something is left of"),
            )
    return weights


def _budget(mix: Mix, weights: Mapping[str, Fraction], available: Mapping[str, int]) -> Budget:
    """What each set gives. Raises UsageError where a set is short and may not be."""
    most = MOST_EPOCHS if mix.shortfall == "repeat" else mix.max_epochs
    found = budget(weights, available, mix.total, most)
    if found.scale < 1 and mix.shortfall != "scale":
        short = max(found.shares, key=lambda share: share.needs)
        largest = found.scale * (mix.total or 0)
        least = f"max_epochs: {ceil(short.needs)}, " if short.needs <= MOST_EPOCHS else ""
        raise UsageError(
            f"mix: {_lacks(short, mix, most)}.",
            hint=f"Use {least}a total up to {int(largest):,}, or shortfall: scale.",
        )
    return found


def _copies(
    sizes: np.ndarray[Any, Any], ranks: np.ndarray[Any, Any], share: Share
) -> np.ndarray[Any, Any]:
    """How often each row is written, for rows in the order of their ranks. Parts of a conversation
    that stand alone, as in a shuffled build, are taken or left together."""
    import numpy as np

    if not share.available:
        return np.zeros(len(sizes), np.int32)
    passes, rest = divmod(share.given, share.available)
    last = np.searchsorted(ranks, ranks, side="right") - 1
    more = (np.cumsum(sizes)[last] <= rest) & bool(rest)
    copies: np.ndarray[Any, Any] = (passes + more).astype(np.int32)
    return copies


def _lacks(share: Share, mix: Mix, epochs: int) -> str:
    """That a set is short, in words."""
    unit = UNITS[mix.unit]
    lacking = share.wanted - share.available * epochs
    return (
        f"{share.name} has {share.available:,} {unit} and its share is {share.wanted:,}: "
        f"{lacking:,} are missing at {_epochs(epochs)}, and {share.needs:,.2f} are needed"
    )


def _epochs(count: int) -> str:
    return f"{count} epoch" if count == 1 else f"{count} epochs"


def _report(
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
            "epochs": round(taken[share.name] / share.available, 2),
        }
        for share in sorted(given.shares, key=lambda share: (-share.given, share.name))
    ]
    listed = dict(sorted(left.items(), key=lambda item: (-item[1], item[0]))[:_LISTED])
    return {
        "unit": mix.unit,
        "by": mix.by,
        "total": mix.total,
        "shares": rows[:_LISTED],
        "more_shares": max(0, len(rows) - _LISTED),
        "left_out": listed,
        "notes": [*_notes(mix, given), *_left_out(mix, left)],
    }


def _notes(mix: Mix, given: Budget) -> Iterator[str]:
    """What a user should know before anything is written."""
    unit = UNITS[mix.unit]
    if mix.total is None:
        first = min(given.shares, key=lambda share: (-share.needs, share.name))
        if len(given.shares) > 1 and any(s.given < s.available for s in given.shares):
            whole = sum(share.given for share in given.shares)
            yield (
                f"mix: {whole:,} {unit} in all; {first.name} gives everything that it has, and "
                "the weights say what the others give beside it"
            )
        return
    if given.scale < 1:
        short = max(given.shares, key=lambda share: (share.needs, share.name))
        become = [
            f"{share.name} gives {share.given:,} instead of {share.wanted:,}"
            for share in given.shares
        ]
        yield (
            f"mix: {_lacks(short, mix, mix.max_epochs)}; the whole mix is scaled to "
            f"{float(given.scale):.1%}: {_few(become)}"
        )
        return
    for share in given.shares[:_LISTED]:
        if share.given > share.available:
            yield (
                f"mix: {share.name} has {share.available:,} {unit} and its share is "
                f"{share.wanted:,}: its rows are written up to {ceil(share.needs)} times"
            )


def _left_out(mix: Mix, left: Mapping[str, int]) -> Iterator[str]:
    if left:
        items = sorted(left.items(), key=lambda item: (-item[1], item[0]))
        named = [f"{name} ({size:,} {UNITS[mix.unit]})" for name, size in items]
        yield f"mix: without a weight, and left out: {_few(named)}"


def _few(items: Sequence[str]) -> str:
    more = f", and {len(items) - _TOLD:,} more" if len(items) > _TOLD else ""
    return ", ".join(items[:_TOLD]) + more
