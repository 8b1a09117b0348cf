"""Find out which files a selection needs and the cache lacks, then fetch them in parallel.

A subset is fetched as a whole: if one of its files cannot be fetched, the subset is missing. If the
subsets of a source are forms of one set, one form in the cache is enough; if there is none, the
first that can be fetched is used."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import NamedTuple

from ..catalogue import Selection, Source, Subset
from ..catalogue.published import File, Hub, Url, parse_place
from ..errors import FetchError, OpenInstructionsError, OutputError
from ..limits import max_download, max_ratio, timeout
from . import hub
from .cache import Cache, CacheEntry
from .download import Received, download, size_of

LARGE = 10**9
"""From this many bytes on, a person is asked first."""
_TOGETHER = 4


@dataclass(frozen=True)
class WantedFile:
    """One file to fetch. `listed` is what the hub said of it, where that is its place; `size` its
    bytes, None where nobody says."""

    source: str
    subset: str
    file: File
    place: Hub | Url
    listed: hub.HubFile | None = None
    size: int | None = None
    of: int = 1
    """How many files the pattern named, of which this is one."""

    @property
    def name(self) -> str:
        return self.file.name


@dataclass(frozen=True)
class Needs:
    """What is to be fetched for a selection, what only a person can get, and what nobody could even
    be asked for."""

    wanted: tuple[WantedFile, ...]
    by_hand: tuple[tuple[str, str], ...] = ()
    failed: tuple[Failure, ...] = ()

    @property
    def size(self) -> int:
        """Bytes, as far as anybody says."""
        return sum(w.size or 0 for w in self.wanted)

    @property
    def unsized(self) -> int:
        """Files whose size nobody says."""
        return sum(w.size is None for w in self.wanted)


Report = Callable[[WantedFile, int, int | None], None]
"""Called from several threads with a file, the bytes of it that are there, and all its bytes where
they are known."""
Confirm = Callable[[Needs], bool]


class Failure(NamedTuple):
    """What could not be fetched: the subset, the file if only one is concerned, and why."""

    subset: str
    file: str
    why: str


def needs(selections: Sequence[Selection], cache: Cache) -> Needs:
    """What selections need beside what the cache holds. Asks the hub, and servers, for sizes and
    patterns."""
    wanted: list[WantedFile] = []
    by_hand: list[tuple[str, str]] = []
    failed: list[Failure] = []
    for selection in selections:
        for subset in _chosen(selection, cache):
            label = f"{selection.source.name}:{subset.name}"
            if not subset.downloads:
                by_hand.append(
                    (
                        label,
                        subset.by_hand
                        or "Its files have no known address; pass them with --data-dir.",
                    )
                )
                continue
            try:
                wanted += [
                    w
                    for file in subset.downloads
                    for w in _missing(selection.source, subset, file, cache)
                ]
            except FetchError as error:
                failed.append(Failure(label, "", str(error)))
    return Needs(tuple(wanted), tuple(by_hand), tuple(failed))


def fetch_needed(
    needed: Needs,
    cache: Cache,
    progress: Report | None = None,
    landed: Callable[[WantedFile], None] | None = None,
) -> tuple[Failure, ...]:
    """Fetch what is needed into the cache, several files at a time. Returns what failed. `landed`
    is called for each file that has been fetched.

    Raises FetchError if there is no room for it, UsageError for a limit that is none.
    """
    max_download(), max_ratio(), timeout()
    _check_room(needed, cache)
    failed = list(needed.failed)
    stop = Event()
    waiting: Queue[WantedFile] = Queue()
    ended: Queue[tuple[WantedFile, BaseException | None]] = Queue()
    # the largest first, so that it does not begin when the others end
    for wanted in sorted(needed.wanted, key=lambda w: -(w.size or 0)):
        waiting.put(wanted)

    def work() -> None:
        while not stop.is_set():
            try:
                wanted = waiting.get_nowait()
            except Empty:
                return
            try:
                _fetch_one(wanted, cache, progress, stop)
                ended.put((wanted, None))
            except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
                ended.put((wanted, error))

    for _ in range(_TOGETHER):
        # no pool: its threads would keep a process that was interrupted until the last server has
        # answered
        Thread(target=work, daemon=True).start()
    try:
        for _ in needed.wanted:
            wanted, error = ended.get()
            if isinstance(error, OSError):
                said = (
                    f"{error.filename or cache.folder} cannot be written:"
                    f" {error.strerror or error}."
                )
                raise OutputError(
                    said, hint="Set OI_CACHE, or HF_HOME for files of the hub, to another folder."
                ) from error
            if isinstance(error, OpenInstructionsError):
                failed.append(Failure(f"{wanted.source}:{wanted.subset}", wanted.name, str(error)))
            elif error:
                raise error
            elif landed:
                landed(wanted)
    finally:
        stop.set()
    return tuple(failed)


class _Stopped(Exception):
    """Somebody interrupted the command; what came stays for the next one."""


def _check_room(needed: Needs, cache: Cache) -> None:
    """Raises FetchError where what is needed does not fit: here, or in the hub's cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    for folder, kind in ((cache.folder, Url), (Path(HF_HUB_CACHE), Hub)):
        size = sum(w.size or 0 for w in needed.wanted if isinstance(w.place, kind))
        there = next(f for f in (folder, *folder.absolute().parents) if f.exists())
        if size > (free := shutil.disk_usage(there).free):
            raise FetchError(
                f"{size:,} bytes are to be fetched, but {folder} has room for {free:,}.",
                hint="Set OI_CACHE, or HF_HOME for files of the hub, to another folder.",
            )


def _fetch_one(
    wanted: WantedFile, cache: Cache, progress: Report | None, stop: Event
) -> CacheEntry:
    """Fetch one file into the cache, from its places in order. Raises FetchError that says what
    each of them did."""

    def advance(done: int, total: int | None) -> None:
        if stop.is_set():
            raise _Stopped
        if progress:
            progress(wanted, done, total)

    with cache.locked(wanted.source, wanted.subset, wanted.name):
        known = next(
            (e for e in cache.of(wanted.source, wanted.subset) if e.name == wanted.name), None
        )
        if (
            known
            and (not wanted.file.sha256 or known.sha256 in wanted.file.sha256)
            and known.of == wanted.of
            and wanted.file.may_come_from(known.place)
        ):
            return known  # another process was faster
        wanted, places = _as_pinned(wanted, cache.pin(wanted.source, wanted.subset, wanted.name))
        said: list[str] = []
        for place in places:
            try:
                entry = _from(place, wanted, cache, advance)
            except FetchError as error:
                said.append(str(error))
                continue
            cache.add(entry)
            return entry
    raise FetchError(" ".join(dict.fromkeys(said)))


def _as_pinned(wanted: WantedFile, pin: CacheEntry | None) -> tuple[WantedFile, list[Hub | Url]]:
    """The file, with the digest of its first fetch where the catalogue has none, and its places,
    that of the first fetch before them."""
    places = list(dict.fromkeys([wanted.place, *wanted.file.places]))
    if not pin or wanted.file.sha256 or (wanted.listed and wanted.of > 1):
        return wanted, places
    if not wanted.file.may_come_from(pin.place):
        return wanted, places
    first = parse_place(pin.place)
    file = replace(wanted.file, size=pin.size, sha256=(pin.sha256,))
    return replace(wanted, file=file, place=first, listed=None), list(
        dict.fromkeys([first, *places])
    )


def _from(
    place: Hub | Url, wanted: WantedFile, cache: Cache, advance: Callable[[int, int | None], None]
) -> CacheEntry:
    if isinstance(place, Hub):
        listed = wanted.listed if wanted.listed and place == wanted.place else hub.listed(place)[0]
        path, got = hub.fetch(listed, place, wanted.file, advance)
        return _entry(wanted, path, Hub(place.repo, listed.path, listed.commit), got)
    target = cache.target(wanted.source, wanted.subset, wanted.name)
    return _entry(wanted, target, place, download(place.url, target, wanted.file, advance))


def _entry(wanted: WantedFile, path: Path, place: Hub | Url, got: Received) -> CacheEntry:
    return CacheEntry(
        wanted.source, wanted.subset, wanted.name, path, str(place), got.size, got.sha256, wanted.of
    )


def _chosen(selection: Selection, cache: Cache) -> list[Subset]:
    """The subsets that a selection asks for and the cache lacks."""
    source = selection.source
    subsets = [source.subset(name) for name in selection.subsets]
    if source.first_of and not selection.explicit:
        if any(cache.complete(source, s) for s in subsets):
            return []
        return [next((s for s in subsets if s.downloads), subsets[0])]
    return [s for s in subsets if not cache.complete(source, s)]


def _missing(source: Source, subset: Subset, file: File, cache: Cache) -> list[WantedFile]:
    """The files that `file` stands for and the cache lacks: the file itself, or all that its
    pattern names."""
    if cache.has(source, subset, file):
        return []
    first = file.places[0]
    plain = WantedFile(source.name, subset.name, file, first, size=file.size)
    if isinstance(first, Url):
        return [plain if file.size is not None else replace(plain, size=size_of(first.url))]
    if file.size is not None and not first.is_pattern:
        return [plain]  # nothing to ask for
    try:
        found = hub.listed(first)
    except FetchError:
        if len(file.places) == 1:
            raise
        return [plain]
    if not first.is_pattern:
        return [replace(plain, listed=found[0], size=found[0].size)]
    _refuse_mixtures([f.path for f in found], first)
    places = [(f, replace(first, path=f.path)) for f in found]
    return [
        WantedFile(
            source.name, subset.name, File(f.path, (place,), f.size), place, f, f.size, len(places)
        )
        for f, place in places
    ]


def _refuse_mixtures(paths: Sequence[str], place: Hub) -> None:
    """Raises FetchError where a pattern names the shards of two exports: one revision of GPT4All-J
    has two shards of one number."""
    numbers = [path.rpartition("-of-")[0] for path in paths]
    if len(set(numbers)) < len(numbers):
        raise FetchError(f"{place} names the shards of more than one export: {', '.join(paths)}.")
