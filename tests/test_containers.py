"""Records in other containers than a list or lines: what a file is, is told by what stands in
it."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.catalogue import Subset
from open_instructions.errors import InputError
from open_instructions.readers import open_file, parse
from open_instructions.readers.buffer import BLOCK
from open_instructions.schema import Reject

from .test_slabs import in_slabs

ALPACA = frozenset({"instruction", "output"})
CHAT = frozenset({"id", "conversations"})
A, B, C = (
    {"instruction": f"Name a {thing}.", "output": "Done."} for thing in ("tree", "fish", "bird")
)
TALK = {
    "id": "t1",
    "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}],
}


def kind(fields: frozenset[str] = ALPACA, format: Any = "array", **options: Any) -> Subset:
    return Subset(
        "x",
        files=("x.json",),
        fields=fields,
        languages=("en",),
        engine="",
        license="",
        format=format,
        **options,
    )


def read(
    tmp_path: Path, text: str | bytes, subset: Subset | None = None, name: str = "x.json"
) -> list[tuple[int, Any]]:
    """(row, record or reason) of everything in a file, which is the same in pieces."""
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    opened = open_file(path, None, subset or kind())
    frames = [frame for frame, _ in opened.frames()]
    assert in_slabs_of(path, subset or kind()) == frames
    return [(f.row, r.reason.value if isinstance(r := parse(f), Reject) else r) for f in frames]


def in_slabs_of(path: Path, subset: Subset) -> list[Any]:
    found: list[Any] = []
    for piece in open_file(path, None, subset).pieces(40, 5):
        found += piece.frames(piece.data()) if hasattr(piece, "frames") else [piece[0]]
    return found


@pytest.mark.parametrize("format", ["array", "lines"])
@pytest.mark.parametrize("indent", [1, 4, "\t"])
@pytest.mark.parametrize("between", ["\n", "", " ", "\n\n", ",\n", ", ", "\r\n"])
def test_objects_over_several_lines(tmp_path: Path, format: Any, indent: Any, between: str) -> None:
    text = between.join(json.dumps(record, indent=indent) for record in (A, B, C))
    for end in ("", "\n", ",\n"):
        assert read(tmp_path, text + end, kind(format=format)) == [(0, A), (1, B), (2, C)]


@pytest.mark.parametrize("between", ["", " ", ",", ", ", ",\n", "\t", " \n"])
def test_objects_side_by_side(tmp_path: Path, between: str) -> None:
    text = between.join(json.dumps(record) for record in (A, B, C))
    for end in ("", "\n", ",", ",\n"):
        assert read(tmp_path, text + end, kind(format="lines")) == [(0, A), (1, B), (2, C)]


def test_a_line_where_two_files_were_joined(tmp_path: Path) -> None:
    a, b, c = map(json.dumps, (A, B, C))
    got = read(tmp_path, f"{a}\n\n{b}{c}\n{a} {b} {c},\n{c}\n", kind(format="lines"))
    assert got == [(0, A), (2, B), (3, C), (4, A), (5, B), (6, C), (7, C)]


def test_what_looks_like_two_records_inside_of_one(tmp_path: Path) -> None:
    record = {"instruction": "Write \\frac{1}{2} and } { in TeX.", "output": "}{"}
    assert read(
        tmp_path, json.dumps(record) + "\n" + json.dumps(A) + "\n", kind(format="lines")
    ) == [(0, record), (1, A)]


def test_lines_with_a_broken_one(tmp_path: Path) -> None:
    a = json.dumps(A)
    assert read(tmp_path, '{"instruction": oops}\n' + a + "\n", kind(format="lines")) == [
        (0, "invalid_json"),
        (1, A),
    ]
    assert read(tmp_path, '{"instruction": "raw\nbreak"}\n' + a + "\n", kind(format="lines")) == [
        (0, "invalid_json"),
        (1, "invalid_json"),
        (2, A),
    ]


def test_a_list_per_line(tmp_path: Path) -> None:
    a, b, c = map(json.dumps, (A, B, C))
    for between in ("\n", "", ",\n"):
        for format in ("array", "lines"):
            assert read(tmp_path, f"[{a}, {b}]{between}[{c}]\n", kind(format=format)) == [
                (0, A),
                (1, B),
                (2, C),
            ]


# --- one object with the records in it


@pytest.mark.parametrize("key", ["data", "rows", "train", "instructions"])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("format", ["array", "lines"])
def test_a_list_in_an_object(tmp_path: Path, key: str, indent: int | None, format: Any) -> None:
    file = {"version": "1.0", key: [A, B], "tags": ["x"], "note": {"by": "me"}}
    assert read(tmp_path, json.dumps(file, indent=indent), kind(format=format)) == [(0, A), (1, B)]
    assert open_file(tmp_path / "x.json", None, kind()).header == {
        "version": "1.0",
        "tags": ["x"],
        "note": {"by": "me"},
    }


def test_a_record_is_not_taken_for_a_list_in_an_object(tmp_path: Path) -> None:
    for indent in (None, 2):
        assert read(tmp_path, json.dumps(TALK, indent=indent), kind(CHAT)) == [(0, TALK)]
        assert read(tmp_path, json.dumps({"data": [TALK]}, indent=indent), kind(CHAT)) == [
            (0, TALK)
        ]
    assert read(tmp_path, json.dumps(TALK), kind(frozenset({"conversations"}))) == [(0, TALK)]


def test_several_lists_in_an_object(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"several lists of records \('train', 'test'\)"):
        read(tmp_path, json.dumps({"train": [A], "test": [B]}))
    assert read(tmp_path, json.dumps({"labels": [{"name": "x"}], "rows": [A]})) == [(0, A)]


def test_a_second_list_far_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("open_instructions.readers.arrangement.HEAD", 1000)
    with pytest.raises(InputError, match=r"several lists of records \('train', 'test'\)"):
        read(tmp_path, json.dumps({"train": [A] * 30_000, "test": [B]}))
    assert len(read(tmp_path, json.dumps({"train": [A] * 30_000, "test": "none"}))) == 30_000


def test_an_object_without_records(tmp_path: Path) -> None:
    for file in (
        {"data": {"train": [A]}},
        {"columns": ["instruction", "output"], "data": [["a", "b"]]},
        {"data": []},
    ):
        with pytest.raises(InputError, match=r"x\.json: The file is one object \('(data|columns)'"):
            read(tmp_path, json.dumps(file))


def test_records_under_keys(tmp_path: Path) -> None:
    assert read(tmp_path, json.dumps({"0": A, "1": B})) == [(0, A), (1, B)]


def test_a_list_in_an_object_that_is_cut_off(tmp_path: Path) -> None:
    text = json.dumps({"data": [A, B, C]})
    assert read(tmp_path, text[:-20]) == [(0, A), (1, B), (2, "truncated")]


# --- columns


@pytest.mark.parametrize("indent", [None, 1])
def test_columns_as_pandas_writes_them(tmp_path: Path, indent: int | None) -> None:
    rows = [A, B, C]
    names = ["instruction", "output"]
    assert read(
        tmp_path,
        json.dumps({n: {str(i): r[n] for i, r in enumerate(rows)} for n in names}, indent=indent),
    ) == [*enumerate(rows)]
    assert read(tmp_path, json.dumps({n: [r[n] for r in rows] for n in names}, indent=indent)) == [
        *enumerate(rows)
    ]


def test_columns_with_labels_and_nulls(tmp_path: Path) -> None:
    text = '{"instruction": {"7": "a", "9": "b\\u00e9"}, "output": {"7": 1.50, "9": null}}'
    path = tmp_path / "x.json"
    path.write_text(text)
    frames = [frame for frame, _ in open_file(path, None, kind()).frames()]
    assert [f.text for f in frames] == [
        '{"instruction": "a", "output": 1.50, "index": "7"}',
        '{"instruction": "b\\u00e9", "output": null, "index": "9"}',
    ]


def test_columns_of_conversations(tmp_path: Path) -> None:
    talk = TALK["conversations"]
    assert read(tmp_path, json.dumps({"id": ["t1"], "conversations": [talk]}), kind(CHAT)) == [
        (0, TALK)
    ]
    assert read(
        tmp_path, json.dumps({"conversations": [talk, talk]}), kind(frozenset({"conversations"}))
    ) == [
        (0, {"conversations": talk}),
        (1, {"conversations": talk}),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            '{"instruction": ["a", "b"], "output": ["c"]}',
            "column 'output' does not have the rows of the first",
        ),
        (
            '{"instruction": {"0": "a"}, "output": {"1": "c"}}',
            "column 'output' does not have the rows of the first",
        ),
        (
            '{"instruction": ["a"], "output": ["b"], "version": 1}',
            "column 'version' is broken: neither a list nor an object",
        ),
        ('{"instruction": {"0": "a", "1": "b"}, "output": {"0": "c", "1": x}}', "broken"),
        ('{"instruction": {"0": "a", "1": "b"}, "output": {"0": "c", "1"', "broken"),
        ('{"instruction": ["a"], "output": ["b"], "output": ["b"]}', "two columns named 'output'"),
        (
            '{"instruction": {"x": "a", "y": "b"}, "output": {"x": "c", "y": "d"}}',
            "one record or the columns of a table",
        ),
    ],
)
def test_columns_that_are_no_table(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        read(tmp_path, text)


def test_one_column_alone_can_be_a_record(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one record or the columns of a table"):
        read(tmp_path, '{"turns": ["hi", "hello"]}', kind(frozenset({"turns"})))
    assert read(
        tmp_path, '{"turns": ["hi", "hello"]}\n{"turns": ["yes"]}', kind(frozenset({"turns"}))
    ) == [
        (0, {"turns": ["hi", "hello"]}),
        (1, {"turns": ["yes"]}),
    ]


def test_a_table_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("open_instructions.readers.columns.LARGEST", 5 << 20)
    with pytest.raises(InputError, match="a table by columns of more than 5 MB"):
        read(tmp_path, json.dumps({"instruction": ["x" * 1000] * 6000, "output": ["y"] * 6000}))


# --- broken records


WHOLE = '{"a": 3}', '{"c": 4, "d": [{"a": 1}]}', '{"a": 5, "b": 6}'


@pytest.mark.parametrize(
    "broken",
    [
        '{"a": "\\d", "b": 2}',
        '{"a": oops, "b": 2}',
        '{"a": "x, "b": 2}',
        '{"a": "he said "hi" to me", "b": 2}',
        '{"a": "5" tall", "b": 2}',
        '{"a": 1 "b": 2}',
        '{"a": 1, "b": [{"a": 7}, {"a": x}, {"a": 8}]}',
        '{"a": 1, "b": {"a": [1, 2}}',
        '{"a": 1',
        '{"a": "x',
        '{"a": "one\ntwo", "b": 2}',
    ],
)
@pytest.mark.parametrize("between", [", ", ",\n", "\n"])
@pytest.mark.parametrize("at", [0, 1, 3])
def test_records_with_other_keys_behind_a_broken_one(
    tmp_path: Path, broken: str, between: str, at: int
) -> None:
    parts = [*WHOLE[:at], broken, *WHOLE[at:]]
    text = between.join(parts)
    expected = [json.loads(part) if part != broken else "invalid_json" for part in parts]
    if broken == '{"a": "x' and (between == ", " or at == 3):
        return  # what stands behind it is in its text
    assert [r for _, r in read(tmp_path, "[" + text + "]", kind(frozenset()))] == expected
    pretty = "\n".join(json.dumps(json.loads(p), indent=1) if p != broken else p for p in parts)
    if at and (at < 3 or broken != '{"a": 1'):
        assert [r for _, r in read(tmp_path, pretty, kind(frozenset(), "lines"))] == expected


def test_a_broken_record_over_several_lines(tmp_path: Path) -> None:
    parts = [json.dumps(record, indent=2) for record in (A, B, C)]
    parts[1] = parts[1].replace('"Done."', "oops")
    assert read(tmp_path, "\n".join(parts), kind(format="lines")) == [
        (0, A),
        (1, "invalid_json"),
        (2, C),
    ]
    parts[0], parts[1] = parts[1], parts[0]
    assert read(tmp_path, "\n".join(parts), kind(format="lines")) == [
        (0, "invalid_json"),
        (1, A),
        (2, C),
    ]


def test_messages_in_a_broken_record_are_not_records(tmp_path: Path) -> None:
    broken = (
        '{"id": "t2", "conversations": [{"from": "a "b", "value": "x"}, {"from": "c", "value":'
        ' "d"}, {"from": "e", "value": "f"}]}'
    )
    other = {"id": "t3", "conversations": [], "model": "m"}
    for first in ([], [TALK]):
        text = ", ".join([*map(json.dumps, first), broken, json.dumps(other), json.dumps(TALK)])
        assert [r for _, r in read(tmp_path, f"[{text}]", kind(CHAT))] == [
            *first,
            "invalid_json",
            other,
            TALK,
        ]
        assert [r for _, r in read(tmp_path, f'{{"data": [{text}], "n": 1}}', kind(CHAT))] == [
            *first,
            "invalid_json",
            other,
            TALK,
        ]


def test_the_end_of_the_list_is_not_lost(tmp_path: Path) -> None:
    assert read(tmp_path, '[{"a": 1}, {"a": "x}]', kind(frozenset())) == [
        (0, {"a": 1}),
        (1, "invalid_json"),
    ]
    assert read(tmp_path, '[{"a": 1}, {"a": 2, ]', kind(frozenset())) == [
        (0, {"a": 1}),
        (1, "invalid_json"),
    ]


def test_broken_values_under_keys(tmp_path: Path) -> None:
    text = '{"k1": {"a": oops, "m": {"x": 1}, "n": {"y": 2}}, "k2": {"a": 2}}'
    assert [r for _, r in read(tmp_path, text, kind(frozenset(), "object", key_field="id"))] == [
        "invalid_json",
        {"a": 2},
    ]


def test_brackets_in_text_across_the_end_of_a_block(tmp_path: Path) -> None:
    good, broken = '{"a": 1}', '{"a": "' + "}" * 200 + '\\d"}'
    for shift in (150, 100, 50, 8):
        filler = json.dumps({"a": "x" * (BLOCK - 30 - shift)})
        got = [r for _, r in read(tmp_path, f"[{filler}, {broken}, {good}]", kind(frozenset()))]
        assert got[1:] == ["invalid_json", {"a": 1}]


# --- packed, large, hostile


def test_packed_containers(tmp_path: Path) -> None:
    pretty = "\n".join(json.dumps(record, indent=2) for record in (A, B)).encode()
    assert read(tmp_path, gzip.compress(pretty), kind(format="lines"), "x.jsonl.gz") == [
        (0, A),
        (1, B),
    ]
    assert read(
        tmp_path, gzip.compress(json.dumps({"data": [A, B]}).encode("utf-16")), name="x.json.gz"
    ) == [(0, A), (1, B)]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("x.json", json.dumps({"instruction": ["a"], "output": ["b"]}))
    opened = open_file(tmp_path / "x.zip", 0, kind())
    assert [f.text for f, _ in opened.frames()] == ['{"instruction": "a", "output": "b"}']


def test_a_long_file_of_pretty_records_is_read_in_little_memory(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "x.jsonl"
    path.write_text(
        (json.dumps({"instruction": "x" * 900, "output": "y"}, indent=2) + "\n") * 20_000
    )  # 19 MB
    tracemalloc.start()
    try:
        assert sum(1 for _ in open_file(path, None, kind(format="lines")).frames()) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": x' + ', {"a": [{}' * 20_000,
        '[{"a": x' + "}, {" * 50_000,
        '[{"a": x' + '}, {"a": 1}, "' * 10_000,
        '{"a": "x' + '\\"' * 100_000,
        "[{" + " " * 500_000 + "}x" + " " * 500_000,
        '{"a": 1}' + "," * 300_000 + '{"b": x' + "\n" * 300_000,
        '{"a": 1} ' * 50_000 + "{",
        '[{"a": "b"c}' + ', {"a": 1}' * 50_000,
        '{"data": [' + "[" * 100_000,
    ],
)
@pytest.mark.usefixtures("no_garbage")
def test_hostile_containers_take_linear_time(tmp_path: Path, text: str) -> None:
    import time

    started = time.process_time()
    read(tmp_path, text, kind(frozenset({"a"})))
    assert time.process_time() - started < 10


PIECES = [
    '{"a": 1}',
    '{\n "a": 2\n}',
    '{"a": x}',
    '{"b": "',
    "[",
    "]",
    '[{"a": 3}]',
    "{}",
    "7",
    "}{",
    '"',
    '{"a": {"a": 1}, {"a": 2}}',
]


@given(
    st.lists(st.sampled_from(PIECES), max_size=8),
    st.sampled_from(["", " ", ",", "\n", ",\n", ", "]),
    st.sampled_from(["array", "lines", "object"]),
)
def test_every_byte_is_in_one_frame(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], between: str, format: Any
) -> None:
    path = tmp_path_factory.mktemp("c") / "x.json"
    text = between.join(pieces)
    path.write_text(text)
    frames = [
        frame
        for frame, _ in open_file(path, None, kind(frozenset(), format, key_field="id")).frames()
    ]
    left = "".join(frame.key + frame.text for frame in frames)
    for mark in ' ,\n[]{}:"':
        text, left = text.replace(mark, ""), left.replace(mark, "")
    assert left == text
    assert [frame.row for frame in frames] == sorted({frame.row for frame in frames})


@given(
    st.lists(
        st.sampled_from(
            [
                '{"a": 1}',
                '{"a": "} {"}',
                '{"a": "}{"},',
                '{"a": 1}{"b": 2}',
                '{"a": 1} {"b": x',
                "",
                '{"a": 1},',
            ]
        ),
        min_size=1,
    ),
    st.integers(1, 60),
)
def test_any_lines_side_by_side_in_slabs(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], size: int
) -> None:
    path = tmp_path_factory.mktemp("s") / "x.json"
    path.write_text("\n".join(['{"a": 0}', *lines]))
    assert in_slabs(path, "lines", size, 5)[0] == [
        frame for frame, _ in open_file(path, None, kind(frozenset(), "lines")).frames()
    ]
