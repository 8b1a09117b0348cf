"""Which rows of groups stay. A row is dropped only for one that stays and that it was compared
with: there are no chains. Of two rows that are alike, one at most stays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ...schema import Reason
from ..groups import connected
from .agree import Agreed
from .lists import Lists
from .signs import SignsOf

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

COPY, PREFIX, PROMPT = "copy", "prefix", "prompt"
"""Classes of pairs: both sides are alike; one conversation begins with the other; the prompts are
alike, and nothing else was compared."""
_DETAILS = {
    COPY: "nearly the same as",
    PREFIX: "the beginning of",
    PROMPT: "nearly the same prompt as",
}


class Contenders(NamedTuple):
    """Rows to keep or drop, in the order of the build: the rank of each one's source, its length,
    its keys (see `shingles.prefix_keys`), and its signs, sorted."""

    rank: Array
    length: Array
    keys: Lists
    signs: Lists


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


class Links(NamedTuple):
    """Which rows may be dropped for which others, sorted by row, each pair once; and why: a place
    in `score`, `prompt` and `answer`, of which the last but one is for rows with the same words,
    and the last one for beginnings."""

    row: Array
    other: Array
    why: Array
    score: Array
    prompt: Array
    answer: Array

    @property
    def prefix(self) -> Array:
        """Whether the row is the beginning of the other."""
        found: Array = self.why == len(self.score) - 1
        return found


def judged(rows: Contenders, pairs: Agreed, prompts_only: bool) -> list[Judged]:
    """What becomes of rows that are alike, by place."""
    links = linked(rows, pairs, prompts_only)
    if not len(links.row):
        return []
    order = _order(rows, links)
    stays = _stay(order, links)
    return _told(links, _reasons(order, stays, links), PROMPT if prompts_only else COPY)


def _order(rows: Contenders, links: Links) -> Array:
    """All rows with links. Those that could stay come first: longer exports, then by preference,
    length and order."""
    import numpy as np

    row = np.unique(np.concatenate([links.row, links.other]))
    shorter = np.isin(row, links.row[links.prefix])
    turns = np.where(shorter, -rows.keys.sizes()[row], 0)
    return row[np.lexsort((row, -rows.length[row], rows.rank[row], turns, shorter))]


def _stay(order: Array, links: Links) -> Array:
    """Which rows stay, a bool for each place: in this order, each that is not dropped for one
    before it."""
    import numpy as np

    by_other = np.argsort(links.other, kind="stable")
    row, count = links.row[by_other], int(order.max()) + 1
    begins = np.searchsorted(links.other[by_other], np.arange(count + 1)).tolist()
    stays, dropped = np.zeros(count, bool), np.zeros(count, bool)
    for place in order.tolist():
        if not dropped[place]:
            stays[place] = True
            dropped[row[begins[place] : begins[place + 1]]] = True
    return stays


def _reasons(order: Array, stays: Array, links: Links) -> Array:
    """Of each dropped row the link to the most similar row before it that stays; of equally
    similar ones the first row's."""
    import numpy as np

    at = np.empty(len(stays), np.int64)
    at[order] = np.arange(len(order))
    known = np.flatnonzero(
        ~stays[links.row] & stays[links.other] & (at[links.other] < at[links.row])
    )
    row = links.row[known]
    best = np.lexsort((links.other[known], -links.score[links.why[known]], row))
    first = np.diff(row[best], prepend=-1) != 0
    found: Array = known[best][first]
    return found


def linked(rows: Contenders, pairs: Agreed, prompts_only: bool) -> Links:
    """All links. Rows with the same words, and the beginnings of others, count as such."""
    import numpy as np

    lasts = rows.keys.values[rows.keys.starts[1:] - 1]
    count, many = len(lasts), len(pairs.one)
    equal = np.array([*_equal(rows, lasts)], np.int64).reshape(-1, 2).T
    begin = [] if prompts_only else [*_beginnings(rows, lasts)]
    shorter, longer = np.array(begin, np.int64).reshape(-1, 2).T
    # of two links between the same rows the last one holds
    key = np.concatenate(
        [
            pairs.one * count + pairs.other,
            pairs.other * count + pairs.one,
            equal[0] * count + equal[1],
            equal[1] * count + equal[0],
            shorter * count + longer,
        ]
    )
    why = np.append(np.tile(np.arange(many), 2), np.full(len(key) - 2 * many, many))
    why[len(key) - len(shorter) :] = many + 1
    key, first = np.unique(key[::-1], return_index=True)
    sides = (np.append(side, (1.0, 1.0)) for side in pairs[2:])
    return Links(key // count, key % count, why[::-1][first], *sides)


def _equal(rows: Contenders, lasts: Array) -> Iterator[tuple[int, int]]:
    """Of rows with the same words, each with the best one, or else with the best of those with the
    same signs."""
    import numpy as np

    order = np.lexsort((np.arange(len(lasts)), -rows.length, rows.rank, lasts))
    again = np.append(False, lasts[order][1:] == lasts[order][:-1])
    best, signs = -1, SignsOf(())
    bests: dict[tuple[int, ...], int] = {}
    for at in np.flatnonzero(again).tolist():
        if not again[at - 1]:
            best, bests = int(order[at - 1]), {}
            signs = SignsOf(rows.signs.row(best))
        place = int(order[at])
        own = rows.signs.row(place)
        first = bests.setdefault(tuple(own), place)
        if not signs.differ(own):
            first = best
        if first != place:
            yield place, first


def _beginnings(rows: Contenders, lasts: Array) -> Iterator[tuple[int, int]]:
    """Each row that others begin with, and the longest of them."""
    import numpy as np

    keys, turns = rows.keys, rows.keys.sizes()
    row = np.repeat(np.arange(len(lasts)), turns)
    inner = np.ones(len(row), bool)
    inner[keys.starts[1:] - 1] = False
    known = np.flatnonzero(inner)[np.isin(keys.values[inner], lasts)]
    ends: dict[int, list[int]] = defaultdict(list)
    for place in np.flatnonzero(np.isin(lasts, keys.values[known])).tolist():
        ends[int(lasts[place])].append(place)
    longest: dict[int, int] = {}
    for place, key in zip(row[known].tolist(), keys.values[known].tolist(), strict=True):
        if turns[place] > turns[longest.setdefault(key, place)]:
            longest[key] = place
    signs: dict[int, SignsOf] = {}
    for key, place in longest.items():
        if place not in signs:
            signs[place] = SignsOf(rows.signs.row(place))
        for shorter in ends[key]:
            if not signs[place].differ(rows.signs.row(shorter)):
                yield shorter, place


def _told(links: Links, reasons: Array, kind: str) -> list[Judged]:
    places, firsts = connected(links.row, links.other)
    why = dict(zip(links.row[reasons].tolist(), reasons.tolist(), strict=True))
    told = []
    for row, first in zip(places.tolist(), firsts.tolist(), strict=True):
        link = why.get(row)
        told.append(Judged(row, first) if link is None else _dropped(links, link, first, kind))
    return told


def _dropped(links: Links, link: int, cluster: int, kind: str) -> Judged:
    row, other, why = (column[link].item() for column in links[:3])
    score, prompt, answer = (column[why].item() for column in links[3:])
    prefix = why == len(links.score) - 1
    reason = Reason.SHORTER_VERSION if prefix else Reason.NEAR_DUPLICATE
    kind = PREFIX if prefix else kind
    evidence = {"class": kind, "prompt": prompt}
    if kind != PROMPT:
        evidence["answer"] = answer
    return Judged(row, cluster, other, reason.value, _DETAILS[kind], score, evidence)
