"""Records that say which answer is better: two answers, a list of them, or one with a label.

Five forms are tried in turn. chosen and rejected; two models and a winner; two answers with numbers
and a verdict; several answers, in their order or with scores; a single answer that is said to be
good or bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..preference import PreferenceDraft
from ..schema import Draft, Reason, Record, Reject
from .alpaca import ALPACA
from .answers import ranked as ranked
from .answers import rated as rated
from .arena import ARENA, is_arena, read_arena
from .candidates import (
    LISTS,
    MODELS,
    RATINGS,
    is_ranked,
    is_scaled,
    list_of_answers,
    read_ranked,
    read_rated,
)
from .chats import MESSAGES
from .context import ALIASES
from .layout import Layout, LayoutExample, LayoutOptions
from .numbered import NUMBERED, is_numbered, read_numbered
from .pairs import PAIRS
from .prompts import ABOUT, CHATS, PROMPTS
from .rivals import beside_answers
from .sharegpt import SHAREGPT
from .sides import CHOSEN, ENGINES, REJECTED, SCORES, has_sides, read_sides
from .transcript import TRANSCRIPT

_LABELS = ("label", "kto_tag")
_ALL_LABELS = frozenset(_LABELS)
_MARKS = frozenset((*REJECTED, *LISTS, *_LABELS, "output", *NUMBERED, *ARENA))
"""Fields one of which every form has."""
_SINGLE = (MESSAGES, SHAREGPT, ALPACA, PAIRS, TRANSCRIPT)
"""Layouts of a single answer that may have a label."""
_GOOD: dict[Any, bool] = {
    True: True,
    False: False,
    "true": True,
    "false": False,
    "1": True,
    "0": False,
}
"""Labels, as JSON and tables write them. True is 1."""


def _fits(record: Record, options: LayoutOptions) -> bool:
    if _MARKS.isdisjoint(record):
        return False
    if has_sides(record) or is_arena(record) or is_numbered(record) or is_ranked(record):
        return True
    single = _answered(record, options)
    name = list_of_answers(record)
    if name and (single is None or is_scaled(record, name)):
        return True
    return single is not None and _label(record) is not None


def _label(record: Record) -> str | None:
    """The field that says whether the answer is good."""
    if _ALL_LABELS.isdisjoint(record):
        return None
    return next((name for name in _LABELS if _is_good(record.get(name)) is not None), None)


def _is_good(value: Any) -> bool | None:
    if isinstance(value, bool | int | float):
        return _GOOD.get(value)
    return _GOOD.get(value.lower()) if isinstance(value, str) and len(value) < 6 else None


def _answered(record: Record, options: LayoutOptions) -> Layout | None:
    return next((layout for layout in _SINGLE if layout.fits(record, options)), None)


def _read(record: Record, options: LayoutOptions) -> Sequence[PreferenceDraft | Draft | Reject]:
    found = _read_form(record, options)
    used = [name for item in found if isinstance(item, PreferenceDraft) for name in item.used]
    lost = beside_answers(record, used, options)
    return [lost] if lost else found


def _read_form(
    record: Record, options: LayoutOptions
) -> Sequence[PreferenceDraft | Draft | Reject]:
    if has_sides(record):
        return read_sides(record, options)
    if is_arena(record):
        return read_arena(record, options)
    if is_numbered(record):
        return read_numbered(record, options)
    if is_ranked(record):
        return read_ranked(record, options)
    name = list_of_answers(record)
    if name:
        return read_rated(record, name, options)
    return _read_labelled(record, options)


def _read_labelled(record: Record, options: LayoutOptions) -> Sequence[Any]:
    """A single answer: a conversation if it is good and the user wants those, else a reject."""
    name = _label(record)
    layout = _answered(record, options)
    if name is None or layout is None:
        return [Reject(Reason.UNKNOWN_LAYOUT, "neither two answers nor one with a label")]
    good = _is_good(record[name])
    if options.unpaired != "chosen" or not good:
        said = "good" if good else "bad"
        return [Reject(Reason.UNPAIRED_LABEL, f"a single answer, labelled as {said}")]
    own = {key: value for key, value in record.items() if key != name}
    return [
        replace(item, metadata={**item.metadata, name: record[name]}, used=(*item.used, name))
        if isinstance(item, Draft)
        else item
        for item in layout.read(own, options)
    ]


_SCORE_NAMES = tuple(SCORES.values())

PREFERENCE = Layout(
    "preference",
    "Two answers or more to one prompt, and which is better; or one with a label.",
    {
        "prompt": PROMPTS,
        "context": ABOUT,
        "messages": CHATS,
        "chosen": CHOSEN,
        "rejected": REJECTED,
        "chosen_score": tuple(name for sides in _SCORE_NAMES for name in sides[0]),
        "rejected_score": tuple(name for sides in _SCORE_NAMES for name in sides[1]),
        "chosen_engine": ENGINES[0],
        "rejected_engine": ENGINES[1],
        "completions": (*LISTS, "output"),
        "ratings": RATINGS,
        "models": MODELS,
        "label": _LABELS,
        **ALIASES,
    },
    _fits,
    _read,
    (
        LayoutExample(
            {"system": "Be brief.", "question": "Why?", "chosen": "So.", "rejected": "Well, so."},
            (
                {
                    "prompt": (("system", "Be brief."), ("user", "Why?")),
                    "chosen": (("assistant", "So."),),
                    "rejected": (("assistant", "Well, so."),),
                },
            ),
        ),
        LayoutExample(
            {
                "chosen": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why?\n\nAssistant: So.",
                "rejected": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why?\n\nAssistant: No.",
            },
            (
                {
                    "prompt": (("user", "Hi"), ("assistant", "Yes?"), ("user", "Why?")),
                    "chosen": (("assistant", "So."),),
                    "rejected": (("assistant", "No."),),
                },
            ),
        ),
        LayoutExample(
            {"instruction": "Name a fish.", "input": "", "output": ["A carp.", "A whale.", "No."]},
            (
                {
                    "prompt": (("user", "Name a fish."),),
                    "chosen": (("assistant", "A carp."),),
                    "rejected": (("assistant", "A whale."),),
                },
                {
                    "prompt": (("user", "Name a fish."),),
                    "chosen": (("assistant", "A carp."),),
                    "rejected": (("assistant", "No."),),
                },
            ),
            LayoutOptions(pairs="best_each"),
        ),
        LayoutExample(
            {
                "prompt": "Name a fish.",
                "completions": [
                    {"response": "A whale.", "overall_score": 2},
                    {"response": "A carp.", "overall_score": 5},
                ],
            },
            (
                {
                    "prompt": (("user", "Name a fish."),),
                    "chosen": (("assistant", "A carp."),),
                    "rejected": (("assistant", "A whale."),),
                },
            ),
        ),
        LayoutExample(
            {
                "history": "Name a fish.",
                "human_ref_A": "A whale.",
                "human_ref_B": "A carp.",
                "labels": 0,
                "score_A": 2,
                "score_B": 5,
            },
            (
                {
                    "prompt": (("user", "Name a fish."),),
                    "chosen": (("assistant", "A carp."),),
                    "rejected": (("assistant", "A whale."),),
                },
            ),
        ),
        LayoutExample(
            {
                "context": [{"role": "user", "content": "Name a fish."}],
                "response1": "A carp.",
                "response2": "A whale.",
                "overall_preference": -2,
            },
            (
                {
                    "prompt": (("user", "Name a fish."),),
                    "chosen": (("assistant", "A carp."),),
                    "rejected": (("assistant", "A whale."),),
                },
            ),
        ),
        LayoutExample(
            {
                "context": [{"role": "user", "content": "Name a fish."}],
                "response1": "A carp.",
                "response2": "A pike.",
                "overall_preference": 0,
            },
            (Reason.TIE,),
        ),
        LayoutExample(
            {
                "prompt": "Name a fish.",
                "completions": ["A whale.", "A carp."],
                "ratings": [3, 3],
            },
            (Reason.TIE,),
        ),
        LayoutExample(
            {
                "model_a": "cod-7b",
                "model_b": "eel-7b",
                "winner": "model_b",
                "conversation_a": [
                    {"role": "user", "content": "Name a fish."},
                    {"role": "assistant", "content": "A whale."},
                ],
                "conversation_b": [
                    {"role": "user", "content": "Name a fish."},
                    {"role": "assistant", "content": "A carp."},
                ],
            },
            (
                {
                    "prompt": (("user", "Name a fish."),),
                    "chosen": (("assistant", "A carp."),),
                    "rejected": (("assistant", "A whale."),),
                },
            ),
        ),
        LayoutExample(
            {"prompt": "Name a fish.", "completion": "A carp.", "label": True},
            (Reason.UNPAIRED_LABEL,),
        ),
        LayoutExample(
            {"prompt": "Name a fish.", "completion": "A carp.", "label": True},
            ((("user", "Name a fish."), ("assistant", "A carp.")),),
            LayoutOptions(unpaired="chosen"),
        ),
    ),
)
