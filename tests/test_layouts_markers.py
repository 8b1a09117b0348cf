"""Nothing that a record says is lost: each text has a marker of its own, and each marker is found
in a draft, in the metadata, or in a reject."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from open_instructions.layouts.fields import leftover
from open_instructions.layouts.layout import Layout, LayoutOptions
from open_instructions.layouts.order import LAYOUTS
from open_instructions.layouts.recognise import convert, convert_run
from open_instructions.preference import PreferenceDraft
from open_instructions.schema import Draft, Message, Record, Reject, to_json

WORDS = {
    *("user", "assistant", "system", "tool", "human", "gpt", "prompter", "function", "text"),
    *("function_call", "observation", "customer", "agent", "image_url", "True", "False"),
}
"""What a layout has to understand; it is nobody's text."""
NAMES = (
    *("note", "id", "task", "engine", "license", "language", "system", "history", "tools"),
    *("prompt", "response", "answer", "text", "messages", "score", "context", "rank", "label"),
)
ODD = st.sampled_from(
    ["t", "", None, 7, True, ["t", "u"], {"k": "t"}, [{"k": ["t"]}], [["t", "u"]], [], {}]
)
RUNS = ("best", "all")


class Marks:
    """Gives every text of a record a marker."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def on(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.on(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.on(item) for item in value]
        if not isinstance(value, str) or value in WORDS:
            return value
        self.given.append(f"mark{len(self.given):03d}x")
        return self._within(value, self.given[-1])

    @staticmethod
    def _within(text: str, mark: str) -> str:
        """The marker; in a text with a form of its own, behind each of its words that is said."""
        if ":" not in text and "[" not in text and "<" not in text and "{" not in text:
            return mark
        return text.replace("Hi", mark).replace("So.", mark)


def places(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(found for item in value.values() for found in places(item))]
    if isinstance(value, list):
        return [found for item in value for found in places(item)]
    return []


def everything(record: Record, options: LayoutOptions) -> str:
    """All that a build keeps of a record, in data/ or in rejected/."""
    return "\n".join(text for item in convert(record, options) for text in _kept(item, record))


def _kept(item: Draft | PreferenceDraft | Reject, record: Record) -> list[str]:
    if isinstance(item, Reject):
        return [item.message.content if item.message else to_json(record)]
    if isinstance(item, PreferenceDraft):
        messages: list[Any] = [*item.prompt, *item.chosen, *item.rejected]
        engines = [item.judge, item.chosen_engine, item.rejected_engine]
    else:
        messages, engines = list(item.messages), [item.engine]
    said = [m.message if isinstance(m, Reject) else m for m in messages]
    texts = [to_json([m.content, m.fields]) for m in said if isinstance(m, Message)]
    facts = [item.id, item.task, item.license, *engines, dict(item.metadata), list(item.tools)]
    return [*texts, to_json(facts), to_json(leftover(record, item.used))]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda x: x.name)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_every_text_is_somewhere(layout: Layout, data: st.DataObject) -> None:
    example = data.draw(st.sampled_from(layout.examples))
    record = copy.deepcopy(example.record)
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.sampled_from(places(record)))
        names = sorted({*NAMES, *place}, key=str)
        place[data.draw(st.sampled_from(names))] = copy.deepcopy(data.draw(ODD))
    marks = Marks()
    record = marks.on(record)
    options = data.draw(
        st.builds(
            LayoutOptions,
            layout=st.sampled_from(["auto", layout.name]),
            roles=st.just(example.options.roles),
            fields=st.sampled_from([(), (("prompt", "note"),), (("id", "note.k"),)]),
            paths=st.sampled_from(["best", "all"]),
            pairs=st.sampled_from(["best_worst", "best_each", "all"]),
            unpaired=st.sampled_from(["reject", "chosen"]),
        )
    )
    kept = everything(record, options)
    there = json.dumps(record)
    lost = [mark for mark in marks.given if mark in there and mark not in kept]
    assert lost == []


@settings(max_examples=200, deadline=None)
@given(
    parents=st.lists(st.integers(-1, 8), min_size=1, max_size=9),
    roles=st.lists(st.sampled_from(["prompter", "assistant", "judge"]), min_size=9, max_size=9),
    paths=st.sampled_from(RUNS),
)
def test_every_row_of_a_tree_is_somewhere(parents: Any, roles: Any, paths: Any) -> None:
    rows = [
        {
            "message_id": f"m{at}",
            "parent_id": None if parent < 0 else f"m{parent}",
            "role": role,
            "text": f"mark{at}x",
            "note": f"note{at}x",
        }
        for at, (parent, role) in enumerate(zip(parents, roles, strict=False))
    ]
    found = convert_run(rows, LayoutOptions(paths=paths))
    rejected = [item.record for item in found if isinstance(item, Reject)]
    kept = {at for item in found if isinstance(item, Draft) for at in item.records}
    assert sorted([*rejected, *kept]) == list(range(len(rows)))
    for item in found:
        if isinstance(item, Draft):
            said = to_json([[m.content for m in item.messages], dict(item.metadata)])  # type: ignore[union-attr]
            assert all(f"mark{at}x" in said and f"note{at}x" in said for at in item.records)
