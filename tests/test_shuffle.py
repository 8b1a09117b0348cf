"""Rows in a random order: the same however a build runs, in shards of equal size."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from xxhash import xxh3_64_intdigest

from open_instructions import corpus
from open_instructions.building.run import BuildResult, build
from open_instructions.merge import layout, shuffle
from open_instructions.merge.placing import scrambled
from open_instructions.recipe import Recipe, load
from open_instructions.reports.check import check

from .conftest import digests, rows
from .said_steps import Says, saying

MANY = 60
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., BuildResult]:
    """A build of sixty conversations, of which every fifth is in two parts, shuffled."""
    folder = tmp_path / "data"
    folder.mkdir()
    turn = [{"from": "human", "value": "Which?"}, {"from": "gpt", "value": "This one. " * 13}]
    talks = [
        {
            "id": f"t{n:02d}",
            "conversations": [{"from": "human", "value": f"{n}?"}, {"from": "gpt", "value": "Yes."}]
            + turn * (n % 5 == 0),
        }
        for n in range(MANY)
    ]
    (folder / "sg_90k_part1.json").write_text(json.dumps(talks))

    def run(
        *says: Says, out: str = "out", seed: int = 0, order: str = "shuffled", **options: Any
    ) -> BuildResult:
        steps = [saying(f"said{at}", each) for at, each in enumerate(says)]
        monkeypatch.setattr(corpus, "STEPS", [*corpus.STEPS[:1], *steps])
        recipe = tmp_path / "mixed.yaml"
        recipe.write_text(f"order: {order}\nseed: {seed}\nmax_tokens: 60\n")
        options = {"workers": 1, "recipe": str(recipe)} | options
        return build("sharegpt:raw", data_dir=folder, out=tmp_path / out, **options)

    return run


def placed(name: str) -> dict[str, Any]:
    """Every sixth conversation to validation, every seventh of the others three times."""
    number = int(name[-2:])
    side = {"split": "validation"} if number % 6 == 0 else {}
    return {"group_id": name} | (side or {"copies": 3 if number % 7 == 0 else 1})


def ids(result: BuildResult) -> list[str]:
    return [row["id"] for row in rows(result)]


def test_the_same_rows_in_another_order(made: Callable[..., BuildResult]) -> None:
    read = made(order="as read", out="read")
    result = made()
    assert len(ids(read)) == 72
    assert ids(result) != ids(read)
    assert sorted(ids(result)) == sorted(ids(read))
    by_id = {row["id"]: row for row in rows(read)}
    assert all(by_id[row["id"]] == row for row in rows(result))
    # parts of one conversation are rows of their own
    first = ids(result).index("sharegpt/t05#1")
    assert "sharegpt/t05#2" not in (ids(result)[first - 1], ids(result)[first + 1])
    assert result.ledger == read.ledger
    assert check(result.path).problems == ()


def key(seed: int, name: str, part: int, copy: int) -> int:
    """The number that orders rows, without NumPy."""

    def scrambled(value: int) -> int:
        value = (value + 0x9E3779B97F4A7C15) % 2**64
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
        return value ^ value >> 31

    found = scrambled(
        xxh3_64_intdigest(name.encode()) ^ xxh3_64_intdigest(f"order {seed}".encode())
    )
    for number in (part, copy):
        found = scrambled((found + number) % 2**64)
    return found


def test_the_seed_decides(made: Callable[..., BuildResult]) -> None:
    zero = ids(made())
    assert zero[:2] == ["sharegpt/t56", "sharegpt/t14"]
    parts = [
        (name, part, f"{name}#{part + 1}" if int(name[-2:]) % 5 == 0 else name)
        for name in (f"sharegpt/t{n:02d}" for n in range(MANY))
        for part in range(1 + (int(name[-2:]) % 5 == 0))
    ]
    for seed, found in ((0, zero), (1, ids(made(seed=1, out="one")))):
        expected = sorted(parts, key=lambda row: key(seed, row[0], row[1], 1))
        assert found == [name for _, _, name in expected]


def test_every_place_is_as_likely() -> None:
    """Over forty orders, each row is on average in the middle."""
    hashes = np.arange(1000, dtype=np.uint64)
    mean = np.zeros(1000)
    for seed in range(40):
        order = np.argsort(scrambled(hashes ^ np.uint64(seed * 7919)))
        mean[order] += np.arange(1000) / 40
    # the mean of forty places has a deviation of 46
    assert 370 < np.percentile(mean, 1) < np.percentile(mean, 99) < 630


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("size", "batch"), [(7, 1), (60, 1), (7, 2000), (1, 1 << 25)])
def test_the_same_bytes(
    made: Callable[..., BuildResult],
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    size: int,
    batch: int,
) -> None:
    monkeypatch.setattr(layout, "SHARD_BYTES", 2000)
    monkeypatch.setattr(layout, "GROUP_ROWS", 5)
    expected = made(placed, out="whole")
    monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", size)
    monkeypatch.setattr(shuffle, "BATCH_BYTES", batch)
    assert digests(made(placed, workers=workers).path) == digests(expected.path)


def test_shards_of_equal_size(
    made: Callable[..., BuildResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "SHARD_BYTES", 300)
    monkeypatch.setattr(layout, "GROUP_ROWS", 5)
    result = made(placed)
    counts = {
        split: [shard.rows for shard in result.manifest.of("data", split)]
        for split in ("train", "validation")
    }
    # 50 conversations, 10 of them in two parts; 7 of them, one in two parts, twice more
    assert counts == {"train": [10, 11, 11, 11, 11, 11, 11], "validation": [6, 6]}
    last = pq.ParquetFile(result.path / "data" / "train-00006-of-00007.parquet").metadata
    assert [last.row_group(at).num_rows for at in range(last.num_row_groups)] == [5, 5, 1]
    assert check(result.path).problems == ()


def test_a_group_ends_with_the_row_that_fills_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "GROUP_ROWS", 3)
    monkeypatch.setattr(layout, "GROUP_BYTES", 10)
    assert shuffle.group_ends(np.array([1, 1, 1, 4, 7, 12, 3, 2])) == [3, 5, 6, 8]
    assert shuffle.group_ends(np.empty(0, np.int64)) == []


def test_the_keys_of_a_recipe(tmp_path: Path) -> None:
    assert (Recipe("x").order, Recipe("x").seed) == ("as read", 0)
    file = tmp_path / "mixed.yaml"
    file.write_text("order: shuffled\nseed: 7\n")
    found = load(str(file))
    assert (found.order, found.seed) == ("shuffled", 7)
    assert Recipe.from_dict(found.to_dict()) == found


SCRIPT = """
import os, signal, sys
from open_instructions import build, corpus, merge
from open_instructions.merge import layout, shuffle
from open_instructions.readers import chunk
from tests.said_steps import saying
from tests.test_shuffle import placed
corpus.STEPS.append(saying("said0", placed))
chunk.CHUNK_RECORDS, shuffle.BATCH_BYTES, layout.SHARD_BYTES, layout.GROUP_ROWS = 10, 1, 300, 5
data, out, recipe, dying, times = sys.argv[1:]
left = int(times)
if dying:
    real = getattr(merge, dying)
    def dies(*args, **named):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **named)
    setattr(merge, dying, dies)
build("sharegpt:raw", data_dir=data, out=out, workers=1, recipe=recipe)
"""


@pytest.mark.parametrize(("dying", "times"), [("sort_batch", 4), ("write_shuffled", 3)])
def test_a_kill_in_the_middle(
    made: Callable[..., BuildResult],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    dying: str,
    times: int,
) -> None:
    monkeypatch.setattr(layout, "SHARD_BYTES", 300)
    monkeypatch.setattr(layout, "GROUP_ROWS", 5)
    expected = digests(made(placed, out="whole").path)
    said = [str(tmp_path / name) for name in ("data", "out", "mixed.yaml")]
    command = [sys.executable, "-c", SCRIPT, *said]
    assert subprocess.run([*command, dying, str(times)], cwd=ROOT).returncode == -9
    assert not (tmp_path / "out").exists()
    subprocess.run([*command, "", "0"], cwd=ROOT, check=True)
    assert digests(tmp_path / "out") == expected
