"""Builds that look for items of evaluation sets, the sets' files, and index files."""

from __future__ import annotations

import json
import os
import pickle
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from open_instructions.building.run import BuildResult, build
from open_instructions.catalogue import evaluations
from open_instructions.cli import main
from open_instructions.corpus.contamination import Contamination, index_file
from open_instructions.corpus.contamination.entries import entries_of
from open_instructions.corpus.contamination.items import FIELDS, Item
from open_instructions.corpus.contamination.options import Decontaminate, decontaminate_of
from open_instructions.corpus.contamination.sets import find_sets, items_in
from open_instructions.corpus.step import no_rows
from open_instructions.errors import InputError, OpenInstructionsError, RecipeError, UsageError
from open_instructions.inputs.fetching import Fetching
from open_instructions.inputs.lock import read_lock
from open_instructions.merge import rounds
from open_instructions.recipe import Recipe, load, parse
from open_instructions.reports.check import check
from open_instructions.reports.explain import explain
from open_instructions.reports.stats import stats
from open_instructions.store import Manifest

from .conftest import digests, rows

QUESTIONS = [
    f"A {colour} barge carries {n * 7 + 40} crates of {fruit} to {town} and returns with {n + 3} "
    f"of {other}. How many crates does the {colour} barge carry in all?"
    for n, (colour, fruit, town, other) in enumerate(
        [
            ("green", "plums", "Aldham", "glass"),
            ("narrow", "pears", "Brill", "rope"),
            ("painted", "quinces", "Corfe", "soap"),
            ("leaky", "melons", "Dunster", "wool"),
            ("wooden", "cherries", "Ewelme", "slate"),
        ]
    )
]
SECRET = "Unmentionable"
"""A word that is in the evaluation set alone."""


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an evaluation set of six items, and a source of 40 conversations: the first
    three have the first three items."""
    monkeypatch.chdir(tmp_path)
    items = [{"question": text, "answer": f"{n + 90} crates"} for n, text in enumerate(QUESTIONS)]
    items.append(
        {
            "question": f"{SECRET} lanterns hang where, and who lit all of the old lamps there?",
            "answer": SECRET,
        }
    )
    write(tmp_path / "evals" / "barges.jsonl", items)
    talks = [
        {"prompt": QUESTIONS[0], "completion": "It carries 90 crates."},
        {"prompt": f"Think. {QUESTIONS[1]} Be brief.", "completion": "I cannot say."},
        {"prompt": "Make a question.", "completion": f"{QUESTIONS[2]} The answer: 92 crates"},
    ]
    talks += [
        {"prompt": f"Say something about number {n}.", "completion": f"It follows {n - 1}."}
        for n in range(37)
    ]
    write(tmp_path / "talks.jsonl", talks)
    return tmp_path


def made(out: str = "out", **said: Any) -> BuildResult:
    said.setdefault("decontaminate", ["./evals/barges.jsonl"])
    return build("./talks.jsonl", out=out, workers=said.pop("workers", 1), **said)


def refused(result: BuildResult) -> dict[str, dict[str, Any]]:
    return {
        row["conversation_id"]: row
        for row in rows(result, "rejected")
        if row["stage"] == "contamination"
    }


def test_a_build(here: Path) -> None:
    result = made()
    gone = refused(result)
    assert {name: row["detail"] for name, row in gone.items()} == {
        "talks/000000": "has the question and the answer of barges/000000",
        "talks/000001": "has the question of barges/000001",
        "talks/000002": "has the question and the answer of barges/000002",
    }
    assert {row["reason"] for row in gone.values()} == {"contaminated"}
    assert len(rows(result)) == 37
    assert result.ledger.problems() == []
    assert check(result.path).problems == ()
    said = result.manifest.steps["contamination"]
    assert said["sets"]["barges"] == {
        "items": 6, "found": 3, "question_with_answer": 2, "question": 1, "answer": 0, "passage": 0,
        "dropped": 3, "marked": 0, "allowed": 0, "quoted": 0, "tulu3": 3, "any_13": 3,
    }  # fmt: skip
    assert said["rules"]["ours"] == 3
    shown = stats(result.path)
    assert shown.overlap is not None
    assert shown.overlap[1][0][:3] == ["barges", "6", "3"]
    assert "barges" in repr(shown)
    assert "| barges | 6 | 3 |" in (result.path / "README.md").read_text()


def test_the_same_bytes(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = digests(made("whole").path)
    for name, workers, size, part in (("a", 1, 7, 3), ("b", 2, 5, 500_000), ("c", 2, 1, 4)):
        monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", size)
        monkeypatch.setattr(rounds, "PART", part)
        monkeypatch.setattr(rounds, "GROUP", 2)
        assert digests(made(name, workers=workers).path) == expected


def test_the_text_of_the_set_is_nowhere_in_the_build(here: Path) -> None:
    result = made()
    for path in result.path.rglob("*"):
        if path.suffix == ".parquet":
            text = json.dumps(pq.read_table(path).to_pylist(), default=str)
        elif path.is_file():
            text = path.read_text(encoding="utf-8")
        else:
            continue
        assert SECRET.lower() not in text.lower(), path
        assert str(here) not in text, path


def test_the_files_decide_the_build(here: Path) -> None:
    """They are hashed, in the manifest and in the lock; other bytes are another build."""
    result = made()
    [entry] = result.manifest.evaluations
    assert (entry.source, entry.file) == ("barges", "barges.jsonl")
    assert Manifest.from_dict(result.manifest.to_dict()) == result.manifest
    [locked] = read_lock(result.path / "oi.lock").evaluations
    assert (locked.sha256, locked.subsets) == (entry.sha256, ("barges:main",))
    write(here / "evals" / "barges.jsonl", [{"question": QUESTIONS[4], "answer": "94"}])
    other = made("other")
    assert other.manifest.fingerprint != result.manifest.fingerprint
    assert refused(other) == {}
    without = made("without", decontaminate=None)
    assert "evaluations" not in without.manifest.to_dict()
    assert without.manifest.recipe["decontaminate"] is None


def test_a_build_from_a_lock(here: Path) -> None:
    first = made()
    os.rename(here / "evals", here / "moved")
    again = build(
        "./talks.jsonl", locked=first.path / "oi.lock", data_dir=here / "moved", out="again"
    )
    assert digests(again.path) == digests(first.path)
    write(here / "moved" / "barges.jsonl", [{"question": QUESTIONS[4], "answer": "94"}])
    with pytest.raises(OpenInstructionsError, match="barges"):
        build("./talks.jsonl", locked=first.path / "oi.lock", data_dir=here / "moved", out="third")


def test_what_is_allowed_stays(here: Path) -> None:
    text = """
name: x
sources: [./talks.jsonl]
decontaminate:
  sets: [./evals/*.jsonl]
  allow: [evals/000000, talks/000001, evals/000005]
"""
    (here / "x.yaml").write_text(text)
    result = build(recipe=str(here / "x.yaml"), out="out", workers=1)
    assert list(refused(result)) == ["talks/000002"]
    said = result.manifest.steps["contamination"]
    assert said["sets"]["evals"]["allowed"] == 2
    assert said["notes"] == [
        "decontaminate: allow names 'evals/000005', of which nothing was found"
    ]


def test_what_everyone_quotes_is_no_evidence(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an item that stands in five conversations, only the one that is it as a whole message is
    dropped, if three are many."""
    monkeypatch.setattr("open_instructions.corpus.contamination.rounds.FLOOR", 3)
    talks = [{"prompt": QUESTIONS[0], "completion": "So many."}]
    talks += [{"prompt": f"No. {n}: {QUESTIONS[0]}", "completion": f"{n}"} for n in range(4)]
    talks += [{"prompt": f"Again: {QUESTIONS[1]}", "completion": "None."}]
    talks += [{"prompt": "Say hello to everybody.", "completion": "Hello."}]
    write(here / "talks.jsonl", talks)
    result = made()
    assert list(refused(result)) == ["talks/000000", "talks/000005"]
    said = result.manifest.steps["contamination"]
    assert said["sets"]["barges"]["quoted"] == 4
    assert said["notes"] == [
        "conversations were kept that have an evaluation item only in words that are common in the "
        "sources: barges 4"
    ]
    monkeypatch.setattr("open_instructions.corpus.contamination.rounds.FLOOR", 5)
    assert len(refused(made("other"))) == 6


def test_parts_that_do_not_drop_are_marked(here: Path) -> None:
    recipe = Recipe(
        name="x",
        decontaminate=Decontaminate(
            decontaminate_of(["./evals/barges.jsonl"], "x").sets,  # type: ignore[union-attr]
            drop=("question_with_answer",),
        ),
    )
    result = build("./talks.jsonl", recipe=recipe, out="out", workers=1)
    levels = {name: row["level"] for name, row in refused(result).items()}
    assert levels == {"talks/000000": "record", "talks/000001": "mark", "talks/000002": "record"}
    mark = refused(result)["talks/000001"]
    assert (mark["reason"], mark["raw"]) == ("contaminated_passage", None)
    assert "barges/000001" in mark["evidence"]
    assert check(result.path).problems == ()
    assert result.manifest.steps["contamination"]["sets"]["barges"]["marked"] == 1
    [row] = [row for row in rows(result) if row["conversation_id"] == "talks/000001"]
    assert row["edits"] == ["contaminated_passage"]
    assert check(result.path).problems == ()
    said = repr(explain("talks/000001", result.path))
    assert "question of barges/000001: 100% of its words are in message 0" in said


def test_explain_shows_both_texts(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = made()
    said = repr(explain("talks/000001", result.path))
    assert "question of barges/000001: 100% of its words are in message 0" in said
    assert "Think. «A narrow barge" in said
    os.remove(here / "evals" / "barges.jsonl")
    assert "The evaluation set is not on this machine." in repr(
        explain("talks/000001", result.path)
    )


# --- what is wrong with a set ---


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{"colour": "red"}, {"colour": "tan"}], "no record that can be read as a question"),
        ([], "is empty"),
    ],
)
def test_a_file_without_items_stops_before_any_work(
    here: Path, records: list[dict[str, Any]], message: str
) -> None:
    write(here / "evals" / "barges.jsonl", records)
    with pytest.raises(InputError, match=message):
        made()
    assert not (here / "out").exists()


def test_unknown_names_suggest(here: Path) -> None:
    with pytest.raises(RecipeError, match="'gsm8'") as caught:
        made(decontaminate=["gsm8"])
    assert caught.value.hint == "Did you mean 'gsm8k'?"
    for said, hint in (
        ({"set": ["gsm8k"]}, "Did you mean 'sets'?"),
        ({"sets": ["gsm8k"], "drop": ["questions"]}, "Did you mean 'question'?"),
    ):
        with pytest.raises(RecipeError) as caught:
            decontaminate_of(said, "x")
        assert caught.value.hint == hint


@pytest.mark.parametrize(
    "value", [7, [], [7], {"sets": []}, {"sets": ["gsm8k"], "threshold": 0}, "", True,
              {"sets": ["gsm8k"], "threshold": True}, {"sets": ["gsm8k"], "allow": "x"}],
)  # fmt: skip
def test_wrong_values(value: Any) -> None:
    with pytest.raises(RecipeError):
        decontaminate_of(value, "x")


def test_a_field_that_no_item_has(here: Path) -> None:
    entry = {
        "name": "b",
        "files": "./evals/barges.jsonl",
        "fields": {"question": "q", "anser": "a"},
    }
    with pytest.raises(UsageError, match="no field 'anser'") as caught:
        build(
            "./talks.jsonl",
            recipe=Recipe(name="x", decontaminate=decontaminate_of([entry], "x", str(here))),
            out="out",
        )
    assert caught.value.hint == "Did you mean 'answer'?"


def test_two_sets_of_one_name(here: Path) -> None:
    write(here / "more" / "barges.jsonl", [{"question": QUESTIONS[4], "answer": "94"}])
    with pytest.raises(RecipeError, match="two sets have the name 'barges'"):
        made(decontaminate=["./evals/barges.jsonl", "./more/barges.jsonl"])


def test_what_is_said_of_a_set(here: Path) -> None:
    records = [
        {"question": text, "answer": "x"} for text in ("Who?", "Why so?", "?!", QUESTIONS[0])
    ]
    write(here / "evals" / "barges.jsonl", [*records, {"colour": "red"}])
    notes = [note for note in made().found.notes if "barges" in note]
    assert notes == [
        "barges: 1 of 5 records of 'barges.jsonl' cannot be read as questions: no layout has these "
        "fields: colour",
        "barges: 1 item without a word cannot be found",
        "barges: 2 of 3 items have under 8 words, and are found only where one is a whole message",
    ]


def test_ids_of_items(here: Path) -> None:
    """What the set calls them where that is an id of one item, else the number of the record; of
    several turns each with its own."""
    chat = [{"role": "user", "content": "One of two?"}, {"role": "assistant", "content": "Yes."}]
    records: list[dict[str, Any]] = [
        {"question": "First?", "answer": "x", "id": "q-1"},
        {"question": "Second?", "answer": "x", "id": "q-1"},
        {"question": "Third?", "answer": "x", "id": "000003"},
        {"messages": [*chat, *chat]},
        {"question": "Fifth?", "answer": "x"},
    ]
    path = write(here / "e.jsonl", records)
    sets = decontaminate_of([str(path)], "x")
    assert sets is not None
    [found], _ = find_sets(sets.sets, Fetching())
    ids = [item.id for item in items_in(found, "", [])]
    assert ids == ["q-1", "000001", "000003", "000003#1", "000003#2", "000004"]


# --- recipes ---


def test_a_recipe_reads_what_it_writes(here: Path) -> None:
    text = """
name: x
decontaminate:
  sets:
    - gsm8k
    - {name: mine, files: ./evals/*.jsonl, fields: {question: q, answer: a}}
    - {hub: a/b, split: test}
  allow: [gsm8k/000007]
  threshold: 0.7
"""
    recipe = parse(text, "x.yaml")
    again = Recipe.from_dict(recipe.to_dict())
    assert again.to_dict() == recipe.to_dict()
    assert recipe.to_dict()["decontaminate"] == {
        "sets": [
            "gsm8k",
            {"name": "mine", "fields": {"question": "q", "answer": "a"}, "several": True},
            {"name": "b", "hub": "hf://datasets/a/b", "split": "test", "several": True},
        ],
        "allow": ["gsm8k/000007"],
        "threshold": 0.7,
        "drop": ["question_with_answer", "question"],
    }
    flagged = recipe.with_flags(decontaminate=["mmlu"])
    assert flagged.decontaminate is not None
    assert (flagged.decontaminate.sets, flagged.decontaminate.threshold) == (("mmlu",), 0.7)
    assert load().decontaminate is None


def test_the_catalogue() -> None:
    assert len(evaluations.names()) == len(set(evaluations.names())) == 17
    for each in evaluations.EVALUATIONS:
        assert {name for name, _ in each.fields} <= set(FIELDS)
        assert dict(each.fields)["question"]
        for own in each.sources():
            assert own.hub.startswith("hf://datasets/")
            assert bool(own.split) != ("/*" in own.hub or own.hub.endswith(".json"))


def test_the_index_does_not_go_to_the_workers_with_their_work() -> None:
    """They memory-map it. A round is pickled for each group of chunks."""
    said = Decontaminate(sets=("gsm8k",))
    items = [replace(item, id=f"{item.id}-{n}") for item in ITEMS for n in range(200)]
    rounds_of = Contamination(said, entries_of("made", items)).rounds
    facts = rounds_of[0].facts([], np.empty(0, np.int64), no_rows())
    assert rounds_of[0].settle(facts).nbytes > 100_000
    assert all(len(pickle.dumps(each)) < 1_000 for each in rounds_of)


# --- index files ---

ITEMS = [Item(text, ("x", "y"), ("z",), id=f"{n}") for n, text in enumerate(QUESTIONS)]


def test_an_index_in_place_of_the_set(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = made()
    assert main(["decontaminate", "index", "./evals/barges.jsonl", "--out", "b.oidx"]) == 0
    assert "barges 6" in capsys.readouterr().out
    data = (here / "b.oidx").read_bytes()
    assert SECRET.encode() not in data
    os.remove(here / "evals" / "barges.jsonl")
    by_index = made("by-index", decontaminate=["b.oidx"])
    for table in ("data", "rejected"):
        assert rows(by_index, table) == rows(whole, table)
    main(["decontaminate", "index", "b.oidx", "--out", "c.oidx"])
    assert (here / "c.oidx").read_bytes() == data


def test_an_index_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries = entries_of("made", ITEMS)
    index_file.write(tmp_path / "a.oidx", entries)
    assert index_file.read(tmp_path / "a.oidx")["made"].equals(entries)


def test_damaged_index_files(tmp_path: Path) -> None:
    """Cut off, or with any byte changed: an error, or the same entries, or other hashes. Never
    another exception."""
    path = tmp_path / "a.oidx"
    index_file.write(path, entries_of("made", ITEMS))
    data = path.read_bytes()
    for size in range(0, len(data), max(1, len(data) // 60)):
        path.write_bytes(data[:size])
        with pytest.raises(InputError, match="is not an index of evaluation sets"):
            index_file.read(path)
    for at in range(0, len(data), max(1, len(data) // 300)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :])
        with suppress(InputError):
            index_file.read(path)


def _changed(column: str, row: int, value: Any) -> Any:
    import pyarrow as pa

    entries = entries_of("made", ITEMS)
    values = entries[column].to_pylist()
    values[row] = value
    at = entries.column_names.index(column)
    return entries.set_column(
        at, entries.schema.field(at), pa.chunked_array([values], entries.schema.field(at).type)
    )


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("item", 0, "made/\x1b[31mred"),
        ("item", 0, "other/0"),
        ("item", 4, "made/0"),
        ("set", 0, "../../etc"),
        ("set", 0, ""),
        ("kind", 0, 9),
        ("kind", 0, 1),
        ("kind", 1, 0),
        ("tokens", 0, 0),
        ("tokens", 0, -1),
        ("tokens", 0, 2_000_000_000),
        ("tokens", 0, 7),
        ("fives", 0, [1]),
        ("eights", 1, [1]),
        ("thirteens", 0, []),
        ("figures", 0, list(range(99))),
    ],
)
def test_entries_that_nobody_writes(tmp_path: Path, column: str, row: int, value: Any) -> None:
    index_file.write(tmp_path / "a.oidx", _changed(column, row, value))
    with pytest.raises(InputError, match="is not an index of evaluation sets") as caught:
        index_file.read(tmp_path / "a.oidx")
    assert "\x1b" not in str(caught.value)


def test_other_files_as_an_index(tmp_path: Path) -> None:
    import pyarrow as pa

    path = tmp_path / "a.oidx"
    for data in (b"", b"PAR1", b"{}", b"PAR1" * 100):
        path.write_bytes(data)
        with pytest.raises(InputError):
            index_file.read(path)
    pq.write_table(pa.table({"set": ["made"]}), path)
    with pytest.raises(InputError, match="format"):
        index_file.read(path)


def test_an_index_of_too_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_file.write(tmp_path / "a.oidx", entries_of("made", ITEMS))
    monkeypatch.setattr(index_file, "_LARGEST", 100)
    with pytest.raises(InputError, match="more than 100 bytes"):
        index_file.read(tmp_path / "a.oidx")


def test_the_command_says_what_it_needs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decontaminate", "index", "./evals/barges.jsonl"]) == 2
    assert ".oidx" in capsys.readouterr().err
