"""A complete build, read back: its manifest and its rows."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import paths
from ..errors import NotFoundError, OutputError, safe
from ..ledger import Ledger
from . import home
from .manifest import Manifest, Shard
from .names import DATA, MANIFEST, PREFERENCE, REJECTED
from .shards import Footer, Wanted, footer, read

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 4096
"""Rows in a record batch, where nothing else is asked for: as many as a row group has."""


@dataclass(frozen=True)
class Build:
    """A complete build: its folder and its manifest."""

    path: Path
    manifest: Manifest

    @property
    def ledger(self) -> Ledger:
        return self.manifest.ledger

    def file(self, shard: Shard) -> Path:
        return self.path / shard.path

    def shards(self, kind: str = DATA) -> tuple[Shard, ...]:
        """The shards of data/, preference/, rejected/ or files/, in order. Raises NotFoundError if
        one is gone or has another size."""
        found = self.manifest.of(kind)
        for shard in found:
            file = self.file(shard)
            if not file.is_file() or file.stat().st_size != shard.bytes:
                raise NotFoundError(
                    f"{file} is missing or damaged.", hint="Build it again with --overwrite."
                )
        return found

    def whole(self) -> bool:
        """Is every shard there, with its size?"""
        try:
            self.shards(PREFERENCE)
            return bool(self.shards(DATA) and self.shards(REJECTED))
        except NotFoundError:
            return False

    def footer(self, shard: Shard) -> Footer:
        """The schema of a shard and how many rows it has, as its file says. Raises NotFoundError
        for one that cannot be read."""
        return footer(self.file(shard))

    def batches(
        self,
        kind: str = DATA,
        columns: Sequence[str] | None = None,
        *,
        sources: Sequence[str] = (),
        languages: Sequence[str] = (),
        ids: Sequence[str] = (),
        only: Sequence[Shard] | None = None,
        rows: int = ROWS,
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a table, in order, as Arrow record batches; memory stays flat.

        `kind` is data, preference, rejected or files.
        `columns` are their columns, in the order asked for; None stands for all.
        `sources` are names, with `gpt4llm:zh` for a subset; none stands for all.
        `languages` are BCP 47 labels; `zh` takes zh-Hans and zh-Hant. Of data/ and preference/.
        `ids` are those in the columns `id` and `conversation_id`.
        `only` are the shards to read, of whatever size they are found; None stands for all.
        `rows` is the most that a batch has. A batch without a row is not given.

        Raises NotFoundError for a shard that is gone, damaged, or lacks a column.

        >>> [b.num_rows for b in open_build("mix").batches(columns=["id"])]  # doctest: +SKIP
        [4096, 17]
        """
        wanted = Wanted(sources, languages, ids)
        for shard in self.shards(kind) if only is None else only:
            yield from read(self.file(shard), kind, columns, wanted, rows)


def open_build(path: str | os.PathLike[str] | None = None) -> Build:
    """The build in a folder; without one the newest, and then which one that is is said. Raises
    NotFoundError where there is none."""
    folder = paths.place(path) if path is not None else _said(home.newest())
    manifest = folder / MANIFEST
    if not manifest.is_file():
        what = "is not a build: it has no manifest.json" if folder.is_dir() else "is not a folder"
        raise NotFoundError(
            f"{folder} {what}.", hint="Give the folder of a build, as made by oi build."
        )
    hint = "Build it again with --overwrite."
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        said = f"{manifest} is not a manifest of Open Instructions."
        raise NotFoundError(said, hint=hint) from error
    try:
        return Build(folder, Manifest.from_dict(content))
    except ValueError as error:
        raise NotFoundError(f"{manifest} {error}.", hint=hint) from error


_last_said: list[Path] = []


def _said(folder: Path) -> Path:
    """Say on standard error which build is read: again only when it is another one."""
    if sys.stderr and _last_said != [folder]:
        _last_said[:] = [folder]
        print(f"The newest build: {safe(str(folder))}", file=sys.stderr, flush=True)
    return folder


def existing(out: Path) -> Build | None:
    """The build that lies in OUT; None if OUT is free, or what it holds is ours and cannot be read:
    of another version, or damaged.

    Raises OutputError if OUT is something else, or cannot be looked into.
    """
    try:
        return _existing(out)
    except OSError as error:
        raise OutputError(
            f"{out} cannot be read: {error.strerror or error}.",
            hint="Choose another folder with --out.",
        ) from error


def _existing(out: Path) -> Build | None:
    if not out.exists():
        return None
    if not out.is_dir():
        raise OutputError(f"{out} is a file.", hint="Choose another folder with --out.")
    if not paths.children(out):
        return None
    try:
        return open_build(out)
    except NotFoundError:
        if _is_ours(out / MANIFEST):
            return None
        raise OutputError(
            f"{out} is not empty and is not a build; it was left as it is.",
            hint="Choose another folder with --out.",
        ) from None


def _is_ours(manifest: Path) -> bool:
    """Was it written by any version of Open Instructions?"""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "open_instructions" in content
