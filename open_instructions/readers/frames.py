"""A record as it stands in its file, and what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, NamedTuple

from ..schema import Reason, Reject

MAX_DEPTH = 256
"""Deeper nesting than this is no record of any source, and an attack on parsers that recurse."""

MARKS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.S)
"""Strings and brackets: enough of JSON to count how deep it goes. A string that does not end goes on to the end of the text."""


class Frame(NamedTuple):
    """One record as it stands in the file. `reason` is set where it cannot be read; `key` where it stood under one."""

    row: int
    text: str
    key: str = ""
    reason: Reason | None = None
    detail: str = ""


def parse(frame: Frame) -> dict[str, Any] | Reject:
    """The record in a frame, or the reason why there is none."""
    if frame.reason:
        return Reject(frame.reason, frame.detail)
    value = _quickly(frame.text)
    return _carefully(frame.text) if value is None else value


def _quickly(text: str) -> dict[str, Any] | None:
    """The record in a text, by msgspec: where it accepts a text, it makes of it what Python's parser makes, in half the time. None
    for what it refuses (NaN, half a surrogate pair, 1e400, bytes that are no UTF-8), and for what is no record."""
    fast = fast_decoder("value")
    if fast is None:
        return None
    decode, error = fast
    try:
        value = decode(text)
    except (error, UnicodeEncodeError, RecursionError):
        return None
    return value if type(value) is dict and not _deeper(value, MAX_DEPTH) else None


def _deeper(value: Any, levels: int) -> bool:
    """Is an object or a list nested deeper than so many levels?"""
    if not levels:
        return True
    for item in value.values() if type(value) is dict else value:
        if (type(item) is dict or type(item) is list) and _deeper(item, levels - 1):
            return True
    return False


def _carefully(text: str) -> dict[str, Any] | Reject:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        byte = ord(text[error.start]) - 0xDC00
        return Reject(Reason.INVALID_UTF8, f"byte 0x{byte:02x} at character {error.start}")
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        return Reject(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH}")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        return Reject(Reason.INVALID_JSON, f"{error.msg} at character {error.pos}")
    except ValueError as error:  # an integer of more digits than Python parses
        return Reject(Reason.INVALID_JSON, str(error).partition(";")[0])
    if not isinstance(value, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"a record is an object, this is {_KINDS.get(type(value), 'null')}")
    return value


@cache
def fast_decoder(shape: Literal["value", "raw list", "raw object"]) -> tuple[Callable[[Any], Any], type[Exception]] | None:
    """msgspec's decoder and the error that it raises: of a whole value, or of one whose parts stay as they stand (`bytes` of each);
    None where it is not installed."""
    try:
        import msgspec
    except ImportError:
        return None
    of = {"value": Any, "raw list": list[msgspec.Raw], "raw object": dict[str, msgspec.Raw]}[shape]
    return msgspec.json.Decoder(of).decode, msgspec.DecodeError


_KINDS = {list: "a list", str: "a string", int: "a number", float: "a number", bool: "true or false"}


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in MARKS.finditer(text):
        mark = match.group()
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
    return deepest


def printable(text: str) -> str:
    """Text for the `raw` column: what was not UTF-8 shows as \\xNN."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
