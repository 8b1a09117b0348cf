"""The columns of data/, rejected/ and files/, and of chunks. No other module knows their types."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ..arrays import lists, numbers, strings
from ..schema import GROUP, Conversation
from .forms import (
    TOOLS,
    full_messages,
    has_fields,
    json_array,
    messages_array,
    plain_messages,
    tools_array,
)

if TYPE_CHECKING:
    import pyarrow as pa

Fields = tuple[tuple[str, str], ...]
"""The names and the kinds of columns."""
_DATA_FIELDS: Fields = (
    ("id", "string"),
    ("conversation_id", "string"),
    ("source", "string"),
    ("subset", "string"),
    ("messages", "messages"),
    ("tools", "json"),
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
_PLAIN_FIELDS = tuple(field for field in _DATA_FIELDS if field[0] != TOOLS)
"""Of a build whose messages are plain, see `forms`."""
_FULL = {"messages": "full messages"}
DATA_COLUMNS = tuple(name for name, _ in _PLAIN_FIELDS)
REJECTED_COLUMNS = tuple(name for name, _ in _REJECTED_FIELDS)
ID_HASH, MESSAGES, FULL = "id_hash", "num_messages", "full"
PART_BYTES, RAW_BYTES = "part_bytes", "raw_bytes"
"""What a chunk holds about each conversation besides its id: the xxHash of the id, the number of
messages in all its parts, whether they need the full form, and the bytes of text in each part and
in each of its raw records."""
PAIRED = "paired"
"""Whether it is a preference row; the column is there only if one is."""
KIN = b"kin"
"""In the metadata of a chunk's keys, if some of its records have several conversations."""
ROWS, RAW, ROW = "rows", "raw", "row"
"""The raw records of each conversation: their rows in the file, and their text, which is null if an
earlier conversation has it. If its records have several, also the text of its own row."""


PARQUET = {
    "compression": "zstd",
    # For the other columns, a dictionary would be built and thrown away. Without it, a shard is 5 %
    # smaller and takes 15 % less time to write.
    "use_dictionary": [
        "source", "subset", "messages.list.element.role", "language", "language_score", "task",
        "engine", "license", "num_turns", "num_tokens", "tools",
        "prompt.list.element.role", "chosen.list.element.role", "rejected.list.element.role",
        "chosen_score", "rejected_score", "score_name", "judge", "chosen_engine",
        "rejected_engine", "prompt_tokens", "chosen_tokens", "rejected_tokens",
        "edits.list.element", "origin_file", "metadata", "level", "stage", "reason", "detail",
    ],
    # For text columns, the footer would hold the least and the greatest value of each row group, up
    # to 4 KB each.
    "write_statistics": [
        "id", "conversation_id", "group_id", "source", "subset", "language", "language_score",
        "task", "engine", "license", "num_turns", "num_tokens", "chosen_engine", "rejected_engine",
        "origin_file", "origin_row", "level", "stage", "reason",
    ],
}  # fmt: skip
"""The Parquet options of the shards."""


def _features(fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    def value(dtype: str) -> dict[str, str]:
        return {"dtype": dtype, "_type": "Value"}

    special = {
        "messages": {
            "_type": "List",
            "feature": {"role": value("string"), "content": value("string")},
        },
        "full messages": {"_type": "List", "feature": {"_type": "Json"}},
        "strings": {"_type": "List", "feature": value("string")},
        "json": {"_type": "Json"},
    }
    return {name: special.get(kind) or value(kind) for name, kind in fields}


def arrow_schema(fields: Sequence[tuple[str, str]]) -> pa.Schema:
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float32": pa.float32(),
        "float64": pa.float64(),
        "strings": pa.list_(pa.string()),
        "messages": pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
        "full messages": pa.list_(pa.json_()),
        "json": pa.json_(),
    }
    features = json.dumps({"info": {"features": _features(fields)}})
    return pa.schema(
        [(name, types[kind]) for name, kind in fields], metadata={"huggingface": features}
    )


@cache
def data_schema(full: bool = False, grouped: bool = False) -> pa.Schema:
    """The Arrow schema of data/, with the features that `datasets` reads. `full` is the form of the
    messages, see `forms`; `grouped` is for a build with splits."""
    fields = _PLAIN_FIELDS
    if full:
        fields = tuple((name, _FULL.get(name, kind)) for name, kind in _DATA_FIELDS)
    return arrow_schema(with_group(fields) if grouped else fields)


def with_group(fields: Fields) -> Fields:
    """The columns of a build with splits: GROUP follows conversation_id."""
    at = [name for name, _ in fields].index("conversation_id") + 1
    return (*fields[:at], (GROUP, "string"), *fields[at:])


@cache
def rejected_schema() -> pa.Schema:
    """The Arrow schema of rejected/."""
    return arrow_schema(_REJECTED_FIELDS)


@cache
def files_schema() -> pa.Schema:
    """The Arrow schema of files/."""
    return arrow_schema(_FILES_FIELDS)


@cache
def keys_schema() -> pa.Schema:
    """What the merge needs to know about a chunk's conversations."""
    import pyarrow as pa

    sizes = pa.list_(pa.int64())
    return pa.schema(
        [
            ("conversation_id", pa.string()),
            (ID_HASH, pa.uint64()),
            (MESSAGES, pa.int32()),
            (FULL, pa.uint8()),
            (PART_BYTES, sizes),
            (RAW_BYTES, sizes),
        ]
    )


@cache
def raw_schema() -> pa.Schema:
    """What goes into rejected/ if a conversation is dropped."""
    import pyarrow as pa

    return pa.schema(
        [(ROWS, pa.list_(pa.int64())), (RAW, pa.list_(pa.string())), (ROW, pa.string())]
    )


def data_table(conversations: Sequence[Conversation]) -> pa.Table:
    """Conversations as rows of a chunk."""
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
    if not (has_fields(columns["messages"]) or any(c.tools for c in conversations)):
        return pa.Table.from_arrays(list(columns.values()), schema=data_schema())
    columns[TOOLS] = tools_array([c.tools for c in conversations])
    return pa.Table.from_arrays(list(columns.values()), list(columns))


def in_form(table: pa.Table, full: bool) -> pa.Table:
    """Rows of a chunk as rows of data/. They may have GROUP."""
    return formed(table, data_schema(full, GROUP in table.column_names), ("messages",), full)


def formed(table: pa.Table, schema: pa.Schema, lists: Sequence[str], full: bool) -> pa.Table:
    """Rows of a chunk with messages in these columns, as rows of a shard."""
    import pyarrow as pa

    if table.schema.equals(schema):
        return table
    columns = {name: table[name] for name in table.column_names}
    for name in lists:
        columns[name] = full_messages(columns[name]) if full else plain_messages(columns[name])
    if full:
        tools = columns.get(TOOLS)
        columns[TOOLS] = json_array([None] * len(table) if tools is None else tools.to_pylist())
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
