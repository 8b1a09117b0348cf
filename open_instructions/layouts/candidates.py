"""Lists of answers to one prompt: in their order, or with scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..preference import PreferenceDraft
from ..schema import ASSISTANT, Message, Record, Reject
from .answers import Answer, ranked, rated, text_answer, unfit, unrated
from .embedded import opened_list
from .fields import as_text, leftover, number
from .layout import LayoutOptions
from .prompts import Prompt, prompt_of

LISTS = ("completions", "responses", "generations", "answers", "responses_and_scores")
_ALL_LISTS = frozenset(LISTS)
RATINGS = ("ratings", "scores", "rewards", "rating", "score", "reward")
MODELS = ("models", "generation_models")
_TEXTS = ("response", "text", "answer", "completion", "content", "output")
_SCORES = ("fine-grained_score", "overall_score", "score", "rating", "reward", "pm_score")
"""Scores of an answer, higher is better. UltraFeedback's overall score is known to have errors that
the mean of its fine-grained ones does not have, so that one comes first."""
_ANNOTATIONS = "annotations"
_RANK = "rank"
_RANKS = ("rank", "ranks")
"""A scale that runs the other way: 1 is the best."""
_RATED = frozenset(("score", _RANK))
_ENGINES = ("model", "source", "engine")


def is_ranked(record: Record) -> bool:
    """Whether a record has an instruction and a list of outputs, which is in order by custom."""
    texts = record.get("output")
    return "instruction" in record and isinstance(texts, list) and _are_texts(texts)


def read_ranked(record: Record, options: LayoutOptions) -> list[PreferenceDraft | Reject]:
    """The rows of a record with a list of outputs: by the scores beside it, else the best one
    first."""
    if not _RATED.isdisjoint(_parallel(record, "output")):
        return read_rated(record, "output", options)
    answers = [text_answer(text) for text in record["output"]]
    prompt = prompt_of(record, options)
    if isinstance(prompt, Reject):
        return [prompt]
    return ranked(prompt.messages, answers, options.pairs, **_said(prompt, ("output",)))


def _said(prompt: Prompt, fields: Sequence[str]) -> dict[str, Any]:
    """What each row of a prompt says beside its messages."""
    draft = prompt.draft
    return {
        "used": (*fields, *prompt.used),
        "metadata": draft.metadata,
        "edits": draft.edits,
        "tools": draft.tools,
    }


def list_of_answers(record: Record) -> str | None:
    """The field with a list of answers, which may have scores."""
    if _ALL_LISTS.isdisjoint(record):
        return None
    for name in LISTS:
        if name not in record:
            continue
        value = opened_list(record[name])
        if not value:
            continue
        objects = all(isinstance(item, dict) and _text_key(item) for item in value)
        if not objects and not _are_texts(value):
            continue
        if name != "answers" or is_scaled(record, name):
            return name
    return None


def read_rated(record: Record, name: str, options: LayoutOptions) -> list[PreferenceDraft | Reject]:
    """The rows of a record with a list of answers, each with its score or its rank."""
    items = _items(record, name)
    scale = _scale(items)
    answers = [_answer(item, scale) for item in items]
    problem = unfit(answers) or unrated(answers)
    if problem:
        return [problem]
    prompt = prompt_of(record, options)
    if isinstance(prompt, Reject):
        return [prompt]
    said = _said(prompt, (name, *_parallel(record, name).values()))
    rows = rated(prompt.messages, answers, options.pairs, score_name=scale, **said)
    return [_without_rank(row) for row in rows] if scale == _RANK else rows


def is_scaled(record: Record, name: str) -> bool:
    """Whether one of the answers has a score or a rank."""
    return _scale(_items(record, name)) is not None


def _items(record: Record, name: str) -> list[dict[str, Any]]:
    """The answers as objects, those of texts with what lists beside them say."""
    given = opened_list(record[name]) or []
    if isinstance(given[0], dict):
        return [dict(item) for item in given]
    items = [{"text": text} for text in given]
    for key, field in _parallel(record, name).items():
        for item, value in zip(items, opened_list(record[field]) or (), strict=True):
            item[key] = value
    return items


def _parallel(record: Record, name: str) -> dict[str, str]:
    """The fields with a list that has a score, a rank or an engine for each answer, if the answers
    are texts."""
    answers = opened_list(record[name]) or []
    if not answers or isinstance(answers[0], dict):
        return {}
    found: dict[str, str] = {}
    for key, names in (("score", RATINGS), (_RANK, _RANKS), ("model", MODELS)):
        for field in names:
            values = opened_list(record.get(field))
            if values is not None and len(values) == len(answers):
                found.setdefault(key, field)
    return found


def _scale(items: Sequence[Mapping[str, Any]]) -> str | None:
    """By what the answers are compared: the first scale that one of them is on."""
    scales = (*_SCORES, _ANNOTATIONS, _RANK)
    return next(
        (scale for scale in scales if any(_score(i, scale) is not None for i in items)), None
    )


def _score(item: Mapping[str, Any], scale: str) -> float | None:
    """The score of an answer, higher is better."""
    if scale == _ANNOTATIONS:
        return _mean_rating(item.get(_ANNOTATIONS))
    found = number(item.get(scale))
    return -found if found is not None and scale == _RANK else found


def _mean_rating(annotations: Any) -> float | None:
    """The mean of the ratings of an answer's aspects; None if one of them has none."""
    if not isinstance(annotations, dict) or not annotations:
        return None
    aspects = annotations.values()
    ratings = [number(a.get("Rating")) if isinstance(a, dict) else None for a in aspects]
    given = [rating for rating in ratings if rating is not None]
    return sum(given) / len(given) if len(given) == len(ratings) else None


def _answer(item: Mapping[str, Any], scale: str | None) -> Answer:
    key = _text_key(item) or ""
    engine = next((k for k in _ENGINES if isinstance(item.get(k), str) and item[k].strip()), None)
    scored = scale if scale in _SCORES else None
    return Answer(
        (Message(ASSISTANT, as_text(item.get(key)) or ""),),
        _score(item, scale) if scale else None,
        item[engine] if engine else None,
        leftover(item, [key, *filter(None, (engine, scored))]),
    )


def _text_key(item: Mapping[str, Any]) -> str | None:
    return next((key for key in _TEXTS if isinstance(item.get(key), str)), None)


def _without_rank(row: PreferenceDraft | Reject) -> PreferenceDraft | Reject:
    """A row of ranked answers. A rank is no score; it is in the metadata."""
    if isinstance(row, Reject):
        return row
    return replace(row, chosen_score=None, rejected_score=None, score_name=None)


def _are_texts(values: Sequence[Any]) -> bool:
    return bool(values) and all(isinstance(value, str) for value in values)
