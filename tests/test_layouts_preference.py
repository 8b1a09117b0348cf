"""Preference records: two answers, ranked and rated lists, single answers with a label."""

from __future__ import annotations

from typing import Any

import pytest

from open_instructions.layouts.answers import OTHERS
from open_instructions.layouts.layout import LayoutOptions
from open_instructions.layouts.recognise import convert, readings
from open_instructions.preference import PreferenceDraft
from open_instructions.schema import Draft, Message, Reason, Reject

Said = tuple[tuple[str, str], ...]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def all_of(record: dict[str, Any], **options: Any) -> list[Any]:
    return convert(record, LayoutOptions(**options))


def only(record: dict[str, Any], **options: Any) -> Any:
    (item,) = all_of(record, **options)
    return item


def said(messages: Any) -> Said:
    return tuple((m.role, m.content) for m in messages if isinstance(m, Message))


def sides(row: PreferenceDraft) -> tuple[Said, str, str]:
    (chosen,), (rejected,) = row.chosen, row.rejected
    return said(row.prompt), chosen.content, rejected.content


ASKED = (("user", "Why?"),)
HH = "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why?\n\nAssistant: "


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "Why?", "chosen": "So.", "rejected": "No."},
        {"question": "Why?", "chosen": "So.", "rejected": "No."},
        {"prompt": [user("Why?")], "chosen": [assistant("So.")], "rejected": [assistant("No.")]},
        {"chosen": [user("Why?"), assistant("So.")], "rejected": [user("Why?"), assistant("No.")]},
        {"prompt": "Why?", "chosen": assistant("So."), "rejected": assistant("No.")},
        {
            "conversations": [{"from": "human", "value": "Why?"}],
            "chosen": {"from": "gpt", "value": "So."},
            "rejected": {"from": "gpt", "value": "No."},
        },
        {
            "prompt": "Why?",
            "chosen": [user("Why?"), assistant("So.")],
            "rejected": [user("Why?"), assistant("No.")],
            "messages": [user("Why?"), assistant("So.")],
        },
        {"messages": [user("Why?"), assistant("So.")], "chosen": "So.", "rejected": "No."},
        {"chosen": "Human: Why?\n\nAssistant: So.", "rejected": "Human: Why?\n\nAssistant: No."},
        {"prompt": "\n\nHuman: Why?\n\nAssistant:", "chosen": " So.", "rejected": " No."},
        {
            "prompt": "\n\nHuman: Why?\n\nAssistant:",
            "chosen": "\n\nHuman: Why?\n\nAssistant: So.",
            "rejected": "\n\nHuman: Why?\n\nAssistant: No.",
        },
        {"query": "Why?", "response": "So.", "rejected_response": "No."},
        {"messages": [user("Why?"), assistant("So.")], "rejected_response": "No."},
        {"conversations": [user("Why?"), assistant("So.")], "rejected": [assistant("No.")]},
        {
            "chosen": '[{"role": "user", "content": "Why?"}, '
            '{"role": "assistant", "content": "So."}]',
            "rejected": '[{"role": "user", "content": "Why?"}, '
            '{"role": "assistant", "content": "No."}]',
        },
    ],
)
def test_two_answers(record: dict[str, Any]) -> None:
    prompt, chosen, rejected = sides(only(record))
    assert (prompt, chosen.strip(), rejected.strip()) == (ASKED, "So.", "No.")
    assert [layout.name for layout in readings(record, LayoutOptions())] == ["preference"]


def test_what_comes_before() -> None:
    record = {"system": "Be brief.", "question": "Why?", "chosen": "So.", "rejected": "No."}
    before = (("system", "Be brief."), ("user", "Hi"), ("assistant", "Yes?"))
    assert sides(only({**record, "history": [["Hi", "Yes?"]]})) == ((*before, *ASKED), "So.", "No.")
    lost = only({**record, "history": "Hi"})
    assert lost.reason == Reason.LOST_CONTEXT


def test_an_instruction_with_its_input() -> None:
    record = {"instruction": "Add.", "input": "1, 2", "chosen": "3", "rejected": "4"}
    assert sides(only(record)) == ((("user", "Add.\n\n1, 2"),), "3", "4")


def test_whole_transcripts() -> None:
    row = only({"chosen": HH + "So.", "rejected": HH + "No."})
    assert sides(row) == ((("user", "Hi"), ("assistant", "Yes?"), *ASKED), "So.", "No.")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"prompt": "a", "chosen": "b", "rejected": "b"}, Reason.EQUAL_ANSWERS),
        ({"prompt": "a", "chosen": "b", "rejected": None}, Reason.ONE_ANSWER),
        ({"prompt": "a", "chosen": "b", "rejected": " "}, Reason.ONE_ANSWER),
        ({"chosen": "b", "rejected": "c"}, Reason.NO_PROMPT),
        ({"chosen": HH + "So.", "rejected": HH.replace("Hi", "Ho") + "No."}, "different_prompts"),
        ({"chosen": HH + "So.", "rejected": HH.replace("Yes", "No") + "So."}, "different_prompts"),
        ({"chosen": HH + "So.", "rejected": "No."}, Reason.DIFFERENT_PROMPTS),
        (
            {"prompt": "c", "chosen": [user("a"), assistant("b")], "rejected": [user("a")]},
            Reason.ONE_ANSWER,
        ),
        (
            {
                "prompt": "c",
                "chosen": [user("a"), assistant("b")],
                "rejected": [user("a"), assistant("d")],
            },
            Reason.CONTRADICTION,
        ),
        (
            {"prompt": "a", "question": "b", "chosen": "c", "rejected": "d"},
            Reason.AMBIGUOUS_LAYOUT,
        ),
        (
            {
                "prompt": "a",
                "chosen": "b",
                "rejected": "c",
                "messages": [user("a"), assistant("other")],
            },
            Reason.AMBIGUOUS_LAYOUT,
        ),
        (
            {"prompt": "a", "chosen": "b", "rejected": "c", "score_chosen": 1, "score_rejected": 2},
            Reason.CONTRADICTION,
        ),
        (
            {"messages": [user("a"), assistant("x")], "chosen": "b", "rejected": "c"},
            Reason.NO_PROMPT,
        ),
    ],
)
def test_rejects_of_two_answers(record: dict[str, Any], reason: str) -> None:
    assert only(record).reason == reason


def test_an_answer_that_is_a_dialogue() -> None:
    chosen = "Human: Hi\nAssistant: Hello."
    record = {"prompt": "Write a dialogue.", "chosen": chosen, "rejected": "No."}
    assert sides(only(record)) == ((("user", "Write a dialogue."),), chosen, "No.")
    record = {"conversations": [user("Write a dialogue.")], "chosen": chosen, "rejected": "No."}
    assert sides(only(record)) == ((("user", "Write a dialogue."),), chosen, "No.")


def test_scores_and_engines() -> None:
    row = only(
        {
            "prompt": "Why?",
            "chosen": "So.",
            "rejected": "No.",
            "chosen-rating": 5,
            "rejected-rating": "2.5",
            "chosen-model": "m1",
            "rejected-model": "m2",
        }
    )
    assert (row.chosen_score, row.rejected_score, row.score_name) == (5.0, 2.5, "rating")
    assert (row.chosen_engine, row.rejected_engine) == ("m1", "m2")


RANKED = {"instruction": "Name a fish.", "input": "", "output": ["A carp.", "A frog.", "A cow."]}


@pytest.mark.parametrize(
    ("pairs", "rows"),
    [
        ("best_worst", [("A carp.", "A cow.")]),
        ("best_each", [("A carp.", "A frog."), ("A carp.", "A cow.")]),
        ("all", [("A carp.", "A frog."), ("A carp.", "A cow."), ("A frog.", "A cow.")]),
    ],
)
def test_a_ranked_list(pairs: str, rows: list[tuple[str, str]]) -> None:
    found = all_of(RANKED, pairs=pairs)
    assert [sides(row)[1:] for row in found] == rows
    others = [{"content": "A frog."}] if pairs == "best_worst" else None
    assert found[0].metadata.get(OTHERS) == others


def test_rejects_of_a_ranked_list() -> None:
    assert only({**RANKED, "output": ["A carp."]}).reason == Reason.ONE_ANSWER
    assert only({**RANKED, "output": ["A carp."] * 3}).reason == Reason.EQUAL_ANSWERS
    assert only({**RANKED, "output": ["A carp.", ""]}).reason == Reason.ONE_ANSWER
    assert only({**RANKED, "output": [f"{n}" for n in range(65)]}).reason == "unexpected_shape"


def test_an_output_that_is_json_text_is_one_answer() -> None:
    draft = only({**RANKED, "output": '["A carp.", "A frog."]'})
    assert isinstance(draft, Draft)
    assert said(draft.messages)[-1] == ("assistant", '["A carp.", "A frog."]')


RATED = {
    "instruction": "Name a fish.",
    "completions": [
        {"response": "A frog.", "overall_score": 3, "model": "m1", "critique": "No fish."},
        {"response": "A carp.", "overall_score": 9.5, "model": "m2"},
        {"response": "A cow.", "overall_score": "1", "model": "m3"},
        {"response": "A pike.", "overall_score": 9.5, "model": "m4"},
    ],
}


def test_rated_answers() -> None:
    row = only(RATED)
    assert sides(row) == ((("user", "Name a fish."),), "A carp.", "A cow.")
    assert (row.chosen_score, row.rejected_score, row.score_name) == (9.5, 1.0, "overall_score")
    assert (row.chosen_engine, row.rejected_engine) == ("m2", "m3")
    assert row.metadata[OTHERS] == [
        {"content": "A pike.", "score": 9.5, "engine": "m4"},
        {"content": "A frog.", "score": 3.0, "engine": "m1", "critique": "No fish."},
    ]
    pairs = [sides(row)[1:] for row in all_of(RATED, pairs="all")]
    assert pairs == [
        ("A carp.", "A frog."),
        ("A carp.", "A cow."),
        ("A pike.", "A frog."),
        ("A pike.", "A cow."),
        ("A frog.", "A cow."),
    ]


def test_ratings_of_aspects() -> None:
    def rated(text: str, *ratings: str) -> dict[str, Any]:
        aspects = {f"aspect{n}": {"Rating": rating} for n, rating in enumerate(ratings)}
        return {"response": text, "annotations": aspects}

    record = {"prompt": "a", "completions": [rated("b", "2", "3"), rated("c", "5", "4")]}
    row = only(record)
    assert (row.chosen[0].content, row.chosen_score, row.rejected_score) == ("c", 4.5, 2.5)
    assert row.metadata["chosen"]["annotations"]["aspect0"] == {"Rating": "5"}
    unsure = {"prompt": "a", "completions": [rated("b", "2", "N/A"), rated("c", "5", "4")]}
    assert only(unsure).reason == Reason.NO_SCORES


def test_a_rank_runs_the_other_way_and_is_no_score() -> None:
    answers = [{"answer": "b", "rank": 2}, {"answer": "c", "rank": 1}, {"answer": "d", "rank": 3}]
    row = only({"prompt": "a", "answers": answers})
    assert sides(row)[1:] == ("c", "d")
    assert (row.chosen_score, row.rejected_score, row.score_name) == (None, None, None)
    assert row.metadata["chosen"] == {"rank": 1}


def test_texts_with_lists_of_scores_beside() -> None:
    record = {
        "prompt": "a",
        "generations": ["b", "c"],
        "ratings": [2, 4],
        "generation_models": ["m1", "m2"],
    }
    row = only(record)
    assert (row.chosen[0].content, row.chosen_score, row.chosen_engine) == ("c", 4.0, "m2")
    assert set(row.used) >= set(record)


@pytest.mark.parametrize(
    ("completions", "reason"),
    [
        (["b", "c"], Reason.NO_SCORES),
        (["b", "b", "b"], Reason.EQUAL_ANSWERS),
        (["b"], Reason.ONE_ANSWER),
        ([{"response": "b", "score": 1}, {"response": "c", "score": 1}], Reason.TIE),
        ([{"response": "b", "score": 1}, {"response": "c", "score": None}], Reason.NO_SCORES),
    ],
)
def test_rejects_of_rated_answers(completions: list[Any], reason: Reason) -> None:
    assert only({"raw_text": "a", "completions": completions}).reason == reason


def test_a_list_without_scores_beside_an_answer_is_something_beside_it() -> None:
    record = {"problem": "2 + 2", "solution": "4", "generations": ["4", "four"]}
    draft = only(record)
    assert said(draft.messages) == (("user", "2 + 2"), ("assistant", "4"))
    assert "generations" not in draft.used


LABELLED = [
    {"prompt": "Why?", "completion": "So.", "label": True},
    {"messages": [user("Why?"), assistant("So.")], "label": True},
    {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}],
     "kto_tag": True},
    {"instruction": "Why?", "output": "So.", "label": "True"},
]  # fmt: skip


@pytest.mark.parametrize("record", LABELLED)
def test_a_single_answer_with_a_label(record: dict[str, Any]) -> None:
    name = "kto_tag" if "kto_tag" in record else "label"
    bad = {**record, name: False}
    assert only(record).reason == only(bad).reason == Reason.UNPAIRED_LABEL
    draft = only(record, unpaired="chosen")
    assert said(draft.messages) == (("user", "Why?"), ("assistant", "So."))
    assert draft.metadata == {name: record[name]}
    reject = only(bad, unpaired="chosen")
    assert (reject.reason, reject.detail) == ("unpaired_label", "a single answer, labelled as bad")


def test_a_label_of_something_else() -> None:
    assert isinstance(only({"prompt": "a", "completion": "b", "label": 3}), Draft)
    assert only({"text": "A film.", "label": True}).reason == Reason.NOT_A_CONVERSATION


@pytest.mark.parametrize("beside", [{"rejected": False}, {"rejected": None, "chosen": None}])
def test_fields_of_another_kind(beside: dict[str, Any]) -> None:
    draft = only({"prompt": "a", "completion": "b", **beside})
    assert said(draft.messages) == (("user", "a"), ("assistant", "b"))


def test_tools_and_calls_come_with_the_answers() -> None:
    call = {"function": {"name": "now", "arguments": "{}"}}
    calls = {"role": "assistant", "content": "", "tool_calls": [call]}
    record = {
        "prompt": [user("Late?")],
        "chosen": [calls, {"role": "tool", "content": "9"}, assistant("No.")],
        "rejected": [assistant("Perhaps.")],
        "tools": [{"name": "now"}],
    }
    row = only(record)
    assert said(row.chosen) == (("assistant", ""), ("tool", "9"), ("assistant", "No."))
    assert row.chosen[0].fields["tool_calls"][0]["function"] == {"name": "now", "arguments": {}}
    assert row.tools[0]["function"]["name"] == "now"
    assert "tools" in row.used
    assert isinstance(only({**record, "tools": "[none"}), Reject)


def test_a_rejected_conversation_beside_the_messages() -> None:
    talk = [user("Name a fish."), assistant("A carp.")]
    record = {"messages": talk, "rejected_messages": [user("Name a fish."), assistant("A whale.")]}
    row = only(record)
    assert sides(row) == ((("user", "Name a fish."),), "A carp.", "A whale.")


def test_openais_form_of_a_preference() -> None:
    record = {
        "input": {"messages": [user("Name a fish.")], "tools": [], "parallel_tool_calls": True},
        "preferred_output": [assistant("A carp.")],
        "non_preferred_output": [assistant("A whale.")],
    }
    assert sides(only(record)) == ((("user", "Name a fish."),), "A carp.", "A whale.")


def test_answers_to_the_last_step_of_a_trajectory() -> None:
    steps = [
        {"from": "user", "value": "Name a fish."},
        {"from": "assistant", "value": "A whale."},
        {"from": "user", "value": "That is none."},
    ]
    row = only({"trajectory": steps, "chosen": "A carp.", "rejected": "A seal."})
    assert sides(row) == (
        (("user", "Name a fish."), ("assistant", "A whale."), ("user", "That is none.")),
        "A carp.",
        "A seal.",
    )


def test_answers_that_go_on_from_steps_beside_them() -> None:
    record = {"prompt": "2 + 2?", "chosen": "So it is 4.", "rejected": "So it is 5."}
    reject = only({**record, "initial_reason_steps": "Step 1: count."})
    assert reject.reason == Reason.LOST_CONTEXT
    assert isinstance(only({**record, "initial_reason_steps": ""}), PreferenceDraft)


def test_ratings_named_the_other_way_round() -> None:
    record = {"prompt": "Name a fish.", "chosen": "A carp.", "rejected": "A whale."}
    row = only({**record, "rating_chosen": 5, "rating_rejected": 2})
    assert (row.chosen_score, row.rejected_score) == (5.0, 2.0)
    wrong = only({**record, "rating_chosen": 2, "rating_rejected": 5})
    assert wrong.reason == Reason.CONTRADICTION


@pytest.mark.parametrize(
    ("strength", "better"), [(-3, "A carp."), (1, "A whale."), ("2", "A whale.")]
)
def test_the_strength_of_a_preference(strength: Any, better: str) -> None:
    record = {"prompt": "Name a fish.", "response_1": "A carp.", "response_2": "A whale."}
    assert only({**record, "preference_strength": strength}).chosen[0].content == better
    assert only({**record, "preference_strength": 0}).reason == Reason.TIE


ARENA = {
    "model_a": "cod-7b",
    "model_b": "eel-7b",
    "conversation_a": [user("Name a fish."), assistant("A carp.")],
    "conversation_b": [user("Name a fish."), assistant("A whale.")],
}


def test_two_models_and_a_winner() -> None:
    row = only({**ARENA, "winner": "model_b"})
    assert sides(row) == ((("user", "Name a fish."),), "A whale.", "A carp.")
    assert (row.chosen_engine, row.rejected_engine) == ("eel-7b", "cod-7b")
    assert set(row.used) == {"conversation_a", "conversation_b"}


@pytest.mark.parametrize(
    ("winner", "reason"),
    [
        ("tie", Reason.TIE),
        ("tie (bothbad)", Reason.TIE),
        ("both_bad", Reason.TIE),
        (None, Reason.NO_SCORES),
        ("cod-7b", Reason.NO_SCORES),
        (["model_a"], Reason.NO_SCORES),
    ],
)
def test_two_models_and_no_winner(winner: Any, reason: Reason) -> None:
    assert only({**ARENA, "winner": winner}).reason == reason


def test_two_models_that_were_asked_in_lists() -> None:
    record = {
        "model_a": "cod-7b",
        "model_b": "eel-7b",
        "prompt": '["Name a fish."]',
        "response_a": '["A carp."]',
        "response_b": '["A whale."]',
    }
    row = only({**record, "winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0})
    assert sides(row) == ((("user", "Name a fish."),), "A carp.", "A whale.")
    tie = only({**record, "winner_model_a": 0, "winner_model_b": 0, "winner_tie": 1})
    assert tie.reason == Reason.TIE
    null = {**record, "response_b": "[null]", "winner_model_a": 1, "winner_model_b": 0}
    assert only(null).reason == Reason.UNEXPECTED_SHAPE


def test_answers_with_votes_of_people() -> None:
    record = {
        "question": "Name a fish.",
        "answers": [
            {"text": "A whale.", "pm_score": 1, "selected": False},
            {"text": "A carp.", "pm_score": 5, "selected": True},
        ],
    }
    assert sides(only(record)) == ((("user", "Name a fish."),), "A carp.", "A whale.")
