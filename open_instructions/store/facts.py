"""What corpus steps know of a chunk, beside the chunk's own files, and what their rounds settled.

    00000007.near-2.arrow    facts that a later round took of a chunk, and in 00000007.near-2.note
                             what they were taken from
    settled.near-2.arrow     what the round before settled, which the workers of this one see

Facts of a first round are written with the chunk, see `chunks`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..arrays import numbers, view, whole
from ..preference import Preference, Whole
from ..schema import Conversation, Message
from .chunks import (
    KEYS,
    WHOLE,
    facts_kind,
    is_whole,
    paired_of,
    parts_in_data,
    path_of,
    read_arrow,
    read_chunk,
    write_arrow,
    write_note,
)
from .columns import preference_of
from .names import DATA, PREFERENCE

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_COLUMNS = ("conversation_id", "source", "subset", "language", "task", "engine", "license")
"""What a corpus step sees of a conversation, beside its messages."""


def write_facts(folder: Path, chunk: int, kind: str, facts: pa.Table, given: str) -> None:
    """Write the facts of a later round. `given` names what they were taken from."""
    note = {"given": given, "file": write_arrow(path_of(folder, chunk, kind), facts)}
    write_note(_note(folder, chunk, kind), note)


def has_facts(folder: Path, chunk: int, kind: str, given: str) -> bool:
    """Did an earlier run take the very facts?"""
    try:
        note = json.loads(_note(folder, chunk, kind).read_text(encoding="utf-8"))
        return note["given"] == given and is_whole(path_of(folder, chunk, kind), note["file"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def write_settled(folder: Path, step: str, index: int, table: pa.Table) -> str:
    """Write what the workers of a round are to see. Returns its digest."""
    return str(write_arrow(_settled(folder, step, index), table)[1])


def read_settled(folder: Path, step: str, index: int) -> pa.Table:
    return read_arrow(_settled(folder, step, index))


def read_wholes(folder: Path, chunk: int, places: np.ndarray[Any, Any]) -> list[Whole]:
    """Conversations and preferences of a chunk at these places, in order, with their messages
    before the split."""
    import numpy as np

    keys = read_chunk(folder, chunk, KEYS)
    paired = paired_of(keys)
    if paired is None:
        return list(_talks(folder, chunk, keys, places))
    talks = iter(_talks(folder, chunk, keys, places[~paired[places]]))
    rows = (np.cumsum(paired) - 1)[places[paired[places]]]
    pairs = iter(_pairs(folder, chunk, rows))
    return [next(pairs) if paired[place] else next(talks) for place in places.tolist()]


def _pairs(folder: Path, chunk: int, rows: np.ndarray[Any, Any]) -> list[Preference]:
    table = read_chunk(folder, chunk, PREFERENCE).take(numbers(rows, "int64"))
    return [preference_of(row) for row in table.to_pylist()]


def _talks(
    folder: Path, chunk: int, keys: pa.Table, places: np.ndarray[Any, Any]
) -> list[Conversation]:
    import numpy as np

    parts = parts_in_data(keys)
    first = (np.cumsum(parts) - parts)[places]
    rows = read_chunk(folder, chunk, DATA).select([*_COLUMNS, "messages"])
    rows = rows.take(numbers(first, "int64"))
    split = read_chunk(folder, chunk, WHOLE)
    changed = dict(zip(view(split["place"]).tolist(), range(len(split)), strict=True))
    texts = whole(split["messages"])
    found = []
    for place, row in zip(places.tolist(), rows.to_pylist(), strict=True):
        said = texts[changed[place]].as_py() if place in changed else row["messages"]
        messages = tuple([Message(m["role"], m["content"]) for m in said])
        found.append(_conversation(row, messages))
    return found


def _conversation(row: dict[str, Any], messages: tuple[Message, ...]) -> Conversation:
    return Conversation(
        id=row["conversation_id"],
        source=row["source"],
        subset=row["subset"],
        messages=messages,
        conversation_id=row["conversation_id"],
        language=row["language"],
        task=row["task"],
        engine=row["engine"],
        license=row["license"],
    )


def _note(folder: Path, chunk: int, kind: str) -> Path:
    return path_of(folder, chunk, kind).with_suffix(".note")


def _settled(folder: Path, step: str, index: int) -> Path:
    return folder / f"settled.{facts_kind(step, index)}.arrow"
