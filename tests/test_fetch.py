"""From nothing to a build: files fetched by the real command from real servers on loopback."""

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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from open_instructions.catalogue.published import File, Hub, Url
from open_instructions.errors import EmptyBuildError, FetchError, InputError, UsageError
from open_instructions.inputs.cache import Cache
from open_instructions.inputs.fetch import LARGE, Needs, WantedFile
from open_instructions.inputs.fetching import Fetching, bring

from .conftest import digests
from .fetching import ROWS, build, lock
from .hub_server import FakeHub, Fault
from .test_cli import oi

# --- plain HTTP


def test_a_plain_file_is_fetched_kept_and_built_again_offline(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.files["mine.json"] = ROWS
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    done = build(source, tmp_path / "one")
    assert done.returncode == 0, done.stderr
    assert "Fetching 1 file" in done.stderr
    assert "400 records = 400 kept" in done.stdout
    [file] = lock(tmp_path / "one")
    assert file == {
        "subsets": ["mine:main"],
        "name": "mine/main/mine.json",
        "place": f"{hub.url}/files/mine.json",
        "size": len(ROWS),
        "sha256": hashlib.sha256(ROWS).hexdigest(),
    }
    hub.faults.append(Fault(".", times=-1, status=500))
    again = build(source, tmp_path / "two", "--offline")
    assert again.returncode == 0, again.stderr
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert [line for line in hub.lines if "mine.json" in line] == [
        "HEAD /files/mine.json",
        "GET /files/mine.json",
    ]


def test_a_folder_and_the_cache_make_the_same_build(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.files["mine.json"] = ROWS
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.json").write_bytes(ROWS)
    assert build(source, tmp_path / "one").returncode == 0
    assert build(source, tmp_path / "two", "--data-dir", tmp_path / "data").returncode == 0
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    assert {k: v for k, v in one.items() if k != "oi.lock"} == {
        k: v for k, v in two.items() if k != "oi.lock"
    }


def test_offline_with_nothing_says_how_to_get_it(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    done = build(source, tmp_path / "one", "--offline")
    assert done.returncode == 3
    assert f"from {hub.url}/files/mine.json" in done.stderr
    assert "oi fetch" in done.stderr
    assert hub.log == []


def test_a_mirror_takes_over_from_a_place_that_fails(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.files["mirror.json"] = ROWS
    hub.files["changed.json"] = ROWS + b"\n"
    sha = hashlib.sha256(ROWS).hexdigest()
    urls = ", ".join(
        f'Url("{hub.url}/files/{name}.json")' for name in ("gone", "changed", "mirror")
    )
    done = build(mine(f'(File("mine.json", ({urls}), {len(ROWS)}, ("{sha}",)),)'), tmp_path / "one")
    assert done.returncode == 0, done.stderr
    assert lock(tmp_path / "one")[0]["place"].endswith("/files/mirror.json")


def test_every_place_that_failed_is_named(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.files["page.json"] = b"<html>please sign in</html>"
    source = mine(
        f'(File("mine.json", (Url("{hub.url}/files/gone.json"),'
        f' Url("{hub.url}/files/page.json"))),)'
    )
    done = build(source, tmp_path / "one")
    assert done.returncode == 10
    assert "the server says 404" in done.stderr and "is a web page, not the data" in done.stderr
    assert not (tmp_path / "one").exists()
    assert oi("cache").stdout.startswith("0 files")
    skipped = build(
        f"{source},dolly", tmp_path / "one", "--missing", "skip", "--data-dir", tmp_path
    )
    assert skipped.returncode == 4  # nothing to build from: no file of either


def test_a_published_count_that_is_not_met_is_said(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.files["mine.json"] = json.dumps(json.loads(ROWS)[:399]).encode()
    done = build(
        mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)'), tmp_path / "one"
    )
    assert "mine:main: 399 records were found, and 400 were published" in done.stderr
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert manifest["counts"] == [
        {"source": "mine", "subset": "main", "published": 400, "found": 399}
    ]


def test_a_fetch_that_is_killed_goes_on(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.files["mine.json"] = ROWS + b" " * 3_000_000
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    hub.faults.append(Fault("GET /files/", throttle=0.05))
    code = "from open_instructions.cli import run; run()"
    fetching = subprocess.Popen(
        [sys.executable, "-c", code, "fetch", str(source)], start_new_session=True
    )
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


@pytest.mark.parametrize(
    "how",
    [
        {"throttle": 0.2},
        {"delay": 60.0},
        {"status": 503, "headers": {"Retry-After": "90"}, "times": -1},
    ],
)
def test_ctrl_c_ends_a_fetch_at_once(
    hub: FakeHub, mine: Callable[..., Path], how: dict[str, Any]
) -> None:
    hub.files["mine.json"] = ROWS + b" " * 10_000_000
    hub.faults.append(Fault("GET /files/", **how))
    source = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)')
    code = "from open_instructions.cli import run; run()"
    fetching = subprocess.Popen(
        [sys.executable, "-c", code, "fetch", str(source)], stderr=subprocess.PIPE, text=True
    )
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


def test_what_no_licence_would_let_through_is_not_fetched(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.files["mine.json"] = ROWS
    text = mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)').read_text()
    other = (
        text.replace('"mine"', '"other"')
        .replace("CC0-1.0", "CC-BY-NC-4.0")
        .replace("files/mine", "files/other")
    )
    (tmp_path / "other.py").write_text(other)
    done = oi(
        "build",
        "-s",
        f"{tmp_path / 'mine.py'},{tmp_path / 'other.py'}",
        "--licenses",
        "commercial",
        "--out",
        tmp_path / "one",
    )
    assert done.returncode == 0, done.stderr
    assert "not fetched, because no row would qualify under commercial: other:main" in done.stderr
    assert not any("other.json" in line for line in hub.lines)
    # what is here already is read, and rejected row by row
    hub.files["other.json"] = ROWS
    assert oi("fetch", tmp_path / "other.py").returncode == 0
    done = oi(
        "build",
        "-s",
        f"{tmp_path / 'mine.py'},{tmp_path / 'other.py'}",
        "--licenses",
        "commercial",
        "--out",
        tmp_path / "two",
    )
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


def test_no_member_of_an_archive_leaves_its_folder(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    evil = json.dumps([{"q": "Who?", "a": "Evil."}]).encode()
    hub.files["mine.tar.gz"] = tar(
        {
            "../mine1.json": evil,
            "/mine2.json": evil,
            "a/../../mine3.json": evil,
            "good/mine4.json": ROWS,
        }
    )
    before = {p for p in tmp_path.parent.rglob("*") if tmp_path not in p.parents}
    done = build(
        mine(f'(File("mine.tar.gz", (Url("{hub.url}/files/mine.tar.gz"),)),)'), tmp_path / "one"
    )
    assert done.returncode == 0, done.stderr
    assert "400 records = 400 kept" in done.stdout
    assert {p for p in tmp_path.parent.rglob("*") if tmp_path not in p.parents} == before
    kept = [
        p.relative_to(tmp_path / "cache" / "files").as_posix()
        for p in (tmp_path / "cache" / "files").rglob("*")
        if p.is_file()
    ]
    assert kept == ["mine/main/mine.tar.gz"]
    assert lock(tmp_path / "one")[0]["name"] == "mine/main/mine.tar.gz"


def test_an_archive_that_holds_something_else_is_an_error(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.files["mine.zip"] = zipped("readme.txt", b"nothing")
    done = build(mine(f'(File("mine.zip", (Url("{hub.url}/files/mine.zip"),)),)'), tmp_path / "one")
    assert done.returncode == 4
    assert "was fetched as mine:main, but has no file of that subset" in done.stderr


def zipped(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["zip", "gz", "tar.gz"])
def test_bombs_are_refused_by_name_of_the_limit(
    hub: FakeHub,
    mine: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    import gzip

    from open_instructions import limits
    from open_instructions.building import run as builder

    bomb = b'[{"q": "a", "a": "' + b"x" * 40_000_000 + b'"}]'
    packed = {
        "zip": lambda: zipped("mine.json", bomb),
        "gz": lambda: gzip.compress(bomb),
        "tar.gz": lambda: tar({"mine.json": bomb}),
    }
    name = "mine.json.gz" if kind == "gz" else f"mine.{kind}"
    hub.files[name] = packed[kind]()
    monkeypatch.setattr(limits, "UNPACKED_FREE", 1 << 20)
    source = mine(f'(File("{name}", (Url("{hub.url}/files/{name}"),)),)')
    with pytest.raises(InputError, match=r"over 200 times \(OI_MAX_RATIO\)"):
        builder.build(str(source), out=tmp_path / "one")
    assert not (tmp_path / "one").exists()
    monkeypatch.setenv("OI_MAX_RATIO", "2000")
    with pytest.raises(EmptyBuildError, match="of 1 record"):  # which was read, and is too long
        builder.build(str(source), out=tmp_path / "one")


# --- the hub


def test_files_of_the_hub_are_pinned_at_a_commit(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    commit = hub.add("me/data", {"data/mine.json": ROWS})
    source = mine('(File("data/mine.json", (Hub("me/data", "data/mine.json"),)),)')
    assert build(source, tmp_path / "one").returncode == 0
    assert lock(tmp_path / "one")[0]["place"] == f"hf://datasets/me/data@{commit}/data/mine.json"
    listed = oi("cache").stdout
    assert "mine:main" in listed and commit in listed


def test_the_hub_sends_other_bytes_under_the_right_size(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.is_lfs = lambda path, size: True
    hub.add("me/data", {"mine.json": ROWS})
    hub.faults.append(Fault("GET /cdn/", times=-1, rewrite=lambda body: body[:-2] + b"}]"[::-1]))
    source = mine('(File("mine.json", (Hub("me/data", "mine.json"),)),)')
    done = build(source, tmp_path / "one")
    assert done.returncode == 10
    assert "but the hub says" in done.stderr
    hub.faults.clear()
    assert (
        build(source, tmp_path / "one").returncode == 0
    )  # the wrong ones did not stay in the hub's cache


def test_a_hub_that_is_busy_and_cuts_off(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
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
    mine: Callable[..., Path],
    hub: FakeHub,
    tmp_path: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
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
    pq.write_table(
        pa.table({"q": [f"How much is {first + n}?" for n in range(200)], "a": ["Much."] * 200}),
        buffer,
    )
    return buffer.getvalue()


def test_a_pattern_is_all_files_that_fit_it(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    names = [f"data/train-0000{n}-of-00002-abc.parquet" for n in range(2)]
    hub.add(
        "me/data",
        {name: parquet(1000 * n) for n, name in enumerate(names)}
        | {"data/test-00000-of-00001.parquet": parquet(0)},
    )
    source = mine(
        '(File("data/train-*.parquet", (Hub("me/data", "data/train-*.parquet"),)),)',
        'format="parquet"',
    )
    done = build(source, tmp_path / "one")
    assert done.returncode == 0, done.stderr
    assert "400 records = 400 kept" in done.stdout
    assert [f["name"] for f in lock(tmp_path / "one")] == [f"mine/main/{name}" for name in names]
    asked = len(hub.log)
    assert build(source, tmp_path / "two").returncode == 0
    assert len(hub.log) == asked


def test_a_part_of_a_pattern_is_not_the_whole(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    names = [f"data/train-0000{n}-of-00002-abc.parquet" for n in range(2)]
    hub.add("me/data", {name: parquet(1000 * n) for n, name in enumerate(names)})
    hub.faults.append(
        Fault(
            f"HEAD /datasets/me/data/resolve/.*{names[1]}",
            times=-1,
            status=404,
            headers={"X-Error-Code": "EntryNotFound"},
        )
    )
    source = mine(
        '(File("data/train-*.parquet", (Hub("me/data", "data/train-*.parquet"),)),)',
        'format="parquet"',
    )
    assert oi("fetch", source).returncode == 10
    assert build(source, tmp_path / "one", "--offline").returncode == 3
    hub.faults.clear()
    assert "2 of 2 files fetched" in oi("fetch", source).stdout
    assert "400 records = 400 kept" in build(source, tmp_path / "one").stdout


def test_no_network_is_said_soon(
    mine: Callable[..., Path], hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    source = mine(
        '(File("mine.json", (Hub("me/data", "mine.json"),)), File("more.json", (Hub("me/more",'
        ' "more.json"),)), File("url.json", (Url("http://127.0.0.1:9/x"),)))'
    )
    begun = time.monotonic()
    done = oi("fetch", source)
    assert time.monotonic() - begun < 15
    assert done.returncode == 10
    assert "is there a network?" in done.stderr


def test_missing_skip_says_why_there_is_nothing(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    done = build(
        mine(f'(File("mine.json", (Url("{hub.url}/files/gone.json"),)),)'),
        tmp_path / "one",
        "--missing",
        "skip",
    )
    assert done.returncode == 4
    assert "the server says 404" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["cache", "prune", "doly"],
        ["cache", "list", "nobody"],
        ["build", "--sample", "--licenses", ""],
    ],
)
def test_names_that_mean_nothing_are_errors(command: list[str]) -> None:
    assert oi(*command).returncode in (2, 5)


def test_shards_of_two_exports_are_not_mixed(
    hub: FakeHub, mine: Callable[..., Path], tmp_path: Path
) -> None:
    hub.add(
        "me/data",
        {f"data/train-00000-of-00001-{tag}.parquet": parquet(0) for tag in ("abc", "def")},
    )
    source = mine(
        '(File("data/train-*.parquet", (Hub("me/data", "data/train-*.parquet"),)),)',
        'format="parquet"',
    )
    done = build(source, tmp_path / "one")
    assert done.returncode == 10
    assert "the shards of more than one export" in done.stderr


# --- asking


def needs(size: int | None) -> Needs:
    place = Url("http://127.0.0.1:9/x")
    return Needs((WantedFile("mine", "main", File("x", (place,), size), place, size=size),))


def test_nothing_is_fetched_where_a_person_says_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_places_there_and_back() -> None:
    from open_instructions.catalogue.published import parse_place

    for place in (Hub("a/b", "c d/e.json", "main"), Url("https://example.org/x?y=1")):
        assert parse_place(str(place)) == place
    for text in ("", "ftp://x", "hf://datasets/a@b/c", "/etc/passwd"):
        with pytest.raises(ValueError):
            parse_place(text)
