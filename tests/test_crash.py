"""Builds that are killed, run out of space, lose a worker or their input: what they leave, and what
the next one makes of it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from open_instructions.building import chunks
from open_instructions.building import run as builder
from open_instructions.building.choices import Choices
from open_instructions.building.run import BuildResult, build
from open_instructions.errors import InputError, OpenInstructionsError, OutputError, UsageError
from open_instructions.ledger import Ledger
from open_instructions.paths import Counted, is_draft
from open_instructions.readers import Slab, chunk
from open_instructions.readers.chunk import Chunk
from open_instructions.store.work import held, workspace

from .conftest import alpaca, digests


def records(count: int = 400) -> list[dict[str, str]]:
    talk = "A sentence of several words that takes its time. "
    return [alpaca(f"Say {n % 350}, please.", talk * (n % 7 + 1)) for n in range(count)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "alpaca_data.json").write_text(json.dumps(records()))
    return folder


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked builds")
def test_killed_at_any_moment_the_next_build_goes_on(data: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(Path(__file__).with_name("killing.py")),
        str(data),
        str(tmp_path / "builds"),
        "7",
        "30",
    ]
    (tmp_path / "builds").mkdir()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    [expected] = [line[1] for line in lines if line[0] == "expected"]
    assert {line[1] for line in lines if line[0] in ("operation", "random")} == {expected}
    killed = [int(line[1]) for line in lines if line[0] == "killed"]
    assert len([line for line in lines if line[0] == "operation"]) >= 20
    assert len(killed) >= 15
    assert max(killed) > 3, "no kill in the middle of the chunks"


def test_no_process_outlives_a_killed_build(data: Path, tmp_path: Path) -> None:
    code = (
        "from open_instructions import build; from open_instructions.readers import chunk;"
        f" chunk.CHUNK_RECORDS = 5; build('alpaca', data_dir={str(data)!r},"
        f" out={str(tmp_path / 'out')!r}, workers=2)"
    )
    running = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    limit = time.monotonic() + 60
    while not list(tmp_path.glob(".out.*/chunks/*.json")) and time.monotonic() < limit:
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)  # the parent alone
    running.wait()
    limit = time.monotonic() + 10
    while _group(running.pid) and time.monotonic() < limit:
        time.sleep(0.05)
    assert _group(running.pid) == []


def _group(leader: int) -> list[int]:
    """The processes of a group that are no zombies."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_a_worker_that_is_killed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk, "CHUNK_RECORDS", 20)
    expected = digests(build("alpaca", data_dir=data, out=tmp_path / "whole", workers=1).path)
    out = tmp_path / "out"

    def kill_one(step: Any) -> None:
        children = subprocess.run(
            ["pgrep", "-P", str(os.getpid()), "-f", "spawn_main"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        if children:
            os.kill(int(children[0]), signal.SIGKILL)

    with pytest.raises(OpenInstructionsError, match="A worker process died"):
        build("alpaca", data_dir=data, out=out, workers=2, progress=kill_one)
    assert not out.exists()
    announced: list[int] = []
    result = build(
        "alpaca",
        data_dir=data,
        out=out,
        workers=2,
        announce=lambda job, done: announced.append(done),
    )
    assert announced[0] > 0
    assert digests(result.path) == expected


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("at", [0, 40, 200])
def test_a_disk_that_gives_up_among_the_chunks(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, at: int
) -> None:
    monkeypatch.setattr(chunk, "CHUNK_RECORDS", 50)
    expected = digests(build("alpaca", data_dir=data, out=tmp_path / "whole", workers=1).path)
    real, count = Counted.write, 0

    def failing(self: Any, block: bytes) -> int:
        nonlocal count
        count += 1
        if count > at:
            real(self, block[: len(block) // 2])
            raise OSError(number, os.strerror(number))
        return real(self, block)

    with monkeypatch.context() as patch:
        patch.setattr(Counted, "write", failing)
        with pytest.raises(OutputError, match=os.strerror(number)):
            build("alpaca", data_dir=data, out=tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()
    left = list(tmp_path.glob(".out.*/chunks/*"))
    assert not [p for p in left if is_draft(p)], "half a file takes the space that is wanted"
    finished = len([p for p in left if p.suffix == ".json"])
    assert (finished > 0) == (at == 200)
    announced: list[int] = []
    again = build(
        "alpaca",
        data_dir=data,
        out=tmp_path / "out",
        workers=1,
        announce=lambda job, done: announced.append(done),
    )
    assert announced == [finished]
    assert digests(again.path) == expected


def test_a_disk_that_gives_up_among_the_shards(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    before = digests(build("alpaca", data_dir=data, out=tmp_path / "out", workers=1).path)

    def failing(self: Any, *args: Any, **named: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_table", failing)
        with pytest.raises(
            OutputError, match=r"No space left on device\. Free some space, and run"
        ):
            build(
                "alpaca",
                data_dir=data,
                out=tmp_path / "out",
                workers=1,
                max_tokens=64,
                overwrite=True,
            )
    assert digests(tmp_path / "out") == before


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small file system"
)
def test_a_disk_that_is_full(data: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    ).returncode:
        pytest.skip("mount is not allowed here")
    try:
        with pytest.raises(OutputError, match=r"No space left|not be written"):
            build("alpaca", data_dir=data, out=disk / "out", workers=1)
        assert not (disk / "out").exists()
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        assert (
            build("alpaca", data_dir=data, out=disk / "out", workers=1).manifest.totals[
                "records_read"
            ]
            == 400
        )
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_file_that_changes_between_two_runs_is_read_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk, "CHUNK_RECORDS", 50)

    def stop(step: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build("alpaca", data_dir=data, out=tmp_path / "out", workers=1, progress=stop)
    assert list(tmp_path.glob(".out.*.part/chunks/*.json"))
    (data / "alpaca_data.json").write_text(
        json.dumps([*records(399), alpaca("Another?", "Another.")])
    )
    announced: list[int] = []
    result = build(
        "alpaca",
        data_dir=data,
        out=tmp_path / "out",
        workers=1,
        announce=lambda job, done: announced.append(done),
    )
    assert announced == [0]
    assert digests(result.path) == digests(
        build("alpaca", data_dir=data, out=tmp_path / "whole", workers=1).path
    )


def test_a_file_that_changes_while_it_is_read(data: Path, tmp_path: Path) -> None:
    def change(step: Any) -> None:
        with (data / "alpaca_data.json").open("a") as file:
            file.write(" ")

    with pytest.raises(InputError, match="changed while it was read"):
        build("alpaca", data_dir=data, out=tmp_path / "out", workers=1, progress=change)
    assert not (tmp_path / "out").exists()


def test_what_is_not_ours_in_out_is_never_replaced(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build("alpaca", data_dir=data, out=out, workers=1)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"has notes\.txt, which is not part of a build"):
        build("alpaca", data_dir=data, out=out, workers=1, max_tokens=50, overwrite=True)
    (out / "notes.txt").unlink()
    (out / "data" / "alpaca_data.json").write_bytes((data / "alpaca_data.json").read_bytes())
    with pytest.raises(OutputError, match=r"has alpaca_data\.json"):
        build("alpaca", data_dir=out / "data", out=out, workers=1, max_tokens=50, overwrite=True)
    assert (out / "data" / "alpaca_data.json").exists()


def test_a_build_that_was_being_replaced_comes_back(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    whole = digests(build("alpaca", data_dir=data, out=out, workers=1).path)
    out.rename(tmp_path / ".out.old")  # killed between the two renames
    out.mkdir()
    assert build("alpaca", data_dir=data, out=out, workers=1).unchanged
    assert digests(out) == whole
    assert sorted(p.name for p in tmp_path.iterdir() if "out" in p.name) == ["out"]
    (tmp_path / ".out.old").mkdir()
    (tmp_path / ".out.old" / "thesis").touch()
    with pytest.raises(OutputError, match=r"\.out\.old has thesis, which is not part of a build"):
        build("alpaca", data_dir=data, out=out, workers=1, max_tokens=50, overwrite=True)
    assert (tmp_path / ".out.old" / "thesis").exists()
    assert digests(out) == whole


def test_a_file_in_the_place_of_the_old_build_is_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / ".out.old").write_text("mine")
    with pytest.raises(OutputError, match=r"\.out\.old is not a folder; it was left as it is\."):
        build("alpaca", data_dir=data, out=tmp_path / "out", workers=1)
    assert (tmp_path / ".out.old").read_text() == "mine"


@pytest.mark.parametrize("late", [False, True])
def test_interrupted_between_the_two_renames(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    out = tmp_path / "out"
    earlier = digests(build("alpaca", data_dir=data, out=out, workers=1).path)
    rename = Path.rename

    def interrupted(path: Path, target: Path) -> Path:
        if path.name != "ready":
            return rename(path, target)
        if late:
            rename(path, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "rename", interrupted)
        build("alpaca", data_dir=data, out=out, workers=1, max_tokens=50, overwrite=True)
    assert (digests(out) == earlier) == (not late)
    assert (
        build("alpaca", data_dir=data, out=out, workers=1, max_tokens=50, overwrite=True).unchanged
        == late
    )
    assert sorted(p.name for p in tmp_path.iterdir() if "out" in p.name) == ["out"]


def test_the_removal_of_the_build_before_is_finished(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    earlier = build("alpaca", data_dir=data, out=out, workers=1).path
    shutil.copytree(earlier, tmp_path / ".out.old")
    (tmp_path / ".out.old" / "manifest.json").unlink()  # killed in the middle of it
    build("alpaca", data_dir=data, out=out, workers=1, max_tokens=50, overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir() if "out" in p.name) == ["out"]


def test_a_damaged_chunk_is_done_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk, "CHUNK_RECORDS", 100)
    expected = digests(build("alpaca", data_dir=data, out=tmp_path / "whole", workers=1).path)

    def stop(step: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build("alpaca", data_dir=data, out=tmp_path / "out", workers=1, progress=stop)
    [file] = tmp_path.glob(".out.*.part/chunks/00000000.data.arrow")
    file.write_bytes(file.read_bytes()[:-9] + b"otherbyte")
    assert digests(build("alpaca", data_dir=data, out=tmp_path / "out", workers=1).path) == expected


def test_restart_forgets(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk, "CHUNK_RECORDS", 100)

    def stop(step: Any) -> None:
        raise KeyboardInterrupt

    for restart, done in ((False, 0), (False, 1), (True, 0)):
        announced: list[int] = []
        with pytest.raises(KeyboardInterrupt):
            build(
                "alpaca",
                data_dir=data,
                out=tmp_path / "out",
                workers=1,
                progress=stop,
                restart=restart,
                announce=lambda job, n, a=announced: a.append(n),
            )  # type: ignore[misc]
        assert announced == [done]


def test_what_another_build_left_is_not_touched(
    make: Callable[..., BuildResult], tmp_path: Path
) -> None:
    other = [tmp_path / f".out.2.{'0' * 16}.part", tmp_path / ".out.2.old", tmp_path / ".outer.old"]
    mine = tmp_path / f".out.{'0' * 16}.part"
    for folder in (*other, mine):
        folder.mkdir()
    make({"alpaca_data.json": [alpaca()]})
    assert [folder.exists() for folder in (*other, mine)] == [True, True, True, False]


def test_two_builds_into_one_folder(make: Callable[..., BuildResult], tmp_path: Path) -> None:
    with held(tmp_path / "out"), workspace(tmp_path / "out", "f" * 16, restart=False) as work:
        (work / "chunks" / "mine").touch()
        with pytest.raises(OutputError, match="Another build into"):
            make({"alpaca_data.json": [alpaca()]})
        assert (work / "chunks" / "mine").exists()
    assert make({"alpaca_data.json": [alpaca()]}).manifest.totals["rows"] == 1


def test_a_worker_with_another_version_is_told_apart(tmp_path: Path) -> None:
    job = builder.plan(Choices("alpaca", sample=True, out=tmp_path / "out"))
    [work] = chunks.chunks_of(job, Ledger(), [], slabs=True)
    with pytest.raises(UsageError, match="another version of Open Instructions"):
        chunks.process(
            work, recipe=job.recipe, refs={}, steps=(), stages=(), folder=tmp_path, code="0" * 64
        )
    assert not list(tmp_path.iterdir())


def test_other_bytes_in_the_same_place_make_another_chunk(tmp_path: Path) -> None:
    slab = Slab(tmp_path / "x.json", 10, 20, 3, 1, lines=False)
    chunk = Chunk(0, "alpaca", "main", "x.json", {}, [], 0.5, slab)
    others = [
        (chunk, b'{"a": 22}'),
        (chunk._replace(slab=slab._replace(row=4)), b'{"a": 11}'),
        (chunk._replace(slab=slab._replace(start=9)), b'{"a": 11}'),
        (chunk._replace(subset="cleaned"), b'{"a": 11}'),
        (chunk._replace(header={"type": "t"}), b'{"a": 11}'),
    ]
    assert len({chunk.digest(b'{"a": 11}'), *(other.digest(data) for other, data in others)}) == 6
    moved = chunk._replace(slab=slab._replace(path=tmp_path / "y" / "x.json"))
    assert moved.digest(b'{"a": 11}') == chunk.digest(b'{"a": 11}')
