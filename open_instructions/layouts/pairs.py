"""A prompt and an answer under one of the many pairs of names that files have for them."""

from __future__ import annotations

from ..schema import Draft, Reason, Record, Reject
from .answered import answered
from .context import ALIASES, answer_in, differ, filled, is_chat, opened_chat
from .fields import as_text
from .layout import Layout, LayoutExample, LayoutOptions
from .rivals import is_other, rival

_CUSTOMS = {
    "prompt": ("completion", "response"),
    "query": ("response",),
    "question": ("answer",),
    "problem": ("solution",),
    "input": ("output", "target"),
    "inputs": ("targets",),
    "user": ("assistant",),
    "human": ("assistant",),
}
"""Names of prompts, and those of answers that go with them by custom."""
_PROMPTS = tuple(_CUSTOMS)
_ANSWERS = tuple(dict.fromkeys(name for names in _CUSTOMS.values() for name in names))
_ALL_PROMPTS, _ALL_ANSWERS = frozenset(_PROMPTS), frozenset(_ANSWERS)
_ABOUT = ("context",)
_PEOPLE = ("user", "human")
"""Names of prompts beside `assistant`; elsewhere they say who asks."""
_OTHERS = tuple(name for name in _PROMPTS if name not in _PEOPLE)


def _fits(record: Record, options: LayoutOptions) -> bool:
    if _ALL_ANSWERS.isdisjoint(record) or _ALL_PROMPTS.isdisjoint(record):
        return False
    names = _PROMPTS if "assistant" in record else _OTHERS
    return any(_is_side(record[name]) for name in names if name in record)


def _is_side(value: object) -> bool:
    return as_text(value) is not None or is_chat(opened_chat(value))


def _read(record: Record, options: LayoutOptions) -> tuple[Draft | Reject]:
    prompts = _prompts(record)
    if len(prompts) > 1:
        return (differ(prompts),)
    prompt = prompts[0] if prompts else next((n for n in _PROMPTS if n in record), _PROMPTS[0])
    answer = answer_in(record, _ANSWERS, _CUSTOMS[prompt])
    if isinstance(answer, Reject):
        return (answer,)
    asked = (prompt, *(name for name in _ABOUT if isinstance(record.get(name), str)))
    beside = rival(record, asked, options)
    return (beside or answered(record, asked, answer, options, opens=True),)


def _prompts(record: Record) -> list[str]:
    """The fields with a prompt; not those that name a person, nor what a template made of
    another."""
    names = [name for name in filled(record, _PROMPTS) if _is_side(record[name])]
    if "assistant" not in record:
        names = [name for name in names if name not in _PEOPLE]
    if len(names) < 2:
        return names
    made = [n for n in names if not any(is_other(record, n, (m,)) for m in names if m != n)]
    return [name for name in names if name not in made] or names[:1]


PAIRS = Layout(
    "pairs",
    "A prompt and an answer, each a text or a list of messages.",
    {
        "prompt": _PROMPTS,
        "context": _ABOUT,
        "completion": _ANSWERS,
        **ALIASES,
    },
    _fits,
    _read,
    (
        LayoutExample(
            {"question": "Which planet has rings?", "answer": "Saturn.", "level": "easy"},
            ((("user", "Which planet has rings?"), ("assistant", "Saturn.")),),
        ),
        LayoutExample(
            {
                "query": "And its square?",
                "response": "81",
                "history": [["What is 4 + 5?", "9"]],
                "system": "Digits only.",
            },
            (
                (
                    ("system", "Digits only."),
                    ("user", "What is 4 + 5?"),
                    ("assistant", "9"),
                    ("user", "And its square?"),
                    ("assistant", "81"),
                ),
            ),
        ),
        LayoutExample(
            {
                "prompt": [{"role": "user", "content": "Say hi."}],
                "completion": [{"role": "assistant", "content": "Hi."}],
            },
            ((("user", "Say hi."), ("assistant", "Hi.")),),
        ),
        LayoutExample(
            {"problem": "2 + 2", "solution": "Two and two make four.", "answer": "4"},
            ((("user", "2 + 2"), ("assistant", "Two and two make four.")),),
        ),
        LayoutExample(
            {"question": "Why?", "answer": "So.", "prompt": "How?", "response": "Thus."},
            (Reason.AMBIGUOUS_LAYOUT,),
        ),
        LayoutExample({"prompt": "Why?", "completion": None}, (Reason.NO_ANSWER,)),
    ),
)
