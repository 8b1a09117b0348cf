"""Which files of a dataset are its splits, where nobody says it: by the names that `datasets`, the
library, goes by.

    data/train-00000-of-00002.parquet    a shard of the split, whatever its name
    train/a.jsonl, my-train-set/a.jsonl  a folder
    train.jsonl, a_train_0.csv           a file
    anything else                        train

The first of these rules that fits any file holds for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

from ..errors import InputError, shown

TRAIN = "train"
_SHARD = re.compile(r"data/(?P<split>[^/]+)-\d{5}-of-\d{5}[^/]*\.[^/]*")
_LONGEST = 1000
"""Characters of a pattern; a longer one is none, and fnmatch takes the square of its length."""
_KEYWORDS = {
    TRAIN: "train|training",
    "validation": "validation|valid|dev|val",
    "test": "test|testing|eval|evaluation",
}
_NAMED = {
    split: re.compile(rf"(?:\A|(?<=[-._ 0-9]))(?:{words})(?=[-._ 0-9]|\Z)")
    for split, words in _KEYWORDS.items()
}


def splits_of(paths: Sequence[str]) -> dict[str, list[str]]:
    """The files of each split, in order of their paths.

    Raises InputError for a file that is of two splits by its name.

    >>> splits_of(["train.jsonl", "test.jsonl"])
    {'train': ['train.jsonl'], 'test': ['test.jsonl']}
    """
    ordered = sorted(paths)
    shards: dict[str, list[str]] = {}
    for path in ordered:
        if shard := _SHARD.fullmatch(path):
            shards.setdefault(shard["split"], []).append(path)
    if shards:
        return shards
    for part in (_folders, _file):
        if found := _by_keyword(ordered, part):
            return found
    return {TRAIN: ordered} if ordered else {}


def _folders(path: str) -> list[str]:
    return path.split("/")[:-1]


def _file(path: str) -> list[str]:
    return path.split("/")[-1:]


def _by_keyword(paths: Iterable[str], parts: Callable[[str], list[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in paths:
        splits = [
            split
            for split, named in _NAMED.items()
            if any(named.search(part) for part in parts(path))
        ]
        if len(splits) > 1:
            raise InputError(
                f"{shown(path)} may be of the split {splits[0]} or {splits[1]}.",
                hint="Give the path of the files that you want, or a pattern.",
            )
        for split in splits:
            found.setdefault(split, []).append(path)
    return {split: found[split] for split in _KEYWORDS if split in found}


def fits(path: str, pattern: str) -> bool:
    """Does a path fit a pattern? `*` stays within a folder; `**` is any number of folders.

    >>> fits("a/b/c.json", "a/**/*.json"), fits("a/b/c.json", "a/*.json")
    (True, False)
    """
    if len(pattern) > _LONGEST:
        return False
    parts = path.split("/")
    reached = {0}
    wanted = pattern.split("/")
    for number, part in enumerate(wanted):
        if part != "**":
            reached = {at + 1 for at in reached if at < len(parts) and fnmatchcase(parts[at], part)}
        elif reached:
            last = number == len(wanted) - 1
            reached = set(range(min(reached) + last, len(parts) + 1))
    return len(parts) in reached
