"""Where bytes come from: a file, what is packed in a .gz or the like, a member of a .zip or
.tar(.gz). Nothing is ever unpacked to disk.

A compressed stream that breaks off ends early and says so in `fault`. The reader turns that into a
reject at the end of the file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any, Protocol, cast

from ..errors import InputError
from ..limits import too_much
from ..paths import open_binary, stamp
from .packed import BROKEN, HEAD, begins_as, unpacked, wrapper_of

_BROKEN = (*BROKEN, gzip.BadGzipFile, zipfile.BadZipFile, tarfile.TarError)
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
_COMPRESSED = (gzip.GzipFile, bz2.BZ2File, lzma.LZMAFile)
_KEPT = 64 << 20
"""The largest member of a compressed tar, in bytes, that is kept in memory."""


class ByteStream(Protocol):
    """Bytes in order. `fault` is set once the stream has broken off; `share` is how much of the
    file, or of the member of an archive, has been read: 0 to 1."""

    fault: str

    def read(self, size: int = -1, /) -> bytes: ...

    @property
    def share(self) -> float: ...


class _Stream:
    def __init__(
        self, path: Path, raw: IO[bytes], inner: IO[bytes], size: int, *, packed: bool
    ) -> None:
        self._path, self._raw, self._inner, self._size, self._packed, self.fault = (
            path,
            raw,
            inner,
            size,
            packed,
            "",
        )
        self._unpacked = 0
        # one system call at a time, so that what was read before an archive breaks off is not lost
        self._by_block = packed and inner is raw and hasattr(raw, "read1")

    def read(self, size: int = -1, /) -> bytes:
        if self.fault:
            return b""
        try:
            data: bytes = self._inner.read1(size) if self._by_block else self._inner.read(size)  # type: ignore[attr-defined]
            if self._inner is not self._raw:
                self._unpacked += len(data)
                _refuse_bombs(self._path, self._size, self._unpacked)
            return data
        except _BROKEN as error:
            self.fault = f"the compressed data is cut off: {error}"
            return b""
        except OSError as error:
            if not self._packed or error.errno is not None:  # the disk gave up, not the data
                raise InputError(
                    f"{self._path} cannot be read: {error.strerror or error}."
                ) from error
            self.fault = f"the compressed data is cut off: {error}"
            return b""

    @property
    def share(self) -> float:
        if self._size and not self._raw.closed:
            return min(self._raw.tell() / self._size, 1.0)
        return 1.0


def _refuse_bombs(path: Path, packed: int, unpacked: int) -> None:
    """Raises InputError for a file that unpacks to more than data ever do."""
    if wrong := too_much(packed, unpacked):
        raise InputError(
            f"{path} is refused: {wrong}.", hint="If that is intended, raise the limit."
        )


def is_archive(path: PurePath) -> bool:
    return path.name.lower().endswith((".zip", *TAR_SUFFIXES))


def plain_name(name: str) -> str:
    """The name without a wrapping .gz or the like: alpaca_data.json.gz is alpaca_data.json,
    packed."""
    inner = name[: len(name) - len(wrapper_of(name))]
    if inner.lower().endswith(".tar"):
        return name
    return inner


def _clean_member(name: str) -> str | None:
    """A member's path as a relative path; None for a path that no archive needs (absolute, or with
    `..`)."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/" or parts[0].endswith(":"):
        return None
    return "/".join(parts)


class _TarMember(io.RawIOBase):
    """The bytes of a file in a tar. Unlike tarfile's own reader, it returns what is there before it
    reports that the archive is cut off."""

    def __init__(self, tar: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
        assert tar.fileobj is not None
        self._file, self._start, self._end = (
            tar.fileobj,
            entry.offset_data,
            entry.offset_data + entry.size,
        )
        self._at = self._start

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at - self._start

    def readinto(self, target: Any) -> int:
        if self._at >= self._end:
            return 0
        self._file.seek(self._at)
        data = self._file.read(min(len(target), self._end - self._at))
        target[: len(data)] = data
        self._at += len(data)
        if not data:
            raise EOFError("the archive ends inside this file")
        return len(data)


class _Archive:
    """An open .zip or .tar(.gz) and its regular files in order. It stays open, so that reading them
    in order takes one pass."""

    def __init__(self, path: Path) -> None:
        self._zip: zipfile.ZipFile | None = None
        self._tar: tarfile.TarFile | None = None
        self.files: list[tuple[str, Any]] = []
        self.fault = ""
        self._path, self._packed = path, path.stat().st_size
        self._last: tuple[int, bytes] | None = None
        try:
            if path.name.lower().endswith(".zip"):
                self._zip = zipfile.ZipFile(open_binary(path))
                self.files = [(i.filename, i) for i in self._zip.infolist() if not i.is_dir()]
                _refuse_bombs(path, self._packed, sum(i.file_size for _, i in self.files))
            else:
                self._tar = tarfile.open(fileobj=open_binary(path))  # noqa: SIM115
                self._list(self._tar)
        except (*_BROKEN, OSError, ValueError) as error:
            raise InputError(
                f"{path} cannot be read as an archive: {error}.", hint="Download it again."
            ) from error

    def _list(self, tar: tarfile.TarFile) -> None:
        entries = iter(tar)
        while True:
            try:
                entry = next(entries, None)
            except (*_BROKEN, OSError):
                # cut off: what comes before the cut is read, and its last file then ends early
                if not self.files:
                    raise
                self.fault = "the archive is cut off"
                return
            if entry is None:
                break
            _refuse_bombs(
                self._path, self._packed, entry.offset_data + entry.size
            )  # before the entry is skipped
            if entry.isfile():
                self.files.append((entry.name, entry))
        # tarfile takes a cut or damaged header for the end; the real end is a block of zeros
        assert tar.fileobj is not None
        tar.fileobj.seek(tar.offset)
        if tar.fileobj.read(512) != bytes(512):
            self.fault = "the archive has no end, so files may be missing from it"

    def size(self, index: int) -> int:
        entry = self.files[index][1]
        return int(entry.file_size if self._zip is not None else entry.size)

    def open(self, index: int) -> IO[bytes]:
        entry = self.files[index][1]
        if self._zip is not None:
            return self._zip.open(entry)
        assert self._tar is not None
        if entry.issparse():
            sparse = self._tar.extractfile(entry)
            assert sparse is not None
            return sparse
        if isinstance(self._tar.fileobj, _COMPRESSED) and entry.size <= _KEPT:
            return self._kept(index, entry)
        return io.BufferedReader(_TarMember(self._tar, entry))

    def _kept(self, index: int, entry: tarfile.TarInfo) -> IO[bytes]:
        """A member of a compressed tar, from memory when it is opened again: going back means
        unpacking everything before it once more."""
        assert self._tar is not None
        if self._last is None or self._last[0] != index:
            reader = io.BufferedReader(_TarMember(self._tar, entry))
            try:
                self._last = index, reader.read()
            except (
                *_BROKEN,
                OSError,
            ):  # cut off: the archive itself returns what there is, then reports the cut
                return io.BufferedReader(_TarMember(self._tar, entry))
        return io.BufferedReader(io.BytesIO(self._last[1]))


@lru_cache(maxsize=4)
def _archive(path: Path, stamp: tuple[int, int | str]) -> _Archive:
    return _Archive(path)


def _archive_at(path: Path) -> _Archive:
    try:
        return _archive(path, stamp(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def members(path: Path) -> list[tuple[int, str]]:
    """(index, name) of the regular files in an archive, in its order; unsafe names and links are
    left out."""
    return [
        (index, name)
        for index, (name, _) in enumerate(_archive_at(path).files)
        if _clean_member(name)
    ]


def archive_fault(path: Path) -> str:
    """What is wrong with an archive that can still be read in part; "" if it is whole."""
    return _archive_at(path).fault


def member_name(path: Path, index: int) -> str:
    return str(_archive_at(path).files[index][0])


def member_size(path: Path, index: int) -> int:
    """The size of a member, in bytes, unpacked."""
    return _archive_at(path).size(index)


@contextmanager
def open_stream(path: Path, member: int | None = None, start: int = 0) -> Iterator[ByteStream]:
    """The bytes of a file from `start` on, or of one member of an archive by its index, without
    the compression around them."""
    if path.name.lower().endswith(".tar.zst"):
        raise InputError(f"{path} is a .tar packed with zstd.", hint="Take the .zst off: zstd -d.")
    try:
        raw: IO[bytes]
        if member is None:
            raw, name, size = open_binary(path), path.name, path.stat().st_size
            raw.seek(start)
        else:
            archive = _archive_at(path)
            raw, name, size = archive.open(member), archive.files[member][0], archive.size(member)
    except RuntimeError as error:  # zipfile's way of saying "encrypted"
        raise InputError(f"{path}: {error}.", hint="Unpack it, and pass the folder.") from error
    except (*_BROKEN, OSError, NotImplementedError) as error:
        raise InputError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from error
    with raw:
        inner: IO[bytes] = raw
        # a .gz file that a client unpacked but did not rename is read as it is
        if plain_name(name) != name and begins_as(_head(path, raw), wrapper_of(name)):
            inner = cast(IO[bytes], unpacked(raw, wrapper_of(name)))
        yield _Stream(path, raw, inner, size, packed=inner is not raw or member is not None)


def _head(path: Path, raw: IO[bytes]) -> bytes:
    try:
        return bytes(raw.peek(HEAD)[:HEAD])  # type: ignore[attr-defined]
    except (*_BROKEN, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}.", hint="Download it again.") from error


def seekable(path: Path, member: int | None = None) -> IO[bytes]:
    """The same bytes with random access, for Parquet: the file itself, or the member's bytes in
    memory."""
    if member is None and plain_name(path.name) == path.name:
        try:
            return open_binary(path)
        except OSError as error:
            raise InputError(f"{path} cannot be opened: {error.strerror}.") from error
    with open_stream(path, member) as stream:
        blocks = list(iter(partial(stream.read, 1 << 20), b""))
        if stream.fault:
            raise InputError(f"{path}: {stream.fault}.", hint="Download it again.")
        return io.BytesIO(b"".join(blocks))
