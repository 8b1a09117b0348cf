"""chosen and rejected: two texts, two messages, two conversations that part at the last answer."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

from ..preference import PreferenceDraft
from ..schema import ASSISTANT, SYSTEM, USER, Message, Reason, Record, Reject
from .answers import Answer, ranked
from .context import before, chat, one_of, opened, opened_chat
from .fields import as_text, is_empty
from .layout import LayoutOptions
from .prompts import CHATS, Prompt, prompt_of, text_prompt, whole
from .turns import begins_as_turns, turns_of

CHOSEN = ("chosen", "chosen_response", "response_chosen")
REJECTED = ("rejected", "rejected_response", "response_rejected")
SCORES = {
    "score": (("score_chosen", "chosen_score"), ("score_rejected", "rejected_score")),
    "rating": (("chosen_rating", "chosen-rating"), ("rejected_rating", "rejected-rating")),
}
ENGINES = (
    ("chosen_model", "chosen-model", "model_chosen"),
    ("rejected_model", "rejected-model", "model_rejected"),
)


class _Side(NamedTuple):
    """One of the two: its messages, and whether the prompt is among them."""

    items: list[Message]
    whole: bool


class _Scores(NamedTuple):
    name: str | None
    values: tuple[float | None, float | None]
    used: tuple[str, ...]


def has_sides(record: Record) -> bool:
    """Whether a record has a chosen answer and the field of a rejected one."""
    chosen = next((record[name] for name in CHOSEN if name in record), None)
    if not any(name in record for name in REJECTED):
        return False
    return chosen is None or isinstance(chosen, str | list | dict)


def read_sides(record: Record, options: LayoutOptions) -> list[PreferenceDraft | Reject]:
    """The row of a record with a chosen and a rejected answer."""
    names = [one_of(record, CHOSEN), one_of(record, REJECTED)]
    for name in names:
        if isinstance(name, Reject):
            return [name]
    if None in names:
        missing = "neither answer" if names == [None, None] else "one of two answers"
        return [Reject(Reason.ONE_ANSWER, f"{missing} has text")]
    fields = [str(name) for name in names]
    own_prompt = text_prompt(record, options)
    if isinstance(own_prompt, Reject):
        return [own_prompt]
    sides: list[_Side] = []
    for name in fields:
        side = _side(record[name], name, own_prompt is not None, options)
        if isinstance(side, Reject):
            return [side]
        sides.append(side)
    chosen, rejected = sides
    if chosen.whole != rejected.whole:
        return [Reject(Reason.DIFFERENT_PROMPTS, "one answer has the prompt before it")]
    parted = _parted(record, chosen, rejected, own_prompt, options)
    if isinstance(parted, Reject):
        return [parted]
    scores = _scores(record)
    if isinstance(scores, Reject):
        return [scores]
    engines = [one_of(record, aliases) for aliases in ENGINES]
    written = [record[e] if isinstance(e, str) and _is_text(record[e]) else None for e in engines]
    answers = [
        Answer(messages, score, engine)
        for messages, score, engine in zip(parted.answers, scores.values, written, strict=True)
    ]
    said = [e for e, engine in zip(engines, written, strict=True) if engine is not None]
    used = (*fields, *parted.prompt.used, *scores.used, *map(str, said))
    return ranked(parted.prompt.messages, answers, "best_worst", used=used, score_name=scores.name)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _side(value: Any, name: str, has_prompt: bool, options: LayoutOptions) -> _Side | Reject:
    """One of the two, as messages."""
    value = opened_chat(value)
    text = as_text(value)
    if text is not None:
        turns = None if has_prompt or not begins_as_turns(text) else turns_of(text)
        if isinstance(turns, Reject):
            return turns
        if turns is None:
            return _Side([Message(ASSISTANT, text)], False)
        value = turns.entries
    items = chat(value if isinstance(value, list) else [value], options)
    if items is None:
        return Reject(Reason.UNEXPECTED_SHAPE, f"{name} is neither text nor messages")
    for item in items:
        if isinstance(item, Reject):
            return Reject(item.reason, f"{name} cannot be read: {item.detail}")
    messages = [item for item in items if isinstance(item, Message)]
    return _Side(messages, messages[0].role in (SYSTEM, USER))


class _Parted(NamedTuple):
    """A prompt, and the messages of the two answers."""

    prompt: Prompt
    answers: tuple[tuple[Message, ...], tuple[Message, ...]]


def _parted(
    record: Record,
    chosen: _Side,
    rejected: _Side,
    own_prompt: Prompt | None,
    options: LayoutOptions,
) -> _Parted | Reject:
    if not chosen.whole:
        prompt = _before_answer(record, chosen, own_prompt, options)
        if isinstance(prompt, Reject):
            return prompt
        return _Parted(prompt, (tuple(chosen.items), tuple(rejected.items)))
    at = _where_they_part(chosen.items, rejected.items)
    answers = tuple(chosen.items[at:]), tuple(rejected.items[at:])
    if chosen.items == rejected.items:
        return Reject(Reason.EQUAL_ANSWERS, "two conversations that say the same")
    if not at or any(message.role in (USER, SYSTEM) for side in answers for message in side):
        return Reject(Reason.DIFFERENT_PROMPTS, "they part before the last answer")
    if not all(answers):
        return Reject(Reason.ONE_ANSWER, "one of two conversations has an answer at its end")
    found = before(record, options)
    if isinstance(found, Reject):
        return found
    earlier = [item for item in found.items if item not in chosen.items[:at]]
    prompt = whole((*earlier, *chosen.items[:at]), found.used)
    if isinstance(prompt, Reject):
        return prompt
    if own_prompt is not None and not _is_in(own_prompt.messages, prompt.messages):
        return Reject(Reason.CONTRADICTION, "the prompt is not in the conversations")
    used = own_prompt.used if own_prompt else ()
    return _Parted(Prompt(prompt.messages, (*prompt.used, *used)), answers)


def _before_answer(
    record: Record, chosen: _Side, own_prompt: Prompt | None, options: LayoutOptions
) -> Prompt | Reject:
    """The prompt in fields of its own; a list of messages may have the chosen answer at its end."""
    if own_prompt is not None:
        return prompt_of(record, options)
    name = next((n for n in CHATS if not is_empty(record.get(n))), None)
    turns = opened(record[name]) if name else None
    if name and isinstance(turns, list):
        items = chat(turns, options) or []
        size = len(chosen.items)
        if items[-size:] == chosen.items:
            record = {**record, name: turns[:-size]}
    return prompt_of(record, options)


def _where_they_part(one: Sequence[Message], other: Sequence[Message]) -> int:
    """The index behind the last message of the user's that both have at their beginning."""
    at = 0
    for index, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            break
        if mine.role == USER:
            at = index + 1
    return at


def _is_in(own: Sequence[Message], prompt: Sequence[Message]) -> bool:
    """Whether a prompt of its own is the whole prompt, or one of its messages."""
    texts = [message.content.strip() for message in prompt]
    mine = [message.content.strip() for message in own]
    return mine == texts[-len(mine) :] or (len(mine) == 1 and mine[0] in texts)


def _scores(record: Record) -> _Scores | Reject:
    """The scores of both, higher is better."""
    for name, sides in SCORES.items():
        found = [next((n for n in aliases if n in record), None) for aliases in sides]
        values = [number(record[field]) if field else None for field in found]
        if None in values or None in found:
            continue
        better, worse = values
        if better < worse:  # type: ignore[operator]
            return Reject(Reason.CONTRADICTION, f"the rejected answer has the better {name}")
        return _Scores(name, (better, worse), tuple(map(str, found)))
    return _Scores(None, (None, None), ())


def number(value: Any) -> float | None:
    """A finite number, also one that is written as text; None for anything else.

    >>> number("4.5"), number(True), number("N/A")
    (4.5, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value) if not isinstance(value, str) or len(value) < 40 else None
    except (ValueError, OverflowError):
        return None
    return found if found is not None and isfinite(found) else None
