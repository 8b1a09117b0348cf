"""Where the files of a source are: find upstream's files in a user's folder, in the cache, or among
the bundled samples.

A file is known by its name and by the fields of its records, never by its place alone (see
`recognise`). What was taken for what is said, and so is what was not used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import paths
from ..catalogue import Selection, Source, Subset, registry
from ..catalogue.evidence import IndexBase
from ..errors import InputError, MissingSourceError, Note, UsageError
from ..paths import shown
from ..readers import archive_fault, plain_name
from . import absent
from .cache import Held
from .files import Barred, DataFile, files_of, look_through
from .look import Look
from .recognise import Known, Recogniser, belongs, is_respelt, usual_name

_MOST_BARRED = 10
_OWN_FILES = "oi sources NAME lists the file names of a source. For files of your own, write a source: docs/adding-a-source.md."


@dataclass(frozen=True)
class Input:
    """One file, or one member of an archive, that holds records of a subset.

    `name` is upstream's name for it, as rows carry it in origin_file; `sha256` and `size` are of
    the file on disk, `stamp` its size and time of change before it was hashed. `index_base` is
    where its answer codes begin to count, once a plan has settled it.
    """

    source: str
    subset: str
    path: Path
    relative: str
    member: int | None
    name: str
    size: int
    sha256: str = ""
    stamp: tuple[int, int | str] = (0, 0)
    index_base: IndexBase | None = None


@dataclass(frozen=True)
class Found:
    """What a folder holds for a selection: inputs in a fixed order, subsets without files, notes,
    files of no known source.

    Where there are no inputs, `there` says what lies there instead.
    """

    inputs: tuple[Input, ...]
    missing: tuple[tuple[str, str], ...]
    notes: tuple[Note, ...]
    unused: tuple[str, ...]
    there: tuple[str, ...] = ()


def samples_dir() -> Path:
    """The small samples that ship with the package, in upstream's layout."""
    return Path(__file__).parent.parent / "samples"


Kept = Callable[[Source, Subset], Sequence[Held]]
"""The files of a subset that were fetched, all of them or none."""


def find(
    data_dir: Path | Sequence[Path] | None,
    selections: Sequence[Selection],
    *,
    kept: Kept | None = None,
    beside: bool = False,
    missing: str = "stop",
    encoding: str = "",
) -> Found:
    """Look through folders at any depth, archives included; subsets that are not there are taken
    from what was fetched.

    With `beside`, what was fetched counts beside what the folder has of a subset. Raises
    MissingSourceError if `missing` is "stop" and a source, or a subset named by the user, has no
    file; the message names all of them. Raises InputError for a file under an upstream name that
    holds something else, for one in another encoding than UTF-8 where none was said, or a fetched
    one that is not what was fetched.
    """
    folders = _each(data_dir)
    for folder in folders:
        _check_folder(folder)
    wanted = {s.source.name: s for s in selections}
    sources = {s.name: s for s in registry().all()} | {name: s.source for name, s in wanted.items()}
    recogniser = Recogniser(sources, wanted)
    by_subset: dict[tuple[str, str], list[Input]] = {}
    unused: list[str] = []
    others: list[DataFile] = []
    looked = [look_through(folder, whole=len(folders) > 1) for folder in folders]
    barred = [item for _, found in looked for item in found]
    for file in (file for found, _ in looked for file in found):
        look = Look(file, encoding)
        known = recogniser.recognise(look)
        if known is None and file.is_data:
            unused.append(file.said)
        if known is None or not recogniser.is_chosen(known):
            others.append(file)
        if known is None or known.source.name not in wanted:
            continue
        by_subset.setdefault((known.source.name, known.subset.name), []).append(
            _input(file, known.subset, known.source)
        )
    hashed: dict[Path, str] = {}
    fetched: set[tuple[str, str]] = set()
    for source, subset, held in _not_found(by_subset, selections, kept, beside):
        if held.path not in hashed:
            hashed[held.path] = digest(held.path)
        if hashed[held.path] != held.sha256:  # before anything in it is looked at
            raise InputError(
                f"{held.path}, in the cache, has changed since it was fetched.",
                hint="oi cache verify shows more; oi cache prune removes it.",
            )
        fetched.add((source.name, subset.name))
        known = Known(source, subset)
        taken = [
            _input(file, subset, source)
            for file in files_of(held)
            if belongs(Look(file, encoding), known)
        ]
        if not taken:
            raise InputError(
                f"{held.path} was fetched as {source.name}:{subset.name}, but has no file of that subset."
            )
        by_subset.setdefault((source.name, subset.name), []).extend(taken)
    archives = dict.fromkeys(
        i.path for found in by_subset.values() for i in found if i.member is not None
    )
    inputs: list[Input] = []
    lacking: list[tuple[str, str]] = []
    notes = [f"{shown(path.name)}: {fault}" for path in archives if (fault := archive_fault(path))]
    notes += _barred_notes(barred, wanted)
    stop: list[tuple[Source, tuple[str, ...]]] = []
    for name in sorted(wanted):
        selection = wanted[name]
        present = [s for s in selection.subsets if (name, s) in by_subset]
        gone = [s for s in selection.subsets if (name, s) not in by_subset]
        if selection.source.first_of and not selection.explicit:
            if present:
                first, *left_out = present
                gone = []
                if (name, first) in fetched and first != selection.subsets[0]:
                    notes.append(
                        f"{name}: took {first}, which was fetched, not {selection.subsets[0]}, another form of the same set"
                    )
                if left_out:
                    sizes = {s: sum(i.size for i in by_subset[name, s]) for s in present}
                    left = ", ".join(f"{s} ({sizes[s]:,} bytes)" for s in left_out)
                    notes.append(
                        f"{name}: took {first} ({sizes[first]:,} bytes) and left {left}, other forms of the same set; "
                        f"--sources={name}:{left_out[0]} takes another"
                    )
                present = [first]
            else:
                gone = [selection.subsets[0]]
        if (gone and not present) or (gone and selection.explicit):
            stop.append(
                (selection.source, tuple(selection.subsets if not selection.explicit else gone))
            )
        lacking += [(name, s) for s in gone]
        unique, said = _unique([i for s in present for i in by_subset[name, s]], hashed)
        if rivals := _rivals(unique, selection.source):
            rest = absent.others(absent.described(others, recogniser, encoding))
            raise InputError(
                "\n".join([rivals, *rest, ""][: None if rest else 1]),
                hint="Remove one of them from the folder.",
            )
        inputs += unique
        notes += said
    there: list[str] = []
    if not inputs or (stop and missing == "stop"):
        there = [*map(str, barred[:_MOST_BARRED]), *absent.described(others, recogniser, encoding)]
    if stop and missing == "stop":
        taken_ones = [(i.source, i.subset) for i in inputs]
        raise MissingSourceError(
            absent.message(stop, folders, taken_ones, there),
            hint="oi fetch fetches them; --missing=skip builds without them."
            if inputs or not there
            else _OWN_FILES,
        )
    return Found(
        tuple(inputs),
        tuple(lacking),
        tuple(map(Note, notes)),
        tuple(sorted(unused)),
        () if inputs else tuple(there),
    )


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


def _barred_notes(barred: Sequence[Barred], wanted: dict[str, Selection]) -> list[str]:
    """Things under names that are looked for, and folders that nobody could look into."""
    subsets = [s.source.subset(name) for s in wanted.values() for name in s.subsets]
    notes = [
        str(item)
        for item in barred
        if item.relative.endswith("/") or any(_looked_for(plain_name(item.relative), x) for x in subsets)
    ]  # fmt: skip
    more = len(notes) - _MOST_BARRED
    return [*notes[:_MOST_BARRED], f"and {more:,} more like this"] if more > 0 else notes


def _looked_for(name: str, subset: Subset) -> bool:
    return subset.named(name) or is_respelt(name, subset)


def _each(folders: Path | Sequence[Path] | None) -> Sequence[Path]:
    """One folder, several or none, as several."""
    if folders is None:
        return ()
    return folders if isinstance(folders, Sequence) else (folders,)


def _not_found(
    found: Iterable[tuple[str, str]],
    selections: Sequence[Selection],
    kept: Kept | None,
    beside: bool,
) -> Iterator[tuple[Source, Subset, Held]]:
    """What was fetched of subsets that the folder has not; of a set in several forms, only where it
    has none of them."""
    there = set() if beside else set(found)
    for selection in selections if kept else ():
        assert kept
        source = selection.source
        if (
            source.first_of
            and not selection.explicit
            and any((source.name, name) in there for name in selection.subsets)
        ):
            continue
        for name in selection.subsets:
            if (source.name, name) not in there:
                subset = source.subset(name)
                yield from ((source, subset, held) for held in kept(source, subset))


def _input(file: DataFile, subset: Subset, source: Source) -> Input:
    relative = paths.in_utf8(file.relative)
    return Input(
        source.name,
        subset.name,
        file.path,
        relative,
        file.member,
        _tail(relative, subset.path_parts),
        file.size,
    )


def _rivals(inputs: Sequence[Input], source: Source) -> str:
    """Two files with spellings of one name and other bytes, of which one is not what it seems to
    be; "" if there are none."""
    by_name: dict[tuple[str, str], Input] = {}
    for item in sorted(
        inputs, key=lambda i: is_respelt(_plain(i.relative), source.subset(i.subset))
    ):
        subset = source.subset(item.subset)
        key = (item.subset, usual_name(_plain(item.relative), subset))
        other = by_name.setdefault(key, item)
        if other is not item and is_respelt(_plain(item.relative), subset):
            both = f"{shown(other.relative)} and {shown(item.relative)}"
            return f"{both} are both {key[1]} of {item.source}:{item.subset}, and differ."
    return ""


def _unique(inputs: list[Input], known: dict[Path, str]) -> tuple[list[Input], list[str]]:
    """Hash each file whose digest is not known, drop copies of the same bytes, and make names
    within a source differ."""
    stamps = [stamp(i.path) for i in inputs]
    hashed = [
        replace(i, sha256=d, stamp=s)
        for i, d, s in zip(inputs, _hash_all(inputs, known), stamps, strict=True)
    ]
    kept: dict[tuple[str, str, int | None], Input] = {}
    notes = []
    for item in sorted(hashed, key=lambda i: (i.relative.count("/"), i.relative, i.member or 0)):
        key = (item.subset, item.sha256, item.member)
        if key in kept:
            here, there = item.relative, kept[key].relative
            if here == there:  # in two folders
                here, there = str(item.path), str(kept[key].path)
            notes.append(
                f"{item.source}: {shown(here)} has the same content as {shown(there)}; one was used"
            )
        else:
            kept[key] = item
    order = {subset: index for index, subset in enumerate(dict.fromkeys(i.subset for i in inputs))}
    # the members of an archive in its order, which makes reading them one pass
    return sorted(
        _told_apart(list(kept.values())),
        key=lambda i: (
            order[i.subset],
            i.member is not None,
            i.sha256 if i.member is not None else i.name,
            i.member or 0,
            i.name,
        ),
    ), notes


def _told_apart(inputs: list[Input]) -> list[Input]:
    """Give files of one name as much of their path, below the folder that was handed in, as tells
    them apart."""
    for depth in range(2, max((i.relative.count("/") for i in inputs), default=0) + 3):
        names = [i.name for i in inputs]
        if len(set(names)) == len(names):
            return inputs
        inputs = [
            replace(i, name=_tail(i.relative, depth)) if names.count(i.name) > 1 else i
            for i in inputs
        ]
    names = [i.name for i in inputs]
    return [
        replace(i, name=f"{i.name}@{i.sha256[:8]}.{i.member or 0}")
        if names.count(i.name) > 1
        else i
        for i in inputs
    ]


def _tail(relative: str, parts: int) -> str:
    return "/".join(_plain(relative).split("/")[-parts:])


def _plain(relative: str) -> str:
    return plain_name(relative).replace("!", "/")


def stamp(path: Path) -> tuple[int, int | str]:
    """What differs when a file does, without reading it. Raises InputError if it is gone."""
    try:
        return paths.stamp(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def digest(path: Path) -> str:
    """The sha256 of a file. Raises InputError if it cannot be read."""
    try:
        return paths.sha256_of(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def _hash_all(inputs: Sequence[Input], known: dict[Path, str]) -> Iterator[str]:
    for item in inputs:
        if item.path not in known:
            known[item.path] = digest(item.path)
        yield known[item.path]
