"""Alpaca's shape: an instruction, perhaps an input, an output."""

from __future__ import annotations

from ..schema import Draft, Reason, Record, Reject
from .answered import answered
from .behind import THOUGHTS
from .context import ALIASES, answer_in, differ, filled
from .fields import as_text, blank_no_input, instruction_pair
from .layout import Layout, LayoutExample, LayoutOptions
from .rivals import rival
from .turns import begins_as_turns

_INPUTS = ("input", "context")
_ANSWERS = ("output", "response", "completion", "target", "answer")
_OWN = ("output", "response")
"""Names that go with an instruction by custom; with one of these, another is something beside the
answer."""
_ALL_ANSWERS = frozenset(_ANSWERS)
_PLAIN = frozenset({"instruction", "input", "output"})


def _fits(record: Record, options: LayoutOptions) -> bool:
    if as_text(record.get("instruction")) is None:
        return False
    return not _ALL_ANSWERS.isdisjoint(record)


def _read(record: Record, options: LayoutOptions) -> tuple[Draft | Reject]:
    record = blank_no_input(record)
    if record.keys() == _PLAIN and not begins_as_turns(str(record["instruction"])):  # as most are
        return (instruction_pair(record),)
    inputs = filled(record, _INPUTS)
    if len(inputs) > 1:
        return (differ(inputs),)
    answer = answer_in(record, _ANSWERS, _OWN)
    if isinstance(answer, Reject):
        return (answer,)
    prompts = ("instruction", *inputs)
    opens = not inputs
    beside = rival(record, prompts, options)
    return (beside or answered(record, prompts, answer, options, opens=opens),)


ALPACA = Layout(
    "alpaca",
    "An instruction, perhaps with an input, and an output.",
    {
        "instruction": ("instruction",),
        "input": _INPUTS,
        "output": _ANSWERS,
        "reasoning": THOUGHTS,
        **ALIASES,
    },
    _fits,
    _read,
    (
        LayoutExample(
            {"instruction": "Add the numbers.", "input": "1, 2", "output": "3"},
            ((("user", "Add the numbers.\n\n1, 2"), ("assistant", "3")),),
        ),
        LayoutExample(
            {
                "instruction": "And in French?",
                "input": "No input.",
                "response": "Merci.",
                "system": "Translate.",
                "history": [["Thanks, in Italian?", "Grazie."]],
            },
            (
                (
                    ("system", "Translate."),
                    ("user", "Thanks, in Italian?"),
                    ("assistant", "Grazie."),
                    ("user", "And in French?"),
                    ("assistant", "Merci."),
                ),
            ),
        ),
        LayoutExample(
            {"instruction": "Name a river.", "output": "The Po.", "response": "The Elbe."},
            (Reason.AMBIGUOUS_LAYOUT,),
        ),
        LayoutExample({"instruction": "Name a river.", "output": None}, (Reason.NO_ANSWER,)),
    ),
)
