"""Alpaca: 52,002 English instructions by self-instruct, answered by text-davinci-003.

{"instruction": "Add the numbers.", "input": "1, 2", "output": "3"}
-> user: "Add the numbers.\\n\\n1, 2"   assistant: "3"
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from open_instructions.catalogue import Example, File, Hub, Rule, Source, Subset, github, source
from open_instructions.layouts.fields import blank_no_input, instruction_pair
from open_instructions.schema import Draft, Reason, Record, Reject

_NEXT_TASK = re.compile(r"\n[ \t]*+\d++\.\s*+Instruction:")
_MARKS = re.compile(r"[ \t]*+(?:[#*]++|<!--\s*+-->|\d++)?[ \t]*+")
_NO_OUTPUT = re.compile(r"\s*(?:<\s*no\s?(?:in|out)put\s*>|n/a)\s*", re.I)


def cut_next_record(record: Record) -> Record:
    output = record.get("output")
    if not isinstance(output, str) or "Instruction:" not in output:
        return record
    match = _NEXT_TASK.search(output)
    if match:
        return {**record, "output": output[: _before_marks(output, match.start())].rstrip()}
    return record


def _before_marks(text: str, at: int) -> int:
    """Where the lines of marks that the generator put before a task begin. The task begins at `at`,
    which is returned if there are none."""
    while (start := _line_of_marks(text, at)) >= 0:
        at = start
    return at


def _line_of_marks(text: str, end: int) -> int:
    """The line break before the line (or comment of several lines) that ends at `end`, if it is
    nothing but marks; -1 if not."""
    start = text.rfind("\n", 0, end)
    if start < 0 or _MARKS.fullmatch(text, start + 1, end):
        return start
    tail = text[start + 1 : end].rstrip(" \t")
    if not tail.endswith("-->") or tail[:-3].strip():
        return -1
    while start and text[start - 1].isspace():
        start -= 1
    opening = text.rfind("\n", 0, start)
    if text[opening + 1 : start].lstrip(" \t") == "<!--":
        return opening
    return -1


def refuse_no_output(record: Record) -> Record | Reject:
    output = record.get("output")
    if isinstance(output, str) and _NO_OUTPUT.fullmatch(output):
        return Reject(Reason.PLACEHOLDER, f"the output says {output.strip()!r}")
    return record


_FIELDS = frozenset({"instruction", "output"})
_PARQUET = "train-00000-of-00001-a09b74b3ef9c3b56.parquet"

ALPACA = Source(
    name="alpaca",
    title="Stanford Alpaca",
    description="English instructions made by self-instruct from 175 seed tasks.",
    homepage="github: tatsu-lab/stanford_alpaca",
    cost="less than $500 (as published)",
    attribution=(
        "Rohan Taori et al., Stanford Alpaca, 2023. CC BY-NC 4.0; outputs also under OpenAI's"
        " terms."
    ),
    subsets=(
        Subset(
            "main",
            files=("alpaca_data.json",),
            fields=_FIELDS,
            downloads=(
                File(
                    "alpaca_data.json",
                    (
                        github(
                            "tatsu-lab/stanford_alpaca",
                            "761dc5bfbdeeffa89b8bff5d038781a4055f796a",
                            "alpaca_data.json",
                        ),
                    ),
                    22_773_992,
                    ("2eddafc6b977608d778aaab8dfc7e50e547b3af9826dfb9e909d9fc362e4a419",),
                ),
            ),
            languages=("en",),
            engine="text-davinci-003",
            license="CC-BY-NC-4.0",
            records=52002,
            format="array",
        ),
        Subset(
            "hub",
            files=("alpaca/*train-00000-of-00001-*.parquet", _PARQUET),
            fields=_FIELDS,
            downloads=(
                File(
                    _PARQUET,
                    (
                        Hub(
                            "tatsu-lab/alpaca",
                            f"data/{_PARQUET}",
                            "dce01c9b08f87459cf36a430d809084718273017",
                        ),
                    ),
                    None,
                    ("06391b656a06fd3fb9d213160ef2398796c3b7f3dc75ef1e3ced30d461517073",),
                ),
            ),
            languages=("en",),
            engine="text-davinci-003",
            license="CC-BY-NC-4.0",
            records=52002,
            format="parquet",
            id="hub/{row:06d}",
            note=(
                "The same records as Parquet; the extra column `text` is the filled-in training "
                "prompt and is not used."
            ),
        ),
    ),
    default=("main", "hub"),
    first_of=True,
    rules=(
        Rule(
            "no_input",
            'An input that only says there is none ("<noinput>", "No input.") is emptied.',
            blank_no_input,
        ),
        Rule(
            "next_record",
            "An output that runs on into the generator's next task is cut off there.",
            cut_next_record,
        ),
        Rule(
            "no_output",
            'A record whose output only says "<nooutput>", "<noinput>" or "N/A" is rejected.',
            refuse_no_output,
        ),
    ),
    template="{instruction}\n\n{input}",
    examples=(
        Example(
            {"instruction": "Add the numbers.", "input": "1, 2", "output": "3"},
            ((("user", "Add the numbers.\n\n1, 2"), ("assistant", "3")),),
        ),
        Example(
            {"instruction": "Name a colour.", "input": "<noinput>", "output": "Blue."},
            ((("user", "Name a colour."), ("assistant", "Blue.")),),
        ),
        Example(
            {
                "instruction": "Explain the value.",
                "input": "None",
                "output": "It means nothing is there.",
            },
            (
                (
                    ("user", "Explain the value.\n\nNone"),
                    ("assistant", "It means nothing is there."),
                ),
            ),
        ),
        Example(
            {
                "instruction": "Name a tree.",
                "input": "",
                "output": "An oak.\n***\n##\n11. Instruction: Name a fish.\n11. Input:\n<noinput>",
            },
            ((("user", "Name a tree."), ("assistant", "An oak.")),),
        ),
        Example(
            {"instruction": "Draw a cat.", "input": "", "output": "<No Output>"}, ("placeholder",)
        ),
        Example({"instruction": "Say nothing.", "input": "", "output": ""}, ("no_answer",)),
    ),
)


@source(ALPACA)
def convert(record: Record) -> Iterator[Draft | Reject]:
    yield instruction_pair(record, used=("text",) if _is_filled_prompt(record) else ())


_TEMPLATE_CHARS = 260
"""More characters than the longer of upstream's two templates has, not counting what is filled
in."""


def _is_filled_prompt(record: Record) -> bool:
    """Is `text` exactly the training prompt that upstream made from the other fields?"""
    text = record.get("text")
    if not isinstance(text, str) or "### Instruction:" not in text:
        return False
    said = [
        part
        for name in ("instruction", "input", "output")
        if isinstance(part := record.get(name), str)
    ]
    return (
        all(part.strip() in text for part in said)
        and len(text) - sum(map(len, said)) < _TEMPLATE_CHARS
    )
