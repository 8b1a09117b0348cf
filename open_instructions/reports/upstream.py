"""Follows a row of a build that was made of builds to the one that it is from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import Note
from ..store import DATA, PREFERENCE, Build
from ..store.finding import Sought, find_build
from ..store.pair_columns import LISTS
from .rows_by_id import found_in

_RENAMED, _AGAIN = re.compile(r"~[0-9]{1,9}\Z"), re.compile(r"\*[0-9]{1,9}\Z")
"""What an id gets where another row has it too, and behind that where its row is written again."""
_ORIGIN = ("source", "subset", "origin_file")
_TEXTS = ("origin_row", "messages", *LISTS)
"""What a row has in all builds that have it; a reject has none of the texts."""


class Upstream(NamedTuple):
    """The build that a row is from, and its conversation_id there."""

    build: Build
    name: str


def upstream(
    build: Build, origin: dict[str, Any], folders: Sequence[Path]
) -> Upstream | Note | None:
    """The build among the sources of another that a row or reject is from; a Note if it cannot be
    found; None if the row is from a file. `folders` are those to look in first."""
    told = origin.get("parent")
    if told is None and any(_is_of(entry, origin) for entry in build.manifest.inputs):
        return None
    lost = []
    for source, fingerprint in _parents(build).items():
        if told not in (None, fingerprint):
            continue
        found, looked = _sought(build, source, fingerprint, folders)
        if found is None:
            lost.append(f"the build {source} ({fingerprint[:12]}…) was not found. {looked}")
        elif name := _name_in(found, origin):
            return Upstream(found, name)
    if not lost:
        return None
    return Note(
        f"This row is from another build: {'; '.join(lost)}. To follow it, pass its folder as "
        "--data-dir."
    )


def parents_at_hand(build: Build, folders: Sequence[Path]) -> Iterator[Build]:
    """The builds that a build was made of, as far as they are on this machine."""
    for source, fingerprint in _parents(build).items():
        if parent := _sought(build, source, fingerprint, folders).build:
            yield parent


def _parents(build: Build) -> dict[str, str]:
    """The fingerprints of the builds that a build was made of, by the names of its sources."""
    own = build.manifest.own
    return {name: str(said["parent"]) for name, said in own.items() if said.get("parent")}


def _sought(build: Build, source: str, fingerprint: str, folders: Sequence[Path]) -> Sought:
    shards = [entry.sha256 for entry in build.manifest.inputs if entry.source == source]
    return find_build(fingerprint, shards, build.path, folders)


def _is_of(entry: Any, origin: dict[str, Any]) -> bool:
    return (entry.source, entry.subset, entry.file) == tuple(origin[name] for name in _ORIGIN)


def _name_in(build: Build, origin: dict[str, Any]) -> str:
    """The id of a row's conversation in the build that it is from; "" if it is not there. Two
    builds can have other rows under one id."""
    name = str(origin["conversation_id"])
    once = _AGAIN.sub("", name)
    for candidate in dict.fromkeys((name, once, _RENAMED.sub("", name), _RENAMED.sub("", once))):
        for kind in (DATA, PREFERENCE):
            if any(_is_same(row, origin) for row in found_in(build, kind, candidate)):
                return candidate
    return ""


def _is_same(row: dict[str, Any], origin: dict[str, Any]) -> bool:
    is_row = "messages" in origin or LISTS[0] in origin
    names = (*_ORIGIN, *_TEXTS) if is_row else _ORIGIN
    return all(row.get(name) == origin.get(name) for name in names)
