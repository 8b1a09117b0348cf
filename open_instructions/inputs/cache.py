"""What was fetched, in a folder that anyone can look at.

    CACHE/files/alpaca/main/alpaca_data.json         the file, under upstream's name
    CACHE/index/alpaca/main/alpaca_data.json.json    its address, revision, size, sha256 and path

Files from the hub are stored in the hub's own cache.

An entry is written only when its file is complete and verified. Two processes may fetch at once:
each file has a lock."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..catalogue import Source, Subset
from ..catalogue.published import File, Hub, parse_place
from ..errors import FetchError, OutputError
from ..paths import cache_folder, write_whole

_SUFFIX = ".json"


class CachedFile(NamedTuple):
    """A file that was fetched and its digest; `relative` is the path below a folder under which it
    would be found there."""

    path: Path
    relative: str
    size: int
    sha256: str


@dataclass(frozen=True)
class CacheEntry:
    """A file in the cache: its source and subset, upstream's `name` for it, where it is stored, and
    where it came from."""

    source: str
    subset: str
    name: str
    path: Path
    place: str
    size: int
    sha256: str
    of: int = 1
    """How many files the catalogue's pattern named at this place's commit; 1 where it names a file.
    """

    @property
    def file(self) -> CachedFile:
        return CachedFile(
            self.path, f"{self.source}/{self.subset}/{self.name}", self.size, self.sha256
        )


class Cache:
    """The entries below a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else cache_folder()
        self._files, self._index = self.folder / "files", self.folder / "index"

    def target(self, source: str, subset: str, name: str) -> Path:
        """Where a file goes. Raises FetchError for a name that leads elsewhere."""
        return self._files / _safe(source) / _safe(subset) / _safe(name)

    def entries(self) -> list[CacheEntry]:
        """All entries, by name. Files that are not entries are skipped; `strangers` lists them."""
        return [entry for path in self._notes() if (entry := self._read(path))]

    def strangers(self) -> list[Path]:
        """Files in the cache that belong to no entry: damaged notes, remains of abandoned
        downloads, other files."""
        known = {entry.path for entry in self.entries()}
        notes = [path for path in self._notes() if not self._read(path)]
        return notes + sorted(p for p in self._files.rglob("*") if p.is_file() and p not in known)

    def of(self, source: str, subset: str) -> list[CacheEntry]:
        """The entries of a subset whose files are there with their size."""
        return [
            e for e in self.entries() if (e.source, e.subset) == (source, subset) and is_there(e)
        ]

    def complete(self, source: Source, subset: Subset) -> list[CacheEntry]:
        """The files of a subset as the catalogue describes it, if all of them are there: none
        otherwise."""
        there = self.of(source.name, subset.name)
        found = [_of_file(there, file) for file in subset.downloads]
        if all(found):
            return [entry for entries in found for entry in entries]
        return []

    def has(self, source: Source, subset: Subset, file: File) -> bool:
        return bool(_of_file(self.of(source.name, subset.name), file))

    def pin(self, source: str, subset: str, name: str) -> CacheEntry | None:
        """What was fetched under a name once, even if its file is gone: where the catalogue has no
        digest, this is the pin."""
        return self._read(self._note(source, subset, name))

    def with_digest(self, sha256: str) -> CacheEntry | None:
        return next((e for e in self.entries() if e.sha256 == sha256 and is_there(e)), None)

    def add(self, entry: CacheEntry) -> None:
        """Note a file that is whole and verified."""
        note = self._note(entry.source, entry.subset, entry.name)
        content = asdict(entry) | {"path": str(entry.path)}
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            write_whole(note, lambda file: file.write(json.dumps(content, indent=2).encode()))
        except OSError as error:
            raise self._unwritable(error) from error

    def remove(self, entry: CacheEntry) -> int:
        """Remove an entry, and its file if that is stored here; files in the hub's cache stay.
        Returns the bytes freed."""
        with self.locked(entry.source, entry.subset, entry.name):
            freed = 0
            if Path(os.path.realpath(entry.path.parent)).is_relative_to(
                os.path.realpath(self._files)
            ):
                freed = entry.path.stat().st_size if entry.path.exists() else 0
                entry.path.unlink(missing_ok=True)
            self._note(entry.source, entry.subset, entry.name).unlink(missing_ok=True)
            return freed

    def sweep(self, strangers: Sequence[Path]) -> int:
        """Remove files that belong to no entry. Returns the bytes freed."""
        freed = 0
        for path in strangers:
            base = self._files if path.is_relative_to(self._files) else self._index
            with self._lock_of(path.relative_to(base).as_posix(), wait=False) as mine:
                # a file that another process holds is being fetched, and one that it has finished
                # meanwhile belongs to an entry
                if mine and path in self.strangers():
                    freed += path.stat().st_size
                    path.unlink(missing_ok=True)
        return freed

    @contextmanager
    def locked(self, source: str, subset: str, name: str) -> Iterator[None]:
        """Hold one file; waits for another process that fetches it."""
        with self._lock_of((_safe(source) / _safe(subset) / _safe(name)).as_posix(), wait=True):
            yield

    @contextmanager
    def _lock_of(self, relative: str, *, wait: bool) -> Iterator[bool]:
        """Lock a file with its parts and notes, by the path of any of them. Without `wait`, yield
        whether the lock was free."""
        from filelock import FileLock, Timeout

        stem = re.sub(r"(?<!\.part)(?<!\.json)(?:\.part|\.json)+$", "", relative)
        path = self.folder / "locks" / f"{blake2b(stem.encode(), digest_size=16).hexdigest()}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path)
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            yield False
            return
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield True
        finally:
            lock.release()

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(
            f"The cache {self.folder} cannot be written: {error.strerror}.",
            hint="Set OI_CACHE to another folder.",
        )

    def _notes(self) -> list[Path]:
        return sorted(self._index.rglob(f"*{_SUFFIX}"))

    def _note(self, source: str, subset: str, name: str) -> Path:
        path = self._index / _safe(source) / _safe(subset) / _safe(name)
        return path.with_name(path.name + _SUFFIX)

    def _read(self, path: Path) -> CacheEntry | None:
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            entry = CacheEntry(**note | {"path": Path(note["path"])})
            parse_place(entry.place)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        kinds = {
            "source": str,
            "subset": str,
            "name": str,
            "place": str,
            "size": int,
            "sha256": str,
            "of": int,
        }
        if all(isinstance(getattr(entry, name), kind) for name, kind in kinds.items()):
            return entry
        return None


def is_there(entry: CacheEntry) -> bool:
    """Is its file there, with its size? Its digest is compared when it is read."""
    try:
        return entry.path.stat().st_size == entry.size
    except OSError:
        return False


def _of_file(entries: Sequence[CacheEntry], file: File) -> list[CacheEntry]:
    """The entries for this file, or for all files of its pattern at one commit; none if one of them
    is missing."""
    pattern = next((p for p in file.places if isinstance(p, Hub) and p.is_pattern), None)
    if not pattern:
        # nothing older that was pinned since
        return [
            e
            for e in entries
            if e.name == file.name
            and (not file.sha256 or e.sha256 in file.sha256)
            and file.may_come_from(e.place)
        ]
    fitting = [(e, parse_place(e.place)) for e in entries if fnmatchcase(e.name, pattern.path)]
    commits = dict.fromkeys(place.revision for _, place in fitting if isinstance(place, Hub))
    exports = [
        [e for e, place in fitting if isinstance(place, Hub) and place.revision == commit]
        for commit in commits
    ]
    return next((export for export in exports if len(export) == export[0].of), [])


def _safe(name: str) -> Path:
    """An upstream name as a relative path. Raises FetchError for one that leads out of its
    folder."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if (
        not parts
        or ".." in parts
        or parts[0] == "/"
        or any(":" in part or "\0" in part for part in parts)
    ):
        raise FetchError(f"{name!r} is not a valid file name.")
    return Path(*parts)
