"""Finds a build by its fingerprint: its folder may have moved since another was made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .. import paths
from ..errors import NotFoundError, UsageError
from . import home
from .names import MANIFEST
from .reading import Build, open_build


class Sought(NamedTuple):
    """The build, None if it was not found, and in words where it was looked for."""

    build: Build | None
    looked: str


def find_build(
    fingerprint: str, shards: Iterable[str], near: Path, folders: Sequence[Path] = ()
) -> Sought:
    """Look for a complete build: in and below `folders`, where its shards last were (they have
    these digests), beside the folder `near`, and among the builds that were made here."""
    known = home.whereabouts()
    there = dict.fromkeys(
        paths.place(known[sha256]).parent.parent for sha256 in shards if sha256 in known
    )
    for folder in dict.fromkeys(_places(list(there), near, folders)):
        if (build := _at(folder, fingerprint)) is not None:
            return Sought(build, "")
    looked = [*map(str, folders), *map(str, there), f"beside {near}", "the builds made here"]
    return Sought(None, f"Looked in: {', '.join(map(paths.shown, looked))}")


def _places(there: Sequence[Path], near: Path, folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        for path, _, names in paths.walk(folder):
            if MANIFEST in names:
                yield path
    yield from there
    if not paths.is_remote(near):
        yield from sorted(manifest.parent for manifest in near.parent.glob(f"*/{MANIFEST}"))
    yield from home.builds_here()


def _at(folder: Path, fingerprint: str) -> Build | None:
    """The build in a folder, if it has this fingerprint and all shards."""
    try:
        build = open_build(folder)
    except (NotFoundError, UsageError, OSError):
        return None
    return build if build.manifest.fingerprint == fingerprint and build.whole() else None
