"""Paths on this machine and addresses that fsspec knows (s3://bucket/mix, gs://…), both with
pathlib's methods.

This module also hides what object stores lack: they have no folders, only names with a common
prefix; objects cannot be renamed, only copied; and an object is either complete or absent.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, TypeVar, cast

from . import errors
from .errors import UsageError
from .options import Folders

T = TypeVar("T")

_BLOCK = 8 << 20
_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")
"""Schemes of stores that several processes can write to, as scheme://bucket/key."""


def cache_folder() -> Path:
    """The folder for files that can be fetched or made again: OI_CACHE, or the user's cache
    folder."""
    from platformdirs import user_cache_path

    given = os.environ.get("OI_CACHE", "")
    if "://" in given:
        raise UsageError(f"OI_CACHE is {given}, but must be a folder on this machine.")
    if given:
        return Path(given)
    return user_cache_path("open-instructions")


def place(given: str | os.PathLike[str]) -> Path:
    """The path for what a user wrote. Raises UsageError if it is empty or not a path, or an address
    that no installed package knows.

    >>> place("downloads"), is_remote(place("downloads"))
    (PosixPath('downloads'), False)
    """
    text = _written(given)
    scheme, colon, rest = text.partition("://")
    if not colon:
        return Path(text)
    try:
        from upath import UPath

        # some workers list what others write, so listings must not be cached
        found = UPath(f"{scheme}://{rest.rstrip('/')}", use_listings_cache=False)
        found.fs  # noqa: B018 - imports what the scheme needs
    except ImportError as error:
        extra = {"s3": "s3", "gs": "gs", "gcs": "gs"}.get(scheme)
        package = f"universal_pathlib and what fsspec needs for {scheme}"
        if extra:
            package = f"'open-instructions[{extra}]'"
        raise UsageError(
            f"{text} needs a package that is not installed: {error}.", hint=f"pip install {package}"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{text}: {error}.", hint="Use a path, or an address like s3://bucket/folder."
        ) from error
    if found.protocol in ("file", "local"):
        return Path(found.path)
    return cast(Path, found)


def _written(given: object) -> str:
    """A path as text. Raises UsageError for anything else: str() would turn it into a name."""
    # universal_pathlib's addresses are not PathLike
    if not isinstance(given, str | os.PathLike) and not hasattr(given, "joinpath"):
        raise UsageError(f"A path is a string or a Path, not {errors.shown(given)}.")
    text = str(given)
    if not text:
        raise UsageError(
            "A path is empty.",
            hint="Perhaps a variable is not set. For the current folder, use a dot.",
        )
    try:
        fits = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise UsageError(f"{errors.shown(text)} cannot be the name of a file.")
    return text


def folders(given: Folders | None) -> tuple[Path, ...]:
    """The paths for the folders that a user wrote, without repeats. Raises UsageError if no folder
    is named."""
    if given is None:
        return ()
    single = isinstance(given, str | bytes | os.PathLike) or not isinstance(given, Iterable)
    each: list[Any] = [given] if single else [*cast(Iterable[Any], given)]
    if not each or "" in each:
        raise UsageError(
            "No folder was named.", hint="Pass the folder with the upstream files as --data-dir."
        )
    return tuple(dict.fromkeys(map(place, each)))


def is_remote(path: Path) -> bool:
    return not isinstance(path, Path)


def check_reachable(path: Path) -> None:
    """Raises UsageError if a store does not answer, refuses access, or lacks the bucket."""
    if not is_remote(path):
        return
    try:
        there = (
            path.exists()
            or _scheme(path) not in _STORES
            or place(f"{_scheme(path)}://{_bucket_and_key(path)[0]}").exists()
        )
    except PermissionError:
        return  # listing is not allowed; reading or writing may be
    except Exception as error:  # each store has its own exceptions
        raise UsageError(
            f"{path} cannot be reached: {error}.",
            hint="Set credentials and endpoint in the environment, as fsspec documents.",
        ) from error
    if not there:
        raise UsageError(
            f"There is no bucket {_bucket_and_key(path)[0]}.",
            hint="Create it first, or choose another.",
        )


def check_writable(path: Path) -> None:
    """Raises UsageError if a build cannot be written to this address."""
    if not is_remote(path):
        return
    if _scheme(path) not in _STORES:
        raise UsageError(
            f"{path} cannot hold a build.",
            hint=f"Use a path, or an address in one of {', '.join(_STORES)}.",
        )
    if not _bucket_and_key(path)[1]:
        raise UsageError(
            f"{path} is a whole bucket.",
            hint=f"Choose a folder in it: {str(path).rstrip('/')}/mix.",
        )
    if set("*?[]") & set(
        str(path)
    ):  # fsspec treats these as patterns, and would remove whatever matches
        raise UsageError(f"{path} has one of * ? [ ] in its name.", hint="Choose another name.")


def store_fault(error: BaseException) -> str:
    """A message that the object store failed, for an error of its client; "" for other errors."""
    ours = type(error).__module__.partition(".")[0] in (
        "botocore",
        "aiobotocore",
        "aiohttp",
        "gcsfs",
        "google",
    )
    if ours:
        return f"The object store stopped answering: {error}."
    return ""


def _scheme(path: Path) -> str:
    return str(path).partition("://")[0]


def _bucket_and_key(path: Path) -> tuple[str, str]:
    bucket, _, key = str(path).partition("://")[2].partition("/")
    return bucket, key.strip("/")


def open_binary(path: Path) -> io.BufferedReader:
    """Open a file for reading bytes, buffered, with random access."""
    if not is_remote(path):
        return path.open("rb")
    return io.BufferedReader(cast(Any, path.open("rb")), _BLOCK)


def read_bounded(path: Path, most: int) -> str:
    """The text of a small file. Raises OSError if it has more than `most` bytes, ValueError if it
    is not UTF-8."""
    with open_binary(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(f"it has more than {most:,} bytes")
    return data.decode()


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with open_binary(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def for_pyarrow(path: Path) -> Any:
    """The path itself if pyarrow can open it, else an open file."""
    if is_remote(path) or in_utf8(str(path)) != str(path):
        return open_binary(path)
    return path


def in_utf8(name: str) -> str:
    """A file name for output, which must be UTF-8; file names may be any bytes.

    >>> print(in_utf8("caf\\udce9.json"))
    caf\\udce9.json
    """
    return name.encode("utf-8", "backslashreplace").decode()


def stamp(path: Path) -> tuple[int, int | str]:
    """The size of a file and its modification time, or its tag in a store. They change when the
    file does."""
    found = path.stat()
    if is_remote(path):
        info = found.as_info()  # type: ignore[attr-defined]
        return found.st_size, str(info.get("ETag") or info.get("etag") or found.st_mtime_ns)
    return found.st_size, found.st_mtime_ns


def children(path: Path) -> list[Path]:
    """The contents of a folder, sorted by name; empty if there is no folder."""
    if is_remote(path):
        folder = cast(Any, path)
        # some tools mark a folder with an object of the same name
        found = []
        if path.is_dir():
            found = [f.rstrip("/") for f in folder.fs.ls(folder.path, detail=False)]
        return [path / f.rpartition("/")[2] for f in sorted(found) if f != folder.path.rstrip("/")]
    try:
        return sorted(path.iterdir(), key=lambda p: p.name)
    except FileNotFoundError:
        return []


def walk(
    folder: Path,
    cannot_enter: Callable[[OSError], None] | None = None,
    *,
    everything: bool = False,
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Every folder below one, with its folders and files, in order. Links are followed, and each
    real folder is visited only once.

    The caller may remove folders from the list. `cannot_enter` is called for folders that cannot be
    listed. With `everything`, the files include everything that is not a folder: also pipes,
    devices and broken links.
    """
    if is_remote(folder):
        top = cast(Any, folder)
        for path, folders, names in top.fs.walk(top.path, topdown=True):
            folders.sort()
            # a folder made in a web console is an object with an empty name
            yield (
                folder.joinpath(*path[len(top.path) :].strip("/").split("/")),
                folders,
                sorted(filter(None, names)),
            )
        return
    been = set()
    for path, folders, names in os.walk(folder, onerror=cannot_enter, followlinks=True):
        here = os.path.realpath(path)
        if here in been:
            folders[:] = []
            continue
        been.add(here)
        folders.sort()
        kept = names if everything else [n for n in names if os.path.isfile(os.path.join(path, n))]
        yield Path(path), folders, sorted(kept)


_UNSHOWN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def shown(name: str) -> str:
    """An untrusted name as messages show it: on one line, with control characters escaped.

    >>> shown("a\\nb.json")
    'a\\\\nb.json'
    """
    return _UNSHOWN.sub(
        lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), name
    )


def nearest_name(path: Path) -> str:
    """A question about the nearest name in the folder of a path that is not there; "" if there is
    no such name."""
    names = os.listdir(path.parent) if path.parent.is_dir() else []
    near = [] if path.name in names else get_close_matches(path.name, names, n=1)
    return f"Did you mean {near[0]!r}?" if near else ""


def make_folder(path: Path) -> None:
    if not is_remote(path):
        path.mkdir(parents=True, exist_ok=True)


def write_whole(path: Path, write: Callable[[IO[bytes]], T]) -> T:
    """Write a file that appears only when it is complete. Returns what `write` returns."""
    if is_remote(path):
        with path.open("wb") as file:
            return write(file)
    draft = path.with_name(
        f"{path.name}.{token_hex(8)}"
    )  # several nodes may write into the same folder
    try:
        with draft.open("wb") as file:
            result = write(file)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return result


def is_draft(path: Path) -> bool:
    """Was this file left behind by a killed `write_whole`?"""
    return re.fullmatch(r".*\.[0-9a-f]{16}", path.name) is not None


def remove_tree(path: Path) -> None:
    if is_remote(path):
        cast(Any, path).fs.rm(cast(Any, path).path, recursive=True)
    else:
        shutil.rmtree(path)


class Counted:
    """A file for sequential writing that counts its bytes and passes them to `update`, such as a
    digest's."""

    closed = False

    def __init__(self, file: IO[bytes], update: Callable[[bytes], Any]) -> None:
        self._file, self._update, self.size = file, update, 0

    def write(self, data: bytes) -> int:
        self._update(data)
        self._file.write(data)
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Does nothing: whoever opened the file closes it."""
