"""What is in a user's folder: files and members of archives to read, and things that cannot be read
and are never opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .. import paths
from ..readers import is_archive, members, plain_name
from ..readers.containers import ENDINGS
from .cache import CachedFile

DATA_SUFFIXES = (".json", ".jsonl", ".parquet", ".ndjson")
"""What known sources are published in. Other files are never taken for one of them."""

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Candidate(NamedTuple):
    """A file, or a member of an archive; its path below the folder that was handed in."""

    path: Path
    member: int | None
    relative: str
    size: int
    whole: str = ""

    @property
    def label(self) -> str:
        """What messages call it: its whole path where there are several folders."""
        return self.whole or self.relative

    @property
    def name(self) -> str:
        """Its relative path as patterns see it: without a wrapping .gz, an archive as a folder."""
        return plain_name(self.relative).replace("!", "/")

    @property
    def is_data(self) -> bool:
        return self.name.lower().endswith(DATA_SUFFIXES)

    @property
    def is_readable(self) -> bool:
        """Whether its name says that it has records: those of a known source, or a user's own."""
        return is_readable(self.name)


def is_readable(name: str) -> bool:
    """Whether the name of a file, perhaps packed, says that it has records.

    >>> is_readable("day.csv.zst"), is_readable("notes.md")
    (True, False)
    """
    return plain_name(name).lower().endswith((*DATA_SUFFIXES, *ENDINGS))


class Unreadable(NamedTuple):
    """What cannot be read: its path below the folder, and what it is instead of a file or a
    folder."""

    relative: str
    what: str
    whole: str = ""

    def __str__(self) -> str:
        return f"{paths.shown(self.whole or self.relative)} {self.what}"


def look_through(folder: Path, *, whole: bool) -> tuple[list[Candidate], list[Unreadable]]:
    """Every file at any depth, in order of its relative path; links are followed once, what is
    hidden is passed over.

    With `whole`, messages call files by their whole path.
    """
    found: list[Candidate] = []
    unreadable: list[Unreadable] = []

    def whole_path(path: object) -> str:
        if whole:
            return str(path)
        return ""

    def cannot_enter(error: OSError) -> None:
        name = Path(os.fsdecode(error.filename or folder))
        relative = name.as_posix()
        if name.is_relative_to(folder):
            relative = name.relative_to(folder).as_posix()
        what = f"cannot be opened: {error.strerror or error}"
        unreadable.append(Unreadable(f"{relative}/", what, whole_path(f"{name}/")))

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
            if what := why_unreadable(path):
                unreadable.append(Unreadable(relative, what, whole_path(path)))
            else:
                size = path.stat().st_size
                found += members_of(path, relative, size, whole_path(path))
    return found, sorted(unreadable)


def files_of(file: CachedFile) -> Iterator[Candidate]:
    """What was fetched as one file: itself, or the members of an archive."""
    return members_of(file.path, file.relative, file.size)


def members_of(path: Path, relative: str, size: int, whole: str = "") -> Iterator[Candidate]:
    """A file, or the members of an archive."""
    if not is_archive(path):
        yield Candidate(path, None, relative, size, whole)
        return
    for index, member in members(path):
        yield Candidate(path, index, f"{relative}!{member}", size, whole)


def why_unreadable(path: Path) -> str:
    """Why this cannot be opened; "" for a file. Opening a pipe can wait for ever."""
    if paths.is_remote(path):
        return ""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            return "is a broken link"
        return "is gone"
    except OSError as error:
        if path.is_symlink() and not isinstance(error, PermissionError):
            return "is a link to itself"
        return f"cannot be read: {error.strerror or error}"
    for is_kind, kind in _KINDS:
        if is_kind(mode):
            return f"is {kind}, not a file"
    if not os.access(path, os.R_OK):
        return "cannot be read: Permission denied"
    return ""
