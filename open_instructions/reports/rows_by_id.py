"""The rows of a build with an id, and the nearest id where there is none."""

from __future__ import annotations

import re
from typing import Any

from ..schema import copied_from, encodable
from ..store import DATA, FILES, PREFERENCE, REJECTED, Build
from ..store.forms import python_rows


def rows_with(build: Build, id: str) -> tuple[list[dict[str, Any]], str]:
    """The rows with an id, and their split; "" if the build has only one."""
    splits = build.manifest.splits()
    for kind in (DATA, PREFERENCE):
        for split in splits:
            if rows := found_in(build, kind, id, split):
                return rows, split if len(splits) > 1 else ""
    return [], ""


def name_of(build: Build, row: dict[str, Any]) -> str:
    """The id of a row's conversation; of a copy, that of the conversation that it is of."""
    name: str = row["conversation_id"]
    first = copied_from(name)
    if first and (of := rows_with(build, first)[0]):
        where = ("source", "subset", "origin_file", "origin_row")
        if all(of[0][key] == row[key] for key in where):
            return first
    return name


def found_in(build: Build, kind: str, id: str, split: str | None = None) -> list[dict[str, Any]]:
    if not encodable(id):
        return []  # no text of a build is like this
    batches = build.batches(kind, split=split, ids=[id])
    return [row for batch in batches for row in python_rows(batch)]


def header_of(build: Build, origin: dict[str, Any]) -> str:
    """What a record's file says for all its records; "" if nothing."""
    where = ("source", "subset", "origin_file")
    for batch in build.batches(FILES):
        for row in batch.to_pylist():
            if all(row[name] == origin[name] for name in where):
                return str(row["header"])
    return ""


def near_id(build: Build, id: str) -> str:
    """An id in the build with the same number at its end, however padded: of the same name, else of
    the same source. "" if there is none."""
    said = id.strip()[:200].encode(errors="replace").decode()
    before = said.rstrip("0123456789")
    named = re.match(r"[^/:]+", before)
    if before == said or not named:
        return ""
    name, source = re.escape(before.removesuffix("/")), re.escape(named[0])
    number = said[len(before) :].lstrip("0") or "0"
    patterns = [rf"^(?i:{name})/0*{number}$", rf"^(?i:{source})/(.*/)?0*{number}$"]
    tables = (
        (DATA, "id"),
        (DATA, "conversation_id"),
        (PREFERENCE, "id"),
        (REJECTED, "conversation_id"),
    )
    near = (_first(build, kind, column, pattern) for pattern in patterns for kind, column in tables)
    return next(filter(None, near), "")


def _first(build: Build, kind: str, column: str, pattern: str) -> str:
    import pyarrow.compute as pc

    for batch in build.batches(kind, [column]):
        values = batch.column(0)
        found = values.filter(pc.match_substring_regex(values, pattern))
        if len(found):
            return str(found[0].as_py())
    return ""
