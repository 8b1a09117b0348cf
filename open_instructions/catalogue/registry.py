"""How a source is found: built in, from an installed package, or from a .py file."""

from __future__ import annotations

import hashlib
import importlib
import os
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from ..errors import ConverterError, InputError, OpenInstructionsError, UsageError, shown, suggest
from .source import Converter, Source

ENTRY_POINT_GROUP = "open_instructions.sources"

_OWN = "open_instructions_source_"
"""How the modules of .py files are called that users name."""


class Registry:
    """Sources by name. One name, one source: a second registration is refused."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def add(self, source: Source) -> None:
        known = self._sources.get(source.name)
        if known:
            raise ConverterError(
                f"Two sources are called {source.name!r}: {known.module} and {source.module}.",
                hint="Give one of them another name; import built-in converters as open_instructions.converters.",
            )
        self._sources[source.name] = source

    def get(self, name: str) -> Source:
        if name not in self._sources:
            raise UsageError(
                f"There is no source {shown(name)}.",
                hint=suggest(name, list(self._sources), "Known sources are"),
            )
        return self._sources[name]

    def forget(self, prefix: str) -> None:
        """Drop the sources of modules whose name begins so."""
        self._sources = {
            name: s for name, s in self._sources.items() if not s.module.startswith(prefix)
        }

    def all(self) -> list[Source]:
        return list(self._sources.values())

    def __contains__(self, name: str) -> bool:
        return name in self._sources


_registry = Registry()

_loaded: set[str] = set()

_built_in_done = False


def source(description: Source) -> Callable[[Converter], Converter]:
    """Register a source; the decorated function is its converter."""
    problem = _contradiction(description)
    if problem:
        raise ConverterError(f"Source {description.name!r}: {problem}.")

    def register(convert: Converter) -> Converter:
        _registry.add(replace(description, convert=convert, module=convert.__module__))
        return convert

    return register


def _contradiction(s: Source) -> str:
    names = [subset.name for subset in s.subsets]
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", s.name):
        return "a name is lower-case letters, digits, - and _"
    if not names or len(set(names)) != len(names):
        return "subsets need names that differ"
    if not s.default or not set(s.default) <= set(names):
        return "`default` must name subsets that are there"
    if any(":" in name or "," in name for name in names):
        return "a subset's name holds no ':' and no ','"
    return ""


def registry() -> Registry:
    """All sources: the built-in ones and those of installed packages, in alphabetical order of their modules."""
    global _built_in_done
    if not _built_in_done:
        _built_in_done = True
        converters = importlib.import_module("open_instructions.converters")
        for module in sorted(m.name for m in pkgutil.iter_modules(converters.__path__)):
            importlib.import_module(f"open_instructions.converters.{module}")
        for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda e: e.name):
            entry.load()
    return _registry


def load_file(path: str, expected: str = "") -> list[Source]:
    """Load the sources of a .py file; the same file again is the same sources.

    Raises InputError before any of it runs if its sha256 is not the `expected` one.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise UsageError(
            f"There is no file {path}.", hint="A source file is named by its path, like ./mine.py."
        )
    known = registry()
    content = file.read_bytes()
    prefix = _OWN + hashlib.sha256(str(file).encode()).hexdigest()[:12]
    digest = hashlib.sha256(content).hexdigest()
    if expected and digest != expected:
        raise InputError(
            f"{path} changed while the build ran.",
            hint="Nothing was published. Start again when it stays as it is.",
        )
    module = f"{prefix}_{digest[:12]}"
    if module not in _loaded:
        known.forget(prefix)  # what an earlier version of the file registered
        loaded = ModuleType(module)
        loaded.__file__ = str(file)
        sys.modules[module] = loaded
        try:
            # these very bytes: an import would take what a __pycache__ beside the file says they are
            exec(compile(content, str(file), "exec", dont_inherit=True), loaded.__dict__)
        except SyntaxError as error:
            where = f", line {error.lineno}" if error.lineno else ""
            raise ConverterError(f"{path}{where}: {error.msg}.") from error
        except OpenInstructionsError:
            raise
        except (Exception, SystemExit) as error:
            raise ConverterError(
                f"{path} cannot be imported: {type(error).__name__}: {error}.",
                hint="oi --debug shows where.",
            ) from error
        _loaded.add(module)
    found = [s for s in known.all() if s.module == module]
    if not found:
        raise UsageError(
            f"{path} registers no source.", hint="Put @source(Source(...)) on its converter."
        )
    return [replace(s, digest=digest) for s in found]


@dataclass(frozen=True)
class Selection:
    """A source that was asked for, the subsets to take, and the .py file that it came from ("" if built in).

    `explicit` says that the subsets were named; otherwise they are the source's default.
    """

    source: Source
    subsets: tuple[str, ...]
    explicit: bool
    path: str = ""

    def as_said(self) -> list[str]:
        """As `select` takes it; a source of a user's own by its name."""
        return (
            [f"{self.source.name}:{name}" for name in self.subsets]
            if self.explicit
            else [self.source.name]
        )


def registered(wanted: Iterable[str]) -> list[Selection]:
    """Like `select`, for names that a file says and not the user: no name leads to a .py file, which would be run."""
    return select(wanted, own=False)


def select(wanted: str | Iterable[str], *, own: bool = True) -> list[Selection]:
    """Read a list of sources: `all`, `alpaca,gpt4llm:zh,gpt4all:p3`, `./mine.py`. The order given does not matter.

    >>> [(s.source.name, s.subsets) for s in select("dolly,gpt4llm:zh")]
    [('dolly', ('main',)), ('gpt4llm', ('zh',))]
    """
    if not isinstance(wanted, str) and not (
        isinstance(wanted, Iterable) and all(isinstance(item, str) for item in wanted)
    ):
        raise UsageError(f"Sources are a string or a list of strings, not {shown(wanted)}.")
    items = wanted.split(",") if isinstance(wanted, str) else list(wanted)
    items = [item.strip() for item in items if item.strip()]
    if not items:
        raise UsageError(
            "No source was named.", hint="Try --sources=all, or oi sources for the list."
        )
    found: dict[str, Selection] = {}
    for item in items:
        name, path = item, ""
        subset = ""
        if own and (file := _own_file(item)):
            path, subset = file
            picked = load_file(path)
        elif item == "all":
            picked = [s for s in registry().all() if not is_own(s)]
        else:
            name, _, subset = item.partition(":")
            if name not in registry() and os.path.isdir(item):
                raise UsageError(
                    f"{item} is a folder, not a source.",
                    hint="--data-dir takes the folder with the upstream files.",
                )
            picked = [registry().get(name)]
            if not own and is_own(picked[0]):
                raise UsageError(
                    f"{name!r} is a source of your own.", hint="It is named by its .py file."
                )
        for s in picked:
            subsets = (s.subset(subset).name,) if subset else s.default
            before = found.get(s.name)
            if before and (subset or before.explicit):
                if subset and before.explicit:
                    subsets = tuple(
                        x.name for x in s.subsets if x.name in {*before.subsets, *subsets}
                    )
                elif not subset:
                    subsets = before.subsets
                found[s.name] = Selection(s, subsets, True, path)
            else:
                found[s.name] = Selection(s, subsets, bool(subset), path)
    return [found[name] for name in sorted(found)]


def is_own(source: Source) -> bool:
    """Is it of a .py file that the user named?"""
    return source.module.startswith(_OWN)


def _own_file(item: str) -> tuple[str, str] | None:
    """The .py file that an item names, and the subset; None if it names none.

    >>> _own_file("./mine.py:part"), _own_file("alpaca")
    (('./mine.py', 'part'), None)
    """
    path, ending, subset = item.rpartition(".py")
    if not ending or (subset and (subset[0] != ":" or "/" in subset or "\\" in subset)):
        return None
    return path + ending, subset[1:]
