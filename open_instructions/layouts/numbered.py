"""Two answers in fields with a number or a letter, and which of them is better: the forms of SHP,
PKU-SafeRLHF, HelpSteer2 and 3. A form is known by its field with the verdict, whose values say what
they mean only there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..errors import shown
from ..preference import PreferenceDraft
from ..schema import Reason, Record, Reject
from .answers import Answer, ranked, text_answer
from .embedded import opened_list
from .fields import is_empty, number
from .layout import LayoutOptions
from .prompts import prompt_of


class _Form(NamedTuple):
    """The fields of a form: prompt, both answers, the verdict, and perhaps a score of each.
    `better` has, for each value of the verdict, the index of the better answer."""

    prompt: str
    answers: tuple[str, str]
    verdict: str
    better: Mapping[float, int]
    scores: tuple[str, ...] = ()


_STRENGTHS: Mapping[float, int] = {-3: 0, -2: 0, -1: 0, 1: 1, 2: 1, 3: 1}
_FORMS = (
    _Form(
        "history",
        ("human_ref_A", "human_ref_B"),
        "labels",
        {1: 0, 0: 1},
        ("score_A", "score_B"),
    ),
    _Form("prompt", ("response_0", "response_1"), "better_response_id", {0: 0, 1: 1}),
    _Form(
        "context",
        ("response1", "response2"),
        "overall_preference",
        _STRENGTHS,
    ),
    _Form("prompt", ("response_1", "response_2"), "preference_strength", _STRENGTHS),
)
_VERDICTS = frozenset(form.verdict for form in _FORMS)
NUMBERED = tuple(field for form in _FORMS for field in (*form.answers, form.verdict))
"""The fields of answers and verdicts."""


def is_numbered(record: Record) -> bool:
    """Whether a record has one of the forms."""
    return not _VERDICTS.isdisjoint(record) and _form(record) is not None


def _form(record: Record) -> _Form | None:
    return next((form for form in _FORMS if _has(record, form)), None)


def _has(record: Record, form: _Form) -> bool:
    asked = record.get(form.prompt)
    answers = [record.get(name) for name in form.answers]
    return (
        form.verdict in record
        and (isinstance(asked, str) or opened_list(asked) is not None)
        and all(isinstance(answer, str) for answer in answers)
    )


def read_numbered(record: Record, options: LayoutOptions) -> list[PreferenceDraft | Reject]:
    """The row of a record with two such answers. The verdict stays in the metadata, since other
    fields speak of the answers by their numbers, too.

    >>> record = {"prompt": "Name a fish.", "response_0": "A whale.", "response_1": "A carp.",
    ...           "better_response_id": 1}
    >>> read_numbered(record, LayoutOptions())[0].chosen[0].content
    'A carp.'
    """
    form = _form(record)
    assert form
    better = _better(record, form)
    if isinstance(better, Reject):
        return [better]
    scored = _answers(record, form)
    chosen, rejected = scored[better], scored[1 - better]
    if chosen.score is not None and rejected.score is not None and chosen.score < rejected.score:
        return [Reject(Reason.CONTRADICTION, "the rejected answer has the better score")]
    beside = {name: value for name, value in record.items() if name not in form.answers}
    asked = prompt_of({**beside, form.prompt: None, "prompt": record[form.prompt]}, options)
    if isinstance(asked, Reject):
        return [asked]
    used = [form.prompt if name == "prompt" else name for name in asked.used]
    return ranked(
        asked.messages,
        [chosen, rejected],
        "best_worst",
        used=(*form.answers, *used, *(form.scores if chosen.score is not None else ())),
        score_name="score" if chosen.score is not None else None,
        metadata=asked.draft.metadata,
        edits=asked.draft.edits,
        tools=asked.draft.tools,
    )


def _better(record: Record, form: _Form) -> int | Reject:
    """The index of the better answer."""
    given = record[form.verdict]
    if is_empty(given):
        return Reject(Reason.NO_SCORES, f"{form.verdict} does not say which answer is better")
    said = number(given)
    if said == 0 and said not in form.better:
        return Reject(Reason.TIE, f"{form.verdict} is 0")
    if said is None or said not in form.better:
        return Reject(Reason.UNEXPECTED_SHAPE, f"{form.verdict} is {shown(given)}")
    return form.better[said]


def _answers(record: Record, form: _Form) -> list[Answer]:
    """Both answers, with their scores where both have one."""
    texts = [text_answer(record[name]) for name in form.answers]
    scores = [number(record.get(name)) for name in form.scores]
    if not scores or None in scores:
        return texts
    return [text._replace(score=score) for text, score in zip(texts, scores, strict=True)]
