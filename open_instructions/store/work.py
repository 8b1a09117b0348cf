"""The folder of a running build, hidden beside OUT; it is published by renaming.

    .OUT.lock                 held while a build into OUT runs; released when the process ends
    .OUT.<fingerprint>.part/  finished chunks of this recipe, input and version
    .OUT.old                  the build that is being replaced, for the moment between two renames

A killed run leaves its folder, and the same build resumes from it. OUT never holds half a build.

An object store has no renames and no locks. There objects are copied into place, the manifest last.
Meanwhile this object exists:

    .OUT.publishing           OUT is not a build yet; a run that finds this clears OUT

There the user must not run two builds into one OUT at the same time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ConverterError, EmptyBuildError, LedgerError, OutputError, UsageError
from ..paths import children, is_draft, is_remote, make_folder, remove_tree
from .names import MANIFEST, PAGES, SHARD, TABLES

CHUNKS, READY = "chunks", "ready"
PUBLISHING = "publishing"


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Lock OUT for one build, and repair it if a build was killed while replacing it.

    Raises OutputError if another process builds into OUT, or nothing can be written beside it.
    """
    from filelock import FileLock, Timeout

    if is_remote(out):
        _mend_copies(out)
        yield
        return
    lock = FileLock(_beside(out, "lock"))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        Path(
            lock.lock_file
        ).touch()  # fails if nothing can be written here, where the lock would wait forever
        lock.acquire(timeout=0)
    except Timeout as error:
        raise OutputError(
            f"Another build into {out} is running.",
            hint="Wait for it, or choose another folder with --out.",
        ) from error
    except (OSError, NotImplementedError) as error:  # the latter on file systems without locks
        raise unwritable(out, error) from error
    try:
        _mend(out)
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def unwritable(out: Path, error: OSError | NotImplementedError) -> OutputError:
    """The error that OUT cannot be written, and why."""
    file = next((p for p in out.parents if os.path.exists(p) and not os.path.isdir(p)), None)
    why = f"{file} is a file" if file else getattr(error, "strerror", None) or str(error)
    return OutputError(f"{out} cannot be written: {why}.", hint="Choose another folder with --out.")


@contextmanager
def workspace(out: Path, fingerprint: str, *, restart: bool) -> Iterator[Path]:
    """The folder for a build into OUT, with `chunks` and an empty `ready` in it. It is removed
    after the build is published, and kept if the build is interrupted."""
    work = _beside(out, f"{fingerprint[:16]}.part")
    clear(out, keep=None if restart else work)
    make_folder(work / CHUNKS)
    for path in () if is_remote(work) else children(work / CHUNKS):
        if is_draft(path):
            path.unlink()
    if (work / READY).exists():
        remove_tree(work / READY)
    make_folder(work / READY)
    try:
        yield work
    except (
        ConverterError,
        EmptyBuildError,
        LedgerError,
        UsageError,
    ):  # the next run would fail too
        remove_tree(work)
        raise
    remove_tree(work)


def clear(out: Path, keep: Path | None = None) -> None:
    """Remove what interrupted builds into OUT left behind, except the folder `keep`."""
    for path in left_behind(out):
        if path != keep and path.name.endswith(".part"):
            remove_tree(path)


def left_behind(out: Path) -> list[Path]:
    """What interrupted builds into OUT left beside it."""
    ours = re.compile(
        rf"\.{re.escape(out.name)}\.(?:[0-9a-f]{{16}}\.part|old|lock)"
    )  # but not what belongs to a build called OUT.2
    return [p for p in children(out.parent) if ours.fullmatch(p.name)]


def check_replaceable(out: Path, needed: Iterable[Path]) -> None:
    """Raises OutputError if replacing OUT would remove more than a build: files of the user's, or
    files that the build reads."""
    inside = [
        p
        for p in needed
        if is_remote(p) == is_remote(out)
        and (p if is_remote(p) else p.resolve()).is_relative_to(out)
    ]
    _refuse([*_strangers(out), *(p.name for p in inside)], out)
    if not is_remote(out) and (out.is_mount() or out == Path.cwd()):
        raise OutputError(
            f"{out} cannot be replaced as a whole.", hint="Choose a folder in it with --out."
        )


def _strangers(out: Path) -> list[str]:
    """The names of files in OUT that are not part of a build."""
    shards = [p for kind in TABLES for p in children(out / kind)]
    return [p.name for p in children(out) if p.name not in (*PAGES, MANIFEST, *TABLES)] + [
        p.name for p in shards if not SHARD.fullmatch(p.name)
    ]


def _refuse(strange: list[str], out: Path) -> None:
    if strange:
        raise _foreign(f"{out} has {strange[0]}, which is not part of a build")


def _foreign(problem: str) -> OutputError:
    return OutputError(
        f"{problem}; it was left as it is.", hint="Choose another folder with --out."
    )


def publish(ready: Path, out: Path) -> None:
    """Rename a complete build into place; an old build is removed only after that."""
    if is_remote(out):
        _copy_into_place(ready, out)
        return
    old = _beside(out, "old")
    if not out.exists():
        ready.rename(out)
        return
    out.rename(old)
    try:
        ready.rename(out)
    except (OSError, KeyboardInterrupt):
        if not out.exists():
            old.rename(out)
        raise
    _remove_build(old)


def _remove_build(old: Path) -> None:
    """Remove a build, its manifest first: if the removal is interrupted, the rest does not look
    like a build."""
    (old / MANIFEST).unlink(missing_ok=True)
    remove_tree(old)


def _mend(out: Path) -> None:
    """Finish or undo a replacement that was interrupted. Raises OutputError if something that is
    not a build is in the place of the old one."""
    old = _beside(out, "old")
    if not old.exists():
        return
    if not old.is_dir():
        raise _foreign(f"{old} is not a folder")
    _refuse(_strangers(old), old)
    if out.is_dir() and not any(out.iterdir()):
        out.rmdir()
    if out.exists() or not (old / MANIFEST).is_file():
        _remove_build(old)
    else:
        old.rename(out)


def _copy_into_place(ready: Path, out: Path) -> None:
    """Replace OUT without a rename. Between the removal of the old manifest and the writing of the
    new one, OUT is not a build, and is marked as such."""
    mark = _beside(out, PUBLISHING)
    mark.write_text(ready.parent.name)
    _clear_copies(out)
    files = [p for p in ready.rglob("*") if p.is_file()]
    for path in sorted(files, key=lambda p: p.name == MANIFEST):
        path.rename(out / path.relative_to(ready).as_posix())
    mark.unlink()


def _mend_copies(out: Path) -> None:
    """Remove what a killed run copied: the same build makes it again from its finished chunks."""
    mark = _beside(out, PUBLISHING)
    if mark.exists():
        if not (
            out / MANIFEST
        ).exists():  # it is removed first and written last: with it, a build is complete
            _refuse(_strangers(out), out)
            _clear_copies(out)
        mark.unlink()


def _clear_copies(out: Path) -> None:
    """Remove a build from OUT, and nothing else. The manifest goes first, so that the rest never
    looks like a build."""
    shards = [path for kind in TABLES for path in children(out / kind)]
    for path in (out / MANIFEST, *(out / page for page in PAGES), *shards):
        if path.is_file():
            path.unlink()


def half_published(out: Path) -> bool:
    """Was a run killed while it copied a build into OUT, in an object store?"""
    return is_remote(out) and _beside(out, PUBLISHING).exists()


def _beside(out: Path, ending: str) -> Path:
    return out.with_name(f".{out.name}.{ending}")
