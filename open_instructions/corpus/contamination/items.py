"""The items of an evaluation set: from its records to questions, options, answers and passages.

If the user maps the field `question`, the fields that are mapped say all. Otherwise a record with
all fields of a set of the catalogue is read as one of it; one with options under a usual name is a
choice; and any other is read by a layout, as in a source: a question is a prompt, its answer is the
answer to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from ...catalogue.evaluations import EVALUATIONS
from ...layouts.fields import as_text
from ...layouts.layout import AUTO, LayoutOptions
from ...layouts.mapping import Fields, has, value_at
from ...layouts.prompts import PROMPTS
from ...layouts.recognise import convert
from ...preference import PreferenceDraft
from ...schema import ASSISTANT, USER, Draft, Message, Reason, Record, Reject
from .choices import (
    LETTERS,
    Choices,
    answers_of,
    choices_at,
    listed,
    named,
    places,
    unfolded,
    usual_choices,
)

QUESTION, OPTIONS, ANSWER, CONTEXT, ID = "question", "options", "answer", "context", "id"
FIELDS = (QUESTION, OPTIONS, ANSWER, CONTEXT, ID)
"""The fields that a user can map. `options` and `answer` take several places, with commas."""
_ANSWERS = ("answer", "answers", "answerkey", "label", "target", "gold")
_PASSAGES = ("passage", "context", "article")
_IDS = ("id", "task_id", "question_id", "key")
"""Usual names of fields, in small letters."""
_OTHERS: tuple[Fields, ...] = (
    ((QUESTION, "turns"), (ID, "question_id")),
    ((QUESTION, "question"), (OPTIONS, "mc1_targets")),
    ((QUESTION, "prompt"), (ANSWER, "code"), (ID, "task_id")),
    ((QUESTION, "question.stem"), (OPTIONS, "question.choices"), (ANSWER, "answerKey")),
)
"""Fields of other files of the catalogue's sets."""
_ID = re.compile(r"[\w./:+@=#-]{1,64}", re.ASCII)
"""An id of a record that becomes part of an item's. It goes into builds, so it is never text."""


@dataclass(frozen=True)
class Item:
    """One question of an evaluation set.

    question  its text, without options
    options   the texts of its options, in order
    answers   texts each of which answers it; of a choice, the option and its letter
    passage   a text that it is asked about
    id        what the set calls it, "" if nothing usable
    number    the number that names its option, if one does; it is taken to count from 0
    """

    question: str
    options: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    passage: str = ""
    id: str = ""
    number: int | None = None

    @property
    def whole(self) -> str:
        """The question with its options, each on a line with its letter."""
        lettered = [
            f"{letter}. {text}" for letter, text in zip(LETTERS, self.options, strict=False)
        ]
        return "\n".join([self.question, *lettered])


def items_of(record: Record, options: LayoutOptions) -> list[Item] | Reject:
    """The items of a record: usually one, of a conversation one for each turn.

    >>> items_of({"question": "2 + 2?", "choices": ["3", "4"], "answer": 1}, LayoutOptions())
    [Item(question='2 + 2?', options=('3', '4'), answers=('4', 'B'), passage='', id='', number=1)]
    """
    fields = options.fields if is_mapped(options) else _known(record, options)
    found = _mapped(record, fields) if fields else _by_layout(record, options)
    if isinstance(found, Reject):
        return found
    name = _id(record, dict(fields).get(ID))
    return [replace(item, id=name) for item in found]


def counted_from_one(items: Sequence[Item]) -> list[Item]:
    """The items of a file, with options whose numbers count from 1 if one of them shows that: it
    has the number of the last option, and none has 0.

    >>> counted_from_one([Item("Is it?", ("no", "yes"), ("2",), number=2)])[0].answers
    ('yes', 'B')
    """
    told = [item for item in items if item.number is not None]
    if not any(item.number == len(item.options) for item in told):
        return list(items)
    if any(item.number == 0 for item in told):
        return list(items)
    return [_from_one(item) for item in items]


def _from_one(item: Item) -> Item:
    if item.number is None:
        return item
    answers = named(Choices(item.options), item.number - 1)
    return replace(item, answers=tuple(answers), number=item.number - 1)


def is_mapped(options: LayoutOptions) -> bool:
    """Whether the user says which field has the question."""
    return any(name == QUESTION for name, _ in options.fields)


def _known(record: Record, options: LayoutOptions) -> Fields:
    """The fields of a set of the catalogue, if a record has all of them; of several sets those of
    the most. Two fields are no evidence: a layout reads them."""
    if options.layout != AUTO or options.fields:
        return ()
    for known in _mappings():
        if known.first <= record.keys() and all(has(record, place) for place in known.places):
            return known.fields
    return ()


class _Known(NamedTuple):
    """Fields by which records are recognised, all their places, and the fields of a record that
    these are in."""

    fields: Fields
    places: tuple[str, ...]
    first: frozenset[str]


@cache
def _mappings() -> list[_Known]:
    """The most places first."""
    found = []
    for fields in (*(each.fields for each in EVALUATIONS), *_OTHERS):
        where = tuple(_places_of(fields))
        if len(where) > 2 or fields in _OTHERS:
            found.append(_Known(fields, where, frozenset(each.split(".")[0] for each in where)))
    return sorted(found, key=lambda each: -len(each.places))


def _places_of(fields: Fields) -> Iterator[str]:
    for name, where in fields:
        yield from places(where) if name in (OPTIONS, ANSWER) else (where,)


def _id(record: Record, where: str | None) -> str:
    values = [value_at(record, where)] if where else [record.get(name) for name in _IDS]
    texts = (as_text(value) for value in values)
    return next((text for text in texts if text and _ID.fullmatch(text)), "")


def _mapped(record: Record, mapped: Fields) -> list[Item] | Reject:
    fields = dict(mapped)
    asked = value_at(record, fields[QUESTION])
    questions = [text for text in map(as_text, listed(unfolded(asked))) if text and text.strip()]
    if not questions:
        return Reject(Reason.NO_PROMPT, f"no text in {fields[QUESTION]}")
    if len(questions) > 1:  # turns: nobody says which answer is whose
        return [Item(question) for question in questions]
    choices = choices_at(record, fields.get(OPTIONS, ""))
    given = [
        value
        for place in places(fields.get(ANSWER, ""))
        for value in listed(value_at(record, place))
    ]
    passage = as_text(value_at(record, fields[CONTEXT])) if CONTEXT in fields else None
    answers = answers_of(given, choices)
    return [Item(questions[0], choices.texts, answers.texts, passage or "", number=answers.number)]


def _by_layout(record: Record, options: LayoutOptions) -> list[Item] | Reject:
    asked = _asked(record) if options.layout == AUTO else None
    if asked and asked.options:
        return [asked]
    results = convert(record, options)
    read = [result for result in results if not isinstance(result, Reject)]
    if read:
        return list(_of_draft(read[0])) or Reject(Reason.NO_PROMPT, "a record without a prompt")
    if asked:
        return [asked]
    return next(result for result in results if isinstance(result, Reject))


def _asked(record: Record) -> Item | None:
    """A question in the one field with a prompt's usual name, and what is under usual names beside
    it; None for any other record."""
    small: dict[str, Any] = {}
    for name, value in record.items():
        small.setdefault(name.strip().lower(), value)
    texts = [text for name in PROMPTS if (text := as_text(small.get(name))) and text.strip()]
    if len(texts) != 1:
        return None
    choices = usual_choices(small)
    given = next((small[name] for name in _ANSWERS if small.get(name) not in (None, "")), None)
    if isinstance(given, dict):
        given = given.get("text", given.get("value"))
    answers = answers_of(listed(given), choices)
    passage = next((text for name in _PASSAGES if (text := as_text(small.get(name)))), "")
    return Item(texts[0], choices.texts, answers.texts, passage, number=answers.number)


def _of_draft(draft: Draft | PreferenceDraft) -> Iterator[Item]:
    """An item for each message of the user's, with the answer to it."""
    if isinstance(draft, PreferenceDraft):
        messages: list[Any] = [*draft.prompt, *draft.chosen]
    else:
        messages = list(draft.messages)
    texts = [message for message in messages if isinstance(message, Message)]
    for message, after in zip(texts, [*texts[1:], None], strict=True):
        if message.role == USER and message.content.strip():
            answered = after is not None and after.role == ASSISTANT
            given = [after.content] if after and answered else []
            yield Item(message.content, (), answers_of(given, Choices()).texts)
