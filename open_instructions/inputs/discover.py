"""Where the files of a source are: find upstream's files in a user's folder, in the cache, or among
the bundled samples.

A file is known by its name and by the fields of its records, never by its path alone (see
`recognise`). The result says which file was used for what, and which were not used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, NoReturn

from .. import paths
from ..catalogue import Selection, Source, Subset, registry
from ..errors import InputError, MissingSourceError, Note, UsageError
from ..paths import shown
from ..readers import archive_fault, plain_name
from . import absent
from .cache import CachedFile
from .copies import rivals, unique
from .files import Candidate, Unreadable, files_of, look_through
from .input import Input, digest, input_of
from .peek import Peek
from .recognise import Recogniser, SourceSubset, belongs, is_respelt

_MOST_UNREADABLE = 10
_OWN_FILES = (
    "oi sources NAME lists the file names of a source. For files of your own, write a source: "
    "docs/adding-a-source.md."
)


@dataclass(frozen=True)
class Found:
    """What a folder holds for a selection: inputs in a fixed order, subsets without files, notes,
    and files of no known source.

    If there are no inputs, `there` says what is there instead."""

    inputs: tuple[Input, ...]
    missing: tuple[tuple[str, str], ...]
    notes: tuple[Note, ...]
    unused: tuple[str, ...]
    there: tuple[str, ...] = ()


def samples_dir() -> Path:
    """The small samples that ship with the package, in upstream's layout."""
    return Path(__file__).parent.parent / "samples"


Cached = Callable[[Source, Subset], Sequence[CachedFile]]
"""The files of a subset that were fetched, all of them or none."""
_Inputs = dict[tuple[str, str], list[Input]]
"""Inputs by the names of their source and subset."""


def find(
    data_dir: Path | Sequence[Path] | None,
    selections: Sequence[Selection],
    *,
    cached: Cached | None = None,
    beside: bool = False,
    missing: str = "stop",
    encoding: str = "",
) -> Found:
    """Look through folders at any depth, archives included; subsets that are not there come from
    what was fetched.

    With `beside`, what was fetched counts beside what the folder has of a subset. Raises
    MissingSourceError if `missing` is "stop" and a source, or a subset named by the user, has no
    file; the message names all of them. Raises InputError for a file under an upstream name that
    holds something else, for one in another encoding than UTF-8 where none was named, or a fetched
    one that is not what was fetched.
    """
    folders = _each(data_dir)
    for folder in folders:
        _check_folder(folder)
    search = _Search.of(selections, encoding)
    listing = _in_folders(folders, search)
    digests: dict[Path, str] = {}
    absent_here = _not_found(listing.inputs, selections, cached, beside)
    fetched = _in_cache(absent_here, search, digests)
    available = _both(listing.inputs, fetched)
    inputs: list[Input] = []
    notes = [*_archive_notes(available), *_unreadable_notes(listing.unreadable, search)]
    lacking: list[tuple[str, str]] = []
    stop: list[tuple[Source, tuple[str, ...]]] = []
    for name, selection in sorted(search.wanted.items()):
        pick = _pick(selection, available, fetched)
        taken = [item for subset in pick.taken for item in available[name, subset]]
        distinct, copies = unique(taken, digests)
        if problem := rivals(distinct, selection.source):
            _refuse_rivals(problem, listing, search)
        inputs += distinct
        notes += [*pick.notes, *copies]
        lacking += [(name, subset) for subset in pick.missing]
        if pick.missing and (selection.explicit or not pick.taken):
            stop.append((selection.source, _asked_for(selection, pick)))
    stops = bool(stop) and missing == "stop"
    there = _described(listing, search) if stops or not inputs else []
    if stops:
        _refuse_missing(stop, folders, inputs, there)
    return Found(
        tuple(inputs),
        tuple(lacking),
        tuple(map(Note, notes)),
        tuple(sorted(listing.unused)),
        () if inputs else tuple(there),
    )


@dataclass(frozen=True)
class _Search:
    """What is looked for, and how its files are recognised."""

    wanted: dict[str, Selection]
    recogniser: Recogniser
    encoding: str

    @classmethod
    def of(cls, selections: Sequence[Selection], encoding: str) -> _Search:
        wanted = {selection.source.name: selection for selection in selections}
        sources = {source.name: source for source in registry().all()}
        sources |= {name: selection.source for name, selection in wanted.items()}
        return cls(wanted, Recogniser(sources, wanted), encoding)

    def peek(self, file: Candidate) -> Peek:
        return Peek(file, self.encoding)


@dataclass
class _Listing:
    """What is in the folders: the inputs, data files of no known source, all files that were not
    requested, and what cannot be read."""

    inputs: _Inputs = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    others: list[Candidate] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


def _in_folders(folders: Sequence[Path], search: _Search) -> _Listing:
    """Look through the folders, and recognise each file."""
    listing = _Listing()
    files: list[Candidate] = []
    for folder in folders:
        found, unreadable = look_through(folder, whole=len(folders) > 1)
        files += found
        listing.unreadable += unreadable
    for file in files:
        known = search.recogniser.recognise(search.peek(file))
        if known is None and file.is_data:
            listing.unused.append(file.label)
        if known is None or not search.recogniser.is_chosen(known):
            listing.others.append(file)
        if known is not None and known.source.name in search.wanted:
            key = (known.source.name, known.subset.name)
            item = input_of(file, known.subset, known.source)
            listing.inputs.setdefault(key, []).append(item)
    return listing


def _in_cache(
    files: Iterable[tuple[Source, Subset, CachedFile]], search: _Search, digests: dict[Path, str]
) -> _Inputs:
    """Files of the cache as inputs. Raises InputError for one that is not what was fetched."""
    inputs: _Inputs = {}
    for source, subset, file in files:
        _check_bytes(file, digests)  # before anything in it is looked at
        known = SourceSubset(source, subset)
        taken = [
            input_of(candidate, subset, source)
            for candidate in files_of(file)
            if belongs(search.peek(candidate), known)
        ]
        if not taken:
            raise InputError(f"{file.path} was fetched as {known}, but has no file of that subset.")
        inputs.setdefault((source.name, subset.name), []).extend(taken)
    return inputs


def _check_bytes(file: CachedFile, digests: dict[Path, str]) -> None:
    if file.path not in digests:
        digests[file.path] = digest(file.path)
    if digests[file.path] != file.sha256:
        raise InputError(
            f"{file.path}, in the cache, has changed since it was fetched.",
            hint="oi cache verify shows more; oi cache prune removes it.",
        )


def _both(found: _Inputs, fetched: _Inputs) -> _Inputs:
    """What was found, followed by what was fetched of the same subset."""
    return {key: [*found.get(key, ()), *fetched.get(key, ())] for key in {**found, **fetched}}


class _Pick(NamedTuple):
    """Which subsets of a selection are taken and which are missing; notes on forms left out."""

    taken: tuple[str, ...]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _pick(
    selection: Selection, available: _Inputs, fetched: Mapping[tuple[str, str], object]
) -> _Pick:
    """All subsets that are there; the first of them where they are forms of one set and the user
    named none."""
    name = selection.source.name
    present = tuple(s for s in selection.subsets if (name, s) in available)
    if not selection.source.first_of or selection.explicit:
        return _Pick(present, tuple(s for s in selection.subsets if s not in present))
    if not present:
        return _Pick((), selection.subsets[:1])
    first, *left_out = present
    notes = []
    if (name, first) in fetched and first != selection.subsets[0]:
        notes.append(
            f"{name}: took {first}, which was fetched, not {selection.subsets[0]}, another form "
            "of the same set"
        )
    if left_out:
        sizes = {s: sum(item.size for item in available[name, s]) for s in present}
        left = ", ".join(f"{s} ({sizes[s]:,} bytes)" for s in left_out)
        notes.append(
            f"{name}: took {first} ({sizes[first]:,} bytes) and left {left}, other forms of the "
            f"same set; --sources={name}:{left_out[0]} takes another"
        )
    return _Pick((first,), (), tuple(notes))


def _asked_for(selection: Selection, pick: _Pick) -> tuple[str, ...]:
    """The subsets that the error for a selection names: any of them would do, unless the user
    named some."""
    if selection.explicit:
        return pick.missing
    return selection.subsets


def _archive_notes(inputs: _Inputs) -> Iterator[str]:
    members = (i for found in inputs.values() for i in found if i.member is not None)
    for path in dict.fromkeys(item.path for item in members):
        if fault := archive_fault(path):
            yield f"{shown(path.name)}: {fault}"


def _described(listing: _Listing, search: _Search) -> list[str]:
    """What is in the folders instead of what was requested, a line each."""
    unreadable = map(str, listing.unreadable[:_MOST_UNREADABLE])
    return [*unreadable, *absent.described(listing.others, search.recogniser, search.encoding)]


def _refuse_rivals(problem: str, listing: _Listing, search: _Search) -> NoReturn:
    described = absent.described(listing.others, search.recogniser, search.encoding)
    lines = [problem]
    if others := absent.others(described):
        lines += [*others, ""]
    raise InputError("\n".join(lines), hint="Remove one of them from the folder.")


def _refuse_missing(
    stop: absent.Absent, folders: Sequence[Path], inputs: Sequence[Input], there: Sequence[str]
) -> NoReturn:
    hint = "oi fetch fetches them; --missing=skip builds without them."
    if there and not inputs:
        hint = _OWN_FILES
    taken = [(item.source, item.subset) for item in inputs]
    raise MissingSourceError(absent.message(stop, folders, taken, there), hint=hint)


def _check_folder(folder: Path) -> None:
    """Raises UsageError for what is not a folder, or cannot be entered."""
    hint = "Pass the folder with the upstream files as --data-dir."
    try:
        if not folder.is_dir():
            raise UsageError(f"{shown(str(folder))} is not a folder.", hint=hint)
        if not paths.is_remote(folder):
            with os.scandir(folder):
                pass
    except OSError as error:
        raise UsageError(
            f"{shown(str(folder))} cannot be opened: {error.strerror or error}.", hint=hint
        ) from error


def _unreadable_notes(unreadable: Sequence[Unreadable], search: _Search) -> list[str]:
    """Notes on things that have a requested name but cannot be read, and on folders that cannot be
    opened."""
    wanted = search.wanted.values()
    subsets = [s.source.subset(name) for s in wanted for name in s.subsets]

    def matters(item: Unreadable) -> bool:
        name = plain_name(item.relative)
        return item.relative.endswith("/") or any(_looked_for(name, subset) for subset in subsets)

    notes = [str(item) for item in unreadable if matters(item)]
    more = len(notes) - _MOST_UNREADABLE
    if more <= 0:
        return notes
    return [*notes[:_MOST_UNREADABLE], f"and {more:,} more like this"]


def _looked_for(name: str, subset: Subset) -> bool:
    return subset.named(name) or is_respelt(name, subset)


def _each(folders: Path | Sequence[Path] | None) -> Sequence[Path]:
    """One folder, several or none, as several."""
    if folders is None:
        return ()
    if isinstance(folders, Sequence):
        return folders
    return (folders,)


def _not_found(
    found: Iterable[tuple[str, str]],
    selections: Sequence[Selection],
    cached: Cached | None,
    beside: bool,
) -> Iterator[tuple[Source, Subset, CachedFile]]:
    """What was fetched of subsets that the folder lacks; of a set in several forms, only where the
    folder has none of them."""
    if cached is None:
        return
    there = set() if beside else set(found)
    for selection in selections:
        source = selection.source
        lacking = [name for name in selection.subsets if (source.name, name) not in there]
        one_is_enough = source.first_of and not selection.explicit
        if one_is_enough and len(lacking) < len(selection.subsets):
            continue
        for name in lacking:
            subset = source.subset(name)
            for file in cached(source, subset):
                yield source, subset, file
