"""Where the files of a source are: find upstream's files in a user's folder, in the cache, or among the bundled samples.

A file is known by its name and by the fields of its records, never by its place alone. What was taken for what is
said, and so is what was not used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from .. import places
from ..catalogue import Selection, Source, Subset, registry
from ..errors import InputError, MissingSourceError, UsageError
from ..evidence import IndexBase
from ..readers import archive_fault, is_archive, members, open_stream, plain_name
from ..readers.streams import seekable
from .cache import Held
from .download import stand_in, text_head

_SNIFF = 1 << 18
_KEY = re.compile(rb'"([A-Za-z_][\w .-]*)"\s*:')
_DATA_SUFFIXES = (".json", ".jsonl", ".parquet", ".ndjson")


@dataclass(frozen=True)
class Input:
    """One file, or one member of an archive, that holds records of a subset.

    `name` is upstream's name for it, as rows carry it in origin_file; `sha256` and `size` are of the file on disk, `stamp` its size and time of change before it was hashed.
    `index_base` is where its answer codes begin to count, once a plan has settled it.
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
    """What a folder holds for a selection: inputs in a fixed order, subsets without files, notes, files of no known source."""

    inputs: tuple[Input, ...]
    missing: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    unused: tuple[str, ...]


@dataclass(frozen=True)
class _File:
    path: Path
    member: int | None
    relative: str
    size: int


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
) -> Found:
    """Look through folders at any depth, archives included; subsets that are not there are taken from what was fetched.

    With `beside`, what was fetched counts beside what the folder has of a subset. Raises MissingSourceError if `missing` is "stop" and a
    source, or a subset named by the user, has no file; the message names all of them. Raises InputError for a file under an upstream
    name that holds something else, or a fetched one that is not what was fetched.
    """
    folders = _each(data_dir)
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder.", hint="--data-dir takes the folder with the upstream files.")
    wanted = {s.source.name: s for s in selections}
    sources = {s.name: s for s in registry().all()} | {name: s.source for name, s in wanted.items()}
    by_subset: dict[tuple[str, str], list[Input]] = {}
    unused: list[str] = []
    for file in chain.from_iterable(map(_files, folders)):
        known = _recognise(file, sources, wanted)
        if known is None and plain_name(file.relative).lower().endswith(_DATA_SUFFIXES):
            unused.append(file.relative if len(folders) == 1 else str(file.path))
        if known is None or known[0].name not in wanted:
            continue
        source, subset = known
        by_subset.setdefault((source.name, subset.name), []).append(_input(file, source, subset))
    hashed: dict[Path, str] = {}
    fetched: set[tuple[str, str]] = set()
    for source, subset, held in _not_found(by_subset, selections, kept, beside):
        if held.path not in hashed:
            hashed[held.path] = digest(held.path)
        if hashed[held.path] != held.sha256:  # before anything in it is looked at
            raise InputError(
                f"{held.path}, in the cache, has other bytes than were fetched.",
                hint="oi cache verify says more, oi cache prune removes it.",
            )
        fetched.add((source.name, subset.name))
        files = [_input(file, source, subset) for file in _files_of(held) if _belongs(file, source, subset)]
        if not files:
            raise InputError(f"{held.path} was fetched as {source.name}:{subset.name}, and no file in it is of that.")
        by_subset.setdefault((source.name, subset.name), []).extend(files)
    archives = dict.fromkeys(i.path for found in by_subset.values() for i in found if i.member is not None)
    inputs: list[Input] = []
    absent: list[tuple[str, str]] = []
    notes = [f"{path.name}: {fault}" for path in archives if (fault := archive_fault(path))]
    stop: list[tuple[Source, tuple[str, ...]]] = []
    for name in sorted(wanted):
        selection = wanted[name]
        present = [s for s in selection.subsets if (name, s) in by_subset]
        gone = [s for s in selection.subsets if (name, s) not in by_subset]
        if selection.source.first_of and not selection.explicit:
            if present:
                taken, *others = present
                gone = []
                if (name, taken) in fetched and taken != selection.subsets[0]:
                    notes.append(f"{name}: took {taken}, which was fetched, and not {selection.subsets[0]}, another form of the same set")
                if others:
                    sizes = {s: sum(i.size for i in by_subset[name, s]) for s in present}
                    left = ", ".join(f"{s} ({sizes[s]:,} bytes)" for s in others)
                    notes.append(
                        f"{name}: took {taken} ({sizes[taken]:,} bytes) and left {left}, other forms of the same set; "
                        f"--sources={name}:{others[0]} takes another"
                    )
                present = [taken]
            else:
                gone = [selection.subsets[0]]
        if (gone and not present) or (gone and selection.explicit):
            stop.append((selection.source, tuple(selection.subsets if not selection.explicit else gone)))
        absent += [(name, s) for s in gone]
        unique, said = _unique([i for s in present for i in by_subset[name, s]], hashed)
        inputs += unique
        notes += said
    if stop and missing == "stop":
        raise MissingSourceError(
            _missing_message(stop, folders, by_subset), hint="oi fetch has them fetched; --missing=skip goes on without them."
        )
    return Found(tuple(inputs), tuple(absent), tuple(notes), tuple(sorted(unused)))


def _each(folders: Path | Sequence[Path] | None) -> Sequence[Path]:
    """One folder, several or none, as several."""
    if folders is None:
        return ()
    return folders if isinstance(folders, Sequence) else (folders,)


def _not_found(
    found: Iterable[tuple[str, str]], selections: Sequence[Selection], kept: Kept | None, beside: bool
) -> Iterator[tuple[Source, Subset, Held]]:
    """What was fetched of subsets that the folder has not; of a set in several forms, only where it has none of them."""
    there = set() if beside else set(found)
    for selection in selections if kept else ():
        assert kept
        source = selection.source
        if source.first_of and not selection.explicit and any((source.name, name) in there for name in selection.subsets):
            continue
        for name in selection.subsets:
            if (source.name, name) not in there:
                subset = source.subset(name)
                yield from ((source, subset, held) for held in kept(source, subset))


def _files_of(held: Held) -> Iterator[_File]:
    if is_archive(held.path):
        for index, member in members(held.path):
            yield _File(held.path, index, f"{held.relative}!{member}", held.size)
    else:
        yield _File(held.path, None, held.relative, held.size)


def _belongs(file: _File, source: Source, subset: Subset) -> bool:
    """Is this file of the cache, or this member of one, the subset's? Raises InputError for a file that was fetched as it and is not."""
    relative = plain_name(file.relative).replace("!", "/")
    if file.member is None:
        fields = _fields(file)
        if subset.has(fields):
            return True
        _refuse_other_things(file)
        if fields:
            raise InputError(
                f"{file.path} was fetched as {source.name}:{subset.name}, but its records have other fields: {', '.join(sorted(fields)[:12])}."
            )
        return True
    if not relative.lower().endswith(_DATA_SUFFIXES) or subset.passes_over(relative):
        return False
    return (subset.named(relative) or subset.any_name) and subset.has(_fields(file))


def _input(file: _File, source: Source, subset: Subset) -> Input:
    return Input(source.name, subset.name, file.path, file.relative, file.member, _tail(file.relative, subset.path_parts), file.size)


def _files(folder: Path) -> Iterator[_File]:
    """Every file at any depth, in order of its relative path, links followed once; what is hidden is passed over."""
    for root, folders, names in places.walk(folder):
        if "manifest.json" in names and {"data", "rejected"} <= set(folders):
            folders[:] = []  # a build of ours, which is no input
            continue
        folders[:] = [f for f in folders if not f.startswith(".")]
        for name in names:
            path = root / name
            if name.startswith("."):
                continue
            relative = path.relative_to(folder).as_posix()
            if is_archive(path):
                for index, member in members(path):
                    yield _File(path, index, f"{relative}!{member}", path.stat().st_size)
            else:
                yield _File(path, None, relative, path.stat().st_size)


def _recognise(file: _File, sources: dict[str, Source], wanted: dict[str, Selection]) -> tuple[Source, Subset] | None:
    """The subset whose name and fields a file has, else one whose fields are enough.

    Raises InputError for a name that was asked for, over fields that are not its.
    """
    relative = plain_name(file.relative).replace("!", "/")
    if not relative.lower().endswith(_DATA_SUFFIXES):
        return None
    # where two sources look for one name, what was asked for comes first, and a user's own source before a built-in one
    first = sorted(sources.values(), key=lambda s: (s.name not in wanted, not (s.name in wanted and wanted[s.name].path)))
    known = [(source, subset) for source in first for subset in source.subsets if not subset.passes_over(relative)]
    named = [pair for pair in known if pair[1].named(relative)]
    if not named and not any(subset.any_name for _, subset in known):
        return None
    fields = _fields(file)
    for source, subset in named:
        if subset.has(fields):
            return source, subset
    chosen = [(source, subset) for source, subset in named if source.name in wanted and subset.name in wanted[source.name].subsets]
    if chosen and not fields:
        _refuse_other_things(file)
        return chosen[0]
    alike = next((pair for pair in known if pair[1].any_name and pair[1].has(fields)), None)
    for source, subset in chosen:
        if not subset.any_name:
            guess = f" It looks like {alike[0].name}:{alike[1].name}." if alike else ""
            raise InputError(
                f"{file.relative} has the name of {source.name}:{subset.name} (fields {', '.join(sorted(subset.fields))}), but its records "
                f"have other fields: {', '.join(sorted(fields)[:12])}.{guess}",
                hint="Rename it or take it out of the folder.",
            )
    return alike


def _refuse_other_things(file: _File) -> None:
    """Raise InputError for what downloads leave behind in place of a data file."""
    with open_stream(file.path, file.member) as stream:
        head = text_head(stream.read(_SNIFF))
    if other := stand_in(head):
        lfs = "Fetch it with git lfs pull, or download it again."
        raise InputError(f"{file.relative} is {other}, not the data.", hint=lfs if "LFS" in other else "Download it again.")
    if head and head[:1] not in b"[{":
        raise InputError(f"{file.relative} is no JSON: it begins with {head[:20]!r}.", hint="Download it again.")


def _fields(file: _File) -> set[str]:
    """The names of fields near the beginning of a file; empty for an empty or unreadable one."""
    if plain_name(file.relative).lower().endswith(".parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        with seekable(file.path, file.member) as parquet:
            try:
                return set(pq.read_schema(parquet).names)
            except (pa.ArrowInvalid, OSError) as error:
                raise InputError(f"{file.relative} cannot be read as Parquet: {error}.", hint="Download it again.") from error
    with open_stream(file.path, file.member) as stream:
        return {name.decode() for name in _KEY.findall(stream.read(_SNIFF))}


def _unique(inputs: list[Input], known: dict[Path, str]) -> tuple[list[Input], list[str]]:
    """Hash each file whose digest is not known, drop copies of the same bytes, and make names within a source differ."""
    stamps = [stamp(i.path) for i in inputs]
    hashed = [replace(i, sha256=d, stamp=s) for i, d, s in zip(inputs, _hash_all(inputs, known), stamps, strict=True)]
    kept: dict[tuple[str, str, int | None], Input] = {}
    notes = []
    for item in sorted(hashed, key=lambda i: (i.relative.count("/"), i.relative, i.member or 0)):
        key = (item.subset, item.sha256, item.member)
        if key in kept:
            here, there = item.relative, kept[key].relative
            if here == there:  # in two folders
                here, there = str(item.path), str(kept[key].path)
            notes.append(f"{item.source}: {here} has the same bytes as {there}; one was taken")
        else:
            kept[key] = item
    order = {subset: index for index, subset in enumerate(dict.fromkeys(i.subset for i in inputs))}
    # the members of an archive in its order, which makes reading them one pass
    return sorted(
        _told_apart(list(kept.values())),
        key=lambda i: (order[i.subset], i.member is not None, i.sha256 if i.member is not None else i.name, i.member or 0, i.name),
    ), notes


def _told_apart(inputs: list[Input]) -> list[Input]:
    """Give files of one name as much of their path, below the folder that was handed in, as tells them apart."""
    for depth in range(2, max((i.relative.count("/") for i in inputs), default=0) + 3):
        names = [i.name for i in inputs]
        if len(set(names)) == len(names):
            return inputs
        inputs = [replace(i, name=_tail(i.relative, depth)) if names.count(i.name) > 1 else i for i in inputs]
    names = [i.name for i in inputs]
    return [replace(i, name=f"{i.name}@{i.sha256[:8]}.{i.member or 0}") if names.count(i.name) > 1 else i for i in inputs]


def _tail(relative: str, parts: int) -> str:
    return "/".join(plain_name(relative).replace("!", "/").split("/")[-parts:])


def stamp(path: Path) -> tuple[int, int | str]:
    """What differs when a file does, without reading it. Raises InputError if it is gone."""
    try:
        return places.stamp(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def digest(path: Path) -> str:
    """The sha256 of a file. Raises InputError if it cannot be read."""
    try:
        return places.sha256_of(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def _hash_all(inputs: Sequence[Input], known: dict[Path, str]) -> Iterator[str]:
    for item in inputs:
        if item.path not in known:
            known[item.path] = digest(item.path)
        yield known[item.path]


def _missing_message(stop: list[tuple[Source, tuple[str, ...]]], folders: Sequence[Path], found: Iterable[tuple[str, str]]) -> str:
    where = f"in {', '.join(map(str, folders))} or the cache" if folders else "in the cache"
    lines = [f"No file for {len(stop)} of the sources asked for {where}:"]
    for source, names in stop:
        for name in names:
            subset = source.subset(name)
            lines.append(f"  {source.name}:{name} looks for {' or '.join(subset.files)}")
            lines += [f"      from {place}" for file in subset.downloads for place in file.places]
            lines += [f"      {subset.by_hand}"] if subset.by_hand else []
    there = sorted(f"{source}:{subset}" for source, subset in found)
    return "\n".join([*lines, *([f"Found are {', '.join(there)}."] if there else [])]) + "\n"
