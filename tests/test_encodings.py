"""Text that is not UTF-8: read where the file or the user says what it is, else refused with the
likely name."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import open_instructions as oi
from open_instructions.errors import InputError, OpenInstructionsError, UsageError
from open_instructions.readers import encoding_of, known_encoding, open_file, parse, printable
from open_instructions.schema import Reject

from .test_containers import ALPACA, kind, read

ZH = {"instruction": "说出三种让人保持健康的方法。", "output": "多喝水，多走路，每天晚上早点睡觉。"}
TW = {"instruction": "說出三種讓人保持健康的方法。", "output": "多喝水，多走路，每天晚上早點睡覺。"}
JA = {"instruction": "木の名前を一つ挙げてください。", "output": "それはオークという木です。"}
KO = {"instruction": "나무 이름을 하나 말해 주세요.", "output": "그것은 참나무라고 합니다."}
FR = {"instruction": "Nomme un arbre très âgé.", "output": "Le chêne, près de l’étang."}
RU = {
    "instruction": "Назови дерево, которое растёт долго.",
    "output": "Это дуб, он растёт сотни лет.",
}

WIDE = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


def text(*records: Any, lines: bool = False) -> str:
    if lines:
        return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    return json.dumps(records, ensure_ascii=False)


def marked(encoding: str, content: str) -> bytes:
    mark = "\ufeff" if encoding.endswith("e") else ""  # utf-16 and utf-32 write it themselves
    return (mark + content).encode(encoding)


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("mark", [True, False])
def test_utf16_and_utf32(tmp_path: Path, encoding: str, mark: bool) -> None:
    for content in (
        text(ZH, FR),
        text(ZH, FR, lines=True),
        "\r\n" + text(ZH, FR),
        json.dumps({"data": [ZH, FR]}),
    ):
        data = marked(encoding, content) if mark else content.encode(encoding)
        assert read(tmp_path, data) in ([(0, ZH), (1, FR)],)
    assert read(tmp_path, gzip.compress(marked(encoding, text(ZH))), name="x.json.gz") == [(0, ZH)]


def test_bytes_that_are_not_utf16(tmp_path: Path) -> None:
    a, b = (
        json.dumps({"instruction": word, "output": "x"}, ensure_ascii=False)
        for word in ("a\ud83db", "ab")
    )
    data = f"[{a}, {b}]".encode("utf-16-le", "surrogatepass")
    path = tmp_path / "x.json"
    path.write_bytes(data + b"\n")
    frames = [frame for frame, _ in open_file(path, None, kind()).frames()]
    assert [r.reason.value if isinstance(r := parse(f), Reject) else r for f in frames] == [
        "invalid_utf8",
        {"instruction": "ab", "output": "x"},
        "invalid_json",
    ]
    assert printable(frames[0].text) == '{"instruction": "a=\\xd8b", "output": "x"}'
    assert frames[2].text == "\0\n"


@pytest.mark.parametrize(
    ("encoding", "record", "named"),
    [
        ("gbk", ZH, "gb18030"),
        ("gb18030", ZH, "gb18030"),
        ("big5", TW, "big5"),
        ("shift_jis", JA, "cp932"),
        ("euc_jp", JA, "euc_jp"),
        ("euc_kr", KO, "cp949"),
        ("cp1252", FR, "cp1252"),
        ("cp1251", RU, "cp1251"),
        ("koi8_r", RU, "koi8-r"),
        ("iso2022_jp", JA, "iso2022_jp"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_other_encodings_are_named_and_read_where_they_are_said(
    tmp_path: Path, encoding: str, record: Any, named: str, packed: bool
) -> None:
    path = tmp_path / ("x.json.gz" if packed else "x.json")
    content = text(record, record).encode(encoding)
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(InputError, match=f"is not UTF-8.*It looks like {named}( or|\\.)") as caught:
        open_file(path, None, kind())
    assert caught.value.hint.startswith(f"--encoding={named} reads it")
    for said in (encoding, named):
        opened = open_file(path, None, kind(), known_encoding(said))
        assert [parse(frame) for frame, _ in opened.frames()] == [record, record]


def test_latin_1_is_named_from_one_letter(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(
        '[{"instruction": "Name a café.", "output": "The Odeon."}]'.encode("latin-1")
    )
    with pytest.raises(InputError, match="It looks like cp1252"):
        open_file(tmp_path / "x.json", None, kind())


def test_a_few_letters_in_lines(tmp_path: Path) -> None:
    record = {
        "instruction": "Name a tree.",
        "context": "",
        "response": "Le chêne.",
        "category": "open_qa",
    }
    (tmp_path / "x.json").write_bytes(text(record, record, record, lines=True).encode("latin-1"))
    with pytest.raises(InputError, match="It looks like cp1252 or cp1250"):
        open_file(tmp_path / "x.json", None, kind())
    opened = open_file(tmp_path / "x.json", None, kind(format="lines"), "utf-8")
    assert [str(getattr(parse(frame), "reason", "")) for frame, _ in opened.frames()] == [
        "invalid_utf8"
    ] * 3


def test_damage_in_utf8_is_no_other_encoding(tmp_path: Path) -> None:
    for content in (
        '[{"a": "café"}, {"a": "caf\udce9"}]',
        '[{"a": "x\udcff"}, {"a": "y"}]',
        '[{"a": "说\udcff\udcfe明书"}, {"a": "y"}]',
    ):
        (tmp_path / "x.json").write_bytes(content.encode("utf-8", "surrogateescape"))
        assert encoding_of(tmp_path / "x.json") == "utf-8"
        assert encoding_of(tmp_path / "x.json", None, "gb18030") == (
            "gb18030" if "xudcff" in ascii(content).replace("\\", "") else "utf-8"
        )


def test_what_is_said_is_for_files_that_do_not_tell(tmp_path: Path) -> None:
    for content, right in (
        (text(ZH).encode(), "utf-8"),
        (b"\xef\xbb\xbf" + text(ZH).encode("gbk"), "utf-8"),
        (text(ZH).encode("utf-16"), "utf-16-le"),
        (b'[{"a": 1}]', "utf-8"),  # the same in both
        (b'[{"a": 1}, ' + b" " * (2 << 20) + text(ZH).encode("gbk"), "gb18030"),
        (b'[{"a": 1}, ' + b" " * (2 << 20) + text(ZH).encode(), "utf-8"),
    ):
        (tmp_path / "x.json").write_bytes(content)
        assert encoding_of(tmp_path / "x.json", None, "gb18030") == right
    (tmp_path / "x.json").write_bytes(text(JA).encode("iso2022_jp"))  # bytes of ASCII alone
    assert read_as(tmp_path / "x.json", "iso2022_jp") == [JA]
    (tmp_path / "x.json").write_bytes(b'[{"a": 1}]')
    assert encoding_of(tmp_path / "x.json", None, "utf-16") == "utf-8"


def read_as(path: Path, encoding: str) -> list[Any]:
    return [
        parse(frame)
        for frame, _ in open_file(path, None, kind(), known_encoding(encoding)).frames()
    ]


def test_bytes_that_are_not_of_the_encoding_said(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(
        text(ZH, {"instruction": "@@", "output": "x"}).encode("gbk").replace(b"@@", b"\xff\xff")
    )
    first, second = [
        frame for frame, _ in open_file(tmp_path / "x.json", None, kind(), "gb18030").frames()
    ]
    assert parse(first) == ZH
    assert printable(second.text) == '{"instruction": "\\xff\\xff", "output": "x"}'
    assert isinstance(parse(second), Reject)


@pytest.mark.parametrize(
    "name",
    [
        "zip",
        "hex",
        "rot13",
        "base64",
        "bz2",
        "idna",
        "punycode",
        "unicode_escape",
        "undefined",
        "nothing",
        "",
        "a\0b",
        "../x",
        "é",
    ],
)
def test_names_that_are_no_text_encoding(name: str) -> None:
    with pytest.raises(UsageError, match="encoding"):
        known_encoding(name)


# --- whole builds


def folder(tmp_path: Path, content: bytes, name: str = "alpaca_data.json") -> Path:
    path = tmp_path / "in" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path.parent


RECORDS = [{**record, "input": ""} for record in (ZH, JA)]


def test_a_build_of_a_file_in_gbk(tmp_path: Path) -> None:
    data = folder(tmp_path, json.dumps([RECORDS[0]] * 3, ensure_ascii=False).encode("gbk"))
    with pytest.raises(InputError, match="It looks like gb18030") as caught:
        oi.build("alpaca", data_dir=data, out=tmp_path / "out")
    assert "--encoding=gb18030" in caught.value.hint
    result = oi.build("alpaca", data_dir=data, out=tmp_path / "out", encoding="GB18030")
    assert result.manifest.recipe["encoding"] == "gb18030"
    rows = oi.load(tmp_path / "out")
    assert rows[0]["messages"][0]["content"] == ZH["instruction"]
    assert oi.build("alpaca", data_dir=data, out=tmp_path / "out", encoding="gb18030").unchanged
    with pytest.raises(OpenInstructionsError, match="another build"):
        oi.build("alpaca", data_dir=data, out=tmp_path / "out", encoding="gbk")


def test_a_file_that_nobody_asked_for_may_be_in_any_encoding(tmp_path: Path) -> None:
    folder(tmp_path, json.dumps(RECORDS, ensure_ascii=False).encode("utf-16"))
    data = folder(tmp_path, text(ZH).encode("gbk"), "databricks-dolly-15k.jsonl")
    assert len(oi.load(oi.build("alpaca", data_dir=data, out=tmp_path / "out").path)) == 2


def test_utf16_in_a_zip(tmp_path: Path) -> None:
    data = folder(tmp_path, b"")
    (data / "alpaca_data.json").unlink()
    with zipfile.ZipFile(data / "all.zip", "w") as archive:
        archive.writestr(
            "x/alpaca_data.json", json.dumps(RECORDS, ensure_ascii=False, indent=1).encode("utf-16")
        )
    assert len(oi.load(oi.build("alpaca", data_dir=data, out=tmp_path / "out").path)) == 2


def test_the_name_of_an_encoding_is_checked_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(OpenInstructionsError, match="There is no encoding 'gbkk'"):
        oi.build("alpaca", data_dir=folder(tmp_path, b"[]"), out=tmp_path / "out", encoding="gbkk")
    assert ALPACA


def test_sharegpt_in_parquet_under_its_own_name(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    turns = [{"from": "human", "value": "Name a tree."}, {"from": "gpt", "value": "An oak."}]
    for name in ("sg_90k_part1.parquet", "ShareGPT_V3_unfiltered_cleaned_split.parquet"):
        data = tmp_path / name / "in"
        data.mkdir(parents=True)
        pq.write_table(pa.table({"id": ["x"], "conversations": [turns]}), data / name)
        result = oi.build("sharegpt", data_dir=data, out=tmp_path / name / "out")
        assert [row["messages"][1]["content"] for row in oi.load(result.path)] == ["An oak."]


def test_the_rest_of_an_object_with_records_is_in_the_build(tmp_path: Path) -> None:
    data = folder(
        tmp_path, json.dumps({"version": "1.0", "data": RECORDS}, ensure_ascii=False).encode()
    )
    result = oi.build("alpaca", data_dir=data, out=tmp_path / "out")
    import pyarrow.parquet as pq

    headers = [
        row
        for file in sorted(Path(result.path).glob("files/*.parquet"))
        for row in pq.read_table(file).to_pylist()
    ]
    assert [(row["origin_file"], row["header"]) for row in headers] == [
        ("alpaca_data.json", '{"version":"1.0"}')
    ]


def test_records_under_keys_keep_them(tmp_path: Path) -> None:
    data = folder(tmp_path, json.dumps({"a1": RECORDS[0], "a2": RECORDS[1]}).encode())
    rows = oi.load(oi.build("alpaca", data_dir=data, out=tmp_path / "out").path)
    assert ["a1" in str(rows[0]["metadata"]), "a2" in str(rows[1]["metadata"])] == [True, True]


@pytest.mark.parametrize("packed", [False, True])
def test_a_long_table_by_columns_is_known_and_read(tmp_path: Path, packed: bool) -> None:
    many = 30_000
    table = {
        name: {str(row): f"{name} {row} " + "x" * 20 for row in range(many)}
        for name in ("instruction", "input", "output")
    }
    content = json.dumps(table).encode()
    assert len(content) > 3 << 20
    data = folder(
        tmp_path,
        gzip.compress(content) if packed else content,
        "alpaca_data.json.gz" if packed else "alpaca_data.json",
    )
    assert (
        oi.build("alpaca", data_dir=data, out=tmp_path / "out").manifest.totals["records_read"]
        == many
    )
