"""A prompt and an answer under one of the many pairs of names that files have for them."""

from __future__ import annotations

from dataclasses import replace

from ..schema import Draft, Reason, Record, Reject
from .answered import answered
from .behind import THOUGHTS
from .context import ALIASES, answer_in, differ, filled, is_chat, opened_chat
from .fields import as_text, is_empty, question
from .layout import Layout, LayoutExample, LayoutOptions
from .rivals import is_other, rival

_CUSTOMS = {
    "prompt": ("completion", "response"),
    "query": ("response",),
    "question": ("answer", "generated_solution"),
    "problem": ("solution", "generated_solution"),
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
_SEVERAL = "answers"
"""A field with answers that all are right, as SQuAD has them."""
_WORKED_OUT = ("solution", "answer")
_PEOPLE = ("user", "human")
"""Names of prompts beside `assistant`; elsewhere they say who asks."""
_OTHERS = tuple(name for name in _PROMPTS if name not in _PEOPLE)


def _fits(record: Record, options: LayoutOptions) -> bool:
    if _ALL_PROMPTS.isdisjoint(record):
        return False
    if _ALL_ANSWERS.isdisjoint(record) and _right_answers(record) is None:
        return False
    names = _PROMPTS if "assistant" in record else _OTHERS
    return any(_is_side(record[name]) for name in names if name in record)


def _is_side(value: object) -> bool:
    return as_text(value) is not None or is_chat(opened_chat(value))


def _right_answers(record: Record) -> list[str] | None:
    """The texts of several right answers, as SQuAD has them, or of a list with one; None where
    there is no such field."""
    given = record.get(_SEVERAL)
    if isinstance(given, dict):
        texts = given.get("text")
        return texts if isinstance(texts, list) and _are_texts(texts) else None
    return given if isinstance(given, list) and len(given) == 1 and _are_texts(given) else None


def _are_texts(values: list[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _read(record: Record, options: LayoutOptions) -> tuple[Draft | Reject]:
    texts = _right_answers(record)
    if texts is None or not _ALL_ANSWERS.isdisjoint(record):
        return (_read_pair(_with_texts(record), options),)
    answer = {"answer": texts[0] if texts else None}
    draft = _read_pair(_with_texts({**record, **answer}), options)
    if isinstance(draft, Reject) or any(text != texts[0] for text in texts):
        return (draft,)
    return (replace(draft, used=(*draft.used, _SEVERAL)),)


def _with_texts(record: Record) -> Record:
    """A record in which a list of texts that the prompt is about is one text."""
    given = record.get(_ABOUT[0])
    if not isinstance(given, list) or not given or not _are_texts(given):
        return record
    return {**record, _ABOUT[0]: question(*given)}


def _read_pair(record: Record, options: LayoutOptions) -> Draft | Reject:
    prompts = _prompts(record)
    if len(prompts) > 1:
        return differ(prompts)
    prompt = prompts[0] if prompts else next((n for n in _PROMPTS if n in record), _PROMPTS[0])
    answer = answer_in(record, _ANSWERS, _usual(record, prompt))
    if isinstance(answer, Reject):
        return answer
    asked = (prompt, *(name for name in _ABOUT if isinstance(record.get(name), str)))
    beside = rival(record, asked, options)
    return beside or answered(record, asked, answer, options, opens=True)


def _usual(record: Record, prompt: str) -> tuple[str, ...]:
    """The names of the answer that goes with a prompt by custom."""
    customs = _CUSTOMS[prompt]
    if any(not is_empty(record.get(name)) for name in customs if name != "answer"):
        return customs
    return _worked_out(record) or customs


def _worked_out(record: Record) -> tuple[str, ...]:
    """The field with the answer that is worked out, of a question with a solution and an answer:
    the longer one. The other is what comes out."""
    texts = {name: as_text(record.get(name)) for name in _WORKED_OUT}
    found = {name: len(text) for name, text in texts.items() if text and text.strip()}
    if len(found) < 2 or len(set(found.values())) < 2:
        return ()
    return (max(found, key=lambda name: found[name]),)


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
        "reasoning": THOUGHTS,
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
