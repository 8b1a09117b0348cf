"""What is wrapped around one file: .gz, .bz2, .xz, .zst.

Unlike the readers of the standard library these hand out all that could be unpacked before they
report a break.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Any, NamedTuple, Protocol

_BLOCK = 1 << 16
_STEP = 1 << 12
"""So many bytes are asked of pyarrow at a time: where it meets a break, those of the last call are
gone."""
_XZ_MEMORY = 512 << 20
"""What `xz -9` needs to unpack is 65 MB; a file may claim gigabytes."""

BROKEN = (EOFError, zlib.error, lzma.LZMAError)


class Unpacked(Protocol):
    """Bytes from a packed file, in order. Raises one of BROKEN, or OSError, where it breaks."""

    def read(self, size: int = -1, /) -> bytes: ...


class _Gunzip:
    """zlib, asked as bz2 and lzma are."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, most: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max(most, 0))


class _Stepwise:
    """Gives what could be unpacked before it reports a break."""

    _broken: Exception | None = None

    def read(self, size: int = -1, /) -> bytes:
        if self._broken:
            raise self._broken
        out: list[bytes] = []
        got = 0
        while size < 0 or got < size:
            try:
                part = self._some(size - got if size >= 0 else -1)
            except (*BROKEN, OSError, ValueError) as error:
                self._broken = error
                if not got:
                    raise
                break
            if part is None:
                break
            out.append(part)
            got += len(part)
        return b"".join(out)

    def _some(self, most: int) -> bytes | None:
        """The next bytes, which may be none; None at the end. -1 is any number."""
        raise NotImplementedError


class _InBlocks(_Stepwise):
    """Takes off what a decompressor `begin`s to; there may be several streams in a row, perhaps
    with padding between them."""

    def __init__(self, packed: IO[bytes], begin: Callable[[], Any]) -> None:
        self._packed, self._begin = packed, begin
        self._inner = begin()

    def _some(self, most: int) -> bytes | None:
        block = b""
        if self._inner.eof:
            block = self._inner.unused_data.lstrip(b"\0")
            while not block and (more := self._packed.read(_BLOCK)):
                block = more.lstrip(b"\0")
            if not block:
                return None
            self._inner = self._begin()
        elif self._inner.needs_input:
            block = self._packed.read(_BLOCK)
            if not block:
                raise EOFError("the file ends too early")
        part: bytes = self._inner.decompress(block, most)
        return part


class _Unzstd(_Stepwise):
    """zstd, by pyarrow: Python has it from 3.14 on."""

    def __init__(self, packed: IO[bytes]) -> None:
        import pyarrow as pa

        self._inner = pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), "zstd")

    def _some(self, most: int) -> bytes | None:
        try:
            part: bytes = self._inner.read(_STEP if most < 0 else min(_STEP, most))
        except OSError as error:
            raise EOFError(str(error)) from error
        return part or None


class _Wrapper(NamedTuple):
    begins: tuple[bytes, ...]
    unpack: Callable[[IO[bytes]], Unpacked]


_WRAPPERS = {
    ".gz": _Wrapper((b"\x1f\x8b",), lambda packed: _InBlocks(packed, _Gunzip)),
    ".bz2": _Wrapper((b"BZh",), lambda packed: _InBlocks(packed, bz2.BZ2Decompressor)),
    ".xz": _Wrapper(
        (b"\xfd7zXZ\0",),
        lambda packed: _InBlocks(packed, lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY)),
    ),
    ".zst": _Wrapper(
        (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + n]) + b"\x2a\x4d\x18" for n in range(16))), _Unzstd
    ),
}
WRAPPED = tuple(_WRAPPERS)
HEAD = 6
"""So many bytes show what a file is wrapped in."""


def wrapper_of(name: str) -> str:
    """The ending that says what a file is wrapped in; "" for none."""
    return next((ending for ending in WRAPPED if name.lower().endswith(ending)), "")


def begins_as(head: bytes, wrapper: str) -> bool:
    """Are these the first bytes of a file in this wrapper?"""
    return head.startswith(_WRAPPERS[wrapper].begins)


def unpacked(packed: IO[bytes], wrapper: str) -> Unpacked:
    """The bytes in a file with this wrapper around it."""
    return _WRAPPERS[wrapper].unpack(packed)
