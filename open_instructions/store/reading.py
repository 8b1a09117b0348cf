"""Reads a complete build: its manifest and its rows."""

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
from ..schema import GROUP
from . import home
from .columns import data_schema
from .forms import is_full_schema
from .manifest import Manifest, Shard
from .names import DATA, MANIFEST, PREFERENCE, REJECTED
from .pair_columns import preference_schema
from .shards import Footer, Wanted, footer, read

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 4096
"""The default number of rows in a record batch: as many as a row group has."""


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

    def shards(self, kind: str = DATA, split: str | None = None) -> tuple[Shard, ...]:
        """The shards of data/, preference/, rejected/ or files/, in order; of one split, or of all.
        Raises NotFoundError if one is missing or has a different size."""
        found = self.manifest.of(kind, split)
        for shard in found:
            file = self.file(shard)
            if not file.is_file() or file.stat().st_size != shard.bytes:
                raise NotFoundError(
                    f"{file} is missing or damaged.", hint="Build it again with --overwrite."
                )
        return found

    def whole(self) -> bool:
        """Does every shard exist, with the right size?"""
        try:
            self.shards(PREFERENCE)
            return bool(self.shards(DATA) and self.shards(REJECTED))
        except NotFoundError:
            return False

    def schema(self, kind: str = DATA) -> pa.Schema:
        """The schema of data/ or preference/, with the features that `datasets` reads: the messages
        are in one of two forms, see `forms`. Raises NotFoundError for a shard that is gone or
        damaged."""
        shards = self.shards(kind)
        given = self.footer(shards[0]).schema if shards else data_schema()
        made = preference_schema if kind == PREFERENCE else data_schema
        return made(is_full_schema(given), GROUP in given.names)

    @property
    def default(self) -> str:
        """What is loaded if nothing else is asked for: data/, or preference/ if it is alone."""
        rows = {kind: sum(s.rows for s in self.manifest.of(kind)) for kind in (DATA, PREFERENCE)}
        return PREFERENCE if rows[PREFERENCE] and not rows[DATA] else DATA

    def footer(self, shard: Shard) -> Footer:
        """The schema and the number of rows in a shard's file. Raises NotFoundError if it cannot be
        read."""
        return footer(self.file(shard))

    def batches(
        self,
        kind: str = DATA,
        columns: Sequence[str] | None = None,
        *,
        split: str | None = None,
        sources: Sequence[str] = (),
        languages: Sequence[str] = (),
        ids: Sequence[str] = (),
        only: Sequence[Shard] | None = None,
        rows: int = ROWS,
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a table, in order, as Arrow record batches; memory stays flat.

        `kind` is data, preference, rejected or files.
        `columns` are the columns to read, in this order; None reads all.
        `split` is train, validation or test; None reads all, in this order.
        `sources` are names, with `gpt4llm:zh` for a subset; empty reads all.
        `languages` are BCP 47 labels; `zh` matches zh-Hans and zh-Hant. Only for data/
        and preference/.
        `ids` are values of the columns `id` and `conversation_id`.
        `only` are the shards to read, whose size is not checked; None reads all.
        `rows` is the most rows in a batch. Empty batches are left out.

        Raises NotFoundError if a shard is missing or damaged, or lacks a column.

        >>> [b.num_rows for b in open_build("mix").batches(columns=["id"])]  # doctest: +SKIP
        [4096, 17]
        """
        wanted = Wanted(sources, languages, ids)
        for shard in self.shards(kind, split) if only is None else only:
            yield from read(self.file(shard), kind, columns, wanted, rows)


def is_build(folder: Path) -> bool:
    """Whether a folder is a build."""
    return folder.is_dir() and _is_ours(folder / MANIFEST)


def open_build(path: str | os.PathLike[str] | None = None) -> Build:
    """The build in a folder. Without a folder, the newest build, which is named on standard error.
    Raises NotFoundError if there is no build."""
    folder = paths.place(path) if path is not None else _announced(home.newest())
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
        message = f"{manifest} is not a manifest of Open Instructions."
        raise NotFoundError(message, hint=hint) from error
    try:
        return Build(folder, Manifest.from_dict(content))
    except ValueError as error:
        raise NotFoundError(f"{manifest} {error}.", hint=hint) from error


_last_announced: list[Path] = []


def _announced(folder: Path) -> Path:
    """Print on standard error which build is read, unless it is the same as last time."""
    if sys.stderr and _last_announced != [folder]:
        _last_announced[:] = [folder]
        print(f"The newest build: {safe(str(folder))}", file=sys.stderr, flush=True)
    return folder


def existing(out: Path) -> Build | None:
    """The build in OUT; None if OUT is free, or holds a build that cannot be read because it is
    damaged or from another version.

    Raises OutputError if OUT is anything else, or cannot be read.
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
    """Did any version of Open Instructions write this manifest?"""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "open_instructions" in content
