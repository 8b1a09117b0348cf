"""A dataset on the hub as a source: fetched at a commit, locked, and built again offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import open_instructions as oi
from open_instructions.errors import FetchError, InputError, MissingSourceError

from .conftest import rows
from .hub_server import FakeHub

CARD = b"""---
license: apache-2.0
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.jsonl
  - split: test
    path: data/test.jsonl
---
"""


def talk(text: str) -> bytes:
    return json.dumps({"prompt": text, "completion": f"{text} Yes."}).encode() + b"\n"


@pytest.fixture
def commit(hub: FakeHub) -> str:
    return hub.add(
        "me/talks",
        {
            "README.md": CARD,
            "data/train-0.jsonl": talk("One?"),
            "data/train-1.jsonl": talk("Two?"),
            "data/test.jsonl": talk("Secret?"),
        },
    )


def built(sources: Any, out: Path, **options: Any) -> list[dict[str, Any]]:
    return rows(oi.build(sources, out=out, **options))


def test_the_train_split_is_built_under_the_licence_of_the_card(
    hub: FakeHub, commit: str, tmp_path: Path
) -> None:
    found = built("hf://datasets/me/talks", tmp_path / "mix")
    assert [(r["id"], r["messages"][0]["content"], r["license"]) for r in found] == [
        ("talks/data/train-0/000000", "One?", "Apache-2.0"),
        ("talks/data/train-1/000000", "Two?", "Apache-2.0"),
    ]
    assert [r["origin_file"] for r in found] == ["data/train-0.jsonl", "data/train-1.jsonl"]
    lock = json.loads((tmp_path / "mix" / "oi.lock").read_text())
    assert [file["place"] for file in lock["files"]] == [
        f"hf://datasets/me/talks@{commit}/data/train-{n}.jsonl" for n in (0, 1)
    ]


def test_it_builds_offline_from_what_was_fetched(hub: FakeHub, commit: str, tmp_path: Path) -> None:
    with pytest.raises(MissingSourceError, match="never fetched"):
        built("hf://datasets/me/talks", tmp_path / "no", offline=True)
    first = built("hf://datasets/me/talks", tmp_path / "one")
    hub.log.clear()
    assert built("hf://datasets/me/talks", tmp_path / "two", offline=True) == first
    assert hub.lines == []


@pytest.mark.parametrize(
    "change",
    [
        {"license": None},
        {"license": "\x1b[31m"},
        {"files": []},
        {"files": [["data/train-0.jsonl", "1", []]]},
        {"files": [["data/train-0.jsonl", 1, [3]]]},
    ],
)
def test_a_damaged_note_is_refused(
    hub: FakeHub, commit: str, tmp_path: Path, change: dict[str, Any]
) -> None:
    built("hf://datasets/me/talks", tmp_path / "one")
    [note] = (tmp_path / "cache" / "datasets").iterdir()
    note.write_text(json.dumps(json.loads(note.read_text()) | change))
    with pytest.raises(InputError, match="is damaged"):
        built("hf://datasets/me/talks", tmp_path / "no", offline=True)


def test_a_lock_takes_the_commit_that_it_names(
    hub: FakeHub, commit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = built("hf://datasets/me/talks", tmp_path / "one")
    hub.add("me/talks", {"README.md": CARD, "data/train-0.jsonl": talk("Three?")})
    monkeypatch.setenv("OI_CACHE", str(tmp_path / "other"))
    lock = tmp_path / "one" / "oi.lock"
    assert built(None, tmp_path / "two", locked=lock) == first
    row, _ = built("hf://datasets/me/talks", tmp_path / "three")
    assert row["messages"][0]["content"] == "Three?"


def test_a_split_is_named_in_a_recipe(hub: FakeHub, commit: str, tmp_path: Path) -> None:
    (tmp_path / "mix.yaml").write_text(
        "name: mix\nsources: [{hub: me/talks, split: test, license: MIT, name: held}]\n"
    )
    [row] = built(None, tmp_path / "mix", recipe=str(tmp_path / "mix.yaml"))
    assert (row["id"], row["license"]) == ("held/data/test/000000", "MIT")
    hub.add("me/tests", {"test.jsonl": talk("Secret?")})
    with pytest.raises(InputError, match="has no split 'train'"):
        built("hf://datasets/me/tests", tmp_path / "no")


def test_what_is_gone_or_gated_is_said(hub: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="me/nothing"):
        built("hf://datasets/me/nothing", tmp_path / "no")


def test_inspect_looks_into_a_dataset(hub: FakeHub, commit: str) -> None:
    files = oi.inspect("hf://datasets/me/talks").files
    assert [(file.name, file.layouts) for file in files] == [
        ("data/train-0.jsonl", {"pairs": 1}),
        ("data/train-1.jsonl", {"pairs": 1}),
    ]
