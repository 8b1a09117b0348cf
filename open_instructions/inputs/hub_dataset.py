"""A dataset on the hub as files: an address, the files that it stands for, at a pinned commit.

    hf://datasets/owner/name                     the train split of the default config
    hf://datasets/owner/name@revision            at a branch, a tag or a commit
    hf://datasets/owner/name/data                what is in a folder, its train split
    hf://datasets/owner/name/data/*.jsonl        the files that a pattern names

Files of the repository are read, no code in it is run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

from ..catalogue.published import File, Hub
from ..errors import InputError, UsageError, shown, suggest
from ..readers import is_archive
from ..readers.containers import container_of
from . import hub
from .files import is_readable
from .hub_card import Card, Config, read_card
from .splits import TRAIN, fits, splits_of

_ADDRESS = re.compile(
    r"hf://(?:datasets/)?(?P<repo>[\w.-]+/[\w.-]+)"
    r"(?:@(?P<revision>refs/(?:convert/[\w-]+|pr/\d+)|[^/@]+))?(?:/(?P<path>.*))?"
)
_ABOUT_DATA = (
    "README.md",
    "config.json",
    "dataset_info.json",
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
)
_CONVERTED = "refs/convert/parquet"
_FORMS = {"json": "JSON", "parquet": "Parquet", "delimited": "CSV or TSV", "arrow": "Arrow"}
_MOST = 20


@dataclass(frozen=True)
class HubDataset:
    """The files of a dataset, and what the hub says of them.

    repo       `owner/name`
    revision   the commit that the files are pinned to
    files      of one split, in order of their paths; each has a place with that commit
    config     the card's config, "" if the address names files or the card names none
    split      the split, "" if the address names files
    license    the card's licence in SPDX, "" if it states none
    languages  BCP 47 labels, as the card has them
    splits     all splits that there are to choose from
    left_out   files of the split in another format, which repeat the others
    """

    repo: str
    revision: str
    files: tuple[File, ...]
    config: str = ""
    split: str = ""
    license: str = ""
    languages: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class Address(NamedTuple):
    """The parts of an address: the repository, a revision, a path or pattern in it."""

    repo: str
    revision: str
    path: str


def parse_address(address: str) -> Address:
    """The parts of an address. Raises UsageError for any other text.

    >>> parse_address("hf://datasets/a/b@v1/data/*.jsonl")
    Address(repo='a/b', revision='v1', path='data/*.jsonl')
    """
    found = _ADDRESS.fullmatch(address)
    if not found or ".." in found["repo"] or found["repo"].startswith("datasets/"):
        raise UsageError(
            f"{shown(address)} is not the address of a dataset.",
            hint="It is like hf://datasets/owner/name, or with @revision and /path behind it.",
        )
    path = (found["path"] or "").strip("/")
    return Address(found["repo"], unquote(found["revision"] or "main"), path)


def hub_files(
    address: str, config: str = "", split: str = "", usual: Sequence[str] = (TRAIN,)
) -> HubDataset:
    """The files that an address stands for: of the default config its train split, unless others
    are named. A test split is never taken by itself. Asks the hub, with the user's token.

    address  hf://datasets/owner/name[@revision][/path or pattern]
    config   one of the configs in the dataset's card
    split    one of its splits
    usual    the splits to choose from where none is named: the first that it has

    Raises UsageError for an address, config or split that is none, InputError where the dataset has
    no files that can be read or does not say which are meant, FetchError where the hub refuses.
    """
    asked = parse_address(address)
    listing = {file.path: file for file in hub.repository(asked.repo, asked.revision, fresh=True)}
    commit = next((file.commit for file in listing.values()), asked.revision)
    card = Card()
    if "README.md" in listing:
        card = read_card(hub.text_of(asked.repo, listing["README.md"]))
    name = f"{asked.repo}@{commit[:8]}" if asked.revision != "main" else asked.repo
    chosen = _choose(name, list(listing), card, asked.path, config, _Wanted(split, tuple(usual)))
    return HubDataset(
        asked.repo,
        commit,
        tuple(_file(asked.repo, listing[path]) for path in chosen.paths),
        chosen.config,
        chosen.split,
        card.license,
        card.languages,
        chosen.splits,
        chosen.left_out,
    )


def _file(repo: str, listed: hub.HubFile) -> File:
    place = Hub(repo, listed.path, listed.commit)
    if listed.path.startswith("/") or not listed.path.isprintable():
        raise InputError(f"{repo} has the file {shown(listed.path)}, which is not a file name.")
    if place.is_pattern:
        raise InputError(
            f"{repo} has the file {shown(listed.path)}, whose name is a pattern.",
            hint="Download it, and pass it as a file.",
        )
    return File(listed.path, (place,), listed.size, (listed.sha256,) if listed.sha256 else ())


class _Chosen(NamedTuple):
    paths: Sequence[str]
    config: str = ""
    split: str = ""
    splits: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class _Wanted(NamedTuple):
    """The split that is wanted, "" for the first of the usual ones that there is."""

    split: str
    usual: tuple[str, ...]


def _choose(
    name: str, paths: Sequence[str], card: Card, path: str, config: str, wanted: _Wanted
) -> _Chosen:
    if path and config:
        raise UsageError(f"{name}: a path and a config exclude each other.")
    data = [each for each in paths if _is_data(each)]
    if path:
        if path in _folders(data):
            return _of_split(name, _splits(Config("", folder=path), data), wanted)
        named = _named(name, paths, data, path)
        if not wanted.split:
            return _Chosen(sorted(named))
        return _of_split(name, splits_of(named), wanted)
    if not config and not card.configs and _script(name, paths):
        raise InputError(
            f"{name} is loaded by a script of its own, which is not run.",
            hint=f"@{_CONVERTED} behind the name reads the Parquet that the hub made of it; "
            "a path behind it reads files of the repository.",
        )
    if not data:
        raise InputError(
            f"{name} has no files that can be read.",
            hint="JSON, JSON Lines, Parquet, CSV, TSV and Arrow are read.",
        )
    picked = _config(name, card.configs, config)
    return _of_split(name, _splits(picked, data), wanted)._replace(
        config=picked.name if card.configs else ""
    )


def _is_data(path: str) -> bool:
    parts = path.split("/")
    if any(part.startswith((".", "__")) for part in parts) or parts[-1] in _ABOUT_DATA:
        return False
    return is_readable(path) and container_of(path) in _FORMS


def _folders(paths: Sequence[str]) -> set[str]:
    return {path[:at] for path in paths for at, mark in enumerate(path) if mark == "/"}


def _named(name: str, paths: Sequence[str], data: Sequence[str], path: str) -> list[str]:
    """The file that a path names, or those that fit a pattern."""
    if path in paths:
        if not is_readable(path) and not is_archive(PurePosixPath(path)):
            raise InputError(
                f"{name}: {shown(path)} is not a file that can be read.",
                hint="JSON, JSON Lines, Parquet, CSV, TSV and Arrow are read.",
            )
        return [path]
    found = [each for each in data if fits(each, path)]
    if not found:
        raise UsageError(
            f"{name} has no file {shown(path)}.",
            hint=suggest(path, sorted(data)[:_MOST], "It has") if data else "",
        )
    return found


def _script(name: str, paths: Sequence[str]) -> bool:
    return f"{name.partition('@')[0].rpartition('/')[2]}.py" in paths


def _config(name: str, configs: Sequence[Config], wanted: str) -> Config:
    by_name = {config.name: config for config in configs}
    if wanted:
        if wanted in by_name:
            return by_name[wanted]
        if not configs:
            raise UsageError(f"{name} has no configs.", hint="Leave the config out.")
        raise UsageError(
            f"{name} has no config {shown(wanted)}.",
            hint=suggest(wanted, list(by_name), "Its configs are"),
        )
    if not configs:
        return Config("")
    defaults = [config for config in configs if config.default] or [
        config for config in configs if config.name == "default"
    ]
    if len(configs) == 1 or len(defaults) == 1:
        return (defaults or configs)[0]
    raise InputError(
        f"{name} has several configs: {_some(list(by_name))}.",
        hint="Name one: config: in a recipe.",
    )


def _splits(config: Config, data: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The splits of a config, with their files."""
    start = f"{config.folder}/" if config.folder else ""
    inside = [path.removeprefix(start) for path in data if path.startswith(start)]
    if not config.splits:
        found = splits_of(inside)
        return {split: [start + path for path in paths] for split, paths in found.items()}
    return {
        split: [
            start + path
            for path in sorted(inside)
            if any(fits(path, p.removeprefix("./")) for p in patterns)
        ]
        for split, patterns in config.splits.items()
    }


def _of_split(name: str, splits: Mapping[str, Sequence[str]], wanted: _Wanted) -> _Chosen:
    """The files of a usual split, or of the one that is wanted, in one format."""
    there = (each for each in wanted.usual if each in splits)
    split = wanted.split or next(there, wanted.usual[0])
    if split not in splits:
        if wanted.split:
            raise UsageError(
                f"{name} has no split {shown(split)}.",
                hint=suggest(split, list(splits), "Its splits are"),
            )
        raise InputError(
            f"{name} has no split {shown(split)}, but {_some(list(splits))}.",
            hint="Name one: split: in a recipe.",
        )
    paths = splits[split]
    if not paths:
        raise InputError(f"{name} has no files for the split {shown(split)}.")
    forms = Counter(map(container_of, paths)).most_common()
    if len(forms) > 1 and forms[0][1] == forms[1][1]:
        both = " and ".join(_FORMS[form] for form, _ in forms[:2])
        raise InputError(
            f"{name} has the split {shown(split)} as {both}.",
            hint="Give the path of the files that you want, or a pattern.",
        )
    taken = [path for path in paths if container_of(path) == forms[0][0]]
    left = tuple(path for path in paths if container_of(path) != forms[0][0])
    return _Chosen(taken, "", split, tuple(splits), left)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
    return ", ".join(map(shown, names[:_MOST])) + more
