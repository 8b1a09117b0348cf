"""Text in encodings other than UTF-8. Readers see all text as UTF-8: any other text is recoded
while it is read.

UTF-16 and UTF-32 are recognised by their byte order mark, or by how files with records begin. No
other encoding can be recognised with certainty. Such a file is read if the user names its encoding
(`--encoding`); otherwise it is refused, and the error names the likely one.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError, UsageError
from .streams import ByteStream, open_stream

UTF_8 = "utf-8"
SAMPLE = 1 << 20
"""How many bytes of a file are looked at for its encoding. After them, a record that is not UTF-8
is rejected on its own."""
_MARKS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # which begins as the next does
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = {
    name: codecs.getdecoder(name) for name in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
}
_BEGINS = re.compile(r"[\t\r\n -~]{2}")
"""The first two characters of a file with records in it, in JSON or below a header."""
_NO_CHARSETS = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "charmap")
_SURE = 0.02
"""Below this confidence, damaged bytes are as likely as the guess."""
_NEAR = 0.85
"""A guess with at least this share of the best one's confidence is named too: in a few letters,
encodings of one family look alike."""
_COMMON = "cp1252"
"""The most frequent encoding, which is named first."""
_PYTHON_NAMES = {
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "windows-1252": "cp1252",
}
"""What Windows writes under these names has more characters than the standards."""
_SHIFTS = (b"\x1b$", b"\x1b(")
"""How ISO-2022 switches from ASCII to other characters and back: by control characters, which JSON
does not contain."""
_ESCAPED = re.compile(r"[\udc80-\udcff]+")


def known_encoding(name: str) -> str:
    """Python's name for a text encoding. Raises UsageError for any other name.

    >>> known_encoding("GBK"), known_encoding("Latin-1")
    ('gbk', 'iso8859-1')
    """
    try:
        found = codecs.lookup(name)
        text = found._is_text_encoding and found.incrementaldecoder is not None
    except (LookupError, ValueError):
        raise UsageError(
            f"There is no encoding {name[:40]!r}.",
            hint="Examples are gb18030, big5, cp932, cp1252.",
        ) from None
    if not text or found.name.replace("-", "_") in _NO_CHARSETS:
        raise UsageError(
            f"{name!r} is not an encoding of text files.",
            hint="Examples are gb18030, big5, cp932, cp1252.",
        )
    return found.name


def encoding_of(path: Path, member: int | None = None, said: str = "") -> str:
    """How the text of a file is encoded: as its bytes show, or else as the user `said`. Raises
    InputError if it is not UTF-8, UTF-16 or UTF-32 and the user named no encoding."""
    with open_stream(path, member) as stream:
        head = _read(stream, SAMPLE)
        if evident := _evident(head):
            return evident
        shifted = head.isascii() and any(mark in head for mark in _SHIFTS)
        if not said and not shifted and _is_utf8(head, ended=len(head) < SAMPLE):
            return UTF_8
        good, bad = _count(head, stream if said else None)
    if said:
        if bad <= good and (good or _contains_ascii(said)):
            return UTF_8
        return said
    if bad <= good and not shifted:
        return UTF_8
    names, sure = _likely(head)
    if sure < _SURE or not names or names[0] in (UTF_8, "ascii"):
        return UTF_8
    raise InputError(
        f"{path} is not UTF-8. It looks like {' or '.join(names)}.",
        hint=(
            f"--encoding={names[0]} reads it; --encoding=utf-8 rejects the records with invalid "
            "bytes."
        ),
    )


@contextmanager
def open_text(path: Path, member: int | None = None, encoding: str = UTF_8) -> Iterator[ByteStream]:
    """Like `open_stream`, with the text in UTF-8 whatever its `encoding`."""
    with open_stream(path, member) as stream:
        yield stream if encoding == UTF_8 else _Recoded(stream, encoding)


class _Recoded:
    """A stream of text, recoded to UTF-8. Bytes that cannot be decoded stay in it and are not
    UTF-8."""

    def __init__(self, stream: ByteStream, encoding: str) -> None:
        self._stream, self.fault = stream, ""
        self._decoder = codecs.getincrementaldecoder(encoding)(_KEEP)

    @property
    def share(self) -> float:
        return self._stream.share

    def read(self, size: int = -1, /) -> bytes:
        while True:
            block = self._stream.read(size)
            self.fault = self._stream.fault
            text = self._decoder.decode(block, not block)
            if text or not block:
                return text.encode("utf-8", "surrogateescape")


def _kept(error: UnicodeError) -> tuple[str, int]:
    """A decoding error handler: bytes that cannot be decoded become what surrogateescape makes of
    them. If all of them are ASCII, they come after a NUL, which no parser accepts."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "\0" * bad.isascii() + bad.decode("ascii", "surrogateescape"), error.end


_KEEP = "open_instructions.keep"
codecs.register_error(_KEEP, _kept)


def _read(stream: ByteStream, size: int) -> bytes:
    """Read `size` bytes, fewer only at the end: an archive may return them in pieces."""
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _evident(head: bytes) -> str:
    """The encoding that a byte order mark shows, or the zero bytes of UTF-16 and UTF-32; "" if
    neither does."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    for encoding, decode in _WIDE.items():
        if _BEGINS.match(decode(head[:8], "replace")[0]):
            return encoding
    return ""


def _is_utf8(head: bytes, *, ended: bool) -> bool:
    try:
        codecs.getincrementaldecoder(UTF_8)().decode(head, ended)
    except UnicodeDecodeError:
        return False
    return True


def _count(head: bytes, stream: ByteStream | None) -> tuple[int, int]:
    """Count the characters beyond ASCII and the bytes that are not UTF-8, in the head and in the
    rest of the stream if there is one."""
    decoder = codecs.getincrementaldecoder(UTF_8)("surrogateescape")
    good = bad = 0
    block = head
    while block:
        text = decoder.decode(block)
        if not text.isascii():
            escaped = sum(len(run.group()) for run in _ESCAPED.finditer(text))
            good += len(text) - len(text.encode("ascii", "ignore")) - escaped
            bad += escaped
        block = stream.read(SAMPLE) if stream else b""
    return good, bad


def _contains_ascii(encoding: str) -> bool:
    """Is text in ASCII the same in this encoding?"""
    every = bytes(range(128))
    name = encoding.replace("_", "-")
    if name.startswith(("utf-16", "utf-32")):
        return True  # such files are recognised by their bytes, and no other file is in it
    if name.startswith(("iso2022", "hz", "utf-7")):
        return False
    return every.decode(encoding, "replace") == every.decode("ascii")


def _likely(data: bytes) -> tuple[list[str], float]:
    """Python's names for the likely encodings of the data, and the confidence in the best guess,
    from 0 to 1."""
    import chardet

    modern = chardet.EncodingEra.MODERN_WEB
    sure = {
        _python_name(str(found["encoding"])): found["confidence"]
        for found in reversed(chardet.detect_all(data, encoding_era=modern, ignore_threshold=True))
    }
    best = max(sure.values(), default=0.0)
    near = [name for name, much in sure.items() if name and much >= _NEAR * best]
    near.sort(key=lambda name: (name != _COMMON, -sure[name]))
    return near[:2], best


def _python_name(name: str) -> str:
    """Python's name for an encoding that chardet names; "" if Python does not know it."""
    try:
        return _PYTHON_NAMES.get(name.lower()) or codecs.lookup(name).name
    except LookupError:
        return ""
