"""Whole builds: a golden one, the laws, the same bytes every time, and what others read of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from open_instructions.acquire import samples_dir
from open_instructions.builder import BuildResult, build
from open_instructions.catalogue import registry
from open_instructions.errors import ConverterError, InputError, OutputError, RecipeError, UsageError
from open_instructions.recipe import Recipe
from open_instructions.store import open_build

from .conftest import SOURCE, alpaca, rows

GOLDEN = Path(__file__).parent / "golden"
PACKAGE = Path(__file__).resolve().parent.parent


def digests(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_golden_mix(tmp_path: Path) -> None:
    result = build("alpaca,dolly,sharegpt", data_dir=GOLDEN / "mix", out=tmp_path / "out")
    expected = json.loads((GOLDEN / "mix.json").read_text())
    got = rows(result)
    scores = [row.pop("language_score") for row in got]
    assert got == expected["rows"]
    assert all(0.5 < s <= 1 for s in scores)
    refused = rows(result, "rejected")
    assert [
        [r["level"], r["source"], r["conversation_id"], r["origin_row"], r["stage"], r["reason"], r["detail"].split(" at character")[0]]
        for r in refused
    ] == expected["rejected"]
    by_row = {(r["source"], r["origin_row"], r["level"]): r["raw"] for r in refused}
    assert by_row["alpaca", 1, "record"].startswith('{\n        "instruction": "Write down nothing."')
    assert by_row["dolly", 1, "record"] == '{"instruction": "Broken", "context": "\\d", "response": "x", "category": "open_qa"}'
    assert by_row["sharegpt", 0, "turn"] == "Thanks!"
    assert result.manifest["totals"]["records_read"] == 4 + 2 + 3
    assert result.ledger.problems() == []


def test_the_sample_build(tmp_path: Path) -> None:
    result = build("all", sample=True, out=tmp_path / "out")
    totals = result.manifest["totals"]
    assert totals["records_read"] + totals["records_unreadable"] == totals["records_kept"] + totals["records_rejected"]
    assert {s.name for s in registry().all()} == {row["source"] for row in rows(result)}
    assert totals["rows"] == len(rows(result))
    assert totals["records_rejected"] == sum(r["level"] == "record" for r in rows(result, "rejected"))
    ids = [row["id"] for row in rows(result)]
    assert len(set(ids)) == len(ids)
    assert "read" in repr(result) and str(result.path) in repr(result)


def test_one_worker_or_two_the_same_bytes(tmp_path: Path) -> None:
    for workers in (1, 2):
        build("all", sample=True, out=tmp_path / str(workers), workers=workers)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


def test_chunk_size_does_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build("all", sample=True, out=tmp_path / "a", workers=1)
    monkeypatch.setattr("open_instructions.chunk.CHUNK_RECORDS", 3)
    build("all", sample=True, out=tmp_path / "b", workers=1)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_time_zone_locale_hash_seed_and_folder_do_not_show(tmp_path: Path) -> None:
    for name, seed, zone in (("a", "1", "UTC"), ("b", "77", "Asia/Tokyo")):
        folder = tmp_path / f"cwd-{name}"
        folder.mkdir()
        code = f"import open_instructions as oi; oi.build('alpaca,sharegpt:v3,lmflow', sample=True, out={str(tmp_path / name)!r})"
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"}
        subprocess.run([sys.executable, "-c", code], env=environment, cwd=folder, check=True)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_the_order_of_sources_does_not_show(tmp_path: Path) -> None:
    build("dolly,alpaca", sample=True, out=tmp_path / "a")
    build("alpaca,dolly", sample=True, out=tmp_path / "b")
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_a_script_without_a_main_guard_may_use_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"import open_instructions as oi\nprint(oi.build('dolly', sample=True, out={str(tmp_path / 'out')!r}, workers=2))\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.count("dolly:main") == 1


# --- what others read


def test_load_dataset_takes_the_folder(tmp_path: Path) -> None:
    import datasets

    result = build("all", sample=True, out=tmp_path / "out")
    loaded = datasets.load_dataset(str(result.path), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.num_rows == result.manifest["totals"]["rows"]
    assert loaded.features["messages"] == datasets.List({"role": datasets.Value("string"), "content": datasets.Value("string")})
    assert loaded[0]["messages"][0]["role"] in ("system", "user")
    assert loaded.to_list() == rows(result)


def test_pandas_reads_the_shards(tmp_path: Path) -> None:
    import pandas

    result = build("dolly", sample=True, out=tmp_path / "out")
    frame = pandas.read_parquet(result.path / "data")
    assert len(frame) == result.manifest["totals"]["rows"]
    assert frame.messages[0][0]["role"] == "user"


def test_trl_would_call_it_conversational(tmp_path: Path) -> None:
    """TRL's rule: `messages` is a list of dicts with `role` and `content`, and nothing else is needed."""
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
    with pytest.raises(OutputError, match="--overwrite"):
        make({}, max_tokens=5)
    changed = make({"alpaca_data.json": [alpaca("Name a bird.", "A wren.")]}, overwrite=True)
    assert [r["messages"][0]["content"] for r in rows(changed)] == ["Name a bird."]


def test_what_is_no_build_is_never_replaced(make: Callable[..., BuildResult], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds no build"):
        make({"alpaca_data.json": [alpaca()]}, overwrite=True)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file"):
        make({}, out=tmp_path / "file")


def test_a_build_that_fails_leaves_the_earlier_one(make: Callable[..., BuildResult], tmp_path: Path) -> None:
    first = make({"alpaca_data.json": [alpaca()]})
    before = digests(first.path)
    mine = tmp_path / "bad.py"
    mine.write_text(SOURCE.replace("NAME", "fails").replace('yield Draft(pair(record["q"], record["a"]))', "yield 1 / 0"))
    with pytest.raises(ConverterError, match="ZeroDivisionError"):
        make({"mine.json": '[{"q": "a", "a": "b"}]'}, str(mine), overwrite=True)
    assert digests(first.path) == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".out")] == []


# --- duplicates, ids, languages, limits


def test_the_preferred_copy_stays_wherever_it_stands(make: Callable[..., BuildResult]) -> None:
    dolly = '{"instruction": "Name a tree.", "context": "", "response": "An oak.", "category": "open_qa"}\n'
    result = make({"alpaca_data.json": [alpaca(), alpaca()], "databricks-dolly-15k.jsonl": dolly}, "alpaca,dolly")
    assert [r["source"] for r in rows(result)] == ["dolly"]
    refused = rows(result, "rejected")
    assert [(r["reason"], r["detail"]) for r in refused] == [("duplicate", "equal to dolly/databricks-dolly-15k/000000")] * 2
    assert [json.loads(r["raw"]) for r in refused] == [alpaca(), alpaca()]


def test_a_longer_conversation_is_no_duplicate(make: Callable[..., BuildResult]) -> None:
    def talk(name: str, pairs: int) -> dict[str, Any]:
        return {
            "id": name,
            "conversations": [t for i in range(pairs) for t in ({"from": "human", "value": f"q{i}"}, {"from": "gpt", "value": f"a{i}"})],
        }

    result = make({"sg_90k_part1_html_cleaned.json": [talk("aaaaaaa", 1), talk("bbbbbbb", 2), talk("ccccccc", 2)]}, "sharegpt")
    assert [r["id"] for r in rows(result)] == ["sharegpt/aaaaaaa", "sharegpt/bbbbbbb"]


def test_all_parts_of_a_dropped_copy_go(make: Callable[..., BuildResult]) -> None:
    turns = [t for i in range(4) for t in ({"from": "human", "value": f"question {i}"}, {"from": "gpt", "value": "word " * 20})]
    records = [{"id": "aaaaaaa", "conversations": turns}, {"id": "bbbbbbb", "conversations": turns}]
    result = make({"sg_90k_part1_html_cleaned.json": records}, "sharegpt", max_tokens=70)
    assert [r["id"] for r in rows(result)] == ["sharegpt/aaaaaaa#1", "sharegpt/aaaaaaa#2"]
    assert result.manifest["totals"]["parts_added"] == 1
    assert [(r["level"], r["conversation_id"]) for r in rows(result, "rejected")] == [("record", "sharegpt/bbbbbbb")]


def test_one_id_twice_is_told_apart(make: Callable[..., BuildResult]) -> None:
    records = [{"id": "same", "conversations": [{"from": "human", "value": str(n)}, {"from": "gpt", "value": "yes"}]} for n in range(3)]
    result = make({"sg_90k_part1_html_cleaned.json": records}, "sharegpt")
    assert [r["id"] for r in rows(result)] == ["sharegpt/same", "sharegpt/same~2", "sharegpt/same~3"]


def test_an_upstream_id_cannot_pass_for_one_of_ours(make: Callable[..., BuildResult]) -> None:
    def talk(name: str, n: int) -> dict[str, Any]:
        return {
            "id": name,
            "conversations": [
                {"from": "human", "value": f"q{n}"},
                {"from": "gpt", "value": "yes"},
                {"from": "human", "value": f"unanswered {n}"},
            ],
        }

    records = [talk(name, n) for n, name in enumerate(["a", "a", "a~2", "a", "a#1"])]
    result = make({"sg_90k_part1_html_cleaned.json": records}, "sharegpt")
    names = ["sharegpt/a", "sharegpt/a~2", "sharegpt/a%7E2", "sharegpt/a~3", "sharegpt/a%231"]
    assert [r["id"] for r in rows(result)] == names
    assert [(r["conversation_id"], r["raw"]) for r in rows(result, "rejected")] == [
        (name, f"unanswered {n}") for n, name in enumerate(names)
    ]


def test_what_a_stage_refused_is_kept_as_it_was_read(make: Callable[..., BuildResult]) -> None:
    chrome = "<div class='markdown'><button>Only this</button></div>"
    turns = [("human", "a"), ("gpt", "<p>b</p>"), ("human", "c"), ("gpt", chrome)]
    record = {"id": "x", "conversations": [{"from": f, "value": v} for f, v in turns]}
    result = make({"sg_90k_part1.json": [record]}, "sharegpt")
    assert [(r["stage"], r["reason"], r["raw"]) for r in rows(result, "rejected")] == [
        ("html", "empty", chrome),
        ("html", "no_answer", "c"),
    ]


def test_every_record_of_a_joined_duplicate_keeps_its_text(make: Callable[..., BuildResult]) -> None:
    def parts(name: str) -> list[dict[str, Any]]:
        return [
            {"id": f"{name}_{2 * n}", "conversations": [{"from": "human", "value": f"q{n}"}, {"from": "gpt", "value": f"a{n}"}]}
            for n in range(2)
        ]

    result = make({"ShareGPT_V3_unfiltered_cleaned_split.json": [*parts("aaaaaaa"), *parts("bbbbbbb")]}, "sharegpt:v3")
    assert [json.loads(r["raw"])["id"] for r in rows(result, "rejected")] == ["bbbbbbb_0", "bbbbbbb_2"]


def test_damaged_builds_are_named_and_made_again(make: Callable[..., BuildResult]) -> None:
    from open_instructions import load, stats
    from open_instructions.errors import NotFoundError

    first = make({"alpaca_data.json": [alpaca()]})
    shard = next((first.path / "data").iterdir())
    shard.unlink()
    for function in (load, stats):
        with pytest.raises(NotFoundError, match="gone or damaged"):
            function(first.path)
    again = make({}, overwrite=True)
    assert not again.unchanged
    assert shard.is_file()


def test_a_build_of_another_version_can_be_replaced(make: Callable[..., BuildResult], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text('{"format": 0, "open_instructions": "0.0.1"}')
    with pytest.raises(OutputError, match="--overwrite"):
        make({"alpaca_data.json": [alpaca()]})
    assert len(rows(make({}, overwrite=True))) == 1


def test_out_through_a_link(make: Callable[..., BuildResult], tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    make({"alpaca_data.json": [alpaca()]}, out=tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "manifest.json").is_file()


def test_languages_are_filtered_into_rejected(make: Callable[..., BuildResult]) -> None:
    records = [alpaca("Name three kinds of tree that grow in the north.", "Spruce, pine and birch grow there."),
               alpaca("Nenne drei Bäume, die im Norden wachsen können.", "Fichten, Kiefern und Birken wachsen dort gut.")]  # fmt: skip
    result = make({"alpaca_data.json": records}, languages=["en"])
    assert [r["language"] for r in rows(result)] == ["en"]
    [refused] = rows(result, "rejected")
    assert (refused["stage"], refused["reason"], refused["detail"][:2]) == ("language", "language", "de")
    assert "Fichten" in refused["raw"]


def test_no_part_is_over_the_limit(make: Callable[..., BuildResult]) -> None:
    result = make({"alpaca_data.json": [alpaca(output="word " * 100), alpaca()]}, max_tokens=30)
    assert [r["id"] for r in rows(result)] == ["alpaca/000001"]
    assert [(r["level"], r["reason"]) for r in rows(result, "rejected")] == [("record", "overlong")]


def test_hostile_text_goes_through(make: Callable[..., BuildResult]) -> None:
    records = [
        alpaca("\x1b[31mred\x07", "ok\u202e"),
        {"id": "\x1b]0;x\x07/../../etc", "instruction": "n\x00l", "input": "", "output": "\ud83d half"},
    ]
    result = make({"alpaca_data.json": records})
    assert [[m["content"] for m in r["messages"]] for r in rows(result)] == [["\x1b[31mred\x07", "ok\u202e"], ["n\x00l", "\ufffd half"]]
    odd = {"id": "\x1b[31m../ä b", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}
    again = make({"sg_90k_part1_html_cleaned.json": [odd]}, "sharegpt", overwrite=True)
    assert [r["id"] for r in rows(again)] == ["sharegpt/%1B%5B31m../%C3%A4%20b"]


def test_rows_that_are_not_utf8_are_kept_in_rejected(make: Callable[..., BuildResult]) -> None:
    content = b'[{"instruction": "caf\xe9", "input": "", "output": "x"}, {"instruction": "a", "input": "", "output": "b"}]'
    result = make({"alpaca_data.json": content})
    [refused] = rows(result, "rejected")
    assert (refused["reason"], refused["raw"]) == ("invalid_utf8", '{"instruction": "caf\\xe9", "input": "", "output": "x"}')


def test_an_empty_file_builds_and_says_so(make: Callable[..., BuildResult]) -> None:
    result = make({"alpaca_data.json": b""})
    assert rows(result) == []
    assert [r["reason"] for r in rows(result, "rejected")] == ["empty_file"]
    from open_instructions import load

    assert load(result.path).num_rows == 0
    assert load(result.path).column_names[0] == "id"


def test_comparison_data_says_that_it_is_not_converted(tmp_path: Path) -> None:
    result = build("gpt4llm:comparison", sample=True, out=tmp_path / "out")
    refused = rows(result, "rejected")
    assert {r["reason"] for r in refused} == {"preference_pair"}
    assert len(refused) == result.manifest["totals"]["records_read"] == 20
    assert "converts conversations only" in refused[0]["detail"]


def test_missing_subsets_are_in_the_books(make: Callable[..., BuildResult]) -> None:
    result = make({"alpaca_data.json": [alpaca()]}, "alpaca,dolly", missing="skip")
    assert result.manifest["missing"] == ["dolly:main"]
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
def test_what_is_wrong_is_said_before_any_work(make: Callable[..., BuildResult], options: dict[str, Any], error: Any, says: str) -> None:
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
    with pytest.raises(InputError.__mro__[1], match="no --data-dir was given"):
        build("alpaca")


def test_a_manifest_that_is_none(tmp_path: Path) -> None:
    from open_instructions.errors import NotFoundError

    for content in ("", "{}", "[]", '{"format": 99}', "[" * 100_000):
        (tmp_path / "manifest.json").write_text(content)
        with pytest.raises(NotFoundError):
            open_build(tmp_path)


# --- the real files


def test_the_real_files(real: Path, tmp_path: Path) -> None:
    result = build("all", data_dir=real, missing="skip", out=tmp_path / "out")
    read = {f"{s}:{x}": result.ledger.summary(s, x)["records_read"] for s, x in result.ledger.subsets()}
    assert read == {
        "alpaca:main": 8873, "dolly:main": 2009, "gpt4all:main": 0, "gpt4llm:en": 999, "gpt4llm:zh": 1000, "instructionwild:en": 3,
        "instructionwild:seeds": 858, "instructionwild:v2": 873, "instructionwild:zh": 0, "lmflow:medmcqa": 4184, "lmflow:medqa": 1266,
        "lmflow:native": 14, "lmflow:natural-instructions": 20299 + 7914, "lmflow:pubmedqa": 1000, "sharegpt:raw": 12,
    }  # fmt: skip
    assert result.ledger.summary("instructionwild", "v2")["records_unreadable"] == 5
    assert result.ledger.problems() == []
    refused = rows(result, "rejected")
    assert sum(r["source"] == "instructionwild" for r in refused) == 858 + 873 + 5
    assert len({row["id"] for row in rows(result)}) == result.manifest["totals"]["rows"]


@pytest.mark.parametrize(("subset", "count"), [("v3", 500), ("html_cleaned", 2978)])
def test_the_other_layouts_of_sharegpt(real: Path, tmp_path: Path, subset: str, count: int) -> None:
    result = build(f"sharegpt:{subset}", data_dir=real, out=tmp_path / "out")
    assert result.ledger.summary("sharegpt", subset)["records_read"] == count


# --- determinism


def test_no_way_of_running_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seeded sweep over chunk sizes, parts of the exchange, workers, interruptions and the order of files: one digest."""
    rng = random.Random(20)
    source = samples_dir()
    expected = digests(build("all", data_dir=source, missing="skip", out=tmp_path / "expected", workers=1).path)
    for turn in range(8):
        monkeypatch.setattr("open_instructions.chunk.CHUNK_RECORDS", rng.choice([1, 2, 7, 50, 2000]))
        monkeypatch.setattr("open_instructions.chunk.CHUNK_CHARS", rng.choice([500, 20_000, 2 << 20]))
        monkeypatch.setattr("open_instructions.merge.fate.PART", rng.choice([20, 150, 500_000]))
        monkeypatch.setattr("open_instructions.merge.fate.GROUP", rng.choice([1, 3, 256]))
        data, out = tmp_path / f"data{turn}", tmp_path / f"out{turn}"
        files = [p for p in source.rglob("*") if p.is_file()]
        for file in rng.sample(files, len(files)):  # a folder lists files as they came
            copy = data / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
        stop = rng.choice([0, 1, 5, 20])

        def interrupt(step: Any, seen: list[Any] = [], stop: int = stop) -> None:  # noqa: B006 - counts its calls
            seen.append(step)
            if len(seen) == stop:
                raise KeyboardInterrupt

        workers = 2 if turn == 7 else 1
        with contextlib.suppress(KeyboardInterrupt):
            build("all", data_dir=data, missing="skip", out=out, workers=workers, progress=interrupt)
        assert digests(build("all", data_dir=data, missing="skip", out=out, workers=workers).path) == expected
