"""Where upstream's files are published: in a repository on the Hugging Face hub or at a plain URL;
and the known sizes and digests.

A place has one text form, in lock files and on the screen:

    hf://datasets/OWNER/NAME@REVISION/PATH        as fsspec writes it; PATH may be a glob pattern
    https://…
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import shown

_HUB = re.compile(r"hf://datasets/(?P<repo>[\w.-]+/[\w.-]+)@(?P<revision>[^/]+)/(?P<path>.+)")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Hub:
    """A file in a dataset repository on the hub. `path` may be a glob pattern; `revision` is a
    branch, a tag or a commit."""

    repo: str
    path: str
    revision: str = "main"

    def __str__(self) -> str:
        return f"hf://datasets/{self.repo}@{self.revision}/{self.path}"

    @property
    def is_pattern(self) -> bool:
        return bool(set("*?[") & set(self.path))

    @property
    def is_one_version(self) -> bool:
        """Whether it is one file at a commit, whose bytes never change."""
        return not self.is_pattern and _COMMIT.fullmatch(self.revision) is not None


@dataclass(frozen=True)
class Url:
    """A file at a plain address."""

    url: str

    def __str__(self) -> str:
        return self.url


Place = Hub | Url


@dataclass(frozen=True)
class File:
    """One published file. `places` are tried in order; all have the same bytes, or bytes with one
    of the digests.

    `name` is the file's name in the cache and for the reader, with forward slashes. `size` is in
    bytes, None if unpublished; `sha256` are the digests of the versions that upstream published. If
    there are none, the first download's is recorded.
    """

    name: str
    places: tuple[Place, ...]
    size: int | None = None
    sha256: tuple[str, ...] = ()

    def may_come_from(self, place: str) -> bool:
        """Whether bytes from a place can be this file's. Where a commit is named and no digest,
        they have to be from that commit."""
        pinned = [str(p) for p in self.places if isinstance(p, Hub) and p.is_one_version]
        return bool(self.sha256) or not pinned or place in pinned


def parse_place(text: str) -> Place:
    """The place in a text. Raises ValueError for any address but hf://, http:// and https://.

    >>> parse_place("hf://datasets/a/b@main/c/d.json")
    Hub(repo='a/b', path='c/d.json', revision='main')
    """
    hub = _HUB.fullmatch(text)
    if hub:
        return Hub(hub["repo"], hub["path"], hub["revision"])
    if text.startswith(("https://", "http://")):
        return Url(text)
    raise ValueError(f"{shown(text)} is not the address of a file")


def github(repository: str, revision: str, path: str) -> Url:
    """A file in a GitHub repository, at a commit or on a branch.

    >>> print(github("a/b", "main", "data/c.json"))
    https://raw.githubusercontent.com/a/b/main/data/c.json
    """
    return Url(f"https://raw.githubusercontent.com/{repository}/{revision}/{path}")
