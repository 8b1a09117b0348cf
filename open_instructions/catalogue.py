"""What the catalogue says of a set, and how a set is found: built in, from an installed package, or from a .py file.

A source is one file that registers one `Source` with the `@source` decorator on its converter:

    @source(Source(name="mine", title="My set", subsets=(Subset("main", files=("mine.json",), ...),), ...))
    def convert(record): yield Draft(...)
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import os
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from .errors import ConverterError, InputError, OpenInstructionsError, UsageError, shown
from .evidence import Probe
from .schema import Draft, Record, Reject
from .upstream import File

Converter = Callable[..., Iterable[Draft | Reject]]
"""One raw record (or, for a subset with `run_key`, a list of neighbouring ones) -> drafts and rejects.
Pure. That of a subset with a `probe` also takes `index_base`: where the record's file begins to count;
None where no number in it stands for an option."""

Format = Literal["array", "lines", "object", "envelope", "parquet"]

ENTRY_POINT_GROUP = "open_instructions.sources"
_OWN = "open_instructions_source_"
"""How the modules of .py files are called that users name."""


@dataclass(frozen=True)
class Rule:
    """One named repair of damage that a source is known for.

    `on="record"`: raw record -> the same object (nothing to do), another record (an edit), or a Reject.
    `on="messages"`: messages after HTML became Markdown -> the same object, other messages, or with Rejects among them.
    A copy of a record with nothing changed marks it: the rule's name is in the row's `edits`, the text is upstream's.
    """

    name: str
    description: str
    apply: Callable[[Any], Any]
    on: Literal["record", "messages"] = "record"
    subsets: tuple[str, ...] = ()

    def concerns(self, subset: str) -> bool:
        return not self.subsets or subset in self.subsets


@dataclass(frozen=True)
class Subset:
    """One published part of a source, and how its files are told from others.

    `files` are upstream's names as glob patterns, matched against the end of a path without regard to case; `fields`
    are keys that its converter cannot do without; `other_fields` are those of other shapes that it
    reads as well. With `any_name` fields alone are enough: one of the sets `telling`, or `fields` and
    `other_fields` where there is none. With `common_names` its files have names that other sets have
    too: a file has to be told by its fields, or the subset to be asked for; a member is `key.member`. `other_forms` are patterns for files that hold the
    same records once more in another form, and are passed over. `format` says what a file that
    begins with `{` is; one that begins with `[` is an array whatever its name. `downloads` are the files that can be fetched,
    all of them together the subset; with `own_licenses` records state their own, and `license` is for those that do not; `by_hand` says what a person has to do for files that cannot be, or what replaces them.
    A `probe` says that answers are coded by number, from 0 or from 1 as each file shows.
    """

    name: str
    files: tuple[str, ...]
    fields: frozenset[str]
    languages: tuple[str, ...]
    engine: str
    license: str
    downloads: tuple[File, ...] = ()
    by_hand: str = ""
    other_fields: tuple[frozenset[str], ...] = ()
    probe: Probe | None = None
    records: int | None = None
    format: Format = "lines"
    items: str = ""
    key_field: str = ""
    id: str = "{row:06d}"
    any_name: bool = False
    telling: tuple[frozenset[str], ...] = ()
    common_names: bool = False
    other_forms: tuple[str, ...] = ()
    own_licenses: bool = False
    path_parts: int = 1
    run_key: Callable[[Record], str | None] | None = None
    convert: Converter | None = None
    note: str = ""

    def has(self, fields: Set[str]) -> bool:
        """Are these, with whatever else, the fields of its records?"""
        return any(shape <= fields for shape in (self.fields, *self.other_fields))

    def tells(self, fields: Set[str]) -> bool:
        """Are these fields of its records, and hardly those of anything else?"""
        shapes = self.telling or (self.fields, *self.other_fields)
        return any(shape <= fields for shape in shapes)

    def named(self, path: str) -> bool:
        """Does upstream's naming fit this relative path (with forward slashes)?"""
        return _fits(path, self.files) and not self.passes_over(path)

    def passes_over(self, path: str) -> bool:
        """Is this another form of the same records?"""
        return _fits(path, self.other_forms)


def _fits(path: str, patterns: tuple[str, ...]) -> bool:
    path = "/" + path.lower()
    return any(fnmatchcase(path, "*/" + pattern.lower()) for pattern in patterns)


@dataclass(frozen=True)
class Example:
    """A raw record and the literal result, for the documentation and the test that runs every example.

    `result` holds a tuple of (role, content) pairs per conversation, or the reason of a reject as a string. `record`
    is a list where the subset declares runs, `index_base` where its file begins to count.
    """

    record: Any
    result: tuple[Any, ...]
    subset: str = ""
    index_base: int | None = None


@dataclass(frozen=True)
class Source:
    """A public instruction set: what it is, who made it, its subsets, its converter, its known damage."""

    name: str
    title: str
    description: str
    homepage: str
    cost: str
    attribution: str
    subsets: tuple[Subset, ...]
    default: tuple[str, ...]
    first_of: bool = False
    rules: tuple[Rule, ...] = ()
    examples: tuple[Example, ...] = ()
    template: str = ""
    convert: Converter = field(default=lambda record: ())
    module: str = ""
    digest: str = ""

    def subset(self, name: str) -> Subset:
        for subset in self.subsets:
            if subset.name == name:
                return subset
        raise UsageError(
            f"Source {self.name} has no subset {shown(name)}.",
            hint=suggest(name, [s.name for s in self.subsets], "Its subsets are"),
        )

    def converter(self, subset: Subset) -> Converter:
        return subset.convert or self.convert


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
            raise UsageError(f"There is no source {shown(name)}.", hint=suggest(name, list(self._sources), "Known sources are"))
        return self._sources[name]

    def forget(self, prefix: str) -> None:
        """Drop the sources of modules whose name begins so."""
        self._sources = {name: s for name, s in self._sources.items() if not s.module.startswith(prefix)}

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
        raise UsageError(f"There is no file {path}.", hint="A source file is named by its path, like ./mine.py.")
    known = registry()
    content = file.read_bytes()
    prefix = _OWN + hashlib.sha256(str(file).encode()).hexdigest()[:12]
    digest = hashlib.sha256(content).hexdigest()
    if expected and digest != expected:
        raise InputError(f"{path} changed while the build ran.", hint="Nothing was published. Start again when it stays as it is.")
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
            raise ConverterError(f"{path} cannot be imported: {type(error).__name__}: {error}.", hint="oi --debug shows where.") from error
        _loaded.add(module)
    found = [s for s in known.all() if s.module == module]
    if not found:
        raise UsageError(f"{path} registers no source.", hint="Put @source(Source(...)) on its converter.")
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
        return [f"{self.source.name}:{name}" for name in self.subsets] if self.explicit else [self.source.name]


def registered(wanted: Iterable[str]) -> list[Selection]:
    """Like `select`, for names that a file says and not the user: no name leads to a .py file, which would be run."""
    return select(wanted, own=False)


def select(wanted: str | Iterable[str], *, own: bool = True) -> list[Selection]:
    """Read a list of sources: `all`, `alpaca,gpt4llm:zh,gpt4all:p3`, `./mine.py`. The order given does not matter.

    >>> [(s.source.name, s.subsets) for s in select("dolly,gpt4llm:zh")]
    [('dolly', ('main',)), ('gpt4llm', ('zh',))]
    """
    if not isinstance(wanted, str) and not (isinstance(wanted, Iterable) and all(isinstance(item, str) for item in wanted)):
        raise UsageError(f"Sources are a string or a list of strings, not {shown(wanted)}.")
    items = wanted.split(",") if isinstance(wanted, str) else list(wanted)
    items = [item.strip() for item in items if item.strip()]
    if not items:
        raise UsageError("No source was named.", hint="Try --sources=all, or oi sources for the list.")
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
                raise UsageError(f"{item} is a folder, not a source.", hint="--data-dir takes the folder with the upstream files.")
            picked = [registry().get(name)]
            if not own and is_own(picked[0]):
                raise UsageError(f"{name!r} is a source of your own.", hint="It is named by its .py file.")
        for s in picked:
            subsets = (s.subset(subset).name,) if subset else s.default
            before = found.get(s.name)
            if before and (subset or before.explicit):
                if subset and before.explicit:
                    subsets = tuple(x.name for x in s.subsets if x.name in {*before.subsets, *subsets})
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


def suggest(name: str, known: Sequence[str], label: str) -> str:
    """The nearest known name, or all of them."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else f"{label}: {', '.join(known)}."
