"""Shapes of raw records that several sources share, and their typical damage."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from math import isfinite, isnan
from typing import Any

from ..schema import SYSTEM, Draft, Message, Reason, Record, Reject

NUMBER_AS_TEXT = "number_as_text"
"""The edit that marks a number converted to text."""
_HISTORY = "history"


def question(*parts: str) -> str:
    """The non-empty parts of a prompt, joined by blank lines: how an instruction and its input
    become one prompt."""
    return "\n\n".join([part for part in parts if part.strip()])


def pair(prompt: str, answer: str, *, prompt_is_html: bool = False) -> tuple[Message, ...]:
    """One user message and one assistant message."""
    return Message("user", prompt, prompt_is_html), Message("assistant", answer)


def missing_fields(record: Record, *names: str) -> str:
    """The names of fields that are absent or not text, as one phrase; "" if all are strings."""
    wrong = [
        n if n in record else f"{n} (absent)" for n in names if not isinstance(record.get(n), str)
    ]
    if wrong:
        return "no text in " + ", ".join(wrong)
    return ""


def as_text(value: Any) -> str | None:
    """The text of a value, a number as its digits; None for anything else.

    >>> as_text("four"), as_text(4), as_text(True)
    ('four', '4', None)
    """
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int) or (isinstance(value, float) and isfinite(value))
    if is_number and not isinstance(value, bool):
        return str(value)
    return None


def number(value: Any) -> float | None:
    """A finite number, also one that is written as text; None for anything else.

    >>> number("4.5"), number(True), number("N/A")
    (4.5, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value) if not isinstance(value, str) or len(value) < 40 else None
    except (ValueError, OverflowError):
        return None
    return found if found is not None and isfinite(found) else None


def is_empty(value: Any) -> bool:
    """Whether a field is empty: null, "", [], {} or NaN."""
    return _says_nothing(value) or (isinstance(value, float) and isnan(value))


def leftover(record: Mapping[str, Any], used: Collection[str]) -> dict[str, Any]:
    """The fields that a converter did not use, so that nothing is lost.

    >>> leftover({"q": "Why?", "a": "So.", "by": "Ann", "note": None}, ("q", "a"))
    {'by': 'Ann'}
    """
    return {
        key: value for key, value in record.items() if key not in used and not _says_nothing(value)
    }


def _says_nothing(value: Any) -> bool:
    return value is None or (not value and isinstance(value, str | list | dict))


def instruction_pair(
    record: Record,
    *,
    prompt: Sequence[str] = ("instruction", "input"),
    answer: str = "output",
    used: Sequence[str] = (),
    **said: Any,
) -> Draft | Reject:
    """Alpaca's shape: an instruction, perhaps an input, an output. The prompt is both, a blank line
    between them.

    `system` (text) becomes the system prompt, and `history` (a list of [prompt, answer]) the
    earlier turns. A record without the answer's field is a prompt without an answer. `used` names
    further fields that `said` already contains; `said` goes into the Draft (task, metadata, …).

    >>> record = {"instruction": "Add.", "input": "1, 2", "output": "3"}
    >>> instruction_pair(record).messages[0].content
    'Add.\\n\\n1, 2'
    """
    parts = [record.get(name) for name in prompt]
    parts[1:] = ["" if is_empty(part) else part for part in parts[1:]]
    given = record.get(answer)
    texts: list[Any] = [*parts, given]
    if set(map(type, texts)) != {str}:
        texts = [as_text(text) for text in texts]
        said["edits"] = (*said.get("edits", ()), NUMBER_AS_TEXT)
        if None in texts[:-1]:
            wrong = [name for name, text in zip(prompt, texts, strict=False) if text is None]
            return Reject(Reason.UNEXPECTED_SHAPE, missing_fields(record, *wrong))
        if is_empty(given):
            return Reject(Reason.NO_ANSWER, "a prompt without an answer")
        if texts[-1] is None:
            return Reject(Reason.UNEXPECTED_SHAPE, f"{answer} is {kind(given)}")
    messages = pair(question(*texts[:-1]), texts[-1])
    if SYSTEM in record or _HISTORY in record:
        before = earlier_turns(record)
        if isinstance(before, Reject):
            return before
        messages = (*before, *messages)
    return Draft(messages, used=(*prompt, answer, SYSTEM, _HISTORY, *used), **said)


def earlier_turns(record: Record) -> list[Message] | Reject:
    """The system prompt and the turns before a record's own turn, from `system` and `history`."""
    system, history = record.get(SYSTEM), record.get(_HISTORY)
    messages: list[Message] = []
    if not is_empty(system):
        if not isinstance(system, str):
            return Reject(Reason.LOST_CONTEXT, f"{SYSTEM} is {kind(system)}, not text")
        messages.append(Message(SYSTEM, system))
    if is_empty(history):
        return messages
    if not isinstance(history, list) or not all(_is_pair(turn) for turn in history):
        return Reject(Reason.LOST_CONTEXT, f"{_HISTORY} is not a list of pairs of texts")
    for asked, answered in history:
        messages += pair(asked, answered)
    return messages


def _is_pair(turn: Any) -> bool:
    return isinstance(turn, list) and len(turn) == 2 and all(isinstance(text, str) for text in turn)


def kind(value: Any) -> str:
    """What a value of JSON is, in words."""
    names = {
        bool: "true or false",
        list: "a list",
        dict: "an object",
        int: "a number",
        float: "a number",
        str: "a text",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)


def multiple_choice(text: str, options: Mapping[str, str]) -> str:
    """The prompt of a multiple-choice question: its text, a blank line, one line per option."""
    return text + "\n\n" + "\n".join(f"{letter}. {option}" for letter, option in options.items())


_NO_INPUT = re.compile(
    r"[\s\\`<\[(]*no[ _-]?input[\s\\`>\])]*+[.,]?\s*|\s*<none>\s*|\s*n/a\s*", re.I
)
_NO_INPUT_ZH = re.compile(
    r"[<\[(（【「《]?(?:(?:[无無]|没有|沒有|[无無]需|[无無]须|不需要?)(?:任何|额外的?|額外的?)?(?:[输輸]入)(?:内容|內容|文本|信息)?"
    r"|不适用|不適用)[>\])）】」》]?[。.!！]?"
)
_LONGEST_NO_INPUT = 60
"""In characters. A longer field has real content, however it begins."""


def blank_no_input(record: Record) -> Record:
    """An `input` that only says there is none ("<noinput>", "No input.", "N/A", "无输入") becomes
    empty; a real "None" or "无" stays."""
    value = record.get("input")
    if not isinstance(value, str) or not value or len(value) > _LONGEST_NO_INPUT:
        return record
    if _NO_INPUT.fullmatch(value) or _NO_INPUT_ZH.fullmatch(value.strip()):
        return {**record, "input": ""}
    return record


def _label(words: str) -> re.Pattern[str]:
    """A label at the beginning of a field, with the line breaks or the blank behind it; not the
    indentation after those."""
    return re.compile(rf"(?:#{{1,6}}[ \t]*+)?(?:{words})[ \t]*+[：:](?:(?:[ \t]*+\n)++|[ \t]?)")


def _section(words: str) -> re.Pattern[str]:
    """A label anywhere in a field, perhaps with a number: "输出 2："."""
    return re.compile(rf"(?:{words})[ \t]{{0,3}}\d{{0,3}}[ \t]{{0,3}}[：:]")


_LABELS = {
    "input": (_label("输入|輸入"), _section("输入|輸入|输出|輸出|规则|規則|示例|样例|例子")),
    "output": (_label("输出|輸出"), _section("输入|輸入|输出|輸出")),
}
"""Per field, the template's label for it, and labels that show that the field is an example of
inputs and outputs."""


def drop_labels(record: Record) -> Record:
    """Take the template's label ("输入：", "### 输入:", "输出：") off the beginning of input and
    output. A
    field with more such labels in it is an example and stays as it is; so does the indentation of
    what follows."""
    changed = {}
    for name, (label, section) in _LABELS.items():
        value = record.get(name)
        if not isinstance(value, str):
            continue
        found = label.match(value)
        if found and not section.search(value, found.end()):
            changed[name] = value[found.end() :]
    if changed:
        return {**record, **changed}
    return record
