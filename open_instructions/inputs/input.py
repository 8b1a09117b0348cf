"""One input of a build: a file, or a member of an archive, with the name and the digest that rows
and locks carry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .. import paths
from ..catalogue import Source, Subset
from ..catalogue.evidence import IndexBase
from ..errors import InputError
from ..readers import plain_name
from .files import Candidate


@dataclass(frozen=True)
class Input:
    """One file, or one member of an archive, that holds records of a subset.

    `name` is upstream's name for it, as rows carry it in origin_file; `sha256` and `size` are of
    the file on disk, `stamp` its size and time of change before it was hashed. `index_base` is
    where its answer codes begin to count, once a plan has settled it.
    """

    source: str
    subset: str
    path: Path
    relative: str
    member: int | None
    name: str
    size: int
    sha256: str = ""
    stamp: tuple[int, int | str] = (0, 0)
    index_base: IndexBase | None = None


def input_of(file: Candidate, subset: Subset, source: Source) -> Input:
    """A file of a folder or of the cache, as an input of the subset that it was recognised as."""
    relative = paths.in_utf8(file.relative)
    name = last_parts(relative, subset.path_parts)
    return Input(source.name, subset.name, file.path, relative, file.member, name, file.size)


def last_parts(relative: str, parts: int) -> str:
    """The last parts of a path below a folder, an archive counted as one.

    >>> last_parts("raw/zh.zip!data/zh.json.gz", 2)
    'data/zh.json'
    """
    return "/".join(plain(relative).split("/")[-parts:])


def plain(relative: str) -> str:
    """A path below a folder without a wrapping .gz, an archive as a folder."""
    return plain_name(relative).replace("!", "/")


def stamp(path: Path) -> tuple[int, int | str]:
    """What differs when a file does, without reading it. Raises InputError if it is gone."""
    try:
        return paths.stamp(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def digest(path: Path) -> str:
    """The sha256 of a file. Raises InputError if it cannot be read."""
    try:
        return paths.sha256_of(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
