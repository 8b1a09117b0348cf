"""Evaluation sets on the hub: their test split, at a pinned commit, found again without a
network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from open_instructions.building.run import BuildResult, build
from open_instructions.corpus.contamination.options import decontaminate_of
from open_instructions.corpus.contamination.sets import find_sets, items_in
from open_instructions.errors import FetchError, InputError, MissingSourceError
from open_instructions.inputs.fetching import Fetching

from .conftest import digests, rows
from .hub_server import FakeHub

ARC = b"""---
license: cc-by-sa-4.0
configs:
- config_name: ARC-Challenge
  data_files: [{split: train, path: c/train.jsonl}, {split: test, path: c/test.jsonl}]
- config_name: ARC-Easy
  data_files: [{split: train, path: e/train.jsonl}, {split: test, path: e/test.jsonl}]
---
"""
HARD = "Which part of the old tide mill slows the wheel when the basin runs empty?"
EASY = "Which of these four tools would a cooper use first to bend a dry stave?"


def item(text: str, id: str) -> bytes:
    choices = {"text": ["a gate", "a hoop", "a bell"], "label": ["1", "2", "3"]}
    said = {"id": id, "question": text, "choices": choices, "answerKey": "2"}
    return json.dumps(said).encode() + b"\n"


@pytest.fixture
def arc(hub: FakeHub) -> str:
    train = item(
        "Which of all these questions is only there for training and never for a test?", "t"
    )
    return hub.add(
        "allenai/ai2_arc",
        {
            "README.md": ARC,
            "c/train.jsonl": train,
            "c/test.jsonl": item(HARD, "Mercury_7"),
            "e/train.jsonl": train,
            "e/test.jsonl": item(EASY, "Mercury_8"),
        },
    )


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    path = tmp_path / "talks.jsonl"
    said = [(HARD, "a hoop"), (f"Well. {EASY}", "I would not know."), ("Hello there.", "Hello.")]
    lines = [json.dumps({"prompt": prompt, "completion": answer}) for prompt, answer in said]
    path.write_text("\n".join(lines) + "\n")
    return path


def details(result: BuildResult) -> list[str]:
    return [row["detail"] for row in rows(result, "rejected")]


def test_a_set_of_the_catalogue(hub: FakeHub, arc: str, talks: Path, tmp_path: Path) -> None:
    first = build(str(talks), out=tmp_path / "one", decontaminate=["arc"])
    assert details(first) == [
        "has the question and the answer of arc/Mercury_7",
        "has the question of arc/Mercury_8",
    ]
    lock = json.loads((tmp_path / "one" / "oi.lock").read_text())
    assert [file["place"] for file in lock["evaluations"]] == [
        f"hf://datasets/allenai/ai2_arc@{arc}/{name}" for name in ("c/test.jsonl", "e/test.jsonl")
    ]
    assert lock["recipe"]["decontaminate"]["sets"] == ["arc"]
    hub.log.clear()
    again = build(str(talks), out=tmp_path / "two", decontaminate=["arc"], offline=True)
    locked = build(
        str(talks), out=tmp_path / "three", locked=tmp_path / "one" / "oi.lock", offline=True
    )
    assert digests(first.path) == digests(again.path) == digests(locked.path)
    assert hub.lines == []


def test_a_lock_fetches_the_same_commit(
    hub: FakeHub, arc: str, talks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(str(talks), out=tmp_path / "one", decontaminate=["arc"])
    hub.add("allenai/ai2_arc", {"README.md": ARC, "c/test.jsonl": item(EASY, "x")})
    monkeypatch.setenv("OI_CACHE", str(tmp_path / "other-cache"))
    locked = build(str(talks), out=tmp_path / "two", locked=tmp_path / "one" / "oi.lock")
    assert digests(first.path) == digests(locked.path)


def test_what_was_never_fetched(hub: FakeHub, talks: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingSourceError, match="never fetched"):
        build(str(talks), out=tmp_path / "one", decontaminate=["arc"], offline=True)
    with pytest.raises((FetchError, InputError)):
        build(str(talks), out=tmp_path / "one", decontaminate=["arc"])
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        (("train", "validation", "test"), "test"),
        (("train", "validation"), "validation"),
        (("train",), "train"),
    ],
)
def test_the_split_of_a_dataset(hub: FakeHub, there: tuple[str, ...], taken: str) -> None:
    files = {f"{name}.jsonl": item(f"What is in {name}?", name) for name in there}
    hub.add("me/exam", files)
    said = decontaminate_of(["hf://datasets/me/exam"], "x")
    assert said is not None
    for how in (Fetching(), Fetching(offline=True)):
        [found], _ = find_sets(said.sets, how)
        assert [each.question for each in items_in(found, "", [])] == [f"What is in {taken}?"]


def test_a_source_still_takes_no_test_split(hub: FakeHub, talks: Path, tmp_path: Path) -> None:
    said: dict[str, Any] = {"out": tmp_path / "one"}
    hub.add("me/exam", {"test.jsonl": item(HARD, "x")})
    with pytest.raises(InputError, match="no split 'train'"):
        build("hf://datasets/me/exam", **said)
