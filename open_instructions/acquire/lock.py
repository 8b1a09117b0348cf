"""oi.lock: the very files that a build was made of, and where each can be had again.

    {"format": 1, "files": [{"subsets": ["dolly:main"], "name": "databricks-dolly-15k.jsonl",
      "place": "hf://datasets/databricks/databricks-dolly-15k@bdd27f4d…/databricks-dolly-15k.jsonl", "size": 13085339, "sha256": "2df9…"}]}

`place` is null for a file that came from a user's folder and whose bytes no known place has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..catalogue import Source
from ..errors import InputError
from ..upstream import Hub, parse_place
from .cache import Cache
from .folder import Input


@dataclass(frozen=True)
class Locked:
    """One file on disk, whichever subsets are in it."""

    subsets: tuple[str, ...]
    name: str
    place: str | None
    size: int
    sha256: str


def lock(inputs: Sequence[Input], sources: Iterable[Source], cache: Cache) -> dict[str, Any]:
    """The content of oi.lock for these inputs."""
    pins = {sha: str(f.places[0]) for s in sources for x in s.subsets for f in x.downloads if f.sha256 for sha in f.sha256}
    fetched = {entry.sha256: entry.place for entry in cache.entries()}
    files: dict[Path, Locked] = {}
    for item in inputs:
        before = files.get(item.path)
        subsets = dict.fromkeys([*(before.subsets if before else ()), f"{item.source}:{item.subset}"])
        place = fetched.get(item.sha256) or pins.get(item.sha256)
        files[item.path] = Locked(tuple(subsets), item.relative.partition("!")[0], place, item.size, item.sha256)
    return {
        "format": 1,
        "files": [asdict(f) | {"subsets": list(f.subsets)} for f in sorted(files.values(), key=lambda f: (f.subsets, f.name, f.sha256))],
    }


def read_lock(path: str) -> list[Locked]:
    """The files that a lock names. Raises InputError if it is none."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InputError(f"{path} is no lock: {error}.") from error
    try:
        if content["format"] != 1:
            raise InputError(f"{path} has format {content['format']}, and this version reads 1.")
        files = [Locked(tuple(f["subsets"]), f["name"], f["place"], f["size"], f["sha256"]) for f in content["files"]]
        for file in files:
            kinds = [(file.name, str), (file.size, int), (file.sha256, str), *((s, str) for s in file.subsets)]
            if not all(isinstance(value, kind) for value, kind in kinds) or not file.subsets:
                raise TypeError(file)
            if file.place is not None:
                place = parse_place(file.place)
                if isinstance(place, Hub) and place.is_pattern:
                    raise ValueError(f"{place} is no single file")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is no lock of Open Instructions: {error}.") from error
    return files
