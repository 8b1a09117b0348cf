from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.schema import Conversation, Message, invalid, is_blank, to_json
from open_instructions.stages.structure import pair_up
from open_instructions.store.columns import DATA_COLUMNS, data_schema, data_table, rejected_schema

turns = st.lists(
    st.builds(
        lambda role, text: Message(role, text),
        st.sampled_from(["system", "user", "assistant"]),
        st.sampled_from(["a", "b", "", " ", "\u200b\n", "é"]),
    ),
    max_size=9,
)


@given(turns)
def test_each_turn_is_kept_or_refused_once(messages: list[Message]) -> None:
    kept, rejected, _ = pair_up(messages)
    assert sorted([*kept, *(r.message for r in rejected if r.message)]) == sorted(messages)
    if any(m.role == "assistant" for m in kept):
        assert invalid(kept) == ""


@pytest.mark.parametrize(
    ("roles", "kept", "reasons"),
    [
        ("ua", "ua", []),
        ("auaua", "uaua", ["no_prompt"]),
        ("uua", "ua", ["no_answer"]),
        ("uaa", "ua", ["no_prompt"]),
        ("uau", "ua", ["no_answer"]),
        ("sua", "sua", []),
        ("usa", "ua", ["misplaced_system"]),
        ("uas", "ua", ["misplaced_system"]),
    ],
)
def test_pairs(roles: str, kept: str, reasons: list[str]) -> None:
    names = {"u": "user", "a": "assistant", "s": "system"}
    got, rejected, _ = pair_up([Message(names[r], f"{r}{i}") for i, r in enumerate(roles)])
    assert "".join(m.role[0] for m in got) == kept
    assert [str(r.reason) for r in rejected] == reasons


def test_an_empty_answer_does_not_lend_its_prompt_to_a_later_one() -> None:
    said = [
        Message("user", "1"),
        Message("assistant", ""),
        Message("user", " "),
        Message("assistant", "2"),
        Message("user", "3"),
        Message("assistant", "4"),
    ]
    kept, rejected, _ = pair_up(said)
    assert [m.content for m in kept] == ["3", "4"]
    assert [str(r.reason) for r in rejected] == ["empty", "no_answer", "empty", "no_prompt"]


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (Message("user", "a"),),
        (Message("assistant", "a"), Message("user", "b")),
        (Message("user", "a"), Message("assistant", " \u200b")),
        (Message("system", "s"),),
    ],
)
def test_what_is_no_conversation_cannot_be_made(messages: tuple[Message, ...]) -> None:
    with pytest.raises(ValueError, match="x/0"):
        Conversation(id="x/0", source="x", subset="y", messages=messages)


@pytest.mark.parametrize(
    ("text", "blank"),
    [("", True), ("\u200b\u00a0 \n", True), ("\ufeff", True), ("0", False), ("\u200bx", False)],
)
def test_blank(text: str, blank: bool) -> None:
    assert is_blank(text) is blank


def test_a_row_has_the_columns_in_their_order() -> None:
    talk = Conversation(
        "x/0",
        "x",
        "y",
        (Message("system", "s"), Message("user", "a"), Message("assistant", "b")),
        origin_rows=(4, 5),
    )
    table = data_table([talk])
    assert tuple(table.column_names) == DATA_COLUMNS == tuple(data_schema().names)
    [got] = table.to_pylist()
    assert (got["num_turns"], got["origin_row"], got["conversation_id"]) == (1, 4, "x/0")
    assert got["messages"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
    ]


def test_columns_are_those_of_the_design() -> None:
    assert DATA_COLUMNS == (
        "id", "conversation_id", "source", "subset", "messages", "language", "language_score", "task", "engine", "license", "num_turns",
        "num_tokens", "edits", "origin_file", "origin_row", "metadata",
    )  # fmt: skip
    assert rejected_schema().names == [
        "level", "source", "subset", "conversation_id", "origin_file", "origin_row", "stage", "reason", "detail", "raw",
        "kind", "other", "score", "evidence", "parent",
    ]  # fmt: skip


def test_json_text_can_always_be_stored() -> None:
    assert to_json({"ü": "\ud83d"}) == '{"\\u00fc":"\\ud83d"}'
    assert json.loads(to_json({"n": 2**80, "x": ["é"]})) == {"n": 2**80, "x": ["é"]}
