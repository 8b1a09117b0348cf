"""What was fetched: kept, verified, pruned, pinned, beside other processes and with damage."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from open_instructions.errors import FetchError
from open_instructions.inputs.cache import Cache, CacheEntry

from .fetching import ROWS, build, lock
from .hub_server import FakeHub, Fault
from .test_cli import oi


def test_two_processes_fetch_a_file_once(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.files["mine.json"] = ROWS
    hub.faults.append(Fault("GET /files/", delay=1.5))
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    code = "from open_instructions.cli import run; run()"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, "fetch", str(source)], stdout=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    assert [p.wait(timeout=60) for p in both] == [0, 0]
    assert [line for line in hub.lines if line.startswith("GET /files")] == ["GET /files/mine.json"]


def test_a_file_of_the_cache_that_was_changed_is_not_read(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.files["mine.json"] = ROWS
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    assert oi("fetch", source).returncode == 0
    kept = tmp_path / "cache" / "files" / "mine" / "main" / "mine.json"
    kept.write_bytes(ROWS.replace(b"It is 2.", b"It is 3."))
    done = build(source, tmp_path / "one")
    assert done.returncode == 4
    assert "has changed since it was fetched" in done.stderr
    verified = oi("cache", "verify")
    assert verified.returncode == 1
    assert "has changed since it was fetched" in verified.stderr
    (kept.parent / "left.part").write_bytes(b"x" * 10)
    pruned = oi("cache", "prune")
    assert pruned.returncode == 0 and "1 file removed" in pruned.stdout
    assert not [p for p in (tmp_path / "cache" / "files").rglob("*") if p.is_file()]
    assert build(source, tmp_path / "one").returncode == 0
    assert oi("cache", "verify").returncode == 0


def test_the_first_fetch_is_the_pin_until_it_is_pruned(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.files["mine.json"] = ROWS
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    assert oi("fetch", source).returncode == 0
    (tmp_path / "cache" / "files" / "mine" / "main" / "mine.json").unlink()
    hub.files["mine.json"] = ROWS.replace(b"It is 2.", b"It is 3.")
    changed = oi("fetch", source)
    assert changed.returncode == 10
    assert "has changed: its sha256 is" in changed.stderr
    assert oi("cache", "prune", "mine").returncode == 0
    assert oi("fetch", source).returncode == 0


def test_a_file_of_the_hub_that_was_damaged_is_not_taken_for_new(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.add("me/data", {"mine.json": ROWS})  # not in LFS: no sha256 is known of it
    source = mine('(File("mine.json", (Hub("me/data", "mine.json"),)),)')
    assert oi("fetch", source).returncode == 0
    [blob] = [p for p in Path(os.environ["HF_HOME"]).rglob("blobs/*") if p.is_file()]
    blob.write_bytes(ROWS.replace(b"It is 2.", b"It is 3."))
    assert oi("cache", "prune").returncode == 0
    assert build(source, tmp_path / "one").returncode == 0
    assert lock(tmp_path / "one")[0]["sha256"] == hashlib.sha256(ROWS).hexdigest()


def test_a_prune_beside_a_fetch_leaves_it_alone(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.files["mine.json"] = ROWS + b" " * 1_000_000
    hub.faults.append(Fault("GET /files/", throttle=0.15))
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    code = "from open_instructions.cli import run; run()"
    fetching = subprocess.Popen(
        [sys.executable, "-c", code, "fetch", str(source)], stdout=subprocess.DEVNULL
    )
    part = tmp_path / "cache" / "files" / "mine" / "main" / "mine.json.part"
    until = time.monotonic() + 30
    while not part.exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert oi("cache", "prune").returncode == 0
    assert fetching.wait(timeout=60) == 0
    assert part.with_name("mine.json").read_bytes() == hub.files["mine.json"]
    part.write_bytes(b"left")
    assert oi("cache", "prune").returncode == 0
    assert not part.exists()


def test_a_cache_that_cannot_be_written(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OI_CACHE", str(tmp_path / "file"))
    hub.files["mine.json"] = ROWS
    done = oi("fetch", mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)'))
    assert done.returncode in (6, 10), done.stderr
    assert "cannot be written" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", "c:x"])
def test_a_name_never_leads_out_of_the_cache(tmp_path: Path, name: str) -> None:
    with pytest.raises(FetchError, match="not a valid file name"):
        Cache(tmp_path).target("mine", "main", name)


def test_a_damaged_note_is_no_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    (tmp_path / "x").write_bytes(b"12")
    cache.add(CacheEntry("mine", "main", "x", tmp_path / "x", "https://example.org/x", 2, "00"))
    assert [e.name for e in cache.entries()] == ["x"]
    good = (tmp_path / "index/mine/main/x.json").read_text()
    for content in (
        "",
        "[]",
        "{}",
        '{"source": 5}',
        good.replace("2", '"2"'),
        good.replace("https://", "file:///"),
    ):
        (tmp_path / "index/mine/main/x.json").write_text(content)
        assert cache.entries() == []
        assert cache.strangers() == [tmp_path / "index/mine/main/x.json"]
