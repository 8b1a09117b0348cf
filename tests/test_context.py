"""Context stays with its row: system prompts, earlier turns, the places of messages that are taken
out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from open_instructions.building.run import BuildResult
from open_instructions.catalogue import registry
from open_instructions.recipe import Recipe, parse
from open_instructions.schema import Conversation, Message, Reject, Rejected
from open_instructions.stages.split import Split
from open_instructions.stages.structure import structure

from .conftest import alpaca, rows
from .test_converters import refused, run, texts

NAMES = {"u": "user", "a": "assistant", "s": "system", "x": "narrator"}


def messages(roles: str) -> list[Message]:
    return [Message(NAMES[role], f"{role}{place}") for place, role in enumerate(roles)]


def chat(roles: str, **fields: Any) -> dict[str, Any]:
    turns = [{"from": NAMES[role], "value": f"{role}{place}"} for place, role in enumerate(roles)]
    return {"id": "t", "conversations": turns, **fields}


def talks(records: list[Any], subset: str = "html_cleaned", **options: Any) -> list[Any]:
    recipe = Recipe("test", **{"max_tokens": 0, **options})
    return run(registry().get("sharegpt"), subset, records, recipe)


def edits(items: list[Any]) -> list[tuple[str, ...]]:
    return [item.conversation.edits for item in items if not isinstance(item, Rejected)]


@pytest.mark.parametrize(
    ("roles", "marks"),
    [
        ("ua", ()),
        ("sua", ()),
        ("uaua", ()),
        ("uaxua", ("gap",)),  # an unknown sender between two that stay
        ("uxa", ("gap",)),
        ("uaaua", ("gap",)),
        ("uaa", ("gap",)),  # the assistant speaks twice, and the second answer goes
        ("uua", ("gap",)),
        ("uasua", ("gap",)),
        ("aua", ("trimmed",)),
        ("uau", ("trimmed",)),
        ("xua", ("trimmed",)),
        ("uax", ("trimmed",)),
        ("auauuau", ("gap", "trimmed")),
    ],
)
def test_what_is_taken_out_leaves_a_mark(roles: str, marks: tuple[str, ...]) -> None:
    assert edits(talks([chat(roles)])) == [marks]


def test_an_empty_system_prompt_is_nothing_that_was_taken_out() -> None:
    record = {
        "id": "t",
        "conversations": [{"from": "system", "value": " "}, *chat("ua")["conversations"]],
    }
    assert edits(talks([record])) == [()]


def test_gaps_are_rejected_where_the_recipe_says_so() -> None:
    assert texts(talks([chat("uau")], gaps="reject")) == [["u0", "a1"]]
    items = talks([chat("uaxua")], gaps="reject")
    assert refused(items) == [("message", "unknown_role"), ("record", "gap")]


@pytest.mark.parametrize(
    ("roles", "kept"),
    [
        ("uua", ["u0\n\nu1", "a2"]),
        ("uaaua", ["u0", "a1\n\na2", "u3", "a4"]),
        ("uuaa", ["u0\n\nu1", "a2\n\na3"]),
        ("ssua", ["s0", "u2", "a3"]),  # system prompts are not joined
        ("uxua", ["u2", "a3"]),  # nor what something else stands between
    ],
)
def test_consecutive_messages_are_joined_where_the_recipe_says_so(
    roles: str, kept: list[str]
) -> None:
    items = talks([chat(roles)], consecutive="join")
    assert texts(items) == [kept]
    assert ("joined_messages" in edits(items)[0]) == (roles in ("uua", "uaaua", "uuaa"))


def test_joined_messages_are_counted(make: Callable[..., BuildResult], tmp_path: Path) -> None:
    (tmp_path / "join.yaml").write_text("consecutive: join\n")
    result = make(
        {"sg_90k_part1.json": [chat("uuaa")]}, "sharegpt:raw", recipe=str(tmp_path / "join.yaml")
    )
    totals = result.manifest.totals
    assert (
        totals["messages_read"],
        totals["messages_kept"],
        totals["messages_rejected"],
        totals["messages_joined"],
    ) == (4, 2, 0, 2)
    assert result.ledger.problems() == []


def test_a_part_behind_an_overlong_pair_has_lost_its_context() -> None:
    long = "word " * 50
    talk = Conversation(
        "x/0",
        "x",
        "y",
        (
            Message("user", "a"),
            Message("assistant", "b"),
            Message("user", long),
            Message("assistant", long),
            Message("user", "c"),
            Message("assistant", "d"),
        ),
    )
    first, second, *rejects = Split("cl100k_base", 30, 0)(talk)
    assert isinstance(first, Conversation) and isinstance(second, Conversation)
    assert (first.edits, second.edits) == (("trimmed",), ("gap",))
    assert [r.reason for r in rejects if isinstance(r, Reject)] == ["overlong", "overlong"]
    kept, *rejects = Split("cl100k_base", 30, 0, gaps="reject")(talk)
    assert isinstance(kept, Conversation) and kept.messages[0].content == "a"
    assert [r.reason for r in rejects if isinstance(r, Reject)] == [
        "overlong",
        "overlong",
        "gap",
        "gap",
    ]


def test_a_placeholder_in_the_middle_is_a_gap() -> None:
    turns = [
        ("human", "u0"),
        ("gpt", "a1"),
        ("human", "EmptyMarkdownContent"),
        ("gpt", "a3"),
        ("human", "u4"),
        ("gpt", "a5"),
    ]
    record = {"id": "t", "conversations": [{"from": role, "value": text} for role, text in turns]}
    items = talks([record])
    assert texts(items) == [["u0", "a1", "u4", "a5"]]
    assert edits(items) == [("placeholder", "gap")]


SENDERS = [
    ("human", "gpt"),
    ("user", "assistant"),
    ("User", "Assistant"),
    ("human", "model"),
    ("human", "ai"),
    ("human", "bot"),
    ("human", "chatgpt"),
    ("prompter", "assistant"),
    (" human ", "GPT"),
]


@pytest.mark.parametrize(("asks", "answers"), SENDERS)
@pytest.mark.parametrize(
    ("sender", "text"),
    [("from", "value"), ("role", "content"), ("from", "content"), ("role", "value")],
)
def test_senders(asks: str, answers: str, sender: str, text: str) -> None:
    record = {
        "id": "t",
        "conversations": [{sender: asks, text: "Hi"}, {sender: answers, text: "Hello."}],
    }
    assert texts(talks([record])) == [["Hi", "Hello."]]


CALL = {"type": "function", "function": {"name": "clock", "arguments": {"zone": "UTC"}}}


def test_conversations_with_tools_are_kept() -> None:
    """With the calls, the results, and the definitions of the tools."""
    turns = [
        {"from": "human", "value": "Is it late?"},
        {"from": "function_call", "value": '{"name": "clock", "arguments": {"zone": "UTC"}}'},
        {"from": "observation", "value": "23:50"},
        {"from": "gpt", "value": "Almost midnight."},
    ]
    tools = '[{"name": "clock", "parameters": {"type": "object"}}]'
    native = {"type": "conversation", "instances": {"messages": turns, "tools": tools}}
    for items in (
        talks([{"id": "t", "conversations": turns, "tools": tools}]),
        run(registry().get("lmflow"), "native", [native]),
    ):
        [talk] = [item.conversation for item in items]
        assert [(m.role, m.content, m.fields) for m in talk.messages] == [
            ("user", "Is it late?", None),
            ("assistant", "", {"tool_calls": [CALL]}),
            ("tool", "23:50", None),
            ("assistant", "Almost midnight.", None),
        ]
        assert json.loads(talk.tools) == [
            {
                "type": "function",
                "function": {"name": "clock", "parameters": {"type": "object"}},
            }
        ]
        assert talk.metadata is None


def test_parts_with_other_tools_are_not_joined() -> None:
    def part(name: str, first: int, tool: str) -> dict[str, Any]:
        turns = [{"from": NAMES[role], "value": f"{first}{role}"} for role in "ua"]
        return {"id": f"{name}_{first}", "conversations": turns, "tools": [{"name": tool}]}

    same = talks([part("t", 0, "clock"), part("t", 2, "clock")], "v3")
    assert [len(item.conversation.messages) for item in same] == [4]
    other = talks([part("t", 0, "clock"), part("t", 2, "map")], "v3")
    assert [len(item.conversation.messages) for item in other] == [2, 2]


def test_fields_beside_the_conversation() -> None:
    [item] = talks(
        [chat("ua", system="Be brief.", model="gpt-4", title="T", tools="[]", id=7, lang="")]
    )
    talk = item.conversation
    assert [(m.role, m.content) for m in talk.messages] == [
        ("system", "Be brief."),
        ("user", "u0"),
        ("assistant", "a1"),
    ]
    assert (talk.id, talk.engine, talk.metadata) == (
        "sharegpt/7",
        "gpt-4",
        '{"title":"T","tools":"[]"}',
    )


def test_parts_with_other_system_prompts_stay_apart() -> None:
    parts = [chat("uau", id="p_0", system="One."), chat("ua", id="p_3", system="Two.")]
    assert len(texts(talks(parts, "v3"))) == 2
    same = [chat("ua", id="p_0", system="One."), chat("ua", id="p_2", system="One.")]
    assert texts(talks(same, "v3")) == [["One.", "u0", "a1", "u0", "a1"]]


@pytest.mark.parametrize("field", ["system", "system_prompt", "history", "context", "images"])
def test_context_that_cannot_be_carried_is_a_reject(field: str) -> None:
    assert refused(talks([chat("ua", **{field: [{"odd": 1}]})])) == [("record", "lost_context")]
    record = alpaca() | {field: [{"odd": 1}]}
    assert refused(run(registry().get("alpaca"), "main", [record])) == [("record", "lost_context")]


def test_history_and_system_become_messages() -> None:
    record = alpaca("And then?", "Nothing.") | {
        "system": "You tell a story.",
        "history": [["Begin.", "It rained."], ["Go on.", "It stopped."]],
    }
    for name, subset in (("alpaca", "main"), ("gpt4llm", "en"), ("instructionwild", "en")):
        [item] = run(registry().get(name), subset, [record])
        assert [m.content for m in item.conversation.messages] == [
            "You tell a story.",
            "Begin.",
            "It rained.",
            "Go on.",
            "It stopped.",
            "And then?",
            "Nothing.",
        ]
        assert item.conversation.metadata is None


@pytest.mark.parametrize("nothing", [None, [], "", {}])
def test_no_history_and_no_system(nothing: Any) -> None:
    [item] = run(
        registry().get("alpaca"), "main", [alpaca() | {"system": nothing, "history": nothing}]
    )
    assert [m.content for m in item.conversation.messages] == ["Name a tree.", "An oak."]


@pytest.mark.parametrize(
    "history", ["Hi", [["a"]], [["a", "b", "c"]], [["a", 5]], [{"a": "b"}], {"a": "b"}, 7]
)
def test_a_history_of_another_shape_is_a_reject(history: Any) -> None:
    assert refused(run(registry().get("alpaca"), "main", [alpaca() | {"history": history}])) == [
        ("record", "lost_context")
    ]


@pytest.mark.parametrize(
    ("value", "prompt"),
    [(None, "Do."), ([], "Do."), (float("nan"), "Do."), ("", "Do."), (5, "Do.\n\n5")],
)
def test_what_an_input_can_be(value: Any, prompt: str) -> None:
    for name, subset, field, answer in (
        ("alpaca", "main", "input", "output"),
        ("dolly", "main", "context", "response"),
    ):
        [item] = run(
            registry().get(name), subset, [{"instruction": "Do.", field: value, answer: "Done."}]
        )
        assert item.conversation.messages[0].content == prompt
        assert item.conversation.edits == (("number_as_text",) if value == 5 else ())


@pytest.mark.parametrize(("value", "text"), [(4, "4"), (0, "0"), (-2.5, "-2.5")])
def test_a_number_as_answer_is_its_text_and_marked(value: Any, text: str) -> None:
    cases = [
        ("alpaca", "main", {"instruction": "Do.", "output": value}),
        ("gpt4all", "p3", {"prompt": "Do.", "response": value, "source": "x"}),
        (
            "sharegpt",
            "v3",
            {
                "id": "t",
                "conversations": [
                    {"from": "human", "value": "Do."},
                    {"from": "gpt", "value": value},
                ],
            },
        ),
        ("lmflow", "native", {"type": "text2text", "instances": {"input": "Do.", "output": value}}),
        (
            "lmflow",
            "natural-instructions",
            {"Definition": "Do.", "Instances": {"input": "", "output": [value]}},
        ),
    ]
    for name, subset, record in cases:
        [item] = run(registry().get(name), subset, [record])
        assert (item.conversation.messages[1].content, item.conversation.edits) == (
            text,
            ("number_as_text",),
        ), name


@pytest.mark.parametrize("value", [True, {"a": 1}, ["b"]])
def test_an_answer_of_another_kind_is_a_reject(value: Any) -> None:
    assert refused(run(registry().get("alpaca"), "main", [alpaca(output=value)])) == [
        ("record", "unexpected_shape")
    ]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("输入：你好", "你好"),
        ("输入:你好", "你好"),
        ("### 输入：你好", "你好"),
        ("输入：\n  a\n  b", "  a\n  b"),
        ("输入： 你好", "你好"),
        ("输入：[1]\n输出：[2]", "输入：[1]\n输出：[2]"),
        ("输入：树\n规则：加引号", "输入：树\n规则：加引号"),
        ("输入1：a", "输入1：a"),
        ("输入：a\n输出 2：b", "输入：a\n输出 2：b"),
        ("请看输入：a", "请看输入：a"),
        ("输入：", ""),
        ("输入：无输入", ""),
    ],
)
def test_labels_of_the_template(said: str, kept: str) -> None:
    [item] = run(
        registry().get("gpt4llm"), "zh", [{"instruction": "做。", "input": said, "output": "好。"}]
    )
    assert item.conversation.messages[0].content == ("做。" if not kept else f"做。\n\n{kept}")


@pytest.mark.parametrize(
    "said",
    [
        "无输入",
        "没有输入。",
        "（无输入）",
        "无需输入。",
        "[无输入]",
        "不适用",
        "沒有輸入",
        "無輸入",
        "不需要输入",
    ],
)
def test_no_input_in_chinese(said: str) -> None:
    [item] = run(
        registry().get("gpt4llm"), "zh", [{"instruction": "做。", "input": said, "output": "好。"}]
    )
    assert (item.conversation.messages[0].content, item.conversation.edits) == (
        "做。",
        ("no_input",),
    )


@pytest.mark.parametrize("said", ["无", "没有", "无输入法的键盘", "不适用于儿童"])
def test_real_inputs_in_chinese_stay(said: str) -> None:
    [item] = run(
        registry().get("gpt4llm"), "zh", [{"instruction": "做。", "input": said, "output": "好。"}]
    )
    assert item.conversation.messages[0].content == f"做。\n\n{said}"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_metadata_is_json_that_any_parser_reads(
    make: Callable[..., BuildResult], number: str
) -> None:
    record = '{"instruction": "Do.", "input": "", "output": "Done.", "score": NUM, "all": [1, NUM]}'
    text = f"[{record.replace('NUM', number)}]"
    result = make({"alpaca_data.json": text})
    [row] = rows(result)
    assert (row["metadata"], row["edits"]) == ('{"score":null,"all":[1,null]}', ["not_finite"])
    assert result.ledger.by_name("edits") == {("convert", "not_finite"): 1}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('{"instruction": "Do.", "output": "A", "output": "B"}', "repeated_key"),
        ('{"instruction": "Do.", "output" : "A", "x": 1, "x": 2}', "repeated_key"),
        (
            '{"instruction": "Do.", "output": "A", "x": {"y\\\\": 1, "z": "a", "z": "b"}}',
            "repeated_key",
        ),
    ],
)
def test_two_values_under_one_key_are_a_reject(
    make: Callable[..., BuildResult], record: str, reason: str
) -> None:
    result = make({"alpaca_data.json": f"[{record}, {json.dumps(alpaca())}]"})
    assert [(r["stage"], r["reason"], r["raw"]) for r in rows(result, "rejected")] == [
        ("read", reason, record)
    ]
    assert len(rows(result)) == 1


def test_the_same_value_twice_says_nothing_more(make: Callable[..., BuildResult]) -> None:
    result = make(
        {
            "alpaca_data.json": (
                '[{"instruction": "Do.", "input": "", "output": "A: \\":", "output": "A: \\":"}]'
            )
        }
    )
    assert [r["messages"][1]["content"] for r in rows(result)] == ['A: ":']


@pytest.mark.parametrize(
    ("said", "metadata", "dropped"),
    [
        ("keep", '{"id":5,"ip":"x"}', {}),
        ("drop", None, {"id": 1, "ip": 1}),
        ("[id]", '{"id":5}', {"ip": 1}),
    ],
)
def test_a_recipe_says_which_metadata_stay(
    make: Callable[..., BuildResult],
    tmp_path: Path,
    said: str,
    metadata: str | None,
    dropped: dict[str, int],
) -> None:
    (tmp_path / "some.yaml").write_text(f"metadata: {said}\n")
    result = make(
        {"alpaca_data.json": [alpaca() | {"id": 5, "ip": "x"}]}, recipe=str(tmp_path / "some.yaml")
    )
    assert [r["metadata"] for r in rows(result)] == [metadata]
    assert result.ledger.by_name("dropped_metadata") == {
        ("convert", name): count for name, count in dropped.items()
    }
    assert Recipe.from_dict(result.manifest.recipe) == parse(
        f"name: some\nmetadata: {said}", "some"
    )


def test_structure_keeps_its_law_with_what_is_refused_already() -> None:
    given = [*messages("ua"), Reject("unknown_role", "", Message("unknown", "x")), *messages("ua")]  # type: ignore[arg-type]
    made = structure(given)
    assert [m.content for m in made.messages] == ["u0", "a1", "u0", "a1"]
    assert (made.rejects, made.edits, made.joined) == ([], ("gap",), 0)
