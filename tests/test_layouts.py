"""Layouts: every example of each gives what it says, and records are read by their own shape."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import pytest

from open_instructions.layouts.layout import Layout, LayoutExample, LayoutOptions
from open_instructions.layouts.order import LAYOUTS
from open_instructions.layouts.recognise import (
    canonical_fields,
    convert,
    mapped_to,
    names,
    readings,
)
from open_instructions.preference import PreferenceDraft
from open_instructions.schema import Draft, Message, Reason, Reject

AUTO = LayoutOptions()
EXAMPLES = [(layout, example) for layout in LAYOUTS for example in layout.examples]


def said(items: Any) -> tuple[tuple[str, str], ...]:
    return tuple((m.role, m.content) for m in items if isinstance(m, Message))


def as_result(item: Draft | PreferenceDraft | Reject) -> Any:
    """What an example says of a result."""
    if isinstance(item, Reject):
        return item.reason
    if isinstance(item, PreferenceDraft):
        sides = {"prompt": item.prompt, "chosen": item.chosen, "rejected": item.rejected}
        return {name: said(messages) for name, messages in sides.items()}
    return said(item.messages)


@pytest.mark.parametrize(("layout", "example"), EXAMPLES, ids=lambda x: getattr(x, "name", ""))
def test_every_example(layout: Layout, example: LayoutExample) -> None:
    assert tuple(map(as_result, convert(example.record, example.options))) == example.result
    assert layout in readings(example.record, example.options)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda x: x.name)
def test_examples_show_a_reject(layout: Layout) -> None:
    assert any(isinstance(r, Reason) for e in layout.examples for r in e.result)


def only(record: dict[str, Any], **options: Any) -> Any:
    (item,) = convert(record, LayoutOptions(**options))
    return item


def test_a_worker_can_be_sent_the_converter() -> None:
    sent = pickle.loads(pickle.dumps(partial(convert, options=AUTO)))
    assert said(sent({"prompt": "a", "completion": "b"})[0].messages) == (
        ("user", "a"),
        ("assistant", "b"),
    )


def test_names() -> None:
    assert {"auto", "alpaca", "pairs"} <= set(names())
    assert canonical_fields("alpaca")[:3] == ("instruction", "input", "output")
    assert "license" in canonical_fields("auto")
    with pytest.raises(KeyError):
        canonical_fields("alpacca")


def test_a_mapped_field_stands_for_the_canonical_one() -> None:
    record = {"q": "Why?", "prompt": "p7", "meta": {"a": "So.", "by": "Ann"}, "note": "n"}
    fields = (("prompt", "q"), ("completion", "meta.a"), ("engine", "'gpt-4o'"), ("id", "note"))
    draft = only(record, fields=fields)
    assert said(draft.messages) == (("user", "Why?"), ("assistant", "So."))
    assert (draft.engine, draft.id) == ("gpt-4o", "n")
    assert draft.metadata == {"meta": {"by": "Ann"}, "prompt": "p7"}
    assert set(draft.used) == set(record)
    assert mapped_to(record, LayoutOptions(fields=fields), LAYOUTS_BY_NAME["pairs"]) == {
        "prompt": "q",
        "completion": "meta.a",
        "id": "note",
        "engine": "'gpt-4o'",
    }


LAYOUTS_BY_NAME = {layout.name: layout for layout in LAYOUTS}


def test_what_is_not_mapped_stays_with_the_record() -> None:
    record = {"q": "Why?", "answer": "So.", "notes": ["lost"]}
    draft = only(record, fields=(("question", "q"),))
    assert set(draft.used) == {"q", "answer"}
    assert draft.metadata == {}


def test_a_field_with_a_dot_in_its_name() -> None:
    draft = only({"a.b": "Why?", "a": {"b": "x"}, "answer": "So."}, fields=(("question", "a.b"),))
    assert said(draft.messages) == (("user", "Why?"), ("assistant", "So."))
    assert set(draft.used) == {"a.b", "answer"}


def test_a_path_into_json_text_and_into_a_list() -> None:
    record = {"meta": '{"q": ["Why?"]}', "answer": "So."}
    draft = only(record, fields=(("question", "meta.q.0"),))
    assert said(draft.messages)[0] == ("user", "Why?")
    assert "meta" not in draft.used


def test_two_pairs_in_one_record() -> None:
    record = {"instruction": "Add.", "output": "3", "question": "Why?", "answer": "So."}
    reject = only(record)
    assert (reject.reason, reject.detail) == (
        Reason.AMBIGUOUS_LAYOUT,
        "'instruction' and 'question' could each be meant",
    )
    assert said(only(record, layout="pairs").messages)[0] == ("user", "Why?")


def test_the_same_twice_is_read_once() -> None:
    record = {"instruction": "Add.", "output": "3", "question": "Add.", "answer": "3"}
    assert said(only(record).messages) == (("user", "Add."), ("assistant", "3"))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"text": "Once upon a time."}, Reason.NOT_A_CONVERSATION),
        ({"text": "Once.", "meta": {"by": "Ann"}}, Reason.NOT_A_CONVERSATION),
        ({"content": "Once."}, Reason.NOT_A_CONVERSATION),
        ({"image": "a.png", "caption": "A cat."}, Reason.UNSUPPORTED_MODALITY),
        ({"prompt": "a", "response": "b", "images": ["a.png"]}, Reason.UNSUPPORTED_MODALITY),
        ({"foo": "a", "bar": "b"}, Reason.UNKNOWN_LAYOUT),
        ({}, Reason.UNKNOWN_LAYOUT),
    ],
)
def test_what_no_layout_reads(record: dict[str, Any], reason: Reason) -> None:
    assert only(record).reason == reason


def test_the_fields_of_an_unknown_record_are_named() -> None:
    record = {"\x1b[31mred": "a", "b" * 900: "b"} | {f"f{n}": 1 for n in range(40)}
    detail = only(record).detail
    assert "\x1b" not in detail and "\\x1b[31mred" in detail and " and 30 more" in detail
    assert len(detail) < 300


@pytest.mark.parametrize("history", [
    [["Hi", "Hello."]],
    [{"human": "Hi", "assistant": "Hello."}],
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}],
    '[["Hi", "Hello."]]',
])  # fmt: skip
@pytest.mark.parametrize("names", [("instruction", "output"), ("query", "response")])
def test_earlier_turns(history: Any, names: tuple[str, str]) -> None:
    record = {names[0]: "And you?", names[1]: "Fine.", "history": history}
    assert said(only(record).messages) == (
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "And you?"),
        ("assistant", "Fine."),
    )


@pytest.mark.parametrize("history", [["Hi", "Hello."], "Hi", 7, [["Hi", "Hello.", "x"]], [[]]])
def test_earlier_turns_that_cannot_be_read(history: Any) -> None:
    for name in ("prompt", "instruction"):
        record = {name: "And you?", "response": "Fine.", "history": history}
        assert only(record).reason == Reason.LOST_CONTEXT


def test_a_prompt_of_messages_with_a_text_for_answer() -> None:
    prompt = [{"role": "system", "content": "Brief."}, {"role": "user", "content": "Why?"}]
    assert said(only({"prompt": prompt, "response": "So."}).messages) == (
        ("system", "Brief."),
        ("user", "Why?"),
        ("assistant", "So."),
    )


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda x: x.name)
def test_each_canonical_name_is_one_that_files_may_have(layout: Layout) -> None:
    """Or a field that is mapped to it would not be read."""
    assert [name for name, names in layout.aliases.items() if name not in names] == []


def test_other_names_of_a_mapped_field_stand_for_it_no_more() -> None:
    record = {"prompt": "Why?", "response": "No.", "best": "So."}
    draft = only(record, fields=(("completion", "best"),))
    assert said(draft.messages) == (("user", "Why?"), ("assistant", "So."))
    assert draft.metadata == {"response": "No."}
    record = {"system_prompt": "Be kind.", "s": "Be brief.", "prompt": "a", "response": "b"}
    draft = only(record, fields=(("system", "s"),))
    assert said(draft.messages)[0] == ("system", "Be brief.")
    assert draft.metadata == {"system_prompt": "Be kind."}
    assert "system_prompt" in draft.used


def test_html_is_marked_for_every_layout() -> None:
    for record in (
        {"prompt": "a", "response": "<p>b</p>"},
        {"prompt": "a", "chosen": "<p>b</p>", "rejected": "<p>c</p>"},
        {"text": "Human: a\nAssistant: <p>b</p>"},
    ):
        item = only(record, html=True)
        answers = item.chosen if isinstance(item, PreferenceDraft) else item.messages[1:]
        asked = item.prompt if isinstance(item, PreferenceDraft) else item.messages[:1]
        assert [m.html for m in (*asked, *answers)] == [False, True]


def test_what_a_record_says_about_itself() -> None:
    record = {"id": 7, "task": "qa", "engine": "m", "license": "MIT", "language": "en"}
    draft = only({**record, "prompt": "a", "response": "b"})
    assert (draft.id, draft.task, draft.engine, draft.license) == ("7", "qa", "m", "MIT")
    assert "language" not in draft.used
    odd = only({"id": ["x"], "task": " ", "prompt": "a", "response": "b"})
    assert (odd.id, odd.task) == (None, None) and "id" not in odd.used


def test_a_prompt_that_is_a_transcript_up_to_the_answer() -> None:
    prompt = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Why?\n\nAssistant:"
    assert said(only({"prompt": prompt, "completion": " So."}).messages) == (
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "Why?"),
        ("assistant", " So."),
    )
    asked = "Human: Hi\n\nAssistant: Hello."
    assert said(only({"prompt": asked, "completion": "So."}).messages)[0] == ("user", asked)


def test_an_answer_that_is_json_is_text() -> None:
    listed = '[{"role": "user", "content": "Hi"}]'
    draft = only({"prompt": "Show me a list of messages.", "completion": listed})
    assert said(draft.messages)[1] == ("assistant", listed)


def test_context_is_part_of_the_prompt_or_lost() -> None:
    record = {"question": "How many?", "answer": "SELECT 1", "context": "CREATE TABLE a"}
    assert said(only(record).messages)[0] == ("user", "How many?\n\nCREATE TABLE a")
    tables = only({**record, "context": ["CREATE TABLE a", "CREATE TABLE b"]})
    assert said(tables.messages)[0] == ("user", "How many?\n\nCREATE TABLE a\n\nCREATE TABLE b")
    lost = only({**record, "context": [{"table": "a"}]})
    assert lost.reason == Reason.LOST_CONTEXT


def test_a_list_of_messages_beside_a_pair() -> None:
    messages = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    record = {"messages": messages, "problem": "Why?", "solution": "So."}
    assert said(only(record).messages) == (("user", "Why?"), ("assistant", "So."))
    reject = only({**record, "solution": "Because."})
    assert (reject.reason, reject.detail) == (
        Reason.AMBIGUOUS_LAYOUT,
        "messages and pairs both fit, and differ",
    )
    found = readings({**record, "solution": "Because."}, AUTO)
    assert [layout.name for layout in found] == ["messages", "pairs"]


QA = {"question": "2 + 2", "answer": "4"}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**QA, "instruction": "Solve."}, "ambiguous_layout"),
        ({"problem": "2 + 2", "solution": "4", "instruction": "Solve."}, "ambiguous_layout"),
        ({**QA, "passage": "A text."}, "lost_context"),
        ({**QA, "choices": ["4", "5"]}, "lost_context"),
        ({**QA, "options": {"A": "4", "B": "5"}}, "lost_context"),
        ({"definition": "Add.", "inputs": "2 + 2", "targets": "4"}, "lost_context"),
    ],
)
def test_what_an_answer_may_depend_on(record: dict[str, Any], reason: str) -> None:
    """Without it, the row would be a different conversation; who names the layout knows better."""
    assert only(record).reason == reason
    assert said(only(record, layout="pairs").messages) == (("user", "2 + 2"), ("assistant", "4"))


def test_settings_and_people_are_no_part_of_a_prompt() -> None:
    record = {"prompt": "a", "response": "b", "options": {"top_p": 1}, "user": "u17", "human": "x"}
    assert said(only(record).messages) == (("user", "a"), ("assistant", "b"))
    assert said(only({"user": "a", "assistant": "b"}).messages) == (
        ("user", "a"),
        ("assistant", "b"),
    )


def test_a_prompt_that_a_template_made_of_another() -> None:
    made = "### Instruction:\nWhy?\n\n### Response:\n"
    for record in (
        {"instruction": "Why?", "output": "So.", "prompt": made},
        {"question": "Why?", "answer": "So.", "prompt": made},
    ):
        assert said(only(record).messages) == (("user", "Why?"), ("assistant", "So."))


def test_the_fields_of_a_layout_are_those_that_it_read() -> None:
    record = {"answer": "4", "problem": "2 + 2", "solution": "Two and two make four."}
    (layout,) = readings(record, AUTO)
    assert mapped_to(record, AUTO, layout) == {"prompt": "problem", "completion": "solution"}


def test_names_with_capitals() -> None:
    record = {"Question": "Why?", " Answer": "So.", "Level": "easy"}
    draft = only(record)
    assert said(draft.messages) == (("user", "Why?"), ("assistant", "So."))
    assert set(draft.used) >= {"Question", " Answer"}
    assert draft.metadata == {} and "Level" not in draft.used
    (layout,) = readings(record, AUTO)
    found = {"prompt": "Question", "completion": " Answer"}
    assert mapped_to(record, AUTO, layout) == found
    assert only({"Caption": "a", "Price": "b"}).detail == (
        "no layout has these fields: Caption, Price; "
        "--field prompt=NAME --field completion=NAME say what they are"
    )
    assert only({"Caption": "a", "Price": 7}).detail == "no layout has these fields: Caption, Price"
