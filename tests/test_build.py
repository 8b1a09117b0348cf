"""Whole builds: a golden one, the laws, the same bytes every time, and what others read of it."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from open_instructions.building.chunks import bytes_of
from open_instructions.building.run import BuildResult, build
from open_instructions.catalogue import registry, select
from open_instructions.errors import (
    ConverterError,
    EmptyBuildError,
    InputError,
    OutputError,
    RecipeError,
    UsageError,
)
from open_instructions.inputs import find
from open_instructions.recipe import Recipe
from open_instructions.reports.explain import explain
from open_instructions.store import open_build

from .conftest import BESIDE, SOURCE, alpaca, digests, rows

GOLDEN = Path(__file__).parent / "golden"
PACKAGE = Path(__file__).resolve().parent.parent


def test_the_golden_mix(tmp_path: Path) -> None:
    result = build("alpaca,dolly,sharegpt", data_dir=GOLDEN / "mix", out=tmp_path / "out")
    expected = json.loads((GOLDEN / "mix.json").read_text())
    got = rows(result)
    scores = [row.pop("language_score") for row in got]
    assert got == expected["rows"]
    assert all(0.5 < s <= 1 for s in scores)
    refused = rows(result, "rejected")
    assert [
        [
            r["level"],
            r["source"],
            r["conversation_id"],
            r["origin_row"],
            r["stage"],
            r["reason"],
            r["detail"].split(" at character")[0],
        ]
        for r in refused
    ] == expected["rejected"]
    by_row = {(r["source"], r["origin_row"], r["level"]): r["raw"] for r in refused}
    assert by_row["alpaca", 1, "record"].startswith(
        '{\n        "instruction": "Write down nothing."'
    )
    assert (
        by_row["dolly", 1, "record"]
        == '{"instruction": "Broken", "context": "\\d", "response": "x", "category": "open_qa"}'
    )
    assert by_row["sharegpt", 0, "message"] == "Thanks!"
    assert result.manifest.totals["records_read"] == 4 + 2 + 3
    assert result.ledger.problems() == []


def test_the_sample_build(tmp_path: Path) -> None:
    result = build("all", sample=True, out=tmp_path / "out")
    totals = result.manifest.totals
    assert (
        totals["records_read"] + totals["records_unreadable"]
        == totals["records_kept"] + totals["records_rejected"]
    )
    assert {s.name for s in registry().all()} == {row["source"] for row in rows(result)}
    pairs = rows(result, "preference")
    assert totals["rows"] == len(rows(result)) + len(pairs)
    assert totals["preference_rows"] == len(pairs)
    assert totals["records_rejected"] == sum(
        r["level"] == "record" for r in rows(result, "rejected")
    )
    ids = [row["id"] for row in [*rows(result), *pairs]]
    assert len(set(ids)) == len(ids)
    assert "read" in repr(result) and str(result.path) in repr(result)


def test_load_dataset_takes_the_folder(tmp_path: Path) -> None:
    import datasets

    result = build("all", sample=True, out=tmp_path / "out")
    loaded = datasets.load_dataset(
        str(result.path), split="train", cache_dir=str(tmp_path / "cache")
    )
    totals = result.manifest.totals
    assert loaded.num_rows == totals["rows"] - totals["preference_rows"]
    assert loaded.features["messages"] == datasets.List(
        {"role": datasets.Value("string"), "content": datasets.Value("string")}
    )
    assert loaded[0]["messages"][0]["role"] in ("system", "user")
    assert loaded.to_list() == rows(result)


def test_pandas_reads_the_shards(tmp_path: Path) -> None:
    import pandas

    result = build("dolly", sample=True, out=tmp_path / "out")
    frame = pandas.read_parquet(result.path / "data")
    assert len(frame) == result.manifest.totals["rows"]
    assert frame.messages[0][0]["role"] == "user"


def test_trl_would_call_it_conversational(tmp_path: Path) -> None:
    """TRL's rule: `messages` is a list of dicts with `role` and `content`, and nothing else is
    needed."""
    for row in rows(build("all", sample=True, out=tmp_path / "out")):
        assert isinstance(row["messages"], list)
        assert all(set(m) == {"role", "content"} and m["content"] for m in row["messages"])
        roles = [m["role"] for m in row["messages"] if m["role"] != "system"]
        assert roles == ["user", "assistant"] * row["num_turns"]


def test_the_card_has_front_matter_and_the_attribution(tmp_path: Path) -> None:
    import yaml
    from huggingface_hub import DatasetCard

    result = build("dolly,alpaca", sample=True, out=tmp_path / "out")
    text = (result.path / "README.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert front["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*.parquet"}]
    assert "Databricks" in text
    assert DatasetCard(text).data.language == ["en"]


# --- in the same place again


def test_the_same_build_again_is_a_no_op_that_says_so(make: Callable[..., BuildResult]) -> None:
    first = make({"alpaca_data.json": [alpaca()]})
    before = (first.path / "manifest.json").stat().st_mtime_ns
    again = make({})
    assert (first.unchanged, again.unchanged) == (False, True)
    assert (first.path / "manifest.json").stat().st_mtime_ns == before


def test_another_build_needs_overwrite(make: Callable[..., BuildResult]) -> None:
    make({"alpaca_data.json": [alpaca()]})
    with pytest.raises(OutputError, match="overwrite=True"):
        make({}, max_tokens=5)
    changed = make({"alpaca_data.json": [alpaca("Name a bird.", "A wren.")]}, overwrite=True)
    assert [r["messages"][0]["content"] for r in rows(changed)] == ["Name a bird."]


def test_what_is_no_build_is_never_replaced(
    make: Callable[..., BuildResult], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="is not a build"):
        make({"alpaca_data.json": [alpaca()]}, overwrite=True)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file"):
        make({}, out=tmp_path / "file")


def test_a_build_that_fails_leaves_the_earlier_one(
    make: Callable[..., BuildResult], tmp_path: Path
) -> None:
    first = make({"alpaca_data.json": [alpaca()]})
    before = digests(first.path)
    mine = tmp_path / "bad.py"
    mine.write_text(
        SOURCE.replace("NAME", "fails").replace(
            'yield Draft(pair(record["q"], record["a"]), used=("q", "a"))', "yield 1 / 0"
        )
    )
    with pytest.raises(ConverterError, match="ZeroDivisionError"):
        make({"mine.json": '[{"q": "a", "a": "b"}]'}, str(mine), overwrite=True, strict=True)
    assert digests(first.path) == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".out")] == []


# --- duplicates, ids, languages, limits


def test_what_a_stage_refused_is_kept_as_it_was_read(make: Callable[..., BuildResult]) -> None:
    chrome = "<div class='markdown'><button>Only this</button></div>"
    turns = [("human", "a"), ("gpt", "<p>b</p>"), ("human", "c"), ("gpt", chrome)]
    record = {"id": "x", "conversations": [{"from": f, "value": v} for f, v in turns]}
    result = make({"sg_90k_part1.json": [record]}, "sharegpt")
    assert [(r["stage"], r["reason"], r["raw"]) for r in rows(result, "rejected")] == [
        ("html", "empty", chrome),
        ("html", "no_answer", "c"),
    ]


def test_damaged_builds_are_named_and_made_again(make: Callable[..., BuildResult]) -> None:
    from open_instructions import load, stats
    from open_instructions.errors import NotFoundError

    first = make({"alpaca_data.json": [alpaca()]})
    shard = next((first.path / "data").iterdir())
    shard.unlink()
    for function in (load, stats):
        with pytest.raises(NotFoundError, match="missing or damaged"):
            function(first.path)
    again = make({}, overwrite=True)
    assert not again.unchanged
    assert shard.is_file()


def test_a_build_of_another_version_can_be_replaced(
    make: Callable[..., BuildResult], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text('{"format": 0, "open_instructions": "0.0.1"}')
    with pytest.raises(OutputError, match="overwrite=True"):
        make({"alpaca_data.json": [alpaca()]})
    assert len(rows(make({}, overwrite=True))) == 1


def test_out_through_a_link(make: Callable[..., BuildResult], tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    make({"alpaca_data.json": [alpaca()]}, out=tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "manifest.json").is_file()


def test_languages_are_filtered_into_rejected(make: Callable[..., BuildResult]) -> None:
    records = [
        alpaca(
            "Name three kinds of tree that grow in the north.", "Spruce, pine and birch grow there."
        ),
        alpaca(
            "Nenne drei Bäume, die im Norden wachsen können.",
            "Fichten, Kiefern und Birken wachsen dort gut.",
        ),
    ]
    result = make({"alpaca_data.json": records}, languages=["en"])
    assert [r["language"] for r in rows(result)] == ["en"]
    [refused] = rows(result, "rejected")
    assert (refused["stage"], refused["reason"], refused["detail"][:2]) == (
        "language",
        "language",
        "de",
    )
    assert "Fichten" in refused["raw"]


def test_no_part_is_over_the_limit(make: Callable[..., BuildResult]) -> None:
    result = make({"alpaca_data.json": [alpaca(output="word " * 100), alpaca()]}, max_tokens=30)
    assert [r["id"] for r in rows(result)] == ["alpaca/000001"]
    assert [(r["level"], r["reason"]) for r in rows(result, "rejected")] == [("record", "overlong")]


def test_hostile_text_goes_through(make: Callable[..., BuildResult]) -> None:
    records = [
        alpaca("\x1b[31mred\x07", "ok\u202e"),
        {
            "id": "\x1b]0;x\x07/../../etc",
            "instruction": "n\x00l",
            "input": "",
            "output": "\ud83d half",
        },
    ]
    result = make({"alpaca_data.json": records})
    assert [[m["content"] for m in r["messages"]] for r in rows(result)] == [
        ["\x1b[31mred\x07", "ok\u202e"],
        ["n\x00l", "\ufffd half"],
    ]
    odd = {
        "id": "\x1b[31m../ä b",
        "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}],
    }
    again = make({"sg_90k_part1_html_cleaned.json": [odd]}, "sharegpt", overwrite=True)
    assert [r["id"] for r in rows(again)] == ["sharegpt/%1B%5B31m../%C3%A4%20b"]


def test_rows_that_are_not_utf8_are_kept_in_rejected(make: Callable[..., BuildResult]) -> None:
    content = (
        b'[{"instruction": "caf\xe9", "input": "", "output": "x"}, {"instruction": "a", "input":'
        b' "", "output": "b"}]'
    )
    result = make({"alpaca_data.json": content})
    [refused] = rows(result, "rejected")
    assert (refused["reason"], refused["raw"]) == (
        "invalid_utf8",
        '{"instruction": "caf\\xe9", "input": "", "output": "x"}',
    )


def test_an_empty_file_beside_others_is_said(make: Callable[..., BuildResult]) -> None:
    result = make({"alpaca_data.json": b"", **BESIDE}, "alpaca,dolly")
    assert [r["id"] for r in rows(result)] == ["dolly/databricks-dolly-15k/000000"]
    assert [r["reason"] for r in rows(result, "rejected")] == ["empty_file"]
    assert "alpaca:main: an empty file" in result.found.notes


def test_a_build_without_a_row_fails_and_an_older_one_stays(
    make: Callable[..., BuildResult], tmp_path: Path
) -> None:
    first = make({"alpaca_data.json": [alpaca()]})
    before = digests(first.path)
    refused = [
        {"instruction": "Why?", "output": ""},
        {"instruction": "", "output": "So."},
        {"instruction": "How?", "output": " "},
    ]
    with pytest.raises(EmptyBuildError) as caught:
        make({"alpaca_data.json": refused}, overwrite=True)
    assert caught.value.exit_code == 11
    assert (
        caught.value.message == "No conversation was kept, of 3 records. Rejected:\n"
        "  2 as no_answer, at structure\n"
        "  1 as no_prompt, at structure\n"
        "The first: record 0 (counted from 0) of alpaca_data.json: "
        "no_answer: a prompt without an answer.\n"
    )
    assert digests(first.path) == before
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_comparison_data_become_preference_rows(tmp_path: Path) -> None:
    result = build("gpt4llm:comparison,dolly", sample=True, out=tmp_path / "out")
    found = rows(result, "preference")
    assert len(found) == result.ledger.summary("gpt4llm")["records_read"] == 20
    first = found[0]
    assert [m["content"] for m in first["prompt"]] == ["Name a use for old newspapers."]
    assert [m["content"] for m in first["chosen"]] == ["They clean windows without leaving lint."]
    assert [m["content"] for m in first["rejected"]] == ["Newspapers newspapers old."]
    assert (first["chosen_score"], first["rejected_score"], first["judge"]) == (9.0, 1.0, "gpt-4")
    assert (first["chosen_engine"], first["rejected_engine"]) == ("gpt-4", "icm-1.3b")
    assert first["edits"] == ["template"]


def test_missing_subsets_are_in_the_books(make: Callable[..., BuildResult]) -> None:
    result = make({"alpaca_data.json": [alpaca()]}, "alpaca,dolly", missing="skip")
    assert result.manifest.missing == ("dolly:main",)
    assert result.ledger.sum_of("read", "missing_files", source="dolly") == 1


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"workers": 0}, UsageError, "from 1"),
        ({"max_tokens": "x"}, UsageError, "whole number"),
        ({"recipe": 5}, UsageError, "int"),
        ({"languages": "en"}, None, ""),
        ({"missing": "maybe"}, UsageError, "stop or skip"),
        ({"recipe": "vicunna"}, RecipeError, "vicuna"),
        ({"languages": ["klingon"]}, RecipeError, "klingon"),
        ({"max_tokens": -1}, RecipeError, "negative"),
        ({"sources": "alpaca,"}, None, ""),
        ({"recipe": Recipe("x", tokenizer="gpt-99")}, RecipeError, "gpt-99"),
        ({"recipe": Recipe("x", rules_off=("alpaca.no_inputs",))}, RecipeError, "alpaca.no_input"),
        ({"recipe": Recipe("x", prefer=("dolli",))}, RecipeError, "dolly"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(
    make: Callable[..., BuildResult], options: dict[str, Any], error: Any, says: str
) -> None:
    sources = options.pop("sources", "alpaca")
    files = {"alpaca_data.json": [alpaca()]}
    if error is None:
        assert len(rows(make(files, sources, **options))) == 1
        return
    with pytest.raises(error) as caught:
        make(files, sources, **options)
    assert says in str(caught.value)


def test_sample_and_data_dir_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="exclude"):
        build("alpaca", sample=True, data_dir=".")


def test_without_data_every_place_is_named() -> None:
    with pytest.raises(InputError.__mro__[1], match="in the cache"):
        build("alpaca")


@pytest.mark.usefixtures("no_garbage")
def test_a_manifest_that_is_none(tmp_path: Path) -> None:
    from open_instructions.errors import NotFoundError

    for content in ("", "{}", "[]", '{"format": 99}', "[" * 100_000):
        (tmp_path / "manifest.json").write_text(content)
        with pytest.raises(NotFoundError):
            open_build(tmp_path)


# --- the real files


def test_the_real_files(real: Path, tmp_path: Path) -> None:
    counted = {"lmflow:medmcqa": 1}  # one of its files is a single record, which does not show it
    result = build("all", data_dir=real, missing="skip", out=tmp_path / "out", index_base=counted)
    read = {
        f"{s}:{x}": result.ledger.summary(s, x)["records_read"] for s, x in result.ledger.subsets()
    }
    assert read == {
        "alpaca:main": 8873,
        "dolly:main": 2009,
        "gpt4all:main": 0,
        "gpt4llm:comparison": 0,
        "gpt4llm:en": 999,
        "gpt4llm:zh": 1000,
        "instructionwild:en": 3,
        "instructionwild:seeds": 858,
        "instructionwild:v2": 873,
        "instructionwild:zh": 0,
        "lmflow:medmcqa": 4184,
        "lmflow:medqa": 1266,
        "lmflow:native": 14,
        "lmflow:natural-instructions": 20299 + 7914,
        "lmflow:pubmedqa": 1000,
        "sharegpt:raw": 12,
    }
    assert result.ledger.summary("instructionwild", "v2")["records_unreadable"] == 5
    assert result.ledger.problems() == []
    refused = rows(result, "rejected")
    assert sum(r["source"] == "instructionwild" for r in refused) == 858 + 873 + 5
    assert len({row["id"] for row in rows(result)}) == result.manifest.totals["rows"]


@pytest.mark.parametrize(("subset", "count"), [("v3", 500), ("html_cleaned", 2978)])
def test_the_other_layouts_of_sharegpt(real: Path, tmp_path: Path, subset: str, count: int) -> None:
    result = build(f"sharegpt:{subset},instructionwild:en", data_dir=real, out=tmp_path / "out")
    assert result.ledger.summary("sharegpt", subset)["records_read"] == count


# --- determinism


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names that are any bytes")
def test_a_folder_whose_name_is_no_utf8(tmp_path: Path) -> None:
    data = tmp_path / os.fsdecode(b"nu\xff")
    data.mkdir()
    (data / "alpaca_data.json").write_text(json.dumps([alpaca()]))
    found = build("alpaca", data_dir=data, out=tmp_path / "out").found
    assert found.notes == ("alpaca:main: 1 record was found, and 52,002 were published",)
    assert explain("alpaca/000000", tmp_path / "out").steps


def test_what_each_source_has_of_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "both.zip", "w", zipfile.ZIP_STORED) as packed:
        packed.writestr("alpaca_data.json", json.dumps([alpaca()]) + " " * 10_000)
        packed.writestr(
            "databricks-dolly-15k.jsonl",
            json.dumps({"instruction": "a", "context": "", "response": "b", "category": "c"}),
        )
    found = find(tmp_path, select("alpaca,dolly"))
    of = {item.source: size for item, size in bytes_of(found.inputs).items()}
    whole = (tmp_path / "both.zip").stat().st_size
    assert (
        of["alpaca"] > 0.95 * whole
        and of["dolly"] < 0.02 * whole
        and sum(of.values()) in (whole - 1, whole)
    )


@pytest.mark.parametrize("kind", ["plain", "zip", "tar.gz"])
def test_progress_goes_through_the_middle_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", 4000)
    monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_CHARS", 1 << 30)
    text = json.dumps([alpaca(f"Say {n}.", "word " * 50) for n in range(16_000)]).encode()
    data = tmp_path / "data"
    data.mkdir()
    if kind == "plain":
        (data / "alpaca_data.json").write_bytes(text)
    elif kind == "zip":
        with zipfile.ZipFile(data / "alpaca.zip", "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("alpaca_data.json", text)
    else:
        with tarfile.open(data / "alpaca.tar.gz", "w:gz") as tar:
            entry = tarfile.TarInfo("alpaca_data.json")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    steps: list[Any] = []
    build("alpaca", data_dir=data, out=tmp_path / "out", workers=1, progress=steps.append)
    merging = [(step.done, step.total) for step in steps if step.source is None]
    # 5 characters and the digits of a number, and 250 in the answer; then a shard of rejected/ with
    # nothing in it
    assert merging == [(0, 4_148_890), (4_148_890, 4_148_890), (4_148_890, 4_148_890)]
    steps = [step for step in steps if step.source]
    shares = [step.done / step.total for step in steps]
    records = [done / 16_000 for done in accumulate(step.records for step in steps)]
    assert records == [0.25, 0.5, 0.75, 1.0] or (
        kind == "plain" and len(records) > 4 and max(s.records for s in steps) < 4100
    )
    # what is read ahead is at most 1 of the 5 MB, and of a slab nothing; the first records are a
    # little shorter than the last
    assert [
        done - 0.01 < share < done + 0.3 for share, done in zip(shares, records, strict=True)
    ] == [True] * len(steps)
    assert shares[-1] == records[-1] == 1
