"""What became of each chunk, in a folder of the build that runs: two Arrow files, and a note that says they are whole.

    00000007.data.arrow  00000007.rejected.arrow  00000007.json

The note is written last, each file under another name first. A chunk counts as finished only if its note names the
very input that is asked for now, and both files have the bytes that the note says: whatever killed a build, what it left
behind is either whole or done again.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..columns import FIRST, KEY, RAW, ROWS, data_table, rejected_schema
from ..ledger import Ledger
from ..schema import Rejected
from . import DATA, REJECTED

if TYPE_CHECKING:
    import pyarrow as pa

    from ..pipeline import Output


def write_chunk(folder: Path, index: int, given: str, output: Output) -> None:
    """Write what became of chunk `index`: its rows with their keys, its rejected, its books. `given` names its input."""
    kept = output.conversations
    own: dict[str, list[Any]] = {
        KEY: [k.key for k in kept],
        ROWS: [list(k.conversation.origin_rows) for k in kept],
        FIRST: [k.first for k in kept],
        RAW: [k.raw for k in kept],
    }
    tables = {DATA: data_table([k.conversation for k in kept], own), REJECTED: rejected_table(output.rejected)}
    note: dict[str, Any] = {"input": given, "ledger": output.ledger.to_dict()}
    for kind, table in tables.items():
        path = _path(folder, index, kind)
        _put(path, lambda draft, table=table: _write_arrow(draft, table))  # type: ignore[misc]
        note[kind] = _checksum(path)
    _put(folder / f"{index:08d}.json", lambda draft: draft.write_text(json.dumps(note), encoding="utf-8"))


def finished(folder: Path, index: int, given: str) -> Ledger | None:
    """The books of a chunk that an earlier run finished from this input; None if it is to be done."""
    try:
        note = json.loads((folder / f"{index:08d}.json").read_text(encoding="utf-8"))
        if note["input"] == given and all(_checksum(_path(folder, index, kind)) == note[kind] for kind in (DATA, REJECTED)):
            return Ledger.from_dict(note["ledger"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):  # half a note, after the machine itself went down
        return None
    return None


def count_finished(folder: Path) -> int:
    return sum(path.suffix == ".json" for path in folder.iterdir())


def read_chunk(folder: Path, index: int, kind: str = DATA, columns: list[str] | None = None) -> pa.Table:
    import pyarrow as pa

    with pa.memory_map(str(_path(folder, index, kind))) as source:
        table = pa.ipc.open_file(source).read_all()
        return table.select(columns) if columns else table


def rejected_table(rejected: Sequence[Rejected]) -> pa.Table:
    import pyarrow as pa

    names = rejected_schema().names
    return pa.table({name: [r[i] for r in rejected] for i, name in enumerate(names)}, rejected_schema())


def _path(folder: Path, index: int, kind: str) -> Path:
    return folder / f"{index:08d}.{kind}.arrow"


def _put(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file under a name of this process, then rename it."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    write(draft)
    draft.replace(path)


def _write_arrow(path: Path, table: pa.Table) -> None:
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _checksum(path: Path) -> list[int]:
    """Size and CRC-32 of a file."""
    size = crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            crc = zlib.crc32(block, crc)
    return [size, crc]
