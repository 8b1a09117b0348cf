"""All chunks -> the shards: drop duplicates, keep ids apart, count what is written.

Of equal conversations one copy stays: that of the source the recipe prefers, then the one that stands first. All
parts of a dropped copy go with it. Where several conversations that stay carry one id, the later ones become `id~2`, …

Conversations are numbered in the order of the chunks; per conversation the plan holds 28 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .columns import FIRST, KEY, RAW, ROWS, data_schema, rejected_schema
from .ledger import Ledger
from .recipe import Recipe
from .schema import Reason, Rejected
from .store import DATA, REJECTED
from .store.chunks import read_chunk, rejected_table
from .store.shards import ShardWriter

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

STAGE = "duplicates"


@dataclass(frozen=True)
class _Plan:
    """By number: the conversations to drop, with the id of the copy that stays; and the new ids of those that share one."""

    dropped: dict[int, str]
    renamed: dict[int, str]


def merge(chunks: Path, count: int, ready: Path, recipe: Recipe, sources: Sequence[str]) -> tuple[list[dict[str, Any]], Ledger]:
    """Write data/ and rejected/ under `ready` from `count` chunks; the shards and the books of this stage."""
    plan = _plan(chunks, count, recipe, sources)
    ledger = Ledger()
    data = ShardWriter(ready, DATA, "train", data_schema())
    refused = ShardWriter(ready, REJECTED, "rejected", rejected_schema())
    number = 0
    numbers = []
    for index in range(count):
        numbers.append(number)
        table = read_chunk(chunks, index)
        starts = _starts(table)
        kept = _without(table, starts, {at for at in range(len(starts)) if number + at in plan.dropped})
        _count(ledger, table, kept)
        names = {at: plan.renamed[number + at] for at in range(len(starts)) if number + at in plan.renamed}
        data.append(_renamed(table, starts, names, kept))
        refused.append(_refused_under_new_names(read_chunk(chunks, index, REJECTED), table, starts, names))
        number += len(starts)
    # duplicates come last, so that the order of rejected/ does not show where the chunks were cut
    for index in range(count) if plan.dropped else ():
        table = read_chunk(chunks, index)
        starts = _starts(table)
        copies = [(at, plan.dropped[numbers[index] + at]) for at in range(len(starts)) if numbers[index] + at in plan.dropped]
        if copies:
            refused.append(rejected_table(list(_copies(ledger, table, starts, copies))))
    return [*data.finish(), *refused.finish()], ledger


def _starts(table: pa.Table) -> list[int]:
    """The row where each conversation begins; its parts stand side by side."""
    return [at for at, first in enumerate(table[FIRST].to_pylist()) if first]


def _plan(chunks: Path, count: int, recipe: Recipe, sources: Sequence[str]) -> _Plan:
    import numpy as np

    ranks = {name: rank for rank, name in enumerate(dict.fromkeys([*recipe.prefer, *sorted(sources)]))}
    keys, names, rank = bytearray(), bytearray(), bytearray()
    for index in range(count):
        table = read_chunk(chunks, index, columns=["conversation_id", "source", KEY, FIRST]).filter(_first())
        keys += b"".join(table[KEY].to_pylist())
        for name in table["conversation_id"].to_pylist():
            names += blake2b(name.encode(), digest_size=8).digest()
        for source in table["source"].to_pylist():
            rank += ranks[source].to_bytes(4, "big")
    keyed = np.frombuffer(keys, dtype=">u8").reshape(-1, 2)
    losers = _losers(keyed, np.frombuffer(rank, dtype=">u4")) if recipe.duplicates else {}
    nth = _repeated(np.frombuffer(names, dtype=">u8"), losers)
    said = dict(_ids(chunks, count, {*losers.values(), *nth}))
    renamed = {number: f"{said[number]}~{n}" for number, n in nth.items()}
    return _Plan({number: renamed.get(winner, said[winner]) for number, winner in losers.items()}, renamed)


def _first() -> Any:
    import pyarrow.compute as pc

    return pc.field(FIRST)


def _losers(keyed: np.ndarray[Any, Any], rank: np.ndarray[Any, Any]) -> dict[int, int]:
    """Each conversation to drop, and the equal one that stays: of the best rank, then the first."""
    import numpy as np

    if not len(rank):
        return {}
    order = np.lexsort((np.arange(len(rank)), rank, keyed[:, 1], keyed[:, 0]))
    same = np.concatenate(([False], (keyed[order][1:] == keyed[order][:-1]).all(axis=1)))
    losers: dict[int, int] = {}
    best = 0
    for place in np.flatnonzero(same | np.append(same[1:], False)).tolist():
        if same[place]:
            losers[int(order[place])] = best
        else:
            best = int(order[place])
    return losers


def _repeated(names: np.ndarray[Any, Any], dropped: dict[int, int]) -> dict[int, int]:
    """The conversations that stay under an id that an earlier one has, and how many there are up to them: 2, 3, …"""
    import numpy as np

    staying = np.ones(len(names), dtype=bool)
    staying[list(dropped)] = False
    numbers = np.flatnonzero(staying)
    _, inverse, counts = np.unique(names[numbers], return_inverse=True, return_counts=True)
    seen: dict[int, int] = {}
    nth: dict[int, int] = {}
    for place in np.flatnonzero(counts[inverse] > 1).tolist():
        group = int(inverse[place])
        seen[group] = seen.get(group, 0) + 1
        if seen[group] > 1:
            nth[int(numbers[place])] = seen[group]
    return nth


def _ids(chunks: Path, count: int, wanted: set[int]) -> Iterator[tuple[int, str]]:
    number = 0
    for index in range(count if wanted else 0):
        ids = read_chunk(chunks, index, columns=["conversation_id", FIRST]).filter(_first())["conversation_id"]
        yield from ((number + at, ids[at].as_py()) for at in range(len(ids)) if number + at in wanted)
        number += len(ids)


def _without(table: pa.Table, starts: list[int], dropped: set[int]) -> pa.Table:
    if not dropped:
        return table
    import pyarrow as pa

    keep, at = [], -1
    begins = set(starts)
    for row in range(table.num_rows):
        at += row in begins
        keep.append(at not in dropped)
    return table.filter(pa.array(keep, pa.bool_()))


def _renamed(table: pa.Table, starts: list[int], names: dict[int, str], kept: pa.Table) -> pa.Table:
    """The rows to write, without the chunk's own columns, under ids that no other conversation has."""
    import pyarrow as pa

    if not names:
        return kept.select(data_schema().names).cast(data_schema())
    new = {table["origin_row"][starts[at]].as_py(): name for at, name in names.items()}
    rows = kept.select(data_schema().names).to_pylist()
    for row in rows:
        if row["origin_row"] in new:
            old, row["conversation_id"] = row["conversation_id"], new[row["origin_row"]]
            row["id"] = row["conversation_id"] + row["id"][len(old) :]
    return pa.Table.from_pylist(rows, data_schema())


def _refused_under_new_names(refused: pa.Table, table: pa.Table, starts: list[int], names: dict[int, str]) -> pa.Table:
    """Turns that were refused belong to their conversation, whatever it is called now."""
    import pyarrow as pa

    if not names:
        return refused
    new = {row: name for at, name in names.items() for row in table[ROWS][starts[at]].as_py()}
    rows = refused.to_pylist()
    for row in rows:
        if row["level"] == "turn" and row["origin_row"] in new:
            row["conversation_id"] = new[row["origin_row"]]
    return pa.Table.from_pylist(rows, rejected_schema())


def _count(ledger: Ledger, table: pa.Table, kept: pa.Table) -> None:
    if not table.num_rows:
        return
    import pyarrow.compute as pc

    source, subset = table["source"][0].as_py(), table["subset"][0].as_py()
    records, records_kept = (int(pc.sum(pc.list_value_length(t.filter(_first())[ROWS])).as_py() or 0) for t in (table, kept))
    turns, turns_kept = (int(pc.sum(pc.list_value_length(t["messages"])).as_py() or 0) for t in (table, kept))
    counts = {"records_in": records, "records_out": records_kept, "turns_in": turns, "turns_out": turns_kept, "rows": kept.num_rows}
    for what, number in counts.items():
        ledger.add(source, subset, STAGE, what, number)


def _copies(ledger: Ledger, table: pa.Table, starts: list[int], copies: list[tuple[int, str]]) -> Iterator[Rejected]:
    """For each dropped conversation a row of rejected/ per raw record; its counts go into the ledger."""
    ends = [*starts[1:], table.num_rows]
    for at, winner in copies:
        parts = table.slice(starts[at], ends[at] - starts[at]).to_pylist()
        first = parts[0]
        source, subset = first["source"], first["subset"]
        turns = sum(len(part["messages"]) for part in parts)
        ledger.add(source, subset, STAGE, "rejected_records", len(first[ROWS]), Reason.DUPLICATE)
        ledger.add(source, subset, STAGE, "rejected_turns", turns, Reason.DUPLICATE)
        ledger.add(source, subset, STAGE, "parts_dropped", len(parts) - 1)
        ledger.add(source, subset, STAGE, "joined_dropped", len(first[ROWS]) - 1)
        for row, raw in zip(first[ROWS], first[RAW], strict=True):
            yield Rejected(
                "record",
                source,
                subset,
                first["conversation_id"],
                first["origin_file"],
                row,
                STAGE,
                Reason.DUPLICATE,
                f"equal to {winner}",
                raw,
            )
