"""manifest.json as a value: read, refused, written again; and the rows of a build in batches."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import open_instructions as oi
from open_instructions.building.run import BuildResult
from open_instructions.cli import main
from open_instructions.errors import NotFoundError
from open_instructions.store import Build, Manifest, Shard, open_build

from .conftest import alpaca

DIGEST = "0123456789abcdef" * 4


def small() -> dict[str, Any]:
    """A manifest written by hand: one record was read and kept."""
    return {
        "format": 2,
        "open_instructions": "0.1.0",
        "fingerprint": DIGEST,
        "versions": {"pyarrow": "26.0.1"},
        "recipe": {"name": "default", "max_tokens": 4096, "index_base": {"lmflow:medqa": 1}},
        "sources": {"alpaca": None, "mine": DIGEST},
        "inputs": [
            {"source": "alpaca", "subset": "main", "file": "a.json", "bytes": 5, "sha256": DIGEST},
            {
                "source": "mine", "subset": "main", "file": "b.json", "bytes": 0, "sha256": DIGEST,
                "member": 0, "index_base": {"from": 1, "by": "file", "numbers": {"1": 3, "4": 1}},
            },
        ],
        "missing": ["dolly:main"],
        "counts": [{"source": "alpaca", "subset": "main", "published": 52002, "found": 1}],
        "attribution": {"alpaca": "Somebody, 2023."},
        "totals": {"records_read": 1, "parts_added": 0},
        "ledger": {
            "alpaca:main": {
                "read": {"records_in": 1, "records_out": 1},
                "convert": {"records_in": 1, "rejected_records": {"no_answer": 1}},
            }
        },
        "shards": [
            {"path": "data/train-00000-of-00001.parquet", "rows": 1, "bytes": 9, "sha256": DIGEST},
            {"path": "rejected/rejected-00000-of-00001.parquet", "rows": 0, "bytes": 7,
             "sha256": DIGEST},
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def mix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return oi.build("all", sample=True, out=tmp_path_factory.mktemp("builds") / "mix").path


def test_what_is_read_is_what_is_written() -> None:
    read = Manifest.from_dict(small())
    assert read.to_dict() == small()
    assert Manifest.from_dict(read.to_dict()) == read
    assert json.dumps(read.to_dict()) == json.dumps(small()), "in another order"
    assert read.recipe_name == "default"
    assert [entry.counted_from for entry in read.inputs] == [None, 1]
    assert [shard.kind for shard in read.shards] == ["data", "rejected"]
    assert read.of("rejected") == (Shard("rejected/rejected-00000-of-00001.parquet", 0, 7, DIGEST),)
    assert read.ledger.by_name("rejected_records") == {("convert", "no_answer"): 1}


def test_a_real_manifest_is_written_as_it_was_read(mix: Path) -> None:
    text = (mix / "manifest.json").read_text(encoding="utf-8")
    read = Manifest.from_dict(json.loads(text))
    assert json.dumps(read.to_dict(), ensure_ascii=False, indent=2) + "\n" == text
    assert read.digest() == read.fingerprint
    assert open_build(mix).manifest == read


def test_the_fingerprint_is_of_all_that_decides() -> None:
    """And is what it always was, so that a build that is there is known again."""
    described = (
        '{"inputs": [{"bytes": 5, "file": '
        '"a.json", '
        '"sha256": '
        '"D", '
        '"source": '
        '"alpaca", '
        '"subset": "main"}, '
        '{"bytes": 0, "file": "b.json", '
        '"index_base": '
        '{"by": '
        '"file", '
        '"from": '
        "1, "
        '"numbers": {"1": 3, "4": 1}}, '
        '"member": 0, "sha256": "D", '
        '"source": '
        '"mine", '
        '"subset": '
        '"main"}], '
        '"missing": '
        '["dolly:main"], '
        '"recipe": {"index_base": {"lmflow:medqa": 1}, "max_tokens": 4096, "name": "default"}, '
        '"sources": {"alpaca": null, "mine": "D"}, "versions": {"pyarrow": "26.0.1"}}'
    )
    expected = sha256(described.replace('"D"', f'"{DIGEST}"').encode()).hexdigest()
    assert Manifest.from_dict(small()).digest() == expected


def put(*steps: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    """Change what lies at the end of some steps into the manifest."""

    def change(content: dict[str, Any]) -> None:
        found: Any = content
        for step in steps[:-1]:
            found = found[step]
        found[steps[-1]] = value

    return change


def take(*steps: str | int) -> Callable[[dict[str, Any]], None]:
    """Take away what lies there."""

    def change(content: dict[str, Any]) -> None:
        found: Any = content
        for step in steps[:-1]:
            found = found[step]
        del found[steps[-1]]

    return change


def nested(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels - 1):
        found = {"deeper": found}
    return found


LEDGER = ("ledger", "alpaca:main")
SHARD = ("shards", 0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (take("shards"), "it lacks shards"),
        (take("counts"), "it lacks counts"),
        (put("note", value=1), "it has the unknown key 'note'"),
        (put("open_instructions", value=1), "open_instructions is 1, not text"),
        (put("fingerprint", value="x"), "fingerprint is 'x', not a sha256"),
        (put("fingerprint", value=DIGEST.upper()), "not a sha256"),
        (put("fingerprint", value=DIGEST + "\n"), "not a sha256"),
        (put("versions", value=[]), r"versions is [], not an object"),
        (put("versions", "pyarrow", value=26), "versions['pyarrow'] is 26, not text"),
        (put("recipe", value=None), "recipe is None, not an object"),
        (take("recipe", "name"), "recipe.name is None, not text"),
        (put("recipe", "deep", value=nested(8)), "not an object of at most 8 levels"),
        (put("recipe", "deep", value=[[[[[[[[]]]]]]]]), "not an object of at most 8 levels"),
        (put("sources", "alpaca", value="x"), "sources['alpaca'] is 'x', not a sha256"),
        (put("inputs", value={}), "inputs is {}, not a list"),
        (put("inputs", 0, value=1), "inputs[0] is 1, not an object"),
        (take("inputs", 0, "file"), "inputs[0] lacks file"),
        (put("inputs", 0, "path", value="x"), "inputs[0] has the unknown key 'path'"),
        (put("inputs", 0, "bytes", value=-1), "inputs[0].bytes is -1, not a whole number from 0"),
        (put("inputs", 0, "bytes", value=True), "inputs[0].bytes is True"),
        (put("inputs", 0, "bytes", value=5.0), "inputs[0].bytes is 5.0"),
        (put("inputs", 0, "bytes", value=2**63), "inputs[0].bytes is 9223372036854775808"),
        (put("inputs", 0, "bytes", value=10**4000), "a number of 13,288 bits"),
        (put("inputs", 0, "sha256", value=None), "inputs[0].sha256 is None, not text"),
        (put("inputs", 0, "source", value=[]), "inputs[0].source is [], not text"),
        (put("inputs", 1, "member", value=None), "inputs[1].member is None"),
        (put("inputs", 1, "member", value="0"), "inputs[1].member is '0'"),
        (put("inputs", 1, "index_base", value=1), "inputs[1].index_base is 1, not an object"),
        (put("inputs", 1, "index_base", "from", value=2), "index_base.from is 2, not 0 or 1"),
        (put("inputs", 1, "index_base", "from", value=True), "index_base.from is True"),
        (put("inputs", 1, "index_base", "deep", value=nested(8)), "at most 8 levels"),
        (put("missing", value="dolly:main"), "missing is 'dolly:main', not a list"),
        (put("missing", 0, value=None), "missing[0] is None, not text"),
        (put("counts", 0, "found", value="1"), "counts[0].found is '1'"),
        (put("counts", 0, "subset", value=1), "counts[0].subset is 1, not text"),
        (put("attribution", "alpaca", value={}), "attribution['alpaca'] is {}, not text"),
        (put("totals", "records_read", value=-1), "totals['records_read'] is -1"),
        (put("totals", "records_read", value=None), "totals['records_read'] is None"),
        (put("ledger", value=[]), "ledger is [], not an object"),
        (put("ledger", "alpaca", value={}), "ledger['alpaca'] is 'alpaca', not source:subset"),
        (put(*LEDGER, value={}), "ledger['alpaca:main'] is empty"),
        (put(*LEDGER, "brew", value={}), "ledger['alpaca:main'] has the unknown stage 'brew'"),
        (put(*LEDGER, "read", value={}), "ledger['alpaca:main'].read is empty"),
        (put(*LEDGER, "read", value=3), "ledger['alpaca:main'].read is 3, not an object"),
        (put(*LEDGER, "read", "records_in", value=0), "is 0, not a whole number from 1"),
        (put(*LEDGER, "read", "records_in", value="1"), "is '1', not a whole number from 1"),
        (put(*LEDGER, "read", "records_in", value={}), "read['records_in'] is empty"),
        (put(*LEDGER, "read", "edits", value={"": 1}), "has a count without a name"),
        (put(*LEDGER, "read", "edits", value={"x": {}}), "['edits']['x'] is {}"),
        (put("shards", value=None), "shards is None, not a list"),
        (put("shards", 0, value=[1]), "shards[0] is [1], not an object"),
        (put(*SHARD, "rows", value=-1), "shards[0].rows is -1, not a whole number from 0"),
        (put(*SHARD, "bytes", value="9"), "shards[0].bytes is '9'"),
        (put(*SHARD, "sha256", value=""), "shards[0].sha256 is '', not a sha256"),
        (put(*SHARD, "path", value=3), "shards[0].path is 3, not text"),
        (put(*SHARD, "path", value="rejected/rejected-00000-of-00001.parquet"), "path repeats"),
        (put(*SHARD, "path", value="\x1b[31m"), r"'\x1b[31m', not the path of a shard"),
    ],
)
def test_what_no_build_writes_is_refused(
    change: Callable[[dict[str, Any]], None], says: str
) -> None:
    content = small()
    change(content)
    with pytest.raises(ValueError, match=r"^is not a manifest of Open Instructions: ") as caught:
        Manifest.from_dict(content)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../data/train-00000-of-00001.parquet",
        "data/../../train-00000-of-00001.parquet",
        "data/../rejected/rejected-00000-of-00001.parquet",
        "data//train-00000-of-00001.parquet",
        "data/train-00000-of-00001.parquet/..",
        "data\\train-00000-of-00001.parquet",
        "data/train-00000-of-00001.parquet\n",
        "data/x.parquet",
        "data",
        "",
        "elsewhere/train-00000-of-00001.parquet",
        "s3://bucket/train-00000-of-00001.parquet",
    ],
)
def test_a_shard_lies_in_a_table_of_the_build(path: str) -> None:
    content = small()
    content["shards"][0]["path"] = path
    with pytest.raises(ValueError, match="not the path of a shard"):
        Manifest.from_dict(content)


@pytest.mark.parametrize("content", [None, 5, "x", [], {}, [{}]])
def test_what_is_no_manifest_at_all(content: Any) -> None:
    with pytest.raises(ValueError, match=r"^is not a manifest of Open Instructions$"):
        Manifest.from_dict(content)


@pytest.mark.parametrize("said", [0, 1, 3, "2", None, True, 2.0, [2]])
def test_another_format_says_so(said: Any) -> None:
    with pytest.raises(ValueError, match=r"^has format .*, and this version reads 2$"):
        Manifest.from_dict(small() | {"format": said})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a manifest of Open Instructions."),
        ("[" * 100_000, "is not a manifest of Open Instructions."),
        ('{"format": 2, "recipe": ' + "[" * 100_000, "is not a manifest of Open Instructions."),
        ('{"format": 2' + "0" * 10_000 + "}", "is not a manifest of Open Instructions."),
        ('{"format": 9}', "has format 9, and this version reads 2."),
        ('{"format": 2}', "it lacks versions, recipe, sources,"),
    ],
)
@pytest.mark.usefixtures("no_garbage")
def test_a_file_that_is_none(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(NotFoundError) as caught:
        open_build(tmp_path)
    assert caught.value.message.startswith(str(tmp_path / "manifest.json"))
    assert says in caught.value.message


# --- the rows


def by_hand(build: Path, kind: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    files = sorted((build / kind).iterdir())
    return [row for file in files for row in pq.read_table(file, columns=columns).to_pylist()]


def rows_of(build: Build, *args: Any, **asked: Any) -> list[dict[str, Any]]:
    return [row for batch in build.batches(*args, **asked) for row in batch.to_pylist()]


@pytest.fixture
def shards(tmp_path: Path, make: Callable[..., BuildResult]) -> Build:
    """A build whose table is cut into three shards of some small row groups: 40, 40 and 20 rows."""
    records = [alpaca(f"Name the number {n}.", f"That is {n}.") for n in range(100)]
    path = make({"alpaca_data.json": records}).path
    [file] = (path / "data").iterdir()
    table = pq.read_table(file)
    file.unlink()
    content = json.loads((path / "manifest.json").read_text())
    content["shards"] = [s for s in content["shards"] if not s["path"].startswith("data/")]
    for number in range(3):
        name = f"data/train-{number:05d}-of-00003.parquet"
        some = table.slice(40 * number, 40)
        pq.write_table(some, path / name, row_group_size=7)
        size = (path / name).stat().st_size
        entry = {"path": name, "rows": some.num_rows, "bytes": size, "sha256": DIGEST}
        content["shards"].append(entry)
    (path / "manifest.json").write_text(json.dumps(content))
    return open_build(path)


@pytest.mark.parametrize("kind", ["data", "rejected", "files"])
def test_batches_are_the_rows_of_the_shards(mix: Path, kind: str) -> None:
    assert rows_of(open_build(mix), kind) == by_hand(mix, kind)


def test_batches_come_in_the_order_of_the_shards(shards: Build) -> None:
    numbers = [row["origin_row"] for row in rows_of(shards, columns=["origin_row"])]
    assert numbers == list(range(100))
    last = shards.shards()[2]
    assert [row["origin_row"] for row in rows_of(shards, only=[last])] == list(range(80, 100))


def test_columns_come_in_the_order_asked_for(shards: Build) -> None:
    for batch in shards.batches(columns=["num_turns", "id"]):
        assert batch.schema.names == ["num_turns", "id"]


def test_no_batch_has_more_rows_than_asked_for(shards: Build) -> None:
    """Rows are counted, as memory would depend on the machine: what is held is one batch."""
    assert [b.num_rows for b in shards.batches(rows=16)] == [16, 16, 8, 16, 16, 8, 16, 4]
    # with a filter, a row group at a time
    found = [b.num_rows for b in shards.batches(rows=5, sources=["alpaca"])]
    assert sum(found) == 100
    assert max(found) == 5


def test_a_batch_is_read_when_it_is_asked_for(
    shards: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = pq.ParquetFile

    def counting(path: Path) -> Any:
        opened.append(path.name)
        return real(path)

    monkeypatch.setattr(pq, "ParquetFile", counting)
    batches = shards.batches(columns=["id"], rows=40)
    assert opened == []
    next(batches)
    assert opened == ["train-00000-of-00003.parquet"]
    next(batches)
    assert opened == ["train-00000-of-00003.parquet", "train-00001-of-00003.parquet"]


def test_a_row_group_without_a_wanted_row_is_not_read(
    shards: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    real = pq.ParquetFile.iter_batches

    def counting(self: Any, rows: int, row_groups: list[int], **more: Any) -> Any:
        read.extend(row_groups)
        return real(self, rows, row_groups=row_groups, **more)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counting)
    [row] = rows_of(shards, ids=["alpaca/000050"])
    assert (row["origin_row"], read) == (50, [1])  # the tenth row of the second shard


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({"sources": ["dolly"]}, lambda r: r["source"] == "dolly"),
        ({"sources": ["gpt4llm:zh"]}, lambda r: (r["source"], r["subset"]) == ("gpt4llm", "zh")),
        (
            {"sources": ["dolly", "gpt4llm:zh"]},
            lambda r: r["source"] == "dolly" or (r["source"], r["subset"]) == ("gpt4llm", "zh"),
        ),
        ({"sources": ["nobody"]}, lambda _: False),
        ({"languages": ["de"]}, lambda r: r["language"] == "de"),
        ({"languages": ["zh"]}, lambda r: r["language"] in ("zh-Hans", "zh-Hant")),
        (
            {"languages": ["zh"], "sources": ["instructionwild"]},
            lambda r: r["language"] in ("zh-Hans", "zh-Hant") and r["source"] == "instructionwild",
        ),
        ({"ids": ["alpaca/000003"]}, lambda r: r["conversation_id"] == "alpaca/000003"),
    ],
)
def test_filters(mix: Path, asked: dict[str, Any], fits: Callable[[dict[str, Any]], bool]) -> None:
    expected = [row for row in by_hand(mix, "data") if fits(row)]
    assert rows_of(open_build(mix), **asked) == expected
    assert rows_of(open_build(mix), columns=["id"], **asked) == [
        {"id": row["id"]} for row in expected
    ]
    assert bool(expected) != (asked.get("sources") == ["nobody"])


def test_rejects_of_a_source(mix: Path) -> None:
    expected = [row for row in by_hand(mix, "rejected") if row["source"] == "gpt4all"]
    assert rows_of(open_build(mix), "rejected", sources=["gpt4all"]) == expected != []


def test_a_shard_that_is_gone_or_damaged_or_another(shards: Build) -> None:
    second = shards.file(shards.shards()[1])
    content = second.read_bytes()
    second.write_bytes(b"x" * len(content))
    with pytest.raises(NotFoundError, match=r"train-00001-of-00003\.parquet cannot be read"):
        rows_of(shards)
    second.write_bytes(content[:-1])
    with pytest.raises(NotFoundError, match=r"train-00001-of-00003\.parquet is missing or damaged"):
        rows_of(shards)
    second.unlink()
    with pytest.raises(NotFoundError, match="is missing or damaged"):
        rows_of(shards)


def test_a_shard_without_a_column(shards: Build) -> None:
    first = shards.shards()[0]
    pq.write_table(pa.table({"id": ["a"]}), shards.file(first))
    with pytest.raises(NotFoundError, match="has no column subset"):
        rows_of(shards, columns=["id", "subset"], only=[first])
    with pytest.raises(NotFoundError, match="has no column language"):
        rows_of(shards, columns=["id"], languages=["de"], only=[first])


def test_a_build_whose_ledger_counted_turns_is_another_format(
    mix: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its books end with the last corpus step and its rejects lack columns. To read it as a build
    of today would say that 0 rows were kept, and that the build is damaged."""
    content = json.loads((mix / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(content | {"format": 1}))
    for command in (["stats"], ["check"], ["explain", "alpaca/0"]):
        assert main([*command, str(tmp_path)]) != 0
        told = capsys.readouterr().err
        assert "manifest.json has format 1, and this version reads 2." in told
        assert "Build it again with --overwrite." in told


def test_a_consumer_s_error_is_its_own(shards: Build) -> None:
    """What goes wrong with the rows is not a shard that cannot be read."""
    with pytest.raises(OSError, match=r"^of the consumer$"):
        for _ in shards.batches():
            raise OSError("of the consumer")


def test_a_stream_is_shared_out_by_shards(shards: Build) -> None:
    stream = oi.load(shards.path, streaming=True, columns=["origin_row"])
    assert stream.num_shards == 3
    part = [row["origin_row"] for row in stream.shard(3, 1)]
    assert part == list(range(40, 80))
