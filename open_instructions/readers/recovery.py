"""Where reading continues after a broken record.

First by its brackets: if its strings can be told apart up to its end, it ends where its brackets
close. Otherwise by what follows: it ends before the next complete object that is not inside a
record."""

from __future__ import annotations

import json
import re
from typing import Any

from ..schema import Reason
from .buffer import Broken, Buffer, cut_off

_decode = json.JSONDecoder().raw_decode

_SCALAR_END = re.compile(r"[,\]\n]")
_NEXT = re.compile(r"(?:[}\]]\s*+(?:,\s*+)*+|\n[ \t]*+)(?=[{\[])")
"""What comes before a record: the end of another, or the beginning of a line."""
_NEXT_MEMBER = re.compile(r'\}\s*,\s*(?="(?:[^"\\]|\\.)*"\s*:\s*\{)')
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"\s*+|\\?\Z)', re.S)
_CLOSED = re.compile(r"\]\s*+(?:\}\s*+)?+\Z")
_BLANK = re.compile(r"\s*+")
_LONGEST = 16 << 20
"""If the brackets of a broken record do not close within this many characters, what follows decides
where it ends."""
_NEIGHBOURS = 64
"""How many values after an object are looked at to see where it is."""
_SPEND = 64
"""How many characters may be parsed in vain for each one that was passed."""
_DEEP = 1 << 14
"""About how many characters of something that is nested too deeply are skipped."""

Refused = tuple[str, Reason, str]


def broken_record(buffer: Buffer, error: Broken, last: Any) -> Refused:
    """Consume a broken record up to where the next one begins. Returns its text and what is wrong
    with it. `last` is the record before it."""
    if buffer.text[buffer.at] not in "[{":
        if error.at_end:
            return _cut_off(buffer, error)
        end = _SCALAR_END.search(buffer.text, buffer.at + 1)
        if end:
            return buffer.take(end.start() - buffer.at), error.reason, error.detail
    elif length := _by_brackets(buffer, error, ",]{["):
        return buffer.take(length), error.reason, error.detail
    keys = set(last) if isinstance(last, dict) else set()
    if length := _next_record(buffer, error.offset, keys):
        return buffer.take(length), error.reason, error.detail
    closed = None if buffer.fault else _CLOSED.search(buffer.text, _last_bracket(buffer))
    if closed:  # the end of the list is not part of the record
        return buffer.take(closed.start() - buffer.at), error.reason, error.detail
    if error.at_end and not _is_closed(buffer):
        return _cut_off(buffer, error)
    return buffer.take(len(buffer.text) - buffer.at), error.reason, error.detail


def broken_member(buffer: Buffer, error: Broken) -> Refused:
    """Like `broken_record`, for an object by key: continue where `}, "key": {` begins."""
    if length := _by_brackets(buffer, error, ",}"):
        return buffer.take(length), error.reason, error.detail
    offset = error.offset
    while True:
        match = _NEXT_MEMBER.search(buffer.text, buffer.at + offset)
        if match:
            return buffer.take(match.start() + 1 - buffer.at), error.reason, error.detail
        offset = max(offset, len(buffer.text) - buffer.at - 4096)
        if not buffer.grow():
            if error.at_end and not _is_closed(buffer):
                return _cut_off(buffer, error)
            return buffer.take(len(buffer.text) - buffer.at), error.reason, error.detail


def _cut_off(buffer: Buffer, error: Broken) -> Refused:
    detail = buffer.fault or f"the file ends inside a record: {error.detail}"
    return buffer.take(len(buffer.text) - buffer.at), Reason.TRUNCATED, detail


def _is_closed(buffer: Buffer) -> bool:
    """Does the stream end like a record? A stream that was cut off rarely does."""
    return not buffer.fault and buffer.text.endswith("}", buffer.at + 1, len(buffer.text.rstrip()))


def _last_bracket(buffer: Buffer) -> int:
    """The earliest place where the rest of the stream could close the list around it."""
    return max(buffer.text.rfind("]", buffer.at + 1), buffer.at + 1)


def _by_brackets(buffer: Buffer, error: Broken, behind: str) -> int | None:
    """The length of the broken value that begins here; None if its brackets do not show it."""
    trusted = error.reason is Reason.TOO_DEEP or not error.offset
    length = buffer.balanced(None if trusted else _LONGEST)
    if length is None or trusted:
        return length
    text = buffer.text[buffer.at : buffer.at + length]
    for string in _STRING.finditer(text, 0, length):
        if string.start() > error.offset and text[string.end() : string.end() + 1] not in (
            *":,}]",
            "",
        ):
            return None  # what looks like a string is the text between two
    at = _behind_blanks(buffer, length)
    if at is None or buffer.text[buffer.at + at] in behind:
        return length
    return None


def _behind_blanks(buffer: Buffer, offset: int) -> int | None:
    """The offset of the next character that is not white space; None if the stream ends first."""
    while True:
        match = _BLANK.match(buffer.text, buffer.at + offset)
        assert match
        if match.end() < len(buffer.text):
            return match.end() - buffer.at
        if not buffer.grow():
            return None


def _mark_behind(buffer: Buffer, offset: int) -> tuple[int | None, str]:
    """Like `_behind_blanks`, with the character at that offset; "" if the stream ends first."""
    at = _behind_blanks(buffer, offset)
    if at is None:
        return None, ""
    return at, buffer.text[buffer.at + at]


def _next_record(buffer: Buffer, offset: int, keys: set[str]) -> int | None:
    """The offset of the next record, searched from `offset` on; None if there is none. `keys` are
    those of the record before."""
    at = None
    if offset and buffer.text.startswith("{", buffer.at + offset):
        at = offset
    spent = 0
    while spent <= _SPEND * (offset + _LONGEST // 256):
        if at is None:
            match = _NEXT.search(buffer.text, buffer.at + offset)
            if match is None:
                offset = max(offset, len(buffer.text) - 4096 - buffer.at)
                if buffer.grow():
                    continue
                return None
            offset, at = match.start() - buffer.at, match.end() - buffer.at
        value, end = _value_at(buffer, at)
        if isinstance(value, dict) and value:
            if set(value) == keys or _is_record(buffer, end, bool(keys & set(value)) or not keys):
                return _end_before(buffer, at)
            offset, at = end - 1, None
        else:
            spent += end - at
            offset, at = max(offset + 1, at), None
    return None


def _end_before(buffer: Buffer, at: int) -> int:
    """Where the text before a record ends, without the comma and the white space between them."""
    text = buffer.text[buffer.at : buffer.at + at]
    return len(text.rstrip(", \t\r\n")) or at


def _value_at(buffer: Buffer, offset: int) -> tuple[Any, int]:
    """The JSON value at `offset`, None if there is none, and the offset at which it ends or
    breaks."""
    while True:
        try:
            value, end = _decode(buffer.text, buffer.at + offset)
        except json.JSONDecodeError as fault:
            reached = fault.pos - buffer.at
            if cut_off(fault, buffer.text) and buffer.grow():
                continue
            return None, reached
        except (RecursionError, ValueError):
            return None, offset + _DEEP
        return value, end - buffer.at


def _is_record(buffer: Buffer, end: int, alike: bool) -> bool:
    """Is an object that ends at `end` beside records, and not inside one? `alike` says that its
    keys could be a record's."""
    for _ in range(_NEIGHBOURS):
        at, mark = _mark_behind(buffer, end)
        if at is None or mark in "{[":
            return True
        if mark == "]":
            return _ends_there(buffer, at + 1, alike)
        if mark != ",":
            return False
        at, mark = _mark_behind(buffer, at + 1)
        if at is None or mark == "]":
            continue
        if mark not in "{[":
            return False
        value, end = _value_at(buffer, at)
        if value is None:
            return alike
    return alike


def _ends_there(buffer: Buffer, end: int, alike: bool) -> bool:
    """Is a list that ends at `end` the list of records? If there is an object around it, the file
    ends with that object."""
    for _ in range(_NEIGHBOURS):
        at, mark = _mark_behind(buffer, end)
        if at is None or mark in "[{":
            return True
        if mark == "}":
            return _behind_blanks(buffer, at + 1) is None and alike
        after = _behind_member(buffer, at) if mark == "," else None
        if after is None:
            return False
        end = after
    return False


def _behind_member(buffer: Buffer, comma: int) -> int | None:
    """Where the member after a comma ends; None if no member follows the comma."""
    at = _behind_blanks(buffer, comma + 1)
    key, end = _value_at(buffer, at) if at is not None else (None, 0)
    at = _behind_blanks(buffer, end) if isinstance(key, str) else None
    if at is None or buffer.text[buffer.at + at] != ":":
        return None
    at = _behind_blanks(buffer, at + 1)
    found, end = _member_value(buffer, at) if at is not None else (False, 0)
    if found:
        return end
    return None


def _member_value(buffer: Buffer, at: int) -> tuple[bool, int]:
    value, end = _value_at(buffer, at)
    return value is not None or buffer.text.startswith("null", buffer.at + at), end
