"""oi.lock: the very files again, or nothing; and locks of somebody else's making."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from open_instructions.errors import InputError

from .conftest import digests
from .fetching import ROWS, build, locked
from .hub_server import FakeHub
from .test_cli import oi


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "subsets": ["alpaca:main"],
        "name": "alpaca_data.json",
        "place": None,
        "size": 5,
        "sha256": "0" * 64,
    } | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"subsets": ["../../../up:main"]},
        {"subsets": ["alpaca:../up"]},
        {"subsets": []},
        {"subsets": ["alpaca"]},
        {"subsets": [5]},
        {"place": "file:///etc/passwd"},
        {"place": "hf://datasets/a/b@main/*.json"},
        {"size": "5"},
        {"name": None},
        {"sha256": "../x"},
        {"sha256": None},
    ],
)
def test_a_lock_of_somebody_elses_making(tmp_path: Path, changes: dict[str, Any]) -> None:
    from open_instructions.inputs.lock import read_lock

    path = tmp_path / "oi.lock"
    content = {
        "format": 1,
        "open_instructions": "0.1.0",
        "sources": ["alpaca"],
        "recipe": {"name": "x"},
        "files": [entry()],
    }
    path.write_text(json.dumps(content))
    assert read_lock(str(path)).sources == ("alpaca",)
    path.write_text(json.dumps(content | {"files": [entry(**changes)]}))
    with pytest.raises(InputError, match="not a lock of Open Instructions"):
        read_lock(str(path))


def test_a_name_in_a_lock_leads_nowhere_else(hub: FakeHub, tmp_path: Path) -> None:
    hub.files["x"] = ROWS
    file = entry(
        name="../../../../up.json",
        place=f"{hub.url}/files/x",
        size=len(ROWS),
        sha256=hashlib.sha256(ROWS).hexdigest(),
    )
    content = {
        "format": 1,
        "open_instructions": "0.1.0",
        "sources": ["alpaca"],
        "recipe": {"name": "default"},
        "files": [file],
    }
    (tmp_path / "oi.lock").write_text(json.dumps(content))

    def landed() -> set[str]:
        # other tests create and remove folders here: os.walk passes over what has gone
        return {there for there, _, names in os.walk(tmp_path.parent.parent) if "up.json" in names}

    before = landed()
    done = oi("build", "--locked", tmp_path / "oi.lock", "--out", tmp_path / "one")
    assert done.returncode == 10 and "is not a valid file name" in done.stderr
    assert landed() == before


def test_a_lock_brings_back_sources_recipe_and_all(
    hub: FakeHub, tmp_path: Path, real: Path
) -> None:
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
    again = oi(
        "build",
        "--locked",
        tmp_path / "one" / "oi.lock",
        "--data-dir",
        real,
        "--out",
        tmp_path / "two",
    )
    assert again.returncode == 0, again.stderr
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    other = oi(
        "build",
        "--locked",
        tmp_path / "one" / "oi.lock",
        "--data-dir",
        real,
        "--recipe",
        "default",
        "--out",
        tmp_path / "three",
    )
    assert (
        json.loads((tmp_path / "three" / "manifest.json").read_text())["recipe"]["max_tokens"]
        == 4096
    ), other.stderr


def test_what_a_lock_needs_and_nobody_has_is_listed_at_once(hub: FakeHub, tmp_path: Path) -> None:
    gone = [
        entry(name=name, sha256=digit * 64) for name, digit in (("a.json", "1"), ("b.json", "2"))
    ]
    content = {
        "format": 1,
        "open_instructions": "0.1.0",
        "sources": ["alpaca"],
        "recipe": {"name": "default"},
        "files": gone,
    }
    (tmp_path / "oi.lock").write_text(json.dumps(content))
    (tmp_path / "data").mkdir()
    done = oi(
        "build",
        "--locked",
        tmp_path / "oi.lock",
        "--data-dir",
        tmp_path / "data",
        "--out",
        tmp_path / "one",
    )
    assert done.returncode == 3
    for name in ("a.json", "b.json"):
        assert f"{name} (alpaca:main" in done.stderr
    assert f"and is not in {tmp_path / 'data'}" in done.stderr


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
    assert (
        build(
            source, tmp_path / "four", "--locked", tmp_path / "one" / "oi.lock", "--offline"
        ).returncode
        == 0
    )
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
    assert "has changed: its sha256 is" in again.stderr
    assert not (tmp_path / "two").exists()
    # a folder with other bytes is no help either
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.json").write_bytes(hub.files["mine.json"])
    again = build(
        source,
        tmp_path / "two",
        "--locked",
        tmp_path / "one" / "oi.lock",
        "--data-dir",
        tmp_path / "data",
        "--offline",
    )
    assert again.returncode == 3
    (tmp_path / "data" / "mine.json").write_bytes(ROWS)
    again = build(
        source,
        tmp_path / "two",
        "--locked",
        tmp_path / "one" / "oi.lock",
        "--data-dir",
        tmp_path / "data",
        "--offline",
    )
    assert again.returncode == 0, again.stderr
    (tmp_path / "data" / "mine2.json").write_bytes(hub.files["mine.json"])
    again = build(
        source,
        tmp_path / "three",
        "--locked",
        tmp_path / "one" / "oi.lock",
        "--data-dir",
        tmp_path / "data",
        "--offline",
    )
    assert again.returncode == 4
    assert "mine2.json (sha256 " in again.stderr and "is not in it" in again.stderr


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"format": 2, "files": []}',
        '{"format": 1}',
        '{"format": 1, "files": [{"name": "x"}]}',
        (
            '{"format": 1, "files": [{"subsets": ["a:b"], "name": "x", "place":'
            ' "file:///etc/passwd", "size": 1, "sha256": ""}]}'
        ),
    ],
)
def test_a_lock_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "oi.lock").write_text(content)
    done = build("alpaca", tmp_path / "one", "--locked", tmp_path / "oi.lock")
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
