"""From nothing to a build: files fetched by the real command from real servers on loopback, kept, locked, built again."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from open_instructions.acquire.cache import Cache, Entry
from open_instructions.acquire.fetch import LARGE, Needs, Wanted
from open_instructions.errors import FetchError, InputError, UsageError
from open_instructions.planner import Fetching, bring
from open_instructions.upstream import File, Hub, Url

from .conftest import digests
from .hub_server import FakeHub, Fault
from .test_cli import oi

ROWS = json.dumps([{"q": f"How much is {n} and {n}?", "a": f"It is {2 * n}."} for n in range(400)]).encode()
SOURCE = """
from open_instructions.catalogue import Source, Subset, source
from open_instructions.schema import Draft
from open_instructions.shapes import pair
from open_instructions.upstream import File, Hub, Url

MINE = Source(
    name="mine", title="Mine", description="d", homepage="h", cost="c", attribution="a", default=("main",),
    subsets=(Subset("main", files=("mine*.json", "*.parquet"), fields=frozenset({"q", "a"}), languages=("en",), engine="human", license="CC0-1.0",
                    downloads=(DOWNLOADS), records=400, MORE),),
)


@source(MINE)
def convert(record):
    yield Draft(pair(record["q"], record["a"]))
"""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub, which is the one that commands and this process use; each test has a cache of its own."""
    with FakeHub() as running:
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setenv("OI_CACHE", str(tmp_path / "cache"))
        yield running


@pytest.fixture
def mine(tmp_path: Path) -> Callable[..., Path]:
    """A source file with these downloads, as Python."""

    def write(downloads: str, more: str = "") -> Path:
        path = tmp_path / "mine.py"
        path.write_text(SOURCE.replace("(DOWNLOADS)", downloads).replace("MORE", more))
        return path

    return write


def build(source: Path | str, out: Path, *flags: str | Path) -> subprocess.CompletedProcess[str]:
    return oi("build", "--sources", source, "--out", out, *flags)


def locked(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "oi.lock").read_text())
    return content


def lock(out: Path) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = json.loads((out / "oi.lock").read_text())["files"]
    return files


# --- plain HTTP


def test_a_plain_file_is_fetched_kept_and_built_again_offline(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.files["mine.json"] = ROWS
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    done = build(source, tmp_path / "one")
    assert done.returncode == 0, done.stderr
    assert "Fetching 1 file" in done.stderr
    assert "400 records = 400 kept" in done.stdout
    [file] = lock(tmp_path / "one")
    assert file == {
        "subsets": ["mine:main"], "name": "mine/main/mine.json", "place": f"{hub.url}/files/mine.json", "size": len(ROWS),
        "sha256": hashlib.sha256(ROWS).hexdigest(),
    }  # fmt: skip
    hub.faults.append(Fault(".", times=-1, status=500))
    again = build(source, tmp_path / "two", "--offline")
    assert again.returncode == 0, again.stderr
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert [line for line in hub.lines if "mine.json" in line] == ["HEAD /files/mine.json", "GET /files/mine.json"]


def test_a_folder_and_the_cache_make_the_same_build(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.files["mine.json"] = ROWS
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.json").write_bytes(ROWS)
    assert build(source, tmp_path / "one").returncode == 0
    assert build(source, tmp_path / "two", "--data-dir", tmp_path / "data").returncode == 0
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    assert {k: v for k, v in one.items() if k != "oi.lock"} == {k: v for k, v in two.items() if k != "oi.lock"}


def test_offline_with_nothing_says_how_to_get_it(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    done = build(source, tmp_path / "one", "--offline")
    assert done.returncode == 3
    assert f"from {hub.url}/files/mine.json" in done.stderr
    assert "oi fetch" in done.stderr
    assert hub.log == []


def test_a_mirror_takes_over_from_a_place_that_fails(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.files["mirror.json"] = ROWS
    hub.files["changed.json"] = ROWS + b"\n"
    sha = hashlib.sha256(ROWS).hexdigest()
    urls = ", ".join(f'Url("{hub.url}/files/{name}.json")' for name in ("gone", "changed", "mirror"))
    done = build(mine(f'(File("mine.json", ({urls}), {len(ROWS)}, ("{sha}",)),)'), tmp_path / "one")
    assert done.returncode == 0, done.stderr
    assert lock(tmp_path / "one")[0]["place"].endswith("/files/mirror.json")


def test_every_place_that_failed_is_named(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.files["page.json"] = b"<html>please sign in</html>"
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/gone.json"), Url("{hub.url}/files/page.json"))),)')
    done = build(source, tmp_path / "one")
    assert done.returncode == 10
    assert "the server says 404" in done.stderr and "is a web page, not the data" in done.stderr
    assert not (tmp_path / "one").exists()
    assert oi("cache").stdout.startswith("0 files")
    skipped = build(f"{source},dolly", tmp_path / "one", "--missing", "skip", "--data-dir", tmp_path)
    assert skipped.returncode == 4  # nothing to build from: no file of either


def test_a_published_count_that_is_not_met_is_said(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.files["mine.json"] = json.dumps(json.loads(ROWS)[:399]).encode()
    done = build(mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)'), tmp_path / "one")
    assert "mine:main: 399 records were found, and 400 were published" in done.stderr
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert manifest["counts"] == [{"source": "mine", "subset": "main", "published": 400, "found": 399}]


def test_a_fetch_that_is_killed_goes_on(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.files["mine.json"] = ROWS + b" " * 3_000_000
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    hub.faults.append(Fault("GET /files/", throttle=0.05))
    code = "import sys; from open_instructions.cli import main; sys.exit(main())"
    fetching = subprocess.Popen([sys.executable, "-c", code, "fetch", str(source)], start_new_session=True)
    part = tmp_path / "cache" / "files" / "mine" / "main" / "mine.json.part"
    until = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 200_000) and time.monotonic() < until:
        time.sleep(0.01)
    os.killpg(fetching.pid, signal.SIGKILL)
    fetching.wait()
    came = part.stat().st_size
    assert 200_000 < came < len(hub.files["mine.json"])
    done = oi("fetch", source)
    assert done.returncode == 0, done.stderr
    assert hub.log[-1][1]["range"] == f"bytes={came}-"
    assert part.with_name("mine.json").read_bytes() == hub.files["mine.json"]


@pytest.mark.parametrize("how", [{"throttle": 0.2}, {"delay": 60.0}, {"status": 503, "headers": {"Retry-After": "90"}, "times": -1}])
def test_ctrl_c_ends_a_fetch_at_once(hub: FakeHub, mine: Callable[..., Path], how: dict[str, Any]) -> None:
    hub.files["mine.json"] = ROWS + b" " * 10_000_000
    hub.faults.append(Fault("GET /files/", **how))
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    code = "import sys; from open_instructions.cli import main; sys.exit(main())"
    fetching = subprocess.Popen([sys.executable, "-c", code, "fetch", str(source)], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while not hub.log and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.3)
    begun = time.monotonic()
    fetching.send_signal(signal.SIGINT)
    _, said = fetching.communicate(timeout=30)
    assert time.monotonic() - begun < 2
    assert fetching.returncode == 130
    assert "Interrupted" in said and "Traceback" not in said


def test_two_processes_fetch_a_file_once(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.files["mine.json"] = ROWS
    hub.faults.append(Fault("GET /files/", delay=1.5))
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    code = "import sys; from open_instructions.cli import main; sys.exit(main())"
    both = [subprocess.Popen([sys.executable, "-c", code, "fetch", str(source)], stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [p.wait(timeout=60) for p in both] == [0, 0]
    assert [line for line in hub.lines if line.startswith("GET /files")] == ["GET /files/mine.json"]


def test_what_no_licence_would_let_through_is_not_fetched(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.files["mine.json"] = ROWS
    text = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)').read_text()
    other = text.replace('"mine"', '"other"').replace("CC0-1.0", "CC-BY-NC-4.0").replace("files/mine", "files/other")
    (tmp_path / "other.py").write_text(other)
    done = oi("build", "-s", f"{tmp_path / 'mine.py'},{tmp_path / 'other.py'}", "--licenses", "commercial", "--out", tmp_path / "one")
    assert done.returncode == 0, done.stderr
    assert "not fetched, for no row would qualify under commercial: other:main" in done.stderr
    assert not any("other.json" in line for line in hub.lines)
    # what is here already is read, and rejected row by row
    hub.files["other.json"] = ROWS
    assert oi("fetch", tmp_path / "other.py").returncode == 0
    done = oi("build", "-s", f"{tmp_path / 'mine.py'},{tmp_path / 'other.py'}", "--licenses", "commercial", "--out", tmp_path / "two")
    assert "800 records = 400 kept + 400 rejected" in done.stdout


# --- archives


def tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for name, kind in (("link.json", tarfile.SYMTYPE), ("hard.json", tarfile.LNKTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
    return buffer.getvalue()


def test_no_member_of_an_archive_leaves_its_folder(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    evil = json.dumps([{"q": "Who?", "a": "Evil."}]).encode()
    hub.files["mine.tar.gz"] = tar({"../mine1.json": evil, "/mine2.json": evil, "a/../../mine3.json": evil, "good/mine4.json": ROWS})
    before = {p for p in tmp_path.parent.rglob("*") if tmp_path not in p.parents}
    done = build(mine(f'(File("mine.tar.gz", (Url("{hub.url}/files/mine.tar.gz"),)),)'), tmp_path / "one")
    assert done.returncode == 0, done.stderr
    assert "400 records = 400 kept" in done.stdout
    assert {p for p in tmp_path.parent.rglob("*") if tmp_path not in p.parents} == before
    kept = [p.relative_to(tmp_path / "cache" / "files").as_posix() for p in (tmp_path / "cache" / "files").rglob("*") if p.is_file()]
    assert kept == ["mine/main/mine.tar.gz"]
    assert lock(tmp_path / "one")[0]["name"] == "mine/main/mine.tar.gz"


def zipped(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["zip", "gz", "tar.gz"])
def test_bombs_are_refused_by_name_of_the_limit(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    import gzip

    from open_instructions import builder, limits

    bomb = b'[{"q": "a", "a": "' + b"x" * 40_000_000 + b'"}]'
    packed = {"zip": lambda: zipped("mine.json", bomb), "gz": lambda: gzip.compress(bomb), "tar.gz": lambda: tar({"mine.json": bomb})}
    name = "mine.json.gz" if kind == "gz" else f"mine.{kind}"
    hub.files[name] = packed[kind]()
    monkeypatch.setattr(limits, "UNPACKED_FREE", 1 << 20)
    source = mine(f'(File("{name}", (Url("{hub.url}/files/{name}"),)),)')
    with pytest.raises(InputError, match=r"over 200 times \(OI_MAX_RATIO\)"):
        builder.build(str(source), out=tmp_path / "one")
    assert not (tmp_path / "one").exists()
    monkeypatch.setenv("OI_MAX_RATIO", "2000")
    assert builder.build(str(source), out=tmp_path / "one").manifest["totals"]["records_read"] == 1


def entry(**changes: Any) -> dict[str, Any]:
    return {"subsets": ["alpaca:main"], "name": "alpaca_data.json", "place": None, "size": 5, "sha256": "0" * 64} | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"subsets": ["../../../up:main"]}, {"subsets": ["alpaca:../up"]}, {"subsets": []}, {"subsets": ["alpaca"]}, {"subsets": [5]},
        {"place": "file:///etc/passwd"}, {"place": "hf://datasets/a/b@main/*.json"}, {"size": "5"}, {"name": None}, {"sha256": "../x"},
        {"sha256": None},
    ],
)  # fmt: skip
def test_a_lock_of_somebody_elses_making(tmp_path: Path, changes: dict[str, Any]) -> None:
    from open_instructions.acquire.lock import read_lock

    path = tmp_path / "oi.lock"
    content = {"format": 1, "open_instructions": "0.1.0", "sources": ["alpaca"], "recipe": {"name": "x"}, "files": [entry()]}
    path.write_text(json.dumps(content))
    assert read_lock(str(path)).sources == ("alpaca",)
    path.write_text(json.dumps(content | {"files": [entry(**changes)]}))
    with pytest.raises(InputError, match="no lock of Open Instructions"):
        read_lock(str(path))


def test_a_name_in_a_lock_leads_nowhere_else(hub: FakeHub, tmp_path: Path) -> None:
    hub.files["x"] = ROWS
    file = entry(name="../../../../up.json", place=f"{hub.url}/files/x", size=len(ROWS), sha256=hashlib.sha256(ROWS).hexdigest())
    content = {"format": 1, "open_instructions": "0.1.0", "sources": ["alpaca"], "recipe": {"name": "default"}, "files": [file]}
    (tmp_path / "oi.lock").write_text(json.dumps(content))
    before = set(tmp_path.parent.parent.rglob("up.json"))
    done = oi("build", "--locked", tmp_path / "oi.lock", "--out", tmp_path / "one")
    assert done.returncode == 10 and "is no name for a file" in done.stderr
    assert set(tmp_path.parent.parent.rglob("up.json")) == before


def test_a_lock_brings_back_sources_recipe_and_all(hub: FakeHub, tmp_path: Path, real: Path) -> None:
    """Also where only some of the files are in the folder, and some sources had none."""
    built = oi(
        "build",
        "--sources",
        "dolly,alpaca,gpt4all,gpt4llm",
        "--data-dir",
        real,
        "--missing",
        "skip",
        "--recipe",
        "vicuna",
        "--max-tokens",
        "300",
        "--out",
        tmp_path / "one",
    )
    assert built.returncode == 0, built.stderr
    said = locked(tmp_path / "one")
    assert said["sources"] == ["alpaca", "dolly", "gpt4all", "gpt4llm"]
    assert (said["recipe"]["name"], said["recipe"]["max_tokens"]) == ("vicuna", 300)
    again = oi("build", "--locked", tmp_path / "one" / "oi.lock", "--data-dir", real, "--out", tmp_path / "two")
    assert again.returncode == 0, again.stderr
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    other = oi("build", "--locked", tmp_path / "one" / "oi.lock", "--data-dir", real, "--recipe", "default", "--out", tmp_path / "three")
    assert json.loads((tmp_path / "three" / "manifest.json").read_text())["recipe"]["max_tokens"] == 4096, other.stderr


def test_what_a_lock_needs_and_nobody_has_is_listed_at_once(hub: FakeHub, tmp_path: Path) -> None:
    gone = [entry(name=name, sha256=digit * 64) for name, digit in (("a.json", "1"), ("b.json", "2"))]
    content = {"format": 1, "open_instructions": "0.1.0", "sources": ["alpaca"], "recipe": {"name": "default"}, "files": gone}
    (tmp_path / "oi.lock").write_text(json.dumps(content))
    (tmp_path / "data").mkdir()
    done = oi("build", "--locked", tmp_path / "oi.lock", "--data-dir", tmp_path / "data", "--out", tmp_path / "one")
    assert done.returncode == 3
    for name in ("a.json", "b.json"):
        assert f"{name} (alpaca:main" in done.stderr
    assert f"and is not in {tmp_path / 'data'}" in done.stderr


# --- the hub


def test_files_of_the_hub_are_pinned_at_a_commit(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    commit = hub.add("me/data", {"data/mine.json": ROWS})
    source = mine('(File("data/mine.json", (Hub("me/data", "data/mine.json"),)),)')
    assert build(source, tmp_path / "one").returncode == 0
    assert lock(tmp_path / "one")[0]["place"] == f"hf://datasets/me/data@{commit}/data/mine.json"
    listed = oi("cache").stdout
    assert "mine:main" in listed and commit in listed


def test_a_lock_brings_back_the_very_bytes(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("me/data", {"mine.json": ROWS})
    source = mine('(File("mine.json", (Hub("me/data", "mine.json"),)),)')
    assert build(source, tmp_path / "one").returncode == 0
    hub.add("me/data", {"mine.json": json.dumps(json.loads(ROWS)[:10]).encode()})
    # somebody else, next year
    monkeypatch.setenv("OI_CACHE", str(tmp_path / "other"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "other-hub"))
    again = build(source, tmp_path / "two", "--locked", tmp_path / "one" / "oi.lock")
    assert again.returncode == 0, again.stderr
    assert {k: v for k, v in digests(tmp_path / "one").items() if k != "oi.lock"} == {
        k: v for k, v in digests(tmp_path / "two").items() if k != "oi.lock"
    }
    newest = build(source, tmp_path / "three")
    assert "10 records = 10 kept" in newest.stdout
    # and what the lock took does not get in the way of what is newest, nor the other way round
    assert build(source, tmp_path / "four", "--locked", tmp_path / "one" / "oi.lock", "--offline").returncode == 0
    assert digests(tmp_path / "four") == digests(tmp_path / "two")


def test_a_lock_whose_bytes_are_gone_fails(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.files["mine.json"] = ROWS
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    assert build(source, tmp_path / "one").returncode == 0
    monkeypatch.setenv("OI_CACHE", str(tmp_path / "other"))
    hub.files["mine.json"] = ROWS.replace(b"It is 2.", b"It is 3.")
    again = build(source, tmp_path / "two", "--locked", tmp_path / "one" / "oi.lock")
    assert again.returncode == 10
    assert "other bytes than are pinned" in again.stderr
    assert not (tmp_path / "two").exists()
    # a folder with other bytes is no help either
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.json").write_bytes(hub.files["mine.json"])
    again = build(source, tmp_path / "two", "--locked", tmp_path / "one" / "oi.lock", "--data-dir", tmp_path / "data", "--offline")
    assert again.returncode == 3
    (tmp_path / "data" / "mine.json").write_bytes(ROWS)
    again = build(source, tmp_path / "two", "--locked", tmp_path / "one" / "oi.lock", "--data-dir", tmp_path / "data", "--offline")
    assert again.returncode == 0, again.stderr
    (tmp_path / "data" / "mine2.json").write_bytes(hub.files["mine.json"])
    again = build(source, tmp_path / "three", "--locked", tmp_path / "one" / "oi.lock", "--data-dir", tmp_path / "data", "--offline")
    assert again.returncode == 4
    assert "mine2.json (sha256 " in again.stderr and "is not in it" in again.stderr


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"format": 2, "files": []}', '{"format": 1}', '{"format": 1, "files": [{"name": "x"}]}',
     '{"format": 1, "files": [{"subsets": ["a:b"], "name": "x", "place": "file:///etc/passwd", "size": 1, "sha256": ""}]}'],
)  # fmt: skip
def test_a_lock_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "oi.lock").write_text(content)
    done = build("alpaca", tmp_path / "one", "--locked", tmp_path / "oi.lock")
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr


def test_the_hub_sends_other_bytes_under_the_right_size(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.is_lfs = lambda path, size: True
    hub.add("me/data", {"mine.json": ROWS})
    hub.faults.append(Fault("GET /cdn/", times=-1, rewrite=lambda body: body[:-2] + b"}]"[::-1]))
    source = mine('(File("mine.json", (Hub("me/data", "mine.json"),)),)')
    done = build(source, tmp_path / "one")
    assert done.returncode == 10
    assert "and the hub says" in done.stderr
    hub.faults.clear()
    assert build(source, tmp_path / "one").returncode == 0  # the wrong ones did not stay in the hub's cache


def test_a_file_of_the_cache_that_was_changed_is_not_read(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.files["mine.json"] = ROWS
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    assert oi("fetch", source).returncode == 0
    kept = tmp_path / "cache" / "files" / "mine" / "main" / "mine.json"
    kept.write_bytes(ROWS.replace(b"It is 2.", b"It is 3."))
    done = build(source, tmp_path / "one")
    assert done.returncode == 4
    assert "has other bytes than were fetched" in done.stderr
    verified = oi("cache", "verify")
    assert verified.returncode == 1
    assert "has another sha256 than was fetched" in verified.stderr
    (kept.parent / "left.part").write_bytes(b"x" * 10)
    pruned = oi("cache", "prune")
    assert pruned.returncode == 0 and "1 files removed" in pruned.stdout
    assert not [p for p in (tmp_path / "cache" / "files").rglob("*") if p.is_file()]
    assert build(source, tmp_path / "one").returncode == 0
    assert oi("cache", "verify").returncode == 0


def test_a_hub_that_is_busy_and_cuts_off(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.is_lfs = lambda path, size: True
    hub.add("me/data", {"mine.json": ROWS})
    hub.faults += [
        Fault("GET /api/datasets/me/data", status=503),
        Fault("GET /cdn/", cut_after=100, reset=True),
        Fault("GET /cdn/", status=500),
    ]
    done = build(mine('(File("mine.json", (Hub("me/data", "mine.json"),)),)'), tmp_path / "one")
    assert done.returncode == 0, done.stderr
    assert "400 records = 400 kept" in done.stdout


@pytest.mark.parametrize("kind", ["private", "gated", "gone"])
def test_what_the_hub_does_not_give_is_said(
    mine: Callable[..., Path], hub: FakeHub, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.tokens = {"secret": "write"}
    if kind != "gone":
        hub.add("me/data", {"mine.json": ROWS}, private=kind == "private", gated=kind == "gated")
    source = mine('(File("mine.json", (Hub("me/data", "mine.json"),)),)')
    done = build(source, tmp_path / "one")
    assert done.returncode == 10
    assert "hf auth login" in done.stderr
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert build(source, tmp_path / "one").returncode == (10 if kind == "gone" else 0)


def parquet(first: int) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table({"q": [f"How much is {first + n}?" for n in range(200)], "a": ["Much."] * 200}), buffer)
    return buffer.getvalue()


def test_a_pattern_is_all_files_that_fit_it(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    names = [f"data/train-0000{n}-of-00002-abc.parquet" for n in range(2)]
    hub.add("me/data", {name: parquet(1000 * n) for n, name in enumerate(names)} | {"data/test-00000-of-00001.parquet": parquet(0)})
    source = mine('(File("data/train-*.parquet", (Hub("me/data", "data/train-*.parquet"),)),)', 'format="parquet"')
    done = build(source, tmp_path / "one")
    assert done.returncode == 0, done.stderr
    assert "400 records = 400 kept" in done.stdout
    assert [f["name"] for f in lock(tmp_path / "one")] == [f"mine/main/{name}" for name in names]
    asked = len(hub.log)
    assert build(source, tmp_path / "two").returncode == 0
    assert len(hub.log) == asked


def test_a_part_of_a_pattern_is_not_the_whole(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    names = [f"data/train-0000{n}-of-00002-abc.parquet" for n in range(2)]
    hub.add("me/data", {name: parquet(1000 * n) for n, name in enumerate(names)})
    hub.faults.append(
        Fault(f"HEAD /datasets/me/data/resolve/.*{names[1]}", times=-1, status=404, headers={"X-Error-Code": "EntryNotFound"})
    )
    source = mine('(File("data/train-*.parquet", (Hub("me/data", "data/train-*.parquet"),)),)', 'format="parquet"')
    assert oi("fetch", source).returncode == 10
    assert build(source, tmp_path / "one", "--offline").returncode == 3
    hub.faults.clear()
    assert "2 of 2 files fetched" in oi("fetch", source).stdout
    assert "400 records = 400 kept" in build(source, tmp_path / "one").stdout


def test_the_first_fetch_is_the_pin_until_it_is_pruned(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.files["mine.json"] = ROWS
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    assert oi("fetch", source).returncode == 0
    (tmp_path / "cache" / "files" / "mine" / "main" / "mine.json").unlink()
    hub.files["mine.json"] = ROWS.replace(b"It is 2.", b"It is 3.")
    changed = oi("fetch", source)
    assert changed.returncode == 10
    assert "other bytes than are pinned" in changed.stderr
    assert oi("cache", "prune", "mine").returncode == 0
    assert oi("fetch", source).returncode == 0


def test_a_file_of_the_hub_that_was_damaged_is_not_taken_for_new(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.add("me/data", {"mine.json": ROWS})  # not in LFS: no sha256 is known of it
    source = mine('(File("mine.json", (Hub("me/data", "mine.json"),)),)')
    assert oi("fetch", source).returncode == 0
    [blob] = [p for p in Path(os.environ["HF_HOME"]).rglob("blobs/*") if p.is_file()]
    blob.write_bytes(ROWS.replace(b"It is 2.", b"It is 3."))
    assert oi("cache", "prune").returncode == 0
    assert build(source, tmp_path / "one").returncode == 0
    assert lock(tmp_path / "one")[0]["sha256"] == hashlib.sha256(ROWS).hexdigest()


def test_a_prune_beside_a_fetch_leaves_it_alone(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.files["mine.json"] = ROWS + b" " * 1_000_000
    hub.faults.append(Fault("GET /files/", throttle=0.15))
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    code = "import sys; from open_instructions.cli import main; sys.exit(main())"
    fetching = subprocess.Popen([sys.executable, "-c", code, "fetch", str(source)], stdout=subprocess.DEVNULL)
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


def test_no_network_is_said_soon(mine: Callable[..., Path], hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    source = mine(
        '(File("mine.json", (Hub("me/data", "mine.json"),)), File("more.json", (Hub("me/more", "more.json"),)), File("url.json", (Url("http://127.0.0.1:9/x"),)))'
    )
    begun = time.monotonic()
    done = oi("fetch", source)
    assert time.monotonic() - begun < 15
    assert done.returncode == 10
    assert "is there a network?" in done.stderr


def test_missing_skip_says_why_there_is_nothing(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    done = build(mine(f'(File("mine.json", (Url("{hub.url}/files/gone.json"),)),)'), tmp_path / "one", "--missing", "skip")
    assert done.returncode == 4
    assert "the server says 404" in done.stderr


@pytest.mark.parametrize("command", [["cache", "prune", "doly"], ["cache", "list", "nobody"], ["build", "--sample", "--licenses", ""]])
def test_names_that_mean_nothing_are_errors(command: list[str]) -> None:
    assert oi(*command).returncode in (2, 5)


def test_a_cache_that_cannot_be_written(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OI_CACHE", str(tmp_path / "file"))
    hub.files["mine.json"] = ROWS
    done = oi("fetch", mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)'))
    assert done.returncode in (6, 10), done.stderr
    assert "cannot be written" in done.stderr and "Traceback" not in done.stderr


def test_shards_of_two_exports_are_not_mixed(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.add("me/data", {f"data/train-00000-of-00001-{tag}.parquet": parquet(0) for tag in ("abc", "def")})
    source = mine('(File("data/train-*.parquet", (Hub("me/data", "data/train-*.parquet"),)),)', 'format="parquet"')
    done = build(source, tmp_path / "one")
    assert done.returncode == 10
    assert "the shards of more than one export" in done.stderr


# --- asking


def needs(size: int | None) -> Needs:
    place = Url("http://127.0.0.1:9/x")
    return Needs((Wanted("mine", "main", File("x", (place,), size), place, size=size),))


def test_nothing_is_fetched_where_a_person_says_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    asked: list[int] = []

    def no(needed: Needs) -> bool:
        asked.append(needed.size)
        return False

    with pytest.raises(UsageError, match="Nothing was fetched"):
        bring(needs(5), Cache(tmp_path), Fetching(confirm=no))
    assert asked == [5]


def test_a_person_is_asked_from_a_gigabyte_on_and_only_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from open_instructions.cli import fetch

    assert fetch._confirm(needs(LARGE - 1))
    assert capsys.readouterr().out == ""
    assert fetch._confirm(needs(LARGE))  # no terminal: said, not asked
    assert "1.0 GB" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda question, **_: False)
    assert not fetch._confirm(needs(LARGE))
    assert not fetch._confirm(needs(None))  # nobody says how much it is


def test_no_room_is_said_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with pytest.raises(FetchError, match="has room for"):
        bring(needs(10**18), Cache(tmp_path), Fetching())


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", "c:x"])
def test_a_name_never_leads_out_of_the_cache(tmp_path: Path, name: str) -> None:
    with pytest.raises(FetchError, match="no name for a file"):
        Cache(tmp_path).target("mine", "main", name)


def test_a_damaged_note_is_no_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    (tmp_path / "x").write_bytes(b"12")
    cache.add(Entry("mine", "main", "x", tmp_path / "x", "https://example.org/x", 2, "00"))
    assert [e.name for e in cache.entries()] == ["x"]
    for content in ("", "[]", "{}", '{"source": 5}', (tmp_path / "index/mine/main/x.json").read_text().replace("2", '"2"')):
        (tmp_path / "index/mine/main/x.json").write_text(content)
        assert cache.entries() == []
        assert cache.strangers() == [tmp_path / "index/mine/main/x.json"]


def test_places_there_and_back() -> None:
    from open_instructions.upstream import parse_place

    for place in (Hub("a/b", "c d/e.json", "main"), Url("https://example.org/x?y=1")):
        assert parse_place(str(place)) == place
    for text in ("", "ftp://x", "hf://datasets/a@b/c", "/etc/passwd"):
        with pytest.raises(ValueError):
            parse_place(text)
