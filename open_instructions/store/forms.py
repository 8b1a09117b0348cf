"""The two forms of messages in a build, and the one between.

    plain    list<struct<role, content>>: a build in which no row has more
    full     list<json>, with a column `tools` of JSON: a build with a call, a tool, reasoning or a
             weight in any row. What a message does not have is absent, never null
    a chunk  list<struct<role, content, fields>> where it has any: `fields` is JSON text or null

A build has one form in all its shards, and only the merge knows which: by the rows that it writes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from ..arrays import lists, offsets, strings, whole
from ..message import FIELDS, Message
from ..preference import Whole
from .exact import exact_json

if TYPE_CHECKING:
    import pyarrow as pa

TOOLS = "tools"
FULL_NEEDS = "4.7"
"""The version of `datasets` from which on it reads the full form."""
_FIELDS = "fields"
"""The third member of a chunk's messages."""


def is_full(conversation: Whole) -> bool:
    """Has it more than roles and contents?"""
    return conversation.tools is not None or any(m.fields for m in conversation.messages)


def is_full_schema(schema: pa.Schema) -> bool:
    """Is this the schema of a table in the full form?"""
    return TOOLS in schema.names and "json" in str(schema.field(TOOLS).type)


def messages_array(conversations: Sequence[Sequence[Message]]) -> pa.ListArray:
    """The messages of each conversation, as a chunk has them."""
    return lists(conversations, _messages)


def _messages(messages: Sequence[Message]) -> pa.StructArray:
    import pyarrow as pa

    arrays = [strings([m.role for m in messages]), strings([m.content for m in messages])]
    names = ["role", "content"]
    if any(m.fields for m in messages):
        arrays.append(strings([_fields_text(m) for m in messages]))
        names.append(_FIELDS)
    return pa.StructArray.from_arrays(arrays, names)


def has_fields(messages: pa.ListArray) -> bool:
    """Does any message of a chunk have some?"""
    return bool(messages.type.value_type.num_fields > len(("role", "content")))


def _fields_text(message: Message) -> str | None:
    fields = message.fields
    return exact_json({name: fields[name] for name in FIELDS if name in fields}) if fields else None


def messages_size(messages: pa.ListArray) -> Any:
    """Bytes of text up to the first message of each conversation of a chunk, and in all of them."""
    texts = [messages.values.field(at) for at in range(1, messages.type.value_type.num_fields)]
    return sum(offsets(text)[offsets(messages)] for text in texts)


def read_message(found: dict[str, Any]) -> Message:
    """A message of a chunk."""
    fields = found.get(_FIELDS)
    return Message(found["role"], found["content"], fields=json.loads(fields) if fields else None)


def plain_messages(column: pa.ChunkedArray) -> pa.ListArray:
    """Messages of a chunk in the plain form; their fields are left out."""
    import pyarrow as pa

    array = whole(column)
    if not has_fields(array):
        return array
    items = array.flatten()
    plain = pa.StructArray.from_arrays([items.field(0), items.field(1)], ["role", "content"])
    return pa.ListArray.from_arrays(_ends(array), plain)


def full_messages(column: pa.ChunkedArray) -> pa.ListArray:
    """Messages of a chunk in the full form."""
    import pyarrow as pa

    array = whole(column)
    items = array.flatten()
    roles, contents = items.field(0).to_pylist(), items.field(1).to_pylist()
    fields = items.field(2).to_pylist() if has_fields(array) else [None] * len(roles)
    texts = [_text(*of) for of in zip(roles, contents, fields, strict=True)]
    return pa.ListArray.from_arrays(_ends(array), json_array(texts))


def _text(role: str, content: str, fields: str | None) -> str:
    behind = f",{fields[1:]}" if fields else "}"
    return f'{{"role":{encode_basestring(role)},"content":{encode_basestring(content)}{behind}'


def _ends(array: pa.ListArray) -> pa.Array:
    from ..arrays import numbers

    ends = offsets(array)
    return numbers(ends - ends[0], "int32")


def tools_array(tools: Sequence[str | None]) -> pa.StringArray:
    """The tools of each conversation, as a chunk has them."""
    exact = {text: exact_json(json.loads(text)) for text in set(tools) if text is not None}
    return strings([None if text is None else exact[text] for text in tools])


def json_array(texts: Sequence[str | None]) -> pa.Array:
    """JSON texts as a column of JSON."""
    import pyarrow as pa

    return pa.ExtensionArray.from_storage(pa.json_(), strings(texts))


def text_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of the same rows with JSON as text, for readers that do not know it."""
    import pyarrow as pa

    fields = [field.with_type(pa.string()) if _is_json(field) else field for field in schema]
    return pa.schema(fields)


def text_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows with JSON as text; a list of it is one text."""
    import pyarrow as pa

    columns = [
        strings([_text_of(value) for value in column.to_pylist()]) if _is_json(field) else column
        for field, column in zip(batch.schema, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=text_schema(batch.schema))


def _is_json(field: pa.Field) -> bool:
    return "json" in str(field.type)


def _text_of(found: str | list[str] | None) -> str | None:
    return f"[{','.join(found)}]" if isinstance(found, list) else found


def python_rows(batch: pa.RecordBatch | pa.Table) -> list[dict[str, Any]]:
    """Rows as Python objects: what is JSON in them is read."""
    rows: list[dict[str, Any]] = batch.to_pylist()
    open_rows(rows, batch.schema)
    return rows


def open_rows(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> None:
    """Read what is JSON in rows of a table with this schema, in place."""
    for field in schema:
        if _is_json(field):
            for row in rows:
                row[field.name] = _read(row[field.name])


def _read(found: str | list[str] | None) -> Any:
    if isinstance(found, list):
        return [_read(text) for text in found]
    return None if found is None else json.loads(found)
