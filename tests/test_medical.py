"""MedQA and PubMedQA in upstream's shape and in those of the hub, answers that contradict each
other, equal options."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from open_instructions.building.run import BuildResult, build
from open_instructions.catalogue import registry

from .conftest import SHARED, rows
from .test_converters import refused, run, texts

Make = Callable[..., BuildResult]
OPTIONS = {"A": "Liver", "B": "Heart"}
LISTED = [{"key": "A", "value": "Liver"}, {"key": "B", "value": "Heart"}]
BLOOD = {"A": "AB", "B": "A", "C": "B", "D": "O"}
TWICE = {"A": "Heart", "B": " heart", "C": "Liver"}


def as_parquet(records: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), out)
    return out.getvalue()


def medqa(**fields: Any) -> list[Any]:
    return run(
        registry().get("lmflow"), "medqa", [{"question": "Which organ pumps blood?", **fields}]
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"options": OPTIONS, "answer_idx": "B"},
        {"options": OPTIONS, "answer_idx": "B", "answer": "Heart"},
        {"options": OPTIONS, "answer_idx": "b", "answer": " heart\n"},
        {"options": OPTIONS, "answer_idx": "B", "answer": "B"},
        {"options": OPTIONS, "answer_idx": "B", "answer": ""},
        {"options": OPTIONS, "answer": "Heart"},
        {"options": OPTIONS, "answer": "B", "answer_idx": None},
        {"options": LISTED, "answer_idx": "B", "answer": "Heart"},
        {"options": LISTED, "answer": "Heart"},
        {"options": {**OPTIONS, "E": None}, "answer": "Heart", "answer_idx": "B"},
    ],
)
def test_medqa_in_every_shape(fields: dict[str, Any]) -> None:
    assert texts(medqa(**fields)) == [
        ["Which organ pumps blood?\n\nA. Liver\nB. Heart", "B. Heart"]
    ]


@pytest.mark.parametrize(
    ("fields", "reason", "detail"),
    [
        (
            {"options": OPTIONS, "answer": "Heart", "answer_idx": "A"},
            "contradiction",
            'answer_idx is "A", which is "Liver", and answer is "Heart"',
        ),
        (
            {"options": OPTIONS, "answer": "Lung", "answer_idx": "A"},
            "contradiction",
            'answer_idx is "A", which is "Liver", and answer is "Lung"',
        ),
        (
            {"options": BLOOD, "answer": "B", "answer_idx": "B"},
            "contradiction",
            'answer_idx is "B", which is "A", and answer is "B"',
        ),
        (
            {"options": BLOOD, "answer": "B"},
            "unexpected_shape",
            'answer "B" is the text or the letter of the options C, B, and there is no answer_idx',
        ),
        (
            {"options": TWICE, "answer": "Heart"},
            "unexpected_shape",
            (
                'answer "Heart" is the text or the letter of the options A, B, and there is no'
                " answer_idx"
            ),
        ),
        (
            {"options": OPTIONS, "answer": "Lung"},
            "unexpected_shape",
            'answer "Lung" is the text of no option, and there is no answer_idx',
        ),
        ({"options": OPTIONS}, "no_answer", "neither answer_idx nor answer"),
        (
            {"options": OPTIONS, "answer_idx": 1},
            "unexpected_shape",
            "answer_idx 1 is not among the options",
        ),
        (
            {"options": OPTIONS, "answer_idx": "E"},
            "unexpected_shape",
            'answer_idx "E" is not among the options',
        ),
        (
            {"options": OPTIONS, "answer": ["Heart"]},
            "unexpected_shape",
            'answer is ["Heart"], and not a text',
        ),
        (
            {"options": [*LISTED, LISTED[0]], "answer_idx": "B"},
            "unexpected_shape",
            'two options "A"',
        ),
        (
            {"options": ["Liver", "Heart"], "answer_idx": "B"},
            "unexpected_shape",
            "no texts in options",
        ),
    ],
)
def test_medqa_that_does_not_say_one_thing(
    fields: dict[str, Any], reason: str, detail: str
) -> None:
    [item] = medqa(**fields)
    assert (item.reason, item.detail) == (reason, detail)


def test_blood_groups_are_texts_and_letters() -> None:
    assert texts(medqa(options=BLOOD, answer="B", answer_idx="C"))[0][1] == "C. B"


@pytest.mark.parametrize(
    ("subset", "record", "marked"),
    [
        (
            "medqa",
            {"options": {"A": "Heart", "B": " Heart", "C": "Liver"}, "answer_idx": "C"},
            True,
        ),
        (
            "medqa",
            {
                "options": [{"key": "A", "value": "x"}, {"key": "B", "value": "x"}],
                "answer_idx": "A",
            },
            True,
        ),
        ("medqa", {"options": OPTIONS, "answer_idx": "A"}, False),
        ("medmcqa", {"opa": "x", "opb": "y", "opc": "x ", "opd": "z", "cop": "b"}, True),
        ("medmcqa", {"opa": "x", "opb": "y", "opc": "X", "opd": "z", "cop": "b"}, False),
    ],
)
def test_equal_options_are_marked(subset: str, record: dict[str, Any], marked: bool) -> None:
    [item] = run(registry().get("lmflow"), subset, [{"question": "Which?", **record}])
    assert item.conversation.edits == (("equal_options",) if marked else ())


def test_what_is_not_used_is_kept() -> None:
    record = {
        "question": "Which?",
        "opa": "w",
        "opb": "x",
        "opc": "y",
        "opd": "z",
        "cop": "b",
        "exp": ["why"],
        "subject_name": 3,
    }
    [item] = run(registry().get("lmflow"), "medmcqa", [record])
    assert json.loads(item.conversation.metadata) == {"exp": ["why"], "subject_name": 3}


TEA = {
    "pubid": 900,
    "question": "Does tea help?",
    "context": {
        "contexts": ["Ten drank tea.", "Six slept."],
        "labels": ["METHODS", "RESULTS"],
        "meshes": ["Tea"],
    },
    "long_answer": "Tea helps.",
    "final_decision": "yes",
}
MILK = {
    **TEA,
    "pubid": 901,
    "question": "Does milk help?",
    "final_decision": "no",
    "long_answer": "It does not.",
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ori_pqal.json", [TEA, MILK]),
        ("ori_pqal.json", json.dumps(TEA) + "\n" + json.dumps(MILK) + "\n"),
        ("ori_pqal.json", json.dumps({"900": TEA, "901": MILK})),
        ("ori_pqal.json", json.dumps({"900": TEA, "901": MILK}, indent=1)),
        (
            "pqa_labeled/train.jsonl",
            json.dumps({"context": TEA["context"], **TEA}) + "\n" + json.dumps(MILK),
        ),
        ("pqa_labeled/train-00000-of-00001.parquet", as_parquet([TEA, MILK])),
    ],
)
def test_pubmedqa_of_the_hub(make: Make, name: str, content: Any) -> None:
    result = make({name: content}, "lmflow:pubmedqa")
    assert [(row["id"], [m["content"] for m in row["messages"]]) for row in rows(result)] == [
        (
            "lmflow/pubmedqa/900",
            ["Ten drank tea.\n\nSix slept.\n\nQuestion: Does tea help?", "Yes. Tea helps."],
        ),
        (
            "lmflow/pubmedqa/901",
            ["Ten drank tea.\n\nSix slept.\n\nQuestion: Does milk help?", "No. It does not."],
        ),
    ]
    assert rows(result, "rejected") == []
    said = json.loads(rows(result)[0]["metadata"])
    said.pop("pubid", None)  # beside the key, where there is one
    assert said == {"labels": ["METHODS", "RESULTS"], "meshes": ["Tea"], "final_decision": "yes"}


def test_upstreams_object_on_one_line_is_no_record(make: Make) -> None:
    upstream = {
        "QUESTION": "Does tea help?",
        "CONTEXTS": ["Ten drank tea."],
        "final_decision": "maybe",
        "LONG_ANSWER": "",
    }
    result = make({"ori_pqal.json": json.dumps({"1": upstream})}, "lmflow:pubmedqa")
    assert [m["content"] for m in rows(result)[0]["messages"]] == [
        "Ten drank tea.\n\nQuestion: Does tea help?",
        "Maybe.",
    ]


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        ("Yes", "Yes. Tea helps."),
        (None, "Tea helps."),
        ("", "Tea helps."),
        (1, "final_decision is 1, and not yes, no or maybe"),
        ("perhaps", 'final_decision is "perhaps", and not yes, no or maybe'),
        (True, "final_decision is true, and not yes, no or maybe"),
    ],
)
def test_decisions_of_pubmedqa(decision: Any, expected: str) -> None:
    items = run(registry().get("lmflow"), "pubmedqa", [{**TEA, "final_decision": decision}])
    assert [t[1] for t in texts(items)] + [item.detail for item in items if refused([item])] == [
        expected
    ]


@pytest.mark.parametrize("score", [float("nan"), True, "9", None])
def test_a_score_is_a_number(score: Any) -> None:
    instance = {"input": "a", "output": [{"score": 1, "text": "b"}, {"score": score, "text": "c"}]}
    items = run(
        registry().get("lmflow"),
        "native",
        [{"type": "text_to_scored_textlist", "instances": instance}],
    )
    assert [item.detail for item in items] == ["an answer without a score"]


def test_the_shared_cases(tmp_path: Any) -> None:
    cases = SHARED.parent / "cases"
    if not cases.is_dir():
        pytest.skip("the cases of ../shared/cases are not here")
    found = build(
        "lmflow:medqa", data_dir=cases / "medqa-shapes", out=tmp_path / "medqa", workers=1
    )
    assert [row["messages"][1]["content"] for row in rows(found)] == ["B. Heart"]
    assert [(row["origin_row"], row["reason"]) for row in rows(found, "rejected")] == [
        (1, "contradiction"),
        (2, "duplicate"),
        (3, "duplicate"),
    ]
    found = build(
        "lmflow:pubmedqa", data_dir=cases / "pubmedqa-hub", out=tmp_path / "pubmedqa", workers=1
    )
    assert [row["messages"][1]["content"] for row in rows(found)] == ["Yes. Tea helps."]
