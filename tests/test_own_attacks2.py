"""Builds and files of a stranger, as sources: what is damaged is refused, and says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import open_instructions as oi
from open_instructions.errors import InputError, NotFoundError
from open_instructions.store import open_build

from .hub_server import FakeHub

Change = Callable[[pa.Table], pa.Table]


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six conversations in four parts each."""
    folder = tmp_path_factory.mktemp("strangers")
    lines = []
    for number in range(6):
        messages = [{"role": "system", "content": "Be kind."}]
        for turn in range(4):
            asked = f"Question {number} {turn}: what do you think of rivers and old trees?"
            told = f"Answer {number} {turn}: the river is long, and the trees are old and tall."
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": told}]
        lines.append(json.dumps({"messages": messages}))
    (folder / "own.jsonl").write_text("\n".join(lines))
    built = oi.build([str(folder / "own.jsonl")], max_tokens=60, out=folder / "base")
    assert built.manifest.totals["rows"] == 24
    return built.path


def changed(parent: Path, to: Path, change: Change) -> Path:
    """A copy of a build with another table, which its manifest agrees with."""
    shutil.copytree(parent, to)
    said = json.loads((to / "manifest.json").read_text())
    [shard] = [shard for shard in said["shards"] if shard["path"].startswith("data/")]
    file = to / shard["path"]
    table = change(pq.read_table(file))
    pq.write_table(table, file)
    digest = sha256(file.read_bytes()).hexdigest()
    shard |= {"rows": table.num_rows, "bytes": file.stat().st_size, "sha256": digest}
    (to / "manifest.json").write_text(json.dumps(said))
    return to


def with_first(name: str, value: Any) -> Change:
    def change(table: pa.Table) -> pa.Table:
        at, kind = table.schema.get_field_index(name), table.schema.field(name)
        return table.set_column(
            at, kind, pa.array([value, *table[name].to_pylist()[1:]], kind.type)
        )

    return change


def test_a_conversation_in_parts_that_is_a_duplicate_is_dropped(
    parent: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(parent, tmp_path / "other")
    child = oi.build([str(parent), str(other)], out=tmp_path / "child")
    assert oi.check(child.path)
    assert child.manifest.totals["rows"] == 24
    assert len(oi.rejected(child.path)) == 24


ASKED = {"role": "user", "content": "Why?"}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("id", None, "has no id"),
        ("source", "foreign", "is of a source that the ledger does not have"),
        ("subset", "", "is of a source that the ledger does not have"),
        ("engine", None, "has no engine"),
        ("num_turns", -1, "its num_turns is -1"),
        ("origin_row", -1, "has the origin_row -1"),
        ("language_score", float("nan"), "has the language score nan"),
        ("metadata", "text", "has metadata that is not a JSON object"),
        ("edits", [None], "has no value in a message or an edit"),
        ("messages", [], "is not a valid conversation"),
        ("messages", [ASKED], "is not a valid conversation"),
        ("messages", [ASKED, {"role": "assistant", "content": None}], "has no value in a message"),
    ],
)
def test_a_row_that_no_build_writes_is_refused(
    name: str, value: Any, told: str, parent: Path, tmp_path: Path
) -> None:
    source = changed(parent, tmp_path / "p", with_first(name, value))
    with pytest.raises(InputError, match=told):
        oi.build([str(source)], out=tmp_path / "child")
    assert not (tmp_path / "child").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop_columns(["task"]),
        lambda table: table.append_column("more", table["id"]),
        lambda table: table.cast(
            table.schema.set(0, table.schema.field(0).with_type(pa.large_string()))
        ),
    ],
)
def test_other_columns_are_refused(change: Change, parent: Path, tmp_path: Path) -> None:
    source = changed(parent, tmp_path / "p", change)
    with pytest.raises(InputError, match="does not have the rows and columns of a build"):
        oi.build([str(source)], out=tmp_path / "child")


def test_a_build_without_rows_is_refused(parent: Path, tmp_path: Path) -> None:
    source = changed(parent, tmp_path / "p", lambda table: table.slice(0, 0))
    with pytest.raises(InputError, match="is a build without rows"):
        oi.build([str(source)], out=tmp_path / "child")


def test_shards_are_those_of_the_manifest(parent: Path, tmp_path: Path) -> None:
    [shard] = open_build(parent).manifest.of("data")
    more = shutil.copytree(parent, tmp_path / "more")
    shutil.copy(more / shard.path, more / "data" / "more.parquet")
    with pytest.raises(InputError, match="is not in the manifest of its build"):
        oi.build([str(more)], out=tmp_path / "child")
    other = shutil.copytree(parent, tmp_path / "other")
    data = bytearray((other / shard.path).read_bytes())
    data[200] ^= 255
    (other / shard.path).write_bytes(data)
    with pytest.raises(InputError, match="is not as its manifest says"):
        oi.build([str(other)], out=tmp_path / "child")


def test_a_lost_shard_is_missed(tmp_path: Path) -> None:
    pair = {"prompt": "Name a fish.", "chosen": "A carp.", "rejected": "A whale."}
    talk = {"messages": [ASKED, {"role": "assistant", "content": "So."}]}
    (tmp_path / "own.jsonl").write_text(f"{json.dumps(pair)}\n{json.dumps(talk)}\n")
    base = oi.build([str(tmp_path / "own.jsonl")], out=tmp_path / "base")
    [shard] = base.manifest.of("preference")
    (base.path / shard.path).unlink()
    with pytest.raises(NotFoundError, match="is missing or damaged"):
        oi.build([str(base.path)], out=tmp_path / "child")


@pytest.mark.parametrize("name", ["/talks.jsonl", "two\nlines.jsonl", "nothing\0.jsonl"])
def test_a_file_on_the_hub_has_a_file_name(name: str, hub: FakeHub, tmp_path: Path) -> None:
    hub.add("me/talks", {name: b'{"prompt": "One?", "completion": "Yes."}'})
    with pytest.raises(InputError, match="which is not a file name"):
        oi.build("hf://datasets/me/talks", out=tmp_path / "mix")


def test_rows_that_cannot_be_parts_of_one_conversation_are_refused(
    parent: Path, tmp_path: Path
) -> None:
    """The second row says that it is the first, too."""

    def change(table: pa.Table) -> pa.Table:
        ids = table["id"].to_pylist()
        return table.set_column(0, table.schema.field(0), pa.array([ids[0], ids[0], *ids[2:]]))

    source = changed(parent, tmp_path / "p", change)
    with pytest.raises(InputError, match="cannot be parts of one conversation"):
        oi.build([str(source)], out=tmp_path / "child")


def test_text_that_is_not_utf8_is_refused(parent: Path, tmp_path: Path) -> None:
    def change(table: pa.Table) -> pa.Table:
        kind = table.schema.field("engine")
        data = pa.array(["unstated"] * table.num_rows).buffers()
        wrong = pa.py_buffer(data[2].to_pybytes().replace(b"unstated", b"un\xff\xfeated", 1))
        engines = pa.StringArray.from_buffers(table.num_rows, data[1], wrong)
        return table.set_column(table.schema.get_field_index("engine"), kind, engines)

    source = changed(parent, tmp_path / "p", change)
    with pytest.raises(NotFoundError, match=r"cannot be read: .*UTF8"):
        oi.build([str(source)], out=tmp_path / "child")


def test_row_groups_larger_than_any_of_a_build_are_refused(parent: Path, tmp_path: Path) -> None:
    """A worker reads a row group whole."""

    def change(table: pa.Table) -> pa.Table:
        ids = [f"own/{number}" for number in range(24 * 200)]
        many = pa.concat_tables([table] * 200)
        for at in (0, 1):
            many = many.set_column(at, many.schema.field(at), pa.array(ids))
        return many

    source = changed(parent, tmp_path / "p", change)
    with pytest.raises(InputError, match="does not have the rows and columns of a build"):
        oi.build([str(source)], out=tmp_path / "child")
