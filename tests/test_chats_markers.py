"""Nothing that a list of messages says is lost: every text of a record has a marker of its own, and
each marker is in the draft, in its metadata or in a reject."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from open_instructions.contract import check_contract
from open_instructions.layouts.chats import MESSAGES
from open_instructions.layouts.fields import leftover
from open_instructions.layouts.layout import Layout, LayoutOptions
from open_instructions.layouts.sharegpt import SHAREGPT
from open_instructions.layouts.xlam import XLAM
from open_instructions.schema import Draft, Message, Record, Reject

_AROUND = ("", "", "", " ", "\n", '"', "'", "\\", "é", "<think>", "<tool_call>", "</tool_call>")
_ODD = (None, None, 0, 7.5, True, "", [], {}, [None], {"a": None}, float("nan"), 2**64)
_ROLES = ("user", "assistant", "system", "tool", "human", "gpt", "function_call", "narrator", None)
_TYPES = ("text", "thinking", "tool_use", "tool_result", "image_url", "odd", None)
_OF_PARTS = ("text", "value", "content", "thinking", "cite")
_MORE = (
    "weight", "loss", "train", "reasoning", "reasoning_content", "thinking", "tool_calls", "name",
    "function_call", "tool_call_id", "value", "content", "text", "lang", "images",
)  # fmt: skip


class _Maker:
    """Values with markers in them, each marker once."""

    def __init__(self, seed: int) -> None:
        self._random, self._numbers = Random(seed), count()

    def one_of(self, *values: Any) -> Any:
        return self._random.choice(values)

    def some(self, values: Sequence[str]) -> list[str]:
        return self._random.sample(values, self.one_of(0, 0, 1, 2))

    def text(self) -> str:
        return f"{self.one_of(*_AROUND)}m{next(self._numbers)}x{self.one_of(*_AROUND)}"

    def call(self) -> dict[str, Any]:
        arguments: Any = {"a": self.text(), "b": [self.one_of(*_ODD)]}
        if self.one_of(True, False):
            arguments = json.dumps(arguments)
        body = {"name": self.text(), "arguments": arguments}
        extra = {"note": self.text()} if self.one_of(True, False) else {}
        if self.one_of(True, False):
            return body | extra
        return {"id": self.text(), "type": "function", "function": body | extra}

    def part(self) -> Any:
        kind = self.one_of(*_TYPES)
        part = {key: self.text() for key in self.some(_OF_PARTS)}
        if kind == "tool_use":
            part |= {"id": self.text(), "name": self.text(), "input": {"a": self.text()}}
        if kind == "tool_result":
            part |= {"tool_use_id": self.text(), "content": self.one_of(self.text, self.parts)()}
        return {"type": kind, **part} if kind else self.one_of(part, self.text())

    def parts(self) -> list[Any]:
        return [self.part() for _ in range(self.one_of(1, 2))]

    def said(self) -> Any:
        call = json.dumps(self.call())
        tagged = f"{self.text()}<tool_call>{call}</tool_call>{self.text()}"
        answer = f"<tool_response>{self.text()}</tool_response>"
        texts = self.text(), self.text(), call, tagged, answer
        return self.one_of(*texts, self.parts(), {"a": self.text()}, *_ODD)

    def value(self) -> Any:
        calls = [self.call() for _ in range(self.one_of(1, 2))]
        return self.one_of(self.text(), calls, json.dumps(calls), calls[0], *_ODD)

    def entry(self) -> Any:
        sender, text = self.one_of(("role", "content"), ("from", "value"), ("speaker", "text"))
        entry = {sender: self.one_of(*_ROLES), text: self.said()}
        for key in self.some(_MORE):
            entry[key] = self.value()
        return self.one_of(entry, entry, entry, entry, entry, entry, *_ODD, self.text())

    def record(self, key: str) -> Record:
        entries = [self.entry() for _ in range(self.one_of(1, 2, 3))]
        plain = [{"role": role, "content": self.text()} for role in ("user", "assistant")]
        tools = [{"name": self.text(), "parameters": {"a": self.text()}}]
        record: Record = {"note": self.text(), key: [*plain, *entries]}
        if self.one_of(True, False):
            name = self.one_of("tools", "functions")
            record[name] = self.one_of(tools, json.dumps(tools), self.text())
        if self.one_of(True, False, False):
            record["system"] = self.one_of(self.text(), self.parts(), {"a": self.text()})
        return record


def _markers(value: Any) -> set[str]:
    return set(re.findall(r"m\d+x", json.dumps(value)))


def _kept(draft: Draft, record: Record) -> set[str]:
    said = [(m.content, m.fields) for m in draft.messages if isinstance(m, Message)]
    refused = [m.message for m in draft.messages if isinstance(m, Reject)]
    beside = [dict(draft.metadata), leftover(record, draft.used), list(draft.tools)]
    return _markers([said, refused, beside])


def _check(layout: Layout, record: Record) -> None:
    given = json.dumps(record)
    assert layout.fits(record, LayoutOptions())
    [item] = layout.read(record, LayoutOptions())
    check_contract([item], 1)
    assert json.dumps(record) == given, "the record was changed"
    if isinstance(item, Draft):
        assert _markers(record) - _kept(item, record) == set()


@settings(max_examples=1000)
@given(st.integers(0, 2**32))
def test_no_marker_is_lost(seed: int) -> None:
    maker = _Maker(seed)
    _check(MESSAGES, maker.record("messages"))
    _check(SHAREGPT, maker.record("conversations"))


@settings(max_examples=1000)
@given(st.integers(0, 2**32))
def test_no_marker_of_pairs_is_lost(seed: int) -> None:
    maker = _Maker(seed)
    pairs = [
        {
            maker.one_of("human", "user", "input"): maker.said(),
            maker.one_of("assistant", "bot", "output"): maker.said(),
            maker.one_of("system", "note"): maker.said(),
        }
        for _ in range(maker.one_of(1, 2))
    ]
    _check(SHAREGPT, {"conversation": pairs, "note": maker.text()})


@settings(max_examples=1000)
@given(st.integers(0, 2**32))
def test_no_marker_of_calls_is_lost(seed: int) -> None:
    maker = _Maker(seed)
    calls = [maker.call() for _ in range(maker.one_of(1, 2))]
    tools = [{"name": maker.text(), "parameters": {"a": maker.text()}}]
    record = {
        "query": maker.text(),
        "answers": maker.one_of(calls, json.dumps(calls)),
        "tools": maker.one_of(tools, json.dumps(tools)),
        "note": maker.text(),
    }
    _check(XLAM, record)
