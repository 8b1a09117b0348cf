"""How sources are found: built in, from an installed package, or from a .py file.

Only what cannot change is kept between calls: the built-in sources, and those of files with the
same bytes. A `SourceRef` names a source so that any worker can resolve it.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from inspect import isfunction
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import ConverterError, InputError, OpenInstructionsError, UsageError, shown, suggest
from .own import OwnSource, is_own, own_source
from .source import Converter, Source

ENTRY_POINT_GROUP = "open_instructions.sources"
_RUN = "open_instructions_source_"
"""What the name of a module begins with that a .py file was run as."""
_MARK = "__open_instructions_sources__"
"""The attribute of a converter that holds the sources that `@source` described."""


def _home(source: Source) -> str:
    """Where a source was described: its module, or the .py file that was run as one."""
    if source.module.startswith(_RUN):
        return str(sys.modules[source.module].__file__)
    return source.module


class Registry:
    """Sources by name. Names are unique: a second source of the same name is refused."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources: dict[str, Source] = {}
        for added in sources:
            if known := self._sources.get(added.name):
                raise ConverterError(
                    f"Two sources are called {added.name!r}: {_home(known)} and {_home(added)}.",
                    hint="Give one of them another name.",
                )
            self._sources[added.name] = added

    def get(self, name: str) -> Source:
        if name not in self._sources:
            known = suggest(name, list(self._sources), "Known sources are")
            raise UsageError(f"There is no source {shown(name)}.", hint=known)
        return self._sources[name]

    def all(self) -> list[Source]:
        return list(self._sources.values())

    def __contains__(self, name: str) -> bool:
        return name in self._sources


@dataclass(frozen=True)
class SourceRef:
    """A source by name, as any worker or node can resolve it.

    path    the .py file that it comes from; "" if it is built in or installed
    digest  the sha256 of that file
    own     how a user's own files are read; None for a source that is written in Python
    """

    name: str
    path: str = ""
    digest: str = ""
    own: OwnSource | None = None

    def resolve(self) -> Source:
        """The source. If the file's bytes changed, raises InputError before running any of it."""
        if self.own:
            return self.own.source()
        known = Registry(load_file(self.path, self.digest)) if self.path else registry()
        return known.get(self.name)


def source(description: Source) -> Callable[[Converter], Converter]:
    """Describe a source on its converter. This makes the module of the converter a source."""
    problem = _contradiction(description)
    if problem:
        raise ConverterError(f"Source {description.name!r}: {problem}.")

    caller = sys._getframe(1).f_globals.get("__name__", "")

    def describe(convert: Converter) -> Converter:
        # of a partial, or an instance of a class from elsewhere, it would be that of its class
        module = convert.__module__ if isfunction(convert) else caller
        described = replace(description, convert=convert, module=module)
        setattr(convert, _MARK, (*getattr(convert, _MARK, ()), described))
        return convert

    return describe


def _contradiction(s: Source) -> str:
    names = [subset.name for subset in s.subsets]
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", s.name):
        return "a name has lower-case letters, digits, - and _"
    if not names or len(set(names)) != len(names):
        return "two subsets have the same name"
    if not s.default or not set(s.default) <= set(names):
        return "`default` names a subset that does not exist"
    if any(":" in name or "," in name for name in names):
        return "a subset's name must not have ':' or ','"
    return ""


@cache
def registry() -> Registry:
    """The built-in sources and those of installed packages, in the order of their modules."""
    return Registry((*_built_in(), *_installed()))


def _built_in() -> Iterator[Source]:
    converters = importlib.import_module("open_instructions.converters")
    for name in sorted(m.name for m in pkgutil.iter_modules(converters.__path__)):
        module = importlib.import_module(f"open_instructions.converters.{name}")
        yield from _described_in(vars(module), module.__name__)


def _installed() -> Iterator[Source]:
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda e: e.name):
        found = _described_by(entry)
        if not found:
            raise ConverterError(
                f"The entry point {entry.name!r} of {ENTRY_POINT_GROUP} has no source.",
                hint="It must name the module with the @source converter, or the converter.",
            )
        yield from found


def _described_by(entry: EntryPoint) -> tuple[Source, ...]:
    loaded = entry.load()
    if isinstance(loaded, ModuleType):
        return _described_in(vars(loaded), loaded.__name__)
    return _marks(loaded)


def _described_in(values: dict[str, Any], module: str) -> tuple[Source, ...]:
    """The sources whose converters are defined in a module; imported ones do not count."""
    marked = [described for value in values.values() for described in _marks(value)]
    own = [described for described in marked if described.module == module]
    return tuple({id(described): described for described in own}.values())  # of two names, one


def _marks(value: Any) -> tuple[Source, ...]:
    found = getattr(value, _MARK, ())
    return found if isinstance(found, tuple) else ()  # of a mock, anything is an attribute


def load_file(path: str, expected: str = "") -> list[Source]:
    """The sources of a .py file. A file with the same bytes runs only once.

    Raises InputError before running anything if the sha256 is not the `expected` one, UsageError
    for the name of a built-in source: a build knows its sources by name.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise UsageError(
            f"There is no file {path}.", hint="Name a source file by its path, like ./mine.py."
        )
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if expected and digest != expected:
        raise InputError(
            f"{path} changed while the build ran.",
            hint="Nothing was published. Run the command again when the file no longer changes.",
        )
    found = _run_file(file, content, digest)
    if not found:
        raise UsageError(
            f"{path} registers no source.",
            hint="Put @source(Source(...)) on a converter at the top level of the file.",
        )
    Registry((*registry().all(), *found))  # refuses a name twice
    return [replace(s, digest=digest) for s in found]


@lru_cache(maxsize=64)
def _run_file(file: Path, content: bytes, digest: str) -> tuple[Source, ...]:
    """Run exactly these bytes: an import could use a stale __pycache__."""
    where = hashlib.sha256(os.fsencode(file)).hexdigest()[:12]
    name = f"{_RUN}{where}_{digest[:12]}"
    loaded = ModuleType(name)
    loaded.__file__ = str(file)
    sys.modules[name] = loaded
    try:
        exec(compile(content, str(file), "exec", dont_inherit=True), loaded.__dict__)
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise ConverterError(f"{file}{line}: {error.msg}.") from error
    except OpenInstructionsError:
        raise
    except (Exception, SystemExit) as error:
        raise ConverterError(
            f"{file} cannot be imported: {type(error).__name__}: {error}.",
            hint="oi --debug shows where.",
        ) from error
    return _described_in(loaded.__dict__, name)


@dataclass(frozen=True)
class Selection:
    """A requested source, its subsets, and what it came from if it is not built in: a .py file, or
    files of the user's.

    `explicit` means that the subsets were named; otherwise they are the source's default.
    """

    source: Source
    subsets: tuple[str, ...]
    explicit: bool
    path: str = ""
    own: OwnSource | None = None

    @property
    def ref(self) -> SourceRef:
        return SourceRef(self.source.name, self.path, self.source.digest, self.own)

    def as_said(self) -> list[str]:
        """The form that `select` takes; the user's own source by name."""
        if self.explicit:
            return [f"{self.source.name}:{name}" for name in self.subsets]
        return [self.source.name]


def select(wanted: str | Iterable[str], *, own: bool = True) -> list[Selection]:
    """Read a list of sources: `all`, `alpaca,gpt4llm:zh,gpt4all:p3`, `./mine.py`, `./a.jsonl`.
    Order does not matter.

    >>> [(s.source.name, s.subsets) for s in select("dolly,gpt4llm:zh")]
    [('dolly', ('main',)), ('gpt4llm', ('zh',))]
    """
    if not isinstance(wanted, str) and not (
        isinstance(wanted, Iterable) and all(isinstance(item, str) for item in wanted)
    ):
        raise UsageError(f"sources takes a string or a list of strings, not {shown(wanted)}.")
    items = list_of(wanted) if isinstance(wanted, str) else list(wanted)
    items = [item.strip() for item in items if item.strip()]
    if not items:
        raise UsageError(
            "No source was named.", hint="Try --sources=all, or oi sources for the list."
        )
    return in_order(chosen for item in items for chosen in _chosen(item, own))


def list_of(wanted: str) -> list[str]:
    """The items of a list. A file whose name has a comma is one.

    >>> list_of("dolly,gpt4llm:zh")
    ['dolly', 'gpt4llm:zh']
    """
    return [wanted] if os.path.exists(wanted) else wanted.split(",")


def select_described(wanted: str | Iterable[str]) -> list[Selection]:
    """Like `select`, for sources that somebody described: the catalogue's, and .py files. Raises
    UsageError for files of a user's own."""
    selections = select(wanted)
    for selection in selections:
        if selection.own and not selection.own.hub:
            named = _named(selection)
            raise UsageError(
                f"{shown(named)} is files of your own, not a source of the catalogue.",
                hint="oi inspect shows what is in it, and oi build builds it.",
            )
    return selections


def select_entries(entries: Iterable[str | OwnSource]) -> list[Selection]:
    """Like `select`, for the sources of a recipe, which runs no code."""
    return in_order(
        chosen
        for entry in entries
        for chosen in (
            _chosen(entry, own=False) if isinstance(entry, str) else [own_selection(entry)]
        )
    )


def in_order(chosen: Iterable[Selection]) -> list[Selection]:
    """The selections by name; what was named twice is put together."""
    found: dict[str, Selection] = {}
    for selection in chosen:
        name = selection.source.name
        found[name] = _both(found[name], selection) if name in found else selection
    return [found[name] for name in sorted(found)]


def _chosen(item: str, own: bool) -> list[Selection]:
    """The selections for one item of a list of sources."""
    if own and (file := _own_file(item)):
        path, subset = file
        return [_selection(s, subset, path) for s in load_file(path)]
    if item == "all":
        return [_selection(s, "") for s in registry().all()]
    if own and is_own(item):
        return [own_selection(own_source(item))]
    name, _, subset = item.partition(":")
    if name not in registry():
        _check_meant(item)
    return [_selection(registry().get(name), subset)]


def _check_meant(item: str) -> None:
    """Raises UsageError if files have the name of a source that does not exist."""
    if os.path.exists(item):
        raise UsageError(
            f"There is no source {shown(item)}, but a file or a folder of that name.",
            hint=f"./{item} names it. --data-dir takes a folder with upstream's files.",
        )
    if own := sorted(name for name in os.listdir() if Path(name).stem == item and is_own(name)):
        raise UsageError(f"There is no source {shown(item)}.", hint=f"Did you mean {own[0]!r}?")


def own_selection(own: OwnSource) -> Selection:
    """A user's own source as a selection. Raises UsageError for the name of a known source: a
    build knows its sources by name."""
    if own.name in registry():
        raise UsageError(
            f"{own.name} is also the name of a source that is built in.",
            hint="Rename the file, or give it a `name` under `sources` in a recipe.",
        )
    described = own.source()
    return Selection(described, described.default, False, own=own)


def _selection(chosen: Source, subset: str, path: str = "") -> Selection:
    subsets = (chosen.subset(subset).name,) if subset else chosen.default
    return Selection(chosen, subsets, bool(subset), path)


def _both(before: Selection, more: Selection) -> Selection:
    """A source that was named twice: named subsets add up, and override the default."""
    same_file = os.path.realpath(before.path) == os.path.realpath(more.path)
    same_code = before.source.digest == more.source.digest
    if not (same_file and same_code and before.own == more.own):
        raise UsageError(
            f"Two sources are called {before.source.name!r}: {_named(before)} and {_named(more)}.",
            hint="Give one of them another name: the file, or `name` under `sources` in a recipe.",
        )
    if not more.explicit:
        return before
    if not before.explicit:
        return more
    named = {*before.subsets, *more.subsets}
    return replace(more, subsets=tuple(x.name for x in more.source.subsets if x.name in named))


def _named(selection: Selection) -> str:
    """Where a selection comes from, for an error about its name."""
    if selection.own:
        return ", ".join(selection.own.files) or selection.own.hub
    return selection.path or "the built-in one"


def _own_file(item: str) -> tuple[str, str] | None:
    """The .py file and the subset in an item; None if it names no file.

    >>> _own_file("./mine.py:part"), _own_file("alpaca")
    (('./mine.py', 'part'), None)
    """
    path, ending, subset = item.rpartition(".py")
    if not ending or (subset and (subset[0] != ":" or "/" in subset or "\\" in subset)):
        return None
    return path + ending, subset[1:]
