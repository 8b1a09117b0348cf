"""What lies in a user's folder: files and members of archives to read, and things that cannot be
read and are never opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .. import paths
from ..readers import is_archive, members, plain_name
from .cache import Held

DATA_SUFFIXES = (".json", ".jsonl", ".parquet", ".ndjson")

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class DataFile(NamedTuple):
    """A file, or a member of an archive; its path below the folder that was handed in."""

    path: Path
    member: int | None
    relative: str
    size: int
    label: str = ""

    @property
    def said(self) -> str:
        """What messages call it: its whole path where there are several folders."""
        return self.label or self.relative

    @property
    def name(self) -> str:
        """Its relative path as patterns see it: without a wrapping .gz, an archive as a folder."""
        return plain_name(self.relative).replace("!", "/")

    @property
    def is_data(self) -> bool:
        return self.name.lower().endswith(DATA_SUFFIXES)


class Barred(NamedTuple):
    """What cannot be read: its path below the folder, and what it is instead of a file or a folder."""

    relative: str
    what: str
    label: str = ""

    def __str__(self) -> str:
        return f"{paths.shown(self.label or self.relative)} {self.what}"


def look_through(folder: Path, *, whole: bool) -> tuple[list[DataFile], list[Barred]]:
    """Every file at any depth, in order of its relative path; links are followed once, what is
    hidden is passed over.

    With `whole`, messages call files by their whole path.
    """
    found: list[DataFile] = []
    barred: list[Barred] = []

    def cannot_enter(error: OSError) -> None:
        name = Path(os.fsdecode(error.filename or folder))
        relative = name.relative_to(folder).as_posix() if name.is_relative_to(folder) else str(name)
        label = f"{name}/" if whole else ""
        barred.append(Barred(f"{relative}/", f"cannot be opened: {error.strerror or error}", label))

    for root, folders, names in paths.walk(folder, cannot_enter, everything=True):
        if "manifest.json" in names and {"data", "rejected"} <= set(folders):
            folders[:] = []  # a build of ours, which is no input
            continue
        folders[:] = [f for f in folders if not f.startswith(".")]
        for name in names:
            if name.startswith("."):
                continue
            path = root / name
            relative = path.relative_to(folder).as_posix()
            label = str(path) if whole else ""
            if what := _barred(path):
                barred.append(Barred(relative, what, label))
            else:
                found += (file._replace(label=label) for file in _files_at(path, relative))
    return found, sorted(barred)


def files_of(held: Held) -> Iterator[DataFile]:
    """What was fetched as one file: itself, or the members of an archive."""
    if is_archive(held.path):
        for index, member in members(held.path):
            yield DataFile(held.path, index, f"{held.relative}!{member}", held.size)
    else:
        yield DataFile(held.path, None, held.relative, held.size)


def _files_at(path: Path, relative: str) -> Iterator[DataFile]:
    size = path.stat().st_size
    if is_archive(path):
        for index, member in members(path):
            yield DataFile(path, index, f"{relative}!{member}", size)
    else:
        yield DataFile(path, None, relative, size)


def _barred(path: Path) -> str:
    """Why this is nothing to open; "" for a file. A pipe that is opened can wait for ever."""
    if paths.is_remote(path):
        return ""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "is a broken link" if path.is_symlink() else "is gone"
    except OSError as error:
        looped = path.is_symlink() and not isinstance(error, PermissionError)
        return "is a link to itself" if looped else f"cannot be read: {error.strerror or error}"
    for is_kind, kind in _KINDS:
        if is_kind(mode):
            return f"is {kind}, not a file"
    return "" if os.access(path, os.R_OK) else "cannot be read: Permission denied"
