"""A finished build as a source: its rows stay as they are."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

import open_instructions as oi
from open_instructions.errors import MissingSourceError, UsageError
from open_instructions.store import open_build

from .conftest import digests, rows


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Conversations in several parts, with and without a system prompt, and preference rows."""
    out = tmp_path_factory.mktemp("parent") / "base"
    result = oi.build(sample=True, max_tokens=60, out=out)
    assert result.manifest.totals["parts_added"] > 0
    assert [shard for shard in result.manifest.shards if shard.kind == "preference"]
    return result.path


@pytest.mark.parametrize("workers", [1, 2])
def test_the_rows_stay_byte_for_byte(parent: Path, tmp_path: Path, workers: int) -> None:
    child = oi.build([str(parent)], out=tmp_path / "child", workers=workers)
    for kind in ("data", "preference"):
        assert digests(child.path / kind) == digests(parent / kind)
    assert oi.check(child.path)
    before = oi.stats(parent)
    assert oi.stats(child.path).usage == before.usage
    assert child.manifest.own["base"]["parent"] == open_build(parent).manifest.fingerprint


def test_rows_of_a_build_stand_beside_others(parent: Path, tmp_path: Path) -> None:
    alone = oi.build("dolly", sample=True, max_tokens=60, out=tmp_path / "people")
    child = oi.build([str(parent), str(alone.path)], out=tmp_path / "child")
    assert [row["id"] for row in rows(child)] == [row["id"] for row in oi.load(parent).to_list()]
    dropped = oi.rejected(child.path)
    assert set(dropped["reason"]) == {"duplicate"}
    assert set(dropped["parent"]) <= {
        open_build(path).manifest.fingerprint for path in (parent, alone.path)
    }
    assert oi.check(child.path)


def test_a_child_is_a_parent_too(parent: Path, tmp_path: Path) -> None:
    child = oi.build([str(parent)], out=tmp_path / "child")
    grandchild = oi.build(
        [str(child.path), "dolly"], sample=True, max_tokens=60, out=tmp_path / "grandchild"
    )
    assert len(rows(grandchild)) == len(rows(child))


def test_what_the_rows_say_is_not_said_again(parent: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a build, whose rows say what they are"):
        oi.build([str(parent)], source_license="MIT", out=tmp_path / "no")


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """A build of a build of records, beside another."""
    for name in ("alpaca", "dolly"):
        oi.build(name, sample=True, out=tmp_path / "all" / f"only-{name}")
    both = [str(tmp_path / "all" / f"only-{name}") for name in ("alpaca", "dolly")]
    middle = oi.build(both, out=tmp_path / "all" / "middle")
    return oi.build([str(middle.path)], out=tmp_path / "all" / "last").path


def test_a_row_is_followed_to_its_record(chain: Path) -> None:
    found = oi.explain("alpaca/000001", chain)
    assert [place.partition(" (")[0] for place in found.through] == [
        str(chain.parent / "middle"),
        str(chain.parent / "only-alpaca"),
    ]
    assert "by way of the build" in repr(found)
    assert '"instruction"' in found.raw
    assert [step.stage for step in found.steps][-1] == "split"


def test_a_reject_is_followed_and_its_step_comes_last(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / f"{name}.jsonl").write_text('{"question": "Why?", "answer": "So."}\n')
        built = oi.build([str(tmp_path / f"{name}.jsonl")], out=tmp_path / f"only-{name}")
        made.append(str(built.path))
    child = oi.build(made, out=tmp_path / "child")
    found = oi.explain("two/000000", child.path)
    assert not found.rows
    assert found.through[0].startswith(made[1])
    assert json.loads(found.raw) == {"question": "Why?", "answer": "So."}
    assert found.steps[-1].refused == ["duplicate: equal to one/000000"]


def test_what_a_parent_rejected_is_named(tmp_path: Path) -> None:
    same = '{"question": "Why?", "answer": "So."}\n'
    (tmp_path / "one.jsonl").write_text(same * 2)
    parent = oi.build([str(tmp_path / "one.jsonl")], out=tmp_path / "parent")
    child = oi.build([str(parent.path)], out=tmp_path / "child")
    with pytest.raises(oi.NotFoundError) as caught:
        oi.explain("one/000001", child.path)
    expected = f"It was rejected in {parent.path}, of which this build is made."
    assert caught.value.hint == expected


def test_a_build_that_moved_is_found_where_it_is_said_to_be(chain: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "deep"
    elsewhere.mkdir(parents=True)
    (chain.parent / "middle").rename(elsewhere / "here")
    lost = oi.explain("alpaca/000001", chain)
    assert not lost.steps and not lost.raw
    assert "Looked in: " in str(lost.note) and str(chain.parent / "middle") in str(lost.note)
    found = oi.explain("alpaca/000001", chain, data_dir=tmp_path / "elsewhere")
    assert len(found.through) == 2 and found.steps


def test_a_lock_finds_its_builds_by_their_fingerprints(chain: Path, tmp_path: Path) -> None:
    middle = chain.parent / "middle"
    lock = middle / "oi.lock"
    again = oi.build(locked=lock, out=tmp_path / "again")
    assert digests(again.path) == digests(middle)
    (chain.parent / "only-dolly").rename(tmp_path / "moved")
    with pytest.raises(
        MissingSourceError, match="needs the build only-dolly, with the fingerprint"
    ):
        oi.build(locked=lock, out=tmp_path / "no")
    there = oi.build(locked=lock, data_dir=tmp_path / "moved", out=tmp_path / "there")
    assert digests(there.path) == digests(middle)


def test_a_lock_of_two_builds_is_not_used_for_one(chain: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has more sources: 'only-dolly'"):
        oi.build(
            [str(chain.parent / "only-alpaca")],
            locked=chain.parent / "middle" / "oi.lock",
            out=tmp_path / "no",
        )


def test_rows_of_two_builds_under_one_id_are_followed_to_their_own(tmp_path: Path) -> None:
    """Both builds are of a file with the same name, and each row is written twice. The new ids say
    nothing about where a row is from; its text does."""
    made = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        record = {"question": "Why?", "answer": f"So, says the {name}."}
        (tmp_path / name / "own.jsonl").write_text(json.dumps(record) + "\n")
        built = oi.build([str(tmp_path / name / "own.jsonl")], out=tmp_path / f"of-{name}")
        made.append(str(built.path))
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("mix: {unit: rows, weights: {own: 1}, total: 4, max_epochs: 2}\n")
    for place, sources in enumerate((made, made[::-1])):
        child = oi.build(sources, recipe=str(recipe), out=tmp_path / f"child{place}")
        found = oi.load(child.path).to_list()
        assert {row["id"] for row in found} == {
            f"own/000000{which}" for which in ("", "*2", "~2", "~2*2")
        }
        for row in found:
            explained = oi.explain(row["id"], child.path)
            assert json.loads(explained.raw)["answer"] == row["messages"][1]["content"]


def test_a_build_that_says_it_was_made_of_itself_ends(chain: Path) -> None:
    """A manifest can say anything."""
    manifest = json.loads((chain / "manifest.json").read_text())
    manifest["own"]["middle"]["parent"] = manifest["fingerprint"]
    (chain / "manifest.json").write_text(json.dumps(manifest))
    found = oi.explain("alpaca/000001", chain)
    assert "was not found on this machine" in str(found.note)


def test_a_shuffled_build_is_a_source(parent: Path, tmp_path: Path) -> None:
    """Its rows have other origins than their neighbours, and the parts of a conversation are far
    from each other. All rows are kept under their ids, in chunks of more than one row."""
    recipe = tmp_path / "shuffled.yaml"
    recipe.write_text("order: shuffled\nmax_tokens: 60\n")
    shuffled = oi.build(sample=True, recipe=str(recipe), out=tmp_path / "shuffled")
    chunks: list[int] = []
    children = [
        oi.build(
            [str(shuffled.path)],
            out=tmp_path / f"child{workers}",
            workers=workers,
            progress=lambda step: chunks.append(step.records),
        )
        for workers in (1, 2)
    ]
    assert digests(children[0].path / "data") == digests(children[1].path / "data")
    before, after = oi.load(shuffled.path).to_list(), oi.load(children[0].path).to_list()
    assert sorted(after, key=lambda row: row["id"]) == sorted(before, key=lambda row: row["id"])
    assert any(row["id"].endswith("#2") for row in after)
    origins = {(row["source"], row["subset"], row["origin_file"]) for row in before}
    assert len([count for count in chunks if count]) < 6 * len(origins) < len(before) / 2
    assert oi.check(children[0].path)
    assert "shuffled was shuffled" in " ".join(map(str, children[0].found.notes))
    again = oi.build([str(children[0].path)], out=tmp_path / "again")
    assert sorted(row["id"] for row in rows(again)) == sorted(row["id"] for row in before)
    assert oi.check(again.path)


def test_rows_put_aside_do_not_become_training_rows(tmp_path: Path) -> None:
    recipe = tmp_path / "halves.yaml"
    recipe.write_text("name: halves\nvalidation: 0.2\n")
    parent = oi.build("alpaca,dolly", sample=True, recipe=str(recipe), out=tmp_path / "halves")
    assert sum(s.rows for s in parent.manifest.shards if "validation" in s.path) > 0
    with pytest.raises(UsageError, match="with rows for validation, which would be trained on"):
        oi.build([str(parent.path)], out=tmp_path / "child")
    again = oi.build([str(parent.path)], recipe=str(recipe), out=tmp_path / "again")
    assert again.manifest.splits() == parent.manifest.splits()


def test_shards_that_are_named_are_cleaned_again(parent: Path, tmp_path: Path) -> None:
    """With what each row says of itself."""
    again = oi.build([str(parent / "data" / "*.parquet")], max_tokens=40, out=tmp_path / "again")
    assert "overlong" in set(oi.rejected(again.path)["reason"])
    row = rows(again)[0]
    before = next(r for r in oi.load(parent) if row["id"] == f"data/{r['id']}")
    assert (row["license"], row["engine"]) == (before["license"], before["engine"])
    assert json.loads(row["metadata"])["source"] == before["source"]
    assert json.loads(row["metadata"])["origin_row"] == before["origin_row"]


@pytest.fixture(scope="module")
def scattered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve conversations of two parts each, in random order; each goes on with "Continue"."""
    folder = tmp_path_factory.mktemp("scattered")
    talks = []
    for number in range(12):
        answers = [f"{number} {turn} " + "word " * 60 for turn in range(4)]
        asked = [f"Question {number}?", *["Continue"] * 3]
        said = [{"role": "user", "content": text} for text in asked]
        answered = [{"role": "assistant", "content": text} for text in answers]
        pairs = [m for pair in zip(said, answered, strict=True) for m in pair]
        talks.append(json.dumps({"messages": pairs}) + "\n")
    (folder / "talks.jsonl").write_text("".join(talks))
    (folder / "mine.yaml").write_text("max_tokens: 150\norder: shuffled\n")
    made = oi.build(
        [str(folder / "talks.jsonl")], recipe=str(folder / "mine.yaml"), out=folder / "parts",
        source_license="CC0-1.0", engine_of="human",
    )  # fmt: skip
    assert made.manifest.totals["rows"] == 24
    return made.path


def counted(build: Path, column: str) -> list[int]:
    """How many rows of data/ have each value."""
    batches = open_build(build).batches("data", [column])
    return list(Counter(row[column] for batch in batches for row in batch.to_pylist()).values())


def test_parts_that_stand_alone_stay_together(scattered: Path, tmp_path: Path) -> None:
    """On one side of a split, and not with all that goes on with "Continue"; and in a mix, which
    has room for 7 rows, or 3 conversations."""
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("validation: 0.5\n")
    halves = oi.build([str(scattered)], recipe=str(recipe), out=tmp_path / "halves")
    assert counted(halves.path, "group_id") == [2] * 12
    assert oi.check(halves.path)
    recipe.write_text("mix: {unit: rows, total: 7}\n")
    mixed = oi.build([str(scattered)], recipe=str(recipe), out=tmp_path / "mixed")
    assert counted(mixed.path, "conversation_id") == [2] * 3


def test_copies_of_parts_that_stand_alone(scattered: Path, tmp_path: Path) -> None:
    """No two rows have one id, also if a copy in the one build has the id of a row of the other."""
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("duplicates: false\nmix: {unit: rows, total: 48, max_epochs: 2}\n")
    twice = oi.build([str(scattered)], recipe=str(recipe), out=tmp_path / "twice")
    assert {row["id"] for row in oi.load(twice.path).to_list()} == {
        f"talks/{number:06d}{copy}#{part}"
        for number in range(12)
        for copy in ("", "*2")
        for part in (1, 2)
    }
    recipe.write_text("duplicates: false\nmix: {unit: rows, total: 144, max_epochs: 2}\n")
    sources = [str(scattered), str(twice.path)]
    both = oi.build(sources, recipe=str(recipe), out=tmp_path / "both")
    assert len({row["id"] for row in oi.load(both.path).to_list()}) == 144
    assert oi.check(both.path)
