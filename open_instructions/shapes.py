"""Shapes of raw records that several sources share, and the damage that comes with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .schema import Draft, Message, Reason, Record, Reject


def question(*parts: str) -> str:
    """The parts of a prompt that hold text, a blank line between them: what an instruction and its input become."""
    return "\n\n".join([part for part in parts if part.strip()])


def pair(prompt: str, answer: str, *, prompt_is_html: bool = False) -> tuple[Message, Message]:
    """One user turn and one assistant turn."""
    return Message("user", prompt, prompt_is_html), Message("assistant", answer)


def missing_fields(record: Record, *names: str) -> str:
    """Names of fields that are absent or no text, as one phrase; "" if all are there as strings."""
    wrong = [n if n in record else f"{n} (absent)" for n in names if not isinstance(record.get(n), str)]
    return "no text in " + ", ".join(wrong) if wrong else ""


def instruction_pair(
    record: Record, *, prompt: Sequence[str] = ("instruction", "input"), answer: str = "output", **said: Any
) -> Draft | Reject:
    """Alpaca's shape: an instruction, perhaps an input, an output. The prompt is both, a blank line between them.

    `said` goes into the Draft (task, metadata, …); metadata is what else the record says. A record without the answer's field is a prompt without an answer.

    >>> instruction_pair({"instruction": "Add.", "input": "1, 2", "output": "3"}).messages[0].content
    'Add.\\n\\n1, 2'
    """
    present = [name for name in prompt if name in record]
    wrong = missing_fields(record, prompt[0], *present[1:])
    if wrong:
        return Reject(Reason.UNEXPECTED_SHAPE, wrong)
    if answer not in record or record[answer] is None:
        return Reject(Reason.NO_ANSWER, "a prompt without an answer")
    if not isinstance(record[answer], str):
        return Reject(Reason.UNEXPECTED_SHAPE, missing_fields(record, answer))
    if "metadata" not in said:
        said["metadata"] = rest(record, *prompt, answer)
    return Draft(pair(question(*(record[name] for name in present)), record[answer]), **said)


def rest(record: Record, *used: str) -> Record:
    """What upstream says beside the fields that a converter used: for `metadata`, so that nothing is lost."""
    return {key: value for key, value in record.items() if key not in used and value is not None and value != ""}


def multiple_choice(text: str, options: Mapping[str, str]) -> str:
    """The prompt of a multiple-choice question: its text, a blank line, one line per option."""
    return text + "\n\n" + "\n".join(f"{letter}. {option}" for letter, option in options.items())


_NO_INPUT = re.compile(r"[\s\\`<\[(]*no[ _-]?input[\s\\`>\])]*+[.,]?\s*|\s*<none>\s*|\s*n/a\s*", re.I)


def drop_prefixes(record: Record, prefixes: Mapping[str, str]) -> Record:
    """Take a label that belongs to the prompt's template ("输入：") off the beginning of fields."""
    changed = {
        key: record[key][len(prefix) :].lstrip(" \n")
        for key, prefix in prefixes.items()
        if isinstance(record.get(key), str) and record[key].startswith(prefix)
    }
    return {**record, **changed} if changed else record


def blank_no_input(record: Record) -> Record:
    """An `input` that only says there is none ("<noinput>", "No input.", "N/A") becomes empty; a real "None" stays."""
    value = record.get("input")
    return {**record, "input": ""} if isinstance(value, str) and value and _NO_INPUT.fullmatch(value) else record
