"""Excel workbooks: rows of each sheet, cells as text, and nothing that takes all memory."""

from __future__ import annotations

import datetime
import io
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from open_instructions import limits
from open_instructions.catalogue import Subset
from open_instructions.errors import InputError
from open_instructions.readers import open_file, parse
from open_instructions.schema import Reject

openpyxl = pytest.importorskip("openpyxl")
ANY = Subset(
    "own", files=(), fields=frozenset(), languages=(), engine="", license="", format="lines"
)
SHEET = "xl/worksheets/sheet1.xml"
HEAD = ["prompt", "answer"]
TREE = ["Name a tree that grows in the north.", "The birch does."]
FISH = ["Name a fish that lives in rivers.", "The pike does."]


def workbook(*sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"day {number}")
        for row in rows:
            sheet.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def changed(data: bytes, name: str, old: bytes, new: bytes) -> bytes:
    """The workbook with other bytes in one of its parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(out, "w") as after:
        for entry in before.infolist():
            part = before.read(entry)
            assert entry.filename != name or old in part
            after.writestr(
                entry.filename, part.replace(old, new) if entry.filename == name else part
            )
    return out.getvalue()


def opened(tmp_path: Path, data: bytes, **said: Any) -> Any:
    path = tmp_path / "x.xlsx"
    path.write_bytes(data)
    return open_file(path, None, ANY, **said)


def read(tmp_path: Path, data: bytes, **said: Any) -> list[Any]:
    frames = [frame for frame, _ in opened(tmp_path, data, **said).frames()]
    assert [frame.row for frame in frames] == list(range(len(frames)))
    return [
        (record.reason.value, frame.text) if isinstance(record := parse(frame), Reject) else record
        for frame in frames
    ]


def record(row: list[str]) -> dict[str, str]:
    return dict(zip(HEAD, row, strict=True))


def test_rows_of_each_sheet(tmp_path: Path) -> None:
    data = workbook([HEAD, TREE, [None, None], FISH], [], [["id", *HEAD], [7, *TREE]])
    assert opened(tmp_path, data).has_header is True
    assert read(tmp_path, data) == [record(TREE), record(FISH), {"id": "7", **record(TREE)}]


def test_cells_are_text(tmp_path: Path) -> None:
    when = datetime.datetime(2024, 2, 29, 13, 5)
    cells = ["Say a\nlong thing, please.", 7, 0.1, 3.0, True, when, None, "007", "x_x000D_y"]
    head = ["prompt", "a", "b", "c", "d", "e", "f", "g", "h"]
    assert read(tmp_path, workbook([head, cells])) == [
        {
            "prompt": "Say a\nlong thing, please.",
            "a": "7",
            "b": "0.1",
            "c": "3",
            "d": "TRUE",
            "e": "2024-02-29 13:05:00",
            "f": "",
            "g": "007",
            "h": "x\ry",
        }
    ]


def test_without_a_header(tmp_path: Path) -> None:
    data = workbook([TREE, FISH])
    assert opened(tmp_path, data).has_header is False
    assert read(tmp_path, data) == [{"0": row[0], "1": row[1]} for row in (TREE, FISH)]
    titled = workbook([["Report"], HEAD, TREE])
    assert opened(tmp_path, titled).has_header is False


def test_the_user_has_the_last_word(tmp_path: Path) -> None:
    data = workbook([["yes", "no"], ["up", "down"]])
    assert opened(tmp_path, data).has_header is None
    assert read(tmp_path, data, names_first=True) == [{"yes": "up", "no": "down"}]
    assert len(read(tmp_path, data, names_first=False)) == 2


def test_cells_beside_the_table_stay_in_their_row(tmp_path: Path) -> None:
    data = workbook([["", *HEAD], [1, *TREE, "a note"], [2, *FISH]])
    assert read(tmp_path, data) == [
        {"0": "1", **record(TREE), "3": "a note"},
        {"0": "2", **record(FISH), "3": ""},
    ]


def test_a_formula_without_a_value_is_refused(tmp_path: Path) -> None:
    data = workbook([HEAD, TREE, [FISH[0], '="The"&" pike"'], FISH])
    assert read(tmp_path, data) == [
        record(TREE),
        ("unexpected_shape", '{"prompt":"Name a fish that lives in rivers.","answer":""}'),
        record(FISH),
    ]
    with_value = changed(data, SHEET, b'<f>"The"&amp;" pike"</f><v />', b"<f>1+1</f><v>2</v>")
    assert read(tmp_path, with_value)[1] == {"prompt": FISH[0], "answer": "2"}


def test_two_columns_of_one_name_stop(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Two columns have the name 'answer'"):
        read(tmp_path, workbook([["answer", "answer"], TREE]), names_first=True)


def test_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path, workbook([])) == [("empty_file", "")]


def test_in_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("day.xlsx", workbook([HEAD, TREE]))
    assert len(list(open_file(tmp_path / "x.zip", 0, ANY).frames())) == 1


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0" * 200, b"a,b\n"])
def test_what_is_no_workbook(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InputError, match="cannot be read as a workbook"):
        read(tmp_path, data)


def test_other_archives(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(InputError, match="cannot be read as a workbook"):
        read(tmp_path, data.getvalue())


def test_cut_off(tmp_path: Path) -> None:
    data = workbook([HEAD, *([TREE, FISH] * 50)])
    got = read(tmp_path, changed(data, SHEET, b'<row r="91"', b"<row <<"))
    assert got[-1][0] == "truncated"
    assert got[:-1] == [record(TREE), record(FISH)] * 44 + [record(TREE)]
    for size in range(100, len(data), 501):
        with pytest.raises(InputError, match="cannot be read as a workbook"):
            read(tmp_path, data[:size])


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNPACKED_FREE", 1 << 20)
    data = io.BytesIO(workbook([HEAD, TREE]))
    with zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/x.xml", b" " * (64 << 20))
    with pytest.raises(InputError, match="over 200 times"):
        read(tmp_path, data.getvalue())


def test_cells_far_apart_take_no_room(tmp_path: Path) -> None:
    data = workbook([HEAD, TREE, FISH])
    far = changed(data, SHEET, b'r="B3"', b'r="XFD1048576"')
    far = changed(far, SHEET, b'<row r="3"', b'<row r="1048576"')
    begun = time.process_time()
    got = read(tmp_path, far)
    assert time.process_time() - begun < 20
    assert got == [
        {**record(TREE), "16383": ""},
        {"prompt": FISH[0], "answer": "", "16383": FISH[1]},
    ]
    beyond = changed(data, SHEET, b'<row r="3"', b'<row r="2000000000"')
    assert read(tmp_path, beyond)[-1][0] == "truncated"


def test_a_cell_far_to_the_right_costs_one_cell(tmp_path: Path) -> None:
    data = workbook([HEAD, *[TREE] * 300])
    for number in (250, 280):
        data = changed(data, SHEET, b'r="B%d"' % number, b'r="XFD%d"' % number)
    frames = [frame for frame, _ in opened(tmp_path, data).frames()]
    assert max(len(frame.text) for frame in frames) < 200
    assert parse(frames[248]) == {"prompt": TREE[0], "answer": "", "16383": TREE[1]}


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(InputError, match="needs the package openpyxl") as raised:
        opened(tmp_path, b"PK")
    assert "open-instructions[xlsx]" in str(raised.value.hint)
