"""Which rows of groups stay. A row is dropped only for one that stays and that it was compared
with: there are no chains."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ...schema import Reason
from ..groups import connected
from .groups import Candidate, Pair
from .signs import other_signs

COPY, PREFIX, PROMPT = "copy", "prefix", "prompt"
"""Classes of pairs: both sides are alike; one conversation begins with the other; the prompts are
alike, and nothing else was compared."""
_DETAILS = {
    COPY: "nearly the same as",
    PREFIX: "the beginning of",
    PROMPT: "nearly the same prompt as",
}


class Judged(NamedTuple):
    """A row with near duplicates, by place: the first row of its cluster, and if it is dropped the
    one that stays instead, and why."""

    row: int
    cluster: int
    other: int | None = None
    reason: str = ""
    detail: str = ""
    score: float = 0.0
    evidence: Mapping[str, Any] = {}


class _Link(NamedTuple):
    """Why a row may be dropped for another."""

    kind: str
    score: float
    prompt: float = 1.0
    answer: float = 1.0


def judged(rows: Sequence[Candidate], pairs: Iterable[Pair], prompts_only: bool) -> list[Judged]:
    """What becomes of rows that are alike, by place. Rows are in the order of the build."""
    links = _links(rows, pairs, PROMPT if prompts_only else COPY)
    if not prompts_only:
        _add_prefixes(rows, links)
    stays: set[int] = set()
    dropped: dict[int, tuple[int, _Link]] = {}
    for row in sorted(links, key=lambda row: _order(rows, links, row)):
        reasons = [(o, link) for o, link in links[row].items() if o in stays]
        if reasons:
            dropped[row] = max(reasons, key=lambda found: (found[1].score, -found[0]))
        else:
            stays.add(row)
    return _told(links, dropped)


def _order(rows: Sequence[Candidate], links: Mapping[int, Any], row: int) -> tuple[int, ...]:
    """Rows that could stay come first: longer exports, then by preference, length and order."""
    own = rows[row]
    shorter = sum(link.kind == PREFIX for link in links[row].values())
    return (min(shorter, 1), -len(own.keys) if shorter else 0, own.rank, -own.length, row)


def _links(
    rows: Sequence[Candidate], pairs: Iterable[Pair], kind: str
) -> dict[int, dict[int, _Link]]:
    """For each row, those that it may be dropped for."""
    links: dict[int, dict[int, _Link]] = defaultdict(dict)
    for pair in pairs:
        link = _Link(kind, pair.score, pair.prompt, pair.answer)
        links[pair.one][pair.other] = links[pair.other][pair.one] = link
    equal: dict[int, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        equal[row.keys[-1]].append(place)
    for same in equal.values():
        if len(same) > 1:
            _add_equal(rows, same, links, kind)
    return links


def _add_equal(
    rows: Sequence[Candidate], same: Sequence[int], links: dict[int, dict[int, _Link]], kind: str
) -> None:
    """Of rows with the same words, each may be dropped for the best one, and for the best of those
    with the same signs."""
    ordered = sorted(same, key=lambda place: (rows[place].rank, -rows[place].length, place))
    bests: dict[tuple[int, ...], int] = {}
    for place in ordered[1:]:
        signs = rows[place].signs
        best = bests.setdefault(signs, place)
        if not other_signs(signs, rows[ordered[0]].signs):
            best = ordered[0]
        if best != place:
            links[place][best] = links[best][place] = _Link(kind, 1.0)


def _add_prefixes(rows: Sequence[Candidate], links: dict[int, dict[int, _Link]]) -> None:
    """Each row that others begin with may be dropped for the longest of them."""
    ends: dict[int, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        ends[row.keys[-1]].append(place)
    longest: dict[int, int] = {}
    for place, row in enumerate(rows):
        for key in row.keys[:-1]:
            if key in ends:
                best = longest.setdefault(key, place)
                if len(row.keys) > len(rows[best].keys):
                    longest[key] = place
    for key, place in longest.items():
        for shorter in ends[key]:
            if other_signs(rows[shorter].signs, rows[place].signs):
                continue
            links[shorter][place] = _Link(PREFIX, 1.0)
            links[place]  # it is in the cluster


def _told(
    links: Mapping[int, Mapping[int, _Link]], dropped: Mapping[int, tuple[int, _Link]]
) -> list[Judged]:
    import numpy as np

    edges = [(row, other) for row, others in links.items() for other in others]
    if not edges:
        return []
    places, firsts = connected(*np.array(edges, np.int64).T)
    told = []
    for row, first in zip(places.tolist(), firsts.tolist(), strict=True):
        if row not in dropped:
            told.append(Judged(row, first))
            continue
        other, link = dropped[row]
        reason = Reason.SHORTER_VERSION if link.kind == PREFIX else Reason.NEAR_DUPLICATE
        evidence = {"class": link.kind, "prompt": link.prompt}
        if link.kind != PROMPT:
            evidence["answer"] = link.answer
        told.append(
            Judged(row, first, other, reason.value, _DETAILS[link.kind], link.score, evidence)
        )
    return told
