"""What stands beside a prompt and its answer, or around them, is not lost without a word."""

from __future__ import annotations

from typing import Any

import pytest

from open_instructions.layouts.layout import LayoutOptions
from open_instructions.layouts.recognise import convert
from open_instructions.preference import PreferenceDraft
from open_instructions.schema import Draft, Message, Reason, Reject

ASKED = {"role": "user", "content": "Is it late?"}
ANSWERED = {"role": "assistant", "content": "Yes."}
TALK = (("user", "Is it late?"), ("assistant", "Yes."))
NOW = {"name": "now", "description": "The time of day."}


def only(record: dict[str, Any], **options: Any) -> Draft | Reject:
    (item,) = convert(record, LayoutOptions(**options))
    assert isinstance(item, Draft | Reject)
    return item


def said(record: dict[str, Any], **options: Any) -> tuple[tuple[str, str], ...]:
    draft = only(record, **options)
    assert isinstance(draft, Draft), draft
    return tuple((m.role, m.content) for m in draft.messages if isinstance(m, Message))


def refused(record: dict[str, Any]) -> tuple[Reason, str]:
    reject = only(record)
    assert isinstance(reject, Reject), reject
    return reject.reason, reject.detail


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("documents", ["Oaks grow.", "Elms grow."]),
        ("documents", ["Oaks grow."]),
        ("contexts", ["Oaks grow."]),
        ("retrieved_contexts", ["Oaks grow."]),
        ("ctxs", [{"title": "Oaks", "text": "Oaks grow."}]),
        ("passages", [{"text": "Oaks grow."}]),
        ("table", {"header": ["tree"], "rows": [["oak"]], "name": "trees"}),
        ("table_array", [["tree"], ["oak"]]),
        ("instructions", "Answer in French."),
    ],
)
def test_what_a_question_is_about_is_not_left_out(name: str, value: Any) -> None:
    record = {"question": "Which tree is it?", "answer": "An oak."}
    reason, detail = refused({**record, name: value})
    assert reason == Reason.LOST_CONTEXT
    assert repr(name) in detail
    assert said({**record, name: []}) == (("user", "Which tree is it?"), ("assistant", "An oak."))


def test_several_texts_that_a_prompt_is_about() -> None:
    record = {"question": "Which?", "contexts": ["Oaks grow.", "Elms grow."], "answer": "Oaks."}
    assert said(record, fields=(("context", "contexts"),)) == (
        ("user", "Which?\n\nOaks grow.\n\nElms grow."),
        ("assistant", "Oaks."),
    )


@pytest.mark.parametrize("name", ["systemPrompt", "System Prompt", "SYSTEM", " system ", "System"])
def test_a_system_prompt_under_another_spelling(name: str) -> None:
    record = {name: "Be brief.", "prompt": "Is it late?", "response": "Yes."}
    assert said(record) == (("system", "Be brief."), *TALK)
    assert said({name: "Be brief.", "messages": [ASKED, ANSWERED]}) == (
        ("system", "Be brief."),
        *TALK,
    )


def test_what_a_chat_template_is_given() -> None:
    kwargs = {
        "custom_instructions": "Be brief.",
        "enable_thinking": False,
        "python_tools": [],
        "xml_tools": ['{"name": "now", "description": "The time of day."}'],
    }
    draft = only({"messages": [ASKED, ANSWERED], "chat_template_kwargs": kwargs})
    assert isinstance(draft, Draft)
    assert [m.content for m in draft.messages if isinstance(m, Message)] == [
        "Be brief.",
        "Is it late?",
        "Yes.",
    ]
    assert draft.tools == [{"type": "function", "function": NOW}]
    assert draft.metadata == {
        "chat_template_kwargs": {"enable_thinking": False, "python_tools": []}
    }


def test_what_a_chat_template_is_given_and_nobody_can_read() -> None:
    kwargs = {"python_tools": ['{"description": "A tool without a name."}']}
    reason, _ = refused({"messages": [ASKED, ANSWERED], "chat_template_kwargs": kwargs})
    assert reason == Reason.LOST_CONTEXT


REQUEST = {"model": "m-1", "messages": [ASKED], "tools": [{"type": "function", "function": NOW}]}
CHOICES = [{"index": 0, "message": ANSWERED, "finish_reason": "stop"}]


@pytest.mark.parametrize(
    "record",
    [
        {"request": REQUEST, "response": {"object": "chat.completion", "choices": CHOICES}},
        {"body": REQUEST, "response": {"status_code": 200, "body": {"choices": CHOICES}}},
        {"input": REQUEST, "output": ANSWERED},
        {"inputs": REQUEST, "outputs": ANSWERED},
        {**REQUEST, "choices": CHOICES},
        {**REQUEST, "response": "Yes."},
        {**REQUEST, "completion": [ANSWERED]},
    ],
)
def test_logs_of_requests(record: dict[str, Any]) -> None:
    draft = only(record)
    assert said(record) == TALK
    assert isinstance(draft, Draft)
    assert draft.tools == [{"type": "function", "function": NOW}]


def test_a_request_with_several_choices_has_no_answer() -> None:
    assert said({**REQUEST, "choices": [*CHOICES, *CHOICES]}) == (("user", "Is it late?"),)


@pytest.mark.parametrize(
    "record",
    [
        {"inputs": {"question": "Is it late?"}, "outputs": {"answer": "Yes."}},
        {"fields": {"prompt": "Is it late?", "response": "Yes."}, "suggestions": {}},
        {"id": 1, "data": {"instruction": "Is it late?", "output": "Yes."}},
    ],
)
def test_fields_inside_of_objects(record: dict[str, Any]) -> None:
    assert said(record) == TALK


def test_fields_that_two_objects_have_are_nobodys() -> None:
    record = {"input": {"prompt": "a", "response": "b"}, "output": {"prompt": "c", "response": "d"}}
    assert refused(record)[0] == Reason.UNKNOWN_LAYOUT


def test_metadata_is_not_read_as_a_conversation() -> None:
    record = {"raw": "x", "metadata": {"question": "Is it late?", "answer": "Yes."}}
    assert refused(record)[0] == Reason.UNKNOWN_LAYOUT


def test_an_answer_beside_messages_that_have_one_stays_metadata() -> None:
    record = {"messages": [ASKED, ANSWERED], "answer": "No."}
    draft = only(record)
    assert said(record) == TALK
    assert isinstance(draft, Draft)
    assert "answer" not in draft.used


def test_two_answers_beside_messages() -> None:
    record = {"messages": [ASKED], "response": "Yes.", "completion": "No."}
    assert refused(record) == (
        Reason.AMBIGUOUS_LAYOUT,
        "'completion' and 'response' could each be the answer",
    )


THOUGHT = "The clock says ten to midnight."


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [ASKED], "reasoning": THOUGHT, "answer": "Yes."},
        {"prompt": "Is it late?", "reasoning": THOUGHT, "response": "Yes."},
        {"question": "Is it late?", "thinking": THOUGHT, "answer": "Yes."},
        {"Question": "Is it late?", "Complex_CoT": THOUGHT, "Response": "Yes."},
        {"instruction": "Is it late?", "reasoning_content": THOUGHT, "output": "Yes."},
    ],
)
def test_what_was_thought_before_an_answer(record: dict[str, Any]) -> None:
    draft = only(record)
    assert isinstance(draft, Draft)
    answer = draft.messages[-1]
    assert isinstance(answer, Message)
    assert answer.content == "Yes."
    assert answer.fields == {"reasoning_content": THOUGHT}


@pytest.mark.parametrize("setting", ["on", "off", "very high", True, 3, None])
def test_a_setting_is_not_a_thought(setting: Any) -> None:
    draft = only({"prompt": "Is it late?", "reasoning": setting, "response": "Yes."})
    assert isinstance(draft, Draft)
    assert draft.messages[-1] == Message("assistant", "Yes.")


def test_a_thought_that_is_in_the_answer_is_not_said_twice() -> None:
    text = f"<think>{THOUGHT}</think>Yes."
    draft = only({"prompt": "Is it late?", "reasoning": THOUGHT, "response": text})
    assert isinstance(draft, Draft)
    assert draft.messages[-1] == Message("assistant", text)
    assert "reasoning" not in draft.used


def test_the_solution_of_a_question_is_worked_out() -> None:
    record = {"question": "2 + 2 + 2?", "solution": "2 + 2 is 4, and 2 more are 6.", "answer": "6"}
    assert said(record)[1] == ("assistant", "2 + 2 is 4, and 2 more are 6.")
    other = {"question": "Which one?", "solution": "B", "answer": "B, for it floats."}
    assert said(other)[1] == ("assistant", "B, for it floats.")
    same = {"question": "Which one?", "solution": "B", "answer": "C"}
    assert said(same)[1] == ("assistant", "C")


def test_a_solution_that_was_generated() -> None:
    record = {"problem": "2 + 2?", "generated_solution": "It is 4.", "expected_answer": "4"}
    assert said(record) == (("user", "2 + 2?"), ("assistant", "It is 4."))


def test_answers_that_all_are_right() -> None:
    record = {
        "id": "7",
        "title": "Oak",
        "context": "Oaks grow slowly.",
        "question": "How do oaks grow?",
        "answers": {"text": ["slowly", "slowly"], "answer_start": [10, 10]},
    }
    talk = (("user", "How do oaks grow?\n\nOaks grow slowly."), ("assistant", "slowly"))
    assert said(record) == talk
    assert "answers" in only(record).used  # type: ignore[union-attr]
    several = {**record, "answers": {"text": ["slowly", "grow slowly"], "answer_start": [10, 5]}}
    assert said(several) == talk
    assert "answers" not in only(several).used  # type: ignore[union-attr]
    none = {**record, "answers": {"text": [], "answer_start": []}}
    assert refused(none)[0] == Reason.NO_ANSWER
    assert said({"question": "Why?", "answers": ["So."]}) == (
        ("user", "Why?"),
        ("assistant", "So."),
    )


def test_the_token_behind_the_answer_to_a_template() -> None:
    prompt = "<|start_header_id|>user<|end_header_id|>\n\nIs it late?<|eot_id|>"
    prompt += "<|start_header_id|>assistant<|end_header_id|>\n\n"
    assert said({"input": prompt, "output": "Yes.<|eot_id|>"}) == TALK
    worded = "Human: Is it late?\n\nAssistant:"
    assert said({"input": worded, "output": "Yes.<|eot_id|>"}) == (
        ("user", "Is it late?"),
        ("assistant", "Yes.<|eot_id|>"),
    )


def test_an_instruction_that_is_a_conversation_up_to_the_answer() -> None:
    record = {
        "instruction": "Human:1 + 1?\nAssistant:2\nHuman:And 1 more?\nAssistant:",
        "input": "",
        "output": "3",
    }
    assert said(record) == (
        ("user", "1 + 1?"),
        ("assistant", "2"),
        ("user", "And 1 more?"),
        ("assistant", "3"),
    )


def test_a_reference_solution_beside_messages() -> None:
    record = {
        "problem": "2 + 2?",
        "solution": "Count: 3, 4.",
        "answer": "4",
        "messages": [
            {"role": "user", "content": "2 + 2?"},
            {"role": "assistant", "content": "<think>Two and two.</think>4"},
        ],
    }
    assert said(record)[1] == ("assistant", "<think>Two and two.</think>4")
    assert "solution" not in only(record).used  # type: ignore[union-attr]
    assert refused({**record, "problem": "2 + 3?"})[0] == Reason.AMBIGUOUS_LAYOUT
    plain = [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "It is 4."}]
    assert refused({**record, "messages": plain})[0] == Reason.AMBIGUOUS_LAYOUT
    generated = {**record, "messages": plain, "generations": ["It is 5.", "It is 4."]}
    assert said(generated)[1] == ("assistant", "It is 4.")


def test_a_response_of_openai() -> None:
    record = {
        "object": "response",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Is it late?"}]}],
        "output": [
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "c_1",
                "name": "now",
                "arguments": "",
            },
            {"type": "function_call_output", "call_id": "c_1", "output": "23:50"},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Yes."}],
            },
        ],
        "tools": [{"type": "function", "name": "now", "description": "The time of day."}],
    }
    draft = only(record)
    assert isinstance(draft, Draft)
    assert draft.tools == [{"type": "function", "function": NOW}]
    assert said(record) == (
        ("system", "Be brief."),
        ("user", "Is it late?"),
        ("assistant", ""),
        ("tool", "23:50"),
        ("assistant", "Yes."),
    )
    call, result = draft.messages[2], draft.messages[3]
    assert isinstance(call, Message) and isinstance(result, Message)
    assert call.calls[0]["id"] == "c_1"
    assert result.fields == {"tool_call_id": "c_1"}


def test_instructions_in_a_request_are_not_left_inside_it() -> None:
    request = {"input": "Is it late?", "instructions": "Be brief."}
    assert refused({"request": request, "response": ANSWERED})[0] == Reason.LOST_CONTEXT


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "human", "content": "Is it late?"}, {"type": "ai", "content": "Yes."}],
        [
            {"type": "human", "data": {"content": "Is it late?", "type": "human"}},
            {"type": "ai", "data": {"content": "Yes.", "type": "ai", "tool_calls": []}},
        ],
        [{"user": "Is it late?"}, {"assistant": "Yes."}],
        [{"human": "Is it late?"}, {"gpt": "Yes."}],
    ],
)
def test_other_ways_to_say_who_speaks(messages: list[dict[str, Any]]) -> None:
    assert said({"messages": messages}) == TALK
    assert said({"conversations": messages}) == TALK


def test_a_hidden_thought_is_no_text() -> None:
    parts = [{"type": "redacted_thinking", "data": "c2ln"}, {"type": "text", "text": "Yes."}]
    record = {"messages": [ASKED, {"role": "assistant", "content": parts}]}
    draft = only(record)
    assert said(record) == TALK
    assert isinstance(draft, Draft)
    assert draft.metadata == {"messages": [{}, {"content": [{"data": "c2ln"}, {}]}]}


def test_a_message_outside_of_a_list_is_named() -> None:
    assert refused(ASKED) == (
        Reason.NOT_A_CONVERSATION,
        "a message by itself: a record has the list of them",
    )


@pytest.mark.parametrize(
    "text",
    [
        "[{'role': 'user', 'content': 'Is it late?'}, {'role': 'assistant', 'content': \"Yes.\"}]",
        "[{'role': 'user', 'content': 'Is it late?'}\n {'role': 'assistant', 'content': 'Yes.'}]",
        '[{"role": "user", "content": "Is it late?"}, {"role": "assistant", "content": "Yes."}]',
    ],
)
def test_a_list_of_messages_as_a_table_has_it(text: str) -> None:
    assert said({"messages": text}) == TALK
    assert said({"conversations": text}) == TALK
    row = convert({"chosen": text, "rejected": text.replace("Yes.", "No.")}, LayoutOptions())[0]
    assert isinstance(row, PreferenceDraft)
    assert row.chosen[0].content == "Yes."


@pytest.mark.parametrize("text", ["[{'role': 'user', 'content': (1, 2)}]", "[{'role'", "[{'a': 1}"])
def test_a_list_of_messages_that_nobody_can_read(text: str) -> None:
    assert refused({"messages": text})[0] == Reason.UNEXPECTED_SHAPE


PAIR = {"chosen": "An oak.", "rejected": "An elm."}


@pytest.mark.parametrize("name", ["documents", "contexts", "passages", "table"])
def test_what_a_question_with_two_answers_is_about(name: str) -> None:
    about = {name: ["Oaks grow."]}
    assert refused({"question": "Which tree is it?", **PAIR, **about})[0] == Reason.LOST_CONTEXT
    listed = {"prompt": [ASKED], **PAIR, **about}
    (draft,) = convert(listed, LayoutOptions())
    assert isinstance(draft, PreferenceDraft)
    (draft,) = convert({"question": "Which tree?", **PAIR, name: []}, LayoutOptions())
    assert isinstance(draft, PreferenceDraft)
