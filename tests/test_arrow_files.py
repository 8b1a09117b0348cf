"""Arrow and Parquet files as `datasets` writes them: rows, nested values, names of classes."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from open_instructions.catalogue import Subset
from open_instructions.errors import InputError
from open_instructions.readers import open_file, parse
from open_instructions.schema import Reject

ANY = Subset(
    "own", files=(), fields=frozenset(), languages=(), engine="", license="", format="lines"
)
TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def read(path: Path, subset: Subset = ANY) -> list[Any]:
    """The records of a file, and the reasons of what is refused; their numbers go from 0."""
    frames = [frame for frame, _ in open_file(path, None, subset).frames()]
    assert [frame.row for frame in frames] == list(range(len(frames)))
    found = map(parse, frames)
    return [record.reason.value if isinstance(record, Reject) else record for record in found]


def stream(table: Any, rows: int | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table, max_chunksize=rows)
    return bytes(sink.getvalue().to_pybytes())


def file(table: Any, rows: int | None = None, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, **options) as out:
        out.write_table(table, max_chunksize=rows)
    return bytes(sink.getvalue().to_pybytes())


def many(rows: int) -> Any:
    return pa.table({"n": list(range(rows)), "text": [f"Tree {n * 7919}" for n in range(rows)]})


@pytest.mark.parametrize("write", [stream, file])
def test_nested_rows(tmp_path: Path, write: Any) -> None:
    rows = [
        {"messages": TALK, "score": 0.5, "tags": ["a"], "meta": {"n": 1, "by": None}},
        {"messages": [], "score": None, "tags": None, "meta": None},
    ]
    path = tmp_path / "x.arrow"
    path.write_bytes(write(pa.Table.from_pylist(rows)))
    assert read(path) == rows


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_the_file_format_packed(tmp_path: Path, codec: str) -> None:
    options = pa.ipc.IpcWriteOptions(compression=codec)
    path = tmp_path / "x.feather"
    path.write_bytes(file(many(5000), 1000, options=options))
    assert read(path) == many(5000).to_pylist()


def test_what_datasets_saves(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "prompt": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["bad", "good"]),
            "tags": datasets.Sequence(datasets.ClassLabel(names=["a", "b"])),
            "meta": {"kind": datasets.ClassLabel(names=["x", "y"])},
            "turns": [{"by": datasets.ClassLabel(names=["user", "model"])}],
        }
    )
    rows = {
        "prompt": ["Go.", "Stay."],
        "label": [1, -1],
        "tags": [[0, 1], []],
        "meta": [{"kind": 1}, {"kind": 0}],
        "turns": [[{"by": 0}, {"by": 1}], []],
    }
    data = datasets.Dataset.from_dict(rows, features=features)
    data.save_to_disk(str(tmp_path / "saved"))
    data.to_parquet(str(tmp_path / "x.parquet"))
    expected = [
        {
            "prompt": "Go.",
            "label": "good",
            "tags": ["a", "b"],
            "meta": {"kind": "y"},
            "turns": [{"by": "user"}, {"by": "model"}],
        },
        {"prompt": "Stay.", "label": -1, "tags": [], "meta": {"kind": "x"}, "turns": []},
    ]
    (arrow,) = (tmp_path / "saved").glob("*.arrow")
    assert read(arrow) == expected
    assert read(tmp_path / "x.parquet") == expected


def test_a_known_source_keeps_its_numbers(tmp_path: Path) -> None:
    features = {"label": {"_type": "ClassLabel", "names": ["bad", "good"]}}
    said = json.dumps({"info": {"features": features}})
    table = pa.table({"label": [1]}).replace_schema_metadata({"huggingface": said})
    pq.write_table(table, tmp_path / "x.parquet")
    known = Subset("x", (), frozenset({"label"}), (), "", "", format="parquet")
    assert read(tmp_path / "x.parquet", known) == [{"label": 1}]
    assert read(tmp_path / "x.parquet") == [{"label": "good"}]


@pytest.mark.parametrize("names", [["bad"], [], "bad", None, [0, 1], {"a": 1}])
def test_names_that_do_not_fit(tmp_path: Path, names: Any) -> None:
    said = json.dumps({"info": {"features": {"label": {"_type": "ClassLabel", "names": names}}}})
    table = pa.table({"label": [1]}).replace_schema_metadata({"huggingface": said})
    (tmp_path / "x.arrow").write_bytes(stream(table))
    assert read(tmp_path / "x.arrow") == [{"label": 1}]


def test_bytes_that_are_not_utf8_cost_their_row(tmp_path: Path) -> None:
    binary = pa.array([b"good", b"caf\xe9", b"fine"])
    text = pa.Array.from_buffers(pa.string(), 3, binary.buffers())
    (tmp_path / "x.arrow").write_bytes(stream(pa.table({"text": text})))
    assert read(tmp_path / "x.arrow") == [{"text": "good"}, "invalid_utf8", {"text": "fine"}]


@pytest.mark.parametrize("write", [stream, file])
def test_cut_off_anywhere(tmp_path: Path, write: Any) -> None:
    rows = many(40).to_pylist()
    data = write(many(40), 8)
    begins = len(write(many(40).slice(0, 0)))
    path = tmp_path / "x.arrow"
    for size in range(begins, len(stream(many(40), 8)), 37):
        path.write_bytes(data[:size])
        got = read(path)
        assert got[-1] == "truncated", size
        assert got[:-1] == rows[: len(got) - 1]
        assert (len(got) - 1) % 8 == 0


def test_what_is_no_arrow_file(tmp_path: Path) -> None:
    path = tmp_path / "x.arrow"
    for data in (b"", b"ARROW1\0\0", b'{"a": 1}\n' * 100, b"\xff\xff\xff\xff\xff\xff\xff\x7f"):
        path.write_bytes(data)
        with pytest.raises(InputError, match="cannot be read as Arrow"):
            read(path)


def test_damage_costs_what_lies_behind_it(tmp_path: Path) -> None:
    """Whatever a byte is changed to: rows, and a reject or an error, never a crash."""
    table = pa.table({"text": [f"Tree {n}" for n in range(40)], "tags": [["a", "b"]] * 40})
    data, path = stream(table, 8), tmp_path / "x.arrow"
    chance = random.Random(7)
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            read(path)
        except InputError as error:
            assert len(str(error)) < 2000
