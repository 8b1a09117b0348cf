"""Files as they really arrive: every layout, cut short, broken, hostile."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.catalogue import Subset
from open_instructions.errors import InputError
from open_instructions.readers import Frame, members, open_file, parse, printable
from open_instructions.readers.buffer import BLOCK
from open_instructions.schema import Reject


def subset(format: Any = "array", **options: Any) -> Subset:
    return Subset(
        "x",
        files=("x.json",),
        fields=frozenset(),
        languages=("en",),
        engine="",
        license="",
        format=format,
        **options,
    )


def read(
    tmp_path: Path,
    content: bytes,
    format: Any = "array",
    name: str = "x.json",
    member: int | None = None,
    **options: Any,
) -> list[tuple[int, Any]]:
    """(row, record or reason) of everything in a file."""
    path = tmp_path / name
    path.write_bytes(content)
    return [
        (f.row, r.reason.value if isinstance(r := parse(f), Reject) else r)
        for f, _ in open_file(path, member, subset(format, **options)).frames()
    ]


def test_array(tmp_path: Path) -> None:
    assert read(tmp_path, b'[{"a": 1},\n {"a": [2, {"b": "]}"}]}]') == [
        (0, {"a": 1}),
        (1, {"a": [2, {"b": "]}"}]}),
    ]


def test_lines_with_blank_ones_and_crlf(tmp_path: Path) -> None:
    assert read(tmp_path, b'\n{"a": 1}\r\n\r\n{"a": 2}', "lines") == [(1, {"a": 1}), (3, {"a": 2})]


def test_lines_under_a_json_name_and_an_array_under_a_jsonl_name(tmp_path: Path) -> None:
    assert read(tmp_path, b'{"a": 1}\n{"a": 2}\n', "array") == [(0, {"a": 1}), (1, {"a": 2})]
    assert read(tmp_path, b'[\n{"a": 1},\n{"a": 2}\n]', "lines") == [(0, {"a": 1}), (1, {"a": 2})]


def test_object_by_key(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'{"k1": {"a": 1}, "k\\u0032": {"a": 2}}')
    frames = [f for f, _ in open_file(path, None, subset("object", key_field="id")).frames()]
    assert [(f.row, f.key, f.text) for f in frames] == [
        (0, "k1", '{"a": 1}'),
        (1, "k2", '{"a": 2}'),
    ]


@pytest.mark.parametrize(
    "order",
    [
        '{"type": "t", "items": [{"a": 1}, {"a": 2}]}',
        '{"items": [{"a": 1}, {"a": 2}], "type": "t"}',
    ],
)
def test_envelope_header_before_or_behind(tmp_path: Path, order: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(order)
    opened = open_file(path, None, subset("envelope", items="items"))
    assert opened.header == {"type": "t"}
    assert [(f.row, f.text) for f, _ in opened.frames()] == [(0, '{"a": 1}'), (1, '{"a": 2}')]


def test_envelope_without_its_list(tmp_path: Path) -> None:
    assert read(tmp_path, b'{"type": "t"}', "envelope", items="items") == [(0, "unexpected_shape")]


def test_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": ["x", None], "n": [2**63 - 1, 1]}), tmp_path / "x.parquet")
    got = read(tmp_path, (tmp_path / "x.parquet").read_bytes(), "parquet", "x.parquet")
    assert got == [(0, {"a": "x", "n": 9223372036854775807}), (1, {"a": None, "n": 1})]


def test_no_parquet_in_spite_of_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Parquet"):
        read(tmp_path, b"PAR1 no", "parquet", "x.parquet")


# --- cut short


@pytest.mark.parametrize("cut", range(12, 37))
def test_an_array_that_stops_gives_its_whole_records_and_one_tail(tmp_path: Path, cut: int) -> None:
    whole = b'[{"a": 1}, {"a": 22}, {"a": "three"}]'
    got = read(tmp_path, whole[:cut])
    expected = [{"a": 1}, {"a": 22}, {"a": "three"}][
        : [10, 20, 36].index(max(x for x in (10, 20, 36) if x <= cut)) + 1
    ]
    assert got == [*enumerate(expected), (len(expected), "truncated")]


def test_the_tail_keeps_its_text(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'[{"a": 1}, {"a": "thr')
    frames = [f for f, _ in open_file(path, None, subset()).frames()]
    assert frames[1].text == '{"a": "thr'


@pytest.mark.parametrize(
    ("format", "content", "count"),
    [
        ("object", b'{"k1": {"a": 1}, "k2": {"a', 1),
        ("object", b'{"k1": {"a": 1}, "k', 1),
        ("envelope", b'{"t": 1, "items": [{"a": 1}, {"a', 1),
    ],
)
def test_other_layouts_that_stop(tmp_path: Path, format: Any, content: bytes, count: int) -> None:
    got = read(tmp_path, content, format, items="items", key_field="id")
    assert [r for _, r in got][:count] == [{"a": 1}]
    assert [r for _, r in got][count:] == ["truncated"]


def test_a_gz_that_stops(tmp_path: Path) -> None:
    import random

    rng = random.Random(1)
    records = [{"a": rng.random()} for _ in range(3000)]
    packed = gzip.compress(json.dumps(records).encode())
    got = read(tmp_path, packed[: len(packed) // 2], name="x.json.gz")
    assert got[-1] == (len(got) - 1, "truncated")
    assert [r for _, r in got[:-1]] == records[: len(got) - 1]
    assert len(got) > 1000


# --- broken in the middle


def test_a_broken_line_is_refused_and_the_next_ones_are_read(tmp_path: Path) -> None:
    content = b'{"a": 1}\n{"a": "\\d"}\n{"a": "raw\r\nbreak"}\n{"a": 2}\n'
    assert read(tmp_path, content, "lines") == [
        (0, {"a": 1}), (1, "invalid_json"), (2, "invalid_json"), (3, "invalid_json"), (4, {"a": 2}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "broken",
    [
        '{"a": \\d}',
        '{"a" 1}',
        '{"a": 01}',
        '{"a": "x" "y"}',
        "{'a': 1}",
        '{"a": "tab\there"}',
        "nul",
    ],
)
def test_a_broken_record_in_an_array_is_refused_and_the_next_ones_are_read(
    tmp_path: Path, broken: str
) -> None:
    text = '[{"a": 1}, ' + broken + ', {"a": 3}, {"a": 4}]'
    got = [r for _, r in read(tmp_path, text.encode())]
    assert got == [{"a": 1}, "invalid_json", {"a": 3}, {"a": 4}]


def test_nested_records_are_not_mistaken_for_the_next_one(tmp_path: Path) -> None:
    good = {"id": "1", "turns": [{"from": "x"}, {"from": "y"}]}
    broken = '{"id": "2", "turns": [{"from": oops}, {"from": "y"}, {"from": "z"}]}'
    text = f"[{json.dumps(good)}, {broken}, {json.dumps(good)}]"
    assert [r for _, r in read(tmp_path, text.encode())] == [good, "invalid_json", good]


def test_a_broken_value_in_an_object_by_key(tmp_path: Path) -> None:
    got = read(
        tmp_path, b'{"k1": {"a": 1}, "k2": {"a": \\d}, "k3": {"a": 3}}', "object", key_field="id"
    )
    assert [r for _, r in got] == [{"a": 1}, "invalid_json", {"a": 3}]


def test_text_behind_the_end(tmp_path: Path) -> None:
    assert read(tmp_path, b'[{"a": 1}] ] {"a": 2}') == [(0, {"a": 1}), (1, "invalid_json")]


# --- what bytes can hold


def test_byte_order_mark(tmp_path: Path) -> None:
    assert read(tmp_path, b'\xef\xbb\xbf[{"a": 1}]') == [(0, {"a": 1})]
    assert read(tmp_path, b'\xef\xbb\xbf{"a": 1}\n', "lines") == [(0, {"a": 1})]


def test_nul(tmp_path: Path) -> None:
    assert read(tmp_path, b'{"a": "x\x00y"}\n{"a": "x\\u0000y"}\n', "lines") == [
        (0, "invalid_json"),
        (1, {"a": "x\x00y"}),
    ]


def test_invalid_utf8_is_refused_with_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'[{"a": "caf\xe9"}, {"a": "caf\xc3\xa9"}]')
    frames = [f for f, _ in open_file(path, None, subset()).frames()]
    assert [parse(f).reason if isinstance(parse(f), Reject) else parse(f) for f in frames] == [
        "invalid_utf8",
        {"a": "café"},
    ]
    assert printable(frames[0].text) == '{"a": "caf\\xe9"}'


def test_lone_surrogates_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, b'[{"a": "\\ud83d"}, {"a": "\\ud83d\\ude00"}]') == [
        (0, {"a": "\ud83d"}),
        (1, {"a": "\U0001f600"}),
    ]


def test_numbers_beyond_64_bits(tmp_path: Path) -> None:
    assert read(tmp_path, b'[{"a": 18446744073709551617}, {"a": 1e999}]') == [
        (0, {"a": 2**64 + 1}),
        (1, {"a": float("inf")}),
    ]


def test_a_number_of_ten_thousand_digits(tmp_path: Path) -> None:
    got = read(tmp_path, b'[{"a": ' + b"9" * 10_000 + b'}, {"a": 1}]')
    assert [r for _, r in got] == ["invalid_json", {"a": 1}]


@pytest.mark.parametrize("depth", [300, 1000, 100_000])
@pytest.mark.usefixtures("no_garbage")
def test_nesting_a_thousand_deep(tmp_path: Path, depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    assert [r for _, r in read(tmp_path, b'[{"a": ' + deep + b'}, {"a": 1}]')] == [
        "too_deep",
        {"a": 1},
    ]
    assert [r for _, r in read(tmp_path, b'{"a": ' + deep + b'}\n{"a": 1}\n', "lines")] == [
        "too_deep",
        {"a": 1},
    ]


def test_many_brackets_are_not_depth(tmp_path: Path) -> None:
    assert read(tmp_path, json.dumps([{"a": "[" * 1000}, {"a": [[]] * 300}]).encode()) == [
        (0, {"a": "[" * 1000}),
        (1, {"a": [[]] * 300}),
    ]


@pytest.mark.parametrize("content", [b"", b"  \n\n ", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("format", ["array", "lines", "object", "envelope"])
def test_an_empty_file_says_so(tmp_path: Path, content: bytes, format: Any) -> None:
    assert read(tmp_path, content, format, items="items", key_field="id") == [(0, "empty_file")]


def test_records_that_are_no_objects(tmp_path: Path) -> None:
    got = read(tmp_path, b'[1, "two", null, [3], {"a": 4}]')
    assert [r for _, r in got] == ["not_an_object"] * 4 + [{"a": 4}]


def test_a_record_larger_than_the_buffer(tmp_path: Path) -> None:
    big = {"a": "x" * (3 * BLOCK) + "\\é"}
    assert read(tmp_path, json.dumps([big, {"a": 1}], ensure_ascii=False).encode()) == [
        (0, big),
        (1, {"a": 1}),
    ]


# --- wrapped


def test_gz_zip_and_tar(tmp_path: Path) -> None:
    content = b'[{"a": 1}]'
    assert read(tmp_path, gzip.compress(content), name="x.json.gz") == [(0, {"a": 1})]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("in/x.json", content)
    assert read(tmp_path, (tmp_path / "x.zip").read_bytes(), name="x.zip", member=0) == [
        (0, {"a": 1})
    ]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("in/x.json")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    assert read(tmp_path, packed.getvalue(), name="x.tar.gz", member=0) == [(0, {"a": 1})]


def test_what_was_unpacked_on_the_way_is_read_under_its_gz_name(tmp_path: Path) -> None:
    assert read(tmp_path, b'[{"a": 1}]', name="x.json.gz") == [(0, {"a": 1})]
    assert read(tmp_path, b"\x1f\x8b no gz at all", name="x.json.gz") == [(0, "truncated")]


def test_a_tar_that_is_cut_off_gives_what_is_whole(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in ("a.json", "b.json"):
            content = json.dumps([{"a": n} for n in range(400)]).encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    cut = packed.getvalue()[: 512 + 4096 + 512 + 2000]
    (tmp_path / "x.tar").write_bytes(cut)
    assert [name for _, name in members(tmp_path / "x.tar")] == ["a.json", "b.json"]
    assert [r for _, r in read(tmp_path, cut, name="x.tar", member=0)] == [
        {"a": n} for n in range(400)
    ]
    second = read(tmp_path, cut, name="x.tar", member=1)
    assert second[0] == (0, {"a": 0})
    assert second[-1][1] == "truncated"


@pytest.mark.parametrize(
    ("format", "content"),
    [("array", b" [ ] "), ("object", b"{}"), ("envelope", b'{"items": [], "type": "t"}')],
)
def test_no_records_at_all_is_said(tmp_path: Path, format: Any, content: bytes) -> None:
    assert read(tmp_path, content, format, items="items", key_field="id") == [(0, "empty_file")]


def test_gz_members_with_padding_between_them(tmp_path: Path) -> None:
    for zeros in (100, 70_000):
        packed = gzip.compress(b'{"a": 1}\n') + bytes(zeros) + gzip.compress(b'{"a": 2}\n')
        assert read(tmp_path, packed, "lines", name="x.jsonl.gz") == [(0, {"a": 1}), (1, {"a": 2})]


def test_parquet_in_archives_and_under_gz(tmp_path: Path) -> None:
    import random

    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = random.Random(2)
    texts = ["".join(rng.choices("abcdefgh", k=500)) for _ in range(400)]
    pq.write_table(pa.table({"a": texts}), tmp_path / "x.parquet")
    content = (tmp_path / "x.parquet").read_bytes()
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "x.parquet", "in/x.parquet")
    got = read(tmp_path, (tmp_path / "x.tar.gz").read_bytes(), "parquet", "x.tar.gz", 0)
    assert [r["a"] for _, r in got] == texts
    assert read(tmp_path, gzip.compress(content), "parquet", "y.parquet.gz") == got


def test_a_parquet_row_that_is_not_utf8_keeps_its_values(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    offsets = pa.py_buffer(b"\x00\x00\x00\x00\x04\x00\x00\x00\x08\x00\x00\x00")
    bad = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"finecaf\xe9")])
    pq.write_table(pa.table({"a": bad, "b": ["x", "y"]}), tmp_path / "x.parquet")
    frames = [f for f, _ in open_file(tmp_path / "x.parquet", None, subset("parquet")).frames()]
    assert [(f.text, f.reason) for f in frames] == [
        ('{"a":"fine","b":"x"}', None),
        ('{"a":"caf\\\\xe9","b":"y"}', "invalid_utf8"),
    ]


def test_parquet_values_that_are_no_text(tmp_path: Path) -> None:
    import datetime

    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"a": [b"ok", b"\xff"], "t": [datetime.date(2023, 3, 1), None]})
    pq.write_table(table, tmp_path / "x.parquet")
    got = read(tmp_path, (tmp_path / "x.parquet").read_bytes(), "parquet", "x.parquet")
    assert got == [
        (0, {"a": "ok", "t": {"date": "2023-03-01"}}),
        (1, {"a": {"bytes": "ff"}, "t": None}),
    ]


# --- the law


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=4), x, max_size=3),
    max_leaves=6,
)
records = st.lists(st.dictionaries(st.text(max_size=5), values, max_size=4), min_size=1, max_size=6)


@given(records, st.sampled_from([None, 1, 4]), st.booleans())
def test_any_array_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    given_records: list[Any],
    indent: int | None,
    ascii_only: bool,
) -> None:
    folder = tmp_path_factory.mktemp("a")
    text = json.dumps(given_records, indent=indent, ensure_ascii=ascii_only).encode(
        "utf-8", "surrogatepass"
    )
    assert read(folder, text) == list(enumerate(given_records))


@given(st.binary(max_size=200), st.sampled_from(["array", "lines", "object", "envelope"]))
def test_no_bytes_crash_a_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, format: Any
) -> None:
    folder = tmp_path_factory.mktemp("b")
    try:
        got = read(folder, content, format, items="items", key_field="id")
    except InputError:
        return
    assert got or format == "envelope" or not content.strip() or content.strip() in (b"[]", b"{}")


def test_gz_in_several_members(tmp_path: Path) -> None:
    packed = gzip.compress(b'[{"a": 1},') + gzip.compress(b'{"a": 2}]') + b"\0" * 9
    assert read(tmp_path, packed, name="x.json.gz") == [(0, {"a": 1}), (1, {"a": 2})]


def test_frames_hold_the_whole_text() -> None:
    assert Frame(0, "x").key == ""


def test_what_looks_like_a_record_inside_a_broken_one_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'[{"a": 0, "b": 1}, {"a": \\"}, {"a", "b": 2}, {"a": 4, "b": 3}]')
    assert [f.text for f in [frame for frame, _ in open_file(path, None, subset()).frames()]] == [
        '{"a": 0, "b": 1}',
        '{"a": \\"}, {"a", "b": 2}',
        '{"a": 4, "b": 3}',
    ]


@pytest.mark.parametrize(
    "broken", ['{"a": "\\:e9}, {"}', '{"a": {"a[1}}, {"a": "x}, {"}', '{"a": \\"x}, {"}']
)
def test_the_record_behind_one_with_brackets_in_its_text(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "x.json"
    path.write_text('[{"a": 0}, ' + broken + ', {"a": 4}]')
    assert [
        (f.text, bool(f.reason))
        for f in [frame for frame, _ in open_file(path, None, subset()).frames()]
    ] == [
        ('{"a": 0}', False),
        (broken, True),
        ('{"a": 4}', False),
    ]


def test_parquet_text_that_is_not_utf8_deep_in_a_row_costs_the_row(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    turn = pa.struct({"from": pa.binary(), "value": pa.binary()})
    rows = [[{"from": b"human", "value": b"Hi"}], [{"from": b"gpt", "value": b"caf\xe9"}], [], None]
    text = pa.list_(pa.struct({"from": pa.string(), "value": pa.string()}))
    talks = _as_text(pa.array(rows, pa.list_(turn)), text)
    pq.write_table(
        pa.table({"id": ["a", "b", "c", "d"], "conversations": talks}), tmp_path / "x.parquet"
    )
    frames = [f for f, _ in open_file(tmp_path / "x.parquet", None, subset("parquet")).frames()]
    assert [(f.text, f.reason) for f in frames] == [
        ('{"id":"a","conversations":[{"from":"human","value":"Hi"}]}', None),
        ('{"id":"b","conversations":[{"from":"gpt","value":"caf\\\\xe9"}]}', "invalid_utf8"),
        ('{"id":"c","conversations":[]}', None),
        ('{"id":"d","conversations":null}', None),
    ]


def _as_text(array: Any, type: Any) -> Any:
    """The same bytes called text, which no safe cast would do."""
    import pyarrow as pa

    buffers = array.buffers()
    leaves = array.values.flatten()
    fields = [pa.Array.from_buffers(pa.string(), len(leaf), leaf.buffers()) for leaf in leaves]
    turns = pa.StructArray.from_arrays(fields, fields=list(type.value_type))
    return pa.Array.from_buffers(type, len(array), buffers[:2], children=[turns])


def test_parquet_values_without_a_form_in_python_are_their_text(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "a": ["x", "y"],
            "far": pa.array([1, 3 * 10**17], pa.timestamp("us")),
            "fine": pa.array([1, 1_000_000_001], pa.timestamp("ns")),
            "deep": pa.array(
                [[{"d": 0}], [{"d": 3_700_000}]], pa.list_(pa.struct({"d": pa.int32()}))
            ).cast(pa.list_(pa.struct({"d": pa.date32()}))),
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    got = read(tmp_path, (tmp_path / "x.parquet").read_bytes(), "parquet", "x.parquet")
    assert [(row, record["a"]) for row, record in got] == [(0, "x"), (1, "y")]
    assert got[1][1]["far"] == "11476-08-15 05:20:00.000000"
    assert got[1][1]["deep"] == [{"d": "12100-04-04"}]
    assert "1970-01-01 00:00:01.000000001" in json.dumps(got[1][1]["fine"])
