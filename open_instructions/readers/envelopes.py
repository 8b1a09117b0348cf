"""Slabs of an envelope: a plain file with one object that holds its records in a list.

As in `slabs`, the header and the frames are those that `jsontext` finds. A file is read this way
only if that is certain: msgspec parses all of it, and the list is in it once."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from .frames import RepeatedKey, fast_decoder, without_repeats
from .slabs import LONGEST, Slab, certain_values, read_window

_BETWEEN = re.compile(rb"[ \t\r\n,]*")
_MOST_COMMAS = 1 << 19
"""More values than this would need more memory than the file."""


class Envelope(NamedTuple):
    """What all records of a file share, a place from which the first of them begins, and where each
    ends."""

    path: Path
    header: dict[str, Any]
    start: int
    ends: Sequence[int]

    def slabs(self, size: int, records: int) -> Iterator[Slab]:
        """Slabs of about `size` bytes or `records` records."""
        row, start = 0, self.start
        for number, stop in enumerate(self.ends, 1):
            if number - row >= records or stop - start >= size or number == len(self.ends):
                yield Slab(self.path, start, stop, row, number - row, lines=False)
                row, start = number, stop


def read_envelope(path: Path, items: str) -> Envelope | None:
    """The envelope whose records are the list under `items`; None if the file has to be read by
    `jsontext`."""
    data = read_window(path, 0, LONGEST + 1)
    if len(data) > LONGEST or data.count(b",") > _MOST_COMMAS:
        return None
    places = [match.end() for match in _key(items).finditer(data)]
    whole = bytes(_members(data).get(items, b"")) if len(places) == 1 else b""
    found = certain_values(whole[1:-1]) if whole and data.startswith(whole, places[0]) else []
    header = _header(data[: places[0]], data[places[0] + len(whole) :], items) if found else None
    if header is None:
        return None
    return Envelope(path, header, places[0] + 1, _ends(data, places[0] + 1, found))


def _ends(data: bytes, start: int, found: Sequence[Any]) -> Sequence[int]:
    """Where each value ends, including what separates it from the next. The first comes after
    `start`."""
    ends = array("q")
    at = _behind(data, start)
    for value in found:
        at = _behind(data, at + memoryview(value).nbytes)
        ends.append(at)
    return ends


def _behind(data: bytes, at: int) -> int:
    match = _BETWEEN.match(data, at)
    assert match
    return match.end()


def _header(before: bytes, behind: bytes, items: str) -> dict[str, Any] | None:
    """The object without its list; None if that is not the only list of that name."""
    try:
        text = (before + b"[]" + behind).decode()
        found: dict[str, Any] = json.loads(text, object_pairs_hook=without_repeats)
        named = [value for key, value in json.loads(text, object_pairs_hook=list) if key == items]
    except (ValueError, RecursionError, RepeatedKey):
        return None
    if named == [[]]:
        return {key: value for key, value in found.items() if key != items}
    return None


@cache
def _key(items: str) -> re.Pattern[bytes]:
    """A pattern that ends where a list after its key begins."""
    return re.compile(re.escape(json.dumps(items).encode()) + rb"[ \t\r\n]*:[ \t\r\n]*(?=\[)")


def _members(data: bytes) -> dict[str, Any]:
    """The values of an object by key, not parsed. Empty if msgspec does not accept it as an
    object."""
    fast = fast_decoder("raw object")
    if fast is None:
        return {}
    decode, error = fast
    try:
        found: dict[str, Any] = decode(data)
    except (error, UnicodeDecodeError, RecursionError):  # a key that is not UTF-8
        return {}
    return found
