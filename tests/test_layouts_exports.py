"""Conversations as chat services export them."""

from __future__ import annotations

from typing import Any

import pytest

from open_instructions.layouts.layout import LayoutOptions
from open_instructions.layouts.recognise import convert
from open_instructions.schema import Draft, Message, Reason, Reject

TALK = [("user", "Name a bird."), ("assistant", "A wren.")]


def read(record: dict[str, Any]) -> list[Any]:
    return convert(record, LayoutOptions())


def said(item: Any) -> list[tuple[str, str]]:
    assert isinstance(item, Draft), item
    return [(m.role, m.content) for m in item.messages if isinstance(m, Message)]


def node(parent: str | None, role: str, content: Any, **more: Any) -> dict[str, Any]:
    if isinstance(content, str):
        content = {"content_type": "text", "parts": [content]}
    message = {"author": {"role": role, "name": None}, "content": content, "recipient": "all"}
    return {"parent": parent, "children": [], "message": {**message, **more}}


EMPTY = {"parent": None, "children": ["s"], "message": None}
BIRD = {"r": EMPTY, "s": node("r", "system", ""), "u": node("s", "user", "Name a bird.")}


def chatgpt(current: str = "a", **nodes: Any) -> dict[str, Any]:
    return {"title": "Birds", "mapping": {**BIRD, **nodes}, "current_node": current}


def test_the_path_to_the_current_message_of_chatgpt() -> None:
    record = chatgpt(b=node("u", "assistant", "A bat."), a=node("u", "assistant", "A wren."))
    draft, off = read(record)
    assert said(draft) == TALK
    assert off.reason == Reason.NOT_ON_PATH
    assert "A bat." in off.message.content
    assert "title" not in draft.used
    assert said(read({**record, "current_node": "b"})[0]) == [TALK[0], ("assistant", "A bat.")]


def test_what_chatgpt_is_told_about_its_user() -> None:
    about = {
        "content_type": "user_editable_context",
        "user_profile": "I watch birds.",
        "user_instructions": "Be brief.",
    }
    mapping = {"s": node(None, "user", about), "u": node("s", "user", "Name a bird.")}
    record = {"mapping": {**mapping, "a": node("u", "assistant", "A wren.")}, "current_node": "a"}
    assert said(read(record)[0]) == [("system", "I watch birds.\n\nBe brief."), *TALK]


def test_what_chatgpt_thought() -> None:
    thoughts = {"content_type": "thoughts", "thoughts": [{"summary": "S", "content": "It sings."}]}
    recap = {"content_type": "reasoning_recap", "content": "Thought for 2 seconds"}
    record = chatgpt(
        t=node("u", "assistant", thoughts),
        p=node("t", "assistant", recap),
        a=node("p", "assistant", "A wren."),
    )
    [draft] = read(record)
    assert said(draft) == TALK
    assert draft.messages[1].fields == {"reasoning_content": "It sings."}
    assert "Thought for 2 seconds" in str(draft.metadata)


IMAGE = {"content_type": "multimodal_text", "parts": [{"asset_pointer": "x"}, "What is it?"]}
CODE = {"content_type": "code", "language": "python", "text": "1 + 1"}


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ({"a": node("u", "assistant", IMAGE)}, Reason.UNSUPPORTED_MODALITY),
        ({"a": node("u", "assistant", CODE, recipient="python")}, Reason.TOOL_CALL),
        ({"a": node("u", "tool", "7")}, Reason.TOOL_CALL),
        ({"a": node("u", "assistant", CODE)}, Reason.UNEXPECTED_SHAPE),
        ({"a": node("z", "assistant", "A wren.")}, Reason.UNEXPECTED_SHAPE),
        ({"a": node("a", "assistant", "A wren.")}, Reason.UNEXPECTED_SHAPE),
        ({"a": {"parent": "u", "message": 7}}, Reason.UNEXPECTED_SHAPE),
        ({"a": {"parent": ["u"], "message": None}}, Reason.UNEXPECTED_SHAPE),
    ],
)
def test_a_conversation_of_chatgpt_that_is_more_than_text(nodes: Any, reason: Reason) -> None:
    [reject] = read(chatgpt(**nodes))
    assert reject.reason == reason


def claude(**more: Any) -> dict[str, Any]:
    parts = [{"type": "text", "text": "A wren.", "citations": []}]
    asked = {"sender": "human", "text": "Name a bird.", "attachments": [], "files": []}
    answered = {"sender": "assistant", "text": "A wren.", "content": parts}
    return {"uuid": "7", "name": "Birds", "chat_messages": [{**asked, **more}, answered]}


def test_claude() -> None:
    [draft] = read(claude())
    assert said(draft) == TALK
    assert draft.metadata == {}
    [draft] = read(claude(content=[{"type": "text", "text": "Name a tree."}]))
    assert said(draft)[0] == ("user", "Name a tree.")
    assert draft.metadata == {"chat_messages": [{"text": "Name a bird."}, {}]}


@pytest.mark.parametrize("name", ["attachments", "files"])
def test_what_was_added_to_a_message_of_claude_s(name: str) -> None:
    [reject] = read(claude(**{name: [{"file_name": "birds.txt"}]}))
    assert (reject.reason, reject.detail) == (Reason.LOST_CONTEXT, f"a message with {name}")


def studio(*chunks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"runSettings": {"model": "m"}, "chunkedPrompt": {"chunks": list(chunks)}, **more}


ASKED, ANSWERED = {"role": "user", "text": "Name a bird."}, {"role": "model", "text": "A wren."}


def test_ai_studio() -> None:
    thought = {"role": "model", "text": "It sings.", "isThought": True}
    record = studio(ASKED, thought, ANSWERED, systemInstruction={"parts": [{"text": "Be brief."}]})
    [draft] = read(record)
    assert said(draft) == [("system", "Be brief."), *TALK]
    assert draft.messages[2].fields == {"reasoning_content": "It sings."}
    assert said(read(studio(ASKED, ANSWERED, systemInstruction={}))[0]) == TALK


def test_ai_studio_with_what_is_not_text() -> None:
    [reject] = read(studio({"role": "user", "driveImage": {"id": "x"}}, ANSWERED))
    assert reject.reason == Reason.UNSUPPORTED_MODALITY
    [reject] = read(studio(ASKED, ANSWERED, systemInstruction={"driveDocument": {"id": "x"}}))
    assert isinstance(reject, Reject)
    assert reject.reason == Reason.LOST_CONTEXT
