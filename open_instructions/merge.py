"""All chunks -> the shards: drop duplicates, keep ids apart, count what is written.

Of equal conversations one copy stays: that of the source the recipe prefers, then the one that stands first. All
parts of a dropped copy go with it. Where two conversations carry one id, the later becomes `id~2`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .ledger import Ledger
from .recipe import Recipe
from .schema import FIRST, KEY, ROWS, Reason, Rejected, data_schema, rejected_schema, to_json
from .store import DATA, REJECTED, ShardWriter, read_chunk, rejected_table

if TYPE_CHECKING:
    import pyarrow as pa

STAGE = "duplicates"


def merge(chunks: Path, count: int, ready: Path, recipe: Recipe, sources: Sequence[str]) -> tuple[list[dict[str, Any]], Ledger]:
    """Write data/ and rejected/ under `ready` from `count` chunks; the shards and the books of this stage."""
    winners = _winners(chunks, count, _ranks(recipe, sources)) if recipe.duplicates else {}
    ledger = Ledger()
    data = ShardWriter(ready, DATA, "train", data_schema())
    refused = ShardWriter(ready, REJECTED, "rejected", rejected_schema())
    names: Counter[str] = Counter()
    number = 0
    for index in range(count):
        table = read_chunk(chunks, index)
        starts = _starts(table)
        dropped = [(at, winners[number + at]) for at in range(len(starts)) if number + at in winners]
        number += len(starts)
        kept, copies = _separate(table, starts, dropped)
        _count(ledger, table, kept, copies)
        data.append(_distinct(kept, names))
        refused.append(read_chunk(chunks, index, REJECTED))
        if copies:
            refused.append(rejected_table([r for copy in copies for r in copy[1]]))
    return [*data.finish(), *refused.finish()], ledger


def _ranks(recipe: Recipe, sources: Sequence[str]) -> dict[str, int]:
    return {name: rank for rank, name in enumerate(dict.fromkeys([*recipe.prefer, *sorted(sources)]))}


def _starts(table: pa.Table) -> list[int]:
    """The row where each conversation begins; its parts stand side by side."""
    return [at for at, first in enumerate(table[FIRST].to_pylist()) if first]


def _winners(chunks: Path, count: int, ranks: dict[str, int]) -> dict[int, str]:
    """For each conversation to drop (by its number in the build): the id of the equal one that stays."""
    import numpy as np

    digests: list[bytes] = []
    rank: list[int] = []
    for index in range(count):
        table = read_chunk(chunks, index, columns=["source", KEY, FIRST])
        starts = _starts(table)
        keys, sources = table[KEY].to_pylist(), table["source"].to_pylist()
        digests += [keys[at] for at in starts]
        rank += [ranks[sources[at]] for at in starts]
    if not digests:
        return {}
    keyed = np.frombuffer(b"".join(digests), dtype=">u8").reshape(-1, 2)
    order = np.lexsort((np.arange(len(rank)), np.array(rank), keyed[:, 1], keyed[:, 0]))
    same = np.concatenate(([False], (keyed[order][1:] == keyed[order][:-1]).all(axis=1)))
    losers: dict[int, int] = {}
    best = 0
    for place, number in enumerate(order.tolist()):
        if same[place]:
            losers[number] = best
        else:
            best = number
    names = dict(_names(chunks, count, set(losers.values())))
    return {number: names[winner] for number, winner in losers.items()}


def _names(chunks: Path, count: int, wanted: set[int]) -> Iterator[tuple[int, str]]:
    number = 0
    for index in range(count if wanted else 0):
        ids = read_chunk(chunks, index, columns=["conversation_id", FIRST])
        for at in _starts(ids):
            if number in wanted:
                yield number, ids["conversation_id"][at].as_py()
            number += 1


Copy = tuple[dict[str, int], list[Rejected]]


def _separate(table: pa.Table, starts: list[int], dropped: list[tuple[int, str]]) -> tuple[pa.Table, list[Copy]]:
    """The rows to keep, and for each dropped conversation its counts and its rows of rejected/."""
    if not dropped:
        return table, []
    import pyarrow as pa

    ends = [*starts[1:], table.num_rows]
    keep = [True] * table.num_rows
    copies: list[Copy] = []
    for at, winner in dropped:
        parts = table.slice(starts[at], ends[at] - starts[at]).to_pylist()
        for part in range(starts[at], ends[at]):
            keep[part] = False
        first = parts[0]
        turns = sum(len(p["messages"]) for p in parts)
        rejected = [
            Rejected(
                "record", first["source"], first["subset"], first["conversation_id"], first["origin_file"], origin, STAGE,
                Reason.DUPLICATE, f"equal to {winner}", to_json([m for p in parts for m in p["messages"]]) if part == 0 else "",
            )
            for part, origin in enumerate(first[ROWS])
        ]  # fmt: skip
        copies.append(({"records": len(first[ROWS]), "turns": turns, "parts": len(parts)}, rejected))
    return table.filter(pa.array(keep)), copies


def _count(ledger: Ledger, table: pa.Table, kept: pa.Table, copies: list[Copy]) -> None:
    if not table.num_rows:
        return
    import pyarrow.compute as pc

    source, subset = table["source"][0].as_py(), table["subset"][0].as_py()
    records, records_kept = (sum(len(t[ROWS][at]) for at in _starts(t)) for t in (table, kept))
    turns, turns_kept = (int(pc.sum(pc.list_value_length(t["messages"])).as_py() or 0) for t in (table, kept))
    for what, number in (
        ("records_in", records), ("records_out", records_kept), ("turns_in", turns), ("turns_out", turns_kept), ("rows", kept.num_rows),
    ):  # fmt: skip
        ledger.add(source, subset, STAGE, what, number)
    for counts, _ in copies:
        ledger.add(source, subset, STAGE, "rejected_records", counts["records"], Reason.DUPLICATE)
        ledger.add(source, subset, STAGE, "rejected_turns", counts["turns"], Reason.DUPLICATE)
        ledger.add(source, subset, STAGE, "parts_dropped", counts["parts"] - 1)
        ledger.add(source, subset, STAGE, "joined_dropped", counts["records"] - 1)


def _distinct(table: pa.Table, names: Counter[str]) -> pa.Table:
    """Without the chunk's own columns, and with ids that no earlier conversation has."""
    import pyarrow as pa

    starts = set(_starts(table))
    table = table.select(data_schema().names)
    ids = table["conversation_id"].to_pylist()
    nth = []
    for at, name in enumerate(ids):
        names[name] += at in starts
        nth.append(names[name])
    if all(n == 1 for n in nth):
        return table.cast(data_schema())
    rows = table.to_pylist()
    for row, name, n in zip(rows, ids, nth, strict=True):
        if n > 1:
            row["conversation_id"] = f"{name}~{n}"
            row["id"] = row["conversation_id"] + row["id"][len(name) :]
    return pa.Table.from_pylist(rows, data_schema())
