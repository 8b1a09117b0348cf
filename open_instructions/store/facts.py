"""The facts of corpus steps, beside the chunks' own files, and the results of their rounds.

    00000007.near-2.arrow    the facts of a later round about a chunk; 00000007.near-2.note names
                             what they were collected from
    settled.near-2.arrow     the previous round's result, which the workers of this round see

The facts of a first round are written with the chunk, see `chunks`.
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
from .forms import TOOLS, read_message
from .names import DATA, PREFERENCE
from .pair_columns import preference_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_COLUMNS = ("conversation_id", "source", "subset", "language", "task", "engine", "license")
"""What a corpus step sees of a conversation besides its messages."""


def write_facts(folder: Path, chunk: int, kind: str, facts: pa.Table, given: str) -> None:
    """Write the facts of a later round. `given` identifies what they were collected from."""
    note = {"given": given, "file": write_arrow(path_of(folder, chunk, kind), facts)}
    write_note(_note(folder, chunk, kind), note)


def has_facts(folder: Path, chunk: int, kind: str, given: str) -> bool:
    """Did an earlier run collect the same facts?"""
    try:
        note = json.loads(_note(folder, chunk, kind).read_text(encoding="utf-8"))
        return note["given"] == given and is_whole(path_of(folder, chunk, kind), note["file"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def write_settled(folder: Path, step: str, index: int, table: pa.Table) -> str:
    """Write the table that the workers of a round will see. Returns its digest."""
    return str(write_arrow(_settled(folder, step, index), table)[1])


def read_settled(folder: Path, step: str, index: int) -> pa.Table:
    return read_arrow(_settled(folder, step, index))


def read_wholes(folder: Path, chunk: int, places: np.ndarray[Any, Any]) -> list[Whole]:
    """The conversations and preference rows at these places of a chunk, in order, with their
    messages before the split."""
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
    rows = read_chunk(folder, chunk, DATA)
    rows = rows.select([*_COLUMNS, "messages", *({TOOLS} & set(rows.column_names))])
    rows = rows.take(numbers(first, "int64"))
    split = read_chunk(folder, chunk, WHOLE)
    changed = dict(zip(view(split["place"]).tolist(), range(len(split)), strict=True))
    texts = whole(split["messages"])
    found = []
    for place, row in zip(places.tolist(), rows.to_pylist(), strict=True):
        stored = texts[changed[place]].as_py() if place in changed else row["messages"]
        messages = tuple(map(read_message, stored))
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
        tools=row.get(TOOLS),
    )


def _note(folder: Path, chunk: int, kind: str) -> Path:
    return path_of(folder, chunk, kind).with_suffix(".note")


def _settled(folder: Path, step: str, index: int) -> Path:
    return folder / f"settled.{facts_kind(step, index)}.arrow"
