"""The sides of an earlier build are kept whatever becomes of the rows that were beside a row there:
whole builds of a file, and of what is left of it under other names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from open_instructions.building.run import BuildResult, build
from open_instructions.corpus.holdout import prompt_key
from open_instructions.errors import UsageError
from open_instructions.recipe import parse
from open_instructions.reports.check import check
from open_instructions.schema import Conversation, Message
from open_instructions.store import open_build
from open_instructions.store.forms import python_rows

from .conftest import rows

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def made(folder: Path, name: str, records: Sequence[Any], recipe: str) -> BuildResult:
    """A build of a file of its own, so that no id is that of another file's record."""
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    return of([str(folder / f"{name}.jsonl")], folder / f"of-{name}", recipe)


def of(sources: list[str], out: Path, recipe: str) -> BuildResult:
    chosen = parse(recipe, str(out.parent / "mine.yaml"))
    own = {} if (Path(sources[0]) / "manifest.json").is_file() else {"source_license": "MIT"}
    return build(sources, out=out, recipe=chosen, workers=1, **own)  # type: ignore[arg-type]


def stored(result: BuildResult) -> Iterator[tuple[str, dict[str, Any]]]:
    """The split of each row, and the row."""
    found = open_build(result.path)
    for kind, split in product(("data", "preference"), found.manifest.splits()):
        for batch in found.batches(kind, split=split):
            yield from ((split, row) for row in python_rows(batch))


def asked(row: dict[str, Any]) -> str:
    """The first thing that the user says in a row."""
    said = row.get("messages") or row["prompt"]
    return next(str(message["content"]) for message in said if message["role"] == "user")


def sides(result: BuildResult) -> dict[str, str]:
    """The split of each first part, by what the user asks."""
    return {asked(row): split for split, row in stored(result) if "#2" not in row["id"]}


def words(many: int, seed: str) -> list[str]:
    random = Random(seed)
    return ["".join(random.choices(LETTERS, k=7)) for _ in range(many)]


def like(number: int) -> list[dict[str, str]]:
    """Three records of which the second is nearly the same as both others, which differ: it goes,
    and they stay in one group."""
    first = words(150, f"prompt {number}")
    second = [f"b{word}" if at % 25 == 10 else word for at, word in enumerate(first)]
    third = [f"c{word}" if at % 25 == 20 else word for at, word in enumerate(second)]
    answer = " ".join(words(30, f"answer {number}"))
    return [{"prompt": " ".join(prompt), "completion": answer} for prompt in (first, second, third)]


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> BuildResult:
    """Twelve groups of two rows each; a third of each was dropped as nearly the same."""
    records = [record for number in range(12) for record in like(number)]
    folder = tmp_path_factory.mktemp("clusters")
    result = made(folder, "first", records, "near_duplicates: 0.7\nvalidation: 0.5")
    found = list(stored(result))
    assert len(found) == 24 and len({row["group_id"] for _, row in found}) == 12
    assert {split for split, _ in found} == {"train", "validation"}
    return result


def not_named(result: BuildResult) -> list[str]:
    """What is asked in the rows that their groups are not named after."""
    found = []
    for _, row in stored(result):
        said = tuple(Message(m["role"], m["content"]) for m in row["messages"])
        if prompt_key(Conversation(row["id"], "own", "main", said)) != int(row["group_id"], 16):
            found.append(asked(row))
    return found


def test_a_row_stays_when_the_one_that_its_group_is_named_after_is_gone(
    clusters: BuildResult, tmp_path: Path
) -> None:
    before, left = sides(clusters), not_named(clusters)
    assert len(left) == 12
    answers = [{"prompt": text, "completion": f"Another, {n}."} for n, text in enumerate(left)]
    child = made(tmp_path, "second", answers, f"validation: {{from: {clusters.path}}}")
    assert sides(child) == {text: before[text] for text in left}
    assert child.manifest.steps["holdout"]["moved"] == 0
    grandchild = made(tmp_path, "third", answers, f"test: {{from: {child.path}, share: 0.1}}")
    assert sides(grandchild) == sides(child)
    assert check(child.path).problems == ()


def test_a_row_that_was_nearly_the_same_as_another_is_on_its_side(
    clusters: BuildResult, tmp_path: Path
) -> None:
    """It comes back alone: the file is the same, without the others and the near duplicates."""
    lines = (clusters.path.parent / "first.jsonl").read_text().splitlines()
    gone = {
        row["conversation_id"]: row["other"]
        for row in rows(clusters, "rejected")
        if row["stage"] == "near_duplicates"
    }
    assert len(gone) == 12
    split = {row["id"]: split for split, row in stored(clusters)}
    kept = [line if f"first/{n:06d}" in gone else "{}" for n, line in enumerate(lines)]
    records = [json.loads(line) for line in kept]
    child = made(tmp_path, "first", records, f"validation: {{from: {clusters.path}}}")
    assert {row["id"]: side for side, row in stored(child)} == {
        name: split[other] for name, other in gone.items()
    }


LONG = "A sentence of several words that fills the part. " * 40


def talk(number: int) -> dict[str, Any]:
    """A conversation that is split into two parts; the second begins as that of all others."""
    texts = [f"Which hall is {number}?", LONG, "And the other?", f"{LONG} {number}"]
    roles = ["user", "assistant"] * 2
    return {
        "messages": [{"role": r, "content": t} for r, t in zip(roles, texts, strict=True)],
    }


def call(number: int) -> dict[str, Any]:
    """A conversation with a tool, whose messages are JSON."""
    made = {"type": "function", "function": {"name": "look", "arguments": {"at": number}}}
    return {
        "messages": [
            {"role": "user", "content": f"Look at {number}."},
            {"role": "assistant", "content": "", "tool_calls": [made]},
            {"role": "tool", "content": "There.", "name": "look"},
            {"role": "assistant", "content": f"Seen {number}."},
        ],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}],
    }


def pair(number: int) -> dict[str, str]:
    return {"prompt": f"Name tree {number}.", "chosen": "An oak.", "rejected": f"No {number}."}


KINDS = {
    "talks": [talk(n) for n in range(20)],
    "calls": [call(n) for n in range(20)],
    "pairs": [pair(n) for n in range(20)],
    "all": [make(n) for n in range(20) for make in (talk, call, pair)],
}


@pytest.mark.parametrize("order", ["as read", "shuffled"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_row_is_recognised(kind: str, order: str, tmp_path: Path) -> None:
    """By its text alone, from a file with another name in another order, and by its id, from the
    build itself; through a grandparent, too."""
    keys = f"max_tokens: 500\norder: {order}\n"
    first = made(tmp_path, "one", KINDS[kind], f"{keys}validation: 0.4\ntest: 0.2")
    before = sides(first)
    assert set(before.values()) == {"train", "validation", "test"}
    keeps = f"{keys}seed: 7\nvalidation: {{from: {first.path}}}"
    again = made(tmp_path, "two", KINDS[kind][::-1], keeps)
    assert sides(again) == before
    child = of([str(first.path)], tmp_path / "child", keeps)
    assert sides(child) == before
    keeps = f"{keys}seed: 9\nvalidation: {{from: {child.path}}}"
    grandchild = of([str(child.path)], tmp_path / "grandchild", keeps)
    assert sides(grandchild) == before
    for result in (first, again, child, grandchild):
        assert check(result.path).problems == ()
        assert len({split for split, row in stored(result) if "#" in row["id"]}) in (0, 3)


def test_a_prompt_of_a_preference_row_is_on_its_side_in_data(tmp_path: Path) -> None:
    first = made(tmp_path, "one", KINDS["pairs"], "validation: 0.4")
    answers = [{"prompt": each["prompt"], "completion": "Ash."} for each in KINDS["pairs"]]
    child = made(tmp_path, "two", answers, f"validation: {{from: {first.path}}}")
    assert sides(child) == sides(first)
    assert {row["source"] for _, row in stored(child)} == {"two"}


def test_a_build_whose_sides_are_kept_is_not_replaced(tmp_path: Path) -> None:
    """Its fingerprint is in the manifest of the new one, whose lock would be of no use."""
    first = made(tmp_path, "one", KINDS["calls"], "validation: 0.4")
    keeps = parse(f"validation: {{from: {first.path}}}", str(tmp_path / "mine.yaml"))
    with pytest.raises(UsageError, match="is the build whose sides are kept, and would be"):
        build([str(tmp_path / "one.jsonl")], out=first.path, recipe=keeps, overwrite=True)
    assert sides(first)


def moved(before: dict[str, str], after: dict[str, str]) -> tuple[int, int]:
    """How many were put aside and are for training now, and the other way round."""
    both = [(before[text], side) for text, side in after.items() if text in before]
    return both.count(("validation", "train")), both.count(("train", "validation"))


def test_rows_that_moved_since_the_build_that_is_replaced_are_counted(tmp_path: Path) -> None:
    """At first, the rows between those that are alike are missing: each is a group. Then they join
    them. More data that joins nothing moves nothing."""
    records = [like(number) for number in range(30)]
    apart = [record for first, _, third in records for record in (first, third)]
    keys = "near_duplicates: 0.7\nvalidation: 0.5"
    before = sides(made(tmp_path, "own", apart, keys))
    more = [{"prompt": f"Name tree {n}.", "completion": "An oak."} for n in range(20)]
    result = replacing(tmp_path, "own", [*apart, *more], keys)
    assert [note for note in notes(result) if "holdout" in note] == []
    assert sides(result).items() >= before.items()
    joined = [record for three in records for record in three]
    result = replacing(tmp_path, "own", [*joined, *more], keys, start=[*apart, *more])
    trained, held = moved(before, sides(result))
    assert trained > 1 and held > 1
    [note] = [note for note in notes(result) if "holdout" in note]
    assert note == (
        f"holdout: of the build that this one replaces, {trained} rows that it put aside are for "
        f"training here, {held} rows that it trained on are put aside here"
    )


def replacing(
    folder: Path, name: str, records: Sequence[Any], recipe: str, start: Sequence[Any] = ()
) -> BuildResult:
    """The build again, with these records: those that it began with keep their places, and so their
    ids."""
    ordered = [*start, *(record for record in records if record not in start)]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in ordered))
    return build(
        [str(folder / f"{name}.jsonl")], out=folder / f"of-{name}", workers=1, overwrite=True,
        recipe=parse(recipe, str(folder / "mine.yaml")), source_license="MIT",
    )  # fmt: skip


def notes(result: BuildResult) -> list[str]:
    return [str(note) for note in result.found.notes]


def test_a_row_under_the_id_of_another_did_not_move(tmp_path: Path) -> None:
    """A new first record moves all ids by one."""
    records = [{"prompt": f"Name tree {n}.", "completion": "An oak."} for n in range(40)]
    before = sides(made(tmp_path, "own", records, "validation: 0.4"))
    first = {"prompt": "Name a fish.", "completion": "A pike."}
    result = replacing(tmp_path, "own", [first, *records], "validation: 0.4")
    assert sides(result).items() >= before.items()
    assert [note for note in notes(result) if "holdout" in note] == []


def test_rows_that_a_source_put_aside_do_not_become_training_rows_in_silence(
    tmp_path: Path,
) -> None:
    records = [{"prompt": f"Name tree {n}.", "completion": "An oak."} for n in range(40)]
    first = made(tmp_path, "own", records, "validation: {rows: 10}")
    again = of([str(first.path)], tmp_path / "again", "validation: 0.1\nseed: 3")
    trained, held = moved(sides(first), sides(again))
    assert trained > 1 and held > 1
    [note] = [note for note in notes(again) if "holdout" in note]
    assert note == (
        f"holdout: of of-own, {trained} rows that it put aside are for training here, {held} rows "
        f"that it trained on are put aside here; validation: {{from: {first.path}}} keeps the sides"
    )
    none = of([str(first.path)], tmp_path / "none", "validation: 0.00001")
    assert [note for note in notes(none) if "of of-own" in note] == [
        "holdout: of of-own, 10 rows that it put aside are for training here; validation: "
        f"{{from: {first.path}}} keeps the sides"
    ]
    kept = of([str(first.path)], tmp_path / "kept", f"validation: {{from: {first.path}}}")
    assert [note for note in notes(kept) if "holdout" in note] == []
