"""The items of an evaluation set: from its records to questions, options, answers and passages.

A record is read in one of two ways. If the user maps the field `question`, the fields that are
mapped say all. Otherwise a layout reads it, as it reads a source: a question is a prompt, its
answer is the answer to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...layouts.fields import as_text
from ...layouts.layout import LayoutOptions
from ...layouts.mapping import value_at
from ...layouts.prompts import PROMPTS
from ...layouts.recognise import convert
from ...preference import PreferenceDraft
from ...schema import ASSISTANT, USER, Draft, Message, Reason, Record, Reject

QUESTION, OPTIONS, ANSWER, CONTEXT, ID = "question", "options", "answer", "context", "id"
FIELDS = (QUESTION, OPTIONS, ANSWER, CONTEXT, ID)
"""The fields that a user can map. `options` and `answer` take several places, with commas."""
_USUAL_OPTIONS = ("choices", "options", "endings")
_USUAL_ANSWERS = ("answer", "answerKey", "label", "target", "gold")
_USUAL_IDS = ("id", "task_id", "question_id", "key")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FINAL = "####"
"""What comes before the result of a worked answer in GSM8K's files."""
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
    """

    question: str
    options: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    passage: str = ""
    id: str = ""

    @property
    def whole(self) -> str:
        """The question with its options, each on a line with its letter."""
        lettered = [
            f"{letter}. {text}" for letter, text in zip(_LETTERS, self.options, strict=False)
        ]
        return "\n".join([self.question, *lettered])


def items_of(record: Record, options: LayoutOptions) -> list[Item] | Reject:
    """The items of a record: usually one, of a conversation one for each turn.

    >>> items_of({"question": "2 + 2?", "choices": ["3", "4"], "answer": 1}, LayoutOptions())
    [Item(question='2 + 2?', options=('3', '4'), answers=('4', 'B'), passage='', id='')]
    """
    found = _mapped(record, options) if is_mapped(options) else _by_layout(record, options)
    if isinstance(found, Reject):
        return found
    name = _id(record, options)
    return [replace(item, id=name) for item in found]


def is_mapped(options: LayoutOptions) -> bool:
    """Whether the user says which field has the question."""
    return any(name == QUESTION for name, _ in options.fields)


def _id(record: Record, options: LayoutOptions) -> str:
    said = dict(options.fields).get(ID)
    values = [value_at(record, said)] if said else [record.get(name) for name in _USUAL_IDS]
    texts = (as_text(value) for value in values)
    return next((text for text in texts if text and _ID.fullmatch(text)), "")


def _mapped(record: Record, options: LayoutOptions) -> list[Item] | Reject:
    fields = dict(options.fields)
    asked = value_at(record, fields[QUESTION])
    questions = [text for text in map(as_text, _listed(asked)) if text and text.strip()]
    if not questions:
        return Reject(Reason.NO_PROMPT, f"no text in {fields[QUESTION]}")
    choices = tuple(_texts_at(record, fields.get(OPTIONS, "")))
    given = [
        value
        for place in _places(fields.get(ANSWER, ""))
        for value in _listed(value_at(record, place))
    ]
    passage = as_text(value_at(record, fields[CONTEXT])) if CONTEXT in fields else None
    labels = _labels(record, fields.get(OPTIONS, ""))
    if len(questions) > 1:  # turns: nobody says which answer is whose
        return [Item(question) for question in questions]
    return [Item(questions[0], choices, _answers(given, choices, labels), passage or "")]


def _places(written: str) -> list[str]:
    return [place.strip() for place in written.split(",") if place.strip()]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _texts_at(record: Record, written: str) -> Iterator[str]:
    """The options at one place or several: a list, an object of texts, or a text each."""
    for place in _places(written):
        yield from _choices(value_at(record, place))


def _choices(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        inner = value.get("text", value.get("choices"))
        value = inner if isinstance(inner, list) else list(value.values())
    for each in _listed(value):
        text = as_text(each.get("text") if isinstance(each, Mapping) else each)
        if text is not None and text.strip():
            yield text


def _labels(record: Record, written: str) -> list[str]:
    """What the options are called, where that is said: {"text": […], "label": ["1", "2"]}."""
    for place in _places(written):
        value = value_at(record, place)
        if isinstance(value, Mapping):
            labels = value.get("label", list(value) if "text" not in value else ())
            return [str(label) for label in labels] if isinstance(labels, Sequence) else []
    return []


def _answers(
    given: Sequence[Any], choices: Sequence[str], labels: Sequence[str]
) -> tuple[str, ...]:
    found: list[str] = []
    for value in given:
        text = as_text(value)
        if text is None or not text.strip():
            continue
        at = _option(value, text.strip(), choices, labels)
        found += [text] if at is None else [choices[at], _LETTERS[at]]
        if _FINAL in text:
            found.append(text.rpartition(_FINAL)[2])
    return tuple(dict.fromkeys(found))


def _option(value: Any, text: str, choices: Sequence[str], labels: Sequence[str]) -> int | None:
    """Which option an answer names: by a label, a letter, or a number from 0."""
    names = list(labels) or list(_LETTERS[: len(choices)])
    if text in choices:
        at = list(choices).index(text)
    elif text in names:
        at = names.index(text)
    elif isinstance(value, int) or (text.isascii() and text.isdecimal() and len(text) < 3):
        at = int(text)
    else:
        return None
    return at if at < min(len(choices), len(_LETTERS)) else None


def _by_layout(record: Record, options: LayoutOptions) -> list[Item] | Reject:
    if choice := _choice(record):
        return [choice]
    results = convert(record, options)
    read = [result for result in results if not isinstance(result, Reject)]
    if read:
        return list(_of_draft(read[0])) or Reject(Reason.NO_PROMPT, "a record without a prompt")
    if question := _only_prompt(record):
        return [Item(question)]
    return next(result for result in results if isinstance(result, Reject))


def _choice(record: Record) -> Item | None:
    """A question with options under a usual name, or as A, B, C, …; None for any other record."""
    question, (choices, labels) = _only_prompt(record), _usual_options(record)
    if not question or len(choices) < 2:
        return None
    given = [record[name] for name in _USUAL_ANSWERS if record.get(name) is not None]
    return Item(question, choices, _answers(given[:1], choices, labels))


def _only_prompt(record: Record) -> str | None:
    """The one text of a record under a prompt's usual name."""
    texts = [value for name in PROMPTS if (value := as_text(record.get(name))) and value.strip()]
    return texts[0] if len(texts) == 1 else None


def _usual_options(record: Record) -> tuple[tuple[str, ...], list[str]]:
    """The options of a record, and what they are called."""
    for name in _USUAL_OPTIONS:
        choices = tuple(_choices(record[name])) if record.get(name) else ()
        if len(choices) > 1:
            return choices, _labels(record, name)
    letters = [letter for letter in _LETTERS if as_text(record.get(letter))]
    if letters == list(_LETTERS[: len(letters)]):
        return tuple(str(record[letter]) for letter in letters), letters
    return (), []


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
            yield Item(
                message.content, (), _answers([after.content] if after and answered else [], (), ())
            )
