"""A user's own files in every container: the same rows, in time that grows with the size; and no
known source takes them for its own."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import open_instructions as oi
from open_instructions.catalogue import Subset
from open_instructions.errors import OpenInstructionsError
from open_instructions.readers import open_file

from .conftest import rows
from .test_packed import zstd

ANY = Subset(
    "own", files=(), fields=frozenset(), languages=(), engine="", license="", format="lines"
)


def records(count: int) -> list[dict[str, str]]:
    return [
        {"prompt": f"Why do trees of kind {n} lose their leaves?", "completion": f"Frost,\n{n}."}
        for n in range(count)
    ]


def jsonl(given: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in given).encode()


def table(given: list[dict[str, str]], delimiter: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["prompt", "completion"], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(given)
    return text.getvalue().encode()


def arrow(given: list[dict[str, str]]) -> bytes:
    sink, data = pa.BufferOutputStream(), pa.Table.from_pylist(given)
    with pa.ipc.new_stream(sink, data.schema) as out:
        out.write_table(data, max_chunksize=1000)
    return bytes(sink.getvalue().to_pybytes())


def parquet(given: list[dict[str, str]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(given), sink)
    return bytes(sink.getvalue().to_pybytes())


def workbook(given: list[dict[str, str]]) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["prompt", "completion"])
    for record in given:
        sheet.append(list(record.values()))
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


FORMS: dict[str, Callable[[list[dict[str, str]]], bytes]] = {
    "x.csv": table,
    "x.tsv": lambda given: table(given, "\t"),
    "x.arrow": arrow,
    "x.parquet": parquet,
    "x.xlsx": workbook,
    "x.jsonl": jsonl,
    "x.jsonl.gz": lambda given: gzip.compress(jsonl(given)),
    "x.jsonl.bz2": lambda given: bz2.compress(jsonl(given)),
    "x.jsonl.xz": lambda given: lzma.compress(jsonl(given), preset=0),
    "x.csv.zst": lambda given: zstd(table(given)),
}
every = pytest.mark.parametrize("name", FORMS)


@every
def test_a_build_of_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FORMS[name](records(3)))
    got = rows(oi.build([str(tmp_path / name)], out=tmp_path / "mix"))
    assert [[m["content"] for m in row["messages"]] for row in got] == [
        list(record.values()) for record in records(3)
    ]
    assert [(row["origin_file"], row["origin_row"]) for row in got] == [
        (name.replace(".gz", "").replace(".bz2", "").replace(".xz", "").replace(".zst", ""), n)
        for n in range(3)
    ]


@every
def test_time_grows_with_the_size(tmp_path: Path, name: str) -> None:
    def took(count: int) -> float:
        path = tmp_path / f"{count}{name}"
        path.write_bytes(FORMS[name](records(count)))

        def once() -> float:
            begun = time.process_time()
            assert sum(1 for _ in open_file(path, None, ANY).frames()) == count
            return time.process_time() - begun

        return min(once() for _ in range(3))

    n = 500 if name.endswith("xlsx") else 5000
    assert took(4 * n) < 7 * took(n) + 0.02


def test_a_folder_of_all_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    for number, (name, write) in enumerate(FORMS.items()):
        given = [{"prompt": f"What is tree {number}?", "completion": f"Tree {number}."}]
        (folder / f"{number}{name[1:]}").write_bytes(write(given))
    (folder / "dataset_info.json").write_text("{}")
    (folder / "state.json").write_text('{"_data_files": []}')
    (folder / "notes.txt").write_text("no data")
    got = rows(oi.build([str(folder)], out=tmp_path / "mix"))
    assert sorted(row["messages"][0]["content"] for row in got) == sorted(
        f"What is tree {number}?" for number in range(len(FORMS))
    )


def test_an_archive_of_them(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "day.zip", "w") as archive:
        archive.writestr("day/x.csv", table(records(2)))
        archive.writestr("day/notes.txt", "no data")
        archive.writestr("__MACOSX/day/._x.csv", b"\0\0")
        archive.writestr("day/.x.jsonl", "{}")
    result = oi.build([str(tmp_path / "day.zip")], out=tmp_path / "mix")
    assert [row["origin_file"] for row in rows(result)] == ["day.zip/day/x.csv"] * 2


@pytest.mark.parametrize("name", ["databricks-dolly-15k.csv", "alpaca_data.csv", "dolly.arrow"])
def test_no_known_source_takes_them(tmp_path: Path, name: str) -> None:
    """Though their columns are its fields."""
    record: dict[str, Any] = {
        "instruction": "Name a tree that grows in the north.",
        "context": "",
        "response": "The birch.",
        "category": "open_qa",
    }
    data = arrow([record]) if name.endswith("arrow") else b""
    if not data:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(record))
        writer.writeheader()
        writer.writerow(record)
        data = text.getvalue().encode()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(data)
    with pytest.raises(OpenInstructionsError, match="dolly"):
        oi.build(["dolly"], data_dir=tmp_path / "in", out=tmp_path / "mix", offline=True)
