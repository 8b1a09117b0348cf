"""Every example of every source, run through its rules, converter and text stages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from open_instructions.catalogue import Example, Source, registry
from open_instructions.drafting import Run
from open_instructions.ledger import Tally
from open_instructions.pipeline import Pipeline
from open_instructions.preference import Preference
from open_instructions.readers import Frame
from open_instructions.readers.chunk import Chunk
from open_instructions.recipe import Recipe
from open_instructions.schema import Rejected

RECIPE = Recipe("test", max_tokens=0, duplicates=False)
CASES = [
    pytest.param(s, e, id=f"{s.name}-{i}")
    for s in registry().all()
    for i, e in enumerate(s.examples)
]


def run(
    source: Source,
    subset_name: str,
    records: list[Any],
    recipe: Recipe = RECIPE,
    base: int | None = None,
) -> list[Any]:
    subset = source.subset(subset_name)
    header: dict[str, Any] = {}
    frames = []
    for row, record in enumerate(records):
        if subset.format == "envelope":
            header = {k: v for k, v in record.items() if k != subset.items}
            record = record[subset.items]
        frames.append(Frame(row, json.dumps(record)))
    chunk = Chunk(0, source.name, subset.name, "file.json", header, [frames], 0, index_base=base)
    return list(Pipeline(recipe, source, subset).run(Run(chunk, Tally())))


def said(messages: Any) -> tuple[tuple[str, str], ...]:
    return tuple((m.role, m.content) for m in messages)


@pytest.mark.parametrize(("source", "example"), CASES)
def test_example(source: Source, example: Example) -> None:
    subset = example.subset or source.default[0]
    records = example.record if isinstance(example.record, list) else [example.record]
    got: list[Any] = []
    for item in run(source, subset, records, base=example.index_base):
        if isinstance(item, Rejected):
            if item.level == "record":
                got.append(item.reason)
        elif isinstance(item.conversation, Preference):
            lists = ("prompt", "chosen", "rejected")
            got.append({name: said(getattr(item.conversation, name)) for name in lists})
        else:
            got.append(said(item.conversation.messages))
    assert tuple(got) == example.result


@pytest.mark.parametrize("source", registry().all(), ids=lambda s: s.name)
def test_every_source_shows_a_conversation_and_a_reject(source: Source) -> None:
    results = [r for e in source.examples for r in e.result]
    assert any(isinstance(r, str) for r in results)
    assert any(isinstance(r, tuple) for r in results)


def texts(items: list[Any]) -> list[list[str]]:
    return [[m.content for m in i[0].messages] for i in items if not isinstance(i, Rejected)]


def refused(items: list[Any]) -> list[tuple[str, str]]:
    return [(i.level, i.reason) for i in items if isinstance(i, Rejected)]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("<noinput>", ""),
        ("No input.", ""),
        ("< noinput >", ""),
        ("<noinput", ""),
        ("\\<noinput\\>", ""),
        ("`<noinput>`", ""),
        ("(no input)", ""),
        ("<noinput>,", ""),
        ("N/A", ""),
        ("<none>", ""),
        ("None", "None"),
        ("No inputs were lost", "No inputs were lost"),
        ("no", "no"),
    ],
)
def test_spellings_of_no_input(said: str, kept: str) -> None:
    source = registry().get("alpaca")
    [[prompt, _]] = texts(
        run(source, "main", [{"instruction": "Do it.", "input": said, "output": "Done."}])
    )
    assert prompt == ("Do it." if not kept else f"Do it.\n\n{kept}")


def test_a_rule_that_is_off_leaves_the_text() -> None:
    source = registry().get("alpaca")
    recipe = Recipe("test", rules_off=("alpaca.no_input",))
    [[prompt, _]] = texts(
        run(
            source,
            "main",
            [{"instruction": "Do it.", "input": "<noinput>", "output": "Done."}],
            recipe,
        )
    )
    assert prompt == "Do it.\n\n<noinput>"


def talk(name: str, *turns: tuple[str, str]) -> dict[str, Any]:
    return {"id": name, "conversations": [{"from": role, "value": value} for role, value in turns]}


def test_v3_parts_are_joined_and_the_repeated_turn_is_dropped_once() -> None:
    parts = [
        talk("abc_0", ("human", "1"), ("gpt", "2"), ("human", "3")),
        talk("abc_2", ("human", "3"), ("gpt", "4")),
        talk("abc_4", ("human", "5"), ("gpt", "6")),
    ]
    items = run(registry().get("sharegpt"), "v3", parts)
    assert texts(items) == [["1", "2", "3", "4", "5", "6"]]
    assert refused(items) == [("message", "repeated_turn")]
    [conversation] = [i[0] for i in items if not isinstance(i, Rejected)]
    assert conversation.id == "sharegpt/abc"
    assert conversation.origin_rows == (0, 1, 2)
    assert json.loads(conversation.metadata) == {"parts": ["abc_0", "abc_2", "abc_4"]}


def test_v3_parts_with_a_gap_stay_apart() -> None:
    parts = [
        talk("abc_0", ("human", "1"), ("gpt", "2")),
        talk("abc_4", ("human", "5"), ("gpt", "6")),
    ]
    items = run(registry().get("sharegpt"), "v3", parts)
    assert texts(items) == [["1", "2"], ["5", "6"]]
    assert [i[0].id for i in items] == ["sharegpt/abc", "sharegpt/abc_4"]


def test_v3_an_empty_twin_is_rejected_and_the_full_one_kept() -> None:
    items = run(
        registry().get("sharegpt"),
        "v3",
        [talk("abc_0"), talk("abc_0", ("human", "1"), ("gpt", "2"))],
    )
    assert texts(items) == [["1", "2"]]
    assert refused(items) == [("record", "empty")]


def test_overlap_that_differs_is_not_joined() -> None:
    parts = [
        talk("abc_0", ("human", "1"), ("gpt", "2")),
        talk("abc_1", ("gpt", "another"), ("human", "3"), ("gpt", "4")),
    ]
    items = run(registry().get("sharegpt"), "v3", parts)
    assert texts(items) == [["1", "2"], ["3", "4"]]


def test_sharegpt_senders_and_damaged_turns() -> None:
    record = {
        "id": "x",
        "conversations": [
            {"from": "system", "value": "*This chat conversation is shared from [X](https://x)*"},
            {"from": "user", "value": "Hi", "markdown": None, "text": None},
            {"from": "chatgpt", "value": "Hello."},
            {"from": "narrator", "value": "Meanwhile"},
            {"from": "human", "value": 7},
            "not a turn",
            {"from": "human", "value": "More"},
            {"from": "bard", "value": "\u200b"},
        ],
    }
    items = run(registry().get("sharegpt"), "raw", [record])
    assert texts(items) == [["Hi", "Hello."]]
    assert sorted(refused(items)) == [
        ("message", "empty"),
        ("message", "export_banner"),
        ("message", "no_answer"),
        ("message", "no_answer"),
        ("message", "unexpected_shape"),
        ("message", "unknown_role"),
    ]


def test_only_the_raw_layout_is_read_as_html() -> None:
    record = talk("x", ("human", "Show a div."), ("gpt", "<div>a &amp; b</div>"))
    source = registry().get("sharegpt")
    assert texts(run(source, "raw", [record])) == [["Show a div.", "a & b"]]
    assert texts(run(source, "html_cleaned", [record])) == [["Show a div.", "<div>a &amp; b</div>"]]


@pytest.mark.parametrize(
    ("human", "kept"),
    [
        ("2 / 2Write it", "Write it"),
        ("1 / 2 cup of sugar", "1 / 2 cup of sugar"),
        ("3 / 2x", "3 / 2x"),
        ("3 / 4cup", "3 / 4cup"),
        ("10 / 2500 = ?", "10 / 2500 = ?"),
        ("2 / 2 = 1", "2 / 2 = 1"),
        ("Hi\nCopy12 chars / 3 words", "Hi\n"),
    ],
)
def test_chrome_that_the_early_extension_glued_on(human: str, kept: str) -> None:
    items = run(registry().get("sharegpt"), "raw", [talk("x", ("human", human), ("gpt", "ok"))])
    assert texts(items) == [[kept, "ok"]]


@pytest.mark.parametrize(
    ("stated", "expression"),
    [
        (["CC BY 4.0"], "CC-BY-4.0"),
        (["Apache 2.0"], "Apache-2.0"),
        (["Unknown"], "LicenseRef-NaturalInstructions-unknown"),
        (None, "LicenseRef-NaturalInstructions-unknown"),
        (["CC BY-SA", "GFDL"], "LicenseRef-CC-BY-SA AND LicenseRef-GFDL"),
        (["MIT", "MIT"], "MIT"),
        ("Public Domain", "LicenseRef-PublicDomain"),
    ],
)
def test_a_task_carries_its_own_licence(stated: Any, expression: str) -> None:
    task = {
        "Definition": ["Do."],
        "Instances": {"input": "a", "output": ["b"]},
        "Instance License": stated,
    }
    [item] = run(registry().get("lmflow"), "natural-instructions", [task])
    assert item[0].license == expression
    assert item[0].task is None


def test_other_answers_of_a_task_are_kept() -> None:
    task = {
        "Definition": "Do.",
        "@file": "task9_x.json",
        "Instances": {"id": "task9-0f", "input": "a", "output": ["b", "c", "b"]},
    }
    [item] = run(registry().get("lmflow"), "natural-instructions", [task])
    assert (item[0].id, item[0].task, item[0].edits) == (
        "lmflow/natural-instructions/task9-0f",
        "task9_x",
        ("repeated_answers",),
    )
    assert json.loads(item[0].metadata) == {"other_answers": ["c"]}


@pytest.mark.parametrize(
    ("output", "answer", "marked"),
    [
        ("e! Here is a list.", "Sure! Here is a list.", True),
        ("ure, here's one.", "Sure, here's one.", True),
        ("ject: Holidays", "Subject: Holidays", True),
        ("bject: Holidays", "Subject: Holidays", True),
        ("e, here's one.", "Sure, here's one.", True),
        (", and then she left.", ", and then she left.", True),
        ("e.g. a tree", "e.g. a tree", False),
        ("?", "?", False),
        ("iPhone 12 是手机。", "iPhone 12 是手机。", False),
        ("b, a, c", "b, a, c", False),
        ("e, the base of logarithms, is 2.718.", "e, the base of logarithms, is 2.718.", True),
        ("yes, it is so.", "yes, it is so.", False),
    ],
)
def test_a_lost_beginning(output: str, answer: str, marked: bool) -> None:
    [item] = run(
        registry().get("gpt4llm"),
        "zh",
        [{"instruction": "给我看。", "input": "", "output": output}],
    )
    assert (item.conversation.messages[1].content, item.conversation.edits) == (
        answer,
        ("lost_beginning",) if marked else (),
    )


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("Sta bag is used in", True),
        ("the renal aery", True),
        ("antihypeensives", True),
        ("an aerial view of the heart", False),
        ("STA territory", False),
    ],
)
def test_missing_rt_is_marked_and_left(text: str, marked: bool) -> None:
    record = {"question": text, "opa": "w", "opb": "x", "opc": "y", "opd": "z", "cop": 1}
    [item] = run(registry().get("lmflow"), "medmcqa", [record], base=1)
    assert item.conversation.edits == (("missing_rt",) if marked else ())
    assert item.conversation.messages[0].content.startswith(text)


LMFLOW_NATIVE = [
    (
        "conversation",
        {
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        },
        ["Be brief.", "a", "b"],
    ),
    ("conversation", {"messages": "none"}, "unexpected_shape"),
    ("text_to_textlist", {"input": "a", "output": ["b", "c"]}, ["a", "b"]),
    ("text_to_textlist", {"input": "a", "output": []}, "no_answer"),
    (
        "text_to_scored_textlist",
        {"input": "a", "output": [{"score": 1, "text": "b"}, {"score": 2.5, "text": "c"}]},
        ["a", "c"],
    ),
    ("text_only", {"text": "Just a text."}, "no_pair"),
    (
        "text_only",
        {"text": "Intro.\n\n### Instruction:\nAdd.\n\n### Response:3"},
        ["Intro.\n\n### Instruction:\nAdd.", "3"],
    ),
    ("paired_conversation", {"chosen": {}, "rejected": {}}, "unexpected_shape"),
    (
        "paired_conversation",
        {
            "chosen": {
                "system": "Be brief.",
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b"},
                ],
            },
            "rejected": {
                "system": "Be brief.",
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "c"},
                ],
            },
        },
        ["Be brief.", "a", "b", "c"],
    ),
    ("paired_text_to_text", {"prompt": "a", "chosen": "b", "rejected": "c"}, ["a", "b", "c"]),
    ("paired_text_to_text", {"prompt": "a", "chosen": "b", "rejected": "b"}, "equal_answers"),
    ("paired_text_to_text", {"prompt": "a", "chosen": "b"}, "one_answer"),
    ("image_text", {"images": "x", "text": "y"}, "no_text"),
    ("hologram", {"text": "y"}, "unexpected_shape"),
]


@pytest.mark.parametrize(("kind", "instance", "result"), LMFLOW_NATIVE)
def test_lmflow_types(kind: str, instance: dict[str, Any], result: Any) -> None:
    items = run(registry().get("lmflow"), "native", [{"type": kind, "instances": instance}])
    assert (texts(items) or [r for _, r in refused(items)]) == [result]


def test_gpt4all_odd_rows() -> None:
    source = registry().get("gpt4all")
    rows = [
        {"prompt": "a", "response": None, "source": ""},
        {"turn_0_question": "a", "turn_0_answer": "b", "model_settings": {"t": 1}, "source": "x"},
        {"prompt": "a", "response": {"description": "b"}},
        {"prompt": "a", "source": "x"},
        {"other": 1},
    ]
    got = [run(source, "p3", [r]) for r in rows]
    assert [texts(g) or refused(g) for g in got] == [
        [("record", "no_answer")],
        [["a", "b"]],
        [["a", "b"]],
        [("record", "no_answer")],
        [("record", "unexpected_shape")],
    ]
    assert got[2][0][0].task == "unspecified"
