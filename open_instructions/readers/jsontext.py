"""Find the records in a stream of JSON text without holding it: arrays, objects by key, envelopes, lines.

Each record comes out as a Frame: its number and its JSON text, to the letter. Bytes that are not UTF-8 travel as
surrogate escapes, so that a Frame can always give back what was in the file. A broken record becomes a Frame with a
reason; reading goes on at the next place where a record like the last good one begins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import Any

from ..schema import Reason
from .buffer import Broken, Buffer, cut_off
from .frames import Frame, RepeatedKey, without_repeats

BLANKS = " \t\r"
_SCALAR_END = re.compile(r"[,\]\n]")
_SEPARATOR = re.compile(r"[}\]]\s*,\s*(?=[{\[])")
_decode = json.JSONDecoder().raw_decode
_PROBING = 16
"""Looking for the next record may read so many characters for each that it passes: values in values would be read again and again."""
_PROBES = 1 << 20
"""And so many more, which is all that records of a sane size need."""
_DEEP = 1 << 16
"""What it counts as to read a value that is nested too deep."""


def _broken_record(buffer: Buffer, error: Broken, last: Any) -> tuple[str, Reason, str]:
    """Consume a broken record up to where the next one begins; its text, and what is wrong with it."""
    if error.at_end:
        detail = buffer.fault or f"the file ends inside a record: {error.detail}"
        return buffer.take(len(buffer.text) - buffer.at), Reason.TRUNCATED, detail
    length: int | None = None
    if buffer.text[buffer.at] not in "[{":
        end = _SCALAR_END.search(buffer.text, buffer.at + 1)
        length = end.start() - buffer.at if end else None
    elif error.reason is Reason.TOO_DEEP or not error.offset:
        length = buffer.balanced()
    if length:
        return buffer.take(length), error.reason, error.detail
    keys = set(last) if isinstance(last, dict) else None
    search = buffer.at + error.offset
    read = 0
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
        if read > _PROBES + _PROBING * (search - buffer.at):
            continue
        try:
            found, stop = _decode(buffer.text, probe_at)
        except json.JSONDecodeError as fault:
            read += fault.pos - probe_at
            offset = match.start() - buffer.at
            if cut_off(fault, buffer.text):
                again = buffer.grow()  # which moves the text, grown or not
                search = buffer.at + offset + (0 if again else 1)
            continue
        except (RecursionError, ValueError):
            read += _DEEP
            continue
        read += stop - probe_at
        if isinstance(found, dict) and (keys is None or set(found) == keys):
            return buffer.take(match.start() + 1 - buffer.at), error.reason, error.detail


def _elements(buffer: Buffer, row: int = 0, last: Any = None) -> Generator[tuple[Frame, Any], None, int | None]:
    """The elements of the array whose `[` was just consumed, up to and including its `]`, numbered from `row`; `last` is the one
    before them. Returns the number of the row that would come next, None where the file ended before it."""
    while True:
        mark = buffer.skip_space()
        if mark == "]":
            buffer.at += 1
            return row
        if mark == ",":
            buffer.at += 1
            continue
        if not mark:
            yield Frame(row, "", reason=Reason.TRUNCATED, detail=buffer.fault or "the file ends before its array is closed"), None
            return None
        try:
            text, value = buffer.value()
        except Broken as error:
            text, reason, detail = _broken_record(buffer, error, last)
            yield Frame(row, text, reason=reason, detail=detail), None
            if reason is Reason.TRUNCATED:
                return None
        else:
            yield Frame(row, text), value
            last = value if isinstance(value, dict) else last
        row += 1


def _trailing(buffer: Buffer, row: int) -> Iterator[tuple[Frame, Any]]:
    """What stands behind the end of the document: nothing, or one rejected frame."""
    if buffer.skip_space():
        text = buffer.rest()
        yield Frame(row, text, reason=Reason.INVALID_JSON, detail="text behind the end of the document"), None
    elif buffer.fault:
        yield Frame(row, "", reason=Reason.TRUNCATED, detail=buffer.fault), None


def array(buffer: Buffer, row: int = 0, last: Any = None) -> Iterator[tuple[Frame, Any]]:
    """The elements of a JSON array from behind its `[`, or from behind others (see `_elements`), with the parsed values."""
    end = yield from _elements(buffer, row, last)
    if end is None:
        return
    if not end:
        yield Frame(0, "[]", reason=Reason.EMPTY_FILE, detail="an array without records"), None
    yield from _trailing(buffer, end)


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
            rest = buffer.rest()
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
            if reason is Reason.TRUNCATED:
                return
        else:
            yield Frame(row, text, key), value
            last = value
        row += 1
    if not row:
        yield Frame(0, "{}", reason=Reason.EMPTY_FILE, detail="an object without records"), None
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


def header(buffer: Buffer, items: str) -> dict[str, Any]:
    """Everything in an envelope except its `items`, which may stand before it or behind; up to where the envelope breaks.
    Raises RepeatedKey."""
    found: dict[str, Any] = {}
    for key in _members(buffer):
        if isinstance(key, Frame):
            return found
        if key == items and buffer.skip_space() == "[":
            buffer.at += 1
            for frame, _ in _elements(buffer):
                if frame.reason is Reason.TRUNCATED:
                    return found
            continue
        try:
            text, _ = buffer.value()
        except Broken:  # `envelope` says where and why
            return found
        value = json.loads(text, object_pairs_hook=without_repeats)
        if key in found and found[key] != value:
            raise RepeatedKey(key)
        found[key] = value
    return found


def envelope(buffer: Buffer, items: str) -> Iterator[tuple[Frame, Any]]:
    """The elements of the list under `items` in one JSON object; a frame with a reason where the object breaks."""
    row, seen = 0, False
    rest: list[str] = []
    for key in _members(buffer):
        if isinstance(key, Frame):
            yield key._replace(row=row), None
            return
        if key == items and buffer.skip_space() == "[":
            seen = True
            buffer.at += 1
            end = yield from _elements(buffer, row)
            if end is None:
                return
            row = end
            continue
        try:
            text, _ = buffer.value()
            rest.append(f"{json.dumps(key)}: {text}")
        except Broken as error:
            left = buffer.rest()
            reason = Reason.TRUNCATED if error.at_end else error.reason
            yield Frame(row, left, reason=reason, detail=f"{key}: {error.detail}"), None
            return
    if not seen:
        yield Frame(row, "{" + ", ".join(rest) + "}", reason=Reason.UNEXPECTED_SHAPE, detail=f"the object has no list {items!r}"), None
        row += 1
    elif not row:
        yield Frame(0, "[]", reason=Reason.EMPTY_FILE, detail=f"no records under {items!r}"), None
    yield from _trailing(buffer, row)


def lines(buffer: Buffer, row: int = 0) -> Iterator[Frame]:
    """JSON Lines, the first of number `row`. A record's number is that of its line; blank lines count and hold no record."""
    while True:
        end = buffer.text.find("\n", buffer.at)
        if end < 0:
            if buffer.grow():
                continue
            text = buffer.text[buffer.at :].rstrip("\r")
            if text.strip(BLANKS):
                fault = buffer.fault
                yield Frame(row, text, reason=Reason.TRUNCATED if fault else None, detail=fault)
            elif buffer.fault:
                yield Frame(row, "", reason=Reason.TRUNCATED, detail=buffer.fault)
            return
        text, buffer.at = buffer.text[buffer.at : end], end + 1
        if text.strip(BLANKS):
            yield Frame(row, text[:-1] if text.endswith("\r") else text)
        row += 1
