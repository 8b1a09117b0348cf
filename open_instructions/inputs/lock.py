"""oi.lock: what a build was made from, so that another can be made from exactly the same: files
with their places, sources, recipe.

    {"format": 1, "open_instructions": "0.1.0", "sources": ["dolly"], "recipe": {"name": "default",
    …},
      "files": [{"subsets": ["dolly:main"], "name": "databricks-dolly-15k.jsonl",
        "place":
        "hf://datasets/databricks/databricks-dolly-15k@bdd27f4d…/databricks-dolly-15k.jsonl",
        "size": 13085339, "sha256": "2df9…"}]}

`place` is null for a file that came from a user's folder and whose bytes no known place has.
`sources` are names; `own` has those of them that a .py file of the user's described, with its
sha256: a lock never says where such a file is, for it would be run. `layouts` has those of them
that are files of the user's own, with how they are read. `evaluations` has the files of evaluation
sets, in the form of `files`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .. import paths
from ..catalogue import OwnSource, Source
from ..catalogue.own import from_described
from ..catalogue.published import Hub, parse_place
from ..errors import InputError, shown
from .cache import Cache
from .input import Input

_HINT = "--locked takes the oi.lock of a build, which is beside its manifest.json."
_SHA256 = re.compile("[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_SUBSET = re.compile(r"[\w%.+@=-]{1,200}:[^/\\:,]+", re.ASCII)
_MOST = 64 << 20
"""The largest lock, in bytes: that of a set of 100,000 files has half as many."""


@dataclass(frozen=True)
class LockedFile:
    """One file on disk, whichever subsets are in it."""

    subsets: tuple[str, ...]
    name: str
    place: str | None
    size: int
    sha256: str


@dataclass(frozen=True)
class Lock:
    """What oi.lock holds. `recipe` is the resolved one, `version` that of the Open Instructions
    that wrote it."""

    version: str
    sources: tuple[str, ...]
    recipe: dict[str, Any]
    files: tuple[LockedFile, ...]
    own: dict[str, str] = field(default_factory=dict)
    layouts: dict[str, dict[str, Any]] = field(default_factory=dict)
    evaluations: tuple[LockedFile, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        files, evaluations = _as_json(self.files), _as_json(self.evaluations)
        own = {"own": self.own} if self.own else {}
        said = {"format": 1, "open_instructions": self.version, "sources": list(self.sources)}
        layouts = {"layouts": self.layouts} if self.layouts else {}
        more = {"evaluations": evaluations} if evaluations else {}
        return {**said, **own, **layouts, "recipe": self.recipe, "files": files, **more}

    def files_of(self, name: str) -> list[LockedFile]:
        """The files of a source."""
        return [f for f in self.files if any(s.startswith(f"{name}:") for s in f.subsets)]

    def own_sources(self) -> dict[str, OwnSource]:
        """The sources that are files of the user's own. Raises RecipeError for a wrong one."""
        described = self.layouts.items()
        return {name: from_described(name, said, "the lock") for name, said in described}


def _as_json(files: Iterable[LockedFile]) -> list[dict[str, Any]]:
    return [asdict(file) | {"subsets": list(file.subsets)} for file in files]


def _from_json(files: Iterable[Any]) -> tuple[LockedFile, ...]:
    return tuple(
        LockedFile(tuple(f["subsets"]), f["name"], f["place"], f["size"], f["sha256"])
        for f in files
    )


def locked_files(
    inputs: Sequence[Input], sources: Iterable[Source], cache: Cache
) -> tuple[LockedFile, ...]:
    """The files on disk that inputs are of, with the places that have their bytes."""
    pins = {
        sha: str(f.places[0])
        for s in sources
        for x in s.subsets
        for f in x.downloads
        for sha in f.sha256
    }
    fetched = {entry.sha256: entry.place for entry in cache.entries()}
    files: dict[Path, LockedFile] = {}
    for item in inputs:
        before = files.get(item.path)
        subsets = dict.fromkeys(
            [*(before.subsets if before else ()), f"{item.source}:{item.subset}"]
        )
        place = fetched.get(item.sha256) or pins.get(item.sha256)
        files[item.path] = LockedFile(
            tuple(subsets), item.relative.partition("!")[0], place, item.size, item.sha256
        )
    return tuple(sorted(files.values(), key=lambda f: (f.subsets, f.name, f.sha256)))


def read_lock(path: str | os.PathLike[str]) -> Lock:
    """What a lock says. Raises InputError if it is not a lock."""
    try:
        content = json.loads(paths.read_bounded(paths.place(path), _MOST))
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror or error}.", hint=_HINT
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a lock: {error}.", hint=_HINT) from error
    try:
        if content["format"] != 1:
            raise InputError(
                f"{path} has format {shown(content['format'])}; this version reads 1.",
                hint=_HINT,
            )
        lock = Lock(
            content["open_instructions"],
            tuple(content["sources"]),
            dict(content["recipe"]),
            _from_json(content["files"]),
            dict(content.get("own", {})),
            {name: dict(said) for name, said in dict(content.get("layouts", {})).items()},
            _from_json(content.get("evaluations", ())),
        )
        if not all(
            isinstance(value, str)
            for value in (lock.version, *lock.sources, *lock.own, *lock.layouts)
        ):
            raise TypeError("the version and the sources must be text")
        if not all(
            _NAME.fullmatch(name) and _SHA256.fullmatch(digest) for name, digest in lock.own.items()
        ):
            raise ValueError("under `own` it needs names, each with a sha256")
        for file in (*lock.files, *lock.evaluations):
            _check(file)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path} is not a lock of Open Instructions: {_lacking(error)}.", hint=_HINT
        ) from error
    return lock


def _lacking(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    return str(error)


def _check(file: LockedFile) -> None:
    """Raises ValueError or TypeError for an entry that this software would not write: a lock may
    come from somebody else."""
    if not (isinstance(file.name, str) and type(file.size) is int and 0 <= file.size < 2**63):
        raise TypeError(f"{shown(file.name)} with size {shown(file.size)}")
    if not file.subsets or not all(_SUBSET.fullmatch(subset) for subset in file.subsets):
        raise ValueError(f"{shown(file.subsets)} are not subsets")
    if not _SHA256.fullmatch(file.sha256):
        raise ValueError(f"{shown(file.sha256)} is not a sha256")
    if file.place is not None:
        place = parse_place(file.place)
        if isinstance(place, Hub) and place.is_pattern:
            raise ValueError(f"{shown(file.place)} is not a single file")
