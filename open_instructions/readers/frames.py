"""A record as it is in its file, and its parsed value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, NamedTuple, cast

from ..schema import Reason, Reject

MAX_DEPTH = 256
"""No source has a record that is nested deeper; deeper nesting is an attack on recursive
parsers."""

MARKS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|(?P<open>\\?\Z))|[\[\]{}]', re.S)
"""Strings and brackets: enough of JSON to count how deep it goes. An `open` string goes on to the
end of the text."""


class Frame(NamedTuple):
    """One record as it is in the file. `reason` is set if it cannot be read, and `key` if it is
    stored under one."""

    row: int
    text: str
    key: str = ""
    reason: Reason | None = None
    detail: str = ""


def parse(frame: Frame) -> dict[str, Any] | Reject:
    """The record in a frame, or a reject that says why there is none."""
    if frame.reason:
        return Reject(frame.reason, frame.detail)
    value = _quickly(frame.text)
    if value is None:
        return _carefully(frame.text)
    return value


def _quickly(text: str) -> dict[str, Any] | None:
    """The record in a text, parsed by msgspec: for text that it accepts, it returns what Python's
    parser returns, in half the time. None for text that it refuses (NaN, half a surrogate pair,
    1e400, bytes that are not UTF-8) and for a value that is not a record."""
    fast = fast_decoder("value")
    if fast is None:
        return None
    decode, error = fast
    try:
        value = decode(text)
        if type(value) is not dict or _may_repeat_a_key(text, _keys(value, MAX_DEPTH)):
            return None
    except (error, UnicodeEncodeError, RecursionError):
        return None
    return cast(dict[str, Any], value)


_SPACED_COLON = re.compile(r'"[ \t\r\n]+:')


def _may_repeat_a_key(text: str, keys: int) -> bool:
    """Can a text have more keys than the `keys` of its value? Keys are counted by the quote and
    colon at their end. Keys that cannot be counted this way are left to the careful reader: those
    with a space before the colon, and those that end with a backslash."""
    colons = text.count('":')
    if colons != keys:  # text in quotes can look like a key: there the quote is escaped
        colons -= text.count('\\":')
        if colons != keys or '\\\\":' in text:
            return True
    return _SPACED_COLON.search(text) is not None


def _keys(value: Any, levels: int) -> int:
    """The number of keys of all objects in a value. Raises RecursionError if it is nested deeper
    than `levels`."""
    if not levels:
        raise RecursionError
    count, items = (len(value), value.values()) if type(value) is dict else (0, value)
    for item in items:
        if type(item) is dict or type(item) is list:
            count += _keys(item, levels - 1)
    return count


class RepeatedKey(Exception):
    """An object has two different values under one key."""


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object with these members, for json.loads. Raises RepeatedKey."""
    found = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if found[key] != value or type(found[key]) is not type(value):
                raise RepeatedKey(key)
    return found


def _carefully(text: str) -> dict[str, Any] | Reject:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        byte = ord(text[error.start]) - 0xDC00
        return Reject(Reason.INVALID_UTF8, f"byte 0x{byte:02x} at character {error.start}")
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        return Reject(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH}")
    try:
        value = json.loads(text, object_pairs_hook=without_repeats)
    except RepeatedKey as error:
        return Reject(Reason.REPEATED_KEY, f"two values under the key {str(error)[:80]!r}")
    except json.JSONDecodeError as error:
        return Reject(
            Reason.INVALID_JSON, f"{error.msg.removesuffix(' at')} at character {error.pos}"
        )
    except ValueError as error:  # an integer of more digits than Python parses
        return Reject(Reason.INVALID_JSON, str(error).partition(";")[0])
    if not isinstance(value, dict):
        return Reject(
            Reason.NOT_AN_OBJECT,
            f"a record is an object, this is {_KINDS.get(type(value), 'null')}",
        )
    return value


@cache
def fast_decoder(
    shape: Literal["value", "raw list", "raw object"],
) -> tuple[Callable[[Any], Any], type[Exception]] | None:
    """msgspec's decoder and the error that it raises; None if it is not installed. It decodes a
    whole value, or a list or object whose parts stay raw bytes."""
    try:
        import msgspec
    except ImportError:
        return None
    of = {"value": Any, "raw list": list[msgspec.Raw], "raw object": dict[str, msgspec.Raw]}[shape]
    return msgspec.json.Decoder(of).decode, msgspec.DecodeError


_KINDS = {
    list: "a list",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
}


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in MARKS.finditer(text):
        mark = match.group()
        if mark == '"':
            break
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
    return deepest


def printable(text: str) -> str:
    """Text for the `raw` column: bytes that are not UTF-8 are shown as \\xNN."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
