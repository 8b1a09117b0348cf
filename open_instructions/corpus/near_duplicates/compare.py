"""The last round: candidates are read again and compared exactly."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...arrays import mixed, numbers, strings, unpacked, view
from ...preference import Whole
from ..step import EVIDENCE, ID, NUMBER, PLACE, REASON, Round, no_rows, verdicts, with_report
from .bands import GROUP
from .groups import FIRST, FLAGS, LISTS, SECOND, SIGNS, THIRD, Alike, Candidate, Group
from .keep import Judged, judged
from .sample import SHINGLE, Common
from .shingles import numbers_in, prefix_keys, read, shingles_of
from .signs import signs_in

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from .shingles import Hashes, Places, Read, Shingles

RANK, LENGTH, KEYS = "rank", "length", "keys"
AT_ONCE = 1_000_000
"""How many shingles are compared at once, if no group has more."""


class Compared(Round):
    """The verdicts."""

    each = 4

    def __init__(self, alike: Alike, sources: Sequence[str]) -> None:
        self._alike, self._sources = alike, tuple(sources)
        self._ranks = {name: rank for rank, name in enumerate(sources)}

    def asks(self, before: pa.Table) -> pa.Array | None:
        import numpy as np

        number = view(before[NUMBER])
        return numbers(number[number >= 0] if len(number) else np.empty(0, np.int64), "int64")

    def facts(
        self, conversations: Sequence[Whole], number: np.ndarray[Any, Any], before: pa.Table
    ) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        known, group = view(before[NUMBER]), view(before[GROUP])
        common = Common(view(before[SHINGLE])[known < 0])
        given = read(conversations, self._alike.prompts_only)
        found = shingles_of(given)
        every, starts = _distinct(found.hashes, found.starts)
        usual = common.among(every)
        figures, begins = numbers_in(given)
        candidates = known >= 0
        known, group = known[candidates], group[candidates]
        keys = list(prefix_keys(given))
        ends = np.append(0, np.cumsum([len(own) for own in keys]))
        flat = np.array([key for own in keys for key in own], np.uint64)
        lengths = [sum(len(m.content) for m in c.messages) for c in conversations]
        lists = (
            (_flagged(every, every & np.uint64(1), usual, every >> np.uint64(1)), starts),
            _subjects(given),
            _lasts(found),
            (_flagged(figures), begins),
            signs_in(given),
        )
        return pa.table(
            {
                PLACE: numbers(np.arange(len(conversations)), "int32"),
                GROUP: numbers(group[np.searchsorted(known, number)], "int64"),
                RANK: numbers([self._ranks[c.source] for c in conversations], "int32"),
                LENGTH: numbers(lengths, "int64"),
                KEYS: _lists(flat, ends),
                **{name: _lists(*made) for name, made in zip(LISTS, lists, strict=True)},
            }
        )

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        import numpy as np

        return mixed(view(facts[GROUP]).astype(np.uint64)) % np.uint64(parts)

    def decide(self, facts: pa.Table) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        order = np.lexsort((view(facts[NUMBER]), view(facts[GROUP])))
        facts = facts.take(numbers(order, "int64"))
        found = [no_rows()]
        for start, stop in _at_once(facts):
            block = facts.slice(start, stop - start).combine_chunks()
            found.append(self._verdicts(block))
        return pa.concat_tables(found)

    def _verdicts(self, facts: pa.Table) -> pa.Table:
        group = Group(view(facts[GROUP]), [unpacked(facts[name]) for name in LISTS])
        number, ids = view(facts[NUMBER]).tolist(), facts[ID].to_pylist()
        ranks, lengths = view(facts[RANK]).tolist(), view(facts[LENGTH]).tolist()
        lists = (facts[name].to_pylist() for name in (KEYS, SIGNS))
        rows = [
            Candidate(rank, length, tuple(keys), tuple(sorted(signs)))
            for rank, length, keys, signs in zip(ranks, lengths, *lists, strict=True)
        ]
        told = judged(rows, group.pairs(self._alike), self._alike.prompts_only)
        return _as_verdicts(told, number, ids, [self._sources[rank] for rank in ranks])

    def conclude(self, decided: pa.Table, before: pa.Table) -> pa.Table:
        import numpy as np

        candidates = int(np.count_nonzero(view(before[NUMBER]) >= 0)) if len(before) else 0
        counts: Counter[str] = Counter()
        pairs: Counter[str] = Counter()
        told = decided.filter(decided[REASON].is_valid())
        for evidence in told[EVIDENCE].to_pylist():
            found = json.loads(evidence)
            counts[found["class"]] += 1
            pairs[" → ".join(found["sources"])] += 1
        report = {
            "common_shingles": len(before) - candidates,
            "candidates": candidates,
            "dropped": dict(sorted(counts.items())),
            "by_sources": dict(sorted(pairs.items())),
        }
        return with_report(decided, report)


def _at_once(facts: pa.Table) -> Iterator[tuple[int, int]]:
    """Spans of whole groups, with about AT_ONCE shingles."""
    import numpy as np
    import pyarrow.compute as pc

    if not len(facts):
        return
    sizes = sum(view(pc.list_value_length(facts[name])).astype(np.int64) for name in LISTS)
    ends = np.cumsum(sizes)
    begins = np.flatnonzero(np.diff(view(facts[GROUP]), prepend=-1))
    start = 0
    for begin, stop in zip(begins.tolist(), [*begins[1:].tolist(), len(facts)], strict=True):
        before = ends[start - 1] if start else 0
        if begin > start and ends[stop - 1] - before > AT_ONCE:
            yield start, begin
            start = begin
    yield start, len(facts)


def _as_verdicts(
    told: Sequence[Judged], number: list[int], ids: list[str], sources: list[str]
) -> pa.Table:
    if not told:
        return no_rows()
    dropped = [row.other is not None for row in told]
    others = [row.row if row.other is None else row.other for row in told]

    def where(values: Sequence[Any]) -> list[Any]:
        return [value if gone else None for value, gone in zip(values, dropped, strict=True)]

    evidence = [
        json.dumps(dict(row.evidence) | {"sources": [sources[row.row], sources[other]]})
        for row, other in zip(told, others, strict=True)
    ]
    return verdicts(
        number=[number[row.row] for row in told],
        reason=strings(where([row.reason for row in told])),
        detail=strings(where([row.detail for row in told])),
        other=numbers(where([number[other] for other in others]), "int64"),
        other_id=strings(where([ids[other] for other in others])),
        score=numbers(where([row.score for row in told]), "float64"),
        evidence=strings(where(evidence)),
        cluster=[number[row.cluster] for row in told],
    )


def _distinct(hashes: Hashes, starts: Places) -> tuple[Hashes, Places]:
    """Each shingle of a row once, in the order of the text."""
    import numpy as np

    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    order = np.lexsort((hashes, rows))
    sorted_hashes, sorted_rows = hashes[order], rows[order]
    again = np.zeros(len(hashes), bool)
    again[1:] = (sorted_hashes[1:] == sorted_hashes[:-1]) & (sorted_rows[1:] == sorted_rows[:-1])
    first = np.sort(order[~again])
    many = np.bincount(rows[first], minlength=len(starts) - 1)
    return hashes[first], np.append(0, np.cumsum(many))


def _lasts(found: Shingles) -> tuple[np.ndarray[Any, Any], Places]:
    """The shingles of each row's last message."""
    import numpy as np

    many = found.starts[1:] - found.lasts
    ends = np.append(0, np.cumsum(many))
    within = np.arange(ends[-1]) - np.repeat(ends[:-1], many)
    hashes = found.hashes[np.repeat(found.lasts, many) + within]
    return _flagged(hashes, hashes & np.uint64(1), 0, hashes >> np.uint64(1)), ends


def _subjects(given: Read) -> tuple[np.ndarray[Any, Any], Places]:
    """Each token of a row once, with the flag FIRST if both prompt and answer have it."""
    import numpy as np

    texts = np.diff(given.owners)
    many = np.diff(given.words.starts)
    rows = np.repeat(np.repeat(np.arange(len(texts)), texts), many)
    answer = np.repeat(np.array([text.side > 0 for text in given.texts], bool), many)
    order = np.lexsort((answer, given.words.hashes, rows))
    hashes, rows, answer = given.words.hashes[order], rows[order], answer[order]
    again = np.zeros(len(hashes), bool)
    again[1:] = (hashes[1:] == hashes[:-1]) & (rows[1:] == rows[:-1])
    begins = np.flatnonzero(~again)
    ends = np.append(begins[1:], len(hashes))[: len(begins)] - 1
    both = ~answer[begins] & answer[ends]
    counts = np.bincount(rows[begins], minlength=len(texts))
    return _flagged(hashes[begins], both), np.append(0, np.cumsum(counts))


def _flagged(
    hashes: Hashes, first: Any = 0, second: Any = 0, third: Any = 0
) -> np.ndarray[Any, Any]:
    """The upper 32 bits of each hash, of which the lowest three are flags."""
    import numpy as np

    found = (hashes >> np.uint64(32)).astype(np.uint32) & ~np.uint32(FLAGS)
    for flag, which in ((FIRST, first), (SECOND, second), (THIRD, third)):
        found |= (np.asarray(which) & 1).astype(np.uint32) * np.uint32(flag)
    return found


def _lists(values: np.ndarray[Any, Any], ends: np.ndarray[Any, Any]) -> pa.Array:
    import pyarrow as pa

    return pa.ListArray.from_arrays(numbers(ends, "int32"), numbers(values, str(values.dtype)))
