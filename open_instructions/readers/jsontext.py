"""Find the records in a stream of JSON text without holding it: arrays, values side by side,
objects by key, envelopes, lines.

Each record becomes a Frame: its number and its exact JSON text. Bytes that are not UTF-8 are kept
as surrogate escapes, so that a Frame can always give back what was in the file. A broken record
becomes a Frame with a reason, and reading continues after it (see `recovery`)."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import Any

from ..errors import shortened
from ..schema import Reason
from .buffer import Broken, Buffer
from .frames import Frame, RepeatedKey, fast_decoder, without_repeats
from .recovery import broken_member, broken_record

BLANKS = " \t\r"
SIDE_BY_SIDE = re.compile(r"\}[ \t]?\{")
"""Outside of strings, this occurs only between two values."""
_decode = json.JSONDecoder().raw_decode


def _elements(
    buffer: Buffer, row: int = 0, last: Any = None
) -> Generator[tuple[Frame, Any], None, int | None]:
    """The elements of the array whose `[` was just consumed, up to and including its `]`, numbered
    from `row`; `last` is the one before them. Returns the number of the next row, or None if the
    file ended first."""
    while True:
        mark = buffer.skip_space()
        if mark == "]":
            buffer.at += 1
            return row
        if mark == ",":
            buffer.at += 1
            continue
        if not mark:
            yield (
                Frame(
                    row,
                    "",
                    reason=Reason.TRUNCATED,
                    detail=buffer.fault or "the file ends before its array is closed",
                ),
                None,
            )
            return None
        frame, value = _value(buffer, row, last)
        yield frame, value
        if frame.reason is Reason.TRUNCATED:
            return None
        if isinstance(value, dict):
            last = value
        row += 1


def trailing(buffer: Buffer, row: int) -> Iterator[tuple[Frame, Any]]:
    """What follows the end of the document: nothing, or one rejected frame."""
    if buffer.skip_space():
        text = buffer.rest()
        yield (
            Frame(
                row, text, reason=Reason.INVALID_JSON, detail="text after the end of the document"
            ),
            None,
        )
    elif buffer.fault:
        yield Frame(row, "", reason=Reason.TRUNCATED, detail=buffer.fault), None


def array(buffer: Buffer, row: int = 0, last: Any = None) -> Iterator[tuple[Frame, Any]]:
    """The elements of a JSON array with their parsed values, starting after its `[` or after some
    of its elements (see `_elements`); then the values that follow the array."""
    end = yield from _elements(buffer, row, last)
    if end is None:
        return
    while buffer.skip_space() == ",":
        buffer.at += 1
    if buffer.skip_space() in ("[", "{"):
        yield from values(buffer, end, last)
        return
    if not end:
        yield Frame(0, "[]", reason=Reason.EMPTY_FILE, detail="an array without records"), None
    yield from trailing(buffer, end or 1)


def values(buffer: Buffer, row: int = 0, last: Any = None) -> Iterator[tuple[Frame, Any]]:
    """Values in sequence, on one line or several, with white space or commas between them. A list
    counts as its elements. Numbered from `row`."""
    while mark := buffer.skip_space():
        if mark == ",":
            buffer.at += 1
        elif mark == "[":
            buffer.at += 1
            end = yield from _elements(buffer, row, last)
            if end is None:
                return
            row = end
        else:
            frame, value = _value(buffer, row, last)
            yield frame, value
            if isinstance(value, dict):
                last = value
            if frame.reason is Reason.TRUNCATED:
                return
            row += 1
    if buffer.fault:
        yield Frame(row, "", reason=Reason.TRUNCATED, detail=buffer.fault), None


def _value(buffer: Buffer, row: int, last: Any) -> tuple[Frame, Any]:
    """The value that begins here, or a frame that says why it is broken."""
    try:
        text, value = buffer.value()
    except Broken as error:
        text, reason, detail = broken_record(buffer, error, last)
        return Frame(row, text, reason=reason, detail=detail), None
    return Frame(row, text), value


def keys_of(buffer: Buffer) -> Iterator[str | Frame]:
    """The keys of the object that begins here; the caller consumes each value before it asks for
    the next key."""
    buffer.at += 1
    while True:
        mark = buffer.skip_space()
        if mark == "}":
            buffer.at += 1
            return
        if mark == ",":
            buffer.at += 1
            continue
        text = ""
        try:
            text, key = buffer.value()
            colon = buffer.skip_space()
            if not isinstance(key, str) or colon != ":":
                raise Broken(0, "a key and a colon expected", not colon)
            buffer.at += 1
            buffer.skip_space()
        except Broken as error:
            rest = text + buffer.rest()
            reason = Reason.TRUNCATED if error.at_end or not mark else error.reason
            yield Frame(0, rest, reason=reason, detail=buffer.fault or error.detail)
            return
        yield key


def by_key(buffer: Buffer) -> Iterator[tuple[Frame, Any]]:
    """The values of one JSON object, each with its key."""
    row, last = 0, None
    for key in keys_of(buffer):
        if isinstance(key, Frame):
            yield key._replace(row=row), None
            return
        try:
            text, value = buffer.value()
        except Broken as error:
            if error.offset:
                text, reason, detail = broken_member(buffer, error)
            else:
                text, reason, detail = broken_record(buffer, error, last)
            yield Frame(row, text, key, reason, detail), None
            if reason is Reason.TRUNCATED:
                return
        else:
            yield Frame(row, text, key), value
            last = value
        row += 1
    if not row:
        yield Frame(0, "{}", reason=Reason.EMPTY_FILE, detail="an object without records"), None
    yield from trailing(buffer, row or 1)


def header(buffer: Buffer, items: str) -> dict[str, Any]:
    """Everything in an envelope except its `items`, whether it comes before or after them, up to
    where the envelope breaks. Raises RepeatedKey."""
    found: dict[str, Any] = {}
    for key in keys_of(buffer):
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
    """The elements of the list under `items` in one JSON object, and a frame with a reason if the
    object breaks."""
    row, seen = 0, False
    rest: list[str] = []
    for key in keys_of(buffer):
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
            yield Frame(row, left, reason=reason, detail=f"{shortened(key)}: {error.detail}"), None
            return
    if not seen:
        yield (
            Frame(
                row,
                "{" + ", ".join(rest) + "}",
                reason=Reason.UNEXPECTED_SHAPE,
                detail=f"the object has no list {items!r}",
            ),
            None,
        )
        row += 1
    elif not row:
        yield Frame(0, "[]", reason=Reason.EMPTY_FILE, detail=f"no records under {items!r}"), None
    yield from trailing(buffer, row or 1)


def lines(buffer: Buffer, row: int = 0, *, single: bool = False) -> Iterator[Frame]:
    """JSON Lines, numbered from `row`. A record's number is that of its line; blank lines count and
    hold no record. After a line with several records, the numbers continue from the last of them.
    `single` says that no line has several."""
    window, side = "", 0
    while True:
        if buffer.text is not window:
            window = buffer.text
            side = len(window) if single else _next_side(window, buffer.at)
        end = buffer.text.find("\n", buffer.at)
        if end < 0:
            if buffer.grow():
                continue
            yield from _last_line(buffer, row)
            return
        text, buffer.at = buffer.text[buffer.at : end], end + 1
        if text.endswith("\r"):
            text = text[:-1]
        if side < end or not text.endswith("}"):
            found = _records(text, row)
            yield from found
            row += len(found) or 1
            if side < end:
                side = _next_side(window, end)
        else:
            yield Frame(row, text)
            row += 1


def _last_line(buffer: Buffer, row: int) -> Iterator[Frame]:
    found = _records(buffer.text[buffer.at :].rstrip("\r"), row)
    fault = buffer.fault
    if fault:  # the stream breaks off here
        last = found.pop() if found else Frame(row, "")
        found.append(last._replace(reason=Reason.TRUNCATED, detail=fault))
    yield from found


def _next_side(text: str, at: int) -> int:
    """Where two values may next be side by side; the end of the text if nowhere."""
    match = SIDE_BY_SIDE.search(text, at)
    if match:
        return match.start()
    return len(text)


def _records(line: str, row: int) -> list[Frame]:
    """The record in a line, without a comma after it, or all records that are side by side in it;
    none in a blank line."""
    bare = line.strip(BLANKS)
    if not bare:
        return []
    if bare.endswith(("},", "],")):
        line = line.rstrip(BLANKS)[:-1]
    found: list[Frame] = []
    start = 0
    while SIDE_BY_SIDE.search(line, start) and not (not found and _is_one(line)):
        try:
            end = _decode(line, start or len(line) - len(line.lstrip(BLANKS)))[1]
        except (ValueError, RecursionError):
            break
        beside = SIDE_BY_SIDE.match(line, end - 1)
        if not beside:
            break
        found.append(Frame(row + len(found), line[start:end]))
        start = beside.end() - 1
    return [*found, Frame(row + len(found), line[start:])]


def _is_one(line: str) -> bool:
    """Is it certain that a line holds one value?"""
    fast = fast_decoder("raw list")
    if fast is None:
        return False
    decode, error = fast
    try:
        return len(decode(f"[{line}]")) == 1
    except (error, UnicodeEncodeError, RecursionError):
        return False
