"""The inputs of a source made of a user's own files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..catalogue import Selection, Source, registry
from ..catalogue.own import OwnSource
from ..catalogue.registry import own_selection
from ..errors import InputError, MissingSourceError, Note, UsageError, shown
from ..paths import nearest_name
from .copies import unique
from .fetching import Fetching
from .files import Candidate, files_of, look_through, members_of, why_unreadable
from .input import Input, digest, input_of
from .lock import Lock, LockedFile
from .own_hub import from_hub
from .splits import TRAIN

_ABOUT_DATA = ("dataset_info.json", "state.json", "dataset_dict.json")
"""What `datasets` writes beside the data that it saves."""


@dataclass
class OwnFound:
    """The inputs of own sources, the selections that they need, notes, and files that were not
    used."""

    inputs: list[Input] = field(default_factory=list)
    selections: list[Selection] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


def own_inputs(
    selections: Sequence[Selection],
    how: Fetching,
    lock: Lock | None = None,
    folders: Sequence[Path] = (),
) -> OwnFound:
    """The files of own sources. A file with the bytes of a known source is an input of that
    source, under its licence and engine. Datasets on the hub are fetched, as `how` says. With a
    lock, they are exactly its files; those that the user does not name are looked for in the
    folders.

    Raises UsageError if there is no such file, InputError for one that cannot be read, is empty,
    is not the lock's, or is a known source and said to be something else.
    """
    found = OwnFound()
    known = _known_files() if selections else {}
    for selection in selections:
        assert selection.own
        own, distinct = own_files(selection.own, how, lock, folders, found)
        selection = own_selection(own)
        others = [item for item in distinct if item.sha256 not in known]
        found.inputs += others
        if others:
            found.selections.append(selection)
        for item in distinct:
            if item.sha256 in known:
                _take_as_known(item, own, *known[item.sha256], found)
    return found


def own_files(
    own: OwnSource,
    how: Fetching,
    lock: Lock | None,
    folders: Sequence[Path],
    found: OwnFound,
    usual: Sequence[str] = (TRAIN,),
) -> tuple[OwnSource, list[Input]]:
    """The source, with what the hub says of it, and its files, each once. Notes and files that were
    not used are added to `found`; `usual` are the splits of a dataset on the hub to choose from,
    the first that it has, where the source names none. Raises what `own_inputs` raises."""
    digests: dict[Path, str] = {}
    if own.hub:
        own, cached, left_out = from_hub(own, how, lock, usual)
        found.unused += left_out
        digests |= {file.path: file.sha256 for file in cached}
        files = [each for file in cached for each in files_of(file)]
    elif own.files:
        files = _files(own, found)
        if own.parent:
            found.notes.append(
                Note(f"{own.name} is a finished build: its rows are kept, not cleaned again")
            )
    else:
        files = _locked_files(own, lock, folders, digests)
    source = own.source()
    taken = [input_of(file, source.subsets[0], source) for file in files]
    distinct, copies = unique(taken, digests)
    found.notes += map(Note, copies)
    if lock:
        _check_as_locked(own, lock, distinct)
    return own, distinct


def look_at(own: OwnSource) -> list[tuple[Candidate, str]]:
    """The files of an own source, unread, and the known source that has the same bytes: "" for
    most, since a file is hashed only if its size is that of a published one. A dataset on the hub
    is fetched."""
    sizes = {
        file.size for s in registry().all() for x in s.subsets for file in x.downloads if file.size
    }
    if own.hub:
        files = [each for file in from_hub(own, Fetching())[1] for each in files_of(file)]
    else:
        files = _files(own, OwnFound())
    return [(file, _known_as(file.path, sizes)) for file in files]


def _known_as(path: Path, sizes: set[int]) -> str:
    if path.stat().st_size not in sizes:
        return ""
    source, subset = _known_files().get(digest(path), (None, ""))
    return f"{source.name}:{subset}" if source else ""


def _known_files() -> dict[str, tuple[Source, str]]:
    """The source and the subset of each published file, by its digest."""
    return {
        sha256: (source, subset.name)
        for source in registry().all()
        for subset in source.subsets
        for file in subset.downloads
        for sha256 in file.sha256
    }


def _take_as_known(
    item: Input, own: OwnSource, source: Source, subset: str, found: OwnFound
) -> None:
    """Use a file as the published one that it is a copy of. What the user says of it must not make
    another set of it."""
    label = f"{source.name}:{subset}"
    published = source.subset(subset)
    said = {
        "licence": (own.license, published.license),
        "engine": (own.engine, published.engine),
    }
    for what, (given, stated) in said.items():
        if given and given != stated:
            raise InputError(
                f"{shown(item.relative)} is {label}, byte for byte. Its {what} is {stated}, not "
                f"{shown(given)}.",
                hint=f"Leave the {what} out, or build {label}.",
            )
    if own.options != type(own.options)():
        raise InputError(
            f"{shown(item.relative)} is {label}, byte for byte, and is read as that source.",
            hint="Leave layout, fields and roles out.",
        )
    found.inputs.append(replace(item, source=source.name, subset=subset))
    found.selections.append(Selection(source, (subset,), True))
    found.notes.append(
        Note(f"{shown(item.relative)} is {label}, byte for byte, and is used as that source")
    )


def _files(own: OwnSource, found: OwnFound) -> list[Candidate]:
    files: list[Candidate] = []
    for written, place in zip(own.files, own.places(), strict=True):
        files += _shards(place) if own.parent else _in_place(written, place, found)
    if not files:
        raise UsageError(
            f"{', '.join(map(shown, own.files))} has no data files.",
            hint="Data files are JSON, JSON lines, CSV, TSV, Parquet or Arrow, also compressed.",
        )
    return files


def _in_lock(own: OwnSource, lock: Lock) -> dict[str, LockedFile]:
    """A source's files in a lock, by their digests."""
    return {file.sha256: file for file in lock.files_of(own.name)}


def _locked_files(
    own: OwnSource, lock: Lock | None, folders: Sequence[Path], digests: dict[Path, str]
) -> list[Candidate]:
    """The files of a lock, by their bytes, wherever in the folders they are."""
    wanted = _in_lock(own, lock) if lock else {}
    sizes = {file.size for file in wanted.values()}
    found: dict[str, list[Candidate]] = {}
    for folder in folders:
        for path in by_size(folder, *sizes):
            sha256 = digests.setdefault(path, digest(path))
            if sha256 in wanted and sha256 not in found:
                file = wanted[sha256]
                found[sha256] = list(members_of(path, file.name, file.size))
    lost = [file.name for sha256, file in wanted.items() if sha256 not in found]
    if lost or not wanted:
        names = ", ".join(map(shown, lost)) or "its files"
        raise MissingSourceError(
            f"The lock needs {names} of {own.name}, a source of your own.",
            hint="--data-dir names the folder that has the file; --sources=./FILE names the file.",
        )
    return [file for files in found.values() for file in files]


def by_size(folder: Path, *sizes: int) -> Iterator[Path]:
    """The files of a folder, at any depth, that have one of these sizes in bytes."""
    files = dict.fromkeys(file.path for file in look_through(folder, whole=False)[0])
    return (path for path in files if path.stat().st_size in sizes)


def _check_as_locked(own: OwnSource, lock: Lock, inputs: Sequence[Input]) -> None:
    wanted = _in_lock(own, lock)
    here = {item.sha256: item.relative for item in inputs}
    other = [name for sha256, name in here.items() if sha256 not in wanted]
    lacking = [file.name for sha256, file in wanted.items() if sha256 not in here]
    if other or lacking:
        problems = [f"{shown(name)} is not in it" for name in other]
        problems += [f"{shown(name)} is in it but was not found" for name in lacking]
        raise InputError(
            f"The files of {own.name} differ from those of the lock: {'; '.join(problems)}.",
            hint="Build without --locked, or with the lock's files.",
        )


def _in_place(written: str, place: Path, found: OwnFound) -> Iterator[Candidate]:
    """The data files that a path, a folder or a pattern names."""
    if place.is_dir():
        yield from _in_folder(place, found)
    elif place.exists() or not glob.has_magic(str(place)):
        yield from _one(written, place, found)
    else:
        yield from _matching(written, place, found)


def _shards(build: Path) -> Iterator[Candidate]:
    """The shards of a build that hold rows."""
    for table in ("data", "preference"):
        for path in sorted((build / table).glob("*.parquet")):
            yield Candidate(path, None, f"{table}/{path.name}", path.stat().st_size)


def _in_folder(folder: Path, found: OwnFound) -> Iterator[Candidate]:
    files, unreadable = look_through(folder, whole=False)
    found.notes += [Note(str(item)) for item in unreadable]
    for file in files:
        if _is_data(file):
            yield file
        else:
            found.unused.append(file.label)


def _one(written: str, path: Path, found: OwnFound) -> Iterator[Candidate]:
    if what := why_unreadable(path):
        hint = nearest_name(path)
        if what == "is gone":
            raise UsageError(f"There is no file {shown(written)}.", hint=hint)
        raise UsageError(f"{shown(written)} {what}.", hint=hint)
    size = path.stat().st_size
    if not size:
        raise InputError(f"{shown(written)} is empty.")
    yield from _data_in(path, path.name, size, found)


def _data_in(path: Path, relative: str, size: int, found: OwnFound) -> Iterator[Candidate]:
    """A file, whatever its name; of an archive the members that are data by theirs."""
    for file in members_of(path, relative, size):
        hidden = file.name.startswith("__MACOSX/") or "/." in f"/{file.name}"
        if file.member is None or (_is_data(file) and not hidden):
            yield file
        else:
            found.unused.append(file.label)


def _is_data(file: Candidate) -> bool:
    return file.is_readable and file.name.rpartition("/")[2] not in _ABOUT_DATA


def _matching(written: str, pattern: Path, found: OwnFound) -> Iterator[Candidate]:
    names = sorted(glob.glob(str(pattern), recursive=True))
    fixed = _before_the_pattern(pattern)
    files = [Path(name) for name in names if os.path.isfile(name)]
    if not files:
        raise UsageError(f"No file matches {shown(written)}.")
    for path in files:
        relative = path.relative_to(fixed).as_posix()
        if path.stat().st_size:
            yield from _data_in(path, relative, path.stat().st_size, found)
        else:
            found.notes.append(Note(f"{shown(relative)} is empty"))


def _before_the_pattern(pattern: Path) -> Path:
    """The folder that all files of a pattern are below."""
    parts: list[str] = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        parts.append(part)
    return Path(*parts)
