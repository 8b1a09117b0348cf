"""A table stored by column, as pandas writes it: {"a": {"0": …, "1": …}, "b": {…}} or {"a": […],
"b": […]}.

A row is put together from the text of its cells, exactly as it is in the file. No row is complete
before the last column is read. So the table is held in memory, and one that is larger than LARGEST
is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..errors import InputError
from .buffer import Broken, Buffer
from .frames import Frame
from .jsontext import keys_of, trailing

LARGEST = 256 << 20
"""The most characters that the cells of a table may have."""
_HINT = "pandas writes a record per line with to_json(path, orient='records', lines=True)."


def table(buffer: Buffer) -> Iterator[tuple[Frame, Any]]:
    """The rows of the table that begins here. Raises InputError if the object is broken or is not a
    table."""
    columns: dict[str, list[str]] = {}
    labels: list[str] | None = None
    size = 0
    for name in keys_of(buffer):
        if isinstance(name, Frame):
            raise InputError(
                f"The file is a table by columns, and is cut off or broken: {name.detail}.",
                hint=_HINT,
            )
        if name in columns:
            raise InputError(
                f"The file is a table by columns, and has two columns named {name[:80]!r}.",
                hint=_HINT,
            )
        columns[name] = []
        here: list[str] = []
        try:
            for label, cell in _cells(buffer):
                columns[name].append(cell)
                here.append(label)
                size += len(cell)
                if size > LARGEST:
                    raise InputError(
                        f"The file is a table by columns of more than {LARGEST >> 20} MB.",
                        hint=_HINT,
                    )
        except Broken as error:
            raise InputError(
                f"The file is a table by columns, and column {name[:80]!r} is broken:"
                f" {error.detail}.",
                hint=_HINT,
            ) from None
        if labels is not None and here != labels:
            raise InputError(
                f"The file is a table by columns, and column {name[:80]!r} does not have the "
                "rows of the first.",
                hint=_HINT,
            )
        labels = here
    yield from ((frame, None) for frame in _rows(columns, labels or []))
    yield from trailing(buffer, len(labels or []))


def _cells(buffer: Buffer) -> Iterator[tuple[str, str]]:
    """The label and the text of each cell of the column that begins here. Raises Broken."""
    mark = buffer.skip_space()
    if mark == "{":
        for key in keys_of(buffer):
            if isinstance(key, Frame):
                raise Broken(0, key.detail, False)
            yield key, buffer.value()[0]
        return
    if mark != "[":
        raise Broken(0, "neither a list nor an object", False)
    buffer.at += 1
    row = 0
    while (mark := buffer.skip_space()) != "]":
        if mark == ",":
            buffer.at += 1
            continue
        yield str(row), buffer.value()[0]
        row += 1
    buffer.at += 1


def _rows(columns: dict[str, list[str]], labels: list[str]) -> Iterator[Frame]:
    """One frame per row, with the row's label if that says more than its number."""
    names = [json.dumps(name) for name in columns]
    numbered = "index" in columns or all(label == str(row) for row, label in enumerate(labels))
    for row, cells in enumerate(zip(*columns.values(), strict=True)):
        members = [f"{name}: {cell}" for name, cell in zip(names, cells, strict=True)]
        if not numbered:
            members.append(f'"index": {json.dumps(labels[row])}')
        yield Frame(row, "{" + ", ".join(members) + "}")
