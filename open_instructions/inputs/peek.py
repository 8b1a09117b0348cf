"""What a file looks like from inside: the fields of its first records, in each of the ways in which
subsets read it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from ..catalogue import Subset
from ..errors import InputError
from ..paths import shown
from ..readers import UTF_8, encoding_of, open_text
from ..readers.heads import is_one_object, parquet_fields, read_head
from .download import stand_in, text_head
from .files import Candidate

_SNIFF = 1 << 12
_STEPS = (1 << 20, 16 << 20)
"""How many bytes of a file are read; the larger number only if the smaller has no complete
record."""
_MOST_FIELDS = 12
_LONGEST_FIELD = 40

Fields = frozenset[str]


class Peek:
    """A file that is read only as far as needed. `fault` is why it cannot be read, or None."""

    def __init__(self, file: Candidate, encoding: str = "") -> None:
        self.file = file
        self._encoding = encoding
        self.fault: InputError | None = None
        self.own: tuple[str, ...] = ()
        """The fields of the first record that was found, in its order."""
        self._seen: dict[tuple[str, ...], tuple[Fields, ...]] = {}
        self._start: bytes | None = None

    def records(self, subset: Subset, *, far: bool = False) -> tuple[Fields, ...]:
        """The fields of the first records as a subset reads them; none where no record is found.

        Those of members are there too, as `key.member`. With `far` it reads on until a record ends,
        however long it is.
        """
        way = self._way(subset, far)
        if way not in self._seen:
            try:
                self._seen[way] = self._read(subset, far)
            except InputError as error:
                self.fault = self.fault or error
                self._seen[way] = ()
        return self._seen[way]

    @property
    def start(self) -> bytes:
        """The first bytes, without a mark of their encoding and white space."""
        if self._start is None:
            try:
                path, member = self.file.path, self.file.member
                encoding = UTF_8
                if not self._is_parquet:
                    encoding = encoding_of(path, member, self._encoding)
                with open_text(path, member, encoding) as stream:
                    self._start = text_head(stream.read(_SNIFF))
            except InputError as error:
                self.fault = self.fault or error
                self._start = b""
        return self._start

    def refuse_other_things(self) -> None:
        """Raise InputError for what cannot be read, and for what downloads leave behind in place of
        a data file."""
        head, name = self.start, shown(self.file.label)
        if self.fault:
            raise self.fault
        if other := stand_in(head):
            lfs = "Fetch it with git lfs pull, or download it again."
            hint = lfs if "LFS" in other else "Download it again."
            raise InputError(f"{name} is {other}, not the data.", hint=hint)
        if head and head[:1] not in b"[{":
            wrong = f"{name} is not JSON: it begins with {head[:20]!r}."
            raise InputError(wrong, hint="Download it again.")

    def _way(self, subset: Subset, far: bool) -> tuple[str, ...]:
        """What files are read alike by: a list is one, whatever else the format expects."""
        if self._is_parquet:
            return ("parquet",)
        how: tuple[str, ...] = (subset.format,)
        if subset.format == "parquet" or (subset.format != "lines" and self.start[:1] == b"["):
            how = ("array",)
        elif subset.format in ("object", "envelope"):
            how = (subset.format, subset.name, subset.items)
        elif self._is_one_object:  # whether it is a record or has records in it, the fields tell
            how = (subset.format, *sorted(subset.fields.union(*subset.other_fields)))
        if far:
            return (*how, "far")
        return how

    @cached_property
    def _is_one_object(self) -> bool:
        return self.start[:1] == b"{" and is_one_object(
            self.file.path, self.file.member, self._encoding
        )

    @property
    def _is_parquet(self) -> bool:
        return self.file.name.lower().endswith(".parquet")

    def _read(self, subset: Subset, far: bool) -> tuple[Fields, ...]:
        path, member = self.file.path, self.file.member
        if self._is_parquet:
            columns = parquet_fields(path, member)
            self.own = self.own or tuple(column for column in columns if "." not in column)
            return (columns,)
        found: Sequence[Mapping[str, Any]] = ()
        steps = (*_STEPS, sys.maxsize) if far else _STEPS
        for most in steps:
            found, cut = read_head(path, member, subset, most, self._encoding)
            fields = tuple(_fields(record) for record in found)
            # of an envelope, what stands behind the records may be wanted
            whole = fields and not (far and subset.format == "envelope")
            if whole or not cut or any(map(subset.has, fields)):
                break
        if found and not self.own:
            self.own = tuple(found[0])
        return fields


def _fields(record: Mapping[str, Any]) -> Fields:
    """The record's own fields, and those of the objects in it, one level down."""
    inner = {f"{key}.{member}" for key, value in record.items() for member in _members(value)}
    return frozenset(record) | inner


def _members(value: Any) -> Iterable[str]:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        return value
    return ()


def listed(fields: Iterable[str]) -> str:
    """Names of fields for a message, which come from a file and can be anything."""
    names = [shown(name[:_LONGEST_FIELD]) for name in fields]
    more = f" and {len(names) - _MOST_FIELDS:,} more" if len(names) > _MOST_FIELDS else ""
    return ", ".join(names[:_MOST_FIELDS]) + more
