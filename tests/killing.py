"""Runs builds and kills them, for test_crash.py: a process of its own that has imported everything
and forks for each build.

    python killing.py DATA FOLDER SEED TIMES

Each build is killed a random moment after a random number of its chunks was finished, and the next
goes on; where one came to its end, its digest is printed and the folder cleared. Before that, one
build is killed at each file operation of its last phase.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow.parquet  # noqa: F401 - imported before the forks

from open_instructions.building import run as builder
from open_instructions.readers import chunk
from open_instructions.reports.check import check
from open_instructions.stages.language import detect
from open_instructions.tokens import tokenizer

DATA, FOLDER = Path(sys.argv[1]), Path(sys.argv[2])
OUT = FOLDER / "out"
chunk.CHUNK_RECORDS = 40


def digest(path: Path) -> str:
    seen = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        seen.update(file.relative_to(path).as_posix().encode() + file.read_bytes())
    return seen.hexdigest()


def forked(work: Callable[[], object]) -> int:
    """The id of a child that does this and ends."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - said, and the child ends
        print("failed", repr(error), flush=True)
        os._exit(1)


def build(out: Path = OUT, max_tokens: int = 100) -> object:
    return builder.build(
        "all",
        data_dir=DATA,
        missing="skip",
        out=out,
        workers=1,
        overwrite=True,
        max_tokens=max_tokens,
    )


def dying_at(operation: int) -> None:
    """A build that kills itself before the given one of its file operations: renames, removals,
    folders, and each file of the build that it replaces."""
    count, replaced = 0, False

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **named: object) -> object:
            nonlocal count
            count += 1
            if count == operation:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **named)

        return call

    for owner, name in (
        (pathlib.Path, "rename"),
        (pathlib.Path, "replace"),
        (pathlib.Path, "unlink"),
        (pathlib.Path, "mkdir"),
        (shutil, "rmtree"),
    ):
        setattr(owner, name, counted(getattr(owner, name)))
    unlink, counted_unlink, rmtree = os.unlink, counted(os.unlink), shutil.rmtree

    def one_by_one(path: Path) -> None:
        nonlocal replaced
        replaced = path.name.endswith(".old")
        rmtree(path)
        replaced = False

    os.unlink = lambda *args, **named: (counted_unlink if replaced else unlink)(*args, **named)  # type: ignore[assignment]
    shutil.rmtree = one_by_one  # type: ignore[assignment]
    build()


def notes() -> list[Path]:
    """Of the chunks that are finished."""
    return list(FOLDER.glob(".out.*.part/chunks/*.json"))


def whole_or_absent() -> None:
    if OUT.exists():
        assert check(OUT), "OUT is half a build"


def main() -> None:
    detect("warm"), tokenizer().count("warm")
    rng = random.Random(int(sys.argv[3]))
    started = time.monotonic()
    assert os.waitpid(forked(lambda: build(FOLDER / "whole")), 0)[1] == 0
    took = time.monotonic() - started
    print("expected", digest(FOLDER / "whole"), flush=True)

    assert os.waitpid(forked(lambda: build(FOLDER / "earlier", max_tokens=50)), 0)[1] == 0
    earlier = digest(FOLDER / "earlier")
    # an earlier build lies in OUT: at any moment it is that one, or the new one, or between two
    # renames none
    operation, ended = 0, False
    while not ended:
        operation += 1
        shutil.rmtree(OUT, ignore_errors=True)
        shutil.copytree(FOLDER / "earlier", OUT)
        ended = os.waitpid(forked(partial(dying_at, operation)), 0)[1] == 0
        assert not OUT.exists() or digest(OUT) in (earlier, digest(FOLDER / "whole"))
        assert os.waitpid(forked(build), 0)[1] == 0
        print("operation", digest(OUT), flush=True)
        left = [p.name for p in FOLDER.iterdir() if p.name.startswith(".")]
        assert left == [], left

    shutil.rmtree(OUT)
    for _ in range(int(sys.argv[4])):
        child = forked(build)
        until = min(len(notes()) + rng.randrange(5), 10)  # finished chunks, of 10
        while (
            len(notes()) < until
            and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        ):
            time.sleep(0.001)
        time.sleep(
            rng.random() * took / (1 if until == 10 else 30)
        )  # behind the last chunk lies the merge
        os.kill(child, signal.SIGKILL)
        ended = os.waitpid(child, 0)[1] == 0
        whole_or_absent()
        print("killed" if not ended else "ended", len(notes()), flush=True)
        if OUT.exists():
            print("random", digest(OUT), flush=True)
            shutil.rmtree(OUT)
    assert os.waitpid(forked(build), 0)[1] == 0
    print("random", digest(OUT), flush=True)


main()
