"""Lists of messages in the forms that files have them: `layouts.messages`, `chats`, `sharegpt`,
`xlam`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from open_instructions.layouts.chats import MESSAGES
from open_instructions.layouts.layout import Layout, LayoutExample, LayoutOptions
from open_instructions.layouts.messages import Chat
from open_instructions.layouts.recognise import convert
from open_instructions.layouts.sharegpt import SHAREGPT
from open_instructions.layouts.xlam import XLAM
from open_instructions.schema import Draft, Message, Reject

LAYOUTS = (MESSAGES, SHAREGPT, XLAM)
EXAMPLES = [(layout, example) for layout in LAYOUTS for example in layout.examples]
PLAIN = LayoutOptions()


def read(layout: Layout, record: dict[str, Any], options: LayoutOptions = PLAIN) -> Draft | Reject:
    assert layout.fits(record, options)
    [item] = layout.read(record, options)
    assert isinstance(item, Draft | Reject)
    return item


def draft(layout: Layout, record: dict[str, Any], options: LayoutOptions = PLAIN) -> Draft:
    item = read(layout, record, options)
    assert isinstance(item, Draft), item
    return item


def texts(item: Draft | Chat) -> list[tuple[str, str]]:
    messages = item.messages if isinstance(item, Draft) else item.items
    return [(m.role, m.content) for m in messages if isinstance(m, Message)]


@pytest.mark.parametrize(("layout", "example"), EXAMPLES)
def test_examples(layout: Layout, example: LayoutExample) -> None:
    item = read(layout, example.record, example.options)
    result = tuple(texts(item)) if isinstance(item, Draft) else item.reason
    assert (result,) == example.result


TALK = [("user", "Hi"), ("assistant", "Hello.")]


def said(sender: str, text: str, asks: str = "user", answers: str = "assistant") -> list[Any]:
    """TALK under other names."""
    return [{sender: asks, text: "Hi"}, {sender: answers, text: "Hello."}]


@pytest.mark.parametrize(
    ("layout", "record"),
    [
        (MESSAGES, {"messages": said("role", "content")}),
        (MESSAGES, {"messages": json.dumps(said("role", "content"))}),
        (MESSAGES, {"conversation": {"messages": said("role", "content", "human", "ai")}}),
        (SHAREGPT, {"conversations": said("from", "value", "human", "gpt")}),
        (SHAREGPT, {"dialog": said("role", "content", "prompter", "model")}),
        (SHAREGPT, {"dialogue": said("speaker", "text", "User", "Bot")}),
        (SHAREGPT, {"chat": [{"user": "Hi", "assistant": "Hello."}]}),
        (SHAREGPT, {"conversation": [{"system": "", "input": "Hi", "output": "Hello."}]}),
    ],
)
def test_lists_of_messages(layout: Layout, record: dict[str, Any]) -> None:
    assert texts(draft(layout, record)) == TALK


PARTS = {
    "OpenAI": ["Hi, ", {"type": "text", "text": "you"}],
    "of requests": [{"type": "input_text", "text": "Hi, "}, {"type": "input_text", "text": "you"}],
    "Oumi": [{"type": "text", "content": "Hi, "}, {"type": "text", "content": "you"}],
    "LLaMA-Factory": [{"type": "text", "value": "Hi, you"}],
    "without a type": [{"text": "Hi, you"}],
    "of assistants": [{"type": "text", "text": {"value": "Hi, you", "annotations": []}}],
    "Parquet": [{"type": "text", "text": "Hi, you", "image_url": None, "cache_control": None}],
}


@pytest.mark.parametrize("content", PARTS.values(), ids=PARTS)
def test_typed_parts(content: list[Any]) -> None:
    """Texts are put together with nothing between them, as chat templates do."""
    turns = [{"role": "user", "content": content}, {"role": "assistant", "content": "Hello."}]
    assert texts(draft(MESSAGES, {"messages": turns})) == [("user", "Hi, you"), TALK[1]]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "a.png"}},
        {"type": "input_image", "image_url": "a.png"},
        {"type": "image", "text": None},
        {"type": "image_path", "content": "a.png"},
        {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
        {"type": "video", "video": "a.mp4"},
        {"type": "document", "source": {}},
        {"image": "a.png"},
    ],
)
def test_what_is_not_text_is_refused_with_its_record(part: Any) -> None:
    turns = [{"role": "user", "content": ["Who is this?", part]}, *said("role", "content")[1:]]
    item = read(MESSAGES, {"messages": turns})
    assert isinstance(item, Reject)
    assert (item.reason, item.message) == ("unsupported_modality", None)


@pytest.mark.parametrize("name", ["image", "images", "videos", "audios"])
def test_media_beside_the_messages(name: str) -> None:
    turns = said("role", "content")
    [item] = convert({"messages": turns, name: ["a.png"]}, PLAIN)
    assert isinstance(item, Reject)
    assert item.reason == "unsupported_modality"
    [kept] = convert({"messages": turns, name: []}, PLAIN)
    assert isinstance(kept, Draft)


@pytest.mark.parametrize(
    ("beside", "fields"),
    [
        ({"weight": 0}, {"weight": 0}),
        ({"loss_weight": 0.5}, {"weight": 0.5}),
        ({"loss": True}, {"weight": 1}),
        ({"train": False}, {"weight": 0}),
        ({"train": False, "weight": 0}, {"weight": 0}),
        ({"loss": None}, None),
        ({"reasoning_content": "Hm."}, {"reasoning_content": "Hm."}),
        ({"reasoning": "Hm.", "reasoning_content": "Hm."}, {"reasoning_content": "Hm."}),
        ({"thinking": "Hm.", "name": "Ann"}, {"reasoning_content": "Hm.", "name": "Ann"}),
        ({"thinking": "", "name": " "}, None),
    ],
)
def test_what_messages_have_beside_their_text(beside: dict[str, Any], fields: Any) -> None:
    asks, answers = said("role", "content")
    read_ = draft(MESSAGES, {"messages": [asks, answers | beside]})
    assert [m.fields for m in read_.messages if isinstance(m, Message)] == [None, fields]
    assert {type(value) for value in (fields or {}).values()} <= {str, int, float}


def test_a_message_with_two_weights() -> None:
    asks, answers = said("role", "content")
    item = read(MESSAGES, {"messages": [asks, answers | {"weight": 1, "train": False}]})
    assert isinstance(item, Reject)
    assert item.reason == "contradiction"


def test_thoughts_in_the_text_stay_there() -> None:
    asks, answers = said("role", "content")
    answers["content"] = "<think>Hm.</think>\n\nHello."
    read_ = draft(MESSAGES, {"messages": [asks, answers]})
    assert read_.messages[1] == Message("assistant", "<think>Hm.</think>\n\nHello.")


@pytest.mark.parametrize("name", ["system", "system_prompt", "system_message"])
@pytest.mark.parametrize("layout", [MESSAGES, SHAREGPT])
def test_a_system_prompt_beside_the_messages(layout: Layout, name: str) -> None:
    key = "messages" if layout is MESSAGES else "conversations"
    turns = said("role", "content")
    system = {"role": "system", "content": "Be brief."}
    expected = [("system", "Be brief."), *TALK]
    for prompt in (
        "Be brief.",
        [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}],
    ):
        assert texts(draft(layout, {key: turns, name: prompt})) == expected
        assert texts(draft(layout, {key: [system, *turns], name: prompt})) == expected
    for nothing in ("", " ", None):
        assert texts(draft(layout, {key: turns, name: nothing})) == TALK
    other = read(layout, {key: [system, *turns], name: "Be long."})
    assert isinstance(other, Reject)
    assert other.reason == "contradiction"
    odd = read(layout, {key: turns, name: {"a": 1}})
    assert isinstance(odd, Reject)
    assert odd.reason == "lost_context"


def test_roles_of_a_user_come_first() -> None:
    turns = [{"from": "Bot", "value": "Hi"}, {"from": "ops", "value": "Hello."}]
    options = LayoutOptions(roles=(("bot", "user"), ("Ops", "assistant")))
    assert texts(draft(SHAREGPT, {"chat": turns}, options)) == TALK


def test_html_is_the_assistants() -> None:
    options = LayoutOptions(html=True)
    for sender, text in (("from", "value"), ("speaker", "text")):
        read_ = draft(SHAREGPT, {"chat": said(sender, text, "user", "bot")}, options)
        assert [m.html for m in read_.messages if isinstance(m, Message)] == [False, True]


def test_a_conversation_of_oumi() -> None:
    whole = {
        "conversation_id": "c7",
        "messages": [{**turn, "id": "m"} for turn in said("role", "content")],
        "metadata": {"topic": "greetings"},
    }
    read_ = draft(MESSAGES, whole)
    assert (read_.id, read_.metadata) == ("c7", {"messages": [{"id": "m"}, {"id": "m"}]})
    assert "metadata" not in read_.used  # so that it goes into the row's
    inside = draft(MESSAGES, {"conversation": whole, "note": "n"})
    assert (texts(inside), inside.id) == (TALK, "c7")
    assert inside.metadata == {
        "messages": [{"id": "m"}, {"id": "m"}],
        "conversation": {"metadata": {"topic": "greetings"}},
    }


def test_a_message_that_cannot_be_read_is_a_reject_in_its_place() -> None:
    turns = [*said("from", "value"), {"from": "narrator", "value": "Night fell."}, "?", None]
    read_ = draft(SHAREGPT, {"conversations": turns})
    assert texts(read_) == TALK
    assert [(m.reason, m.message) for m in read_.messages if isinstance(m, Reject)] == [
        ("unknown_role", Message("unknown", '{"from":"narrator","value":"Night fell."}')),
        ("unexpected_shape", Message("unknown", '"?"')),
        ("unexpected_shape", Message("unknown", "null")),
    ]


def test_what_is_no_list_of_messages() -> None:
    for record in (
        {"messages": "Hi"},
        {"messages": ["Hi", "Hello."]},
        {"chat": "[INST] Hi [/INST] Hello."},
        {"conversations": {"a": 1}},
    ):
        assert not any(layout.fits(record, PLAIN) for layout in LAYOUTS)
    item = read(MESSAGES, {"messages": '[{"role": "user", "content": "Hi"'})
    assert isinstance(item, Reject)
    assert item.reason == "unexpected_shape"
