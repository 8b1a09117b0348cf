"""Several answers to one prompt -> preference rows: ranked by their order, or rated with scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import Any, NamedTuple

from ..preference import PreferenceDraft
from ..schema import Message, Reason, Reject, is_blank

OTHERS = "other_answers"
"""The metadata with the answers that no row has."""
_MOST = 64
"""Answers of one record. Rows of each against each other would be without bound."""
Pair = tuple[int, int]
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Answer(NamedTuple):
    """An answer.

    messages  what was said, usually one message of the assistant's
    score     higher is better; None if there is none
    engine    who wrote it, if upstream says so
    said      what else upstream says of it
    """

    messages: tuple[Message, ...]
    score: float | None = None
    engine: str | None = None
    said: Mapping[str, Any] = _NOTHING


def text_answer(text: str) -> Answer:
    return Answer((Message("assistant", text),))


def ranked(
    prompt: Sequence[Message], answers: Sequence[Answer], pairs: str, **said: Any
) -> list[PreferenceDraft | Reject]:
    """Rows from answers that stand in their order, the best one first.

    prompt   the messages before, ending with the user's
    answers  at least one
    pairs    `pairs` of LayoutOptions: best_worst, best_each, all
    said     goes into each row: used, id, metadata, …

    One Reject of the record where no row can be made: `one_answer`, `equal_answers`.

    >>> answers = [text_answer("Paris."), text_answer("Rome.")]
    >>> row = ranked([Message("user", "Capital of France?")], answers, "best_worst")[0]
    >>> row.chosen[0].content, row.rejected[0].content
    ('Paris.', 'Rome.')
    """
    problem = unfit(answers)
    if problem:
        return [problem]
    return _rows(prompt, answers, _chosen_pairs(len(answers), pairs), said)


def rated(
    prompt: Sequence[Message], answers: Sequence[Answer], pairs: str, **said: Any
) -> list[PreferenceDraft | Reject]:
    """Rows from answers with scores, higher is better. Those without one are in no row. The
    arguments are those of `ranked`.

    One Reject of the record where no row can be made: `one_answer`, `equal_answers`, `no_scores`,
    `tie`.

    >>> answers = [Answer((Message("assistant", text),), score) for text, score in
    ...            (("Rome.", 1.0), ("Paris.", 5.0))]
    >>> rated([Message("user", "Capital of France?")], answers, "best_worst")[0].chosen_score
    5.0
    """
    problem = unfit(answers) or unrated(answers)
    if problem:
        return [problem]
    scored = sum(answer.score is not None for answer in answers)
    order = sorted(answers, key=_worst_last)
    found = [
        (better, worse)
        for better, worse in _chosen_pairs(scored, pairs)
        if order[better].score != order[worse].score
    ]
    return _rows(prompt, order, found, said)


def _worst_last(answer: Answer) -> tuple[bool, float]:
    return answer.score is None, -(answer.score or 0.0)


def unrated(answers: Sequence[Answer]) -> Reject | None:
    """Why answers cannot be compared by their scores; None if they can."""
    scores = [answer.score for answer in answers if answer.score is not None]
    if len(scores) < 2:
        return Reject(Reason.NO_SCORES, f"{len(scores)} of {len(answers)} answers have a score")
    if len(set(scores)) == 1:
        return Reject(Reason.TIE, f"{len(scores)} answers with the score {scores[0]:g}")
    return None


def unfit(answers: Sequence[Answer]) -> Reject | None:
    """Why answers cannot be compared at all; None if they can."""
    filled = [answer for answer in answers if not _is_blank(answer)]
    if len(filled) < 2:
        return Reject(Reason.ONE_ANSWER, f"{len(filled)} answers with text")
    if len(answers) > _MOST:
        return Reject(Reason.UNEXPECTED_SHAPE, f"more than {_MOST} answers")
    if all(answer.messages == filled[0].messages for answer in filled):
        return Reject(Reason.EQUAL_ANSWERS, f"{len(filled)} answers that say the same")
    return None


def _is_blank(answer: Answer) -> bool:
    return all(is_blank(message.content) and not message.fields for message in answer.messages)


def _chosen_pairs(number: int, pairs: str) -> list[Pair]:
    """Which answers make a row, as (better, worse), of so many in their order."""
    if pairs == "best_worst":
        return [(0, number - 1)]
    if pairs == "best_each":
        return [(0, worse) for worse in range(1, number)]
    return list(combinations(range(number), 2))


def _rows(
    prompt: Sequence[Message], answers: Sequence[Answer], pairs: Sequence[Pair], said: Any
) -> list[PreferenceDraft | Reject]:
    pairs = [
        (better, worse)
        for better, worse in pairs
        if answers[better].messages != answers[worse].messages
        and not _is_blank(answers[better])
        and not _is_blank(answers[worse])
    ]
    if not pairs:
        return [Reject(Reason.EQUAL_ANSWERS, "the answers that would be compared say the same")]
    used = {index for pair in pairs for index in pair}
    others = [_shown(answer) for index, answer in enumerate(answers) if index not in used]
    rows: list[PreferenceDraft | Reject] = []
    for number, (better, worse) in enumerate(pairs):
        own = {**said, "metadata": _metadata(said, answers[better], answers[worse])}
        if others and not number:
            own["metadata"][OTHERS] = others
        rows.append(row(prompt, answers[better], answers[worse], **own))
    return rows


def _metadata(said: Mapping[str, Any], better: Answer, worse: Answer) -> dict[str, Any]:
    """What upstream says of a row and of its answers."""
    metadata = dict(said.get("metadata", {}))
    sides = {"chosen": better.said, "rejected": worse.said}
    return metadata | {name: dict(own) for name, own in sides.items() if own}


def _shown(answer: Answer) -> dict[str, Any]:
    """An answer as metadata."""
    texts = [message.content for message in answer.messages]
    shown = {"content": texts[0] if len(texts) == 1 else texts, "score": answer.score}
    own = {"engine": answer.engine, **answer.said}
    return {key: value for key, value in (shown | own).items() if value is not None}


def row(prompt: Sequence[Message], better: Answer, worse: Answer, **said: Any) -> PreferenceDraft:
    """The row of two answers."""
    return PreferenceDraft(
        prompt,
        better.messages,
        worse.messages,
        chosen_score=better.score,
        rejected_score=worse.score,
        chosen_engine=better.engine,
        rejected_engine=worse.engine,
        **said,
    )
