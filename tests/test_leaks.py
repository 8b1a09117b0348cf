"""oi check finds a leak between splits that was made by hand, and reports that are not true."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from open_instructions.building.run import build
from open_instructions.recipe import parse
from open_instructions.reports.check import check

Rows = dict[str, list[dict[str, Any]]]
"""The rows of each shard of data/ and preference/, by the beginning of its path."""
LONG = "A sentence of several words that fills the part. " * 40
TRAIN, HELD, PAIRS = "data/train", "data/validation", "preference/train"
HASH = "0123456789abcdef"
"""A group of its own."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Conversations in two parts, written twice for training; preference rows; a split."""
    folder = tmp_path_factory.mktemp("whole")
    records: list[dict[str, Any]] = []
    for n in range(20):
        texts = [f"Which hall is {n}?", LONG, "And the other?", f"{LONG} {n}"]
        roles = ["user", "assistant"] * 2
        said = [{"role": r, "content": t} for r, t in zip(roles, texts, strict=True)]
        records.append({"messages": said})
        records.append({"prompt": f"Name tree {n}.", "chosen": "Oak.", "rejected": f"No {n}."})
        records.append({"prompt": f"Name fish {n}.", "completion": "A pike."})
    (folder / "own.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    keys = "max_tokens: 500\nvalidation: 0.4\n"
    mix = "mix: {unit: rows, weights: {own: 1}, total: 70, max_epochs: 2}"
    made = build(
        [str(folder / "own.jsonl")], out=folder / "out", source_license="MIT", workers=1,
        recipe=parse(keys + mix, "mine.yaml"),
    )  # fmt: skip
    assert check(made.path).problems == ()
    return made.path


def tampered(whole: Path, tmp_path: Path, change: Callable[[Rows], None]) -> tuple[str, ...]:
    """What is wrong with the build after a change, of which the manifest knows the digests."""
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    files = {f"{p.parent.name}/{p.name.partition('-')[0]}": p for p in out.glob("[dp]*/*.parquet")}
    tables = {name: pq.read_table(path) for name, path in files.items()}
    rows: Rows = {name: table.to_pylist() for name, table in tables.items()}
    change(rows)
    manifest = json.loads((out / "manifest.json").read_text())
    for name, path in files.items():
        pq.write_table(pa.Table.from_pylist(rows[name], tables[name].schema), path)
        said = next(s for s in manifest["shards"] if s["path"].startswith(name))
        said["rows"] = len(rows[name])
        said["bytes"] = path.stat().st_size
        said["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (out / "manifest.json").write_text(json.dumps(manifest))
    return check(out).problems


def named(rows: Rows, table: str, ending: str) -> dict[str, Any]:
    """The first row of a table whose id has this ending."""
    return next(row for row in rows[table] if row["id"].endswith(ending))


def fish(rows: Rows, table: str) -> dict[str, Any]:
    """A row of data/ that has no parts."""
    return next(r for r in rows[table] if r["messages"][0]["content"].startswith("Name fish"))


def test_a_group_on_two_sides(whole: Path, tmp_path: Path) -> None:
    def change(rows: Rows) -> None:
        fish(rows, HELD)["group_id"] = fish(rows, TRAIN)["group_id"]

    assert tampered(whole, tmp_path, change) == ("1 groups are both in train and in validation",)


@pytest.mark.parametrize("said", ["Name tree {}.", " name  TREE {}.\n"])
def test_one_prompt_in_data_and_in_preference(whole: Path, tmp_path: Path, said: str) -> None:
    """Also with other capitals and white space, and in groups apart."""

    def change(rows: Rows) -> None:
        number = rows[PAIRS][0]["prompt"][0]["content"].split()[-1].rstrip(".")
        fish(rows, HELD)["messages"][0]["content"] = said.format(number)

    assert tampered(whole, tmp_path, change) == (
        "1 beginnings of conversations are both in train and in validation",
    )


def test_a_later_part_on_the_other_side(whole: Path, tmp_path: Path) -> None:
    """Its group is its own, and it begins as other later parts do."""

    def change(rows: Rows) -> None:
        part, other = named(rows, TRAIN, "#2"), named(rows, HELD, "#2")
        rows[TRAIN].remove(part)
        rows[HELD].remove(other)
        rows[HELD].append(part | {"group_id": HASH})
        rows[TRAIN].append(other | {"group_id": HASH[::-1]})

    found = tampered(whole, tmp_path, change)
    assert "2 conversations are both in train and in validation" in found


def test_a_copy_of_a_training_row(whole: Path, tmp_path: Path) -> None:
    def change(rows: Rows) -> None:
        copy = next(r for r in rows[TRAIN] if "*2" in r["id"] and "#" not in r["id"])
        other = fish(rows, HELD)
        rows[TRAIN][rows[TRAIN].index(copy)] = other | {"group_id": HASH[::-1]}
        rows[HELD][rows[HELD].index(other)] = copy | {"group_id": HASH}

    assert "1 beginnings of conversations are both in train and in validation" in tampered(
        whole, tmp_path, change
    )


def test_rows_that_the_reports_do_not_count(whole: Path, tmp_path: Path) -> None:
    def change(rows: Rows) -> None:
        rows[TRAIN].remove(fish(rows, TRAIN))
        rows[HELD].remove(fish(rows, HELD))

    found = tampered(whole, tmp_path, change)
    assert any("split validation: " in problem for problem in found)
    assert any("set own in data/: " in problem for problem in found)


def test_reports_that_say_something_else(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "out")
    path = tmp_path / "out" / "manifest.json"
    manifest = json.loads(path.read_text())
    steps = manifest["steps"]
    held = steps["holdout"]["splits"]["validation"]["rows"]
    taken = [steps["mix"]["shares"][0]["taken"], steps["mix"]["preference"]["shares"][0]["taken"]]
    steps["holdout"]["splits"]["validation"]["rows"] += 1
    steps["mix"]["shares"][0]["taken"] = "\x1b[31mmany"
    steps["mix"]["preference"]["shares"][0]["taken"] = None
    path.write_text(json.dumps(manifest))
    assert check(tmp_path / "out").problems == (
        f"split validation: {held} rows are there, but the manifest says {held + 1}",
        f"set own in data/: {taken[0]} rows are there, but the manifest says \\x1b[31mmany",
        f"set own in preference/: {taken[1]} rows are there, but the manifest says None",
        "README.md has another table than the manifest under '## Mix'",
    )
    steps["holdout"], steps["mix"] = {"splits": [7]}, {"shares": {"a": 1}, "preference": 3}
    path.write_text(json.dumps(manifest))
    assert check(tmp_path / "out").problems == ()


@pytest.mark.parametrize("heading", ["## Splits", "## Mix", "## Sources"])
def test_a_card_with_other_numbers(whole: Path, tmp_path: Path, heading: str) -> None:
    """What people write around the tables is theirs, and so is leaving one out."""
    shutil.copytree(whole, tmp_path / "out")
    path = tmp_path / "out" / "README.md"
    card = path.read_text()
    before, _, table = card.partition(f"{heading}\n")
    row = next(line for line in table.splitlines() if line.startswith(("| validation", "| own")))
    path.write_text(f"{before}Of mine.\n\n{heading}\n{table.replace(row, row[:-3] + '9 |')}")
    assert check(tmp_path / "out").problems == (
        f"README.md has another table than the manifest under {heading!r}",
    )
    path.write_text(f"{before}Of mine.\n\n{heading}\n\nMine too.\n{table}")
    assert check(tmp_path / "out").problems == ()
    path.write_text("Mine.\n")
    assert check(tmp_path / "out").problems == ()
