"""The options of an evaluation item, and which of them answers it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import takewhile
from typing import Any, NamedTuple

from ...layouts.embedded import opened
from ...layouts.fields import as_text
from ...layouts.literals import read_literal
from ...layouts.mapping import value_at
from ...schema import Record

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LISTS = ("choices", "options", "endings")
"""Usual names of a field with all options, in small letters."""
_EACH = ("{}", "option_{}", "option {}", "option{}", "choice_{}", "op{}", "opt{}")
"""Usual names of a field with one option, with its letter."""
_FINAL, _BOXED = "####", "\\boxed{"
"""What comes before the result of a worked answer in GSM8K's files, and in those of MATH."""


class Choices(NamedTuple):
    """The options of an item.

    texts   in order
    labels  what they are called where that is said, like ["1", "2"]
    right   the places of those that are marked as right
    """

    texts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    right: tuple[int, ...] = ()


class Answers(NamedTuple):
    """Texts each of which answers an item, and the number that names its option, if one does."""

    texts: tuple[str, ...] = ()
    number: int | None = None


def choices_at(record: Record, written: str) -> Choices:
    """The options at one place, or at several with commas: a list, an object, or a text each.

    >>> choices_at({"a": {"text": ["x", "y"], "label": ["1", "2"]}}, "a")
    Choices(texts=('x', 'y'), labels=('1', '2'), right=())
    """
    found = [choices_in(value_at(record, place)) for place in places(written)]
    texts = tuple(text for each in found for text in each.texts)
    first = next((each for each in found if each.texts), Choices())
    return Choices(texts, *first[1:]) if len(first.texts) == len(texts) else Choices(texts)


def usual_choices(small: Record) -> Choices:
    """The options under a usual name, or as A, B, C, …, of a record whose names are in small
    letters; no options if there are none."""
    for name in _LISTS:
        found = choices_in(small.get(name))
        if len(found.texts) > 1:
            return found
    for form in _EACH:
        names = _names(form)
        texts = list(takewhile(bool, (as_text(small.get(name)) for name in names)))
        if len(texts) > 1 and not any(small.get(name) for name in names[len(texts) :]):
            return Choices(tuple(text or "" for text in texts), tuple(LETTERS[: len(texts)]))
    return Choices()


@cache
def _names(form: str) -> tuple[str, ...]:
    return tuple(form.format(letter.lower()) for letter in LETTERS)


def choices_in(value: Any) -> Choices:
    """The options of a list, of an object, or of a text that is one of these, as in a CSV file."""
    value = unfolded(value)
    labels: Any = ()
    marks: Any = ()
    if isinstance(value, Mapping):
        inner = value.get("text", value.get("choices"))
        labels = value.get("label", () if isinstance(inner, list) else list(value))
        marks = value.get("labels", ())
        value = inner if isinstance(inner, list) else list(value.values())
    entries = [_option(each) for each in listed(value)]
    texts = [text or "" for text, _ in entries]
    while texts and not texts[-1].strip():  # those in between count as places
        texts.pop()
    if not labels:
        labels = [label for _, label in entries if label is not None]
    told = tuple(map(str, labels)) if isinstance(labels, Sequence) else ()
    right = isinstance(marks, Sequence) and len(marks) == len(texts)
    return Choices(
        tuple(texts),
        told if len(told) == len(texts) else (),
        tuple(at for at, mark in enumerate(marks) if mark == 1) if right else (),
    )


def _option(value: Any) -> tuple[str | None, str | None]:
    """An option's text, and what it is called."""
    if isinstance(value, Mapping):
        return as_text(value.get("text")), as_text(value.get("label"))
    return as_text(value), None


def answers_of(given: Sequence[Any], choices: Choices) -> Answers:
    """The answers that values give: texts, or the option that a label, a letter or a number from 0
    names, with its letter.

    >>> answers_of([1], Choices(("no", "yes")))
    Answers(texts=('yes', 'B'), number=1)
    """
    found = [text for at in choices.right for text in named(choices, at)]
    number = None
    for value in given:
        text = as_text(value)
        if text is None or not text.strip():
            continue
        at = _named(text.strip(), choices)
        if at is None and len(given) == 1 and choices.texts:
            at = number = _number(value, text.strip())
        found += named(choices, at) or [text]
        found += _results(text)
    return Answers(tuple(dict.fromkeys(found)), number)


def _results(text: str) -> list[str]:
    """The answers that are inside a text: the texts of a list, or the result of a worked one.

    >>> _results(r"So it is \\boxed{\\frac{1}{2}}."), _results("3 + 4 is 7.\\n#### 7")
    (['\\\\frac{1}{2}'], [' 7'])
    """
    inside = unfolded(text)
    if isinstance(inside, list) and all(isinstance(each, str) for each in inside):
        return inside
    if _FINAL in text:
        return [text.rpartition(_FINAL)[2]]
    _, found, rest = text.rpartition(_BOXED)
    open_braces = 1
    for at, character in enumerate(rest if found else ""):
        open_braces += {"{": 1, "}": -1}.get(character, 0)
        if not open_braces:
            return [rest[:at]]
    return []


def named(choices: Choices, at: int | None) -> list[str]:
    """An option and its letter; nothing if there is none at that place."""
    known = at is not None and 0 <= at < min(len(choices.texts), len(LETTERS))
    return [choices.texts[at], LETTERS[at]] if known and at is not None else []


def _named(text: str, choices: Choices) -> int | None:
    """Which option a text is, or is the label or the letter of."""
    letters = LETTERS[: len(choices.texts)]
    for names in (choices.texts, choices.labels, letters, letters.lower()):
        if text in tuple(names):
            return tuple(names).index(text)
    return None


def _number(value: Any, text: str) -> int | None:
    """The number that a value is, if it may be one of an option."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return int(text) if (whole or text.isascii()) and text.isdecimal() and len(text) < 3 else None


def places(written: str) -> Iterator[str]:
    return (place.strip() for place in written.split(",") if place.strip())


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def unfolded(value: Any) -> Any:
    """A list or an object that is written as text, as JSON or as Python prints it; any other value
    as it is.

    >>> unfolded("['a', 'b']"), unfolded("[sic]")
    (['a', 'b'], '[sic]')
    """
    if not isinstance(value, str) or value[:1] not in ("[", "{"):
        return value
    for read in (opened, read_literal):
        try:
            return read(value)
        except ValueError:
            continue
    return value
