"""Rows in splits, and rows that are written several times: shards, ids, the ledger, and every way
of reading them."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import open_instructions as oi
from open_instructions import corpus
from open_instructions.building.run import BuildResult, build
from open_instructions.errors import ConverterError, UsageError
from open_instructions.reports.check import check
from open_instructions.store import open_build

from .conftest import digests, rows
from .said_steps import Says, saying

LONG = "A sentence of several words that fills the part. " * 40


def talk(name: str, answer: str = "Red.") -> dict[str, Any]:
    return {
        "id": name,
        "conversations": [
            {"from": "human", "value": f"Which colour has {name}?"},
            {"from": "gpt", "value": answer},
            {"from": "human", "value": "And the other?"},
            {"from": "gpt", "value": f"Blue. {answer}"},
        ],
    }


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., BuildResult]:
    """A build of seven conversations a to g, of which b is split into two parts, with steps that
    say something of each."""
    folder = tmp_path / "data"
    folder.mkdir()
    seven = [talk(name, LONG if name == "b" else "Red.") for name in "abcdefg"]

    def run(
        *says: Says,
        out: str = "out",
        talks: list[Any] = seven,
        order: str = "as read",
        **options: Any,
    ) -> BuildResult:
        (folder / "sg_90k_part1.json").write_text(json.dumps(talks))
        steps = [saying(f"said{at}", each) for at, each in enumerate(says)]
        monkeypatch.setattr(corpus, "STEPS", [*corpus.STEPS[:1], *steps])
        recipe = tmp_path / "mixed.yaml"
        recipe.write_text(f"order: {order}\nmax_tokens: 500\n")
        options = {"workers": 1, "recipe": str(recipe)} | options
        return build("sharegpt:raw", data_dir=folder, out=tmp_path / out, **options)

    return run


SIDES = {"c": "validation", "e": "validation", "f": "test"}


def sides(name: str) -> dict[str, Any]:
    """c and e to validation, f to test; all in groups of their own, but c and e in one."""
    local = name.removeprefix("sharegpt/")
    return {"split": SIDES.get(local), "group_id": f"g-{'c' if local == 'e' else local}"}


def shards(result: BuildResult) -> dict[str, int]:
    return {shard.path: shard.rows for shard in result.manifest.shards}


def test_rows_in_splits(made: Callable[..., BuildResult]) -> None:
    result = made(sides)
    assert shards(result) == {
        "data/train-00000-of-00001.parquet": 5,
        "data/validation-00000-of-00001.parquet": 2,
        "data/test-00000-of-00001.parquet": 1,
        "rejected/rejected-00000-of-00001.parquet": 0,
    }
    found = {
        split: [(row["id"], row["group_id"]) for b in reading(result, split) for row in b]
        for split in ("train", "validation", "test")
    }
    assert found == {
        "train": [
            ("sharegpt/a", "g-a"),
            ("sharegpt/b#1", "g-b"),
            ("sharegpt/b#2", "g-b"),
            ("sharegpt/d", "g-d"),
            ("sharegpt/g", "g-g"),
        ],
        "validation": [("sharegpt/c", "g-c"), ("sharegpt/e", "g-c")],
        "test": [("sharegpt/f", "g-f")],
    }
    assert list(rows(result)[0])[:4] == ["id", "conversation_id", "group_id", "source"]
    assert result.manifest.splits() == {"train": 5, "validation": 2, "test": 1}
    totals = result.ledger.summary()
    assert (totals["rows"], totals["validation_rows"], totals["test_rows"]) == (8, 2, 1)
    assert "repeats" not in totals
    assert result.ledger.problems() == []
    assert check(result.path).problems == ()


def reading(result: BuildResult, split: str) -> list[list[dict[str, Any]]]:
    return [batch.to_pylist() for batch in open_build(result.path).batches(split=split)]


def copies(name: str) -> dict[str, Any] | None:
    """b, of two parts, three times; d twice; a once, which changes nothing."""
    times = {"sharegpt/b": 3, "sharegpt/d": 2, "sharegpt/a": 1}.get(name)
    return None if times is None else {"copies": times}


def test_rows_that_are_written_again(made: Callable[..., BuildResult]) -> None:
    result = made(copies)
    assert [(row["id"], row["conversation_id"]) for row in rows(result)] == [
        ("sharegpt/a", "sharegpt/a"),
        ("sharegpt/b#1", "sharegpt/b"),
        ("sharegpt/b#2", "sharegpt/b"),
        ("sharegpt/b*2#1", "sharegpt/b*2"),
        ("sharegpt/b*2#2", "sharegpt/b*2"),
        ("sharegpt/b*3#1", "sharegpt/b*3"),
        ("sharegpt/b*3#2", "sharegpt/b*3"),
        ("sharegpt/c", "sharegpt/c"),
        ("sharegpt/d", "sharegpt/d"),
        ("sharegpt/d*2", "sharegpt/d*2"),
        ("sharegpt/e", "sharegpt/e"),
        ("sharegpt/f", "sharegpt/f"),
        ("sharegpt/g", "sharegpt/g"),
    ]
    assert "group_id" not in rows(result)[0]
    totals = result.ledger.summary()
    # 7 kept + 1 part + 2 x 2 of b and 1 of d again
    assert (totals["rows"], totals["records_kept"], totals["parts_added"]) == (13, 7, 1)
    assert totals["repeats"] == 5
    assert result.ledger.problems() == []
    assert check(result.path).problems == ()
    assert result.manifest.steps == {"said0": {"verdicts": 3}}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("size", [1, 3])
def test_the_same_bytes_in_splits_and_copies(
    made: Callable[..., BuildResult],
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    size: int,
) -> None:
    expected = digests(made(sides, copies).path)
    monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", size)
    assert digests(made(sides, copies, out="cut", workers=workers).path) == expected


def test_loading_a_split(made: Callable[..., BuildResult]) -> None:
    path = made(sides).path
    assert oi.load(path)["id"][:2] == ["sharegpt/a", "sharegpt/b#1"]
    assert oi.load(path, split="validation")["id"] == ["sharegpt/c", "sharegpt/e"]
    assert [r["id"] for r in oi.load(path, split="test", streaming=True)] == ["sharegpt/f"]
    with pytest.raises(UsageError, match="no split 'valid' in data/") as caught:
        oi.load(path, split="valid")
    assert caught.value.hint == "Did you mean 'validation'?"
    with pytest.raises(UsageError, match="no split 'validation'"):
        oi.load(made(copies, out="other").path, split="validation")


def test_load_dataset_finds_the_splits(made: Callable[..., BuildResult], tmp_path: Path) -> None:
    found = load_dataset(str(made(sides).path), cache_dir=str(tmp_path / "cache"))
    assert {name: rows.num_rows for name, rows in found.items()} == {
        "train": 5,
        "validation": 2,
        "test": 1,
    }
    assert found["test"].features["group_id"].dtype == "string"


def test_the_card_and_stats_name_the_splits(made: Callable[..., BuildResult]) -> None:
    path = made(sides).path
    card = (path / "README.md").read_text()
    assert "## Splits" in card
    assert "| split | rows of data/ |" in card
    assert "| validation | 2 |" in card
    found = oi.stats(path)
    assert found.splits == found.to_dict()["splits"] == {"train": 5, "validation": 2, "test": 1}
    assert ("splits", "train 5, validation 2, test 1") in found.brief()
    assert "## Splits" not in (made(copies, out="other").path / "README.md").read_text()


def test_what_a_copy_is_of(made: Callable[..., BuildResult]) -> None:
    path = made(copies).path
    found = oi.explain("sharegpt/b*3", path)
    assert [row["id"] for row in found.rows] == ["sharegpt/b*3#1", "sharegpt/b*3#2"]
    assert json.loads(found.raw)["id"] == "b"
    assert "split" in [step.stage for step in found.steps]


def test_which_split_a_row_is_in(made: Callable[..., BuildResult]) -> None:
    path = made(sides).path
    found = oi.explain("sharegpt/e", path)
    assert found.split == "validation"
    assert ", in validation" in repr(found)


def other_side(name: str) -> dict[str, Any]:
    """A step of its own that puts e, which is in the group of c, on the other side."""
    local = name.removeprefix("sharegpt/")
    return sides(name) | ({"split": None, "group_id": "g-x"} if local == "e" else {})


def test_rows_that_belong_together_are_on_one_side(
    made: Callable[..., BuildResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("open_instructions.merge.verdicts.check_kept", lambda *_: None)

    def leaking(name: str) -> dict[str, Any]:
        local = name.removeprefix("sharegpt/")
        return sides(name) | ({"split": None} if local == "e" else {})

    result = made(leaking)
    assert check(result.path).problems == ("1 groups are both in train and in validation",)


def test_equal_beginnings_are_on_one_side(made: Callable[..., BuildResult]) -> None:
    asked = [talk("a"), talk("c"), talk("e") | {"conversations": talk("c", "No.")["conversations"]}]
    result = made(other_side, talks=asked)
    assert check(result.path).problems == (
        "1 beginnings of conversations are both in train and in validation",
    )


def edits(name: str) -> dict[str, Any] | None:
    """b, of two parts, and c are marked."""
    local = name.removeprefix("sharegpt/")
    if local not in "bc":
        return None
    return {"edit": "odd_colour", "detail": f"{local} is odd", "evidence": '{"found": [3]}'}


def edits_again(name: str) -> dict[str, Any] | None:
    return {"edit": "odd_too"} if name == "sharegpt/b" else None


def dropping_c(name: str) -> dict[str, Any] | None:
    found = {"reason": "duplicate", "detail": "left out"}
    return found if name == "sharegpt/c" else None


def test_edits_and_what_was_found(made: Callable[..., BuildResult]) -> None:
    result = made(edits, edits_again, copies, dropping_c)
    changed = [(row["id"], row["edits"]) for row in rows(result) if row["edits"]]
    both = ["odd_colour", "odd_too"]
    assert changed == [(f"sharegpt/b{c}#{p}", both) for c in ("", "*2", "*3") for p in (1, 2)]
    assert result.ledger.by_name("edits") == {
        ("said0", "odd_colour"): 2,  # of conversations, one of which is dropped later
        ("said1", "odd_too"): 1,
    }
    refused = rows(result, "rejected")
    assert [(r["level"], r["conversation_id"], r["stage"], r["reason"]) for r in refused] == [
        ("record", "sharegpt/c", "said3", "duplicate"),
        ("mark", "sharegpt/b", "said0", "odd_colour"),
        ("mark", "sharegpt/b", "said1", "odd_too"),
        ("mark", "sharegpt/c", "said0", "odd_colour"),
    ]
    assert (refused[1]["evidence"], refused[1]["raw"]) == ('{"found": [3]}', None)
    assert (refused[1]["detail"], refused[1]["origin_row"]) == ("b is odd", 1)
    assert refused[2]["detail"] == ""
    assert check(result.path).problems == ()
    told = repr(oi.explain("sharegpt/b#2", result.path))
    assert "marked at said0: odd_colour: b is odd" in told
    assert '"found"' in told


def nothing(name: str) -> None:
    """The verdict of a step on conversations that it has nothing to say of."""


def again(result: BuildResult, *says: Says) -> BuildResult:
    """A build from a build, equal conversations included."""
    folder = result.path.parent
    (folder / "again.yaml").write_text("duplicates: false\n")
    steps = [saying(f"said{at}", each) for at, each in enumerate(says)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "STEPS", [*corpus.STEPS[:1], *steps])
        return build(
            str(result.path), out=folder / "again", recipe=str(folder / "again.yaml"), workers=1
        )


def test_a_build_with_splits_is_read_with_all_of_them(made: Callable[..., BuildResult]) -> None:
    result = again(made(copies, sides), nothing, nothing)
    assert sorted(row["id"] for row in rows(result)) == [
        "sharegpt/a",
        *(f"sharegpt/b{part}" for part in ("#1", "#2", "*2#1", "*2#2", "*3#1", "*3#2")),
        "sharegpt/c",
        "sharegpt/d",
        "sharegpt/d*2",
        "sharegpt/e",
        "sharegpt/f",
        "sharegpt/g",
    ]
    assert "group_id" not in rows(result)[0]
    assert check(result.path).problems == ()


def test_no_copy_has_the_id_of_another_row(made: Callable[..., BuildResult]) -> None:
    """d of a build that has d*2 already is written twice again, and d*2 too."""

    def twice(name: str) -> dict[str, Any] | None:
        return {"copies": 2} if name.startswith("sharegpt/d") else None

    result = again(made(copies), twice)
    found = [row["id"] for row in rows(result) if row["id"].startswith("sharegpt/d")]
    assert found == ["sharegpt/d", "sharegpt/d*2", "sharegpt/d*2~2", "sharegpt/d*2~2*2"]
    assert check(result.path).problems == ()


def leaves_out(name: str) -> dict[str, Any] | None:
    found = {"reason": "duplicate", "detail": "not among the sampled"}
    return found if name in ("sharegpt/b", "sharegpt/g") else None


def test_what_a_mix_leaves_out_has_no_text(
    made: Callable[..., BuildResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("merge.dropped", "reports.check"):
        name = f"open_instructions.{place}.WITHOUT_TEXT"
        monkeypatch.setattr(name, frozenset({"duplicate"}))
    result = made(leaves_out)
    assert [
        (r["level"], r["conversation_id"], r["origin_file"], r["origin_row"], r["raw"])
        for r in rows(result, "rejected")
    ] == [
        ("record", "sharegpt/b", "sg_90k_part1.json", 1, None),
        ("record", "sharegpt/g", "sg_90k_part1.json", 6, None),
    ]
    assert check(result.path).problems == ()
    monkeypatch.setattr("open_instructions.reports.check.WITHOUT_TEXT", frozenset())
    assert "2 rows have no raw" in check(result.path).problems[0]


def only(says: dict[str, dict[str, Any]]) -> Says:
    return lambda name: says.get(name.removeprefix("sharegpt/"))


ALL = {name: {"group_id": name} for name in "abcdefg"}


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ([{"a": {"group_id": "x"}}], "give 1 of 7 conversations a group_id"),
        ([ALL, ALL], "give a conversation group_id twice"),
        ([{"a": {"copies": 2}}, {"a": {"copies": 3}}], "give a conversation copies twice"),
        ([{"a": {"split": "test"}}], "give a conversation a split without group_id"),
        (
            [ALL | {"a": {"split": "test", "group_id": "a", "copies": 2}}],
            "write a conversation twice that is not in train",
        ),
        (
            [ALL | {"a": {"split": "test", "group_id": "b"}}],
            "put one group_id into two splits",
        ),
    ],
)
def test_what_steps_may_not_say_together(
    made: Callable[..., BuildResult], said: list[dict[str, dict[str, Any]]], says: str
) -> None:
    with pytest.raises(ConverterError, match=says):
        made(*map(only, said))


verdict = st.one_of(
    st.just({"reason": "duplicate", "detail": "x"}),
    st.builds(
        lambda split, copies, edit: {
            "split": split,
            "copies": None if split else copies,
            "edit": edit,
        },
        st.sampled_from([None, None, "validation", "test"]),
        st.sampled_from([None, 1, 2, 5]),
        st.sampled_from([None, "odd"]),
    ),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(verdict, min_size=6, max_size=6), st.booleans(), st.sampled_from([1, 3]))
def test_the_books_balance_whatever_steps_say(
    made: Callable[..., BuildResult],
    verdicts: list[dict[str, Any]],
    shuffled: bool,
    size: int,
) -> None:
    said = {
        name: each if "reason" in each else each | {"group_id": name}
        for name, each in zip("abcdef", verdicts, strict=True)
    } | {"g": {"group_id": "g"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", size)
        order = "shuffled" if shuffled else "as read"
        result = made(only(said), order=order)
    assert result.ledger.problems() == []
    assert check(result.path).problems == ()
    times = {
        name: 0 if "reason" in each else each.get("copies") or 1 for name, each in said.items()
    }
    assert Counter(re.sub(r"[*#].*", "", row["id"])[9:] for row in rows(result)) == Counter(
        {name: n * (1 + (name == "b")) for name, n in times.items()}
    )
    gone = [r["conversation_id"][9:] for r in rows(result, "rejected") if r["level"] == "record"]
    assert gone == [name for name, n in times.items() if n == 0]
    shutil.rmtree(result.path)  # the next build has the same inputs and recipe
