"""The rows of a finished build are read and checked where the work is done."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import open_instructions as oi
from open_instructions.building.parent_rows import chunks_of_rows
from open_instructions.errors import InputError, NotFoundError
from open_instructions.inputs import Input
from open_instructions.reports.valid_columns import all_valid
from open_instructions.reports.valid_rows import talk_problems
from open_instructions.store import open_build
from open_instructions.store.columns import data_schema

from .conftest import digests

ROW: dict[str, Any] = {
    "id": "own/1#2",
    "conversation_id": "own/1",
    "source": "own",
    "subset": "main",
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "So."},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": "Yes."},
    ],
    "language": "en",
    "language_score": 1.0,
    "task": None,
    "engine": "human",
    "license": "MIT",
    "num_turns": 2,
    "num_tokens": 9,
    "edits": ["language"],
    "origin_file": "own.jsonl",
    "origin_row": 1,
    "metadata": '{"a":1}',
}
PLAIN = ROW | {"id": "own/1", "messages": ROW["messages"][1:3], "num_turns": 1, "metadata": None}


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), data_schema())


def with_messages(*roles: str, content: str | None = "Words.") -> dict[str, Any]:
    turns = max(roles.count("user"), 1)
    messages = [{"role": role, "content": content} for role in roles]
    return {"messages": messages, "num_turns": turns}


WRONG: list[dict[str, Any]] = [
    {"id": "own/1#0"},
    {"id": "own/2"},
    {"id": None},
    {"language": "xx"},
    {"language_score": 1.5},
    {"language_score": float("nan")},
    {"num_tokens": -1},
    {"origin_row": -1},
    {"num_turns": 3},
    {"engine": None},
    {"edits": [None]},
    {"edits": None},
    {"metadata": "[]"},
    {"metadata": '{"a":NaN}'},
    {"messages": []},
    {"messages": None},
    {"messages": [None]},
    with_messages("user"),
    with_messages("assistant", "user"),
    with_messages("system"),
    with_messages("system", "system", "user", "assistant"),
    with_messages("user", "assistant", "system", "assistant"),
    with_messages("user", "user", "assistant"),
    with_messages("user", "assistant", "user"),
    with_messages("user", "narrator"),
    with_messages("user", "tool"),
    with_messages("user", "assistant", content=" \u200b\n"),
    with_messages("user", "assistant", content=None),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_row_is_found_wherever_it_is(wrong: dict[str, Any]) -> None:
    bad = ROW | wrong
    assert list(talk_problems(bad))
    for rows in ([bad], [PLAIN, bad, ROW], [ROW, PLAIN, bad], [bad, ROW]):
        assert not all_valid(table(*rows))
        # as a piece of a larger table, too
        assert not all_valid(table(PLAIN, *rows, ROW).slice(1, len(rows)))


def test_right_rows_are_told_from_the_columns_alone() -> None:
    assert all_valid(table(PLAIN, ROW, PLAIN))
    assert all_valid(table(ROW, PLAIN, ROW).slice(1, 1))


@given(
    st.lists(
        st.lists(st.sampled_from(["system", "user", "assistant"]), max_size=5),
        min_size=1,
        max_size=4,
    )
)
def test_columns_say_what_rows_say(lists: list[list[str]]) -> None:
    rows = [PLAIN | with_messages(*roles) for roles in lists]
    assert all_valid(table(*rows)) is not any(list(talk_problems(row)) for row in rows)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 conversations in three parts each, so that the 1,366th begins in the first row group
    of 4,096 rows and ends in the second; and 3 records of another file."""
    folder = tmp_path_factory.mktemp("long")

    def record(number: int, turns: int) -> str:
        messages = []
        for turn in range(turns):
            asked = f"Question {number} {turn}: what do you think of rivers and of old trees?"
            told = f"Answer {number} {turn}: the river is long, and the trees are old and tall."
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": told}]
        return json.dumps({"messages": messages})

    (folder / "many.jsonl").write_text("\n".join(record(n, 3) for n in range(1500)))
    (folder / "few.jsonl").write_text("\n".join(record(n, 1) for n in range(2000, 2003)))
    files = [str(folder / "many.jsonl"), str(folder / "few.jsonl")]
    built = oi.build(files, max_tokens=60, out=folder / "base")
    assert built.manifest.totals["rows"] == 4503
    return built.path


def _chunks(long: Path, *, carried: bool) -> list[Any]:
    build = open_build(long)
    [shard] = build.shards()
    path = build.file(shard)
    item = Input("base", "main", path, path.name, None, path.name, shard.bytes, shard.sha256)
    return list(chunks_of_rows(item, build, 7, carried=carried))


def test_chunks_are_whole_conversations_of_one_file(long: Path) -> None:
    chunks = _chunks(long, carried=False)
    # few: 3 rows; many: 1,364 conversations and the first row of the next fill the row group, and
    # that one belongs to the first chunk with all its parts
    assert [(c.number, c.file, c.records) for c in chunks] == [
        (7, "few.jsonl", 3),
        (8, "many.jsonl", 4095),
        (9, "many.jsonl", 405),
    ]
    assert [c.place[1:4] for c in chunks] == [(0, 1, 0), (0, 2, 3), (1, 2, 2)]
    assert chunks[-1].share == 1


def test_rows_that_travel_are_the_same_as_those_that_are_read(long: Path) -> None:
    there, sent = _chunks(long, carried=False), _chunks(long, carried=True)
    assert [c.digest(c.data()) for c in there] == [c.digest(c.data()) for c in sent]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_conversation_that_ends_in_another_row_group_stays_whole(
    long: Path, tmp_path: Path, workers: int
) -> None:
    child = oi.build([str(long)], out=tmp_path / "child", workers=workers)
    assert digests(child.path / "data") == digests(long / "data")
    assert child.manifest.totals["parts_added"] == 3000


def _append(file: Path) -> None:
    with file.open("ab") as end:
        end.write(b"x")


def _damage(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 255
    file.write_bytes(data)


@pytest.mark.parametrize("change", [_append, _damage, Path.unlink, os.utime])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_build_that_changes_while_it_is_read_is_not_built_from(
    long: Path, tmp_path: Path, change: Callable[[Path], None], workers: int
) -> None:
    source = shutil.copytree(long, tmp_path / "source")
    [file] = (source / "data").iterdir()
    seen: list[Any] = []

    def watch(update: Any) -> None:
        seen.append(update)
        if len(seen) == 1:
            change(file)

    with pytest.raises((InputError, NotFoundError)):
        oi.build([str(source)], out=tmp_path / "child", workers=workers, progress=watch)
    assert seen
    assert not (tmp_path / "child").exists()


def test_a_disk_that_is_full_leaves_what_the_next_build_goes_on_from(
    long: Path, tmp_path: Path
) -> None:
    """The chunks of a build's rows fit, its shards do not."""
    whole = oi.build([str(long)], out=tmp_path / "whole")
    command = [str(Path(sys.executable).with_name("oi")), "build", "--sources", str(long)]
    command += ["--out", str(tmp_path / "child"), "--workers", "1"]
    limited = ["bash", "-c", 'ulimit -f "$0"; exec "$@"', "40", *command]
    failed = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert failed.returncode and "could not be written" in failed.stderr
    assert not (tmp_path / "child").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert digests(tmp_path / "child") == digests(whole.path)
