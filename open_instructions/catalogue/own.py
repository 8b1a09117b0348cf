"""A source made of a user's own files: where they are, how their records are read, and what the
user says about them.

    --sources ./tickets.jsonl          a file
    --sources ./exports/               a folder, at any depth
    --sources './day-*.csv'            files by a pattern
    --sources hf://datasets/a/b        a dataset on the hub

An entry under `sources` in a recipe says more:

    - name: tickets
      files: ./tickets/*.jsonl
      layout: messages
      license: LicenseRef-Internal
      engine: human
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints
from urllib.parse import quote

from ..errors import RecipeError, UsageError, shown, suggest
from ..layouts.layout import LayoutOptions
from .source import Source, Subset
from .terms import UNSTATED

UNSTATED_ENGINE = "unstated"
HUB = "hf://"
_SUFFIXES = (
    ".json", ".jsonl", ".ndjson", ".parquet", ".csv", ".tsv", ".arrow", ".feather", ".xlsx", ".zip",
    ".tar", ".tgz", ".gz", ".zst", ".bz2", ".xz",
)  # fmt: skip
"""Names that end so are files, also without a folder before them."""
_WILD = re.compile(r"[*?\[\]]+")
_MAIN = "main"
_NAMED = "Give it a `name` under `sources` in a recipe."
_FACTS = ("hub", "config", "split", "license", "engine", "language", "task", "parent")
_SWITCHES = ("several", "trees")
ROLES = ("user", "assistant", "system", "tool")
"""What upstream's roles can be mapped to."""


@dataclass(frozen=True)
class OwnSource:
    """A user's own source.

    files     paths, folders and patterns, as they were written
    folder    where relative ones begin: the folder of the recipe, or "" for the current one
    hub       the address of a dataset on the hub, in place of files
    options   how its records are read
    license   an SPDX expression, for records that state none; "" if nobody says
    engine    who wrote the answers, for records that do not say it; "" if nobody says
    language  BCP 47 labels that are likely, separated by commas
    task      what kind of task the records are, for records that do not say it
    several   whether there can be several files, so that ids have the name of each
    parent    the fingerprint of the build that the files are, if they are one: its rows are kept
    trees     whether records of one tree are neighbours in a file, so that they are read together
    """

    name: str
    files: tuple[str, ...] = ()
    folder: str = ""
    hub: str = ""
    config: str = ""
    split: str = ""
    options: LayoutOptions = field(default_factory=LayoutOptions)
    license: str = ""
    engine: str = ""
    language: str = ""
    task: str = ""
    several: bool = False
    trees: bool = False
    parent: str = ""

    def source(self) -> Source:
        """The source, as any other is described."""
        from .by_layout import converter, known_fields, tree_of

        subset = Subset(
            _MAIN,
            files=(),
            fields=frozenset(),
            other_fields=(known_fields(),),
            languages=tuple(filter(None, self.language.split(","))),
            engine=self.engine or UNSTATED_ENGINE,
            license=self.license or UNSTATED,
            id="{stem}/{row:06d}" if self.several else "{row:06d}",
            path_parts=99,
            run_key=tree_of if self.trees else None,
            one_run=self.trees,
            own_licenses=True,
        )
        return Source(
            name=self.name,
            title=self.name,
            description="Files of your own.",
            homepage=self.hub,
            cost="",
            attribution="",
            subsets=(subset,),
            default=(_MAIN,),
            convert=converter(self.options, task=self.task or None, trees=self.trees),
        )

    def places(self) -> list[Path]:
        """The paths that `files` name."""
        start = Path(self.folder)
        return [start / os.path.expanduser(written) for written in self.files]

    def described(self) -> dict[str, Any]:
        """What decides how the files are read, without any path of this machine: for a manifest
        and a lock. `from_described` reads it."""
        options = asdict(self.options)
        said = {name: options.pop(name) for name in ("fields", "roles")}
        kept = {key: dict(pairs) for key, pairs in said.items() if pairs}
        facts = {key: getattr(self, key) for key in (*_FACTS, *_SWITCHES)}
        defaults = asdict(LayoutOptions())
        chosen = {key: value for key, value in options.items() if value != defaults[key]}
        return {**chosen, **kept, **{key: value for key, value in facts.items() if value}}


def is_own(item: str) -> bool:
    """Whether an item of `--sources` names files rather than a known source.

    >>> is_own("./tickets"), is_own("tickets.jsonl"), is_own("alpaca"), is_own("gpt4llm:zh")
    (True, True, False, False)
    """
    if item.startswith((HUB, "~", ".", os.sep)) or "/" in item or os.sep in item:
        return True
    return item.lower().endswith(_SUFFIXES) or bool(_WILD.search(item))


def own_source(item: str) -> OwnSource:
    """The source for an item of `--sources` that names files.

    >>> own_source("./My tickets.jsonl").name, own_source("./day-*.csv").name
    ('My%20tickets', 'day')
    """
    if item.startswith(HUB):
        return OwnSource(_name_of_hub(item), hub=item, several=True)
    return OwnSource(_name_of(item), files=(item,), several=_names_several(item))


def spread(folder: str, written: str) -> bool:
    """Whether a path, which may begin at a folder, names several files."""
    return _names_several(str(Path(folder, written)))


def _names_several(path: str) -> bool:
    return bool(_WILD.search(path)) or Path(path).is_dir()


def _name_of(path: str) -> str:
    """The stem of a file or the name of a folder, without wildcards, quoted as ids are."""
    parts = [p for p in path.replace(os.sep, "/").split("/") if p not in ("", ".", "..", "~")]
    for part in reversed(parts):
        stem = part if Path(path).is_dir() else _stem(part)
        plain = _WILD.sub("", stem).strip("-_. ")
        if plain:
            return quote(plain.encode("utf-8", "surrogateescape"), safe="-_.+@=")
    whole = os.path.abspath(path)
    if whole != path:
        return _name_of(whole) if path else path
    raise UsageError(f"{shown(path)} has no name that a source could have.", hint=_NAMED)


def _stem(name: str) -> str:
    while name.lower().endswith(_SUFFIXES) and name.rpartition(".")[0]:
        name = name.rpartition(".")[0]
    return name


def _name_of_hub(address: str) -> str:
    rest = address.removeprefix(HUB).removeprefix("datasets/")
    parts = rest.split("/")
    if len(parts) < 2 or not all(parts[:2]):
        raise UsageError(
            f"{shown(address)} is not the address of a dataset.",
            hint="It is like hf://datasets/owner/name, or with @revision and /path behind it.",
        )
    return quote(parts[1].partition("@")[0], safe="-_.+@=")


_KEYS = (
    "name", "files", "hub", "config", "split", "revision", "layout", "fields", "roles", "html",
    "license", "engine", "language", "task", "paths", "pairs", "unpaired",
)  # fmt: skip


def from_recipe(value: Any, where: str, folder: str) -> tuple[str | OwnSource, ...]:
    """The sources of a recipe: names, paths and entries. `folder` is where relative paths begin.

    Raises RecipeError for anything else, and for a .py file: a recipe is data and runs no code.
    """
    if not isinstance(value, list) or not value:
        raise RecipeError(f"{where}: sources takes a list, not {shown(value)}.")
    return tuple(_from_recipe(item, where, folder) for item in value)


def _from_recipe(item: Any, where: str, folder: str) -> str | OwnSource:
    if isinstance(item, Mapping):
        return from_entry(item, where, folder)
    if not isinstance(item, str) or not item:
        raise RecipeError(f"{where}: sources has {shown(item)}, which is not a name or an entry.")
    if item.partition(":")[0].endswith(".py"):
        raise RecipeError(
            f"{where}: {shown(item)} is code, which a recipe does not run.",
            hint=f"--sources={item} does.",
        )
    if is_own(item):
        own = own_source(item)
        several = own.several or spread(folder, item)
        return replace(own, folder=folder, several=several)
    return item


def from_entry(entry: Mapping[str, Any], where: str, folder: str = "") -> OwnSource:
    """The source of an entry under `sources` in a recipe. `where` names the recipe, `folder` is
    where its relative paths begin.

    Raises RecipeError for an unknown key or a wrong value.
    """
    for key in entry:
        if key not in _KEYS:
            hint = suggest(str(key), _KEYS, "Keys of a source are")
            raise RecipeError(f"{where}: sources: unknown key {shown(key)}.", hint=hint)
    if ("files" in entry) == ("hub" in entry):
        raise RecipeError(f"{where}: a source has either files or hub.")
    files = entry.get("files", [])
    listed = [files] if isinstance(files, str) else files
    texts = isinstance(listed, list) and all(isinstance(f, str) and f for f in listed)
    if not texts or ("files" in entry and not listed):
        raise RecipeError(f"{where}: files takes a path or a list of paths, not {shown(files)}.")
    text = {
        key: _text(entry, key, where)
        for key in ("name", "hub", "config", "split", "revision", "license", "engine", "task")
    }
    hub = _hub_address(text["hub"], text["revision"])
    name = text["name"] or (_name_of_hub(hub) if hub else _name_of(listed[0] if listed else ""))
    return OwnSource(
        name=checked_name(name, where),
        files=tuple(listed),
        folder=folder,
        hub=hub,
        config=text["config"],
        split=text["split"],
        options=_options(entry, where),
        license=text["license"],
        engine=text["engine"],
        language=_languages(entry, where),
        task=text["task"],
        several=bool(hub) or len(listed) > 1 or _names_several(str(Path(folder, *listed))),
    )


def from_described(name: str, said: Mapping[str, Any], where: str) -> OwnSource:
    """The source that `described` described; its files are found by their digests. `where` names
    the lock. Raises RecipeError for what `described` does not give."""
    switches = {key: said.get(key, False) for key in _SWITCHES}
    if "files" in said or not all(isinstance(value, bool) for value in switches.values()):
        raise RecipeError(f"{where}: {shown(name)} is not the description of a source.")
    parent = _text(said, "parent", where)
    entry = {key: value for key, value in said.items() if key not in (*_SWITCHES, "parent")}
    whose = {} if "hub" in said else {"files": "-"}
    read = from_entry({**whose, **entry, "name": name}, where)
    return replace(read, files=(), parent=parent, **switches)


def checked_name(name: str, where: str) -> str:
    """A source's name, if ids can begin with it. Raises RecipeError otherwise."""
    if not re.fullmatch(r"[\w%.+@=-]{1,200}", name, re.ASCII) or not name.strip("."):
        raise RecipeError(
            f"{where}: {shown(name)} is not the name of a source.",
            hint="A name has letters, digits and any of - _ . + @ =",
        )
    return name


def _hub_address(hub: str, revision: str) -> str:
    if not hub:
        return ""
    address = hub if hub.startswith(HUB) else f"{HUB}datasets/{hub}"
    return f"{address}@{revision}" if revision else address


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry.get(key, "")
    if not isinstance(value, str):
        raise RecipeError(f"{where}: {key} takes a text, not {shown(value)}.")
    return value


def _languages(entry: Mapping[str, Any], where: str) -> str:
    value = entry.get("language", "")
    labels = value if isinstance(value, list) else [value]
    if not all(isinstance(label, str) for label in labels):
        raise RecipeError(f"{where}: language takes a label or a list, not {shown(value)}.")
    return ",".join(labels)


def _options(entry: Mapping[str, Any], where: str) -> LayoutOptions:
    words = get_type_hints(LayoutOptions)
    said: dict[str, Any] = {}
    for key in ("paths", "pairs", "unpaired"):
        if key in entry:
            known = get_args(words[key])
            if entry[key] not in known:
                hint = suggest(str(entry[key]), known, "Values are")
                raise RecipeError(f"{where}: {key} is not {shown(entry[key])}.", hint=hint)
            said[key] = entry[key]
    if not isinstance(entry.get("html", False), bool):
        raise RecipeError(f"{where}: html takes true or false, not {shown(entry['html'])}.")
    for key in ("fields", "roles"):
        said[key] = _pairs(entry.get(key, {}), f"{where}: {key}")
    layout = _text(entry, "layout", where) or LayoutOptions.layout
    return LayoutOptions(layout=layout, html=entry.get("html", False), **said)


def _pairs(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping) or not all(
        isinstance(item, str) for pair in value.items() for item in pair
    ):
        raise RecipeError(f"{where} takes a mapping of names to names, not {shown(value)}.")
    return tuple(value.items())
