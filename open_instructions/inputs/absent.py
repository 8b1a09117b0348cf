"""The error for requested files that are missing: what was looked for, what is there instead, and
what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..catalogue import Source, Subset
from ..errors import InputError, counted
from ..paths import shown
from .download import stand_in
from .files import DATA_SUFFIXES, Candidate
from .peek import Peek, listed
from .recognise import Recogniser, SourceSubset

_MOST_FILES = 10
_MOST_ADDRESSES = 3
"""Addresses are given for at most this many subsets; for more, the message would fill pages."""
_MOST_GUESSES = 4
_ALIKE = 0.75
"""Names that are at least this similar are spellings of one name, like alpaca_data.json and
alpaca_data_cleaned.json."""
_WILD = re.compile(r"[*?\[]")
_OTHER_FORMATS = {
    ".csv": "a CSV table",
    ".tsv": "a TSV table",
    ".xls": "an Excel workbook",
    ".xlsx": "an Excel workbook",
    ".ods": "a spreadsheet",
    ".txt": "plain text",
    ".md": "plain text",
    ".yaml": "YAML",
    ".yml": "YAML",
    ".arrow": "an Arrow file",
    ".feather": "an Arrow file",
    ".pkl": "a pickle",
    ".pickle": "a pickle",
    ".tar.zst": "packed with zstd",
    ".7z": "a 7-Zip archive",
    ".rar": "a RAR archive",
    ".crdownload": "an unfinished download",
    ".part": "an unfinished download",
    ".download": "an unfinished download",
}
_UNPACKED = ("packed", "a 7-Zip", "a RAR")

Absent = Sequence[tuple[Source, Sequence[str]]]
"""Sources that were asked for, and the subsets of them that have no file."""


def message(
    stop: Absent, folders: Sequence[Path], found: Iterable[tuple[str, str]], there: Sequence[str]
) -> str:
    """The error where files are not there. `found` are subsets that are, `there` describes the
    other files of the folder."""
    subsets = [(source, source.subset(name)) for source, names in stop for name in names]
    present = sorted(f"{source}:{subset}" for source, subset in found)
    where = ", ".join(shown(str(folder)) for folder in folders)
    if folders and not present:
        holds = "have" if len(folders) > 1 else "has"
        first = f"{where} {holds} no file of the requested sources, and neither does the cache."
        lines = [first, *_indented(there)]
    else:
        where = f"in {where} or the cache" if where else "in the cache"
        lines = [f"No file for {len(stop)} of the requested sources {where}:"]
    if not there or present or len(subsets) <= _MOST_ADDRESSES:
        for source, subset in subsets:
            lines += _looked_for(
                source, subset, addresses=len(subsets) <= _MOST_ADDRESSES or not folders
            )
    if present:
        lines.append(f"Found: {', '.join(present)}.")
        lines += others(there)
    return "\n".join(lines) + "\n"


def others(there: Sequence[str]) -> list[str]:
    if there:
        return ["Other files there:", *_indented(there)]
    return []


def _looked_for(source: Source, subset: Subset, *, addresses: bool) -> list[str]:
    lines = [f"  {source.name}:{subset.name} looks for {' or '.join(subset.files)}"]
    if addresses:
        lines += [f"      from {place}" for file in subset.downloads for place in file.places]
        if subset.by_hand:
            lines.append(f"      {subset.by_hand}")
    return lines


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def described(files: Sequence[Candidate], recogniser: Recogniser, encoding: str = "") -> list[str]:
    """A line for each file that was not taken, the likely ones first: what it is."""
    ordered = sorted(files, key=lambda file: (not file.is_data, not _kind(file)))
    lines = [_described(Peek(file, encoding), recogniser) for file in ordered[:_MOST_FILES]]
    more = len(files) - _MOST_FILES
    if more > 0:
        return [*lines, f"and {counted(more, 'more file')}"]
    return lines


def _described(peek: Peek, recogniser: Recogniser) -> str:
    file = peek.file
    name = shown(file.label)
    if not file.is_data:
        return f"{name} {_other_format(file)}"
    try:
        known = recogniser.recognise(peek)
    except InputError as error:
        return f"{error.message} {error.hint}"
    if known:
        return f"{name} is {known}, which was not requested; --sources={known} takes it"
    if len(alike := recogniser.told_by_fields(peek)) > 1:
        return f"{name} could be {_either(map(str, alike))}; its content does not tell"
    if peek.own:
        likely = [
            known for known in recogniser.with_fields(peek) if _worth_a_guess(file, known.subset)
        ]
        guess = f", as {_renamed(file, likely)}" if likely else ", and no source has these"
        return f"{name} has the fields {listed(peek.own)}{guess}"
    return f"{name} {_unreadable(peek)}"


def _unreadable(peek: Peek) -> str:
    if peek.fault:
        return f"cannot be read: {shown(peek.fault.message)}"
    if not peek.start:
        return "is empty"
    if stand_in(peek.start):
        return f"is {stand_in(peek.start)}, not the data"
    return "has no record that can be read"


def _other_format(file: Candidate) -> str:
    lower = file.name.lower()
    first, _, number = lower.rpartition(".")
    if number.isdecimal() and first.endswith(tuple(DATA_SUFFIXES)):  # as wget numbers them
        return (
            "is not read under this name. Rename it to "
            f"{shown(file.name[: len(first)].rpartition('/')[2])}"
        )
    kind = _kind(file)
    if kind == "an unfinished download":
        return f"is {kind}; download it again"
    advice = "unpack it" if kind.startswith(_UNPACKED) else "save it as JSON Lines or Parquet"
    if file.is_readable:
        return f"is {kind}, which no known source is published in; --sources reads it as your own"
    if kind:
        return f"is {kind}, which cannot be read; {advice}"
    return "is not JSON, JSON Lines or Parquet"


def _kind(file: Candidate) -> str:
    lower = file.name.lower()
    return next((kind for ending, kind in _OTHER_FORMATS.items() if lower.endswith(ending)), "")


def _worth_a_guess(file: Candidate, subset: Subset) -> bool:
    """Could a file belong to a subset, under another name? Subsets without answers are not worth a
    guess: every record would be rejected."""
    endings = {pattern.lower().endswith(".parquet") for pattern in subset.files}
    return subset.engine != "none" and file.name.lower().endswith(".parquet") in endings


def _renamed(file: Candidate, likely: Sequence[SourceSubset]) -> str:
    """The subsets that a file could belong to, and upstream's name for it if its own name is close
    to that."""
    base = file.name.rpartition("/")[2].lower()
    near = max(likely, key=lambda known: _likeness(base, known.subset))
    if len(likely) == 1 or _likeness(base, near.subset) >= _ALIKE:
        return f"{near} has. If that is what it is, rename it to {_upstream_name(near.subset)}"
    ordered = sorted(likely, key=lambda known: -_likeness(base, known.subset))
    return f"{_either(map(str, ordered[:_MOST_GUESSES]))} have"


def _likeness(base: str, subset: Subset) -> float:
    names = (pattern.rpartition("/")[2].lower() for pattern in subset.files)
    return max(difflib.SequenceMatcher(None, base[:200], name).ratio() for name in names)


def _upstream_name(subset: Subset) -> str:
    plain = [pattern for pattern in subset.files if not _WILD.search(pattern)]
    if plain:
        return plain[0]
    return f"a name like {subset.files[0]}"


def _either(names: Iterable[str]) -> str:
    *others, last = names
    if others:
        return f"{', '.join(others)} or {last}"
    return last
