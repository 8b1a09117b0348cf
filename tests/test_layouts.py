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
    record = {"q": "Why?", "answer": "So.", "context": ["lost"]}
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
        "alpaca and pairs both fit, and differ",
    )
    assert [layout.name for layout in readings(record, AUTO)] == ["alpaca", "pairs"]
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
