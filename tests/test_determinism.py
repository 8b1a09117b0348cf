"""Nothing of the way that a build ran shows in its bytes."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from open_instructions.building.run import build
from open_instructions.inputs import samples_dir

from .conftest import digests

PACKAGE = Path(__file__).resolve().parent.parent


def test_one_worker_or_two_the_same_bytes(tmp_path: Path) -> None:
    for workers in (1, 2):
        build("all", sample=True, out=tmp_path / str(workers), workers=workers)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


def test_chunk_size_does_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build("all", sample=True, out=tmp_path / "a", workers=1)
    monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", 3)
    build("all", sample=True, out=tmp_path / "b", workers=1)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_time_zone_locale_hash_seed_and_folder_do_not_show(tmp_path: Path) -> None:
    for name, seed, zone in (("a", "1", "UTC"), ("b", "77", "Asia/Tokyo")):
        folder = tmp_path / f"cwd-{name}"
        folder.mkdir()
        code = f"import open_instructions as oi; oi.build('alpaca,sharegpt:v3,lmflow', sample=True, out={str(tmp_path / name)!r})"
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"}
        subprocess.run([sys.executable, "-c", code], env=environment, cwd=folder, check=True)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_the_order_of_sources_does_not_show(tmp_path: Path) -> None:
    build("dolly,alpaca", sample=True, out=tmp_path / "a")
    build("alpaca,dolly", sample=True, out=tmp_path / "b")
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_a_script_without_a_main_guard_may_use_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import open_instructions as oi\nprint(oi.build('dolly', sample=True, out={str(tmp_path / 'out')!r}, workers=2))\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.count("dolly:main") == 1


# --- what others read


def test_no_way_of_running_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seeded sweep over chunk sizes, parts of the exchange, workers, interruptions and the order
    of files: one digest."""
    rng = random.Random(20)
    source = samples_dir()
    expected = digests(
        build("all", data_dir=source, missing="skip", out=tmp_path / "expected", workers=1).path
    )
    for turn in range(8):
        monkeypatch.setattr(
            "open_instructions.readers.chunk.CHUNK_RECORDS", rng.choice([1, 2, 7, 50, 2000])
        )
        monkeypatch.setattr(
            "open_instructions.readers.chunk.CHUNK_CHARS", rng.choice([500, 20_000, 2 << 20])
        )
        monkeypatch.setattr("open_instructions.merge.rounds.PART", rng.choice([20, 150, 500_000]))
        monkeypatch.setattr("open_instructions.merge.rounds.GROUP", rng.choice([1, 3, 256]))
        data, out = tmp_path / f"data{turn}", tmp_path / f"out{turn}"
        files = [p for p in source.rglob("*") if p.is_file()]
        for file in rng.sample(files, len(files)):  # a folder lists files as they came
            copy = data / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
        stop = rng.choice([0, 1, 5, 20])

        def interrupt(step: Any, seen: list[Any] = [], stop: int = stop) -> None:  # noqa: B006 - counts its calls
            seen.append(step)
            if len(seen) == stop:
                raise KeyboardInterrupt

        workers = 2 if turn == 7 else 1
        with contextlib.suppress(KeyboardInterrupt):
            build(
                "all", data_dir=data, missing="skip", out=out, workers=workers, progress=interrupt
            )
        assert (
            digests(build("all", data_dir=data, missing="skip", out=out, workers=workers).path)
            == expected
        )
