"""Two models that were asked the same, and which of them won: the forms of LMSYS' arena.

{"conversation_a": […], "conversation_b": […], "winner": "model_a", "model_a": …, "model_b": …}
{"prompt": "[…]", "response_a": "[…]", "response_b": "[…]", "winner_model_a": 1, …}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..errors import shown
from ..preference import PreferenceDraft
from ..schema import ASSISTANT, USER, Reason, Record, Reject
from .embedded import opened_list
from .fields import number
from .layout import LayoutOptions
from .sides import read_sides

_TALKS = ("conversation_a", "conversation_b")
_ANSWERS = ("response_a", "response_b")
_MODELS = ("model_a", "model_b")
_WINNER, _PROMPT = "winner", "prompt"
_WINS = ("winner_model_a", "winner_model_b")
_TIES = ("tie", "both")
"""How the names of a draw begin."""
ARENA = (*_TALKS, *_ANSWERS)
"""The fields of both answers."""


def is_arena(record: Record) -> bool:
    """Whether a record has one of the forms."""
    if _WINNER in record and record.keys() >= set(_TALKS):
        return all(opened_list(record[name]) is not None for name in _TALKS)
    if record.keys() >= {_PROMPT, *_ANSWERS, *_WINS}:
        return all(opened_list(record[name]) is not None for name in (_PROMPT, *_ANSWERS))
    return False


def read_arena(record: Record, options: LayoutOptions) -> Sequence[PreferenceDraft | Reject]:
    """The row of a record with two conversations and a winner. Who won, and against whom, stays in
    the metadata: other fields speak of the models by their letters, too.

    >>> talks = [[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": text}]
    ...          for text in ("Hello.", "What?")]
    >>> record = {"conversation_a": talks[0], "conversation_b": talks[1], "winner": "model_b"}
    >>> read_arena(record, LayoutOptions())[0].chosen[0].content
    'What?'
    """
    better = _better(record)
    if isinstance(better, Reject):
        return [better]
    fields = _TALKS if _WINNER in record and _TALKS[0] in record else (_PROMPT, *_ANSWERS)
    talks = [record[name] for name in _TALKS] if fields is _TALKS else _talks(record)
    if isinstance(talks, Reject):
        return [talks]
    models = [record.get(name) for name in _MODELS]
    sides = {
        "chosen": talks[better],
        "rejected": talks[1 - better],
        "chosen_model": models[better],
        "rejected_model": models[1 - better],
    }
    return [
        replace(item, used=fields) if isinstance(item, PreferenceDraft) else item
        for item in read_sides(sides, options)
    ]


def _talks(record: Record) -> list[list[dict[str, Any]]] | Reject:
    """Both conversations, from a list of prompts and one of answers for each."""
    asked = opened_list(record[_PROMPT]) or []
    found = []
    for name in _ANSWERS:
        answers = opened_list(record[name]) or []
        texts = [*asked, *answers]
        if len(answers) != len(asked) or not all(isinstance(text, str) for text in texts):
            return Reject(Reason.UNEXPECTED_SHAPE, f"{_PROMPT} and {name} are not texts in turn")
        pairs = zip(asked, answers, strict=True)
        found.append([entry for pair in pairs for entry in _entries(*pair)])
    return found


def _entries(asked: str, answer: str) -> list[dict[str, Any]]:
    return [{"role": USER, "content": asked}, {"role": ASSISTANT, "content": answer}]


def _better(record: Record) -> int | Reject:
    """The index of the model that won."""
    if _WINNER in record:
        said = record[_WINNER]
        if said in _MODELS:
            return _MODELS.index(said)
        if isinstance(said, str) and said.lower().startswith(_TIES):
            return Reject(Reason.TIE, f"{_WINNER} is {shown(said)}")
        return Reject(Reason.NO_SCORES, f"{_WINNER} is {shown(said)}")
    wins = [number(int(v) if isinstance(v := record[name], bool) else v) for name in _WINS]
    if wins in ([1, 0], [0, 1]):
        return wins.index(1)
    return Reject(Reason.TIE if wins == [0, 0] else Reason.NO_SCORES, "neither model has won")
