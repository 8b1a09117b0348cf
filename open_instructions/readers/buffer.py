"""A window of text over a stream of bytes, and the JSON values in it."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from ..schema import Reason
from .frames import MARKS, MAX_DEPTH
from .streams import ByteStream

BLOCK = 1 << 20

_SPACE = re.compile(r"[ \t\r\n]*")
_CUT = re.compile(
    r"\s*|\\(u[0-9a-fA-F]{0,4})?|-|[.eE][+-]?|t|tr|tru|f|fa|fal|fals|n|nu|nul|N|Na|-?I[nfity]{0,6}"
)
"""The rest of a value from where it breaks, if it breaks because the file ends."""
_CLOSING = {"[": "]", "{": "}"}
_decode = json.JSONDecoder().raw_decode


class _Text(str):
    """Text in which json does not count the lines before an error. Their number is not used, and
    json would count from the start each time."""

    def count(self, *given: Any) -> int:
        return 0

    def rfind(self, *given: Any) -> int:
        return -1


class Buffer:
    """A window of text over a stream of bytes. It grows on demand and drops what was consumed.
    `begins` says that the stream starts where its file does, so that it may begin with a byte order
    mark."""

    def __init__(self, stream: ByteStream, *, begins: bool = True) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self.text, self.at, self.ended = _Text(), 0, False
        self.grow()
        if begins and self.text.startswith("\ufeff"):
            self.at = 1

    @property
    def fault(self) -> str:
        return self._stream.fault

    def grow(self) -> bool:
        """Read as much again as the window holds, at least one block. False at the end."""
        if self.ended:
            return False
        rest = self.text[self.at :]
        block = self._stream.read(max(BLOCK, len(rest)))
        self.ended = not block
        self.text, self.at = _Text(rest + self._decoder.decode(block, final=self.ended)), 0
        return not self.ended

    def skip_space(self) -> str:
        """Move to the next character that is not white space and return it; "" at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            assert match
            self.at = match.end()
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.grow():
                return ""

    def enter(self) -> None:
        """Move past the bracket that is the next character."""
        self.skip_space()
        self.at += 1

    def peek(self) -> str:
        """The next character that is not white space, without moving; "" at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            assert match
            if match.end() < len(self.text):
                return self.text[match.end()]
            if not self.grow():
                return ""

    def value(self) -> tuple[str, Any]:
        """The JSON value that begins here: its text and the parsed object. Raises Broken, without
        moving, if there is none."""
        while True:
            try:
                value, end = _decode(self.text, self.at)
            except json.JSONDecodeError as error:
                offset, near_end = error.pos - self.at, cut_off(error, self.text)
                if near_end and self.grow():
                    continue
                raise Broken(
                    offset,
                    f"{error.msg.removesuffix(' at')} at character {offset}",
                    self.ended and _ends_inside(error, self.text[self.at + offset :]),
                ) from None
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

    def rest(self) -> str:
        """All that is left of the stream."""
        parts = [self.take(len(self.text) - self.at)]
        while self.grow():
            parts.append(self.take(len(self.text)))
        return "".join(parts)

    def balanced(self, limit: int | None = None) -> int | None:
        """Length of the bracketed value that begins here, by its brackets alone. None if a bracket
        is not closed by its own kind, or not within `limit` characters."""
        open_ones: list[str] = []
        offset = 0
        while True:
            for match in MARKS.finditer(self.text, self.at + offset):
                mark = match.group()
                if match["open"] is not None:
                    break  # a string that does not end in the window
                offset = match.end() - self.at
                if limit is not None and offset > limit:
                    return None
                if mark in _CLOSING:
                    open_ones.append(_CLOSING[mark])
                elif mark in "]}":
                    if open_ones.pop() != mark:
                        return None
                    if not open_ones:
                        return offset
            if (limit is not None and len(self.text) - self.at > 2 * limit) or not self.grow():
                return None


def cut_off(error: json.JSONDecodeError, text: str) -> bool:
    """Could a value be whole if the text went on?"""
    return error.pos > len(text) - 16 or error.msg.startswith("Unterminated string")


def _ends_inside(error: json.JSONDecodeError, rest: str) -> bool:
    """Is a value cut off, if `rest` is what follows the place where it breaks?"""
    return error.msg.startswith("Unterminated string") or _CUT.fullmatch(rest) is not None


class Broken(Exception):
    """The text here is not a JSON value: where it breaks (in characters from its start), why, and
    whether the file ends there."""

    def __init__(
        self, offset: int, detail: str, at_end: bool, reason: Reason = Reason.INVALID_JSON
    ) -> None:
        super().__init__(detail)
        self.offset, self.detail, self.at_end, self.reason = offset, detail, at_end, reason
