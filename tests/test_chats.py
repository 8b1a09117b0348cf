"""Lists of messages in the forms that files have them: `layouts.messages`, `chats`, `sharegpt`,
`xlam`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from open_instructions.layouts.chats import MESSAGES
from open_instructions.layouts.layout import Layout, LayoutExample, LayoutOptions
from open_instructions.layouts.messages import Chat
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
