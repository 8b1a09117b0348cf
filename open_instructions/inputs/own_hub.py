"""The files of a dataset on the hub that a user names as a source: fetched at a commit, and found
again without the network.

What the hub said is noted in the cache, so that the same address builds offline from what was
fetched last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..catalogue import OwnSource
from ..catalogue.published import File, Hub, parse_place
from ..errors import InputError, MissingSourceError, OutputError, shown
from ..paths import write_whole
from .cache import Cache, CachedFile, CacheEntry
from .fetch import Needs, WantedFile
from .fetching import Fetching, bring, not_fetched
from .hub_dataset import HubDataset, hub_files
from .lock import Lock, LockedFile
from .splits import TRAIN

_LONGEST = 1 << 20
"""Bytes that a note may have."""
_SUBSET = "main"
_AGAIN = "Run the same command again to fetch the rest."


def from_hub(
    own: OwnSource, how: Fetching, lock: Lock | None = None, usual: Sequence[str] = (TRAIN,)
) -> tuple[OwnSource, list[CachedFile], tuple[str, ...]]:
    """The source with what the dataset's card says of its licence; its files in the cache; and the
    files of the split that were left out, because they repeat the others in another format. With
    a lock, the files are the lock's. `usual` are the splits to choose from, the first that there
    is, where the source names none.

    Raises FetchError if a file cannot be fetched, MissingSourceError if it is not in the cache and
    nothing may be fetched, and what `hub_files` raises.
    """
    cache = Cache()
    if lock:
        return own, _as_locked(own, lock, cache, how), ()
    note = _note(own, cache, usual)
    dataset = hub_files(own.hub, own.config, own.split, usual) if how.allowed else _read(note, own)
    files = _bring(own, dataset, cache, how)
    if how.allowed:
        _write(note, dataset)
    licence = own.license or dataset.license
    return replace(own, license=licence), files, dataset.left_out


def _bring(own: OwnSource, dataset: HubDataset, cache: Cache, how: Fetching) -> list[CachedFile]:
    """The files in the cache, fetched where they are not there."""
    wanted = [_wanted(dataset, file) for file in dataset.files]
    there = _in_cache(dataset, cache)
    absent = tuple(w for w in wanted if str(w.place) not in there)
    if absent and not how.allowed:
        raise _not_there(own)
    if absent:
        if failed := bring(Needs(absent), cache, how):
            raise not_fetched("Some files", failed, _AGAIN)
        there = _in_cache(dataset, cache)
    return [
        there[str(w.place)].file._replace(relative=file.name)
        for w, file in zip(wanted, dataset.files, strict=True)
    ]


def _in_cache(dataset: HubDataset, cache: Cache) -> dict[str, CacheEntry]:
    """What was fetched of a dataset, by its places."""
    return {entry.place: entry for entry in cache.of(quote(dataset.repo, safe=""), _SUBSET)}


def _wanted(dataset: HubDataset, file: File) -> WantedFile:
    """A file to fetch. Its name has the commit, so that two versions of it are two files."""
    named = File(f"{dataset.revision[:12]}/{file.name}", file.places, file.size, file.sha256)
    place = file.places[0]
    return WantedFile(quote(dataset.repo, safe=""), _SUBSET, named, place, size=file.size)


def _as_locked(own: OwnSource, lock: Lock, cache: Cache, how: Fetching) -> list[CachedFile]:
    files = lock.files_of(own.name)
    absent = [f for f in files if not cache.with_digest(f.sha256)]
    if absent and not how.allowed:
        raise _not_there(own)
    wanted = tuple(locked_file(f, f.place) for f in absent if f.place)
    if failed := bring(Needs(wanted), cache, how):
        raise not_fetched("Some files of the lock", failed, _AGAIN)
    entries = [(f, cache.with_digest(f.sha256)) for f in files]
    return [entry.file._replace(relative=f.name) for f, entry in entries if entry]


def locked_file(file: LockedFile, place: str) -> WantedFile:
    """A file of a lock as one to fetch, apart from the catalogue's file of this name, which may
    have other bytes."""
    where = parse_place(place)
    source, _, subset = file.subsets[0].partition(":")
    named = File(f"{file.sha256[:12]}/{file.name}", (where,), file.size, (file.sha256,))
    return WantedFile(source, subset, named, where, size=file.size)


def _not_there(own: OwnSource) -> MissingSourceError:
    return MissingSourceError(
        f"{own.hub} is not in the cache.", hint="Without --offline it is fetched."
    )


def _note(own: OwnSource, cache: Cache, usual: Sequence[str]) -> Path:
    choice = [] if own.split or tuple(usual) == (TRAIN,) else list(usual)
    asked = json.dumps([own.hub, own.config, own.split, *choice])
    return cache.folder / "datasets" / f"{hashlib.sha256(asked.encode()).hexdigest()}.json"


def _write(note: Path, dataset: HubDataset) -> None:
    """Note what the hub said. Raises OutputError if the cache cannot be written."""
    said = {
        "repo": dataset.repo,
        "revision": dataset.revision,
        "license": dataset.license,
        "files": [[f.name, f.size, list(f.sha256)] for f in dataset.files],
    }
    text = json.dumps(said, indent=2).encode()
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        write_whole(note, lambda file: file.write(text))
    except OSError as error:
        raise OutputError(
            f"{shown(str(note))} could not be written: {error.strerror or error}.",
            hint="OI_CACHE names another folder for the cache.",
        ) from error


def _read(note: Path, own: OwnSource) -> HubDataset:
    """What was noted. Raises MissingSourceError if nothing was, InputError if it is damaged."""
    if not note.is_file() or note.stat().st_size > _LONGEST:
        raise MissingSourceError(
            f"{own.hub}, of {own.name}, was never fetched on this machine.",
            hint="Without --offline it is fetched.",
        )
    try:
        said: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        repo, revision, license = (_text(said[key]) for key in ("repo", "revision", "license"))
        files = tuple(
            File(_text(name), (Hub(repo, name, revision),), _size(size), tuple(map(_text, sha256)))
            for name, size, sha256 in said["files"]
        )
        if not files:
            raise ValueError("it names no files")
        return HubDataset(repo, revision, files, license=license)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{shown(str(note))} is damaged: {error}.", hint="Remove it, and build once online."
        ) from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{shown(value)} is not a text")
    return value


def _size(value: Any) -> int | None:
    if value is not None and type(value) is not int:
        raise ValueError(f"{shown(value)} is not a size")
    return value
