"""Medical multiple-choice questions: MedMCQA, whose answers are numbers, and MedQA, whose answers
are a letter and a text.

MedMCQA's `cop` counts from 1 in upstream's files and from 0 in copies on the hub. A record does not
show which, so the whole file decides (see `MEDMCQA_PROBE`). A letter needs no such decision. -1,
which copies use for a question without an answer, does not show how the others count."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from open_instructions.catalogue import Probe, Seen
from open_instructions.layouts.fields import missing_fields, multiple_choice, pair, question
from open_instructions.schema import Draft, Reason, Record, Reject, to_json

_LETTERS = "ABCD"
_OPTIONS = ("opa", "opb", "opc", "opd")
_NUMBER = re.compile(r"\s{0,9}([+-]?[0-9]{1,9})(?:\.0)?\s{0,9}")
_LETTER = re.compile(r"\s{0,9}\(?(?:op)?([a-d])[).]?\s{0,9}", re.I)


def brief(value: Any) -> str:
    """A value as JSON, for the detail of a reject, shortened if it is long."""
    text = to_json(value)
    if len(text) <= 60:
        return text
    return text[:60] + "…"


def absent(value: Any) -> bool:
    """Is a value null, or what tables turn null into: an empty text or NaN?"""
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def _code(value: Any) -> int | str | Reject:
    """A coded answer: a number (2, 2.0, "2"), or a letter in capitals ("b", "(B)", "opb")."""
    if absent(value):
        return Reject(Reason.NO_ANSWER, "no correct option is given, as in upstream's test split")
    if isinstance(value, str) and (letter := _LETTER.fullmatch(value)):
        return letter[1].upper()
    if isinstance(value, str) and (digits := _NUMBER.fullmatch(value)):
        value = int(digits[1])
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:
        odd = f"cop is {brief(value)}, which is neither a number nor a letter of an option"
        return Reject(Reason.UNEXPECTED_SHAPE, odd)
    if value == -1:
        unanswered = "cop is -1: no correct option is given, as in the hub's test split"
        return Reject(Reason.NO_ANSWER, unanswered)
    return int(value)


# "Ans. is (c)", "Answer: B", "Correct option is 'd' i.e. …". A bare letter counts only where a mark
# or an end follows: "Ans. A man of forty" and "Answer: C. difficile" name no option.
_CUES = ("ans", "correct", "right")
_SAYS = (
    r"(?<!wrong )(?<!incorrect )\b(?:ans|answer|(?:correct|right) {1,3}(?:option|choice|answer))\b"
    r"[\s.:,=-]{0,6}(?:is\b[\s.:-]{0,4})?(?:(?:option|choice)\b[\s.:-]{0,3})?"
)
_BRACKETED = r"[(\['\"‘’“`]\s?([a-d])\s?[)\]'\"’‘”`]"
_BARE = (
    r"([a-d])(?=\s{0,3}(?:[,;:)\]]|i\.e|\Z|\n|[-–] )"
    r"|\.(?:\s{0,3}\Z|\s{0,3}\n|\s{1,3}(?-i:[A-Z(])))"
)
_ONE_MORE = r"(\s{0,3}(?:,|&|and\b|or\b|/|\+)\s{0,3}[(\['\"‘“`]?[a-d]\b)?"
_NAMED = re.compile(f"{_SAYS}(?:{_BRACKETED}|{_BARE}){_ONE_MORE}", re.I)
# "Option (c) is the correct answer", "(c) is right"
_RIGHT = re.compile(
    r"(?:\b(?:option|choice|answer) {1,3}[(\['\"‘“`]?|[(])([a-d])[)\]'\"’”`]?"
    r" {1,3}is {1,3}(?:the {1,3})?(?:correct|right)\Z",
    re.I,
)
_LONGEST = 40
"""The most characters that `_RIGHT` matches."""


def named_option(text: Any) -> int | None:
    """The one option that an explanation names, counted from 0; None if it names none, or several.

    >>> named_option("Ans. is (c) i.e., Kidney"), named_option("Answer: A man of forty")
    (2, None)
    """
    found: set[str] = set()
    if not isinstance(text, str):
        return None
    for start, end in _cues(text):
        named = _NAMED.match(text, start)
        if named and named[3]:
            return None
        if named:
            found.add((named[1] or named[2]).upper())
        elif right := _RIGHT.search(text, max(start - _LONGEST, 0), end):
            found.add(right[1].upper())
    if len(found) == 1:
        return _LETTERS.index(found.pop())
    return None


def _cues(text: str) -> Iterator[tuple[int, int]]:
    """The places of words with which an explanation may name an option. Finding them this way takes
    a tenth of the time of a pattern."""
    small = text.replace("İ", "i").lower()  # the only letter that becomes two
    for cue in _CUES:
        at = small.find(cue)
        while at >= 0:
            yield at, at + len(cue)
            at = small.find(cue, at + 1)


def _seen(record: Record) -> Seen:
    code = _code(record.get("cop"))
    if isinstance(code, int):
        return Seen(code, named_option(record.get("exp")))
    return Seen(None)


MEDMCQA_PROBE = Probe("cop", len(_LETTERS), _seen, beside=("exp",))


def medmcqa(record: Record, index_base: int | None = None) -> Iterator[Draft | Reject]:
    wrong = missing_fields(record, "question", *_OPTIONS)
    if wrong:
        yield Reject(Reason.UNEXPECTED_SHAPE, wrong)
        return
    letter = _code(record.get("cop"))
    if isinstance(letter, int):
        letter = _counted(letter, index_base)
    if isinstance(letter, Reject):
        yield letter
        return
    options = dict(zip(_LETTERS, (record[name] for name in _OPTIONS), strict=True))
    explained, subject = (_text(record.get(name)) for name in ("exp", "subject_name"))
    answer = question(f"{letter}. {options[letter]}", explained or "")
    used = ["question", "cop", *_OPTIONS]
    used += [name for name in ("exp", "subject_name") if isinstance(record.get(name), str)]
    yield Draft(pair(multiple_choice(record["question"], options), answer), task=subject, used=used)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return None


def _counted(number: int, base: int | None) -> str | Reject:
    """The letter of a number in a file that counts from `base`."""
    if base is not None and 0 <= number - base < len(_LETTERS):
        return _LETTERS[number - base]
    counts = f"its file counts {len(_LETTERS)} options from {base}"
    if base is None:
        counts = "no number of an option is in its file"
    return Reject(Reason.UNEXPECTED_SHAPE, f"cop is {brief(number)}, and {counts}")


def medqa(record: Record) -> Iterator[Draft | Reject]:
    wrong = missing_fields(record, "question")
    options = _options(record.get("options"))
    if wrong or isinstance(options, Reject):
        yield options if isinstance(options, Reject) else Reject(Reason.UNEXPECTED_SHAPE, wrong)
        return
    letter = _chosen(record, options)
    if isinstance(letter, Reject):
        yield letter
        return
    answer, said = record.get("answer"), record.get("answer_idx")
    used = ["question", *(["options"] if _is_plain(record["options"]) else [])]
    if said == letter:
        used.append("answer_idx")
    if answer in (letter, options[letter]):
        used.append("answer")
    messages = pair(
        multiple_choice(record["question"], options),
        f"{letter}. {options[letter]}",
    )
    yield Draft(messages, used=used)


def _is_plain(options: Any) -> bool:
    """Are the options nothing but letters and texts?"""
    return isinstance(options, dict) or all(set(option) == {"key", "value"} for option in options)


def _options(given: Any) -> dict[str, str] | Reject:
    """The options by letter, from upstream's object or the hub's list of keys and values. In
    Parquet, a fifth option that does not exist is null."""
    if isinstance(given, dict):
        given = [{"key": key, "value": value} for key, value in given.items() if value is not None]
    is_list = isinstance(given, list) and all(isinstance(option, dict) for option in given)
    if not given or not is_list:
        return Reject(Reason.UNEXPECTED_SHAPE, "no texts in options")
    options: dict[str, str] = {}
    for option in given:
        key, value = option.get("key"), option.get("value")
        if not isinstance(key, str) or not isinstance(value, str):
            odd = f"an option without a letter and a text: {brief(option)}"
            return Reject(Reason.UNEXPECTED_SHAPE, odd)
        if key in options:
            return Reject(Reason.UNEXPECTED_SHAPE, f"two options {brief(key)}")
        options[key] = value
    return options


def _chosen(record: Record, options: Mapping[str, str]) -> str | Reject:
    """The letter of the answer. `answer_idx` and `answer` have to agree if both are given."""
    given, text = record.get("answer_idx"), record.get("answer")
    if absent(given) and absent(text):
        return Reject(Reason.NO_ANSWER, "neither answer_idx nor answer")
    if not absent(text) and not isinstance(text, str):
        return Reject(Reason.UNEXPECTED_SHAPE, f"answer is {brief(text)}, and not a text")
    if absent(given):
        return _by_text(str(text), options)
    said = given.strip() if isinstance(given, str) else ""
    letter = next((key for key in (said, said.upper()) if key in options), None)
    if letter is None:
        unknown = f"answer_idx {brief(given)} is not among the options"
        return Reject(Reason.UNEXPECTED_SHAPE, unknown)
    if absent(text) or letter in _meant_by(str(text), options):
        return letter
    by_letter = f"answer_idx is {brief(letter)}, which is {brief(options[letter])}"
    return Reject(Reason.CONTRADICTION, f"{by_letter}, and answer is {brief(text)}")


def _by_text(text: str, options: Mapping[str, str]) -> str | Reject:
    """The letter of the option that has this text, or that this text names, if there is only one.
    The letter is part of the answer, so it has to be certain."""
    fits = list(dict.fromkeys(_with_text(text, options) + _with_letter(text, options)))
    if len(fits) == 1:
        return fits[0]
    which = "is the text of no option"
    if fits:
        which = f"is the text or the letter of the options {', '.join(fits)[:60]}"
    said = f"answer {brief(text)} {which}, and there is no answer_idx"
    return Reject(Reason.UNEXPECTED_SHAPE, said)


def _meant_by(text: str, options: Mapping[str, str]) -> list[str]:
    """The letters of the options with this text; a text that no option has may be a letter
    itself."""
    return _with_text(text, options) or _with_letter(text, options)


def _with_text(text: str, options: Mapping[str, str]) -> list[str]:
    return [key for key, option in options.items() if _plain(option) == _plain(text)]


def _with_letter(text: str, options: Mapping[str, str]) -> list[str]:
    return [key for key in options if _plain(key) == _plain(text)]


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def mark_equal_options(record: Record) -> Record:
    """A question with two equal options is marked: two letters have one text."""
    given = record.get("options")
    values: Iterable[Any]
    if isinstance(given, dict):
        values = given.values()
    elif isinstance(given, list):
        values = [option.get("value") for option in given if isinstance(option, dict)]
    else:
        values = [record.get(name) for name in _OPTIONS]
    counts = Counter(" ".join(value.split()) for value in values if isinstance(value, str))
    if counts and max(counts.values()) > 1:
        return dict(record)
    return record
