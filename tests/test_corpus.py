"""What is decided over the whole build: a step of two rounds that is added to the list drops rows,
reads texts again, balances, and gives the same bytes however it is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from open_instructions import corpus
from open_instructions.building.run import BuildResult, build
from open_instructions.corpus.step import NUMBER, PLACE, Round, verdicts
from open_instructions.errors import ConverterError, EmptyBuildError
from open_instructions.ledger import stages
from open_instructions.merge import rounds
from open_instructions.merge.contract import check_verdicts
from open_instructions.reports.check import check
from open_instructions.reports.explain import explain
from open_instructions.schema import Conversation

from . import corpus_steps
from .conftest import digests, rows
from .corpus_steps import SameWords

ROOT = Path(__file__).resolve().parent.parent
LONG = "A sentence of several words that fills the part. " * 40


def answers() -> list[str]:
    """Sixty answers. Of four in each ten: two equal, one in capitals, one of other words with the
    same beginning and length. Some are long, and split."""
    found = []
    for n in range(15):
        text = f"Answer {n:02d}: the hall is red." + LONG * (n % 5 == 0)
        found += [text, text, text.upper(), text.replace("red", "tan")]
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    talks = [
        {
            "id": f"t{n}",
            "conversations": [
                {"from": "human", "value": "Which colour has the hall?"},
                {"from": "gpt", "value": "Which hall?" + LONG * (len(answer) > 100)},
                {"from": "human", "value": "The large one."},
                {"from": "gpt", "value": answer},
            ],
        }
        for n, answer in enumerate(answers())
    ]
    (folder / "sg_90k_part1.json").write_text(json.dumps(talks))
    return folder


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "STEPS", [*corpus.STEPS, corpus_steps.DEFINITION])


def made(data: Path, out: Path, workers: int = 1) -> BuildResult:
    return build("sharegpt:raw", data_dir=data, out=out, workers=workers, max_tokens=500)


def test_a_step_of_two_rounds(data: Path, tmp_path: Path) -> None:
    result = made(data, tmp_path / "out")
    refused = rows(result, "rejected")
    dropped = [r for r in refused if r["stage"] == "same_words"]
    assert len(dropped) == 15
    assert [r["conversation_id"] for r in dropped[:2]] == ["sharegpt/t2", "sharegpt/t6"]
    first = dropped[0]
    assert (first["reason"], first["detail"]) == ("duplicate", "the same words as sharegpt/t0")
    assert (first["other"], first["score"]) == ("sharegpt/t0", 0.5)
    assert json.loads(first["evidence"]) == {"letters": "alike"}
    assert json.loads(first["raw"])["id"] == "t2"
    kept = {r["conversation_id"] for r in rows(result)}
    assert len(kept) == 30
    assert "sharegpt/t3" in kept  # the same beginning and length, and other words
    counts = result.ledger.by_name("rejected_records")
    assert counts == {("duplicates", "duplicate"): 15, ("same_words", "duplicate"): 15}
    assert stages()[-2:] == ("same_words", "write")
    assert result.ledger.problems() == []
    assert check(result.path).problems == ()
    [step] = [s for s in explain("sharegpt/t2", result.path).steps if s.stage == "same_words"]
    assert step.refused == ["duplicate: the same words as sharegpt/t0"]


def test_what_was_split_is_compared_whole(data: Path, tmp_path: Path) -> None:
    result = made(data, tmp_path / "out")
    parts = [r["id"] for r in rows(result) if r["conversation_id"] == "sharegpt/t0"]
    assert parts == ["sharegpt/t0#1", "sharegpt/t0#2"]
    gone = {r["conversation_id"] for r in rows(result, "rejected")}
    assert {"sharegpt/t1", "sharegpt/t2"} <= gone
    assert result.ledger.summary()["parts_added"] == 6  # of three that stay twice, see `answers`


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("part", "group", "size"), [(500_000, 256, 7), (3, 1, 7), (10, 2, 1)])
def test_the_same_bytes(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    part: int,
    group: int,
    size: int,
) -> None:
    expected = digests(made(data, tmp_path / "whole").path)
    monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", size)
    monkeypatch.setattr(rounds, "PART", part)
    monkeypatch.setattr(rounds, "GROUP", group)
    assert digests(made(data, tmp_path / "cut", workers).path) == expected


def test_rounds_are_watched(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", 20)
    seen = []
    build("sharegpt:raw", data_dir=data, out=tmp_path / "out", workers=1, progress=seen.append)
    assert [(s.done, s.total) for s in seen if s.name == "same_words 2/2"] == [
        (0, 4), (1, 4), (2, 4), (3, 4), (4, 4),
    ]  # fmt: skip


SCRIPT = """
import sys
from open_instructions import build, corpus
from open_instructions.merge import rounds
from open_instructions.readers import chunk
from tests import corpus_steps
corpus.STEPS.append(corpus_steps.DEFINITION)
chunk.CHUNK_RECORDS, rounds.PART = 10, 20
data, out = sys.argv[1:]
build("sharegpt:raw", data_dir=data, out=out, workers=1, max_tokens=500)
"""


@pytest.mark.parametrize(
    "moment",
    ["facts 1 3", "send 1 1", "decide 1 1", "settle 1 1", "facts 2 1", "facts 2 4", "decide 2 1"],
)
def test_a_kill_in_any_round(data: Path, tmp_path: Path, moment: str) -> None:
    """Killed at a call, the same build goes on: the same bytes, and no facts are taken twice."""
    expected = digests(made(data, tmp_path / "whole").path)
    log = tmp_path / "log"
    command = [sys.executable, "-c", SCRIPT, str(data), str(tmp_path / "out")]
    dying = os.environ | {"OI_TEST_LOG": str(log), "OI_TEST_DIE": moment}
    assert subprocess.run(command, cwd=ROOT, env=dying).returncode == -9
    before = log.read_text().splitlines()
    assert not (tmp_path / "out").exists()
    log.unlink()
    going_on = os.environ | {"OI_TEST_LOG": str(log)}
    subprocess.run(command, cwd=ROOT, env=going_on, check=True)
    assert digests(tmp_path / "out") == expected
    for what in ("facts 1", "facts 2"):
        done = before.count(what) - (moment.startswith(what))
        assert log.read_text().splitlines().count(what) == 8 - done  # chunks


def test_a_verdict_that_breaks_the_contract() -> None:
    step, gone = SameWords(), np.array([7])

    def settle(**columns: Any) -> None:
        check_verdicts(step, verdicts(**columns), gone, [9])

    with pytest.raises(ConverterError, match="drops for the undeclared reason language"):
        settle(number=[1], reason="language", detail="x")
    with pytest.raises(ConverterError, match="drops a conversation twice"):
        settle(number=[1, 1], reason="duplicate", detail="x")
    with pytest.raises(ConverterError, match="drops a conversation twice"):
        settle(number=[7], reason="duplicate", detail="x")
    with pytest.raises(ConverterError, match="for one that is dropped too"):
        settle(number=[1, 2], reason="duplicate", detail="x", other=[2, 3], other_id=["a", "b"])
    with pytest.raises(ConverterError, match="not a verdict"):
        check_verdicts(step, verdicts(number=[1], reason="duplicate").select([NUMBER]), gone, [9])


def test_without_the_step_nothing_of_it_is_there(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "STEPS", corpus.STEPS[:1])
    result = made(data, tmp_path / "out")
    assert {entry.stage for entry in result.ledger} >= {"duplicates", "write"}
    assert "same_words" not in {entry.stage for entry in result.ledger}


class _All(Round):
    """Drops every conversation that it sees."""

    def facts(
        self, conversations: Sequence[Conversation], number: Any, before: pa.Table
    ) -> pa.Table:
        return pa.table({PLACE: pa.array(range(len(conversations)), pa.int32())})

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        return facts[NUMBER].to_numpy() % parts

    def decide(self, facts: pa.Table) -> pa.Table:
        return verdicts(number=facts[NUMBER].to_pylist(), reason="duplicate", detail="so be it")


def test_a_step_sees_what_those_before_it_left(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SameWords, "rounds", (_All(),))
    with pytest.raises(EmptyBuildError, match="No conversation was kept, of 60 records") as told:
        made(data, tmp_path / "out")
    assert "15 as duplicate, at duplicates" in told.value.message
    assert "45 as duplicate, at same_words" in told.value.message
