"""Where bytes come from: a file, a .gz, a member of a .zip or .tar(.gz). Nothing is ever unpacked to disk.

A compressed stream that breaks off ends early and says so in `fault`; the reader makes that a rejected tail.
"""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, cast

from ..errors import InputError

_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError)
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
_WRAPPED = (".gz",)
_BLOCK = 1 << 16


class ByteStream(Protocol):
    """Bytes in order. `fault` is set once the stream has broken off; `position` counts bytes of the file on disk."""

    fault: str

    def read(self, size: int = -1, /) -> bytes: ...

    @property
    def position(self) -> int: ...


class _Stream:
    def __init__(self, raw: IO[bytes], inner: IO[bytes]) -> None:
        self._raw, self._inner, self.fault = raw, inner, ""

    def read(self, size: int = -1, /) -> bytes:
        if self.fault:
            return b""
        try:
            return self._inner.read(size)
        except _BROKEN as error:
            self.fault = f"the compressed data breaks off: {error}"
            return b""

    @property
    def position(self) -> int:
        return 0 if self._raw.closed else self._raw.tell()


class _Gunzip:
    """Takes .gz off. Unlike gzip.GzipFile it hands out all that could be unpacked before it reports a break."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._unpack = zlib.decompressobj(wbits=31)
        self._broken: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        if self._broken:
            raise self._broken
        out: list[bytes] = []
        got = 0
        while size < 0 or got < size:
            ended = self._unpack.eof
            block = (self._unpack.unused_data if ended else self._unpack.unconsumed_tail) or self._packed.read(_BLOCK)
            if ended and not block.strip(b"\0"):  # the end, or padding behind it
                break
            if ended:  # another member: .gz files may be several in a row
                self._unpack = zlib.decompressobj(wbits=31)
            try:
                if not block:
                    raise EOFError("the file ends too early")
                out.append(self._unpack.decompress(block, 0 if size < 0 else size - got))
            except (zlib.error, EOFError) as error:
                self._broken = error
                if not got:
                    raise
                break
            got += len(out[-1])
        return b"".join(out)


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith((".zip", *TAR_SUFFIXES))


def plain_name(name: str) -> str:
    """The name without a wrapping .gz: alpaca_data.json.gz is alpaca_data.json, packed."""
    return name[:-3] if name.lower().endswith(_WRAPPED) and not name.lower().endswith(TAR_SUFFIXES) else name


def _clean_member(name: str) -> str | None:
    """A member's path as a relative one; None for what no archive needs to hold (absolute, `..`)."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/" or parts[0].endswith(":"):
        return None
    return "/".join(parts)


def members(path: Path) -> list[tuple[str, int]]:
    """(name, size) of the regular files in an archive, in the archive's order; unsafe names and links are left out."""
    found = []
    try:
        if path.name.lower().endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                found = [(i.filename, i.file_size) for i in archive.infolist() if not i.is_dir()]
        else:
            with tarfile.open(path) as tar:
                found = [(m.name, m.size) for m in tar if m.isfile()]
    except (*_BROKEN, OSError) as error:
        raise InputError(f"{path} cannot be read as an archive: {error}.", hint="Download it again.") from error
    return [(name, size) for name, size in found if _clean_member(name)]


@contextmanager
def open_stream(path: Path, member: str = "") -> Iterator[ByteStream]:
    """The bytes of a file, or of one member of an archive, with a .gz around them taken off."""
    try:
        raw: IO[bytes] = path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror}.") from error
    with raw:
        try:
            inner: IO[bytes] = raw
            if member and path.name.lower().endswith(".zip"):
                inner = zipfile.ZipFile(raw).open(member)  # noqa: SIM115
            elif member:
                extracted = tarfile.open(fileobj=raw).extractfile(member)  # noqa: SIM115
                assert extracted is not None
                inner = extracted
            name = member or path.name
            if plain_name(name) != name:
                inner = cast(IO[bytes], _Gunzip(inner))
        except RuntimeError as error:  # zipfile's way of saying "encrypted"
            raise InputError(f"{path}: {error}.", hint="Unpack it by hand and hand in the folder.") from error
        except (*_BROKEN, KeyError) as error:
            raise InputError(f"{path} cannot be read: {error}.", hint="Download it again.") from error
        yield _Stream(raw, inner)


def seekable(path: Path, member: str = "") -> IO[bytes]:
    """The same bytes with random access, for Parquet: the file itself, or the member's bytes in memory."""
    if not member and plain_name(path.name) == path.name:
        return path.open("rb")
    with open_stream(path, member) as stream:
        data = stream.read()
        if stream.fault:
            raise InputError(f"{path}: {stream.fault}.", hint="Download it again.")
        return io.BytesIO(data)
