"""Find the records in a stream of JSON text without holding it: arrays, objects by key, envelopes, lines.

Each record comes out as a Frame: its number and its JSON text, to the letter. Bytes that are not UTF-8 travel as
surrogate escapes, so that a Frame can always give back what was in the file. A broken record becomes a Frame with a
reason; reading goes on at the next place where a record like the last good one begins.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..errors import InputError
from ..schema import Reason, Reject
from .streams import ByteStream

BLOCK = 1 << 20
MAX_DEPTH = 256
"""Deeper nesting than this is no record of any source, and an attack on parsers that recurse."""

_SPACE = re.compile(r"[ \t\r\n]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.S)
_SEPARATOR = re.compile(r"[}\]]\s*,\s*(?=[{\[])")
_decode = json.JSONDecoder().raw_decode


class Frame(NamedTuple):
    """One record as it stands in the file. `reason` is set where it cannot be read; `key` where it stood under one."""

    row: int
    text: str
    key: str = ""
    reason: Reason | None = None
    detail: str = ""


class Buffer:
    """A window of text on a stream of bytes that grows on demand and forgets what was consumed."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self.text, self.at, self.ended = "", 0, False
        self.grow()
        if self.text.startswith("\ufeff"):
            self.at = 1
        if self.text.startswith(("\udcff\udcfe", "\udcfe\udcff")):
            raise InputError("The file is UTF-16, and JSON files are UTF-8.", hint="Convert it, for example with iconv.")

    @property
    def fault(self) -> str:
        return self._stream.fault

    def grow(self) -> bool:
        """Read on: as much again as is held, at least one block. False at the end."""
        if self.ended:
            return False
        rest = self.text[self.at :]
        block = self._stream.read(max(BLOCK, len(rest)))
        self.ended = not block
        self.text, self.at = rest + self._decoder.decode(block, final=self.ended), 0
        return not self.ended

    def skip_space(self) -> str:
        """Move to the next character that is no white space and return it, "" at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            assert match
            self.at = match.end()
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.grow():
                return ""

    def peek(self) -> str:
        """The next character that is no white space, without moving; "" at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            assert match
            if match.end() < len(self.text):
                return self.text[match.end()]
            if not self.grow():
                return ""

    def value(self) -> tuple[str, Any]:
        """The JSON value that begins here: its text and the parsed object. Raises Broken and stays where it is."""
        while True:
            try:
                value, end = _decode(self.text, self.at)
            except json.JSONDecodeError as error:
                near_end = error.pos > len(self.text) - 16 or error.msg.startswith("Unterminated string")
                if near_end and self.grow():
                    continue
                at_end = self.ended and near_end
                raise Broken(error.pos - self.at, error.msg, at_end) from None
            except RecursionError:
                raise Broken(0, f"nested deeper than {MAX_DEPTH}", False, Reason.TOO_DEEP) from None
            except ValueError as error:  # an integer of more digits than Python parses
                raise Broken(0, str(error).partition(";")[0], False) from None
            if end == len(self.text) and self.grow():
                continue
            text, self.at = self.text[self.at : end], end
            return text, value

    def take(self, length: int) -> str:
        text, self.at = self.text[self.at : self.at + length], self.at + length
        return text

    def balanced(self) -> int | None:
        """Length of the bracketed value that begins here by counting brackets alone; None if it does not close."""
        depth, pos = 0, self.at
        while True:
            for match in _TOKEN.finditer(self.text, pos):
                pos, mark = match.end(), match.group()
                if mark in "[{":
                    depth += 1
                elif mark in "]}":
                    depth -= 1
                    if depth <= 0:
                        return match.end() - self.at
            offset = pos - self.at
            if not self.grow():
                return None
            pos = self.at + offset


class Broken(Exception):
    """The text here is no JSON value: where it breaks (characters from its start), why, and whether the file ends there."""

    def __init__(self, offset: int, detail: str, at_end: bool, reason: Reason = Reason.INVALID_JSON) -> None:
        super().__init__(detail)
        self.offset, self.detail, self.at_end, self.reason = offset, detail, at_end, reason


def _broken_record(buffer: Buffer, error: Broken, last: Any) -> tuple[str, Reason, str]:
    """Consume a broken record up to where the next one begins; its text, and what is wrong with it."""
    if error.at_end:
        detail = buffer.fault or f"the file ends inside a record: {error.detail}"
        return buffer.take(len(buffer.text) - buffer.at), Reason.TRUNCATED, detail
    if error.reason is Reason.TOO_DEEP or not error.offset:
        length = buffer.balanced()
        if length:
            return buffer.take(length), error.reason, error.detail
    keys = set(last) if isinstance(last, dict) else None
    search = buffer.at + error.offset
    while True:
        match = _SEPARATOR.search(buffer.text, search)
        if match is None:
            offset = max(search, len(buffer.text) - 4096) - buffer.at
            if buffer.grow():
                search = buffer.at + offset
                continue
            return buffer.take(len(buffer.text) - buffer.at), error.reason, error.detail
        search = match.start() + 1
        probe_at = match.end()
        try:
            found, _ = _decode(buffer.text, probe_at)
        except json.JSONDecodeError:
            if len(buffer.text) - probe_at < BLOCK and not buffer.ended:
                offset = match.start() - buffer.at
                buffer.grow()
                search = buffer.at + offset
            continue
        except (RecursionError, ValueError):
            continue
        if isinstance(found, dict) and (keys is None or set(found) == keys):
            return buffer.take(match.start() + 1 - buffer.at), error.reason, error.detail


def _elements(buffer: Buffer, start: int = 0) -> Iterator[tuple[Frame, Any]]:
    """The elements of the array whose `[` was just consumed, up to and including its `]`."""
    row, last = start, None
    while True:
        mark = buffer.skip_space()
        if mark == "]":
            buffer.at += 1
            return
        if mark == ",":
            buffer.at += 1
            continue
        if not mark:
            yield Frame(row, "", reason=Reason.TRUNCATED, detail=buffer.fault or "the file ends before its array is closed"), None
            return
        try:
            text, value = buffer.value()
        except Broken as error:
            text, reason, detail = _broken_record(buffer, error, last)
            yield Frame(row, text, reason=reason, detail=detail), None
            if reason is Reason.TRUNCATED:
                return
        else:
            yield Frame(row, text), value
            last = value if isinstance(value, dict) else last
        row += 1


def _trailing(buffer: Buffer, row: int) -> Iterator[tuple[Frame, Any]]:
    """What stands behind the end of the document: nothing, or one rejected frame."""
    if buffer.skip_space():
        while buffer.grow():
            pass
        text = buffer.take(len(buffer.text) - buffer.at)
        yield Frame(row, text, reason=Reason.INVALID_JSON, detail="text behind the end of the document"), None
    elif buffer.fault:
        yield Frame(row, "", reason=Reason.TRUNCATED, detail=buffer.fault), None


def array(buffer: Buffer) -> Iterator[tuple[Frame, Any]]:
    """The elements of a JSON array, with the parsed values."""
    row = 0
    buffer.at += 1
    for frame, value in _elements(buffer):
        row = frame.row + 1
        yield frame, value
    yield from _trailing(buffer, row)


def _members(buffer: Buffer) -> Iterator[str | Frame]:
    """The keys of the object that begins here; the caller consumes each value before it asks for the next key."""
    buffer.at += 1
    while True:
        mark = buffer.skip_space()
        if mark == "}":
            buffer.at += 1
            return
        if mark == ",":
            buffer.at += 1
            continue
        try:
            _, key = buffer.value()
            colon = buffer.skip_space()
            if not isinstance(key, str) or colon != ":":
                raise Broken(0, "a key and a colon expected", not colon)
            buffer.at += 1
            buffer.skip_space()
        except Broken as error:
            rest = buffer.take(len(buffer.text) - buffer.at)
            while buffer.grow():
                rest += buffer.take(len(buffer.text))
            reason = Reason.TRUNCATED if error.at_end or not mark else error.reason
            yield Frame(0, rest, reason=reason, detail=buffer.fault or error.detail)
            return
        yield key


def by_key(buffer: Buffer) -> Iterator[tuple[Frame, Any]]:
    """The values of one JSON object, each with its key."""
    row, last = 0, None
    for key in _members(buffer):
        if isinstance(key, Frame):
            yield key._replace(row=row), None
            return
        try:
            text, value = buffer.value()
        except Broken as error:
            if error.at_end or not error.offset:
                text, reason, detail = _broken_record(buffer, error, last)
            else:
                text, reason, detail = _broken_member(buffer, error)
            yield Frame(row, text, key, reason, detail), None
        else:
            yield Frame(row, text, key), value
            last = value
        row += 1
    yield from _trailing(buffer, row)


_NEXT_MEMBER = re.compile(r'\}\s*,\s*(?="(?:[^"\\]|\\.)*"\s*:\s*\{)')


def _broken_member(buffer: Buffer, error: Broken) -> tuple[str, Reason, str]:
    """As `_broken_record`, for an object by key: go on where `}, "key": {` begins."""
    offset = error.offset
    while True:
        match = _NEXT_MEMBER.search(buffer.text, buffer.at + offset)
        if match:
            return buffer.take(match.start() + 1 - buffer.at), error.reason, error.detail
        offset = max(offset, len(buffer.text) - buffer.at - 4096)
        if not buffer.grow():
            return buffer.take(len(buffer.text) - buffer.at), error.reason, error.detail


def header(buffer: Buffer, items: str) -> tuple[dict[str, Any], Frame | None]:
    """Everything in an envelope except its `items`, which may stand before it or behind; and what broke, if anything."""
    found: dict[str, Any] = {}
    for key in _members(buffer):
        if isinstance(key, Frame):
            return found, key
        if key == items and buffer.skip_space() == "[":
            buffer.at += 1
            for frame, _ in _elements(buffer):
                if frame.reason is Reason.TRUNCATED:
                    return found, frame
            continue
        try:
            _, found[key] = buffer.value()
        except Broken as error:
            return found, Frame(0, "", reason=error.reason, detail=f"{key}: {error.detail}")
    return found, None


def envelope(buffer: Buffer, items: str) -> Iterator[tuple[Frame, Any]]:
    """The elements of the list under `items` in one JSON object; a frame with a reason where the object breaks."""
    row, seen = 0, False
    for key in _members(buffer):
        if isinstance(key, Frame):
            yield key._replace(row=row), None
            return
        if key == items and buffer.skip_space() == "[":
            seen = True
            buffer.at += 1
            for frame, value in _elements(buffer, row):
                row = frame.row + 1
                yield frame, value
                if frame.reason is Reason.TRUNCATED:
                    return
            continue
        try:
            buffer.value()
        except Broken as error:
            rest = buffer.take(len(buffer.text) - buffer.at)
            while buffer.grow():
                rest += buffer.take(len(buffer.text))
            reason = Reason.TRUNCATED if error.at_end else error.reason
            yield Frame(row, rest, reason=reason, detail=f"{key}: {error.detail}"), None
            return
    if not seen:
        yield Frame(row, "", reason=Reason.UNEXPECTED_SHAPE, detail=f"the object has no list {items!r}"), None
        row += 1
    yield from _trailing(buffer, row)


def lines(buffer: Buffer) -> Iterator[Frame]:
    """JSON Lines. A record's number is that of its line, from 0; blank lines count and hold no record."""
    row = 0
    while True:
        end = buffer.text.find("\n", buffer.at)
        if end < 0:
            if buffer.grow():
                continue
            text = buffer.text[buffer.at :].rstrip("\r")
            if text.strip():
                fault = buffer.fault
                yield Frame(row, text, reason=Reason.TRUNCATED if fault else None, detail=fault)
            elif buffer.fault:
                yield Frame(row, "", reason=Reason.TRUNCATED, detail=buffer.fault)
            return
        text, buffer.at = buffer.text[buffer.at : end], end + 1
        if text.strip():
            yield Frame(row, text[:-1] if text.endswith("\r") else text)
        row += 1


def parse(frame: Frame) -> dict[str, Any] | Reject:
    """The record in a frame, or the reason why there is none."""
    if frame.reason:
        return Reject(frame.reason, frame.detail)
    text = frame.text
    if not text.isascii():
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


_KINDS = {list: "a list", str: "a string", int: "a number", float: "a number", bool: "true or false"}


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _TOKEN.finditer(text):
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
