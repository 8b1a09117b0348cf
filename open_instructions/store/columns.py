"""The columns of data/, preference/ and rejected/, and of the chunks between. Nothing else knows
their types."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ..arrays import lists, numbers, strings
from ..preference import Preference, Tokens
from ..schema import Conversation, Message

if TYPE_CHECKING:
    import pyarrow as pa

_DATA_FIELDS = (
    ("id", "string"),
    ("conversation_id", "string"),
    ("source", "string"),
    ("subset", "string"),
    ("messages", "messages"),
    ("language", "string"),
    ("language_score", "float32"),
    ("task", "string"),
    ("engine", "string"),
    ("license", "string"),
    ("num_turns", "int32"),
    ("num_tokens", "int32"),
    ("edits", "strings"),
    ("origin_file", "string"),
    ("origin_row", "int64"),
    ("metadata", "string"),
)
_PREFERENCE_FIELDS = (
    ("id", "string"),
    ("conversation_id", "string"),
    ("source", "string"),
    ("subset", "string"),
    ("prompt", "messages"),
    ("chosen", "messages"),
    ("rejected", "messages"),
    ("tools", "string"),
    ("chosen_score", "float64"),
    ("rejected_score", "float64"),
    ("score_name", "string"),
    ("judge", "string"),
    ("chosen_engine", "string"),
    ("rejected_engine", "string"),
    ("prompt_tokens", "int32"),
    ("chosen_tokens", "int32"),
    ("rejected_tokens", "int32"),
    ("language", "string"),
    ("language_score", "float32"),
    ("task", "string"),
    ("license", "string"),
    ("num_turns", "int32"),
    ("edits", "strings"),
    ("origin_file", "string"),
    ("origin_row", "int64"),
    ("metadata", "string"),
)
_REJECTED_FIELDS = (
    ("level", "string"),
    ("source", "string"),
    ("subset", "string"),
    ("conversation_id", "string"),
    ("origin_file", "string"),
    ("origin_row", "int64"),
    ("stage", "string"),
    ("reason", "string"),
    ("detail", "string"),
    ("raw", "string"),
    ("kind", "string"),
    ("other", "string"),
    ("score", "float64"),
    ("evidence", "string"),
    ("parent", "string"),
)
_FILES_FIELDS = (
    ("source", "string"),
    ("subset", "string"),
    ("origin_file", "string"),
    ("header", "string"),
)
DATA_COLUMNS = tuple(name for name, _ in _DATA_FIELDS)
LISTS = ("prompt", "chosen", "rejected")
"""The lists of messages of a row of preference/."""
PREFERENCE_COLUMNS = tuple(name for name, _ in _PREFERENCE_FIELDS)
REJECTED_COLUMNS = tuple(name for name, _ in _REJECTED_FIELDS)
ID_HASH, MESSAGES, PART_BYTES, RAW_BYTES = "id_hash", "num_messages", "part_bytes", "raw_bytes"
"""What a chunk says of each conversation, beside its id: the xxHash of the id, the messages in all
its parts, and how many bytes of text are in each part, and in each raw record that it was made of.
"""
PAIRED = "paired"
"""Whether it is a preference; the column is there where one is."""
KIN = b"kin"
"""In the metadata of a chunk's keys, if some of its records have several conversations."""
ROWS, RAW, ROW = "rows", "raw", "row"
"""The raw records of each conversation: their rows in the file, and their text, null where an
earlier conversation has it; and where its records have several, the text of its own row."""


PARQUET = {
    "compression": "zstd",
    # A dictionary of the other columns' values would be built and thrown away: without, a shard is
    # 5 % smaller and written in 15 % less time.
    "use_dictionary": [
        "source", "subset", "messages.list.element.role", "language", "language_score", "task",
        "engine", "license", "num_turns", "num_tokens",
        *(f"{name}.list.element.role" for name in LISTS),
        "chosen_score", "rejected_score", "score_name", "judge", "chosen_engine",
        "rejected_engine", "prompt_tokens", "chosen_tokens", "rejected_tokens",
        "edits.list.element", "origin_file", "metadata", "level", "stage", "reason", "detail",
    ],
    # Of texts, the least and the greatest of each row group would stand in the footer, up to 4 KB
    # of each.
    "write_statistics": [
        "id", "conversation_id", "source", "subset", "language", "language_score", "task",
        "engine", "license", "num_turns", "num_tokens", "chosen_engine", "rejected_engine",
        "origin_file", "origin_row", "level", "stage", "reason",
    ],
}  # fmt: skip
"""How the shards of all three tables are written."""


def _features(fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    def value(dtype: str) -> dict[str, str]:
        return {"dtype": dtype, "_type": "Value"}

    special = {
        "messages": {
            "_type": "List",
            "feature": {"role": value("string"), "content": value("string")},
        },
        "strings": {"_type": "List", "feature": value("string")},
    }
    return {name: special.get(kind) or value(kind) for name, kind in fields}


def _arrow(fields: Sequence[tuple[str, str]]) -> pa.Schema:
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float32": pa.float32(),
        "float64": pa.float64(),
        "strings": pa.list_(pa.string()),
        "messages": pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
    }
    features = json.dumps({"info": {"features": _features(fields)}})
    return pa.schema(
        [(name, types[kind]) for name, kind in fields], metadata={"huggingface": features}
    )


@cache
def data_schema() -> pa.Schema:
    """The Arrow schema of data/, with the features that `datasets` reads."""
    return _arrow(_DATA_FIELDS)


@cache
def preference_schema() -> pa.Schema:
    """The Arrow schema of preference/."""
    return _arrow(_PREFERENCE_FIELDS)


@cache
def rejected_schema() -> pa.Schema:
    """The Arrow schema of rejected/."""
    return _arrow(_REJECTED_FIELDS)


@cache
def files_schema() -> pa.Schema:
    """The Arrow schema of files/."""
    return _arrow(_FILES_FIELDS)


@cache
def keys_schema() -> pa.Schema:
    """What the merge asks of a chunk's conversations."""
    import pyarrow as pa

    sizes = pa.list_(pa.int64())
    return pa.schema(
        [
            ("conversation_id", pa.string()),
            (ID_HASH, pa.uint64()),
            (MESSAGES, pa.int32()),
            (PART_BYTES, sizes),
            (RAW_BYTES, sizes),
        ]
    )


@cache
def raw_schema() -> pa.Schema:
    """What goes into rejected/ where a conversation is dropped."""
    import pyarrow as pa

    return pa.schema(
        [(ROWS, pa.list_(pa.int64())), (RAW, pa.list_(pa.string())), (ROW, pa.string())]
    )


@cache
def whole_schema() -> pa.Schema:
    """The messages before the split, of the conversations of a chunk that it changed."""
    import pyarrow as pa

    return pa.schema([("place", pa.int32()), data_schema().field("messages")])


def messages_array(conversations: Sequence[Sequence[Message]]) -> pa.ListArray:
    """The messages of each conversation."""
    return lists(conversations, _messages)


def data_table(conversations: Sequence[Conversation]) -> pa.Table:
    """Conversations as rows of data/."""
    import pyarrow as pa

    columns = {
        "id": strings([c.id for c in conversations]),
        "conversation_id": strings([c.conversation_id or c.id for c in conversations]),
        "source": strings([c.source for c in conversations]),
        "subset": strings([c.subset for c in conversations]),
        "messages": messages_array([c.messages for c in conversations]),
        "language": strings([c.language for c in conversations]),
        "language_score": numbers([c.language_score for c in conversations], "float32"),
        "task": strings([c.task for c in conversations]),
        "engine": strings([c.engine for c in conversations]),
        "license": strings([c.license for c in conversations]),
        "num_turns": numbers([c.num_turns for c in conversations], "int32"),
        "num_tokens": numbers([c.num_tokens for c in conversations], "int32"),
        "edits": lists([c.edits for c in conversations], strings),
        "origin_file": strings([c.origin_file for c in conversations]),
        "origin_row": numbers([c.origin_rows[0] for c in conversations], "int64"),
        "metadata": strings([c.metadata for c in conversations]),
    }
    return pa.Table.from_arrays(list(columns.values()), schema=data_schema())


def preference_table(rows: Sequence[Preference]) -> pa.Table:
    """Preferences as rows of preference/."""
    import pyarrow as pa

    columns = {
        "id": strings([p.id for p in rows]),
        "conversation_id": strings([p.conversation_id or p.id for p in rows]),
        "source": strings([p.source for p in rows]),
        "subset": strings([p.subset for p in rows]),
        "prompt": messages_array([p.prompt for p in rows]),
        "chosen": messages_array([p.chosen for p in rows]),
        "rejected": messages_array([p.rejected for p in rows]),
        "tools": strings([None for _ in rows]),
        "chosen_score": numbers([p.chosen_score for p in rows], "float64"),
        "rejected_score": numbers([p.rejected_score for p in rows], "float64"),
        "score_name": strings([p.score_name for p in rows]),
        "judge": strings([p.judge for p in rows]),
        "chosen_engine": strings([p.chosen_engine for p in rows]),
        "rejected_engine": strings([p.rejected_engine for p in rows]),
        "prompt_tokens": numbers([p.tokens.prompt for p in rows], "int32"),
        "chosen_tokens": numbers([p.tokens.chosen for p in rows], "int32"),
        "rejected_tokens": numbers([p.tokens.rejected for p in rows], "int32"),
        "language": strings([p.language for p in rows]),
        "language_score": numbers([p.language_score for p in rows], "float32"),
        "task": strings([p.task for p in rows]),
        "license": strings([p.license for p in rows]),
        "num_turns": numbers([p.num_turns for p in rows], "int32"),
        "edits": lists([p.edits for p in rows], strings),
        "origin_file": strings([p.origin_file for p in rows]),
        "origin_row": numbers([p.origin_rows[0] for p in rows], "int64"),
        "metadata": strings([p.metadata for p in rows]),
    }
    return pa.Table.from_arrays(list(columns.values()), schema=preference_schema())


def preference_of(row: Mapping[str, Any]) -> Preference:
    """A row of preference/ as the value that it was. Raises ValueError for one that is none."""
    lists = {name: tuple(Message(m["role"], m["content"]) for m in row[name]) for name in LISTS}
    given: dict[str, Any] = dict(lists)
    copied = (
        "id", "source", "subset", "conversation_id", "chosen_score", "rejected_score",
        "score_name", "judge", "chosen_engine", "rejected_engine", "language", "language_score",
        "task", "license", "origin_file", "metadata",
    )  # fmt: skip
    return Preference(
        **{name: row[name] for name in copied},
        **given,
        tokens=Tokens(row["prompt_tokens"], row["chosen_tokens"], row["rejected_tokens"]),
        edits=tuple(row["edits"]),
        origin_rows=(row["origin_row"],),
    )


def _messages(messages: Sequence[Message]) -> pa.StructArray:
    import pyarrow as pa

    return pa.StructArray.from_arrays(
        [strings([m.role for m in messages]), strings([m.content for m in messages])],
        ["role", "content"],
    )
