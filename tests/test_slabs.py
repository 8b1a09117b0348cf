"""Plain files in slabs: the same frames as the careful readers find, for whole files and damaged
ones."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.errors import InputError
from open_instructions.readers import Frame, Slab, open_file, parse, slabs

from .test_readers import subset


def in_slabs(path: Path, format: Any, size: int, records: int) -> tuple[list[Frame], int]:
    """The frames of a file by way of slabs, and how many slabs there were."""
    frames, many = [], 0
    for piece in open_file(path, None, subset(format)).pieces(size, records):
        if isinstance(piece, Slab):
            many += 1
            assert len(piece.frames(piece.data())) == piece.records
            frames += piece.frames(piece.data())
        else:
            frames.append(piece[0])
    return frames, many


def one_by_one(path: Path, format: Any) -> list[Frame]:
    return [frame for frame, _ in open_file(path, None, subset(format)).frames()]


@pytest.mark.parametrize(("indent", "newline"), [(None, ""), (2, "\n"), ("\t", "\r\n")])
def test_an_array_in_slabs(tmp_path: Path, indent: Any, newline: str) -> None:
    path = tmp_path / "x.json"
    records = [
        {"id": f"é{n}", "turns": [{"id": '}, {"id": '}, {"say": "x" * (n % 7)}]} for n in range(300)
    ]
    path.write_bytes(
        json.dumps(records, indent=indent, ensure_ascii=False)
        .replace("\n", newline or "\n")
        .encode()
    )
    frames, many = in_slabs(path, "array", 2000, 1000)
    assert frames == one_by_one(path, "array")
    assert [json.loads(f.text) for f in frames] == records
    assert [f.row for f in frames] == list(range(300))
    assert many > 5


def test_lines_in_slabs(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(
        b"\xef\xbb\xbf"
        + b'{"a": 1}\r\n\n \t\n{"a": "\xff"}\n\xef\xbb\xbf{"a": 3}\n' * 100
        + b'{"a": 4}'
    )
    frames, many = in_slabs(path, "lines", 500, 1000)
    assert frames == one_by_one(path, "lines")
    assert len(frames) == 301
    assert [f.row for f in frames[-4:]] == [495, 498, 499, 500]
    assert many > 5


def test_a_slab_has_about_so_many_records(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"a": "word " * 3}] * 20_000))
    counts = [
        p.records
        for p in open_file(path, None, subset()).pieces(1 << 20, 2000)
        if isinstance(p, Slab)
    ]
    assert (
        len(counts) == 7 and max(counts) <= 2000
    )  # what the first guess took is too much for one, and comes as frames


@pytest.mark.parametrize(
    "damage",
    [
        b"NaN",
        b'"\\ud83d"',
        b'"\t"',
        b"01",
        b"1,",
        b'1 "b": 2',
        b'"open',
        b"[" * 2000,
        b"9" * 5000,
        b'"\xff"',
        b'"\xff", "c": ' + b"9" * 5000,
        b"1}} , {",
    ],
)
@pytest.mark.parametrize("at", [0, 1, 60, 198, 199])
def test_damage_in_slabs(tmp_path: Path, damage: bytes, at: int) -> None:
    path = tmp_path / "x.json"
    each = [b'{"a": "%d", "b": [{"a": 1}]}' % n for n in range(200)]
    each[at] = b'{"a": ' + damage + b', "b": 2}'
    path.write_bytes(b"[" + b",\n".join(each) + b"]")
    for size in (40, 300, 4000):
        frames, _ = in_slabs(path, "array", size, 1000)
        assert [(f.row, f.text, parse(f)) for f in frames] == [
            (f.row, f.text, parse(f)) for f in one_by_one(path, "array")
        ]


@given(
    st.lists(
        st.sampled_from(
            [
                '{"a": 1}',
                '{"a": "}, {\\"a\\": "}',
                '{"a": [{"a": 2}, {"a": 3}]}',
                "{}",
                "7",
                '{"b": 1}',
                '{"a": x}',
                '{"a": "',
                "",
                "[",
                "]",
            ]
        )
    ),
    st.sampled_from([",", ", ", ",\n  ", " ", ",,"]),
    st.sampled_from(["]", "", "]]", "] x", "}]"]),
    st.integers(1, 60),
)
def test_any_array_in_slabs(records: list[str], between: str, end: str, size: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.json")
        path.write_text("[" + between.join(['{"a": 0}', *records]) + end)
        assert in_slabs(path, "array", size, 5)[0] == one_by_one(path, "array")


@given(
    st.lists(st.sampled_from(['{"a": 1}', "", " ", "\t\r", '{"a": ', "x", "\ufeff{}", "\v"])),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 60),
)
def test_any_lines_in_slabs(lines: list[str], between: str, size: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.json")
        path.write_bytes(between.join(['{"a": 0}', *lines]).encode())
        assert in_slabs(path, "lines", size, 5)[0] == one_by_one(path, "lines")


def test_a_record_that_is_longer_than_any_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slabs, "LONGEST", 1000)  # of 5,000 bytes
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"a": "x" * (5000 if n == 50 else 5)} for n in range(100)]))
    frames, many = in_slabs(path, "array", 100, 1000)
    assert frames == one_by_one(path, "array")
    assert len(frames) == 100 and many > 3


def test_a_slab_of_a_file_that_changed(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"a": n} for n in range(100)]))
    first = next(p for p in open_file(path, None, subset()).pieces(200, 100) if isinstance(p, Slab))
    path.write_text("[]")
    with pytest.raises(InputError, match="changed while it was read"):
        first.frames(first.data())
    path.write_text(json.dumps([{"a": "1, 2, 3"} for n in range(100)]))
    with pytest.raises(InputError, match="changed while it was read"):
        first.frames(first.data())


@pytest.mark.parametrize(
    ("format", "content"),
    [
        # a byte order mark, and no record behind it
        ("lines", b'\xef\xbb\xbf\n{"a":1}\n{"a":2}\n{"a":3}\n'),
        # behind the broken record one that the window cuts, with others like it inside
        (
            "array",
            (
                b'[{"a": 1}, {"a": x}, {"a": [{"a":2}, {"a":3}, {"a": 4}]}, {"a": 5}, {"a":6},'
                b' {"a": 7}]'
            ),
        ),
        # the window ends with what is no object, and the last object before it had other keys
        (
            "array",
            (
                b'[{"a":0}, {"a": 1}, {"a": 1}, {"a": 1}, {"a":1,"b":1}, 7, {"a": x}, {"a":2},'
                b' {"a":3,"b":2}, {"a":4}, {"a":4}, {"a":4}]'
            ),
        ),
        # white space that is none in JSON
        ("array", b'[\x0b{"a":0}, {"a":1}, {"a":2}, {"a":3}]'),
        ("array", b'[{"a":0},\x0c{"a":1}, {"a":2}, {"a":3}]'),
        # one that begins like the first, late
        ("array", b'[{"x":1}' + b',{"a":1}' * 500 + b',{"x":1}' + b',{"a":1}' * 50 + b"]"),
        # trees
        (
            "array",
            b"["
            + b", ".join([b'{"a": 1, "b": [' + b",".join([b'{"a": 2}'] * 30) + b"]}"] * 20)
            + b"]",
        ),
    ],
)
@pytest.mark.parametrize("size", [5, 30, 200, 2000])
def test_hard_cases_in_slabs(tmp_path: Path, format: Any, content: bytes, size: int) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    assert in_slabs(path, format, size, 1000)[0] == one_by_one(path, format)


def test_blank_lines_are_no_slab(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'{"a": 1}\n' + b"\n" * 5000 + b'{"a": 2}\n' * 100)
    frames, many = in_slabs(path, "lines", 200, 1000)
    assert [f.row for f in frames[:2]] == [0, 5001] and len(frames) == 101
    assert many == 5


def test_no_slab_has_many_times_the_records_it_should(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'[{"x":1}' + b',{"a":1}' * 5000 + b',{"x":1}' + b',{"x":1}' * 20_000 + b"]")
    counts = [
        p.records for p in open_file(path, None, subset()).pieces(400, 50) if isinstance(p, Slab)
    ]
    assert counts and max(counts) <= 100


def test_without_msgspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"a": n} for n in range(300)]))
    monkeypatch.setattr(slabs, "fast_decoder", lambda shape: None)
    frames, many = in_slabs(path, "array", 200, 100)
    assert (len(frames), many) == (300, 0)


@pytest.mark.parametrize("before", [8000, 8800, 9000])
@pytest.mark.parametrize("long", [1_100_000, 1_500_000, 2_500_000])
def test_a_long_record_behind_a_broken_one(tmp_path: Path, before: int, long: int) -> None:
    path = tmp_path / "x.json"
    good = json.dumps({"a": "x" * 100, "t": 1}).encode()
    path.write_bytes(
        b"["
        + b", ".join(
            [good] * before
            + [b'{"a": x, "t": 1}', good.replace(b"x", b"x" * (long // 100)), good, good]
        )
        + b"]"
    )
    frames = one_by_one(path, "array")
    assert [bool(f.reason) for f in frames] == [False] * before + [True] + [False] * 3
    assert in_slabs(path, "array", 2 << 20, 2000)[0] == frames


def test_a_slab_of_a_file_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"a": n} for n in range(100)]))
    first = next(p for p in open_file(path, None, subset()).pieces(200, 100) if isinstance(p, Slab))
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        first.frames(first.data())
