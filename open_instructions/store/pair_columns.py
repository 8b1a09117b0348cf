"""The columns of preference/: a row for each prompt with two answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ..arrays import lists, numbers, strings
from ..preference import Preference, Tokens
from ..schema import GROUP
from .columns import Fields, arrow_schema, formed, with_group
from .forms import messages_array, read_message, tools_array

if TYPE_CHECKING:
    import pyarrow as pa

_PREFERENCE_FIELDS: Fields = (
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
LISTS = ("prompt", "chosen", "rejected")
"""The lists of messages of a row."""
_FULL = dict.fromkeys(LISTS, "full messages") | {"tools": "json"}


@cache
def preference_schema(full: bool = False, grouped: bool = False) -> pa.Schema:
    """The Arrow schema of preference/. `full` is the form of the messages, see `forms`; in the
    plain form `tools` is a column of nulls. `grouped` is for a build with splits."""
    fields = _PREFERENCE_FIELDS
    if full:
        fields = tuple((name, _FULL.get(name, kind)) for name, kind in fields)
    return arrow_schema(with_group(fields) if grouped else fields)


def preference_in_form(table: pa.Table, full: bool) -> pa.Table:
    """Rows of a chunk as rows of preference/. They may have GROUP."""
    return formed(table, preference_schema(full, GROUP in table.column_names), LISTS, full)


def preference_table(rows: Sequence[Preference]) -> pa.Table:
    """Preferences as rows of a chunk."""
    import pyarrow as pa

    columns = {
        "id": strings([p.id for p in rows]),
        "conversation_id": strings([p.conversation_id or p.id for p in rows]),
        "source": strings([p.source for p in rows]),
        "subset": strings([p.subset for p in rows]),
        "prompt": messages_array([p.prompt for p in rows]),
        "chosen": messages_array([p.chosen for p in rows]),
        "rejected": messages_array([p.rejected for p in rows]),
        "tools": tools_array([p.tools for p in rows]),
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
    return pa.Table.from_arrays(list(columns.values()), list(columns))


def preference_of(row: Mapping[str, Any]) -> Preference:
    """A row of a chunk, as the value that it was. Raises ValueError for one that is invalid."""
    copied = (
        "id", "source", "subset", "conversation_id", "chosen_score", "rejected_score",
        "score_name", "judge", "chosen_engine", "rejected_engine", "language", "language_score",
        "task", "license", "origin_file", "metadata", "tools",
    )  # fmt: skip
    given: dict[str, Any] = {name: row[name] for name in copied}
    given |= {name: tuple(map(read_message, row[name])) for name in LISTS}
    return Preference(
        **given,
        tokens=Tokens(row["prompt_tokens"], row["chosen_tokens"], row["rejected_tokens"]),
        edits=tuple(row["edits"]),
        origin_rows=(row["origin_row"],),
    )
