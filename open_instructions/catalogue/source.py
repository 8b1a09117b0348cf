"""The description of a source: its subsets, its files, the rules for its damage, its converter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from ..errors import UsageError, shown, suggest
from ..preference import PreferenceDraft
from ..schema import Draft, Record, Reject
from .evidence import Probe
from .published import File
from .terms import Terms

Converter = Callable[..., Iterable[Draft | PreferenceDraft | Reject]]
"""One raw record (or, for a subset with `run_key`, a list of neighbouring ones) -> drafts and
rejects. Pure. The converter of a subset with a `probe` also takes `index_base`: where the record's
file starts to count; None if no number in it can be an option."""

Format = Literal["array", "lines", "object", "envelope", "parquet"]


@dataclass(frozen=True)
class Rule:
    """A named repair of known damage in a source.

    `on="record"`: raw record -> the same object (unchanged), another record (an edit), or a Reject.
    `on="messages"`: messages after HTML became Markdown -> the same object, other messages, or some
    Rejects among them. An unchanged copy only marks the record: the rule's name is in the row's
    `edits`, the text is upstream's.
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
    """One published part of a source, and how its files are recognised.

    `files` are upstream's names as glob patterns, matched against the end of a path, ignoring case.
    `fields` are keys that its converter needs (a member is `key.member`); `other_fields` are those
    of other shapes that it can read. `any_name` accepts a file by its fields alone: those in one of
    the sets in `telling`, or without any, `fields` or `other_fields`. `common_names` means that
    other sets use its file names too: a file must match `telling`, or the user must name the
    subset. `other_forms` are patterns for files that repeat the same records in another form; they
    are ignored. `format` says how to read a file that begins with `{`; one that begins with `[` is
    always an array. `downloads` are the files that can be fetched, together the whole subset. With
    `own_licenses`, records state their own licence, and `license` applies to those that do not.
    `by_hand` says how to get files that cannot be fetched, or what replaces them. A `probe` says
    that answers are numbers, from 0 or 1 as each file shows. Neighbouring records with the same
    `run_key` are read together; with `one_run`, a key that comes again is an error.
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
    one_run: bool = False
    convert: Converter | None = None
    note: str = ""

    def has(self, fields: Set[str]) -> bool:
        """Whether these are the fields of its records, possibly among others."""
        return any(shape <= fields for shape in (self.fields, *self.other_fields))

    def tells(self, fields: Set[str]) -> bool:
        """Whether these are fields of its records and of hardly anything else."""
        shapes = self.telling or (self.fields, *self.other_fields)
        return any(shape <= fields for shape in shapes)

    def named(self, path: str) -> bool:
        """Whether this relative path (with forward slashes) matches upstream's naming."""
        return _fits(path, self.files) and not self.passes_over(path)

    def passes_over(self, path: str) -> bool:
        """Whether this file holds the same records in another form."""
        return _fits(path, self.other_forms)


def _fits(path: str, patterns: tuple[str, ...]) -> bool:
    path = "/" + path.lower()
    return any(fnmatchcase(path, "*/" + pattern.lower()) for pattern in patterns)


@dataclass(frozen=True)
class Example:
    """A raw record and its literal result, for the documentation and the test that runs every
    example.

    `result` holds a tuple of (role, content) pairs per conversation, a dict of such tuples
    (prompt, chosen, rejected) per preference row, or the reason of a reject as a
    string. `record` is a list if the subset declares runs; `index_base` is its file's index base.
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
