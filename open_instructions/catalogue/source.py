"""What the catalogue says of a source: its subsets, its files, the rules for its damage, its
converter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from ..errors import UsageError, shown, suggest
from ..schema import Draft, Record, Reject
from .evidence import Probe
from .published import File
from .terms import Terms

Converter = Callable[..., Iterable[Draft | Reject]]
"""One raw record (or, for a subset with `run_key`, a list of neighbouring ones) -> drafts and
rejects. Pure. That of a subset with a `probe` also takes `index_base`: where the record's file
begins to count; None where no number in it stands for an option."""

Format = Literal["array", "lines", "object", "envelope", "parquet"]


@dataclass(frozen=True)
class Rule:
    """One named repair of damage that a source is known for.

    `on="record"`: raw record -> the same object (nothing to do), another record (an edit), or a
    Reject. `on="messages"`: messages after HTML became Markdown -> the same object, other messages,
    or with Rejects among them. A copy of a record with nothing changed marks it: the rule's name is
    in the row's `edits`, the text is upstream's.
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

    `files` are upstream's names as glob patterns, matched against the end of a path without regard
    to case; `fields` are keys that its converter cannot do without; `other_fields` are those of
    other shapes that it reads as well. With `any_name` fields alone are enough: one of the sets
    `telling`, or `fields` and `other_fields` where there is none. With `common_names` its files
    have names that other sets have too: a file has to be told by its fields, or the subset to be
    asked for; a member is `key.member`. `other_forms` are patterns for files that hold the same
    records once more in another form, and are passed over. `format` says what a file that begins
    with `{` is; one that begins with `[` is an array whatever its name. `downloads` are the files
    that can be fetched, all of them together the subset; with `own_licenses` records state their
    own, and `license` is for those that do not; `by_hand` says what a person has to do for files
    that cannot be, or what replaces them. A `probe` says that answers are coded by number, from 0
    or from 1 as each file shows.
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
    """A raw record and the literal result, for the documentation and the test that runs every
    example.

    `result` holds a tuple of (role, content) pairs per conversation, or the reason of a reject as a
    string. `record` is a list where the subset declares runs, `index_base` where its file begins to
    count.
    """

    record: Any
    result: tuple[Any, ...]
    subset: str = ""
    index_base: int | None = None


@dataclass(frozen=True)
class Source:
    """A public instruction set: what it is, who made it, its subsets, its converter, its known
    damage.

    `licenses` are the names of licences that are its own (LicenseRef-…), and what they allow. They
    count for built-in and installed sources; in general such a name means that the rights are
    unclear.
    """

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
    licenses: tuple[tuple[str, Terms], ...] = ()
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
