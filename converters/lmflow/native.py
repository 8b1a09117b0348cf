"""LMFlow's own format: `type` says what the instances of a file are.

{"type": "text2text", "instances": [{"input": "2 + 2?", "output": "4"}, …]}  each instance a record
-> user: "2 + 2?"   assistant: "4"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import isnan
from typing import Any

from open_instructions.layouts.fields import (
    NUMBER_AS_TEXT,
    as_text,
    is_empty,
    leftover,
    missing_fields,
    pair,
)
from open_instructions.layouts.messages import read_chat
from open_instructions.layouts.tools import definitions
from open_instructions.preference import PreferenceDraft
from open_instructions.schema import SYSTEM, Draft, Message, Reason, Record, Reject

from .paired import read_pair

_MARKS = [
    re.compile(rf"\n ?{mark}[ \n]?")
    for mark in ("### Response:", "Output:", "Answer:", "Assistant:")
]
_UNANSWERED = ("NA", "N/A")
_PREFERENCES = ("paired_conversation", "paired_text_to_text")


def refuse_unanswered(record: Record) -> Record | Reject:
    instance = record.get("instances")
    said = instance.get("output", instance.get("text")) if isinstance(instance, dict) else None
    if isinstance(said, str) and (
        said.strip() in _UNANSWERED or said.rstrip().endswith("Output: NA")
    ):
        return Reject(Reason.NO_ANSWER, "the output says NA: it was not answered")
    return record


def _conversation(instance: Record) -> Draft | Reject:
    turns, system = instance.get("messages"), instance.get("system")
    if not isinstance(turns, list):
        return Reject(Reason.UNEXPECTED_SHAPE, "no list of messages")
    tools = definitions(instance)
    if isinstance(tools, Reject):
        return tools
    chat = read_chat(turns, has_tools=bool(tools.tools))
    if isinstance(chat, Reject):
        return chat
    used = ["messages", *(tools.used if tools.tools else ())]
    items = chat.items
    if isinstance(system, str):
        used.append("system")
        if system.strip():
            items = [Message(SYSTEM, system), *items]
    metadata = {"messages": chat.left} if chat.left else {}
    edits = (*tools.edits, *chat.edits)
    return Draft(items, metadata=metadata, used=used, edits=edits, tools=tools.tools)


def _text_pair(instance: Record) -> Draft | Reject:
    asked, answered = instance.get("input"), instance.get("output")
    texts = as_text(asked), as_text(answered)
    if is_empty(answered) and not isinstance(answered, str) and texts[0] is not None:
        return Reject(Reason.NO_ANSWER, "a prompt without an answer")
    if texts[0] is None or texts[1] is None:
        return Reject(Reason.UNEXPECTED_SHAPE, missing_fields(instance, "input", "output"))
    marked = not (isinstance(asked, str) and isinstance(answered, str))
    return Draft(
        pair(texts[0], texts[1]), used=("input", "output"), edits=(NUMBER_AS_TEXT,) * marked
    )


def _text_only(instance: Record) -> Draft | Reject:
    """A filled prompt is cut where its answer begins: at the first mark of the first kind in
    `_MARKS` that it contains."""
    wrong = missing_fields(instance, "text")
    if wrong:
        return Reject(Reason.UNEXPECTED_SHAPE, wrong)
    mark = next((found for pattern in _MARKS if (found := pattern.search(instance["text"]))), None)
    if mark is None:
        return Reject(Reason.NO_PAIR, "a plain text without a prompt and an answer")
    asked, answered = (
        instance["text"][: mark.start()].rstrip(),
        instance["text"][mark.end() :].strip(),
    )
    return Draft(pair(asked, answered), used=("text",))


def _listed(instance: Record) -> Draft | Reject:
    """The first answer is the conversation's; the others go into `metadata`."""
    answers: Any = instance.get("output")
    if not isinstance(answers, list) or not isinstance(instance.get("input"), str):
        return Reject(Reason.UNEXPECTED_SHAPE, "no text in input, or no list in output")
    if not answers:
        return Reject(Reason.NO_ANSWER, "an empty list of answers")
    if not all(isinstance(answer, str) for answer in answers):
        return Reject(Reason.UNEXPECTED_SHAPE, "an answer that is not text")
    others = {"other_answers": answers[1:]} if len(answers) > 1 else {}
    return Draft(pair(instance["input"], answers[0]), metadata=others, used=("input", "output"))


def _scored(instance: Record) -> Draft | Reject:
    """The answer with the highest score; of equal ones the first."""
    answers = instance.get("output")
    if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
        return _listed(instance)
    if not all(_is_score(answer.get("score")) for answer in answers):
        return Reject(Reason.UNEXPECTED_SHAPE, "an answer without a score")
    ordered = sorted(answers, key=lambda answer: -answer["score"])
    draft = _listed({**instance, "output": [answer.get("text") for answer in ordered]})
    if isinstance(draft, Reject):
        return draft
    # what the answers have besides their texts, in the order of the chosen answer and
    # `other_answers`
    return replace(
        draft,
        metadata={**draft.metadata, "answers": [leftover(answer, ("text",)) for answer in ordered]},
    )


def _is_score(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not isnan(value)


_KINDS: dict[str, Callable[[Record], Draft | Reject]] = {
    "text2text": _text_pair,
    "text_only": _text_only,
    "conversation": _conversation,
    "text_to_textlist": _listed,
    "text_to_scored_textlist": _scored,
}


def read_instance(record: Record) -> Iterable[Draft | PreferenceDraft | Reject]:
    """A record of any type, as a conversation, a preference row or a reject."""
    kind, instance = record.get("type"), record.get("instances")
    if not isinstance(instance, dict) or not isinstance(kind, str):
        return [Reject(Reason.UNEXPECTED_SHAPE, "no type, or an instance that is not an object")]
    if kind in _KINDS:
        return [_KINDS[kind](instance)]
    if kind in _PREFERENCES:
        return read_pair(instance)
    if kind in ("float_only", "image_text"):
        return [Reject(Reason.NO_TEXT, f"{kind} is not text")]
    return [Reject(Reason.UNEXPECTED_SHAPE, f"type {kind!r} is not one of LMFlow's")]
