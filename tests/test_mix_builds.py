"""Whole builds with a mix and splits: the books balance however the steps are combined, and the
bytes are the same however the work is cut."""

from __future__ import annotations

import json
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import open_instructions as oi
from open_instructions import recipe as recipes
from open_instructions.building.run import BuildResult, build
from open_instructions.errors import InputError, NotFoundError, RecipeError, UsageError
from open_instructions.merge import rounds
from open_instructions.recipe import Recipe, parse
from open_instructions.reports.card import _cell
from open_instructions.reports.check import check
from open_instructions.reports.shares import in_words, shares_table
from open_instructions.store import open_build

from .conftest import digests, rows

LONG = "A sentence of several words that fills the part. " * 40


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alpaca with copies and prompts in common, dolly, long conversations of ShareGPT that are
    split, and preference rows with some of alpaca's prompts."""
    folder = tmp_path_factory.mktemp("data")
    alpaca = [
        {"instruction": f"Name tree {n // 2 % 20}.", "input": "", "output": f"Oak {n % 30}."}
        for n in range(60)
    ]
    dolly = [
        {"instruction": f"Name fish {n}.", "context": "", "response": "A pike.", "category": "qa"}
        for n in range(25)
    ]
    talks = [
        {
            "id": f"t{n}",
            "conversations": [
                {"from": "human", "value": f"Which hall is {n}?"},
                {"from": "gpt", "value": LONG},
                {"from": "human", "value": "And the other?"},
                {"from": "gpt", "value": f"{LONG} {n}"},
            ],
        }
        for n in range(12)
    ]
    pairs = [
        {"prompt": f"Name tree {n}.", "chosen": "An oak.", "rejected": f"No {n}."}
        for n in range(10)
    ]
    (folder / "alpaca_data.json").write_text(json.dumps(alpaca))
    (folder / "databricks-dolly-15k.jsonl").write_text("\n".join(map(json.dumps, dolly)))
    (folder / "sg_90k_part1.json").write_text(json.dumps(talks))
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    return folder


def made(data: Path, out: Path, recipe: str, workers: int = 1) -> BuildResult:
    sources = ["alpaca", "dolly", "sharegpt:raw", str(data / "pairs.jsonl")]
    chosen = parse(f"max_tokens: 500\n{recipe}", "mine.yaml")
    return build(sources, data_dir=data, out=out, recipe=chosen, workers=workers, missing="skip")


SPLITS = (
    "",
    "validation: 0.2",
    "validation: {rows: 6}\ntest: {tokens: 300}",
)
MIXES = (
    "",
    "mix: {weights: {alpaca: 1, dolly: 1}}",
    "mix: {unit: rows, weights: {alpaca: 1, dolly: 2, sharegpt: 1}, total: 60, max_epochs: 3}",
    "mix: {unit: answer_tokens, temperature: 3, total: 2000}",
    "mix: {by: license, weights: {CC-BY-SA-3.0: 1, CC-BY-NC-4.0: 1}, total: 900, max_epochs: 2}",
    "mix: {unit: rows, weights: {alpaca: 1, pairs: 1}, total: 26, max_epochs: 3}",
)
PAIRS_TAKEN = dict.fromkeys(MIXES, 0) | {MIXES[0]: 10, MIXES[3]: 10, MIXES[5]: 26}
"""The preference rows of each mix: without weights it takes all ten. The last has no more than 26
of them for training."""
ORDERS = ("", "order: shuffled")


@pytest.mark.parametrize(
    ("splits", "mix", "more"),
    [
        *product(SPLITS, MIXES, ORDERS),
        (SPLITS[2], MIXES[2], "duplicates: false"),
        (SPLITS[1], MIXES[1], "duplicates: false"),
    ],
)
def test_the_books_balance(data: Path, tmp_path: Path, splits: str, mix: str, more: str) -> None:
    result = made(data, tmp_path / "out", "\n".join([splits, mix, more]))
    assert result.ledger.problems() == []
    assert check(result.path).problems == ()
    found = open_build(result.path)
    sides: dict[str, set[str]] = {}
    beginnings: dict[str, set[str]] = {}
    for kind, split in product(("data", "preference"), found.manifest.splits()):
        for batch in found.batches(kind, split=split):
            for row in batch.to_pylist():
                if splits:
                    sides.setdefault(row["group_id"], set()).add(split)
                first = (row.get("messages") or row["prompt"])[0]["content"]
                if not row["id"].endswith("#2"):
                    beginnings.setdefault(first, set()).add(split)
                assert split == "train" or "*" not in row["id"]
    assert all(len(each) == 1 for each in sides.values())
    if splits:
        assert all(len(each) == 1 for each in beginnings.values())
    left = Counter(row["reason"] for row in rows(result, "rejected"))
    assert (left["not_sampled"] > 0) == bool(mix)
    assert all(row["raw"] is None for row in rows(result, "rejected") if row["stage"] == "mix")
    pairs = result.ledger.summary().get("preference_rows", 0)
    held = sum(s.rows for s in found.manifest.of("preference") if s.split != "train")
    assert pairs == (PAIRS_TAKEN[mix] if mix != MIXES[5] else min(26, 3 * (10 - held)) + held)


ALL = "\n".join([SPLITS[2], MIXES[2], "seed: 3"])


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("part", "group", "size"), [(500_000, 256, 7), (3, 1, 7), (10, 2, 1)])
def test_the_same_bytes(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    part: int,
    group: int,
    size: int,
) -> None:
    expected = digests(made(data, tmp_path / "whole", ALL).path)
    monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", size)
    monkeypatch.setattr(rounds, "PART", part)
    monkeypatch.setattr(rounds, "GROUP", group)
    assert digests(made(data, tmp_path / "cut", ALL, workers).path) == expected


def test_a_mix_is_of_the_training_side(data: Path, tmp_path: Path) -> None:
    """Dolly has 25 rows. Those for validation are all there, and what is left is taken twice."""
    result = made(
        data,
        tmp_path / "out",
        "validation: 0.3\nmix: {unit: rows, weights: {dolly: 1}, total: 40, max_epochs: 2}",
    )
    report = result.manifest.steps
    held = report["holdout"]["splits"]["validation"]["sources"]["dolly:main"]
    [share] = report["mix"]["shares"]
    assert share == {
        "name": "dolly", "weight": 1.0, "wanted": 40, "available": 25 - held,
        "taken": 2 * (25 - held), "epochs": 2.0,
    }  # fmt: skip
    assert 0 < held < 12
    found = Counter(row["source"] for row in rows(result))
    assert found["dolly"] == held + 2 * (25 - held)
    assert result.ledger.summary()["repeats"] == 25 - held


def test_rows_for_validation_are_of_the_sets_of_the_mix(data: Path, tmp_path: Path) -> None:
    """As many as were asked for, though there are 90 others; those are in no split."""
    keys = "validation: {rows: 6}\nmix: {unit: rows, weights: {dolly: 1}}"
    result = made(data, tmp_path / "out", keys)
    found = open_build(result.path)
    sources = Counter(
        (split, row["source"])
        for kind, split in product(("data", "preference"), found.manifest.splits())
        for batch in found.batches(kind, ["source"], split=split)
        for row in batch.to_pylist()
    )
    assert sources == {("train", "dolly"): 19, ("validation", "dolly"): 6}
    assert result.manifest.steps["holdout"]["splits"]["validation"] == {
        "groups": 6, "rows": 6, "tokens": result.manifest.steps["holdout"]["splits"]["validation"][
            "tokens"
        ], "sources": {"dolly:main": 6},
    }  # fmt: skip
    assert check(result.path).problems == ()


def test_what_steps_say_is_said_before_anything_is_written(data: Path, tmp_path: Path) -> None:
    said: list[str] = []
    out = tmp_path / "out"

    def tell(note: str) -> None:
        ready = [p for p in tmp_path.glob(".out.*/ready/*/*") if p.suffix == ".parquet"]
        assert not ready
        said.append(note)

    recipe = parse("mix: {weights: {alpaca: 1, dolly: 1}, total: 100000}", "mine.yaml")
    result = build("alpaca,dolly", data_dir=data, out=out, recipe=recipe, workers=1, tell=tell)
    [note] = said
    assert "the whole mix is scaled to" in note
    assert note in result.found.notes


def test_a_stopped_mix_leaves_nothing_behind(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="are missing at 1 epoch"):
        made(
            data,
            tmp_path / "out",
            "mix: {weights: {alpaca: 1, dolly: 1}, total: 100000, shortfall: stop}",
        )
    assert [p for p in tmp_path.iterdir() if p.name.startswith(".out") or p.name == "out"] == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("alpcaa", "Did you mean 'alpaca'?"),
        ("gpt4llm", "Sources are: alpaca, dolly, pairs, sharegpt"),
        ("sharegpt:row", "Did you mean 'sharegpt:raw'?"),
    ],
)
def test_a_weight_of_what_is_not_there_stops_before_any_work(
    data: Path, tmp_path: Path, name: str, hint: str
) -> None:
    with pytest.raises(RecipeError, match="has a weight and is not in this build") as caught:
        made(data, tmp_path / "out", f"mix: {{weights: {{alpaca: 1, '{name}': 1}}}}")
    assert hint in str(caught.value.hint)
    assert not (tmp_path / "out").exists()


def test_weights_over_a_finished_build(data: Path, tmp_path: Path) -> None:
    """They speak of each row's own source, not of the build's name."""
    made(data, tmp_path / "clean", "")
    chosen = parse("mix: {unit: rows, weights: {alpaca: 1, dolly: 1}, total: 20}", "mine.yaml")
    result = build(str(tmp_path / "clean"), out=tmp_path / "out", recipe=chosen, workers=1)
    found = Counter(row["source"] for row in rows(result))
    assert found == {"alpaca": 10, "dolly": 10}
    direct = made(
        data, tmp_path / "direct", "mix: {unit: rows, weights: {alpaca: 1, dolly: 1}, total: 20}"
    )
    assert {r["id"] for r in rows(direct)} == {r["id"] for r in rows(result)}
    wrong = parse("mix: {weights: {clean: 1}}", "mine.yaml")
    with pytest.raises(RecipeError) as caught:
        build(str(tmp_path / "clean"), out=tmp_path / "no", recipe=wrong, workers=1)
    assert caught.value.hint == (
        "It is a finished build: name the sources of its rows: alpaca, dolly, pairs, sharegpt."
    )


def test_a_mix_that_nobody_asked_for_is_said(data: Path, tmp_path: Path) -> None:
    """160 rows, of which one is dolly's."""
    talks = [
        {"instruction": f"Name tree {n}.", "input": "", "output": "An oak, or a beech."}
        for n in range(160)
    ]
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "alpaca_data.json").write_text(json.dumps(talks))
    dolly = {"instruction": "Name a fish.", "context": "", "response": "A pike.", "category": "qa"}
    (folder / "databricks-dolly-15k.jsonl").write_text(json.dumps(dolly))
    result = build("alpaca,dolly", data_dir=folder, out=tmp_path / "out", workers=1)
    assert [str(note) for note in result.found.notes if "tokens" in note] == [
        "alpaca has 99.6% of all tokens, and 1 other source has 0.4%; the key mix of a recipe says "
        "how much each gives"
    ]
    mixed = Recipe("mixed", mix=parse("mix: true", "x.yaml").mix)
    result = build("alpaca,dolly", data_dir=folder, out=tmp_path / "m", recipe=mixed, workers=1)
    assert not [note for note in result.found.notes if "of all tokens" in note]


def test_the_recipe_that_ships(tmp_path: Path) -> None:
    result = oi.build("all", sample=True, recipe="sft-mix", out=tmp_path / "out")
    assert result.ledger.problems() == []
    assert check(result.path).problems == ()
    assert recipes.load("sft-mix").order == "shuffled"
    splits: Any = oi.stats(result.path).splits
    assert set(splits) == {"train", "validation"}
    card = (result.path / "README.md").read_text(encoding="utf-8")
    assert "| set | weight | wanted | available | taken | epochs |" in card
    assert "Mix\n" in str(oi.stats(result.path)) or "epochs" in str(oi.stats(result.path))


def side_of(result: BuildResult) -> dict[str, str]:
    found = open_build(result.path)
    return {
        row["conversation_id"]: split
        for kind, split in product(("data", "preference"), found.manifest.splits())
        for batch in found.batches(kind, ["conversation_id"], split=split)
        for row in batch.to_pylist()
    }


def test_the_sides_of_a_build_are_kept(data: Path, tmp_path: Path) -> None:
    """By the folder, from another seed and share; the manifest names the fingerprint; new rows are
    for training."""
    first = build(
        ["alpaca", str(data / "pairs.jsonl")], data_dir=data, out=tmp_path / "first", workers=1,
        recipe=parse("validation: 0.3\ntest: 0.1\nmax_tokens: 500", "mine.yaml"),
    )  # fmt: skip
    before = side_of(first)
    assert set(before.values()) == {"train", "validation", "test"}
    path = tmp_path / "next.yaml"
    path.write_text("seed: 5\nmax_tokens: 500\nvalidation: {from: ./first}")
    sources = ["alpaca", "dolly", str(data / "pairs.jsonl")]
    second = build(sources, data_dir=data, out=tmp_path / "b", recipe=str(path), workers=1)
    after = side_of(second)
    assert {name: after[name] for name in before} == before
    assert {side for name, side in after.items() if name not in before} == {"train"}
    assert second.manifest.recipe["validation"]["from"] == first.manifest.fingerprint
    assert second.manifest.steps["holdout"]["from"] == first.manifest.fingerprint
    assert second.manifest.steps["holdout"]["moved"] == 0
    assert check(second.path).problems == ()


@pytest.mark.parametrize("changed", ["data/train-*", "rejected/*"])
@pytest.mark.parametrize("is_source", [False, True])
def test_the_sides_of_a_build_that_was_changed_are_not_kept(
    tmp_path: Path, changed: str, is_source: bool
) -> None:
    """Also if the size of the shard is the same: the ids of near duplicates are in rejected/."""
    first = build("dolly", sample=True, out=tmp_path / "first", recipe=parse("test: 0.3", "a.yaml"))
    recipe = parse(f"test: {{from: {first.path}}}", str(tmp_path / "mine.yaml"))
    shard = next(first.path.glob(changed))
    bytes_there = bytearray(shard.read_bytes())
    bytes_there[8] ^= 1
    shard.write_bytes(bytes_there)
    sources: Any = {"sources": str(first.path)} if is_source else {"sources": "dolly"}
    says = r"-0000.* (is not as its manifest says|cannot be read)"
    with pytest.raises((InputError, NotFoundError), match=says):
        build(**sources, sample=not is_source, out=tmp_path / "next", recipe=recipe)


def test_validation_rows_of_a_source_are_not_trained_on_in_silence(
    data: Path, tmp_path: Path
) -> None:
    first = made(data, tmp_path / "first", "validation: 0.3")
    with pytest.raises(UsageError, match="is a build with rows for validation, which would be"):
        build(str(first.path), out=tmp_path / "no", workers=1)
    recipe = parse(f"validation: {{from: {first.path}}}", str(tmp_path / "mine.yaml"))
    kept = build(str(first.path), out=tmp_path / "kept", recipe=recipe, workers=1)
    assert side_of(kept) == side_of(first)
    again = build(str(first.path), locked=kept.path / "oi.lock", out=tmp_path / "again", workers=1)
    assert digests(again.path) == digests(kept.path)
    anew = parse("validation: 0.3", "mine.yaml")
    result = build(str(first.path), out=tmp_path / "anew", recipe=anew, workers=1)
    assert side_of(result) == side_of(first)  # the same seed, texts and share


def test_a_build_without_sides_to_keep(data: Path, tmp_path: Path) -> None:
    first = made(data, tmp_path / "first", "")
    with pytest.raises(UsageError, match="has no splits whose sides could be kept"):
        made(data, tmp_path / "no", f"validation: {{from: {first.path}}}")
    with pytest.raises(UsageError, match=r"which is not here\. Looked in"):
        made(data, tmp_path / "no", f"validation: {{from: {'a' * 64}}}")


def test_names_of_sets_are_no_markup_and_manifests_may_say_anything() -> None:
    names = ["a|b", "[x](http://y)", "<b>", "`c`", "new\nline", "\x1b[31mred"]
    numbers = {"weight": 1.0, "wanted": 2, "available": 3, "taken": 1000, "epochs": 0.5}
    shares: list[Any] = [{"name": name, **numbers} for name in names]
    told = {"unit": "rows", "by": "task", "total": 9000, "shares": shares, "more_shares": 0}
    assert [row[0] for row in shares_table({"mix": told})[1]] == [
        *names[:4], r"new\nline", r"\x1b[31mred",
    ]  # fmt: skip
    assert [_cell(name) for name in names[:4]] == [
        r"a\|b", r"\[x](http://y)", r"\<b>", r"\`c\`",
    ]  # fmt: skip
    assert in_words({"mix": told}) == "6,000 of 9,000 rows for training, by task"
    told |= {"shares": [7, {"name": 1, "weight": "x", "taken": None}], "total": "x", "unit": 3}
    assert shares_table({"mix": told})[1] == [["1", "?", "?", "?", "?", "?"]]
    assert in_words({"mix": told}) == "0 of ? 3 for training, by task"
    assert shares_table({"mix": {"shares": 5, "more_shares": "x"}})[1] == []
