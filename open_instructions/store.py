"""A build on disk: chunk files, shards, the manifest; publishing by rename; reading a build back.

    OUT/README.md  OUT/manifest.json  OUT/data/train-00000-of-00003.parquet  OUT/rejected/rejected-00000-of-00001.parquet

While it runs, a build lies beside OUT under a hidden name. OUT is never half a build.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import NotFoundError, OutputError
from .ledger import Ledger
from .schema import FIRST, KEY, RAW, ROWS, Rejected, chunk_schema, rejected_schema, row

if TYPE_CHECKING:
    import pyarrow as pa

    from .pipeline import Output

MANIFEST, CARD, DATA, REJECTED = "manifest.json", "README.md", "data", "rejected"
ROW_GROUP_ROWS = 4096
ROW_GROUP_BYTES = 32 << 20
SHARD_BYTES = 512 << 20
SAMPLE = "sample"
_MANIFEST_KEYS = ("fingerprint", "versions", "recipe", "sources", "inputs", "totals", "ledger", "shards")


def home() -> Path:
    """Where builds go by default: OI_HOME, or the user's data folder."""
    from platformdirs import user_data_path

    return Path(os.environ["OI_HOME"]) if os.environ.get("OI_HOME") else user_data_path("open-instructions")


def builds() -> Path:
    return home() / "builds"


@dataclass(frozen=True)
class Build:
    """A complete build: its folder and its manifest."""

    path: Path
    manifest: Mapping[str, Any]

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger.from_dict(self.manifest["ledger"])

    def files(self, kind: str = DATA) -> list[Path]:
        """The shards of data/ or rejected/, in order. Raises NotFoundError if one is gone or has another size."""
        found = []
        for shard in self.manifest["shards"]:
            path = self.path / shard["path"]
            if shard["path"].startswith(kind + "/"):
                if not path.is_file() or path.stat().st_size != shard["bytes"]:
                    raise NotFoundError(f"{path} is gone or damaged.", hint="Build it again with --overwrite.")
                found.append(path)
        return found

    def whole(self) -> bool:
        """Is every shard there, with its size?"""
        try:
            return bool(self.files(DATA) and self.files(REJECTED))
        except NotFoundError:
            return False


def open_build(path: str | os.PathLike[str] | None = None) -> Build:
    """The build in a folder; without one the newest in the default place, a real one before a sample."""
    folder = Path(path) if path is not None else _newest()
    manifest = folder / MANIFEST
    if not manifest.is_file():
        what = "is not a build: it has no manifest.json" if folder.is_dir() else "is no folder"
        raise NotFoundError(f"{folder} {what}.", hint="oi build makes one.")
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        if content["format"] != 1:
            raise NotFoundError(f"{manifest} has format {content['format']}, and this version reads 1.", hint="Build it again.")
        if missing := [key for key in _MANIFEST_KEYS if key not in content]:
            raise NotFoundError(f"{manifest} lacks {', '.join(missing)}.", hint="Build it again with --overwrite.")
        return Build(folder, content)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotFoundError(f"{manifest} is not a manifest of Open Instructions.", hint="Build it again.") from error


def _newest() -> Path:
    found = [p.parent for p in builds().glob(f"*/{MANIFEST}")]
    real = [p for p in found if p.name != SAMPLE] or found
    if not real:
        raise NotFoundError(f"There is no build in {builds()}.", hint="Make one: oi build --sources all --sample")
    return max(real, key=lambda p: (p / MANIFEST).stat().st_mtime_ns)


@contextmanager
def workspace(out: Path) -> Iterator[Path]:
    """A hidden folder beside OUT for a build that runs; gone afterwards, whatever happens."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        (work / "chunks").mkdir()
    except OSError as error:
        raise OutputError(f"{out.parent} cannot be written: {error.strerror}.") from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def existing(out: Path) -> Build | None:
    """The build that lies in OUT; None if OUT is free. Raises OutputError if OUT is something else."""
    if not out.exists():
        return None
    if not out.is_dir():
        raise OutputError(f"{out} is a file.", hint="Choose another folder with --out.")
    if not any(out.iterdir()):
        return None
    try:
        content = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or "open_instructions" not in content:  # written by any version, it is ours
        raise OutputError(f"{out} is not empty and holds no build; it is left as it is.", hint="Choose another folder with --out.")
    return Build(out, content)


def publish(ready: Path, out: Path) -> None:
    """Rename a complete build into place; what lay there before is removed only then."""
    old = None
    if out.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent)) / "old"
        out.rename(old)
    try:
        ready.rename(out)
    except OSError:
        if old:
            old.rename(out)
            old.parent.rmdir()
        raise
    if old:
        shutil.rmtree(old.parent)


def write_chunk(folder: Path, index: int, output: Output) -> None:
    """Write what became of a chunk: its rows with their keys, and its rejected."""
    import pyarrow as pa

    rows = [{**row(c), KEY: key, ROWS: list(c.origin_rows), FIRST: first, RAW: raw} for c, key, first, raw in output.conversations]
    _write_arrow(folder / f"{index:08d}.data.arrow", pa.Table.from_pylist(rows, chunk_schema()))
    _write_arrow(folder / f"{index:08d}.rejected.arrow", rejected_table(output.rejected))


def rejected_table(rejected: Sequence[Rejected]) -> pa.Table:
    import pyarrow as pa

    names = rejected_schema().names
    return pa.table({name: [r[i] for r in rejected] for i, name in enumerate(names)}, rejected_schema())


def _write_arrow(path: Path, table: pa.Table) -> None:
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def read_chunk(folder: Path, index: int, kind: str = DATA, columns: list[str] | None = None) -> pa.Table:
    import pyarrow as pa

    with pa.memory_map(str(folder / f"{index:08d}.{kind}.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
        return table.select(columns) if columns else table


class ShardWriter:
    """Writes rows into Parquet shards. Where groups and shards end depends on the rows alone, not on how they arrive."""

    def __init__(self, folder: Path, kind: str, prefix: str, schema: pa.Schema) -> None:
        self._folder, self._kind, self._prefix, self._schema = folder / kind, kind, prefix, schema
        self._folder.mkdir()
        self._writer: Any = None
        self._waiting: list[pa.Table] = []
        self._rows = self._bytes = 0
        self._shard_bytes = 0
        self._paths: list[Path] = []
        self._counts: list[int] = []

    def append(self, table: pa.Table) -> None:
        sizes = _row_bytes(table)
        start = 0
        for at, size in enumerate(sizes):
            self._rows += 1
            self._bytes += size
            if self._rows >= ROW_GROUP_ROWS or self._bytes >= ROW_GROUP_BYTES:
                self._waiting.append(table.slice(start, at + 1 - start))
                start = at + 1
                self._flush()
        if start < table.num_rows:
            self._waiting.append(table.slice(start))

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting and self._writer is not None:
            return
        if self._writer is None:
            path = self._folder / f"{len(self._paths):05d}"
            self._paths.append(path)
            self._counts.append(0)
            self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        if self._waiting:
            group = pa.concat_tables(self._waiting).combine_chunks()
            self._writer.write_table(group, row_group_size=max(group.num_rows, 1))
            self._counts[-1] += group.num_rows
            self._shard_bytes += self._bytes
        self._waiting, self._rows, self._bytes = [], 0, 0
        if self._shard_bytes >= SHARD_BYTES:
            self._close()

    def _close(self) -> None:
        self._writer.close()
        self._writer, self._shard_bytes = None, 0

    def finish(self) -> list[dict[str, Any]]:
        """Close the last shard, give all their final names, and describe them for the manifest."""
        if self._waiting or not self._paths:
            self._flush()
        if self._writer is not None:
            self._close()
        shards = []
        for number, (path, count) in enumerate(zip(self._paths, self._counts, strict=True)):
            final = path.with_name(f"{self._prefix}-{number:05d}-of-{len(self._paths):05d}.parquet")
            path.rename(final)
            with final.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            shards.append({"path": f"{self._kind}/{final.name}", "rows": count, "bytes": final.stat().st_size, "sha256": digest})
        return shards


def _row_bytes(table: pa.Table) -> list[int]:
    """Bytes of text in each row, near enough to bound a row group: the longest column's."""
    import numpy as np
    import pyarrow.compute as pc

    if not table.num_rows:
        return []
    if "raw" in table.column_names:
        return [int(n) for n in pc.binary_length(table["raw"]).to_numpy()]
    messages = table["messages"].combine_chunks()
    lengths = pc.binary_length(messages.flatten().field("content")).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths)
    offsets = messages.offsets.to_numpy() - messages.offsets[0].as_py()
    edges = np.concatenate(([0], ends))[offsets]
    return [int(n) for n in np.diff(edges)]


def remember(paths: Mapping[str, Path]) -> None:
    """Note where files with these sha256 lie on this machine, for `oi explain`. Nothing of a build depends on it."""
    path = home() / "inputs.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {**whereabouts(), **{sha256: str(p.resolve()) for sha256, p in paths.items()}}
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    write_json(draft, known)
    draft.replace(path)


def whereabouts() -> dict[str, str]:
    """What `remember` noted: sha256 -> path. Empty where nothing readable is there."""
    path = home() / "inputs.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError:
        content = {}
    return {k: v for k, v in content.items() if isinstance(v, str)} if isinstance(content, dict) else {}


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
