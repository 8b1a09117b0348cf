"""Files in the layouts of the catalogue's sets, by their path and from the hub: which text of a
record is the question, which are options, answers and the passage."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from open_instructions.catalogue import evaluations
from open_instructions.corpus.contamination.items import Item, items_of
from open_instructions.corpus.contamination.options import decontaminate_of
from open_instructions.corpus.contamination.sets import find_sets, items_in
from open_instructions.errors import InputError
from open_instructions.inputs.fetching import Fetching
from open_instructions.layouts.layout import LayoutOptions

from .hub_server import FakeHub

Q = "Which tool would a cooper in the old harbour use first?"
FOUR = ("a gate", "a hoop", "a bell", "a peg")
HOOP = Item(Q, FOUR, ("a hoop", "B"))
COLUMNS = dict(zip("ABCD", FOUR, strict=True))
CODE = "def f(x):\n    return x\n"

SETS: dict[str, tuple[dict[str, Any], list[Item]]] = {
    "gsm8k": (
        {"question": Q, "answer": "It is <<3+4=7>>7.\n#### 7"},
        [Item(Q, (), ("It is <<3+4=7>>7.\n#### 7", " 7"))],
    ),
    "math": (
        {"problem": Q, "level": "Level 2", "type": "Algebra", "solution": "So $\\boxed{7}$."},
        [Item(Q, (), ("So $\\boxed{7}$.", "7"))],
    ),
    "mmlu": (
        {"question": Q, "subject": "anatomy", "choices": list(FOUR), "answer": 1},
        [Item(Q, FOUR, ("a hoop", "B"), number=1)],
    ),
    "mmlu-pro": (
        {
            "question_id": 70, "question": Q, "options": list(FOUR), "answer": "B",
            "answer_index": 1, "cot_content": "", "category": "business", "src": "own",
        },
        [HOOP],
    ),
    "arc": (
        {
            "id": "M_7", "question": Q, "answerKey": "2",
            "choices": {"text": list(FOUR), "label": ["1", "2", "3", "4"]},
        },
        [HOOP],
    ),
    "hellaswag": (
        {
            "ind": 24, "activity_label": "Coopers", "ctx_a": "One.", "ctx_b": "two", "ctx": Q,
            "endings": list(FOUR), "source_id": "x", "split": "val", "label": "1",
        },
        [Item(Q, FOUR, ("a hoop", "B"), number=1)],
    ),
    "truthfulqa": (
        {
            "type": "Own", "category": "Tools", "question": Q, "best_answer": "a hoop",
            "correct_answers": ["a hoop", "the hoop"], "incorrect_answers": ["a bell"],
        },
        [Item(Q, (), ("a hoop", "the hoop"))],
    ),
    "bbh": ({"input": Q, "target": "(B)"}, [Item(Q, (), ("(B)",))]),
    "humaneval": (
        {"task_id": "H/7", "prompt": Q, "canonical_solution": CODE, "test": "", "entry_point": "f"},
        [Item(Q, (), (CODE,))],
    ),
    "mbpp": (
        {"task_id": 7, "text": Q, "code": CODE, "test_list": ["assert f(1) == 1"]},
        [Item(Q, (), (CODE,))],
    ),
    "ifeval": (
        {"key": 70, "prompt": Q, "instruction_id_list": ["a:b"], "kwargs": [{"num": 3}]},
        [Item(Q)],
    ),
    "alpacaeval": (
        {"instruction": Q, "output": "a hoop", "generator": "g", "dataset": "d"},
        [Item(Q, (), ("a hoop",))],
    ),
    "mt-bench": (
        {"category": "own", "prompt": [Q, "And then?"], "reference": ["x"], "prompt_id": 81},
        [Item(Q), Item("And then?")],
    ),
    "gpqa": (
        {
            "Pre-Revision Question": "Old?", "Question": Q, "Correct Answer": "a hoop",
            "Incorrect Answer 1": "a gate", "Incorrect Answer 2": "a bell",
            "Incorrect Answer 3": "a peg", "Explanation": "So.", "Record ID": "r1",
        },
        [Item(Q, ("a hoop", "a gate", "a bell", "a peg"), ("a hoop", "A"))],
    ),
    "drop": (
        {
            "section_id": "n", "query_id": "q-1", "passage": "Two kicks.", "question": Q,
            "answers_spans": {"spans": ["a hoop"], "types": ["span"]},
        },
        [Item(Q, (), ("a hoop",), "Two kicks.")],
    ),
    "ceval": ({"id": 0, "question": Q, **COLUMNS, "answer": "B", "explanation": ""}, [HOOP]),
    "cmmlu": ({"Question": Q, **COLUMNS, "Answer": "B"}, [HOOP]),
}  # fmt: skip
"""A record in the columns of each set, and its items without ids."""


def written(path: Path, record: dict[str, Any]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([record]), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            cells = {
                k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in record.items()
            }
            rows = csv.DictWriter(file, record)
            rows.writeheader()
            rows.writerow(cells)
    else:
        path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    return path


def read(said: Any) -> list[Item]:
    sets = decontaminate_of([said], "x")
    assert sets is not None
    [found], _ = find_sets(sets.sets, Fetching())
    return items_in(found, "", [])


def parts(item: Item) -> tuple[Any, ...]:
    return item.question, item.options, item.answers[:2], item.passage


@pytest.mark.parametrize("suffix", ["jsonl", "parquet", "csv"])
@pytest.mark.parametrize("name", SETS)
def test_by_its_path(name: str, suffix: str, tmp_path: Path) -> None:
    record, expected = SETS[name]
    found = read(str(written(tmp_path / f"x.{suffix}", record)))
    if name == "truthfulqa" and suffix == "csv":  # the list of answers is a text there
        assert {"a hoop", "the hoop"} <= set(found[0].answers)
    else:
        assert [parts(item) for item in found] == [parts(item) for item in expected]


def test_every_set_is_here() -> None:
    assert SETS.keys() == set(evaluations.names())


@pytest.mark.parametrize("name", SETS)
def test_from_the_hub(name: str, hub: FakeHub, tmp_path: Path) -> None:
    record, expected = SETS[name]
    entry = evaluations.evaluation(name)
    place = entry.hub.split("@")[0]
    dataset = "/".join(place.split("/")[:2])
    suffix = "json" if entry.hub.endswith(".json") else "parquet"
    data = written(tmp_path / f"x.{suffix}", record).read_bytes()
    if suffix == "json":
        hub.add(dataset, {place.removeprefix(f"{dataset}/"): data})
    elif "@" in entry.hub:
        pytest.skip("the fake hub has one revision of a dataset")
    else:
        configs = entry.configs or ("default",)
        card = "---\nconfigs:\n" + "".join(
            f"- config_name: {config}\n"
            f"  data_files: [{{split: {entry.split}, path: {config}.parquet}}]\n"
            for config in configs
        )
        files = {f"{config}.parquet": data for config in configs}
        hub.add(dataset, {"README.md": f"{card}---\n".encode(), **files})
    found = read(name)[: len(expected)]
    assert [parts(item) for item in found] == [parts(item) for item in expected]


@pytest.mark.parametrize(
    "record",
    [
        {"question": Q, "options": {"A": "a gate", "B": "a hoop"}, "answer": "a hoop"},
        {"question": Q, "choices": [{"text": "a gate", "label": "A"}, {"text": "a hoop"}],
         "answerKey": "B"},
        {"question": {"stem": Q, "choices": [{"text": "a gate", "label": "A"},
                                             {"text": "a hoop", "label": "B"}]}, "answerKey": "B"},
        {"question": Q, "mc1_targets": {"choices": ["a gate", "a hoop"], "labels": [0, 1]}},
        {"question": Q, "option_a": "a gate", "option_b": "a hoop", "answer": "b"},
        {"question": Q, "opa": "a gate", "opb": "a hoop", "answer": "B"},
        {"Question": Q, "Options": "['a gate', 'a hoop']", "Answer": "B"},
    ],
)  # fmt: skip
def test_other_ways_to_write_options(record: dict[str, Any]) -> None:
    [item] = items_of(record, LayoutOptions())  # type: ignore[misc]
    assert parts(item) == (Q, ("a gate", "a hoop"), ("a hoop", "B"), "")


def test_an_empty_option_keeps_its_place() -> None:
    record = {"question": Q, "choices": ["a gate", "", "a bell"], "answer": 2}
    [item] = items_of(record, LayoutOptions())  # type: ignore[misc]
    assert item.answers == ("a bell", "C")


def test_numbers_of_options_that_count_from_one(tmp_path: Path) -> None:
    """A file's own numbers show it: one is that of the last option, none is 0."""
    path = tmp_path / "x.jsonl"
    for numbers, right in (([1, 4], ["a gate", "a peg"]), ([1, 3], ["a hoop", "a peg"]),
                           ([0, 3], ["a gate", "a peg"])):  # fmt: skip
        lines = [{"question": f"{Q} {n}", "choices": FOUR, "answer": n} for n in numbers]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert [item.answers[0] for item in read(str(path))] == right


@pytest.mark.parametrize(
    "record",
    [{"colour": "red"}, {"sentence": Q, "option1": "x", "option2": "y"}, {"question": " "}],
)
def test_a_file_that_nothing_reads_stops(record: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no record that can be read as a question"):
        read(str(written(tmp_path / "x.jsonl", record)))
