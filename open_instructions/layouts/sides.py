"""chosen and rejected: two texts, two messages, two conversations that part at the last answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..preference import PreferenceDraft
from ..schema import ASSISTANT, SYSTEM, USER, Draft, Message, Reason, Record, Reject
from .answered import answer_entries
from .answers import Answer, ranked
from .context import Entries, conversation, differ, filled, is_chat, opened_chat, role_in
from .fields import is_empty, number
from .layout import LayoutOptions
from .literals import listed
from .prompts import CHATS, PROMPTS, Asked, all_of, listed_prompt, own_prompt, with_earlier
from .turns import begins_as_turns, turns_of

CHOSEN = (
    "chosen",
    "chosen_response",
    "chosen_messages",
    "response_chosen",
    "response_j",
    "preferred_output",
)
REJECTED = (
    "rejected",
    "rejected_response",
    "rejected_messages",
    "response_rejected",
    "response_k",
    "non_preferred_output",
)
_BEGUN = "initial_reason_steps"
"""What both answers go on from."""
_ANSWERS = ("response", "completion", "output", "answer")
"""Where the chosen answer is, if there is none by that name."""
_ALL_REJECTED = frozenset(REJECTED)
SCORES = {
    "score": (("score_chosen", "chosen_score"), ("score_rejected", "rejected_score")),
    "rating": (
        ("chosen_rating", "chosen-rating", "rating_chosen"),
        ("rejected_rating", "rejected-rating", "rating_rejected"),
    ),
}
ENGINES = (
    ("chosen_engine", "chosen_model", "chosen-model", "model_chosen"),
    ("rejected_engine", "rejected_model", "rejected-model", "model_rejected"),
)


class _Side(NamedTuple):
    """One of the two: its entries, and whether the prompt is among them."""

    entries: Entries
    whole: bool


class _Read(NamedTuple):
    """Both as conversations, with what comes before them, and the fields of that."""

    drafts: tuple[Draft, Draft]
    used: tuple[str, ...]


class _Scores(NamedTuple):
    name: str | None
    values: tuple[float | None, float | None]
    used: tuple[str, ...]


def has_sides(record: Record) -> bool:
    """Whether a record has the fields of a chosen and a rejected answer, and one of those is
    there."""
    if _ALL_REJECTED.isdisjoint(record):
        return False
    given = [record[name] for name in (*CHOSEN, *REJECTED) if name in record]
    said = [value for value in given if not is_empty(value)]
    return bool(said) and all(isinstance(value, str | list | dict) for value in said)


def read_sides(record: Record, options: LayoutOptions) -> list[PreferenceDraft | Reject]:
    """The row of a record with a chosen and a rejected answer. The chosen one may be where the
    answer of other layouts is: in a field of its own, or at the end of a list of messages."""
    fields: list[str] = []
    for aliases in (CHOSEN, REJECTED):
        names = filled(record, aliases)
        if aliases is CHOSEN and not names:
            names = filled(record, _ANSWERS)
        if len(names) > 1:
            return [differ(names)]
        fields += names
    if len(fields) == 1 and fields[0] in REJECTED:
        record = _with_chosen(record, fields[0], options)
        fields = [CHOSEN[0], *fields] if record.get(CHOSEN[0]) else fields
    if len(fields) < 2:
        return [Reject(Reason.ONE_ANSWER, f"{len(fields)} of two answers")]
    if not is_empty(record.get(_BEGUN)):
        return [Reject(Reason.LOST_CONTEXT, f"both answers go on from {_BEGUN!r}")]
    own = own_prompt(record)
    if isinstance(own, Reject):
        return [own]
    read = _read(record, fields, own, options)
    if isinstance(read, Reject):
        return [read]
    parted = _parted(*read.drafts, own)
    if isinstance(parted, Reject):
        return [parted]
    scores = _scores(record)
    if isinstance(scores, Reject):
        return [scores]
    engines = [next((n for n in aliases if _is_text(record.get(n))), None) for aliases in ENGINES]
    answers = [
        Answer(messages, score, record[engine] if engine else None)
        for messages, score, engine in zip(parted.answers, scores.values, engines, strict=True)
    ]
    chosen, rejected = read.drafts
    return ranked(
        parted.prompt,
        answers,
        "best_worst",
        used=(*fields, *read.used, *chosen.used, *scores.used, *filter(None, engines)),
        score_name=scores.name,
        metadata={**chosen.metadata, **rejected.metadata},
        edits=tuple(dict.fromkeys((*chosen.edits, *rejected.edits))),
        tools=chosen.tools,
    )


def _with_chosen(record: Record, rejected: str, options: LayoutOptions) -> Record:
    """A record with the answer at the end of its list of messages as the chosen one; with the whole
    list, if the rejected one is a whole conversation."""
    names = filled(record, CHATS)
    entries = listed(record[names[0]]) if len(names) == 1 else None
    if not entries or len(entries) < 2 or not is_chat(entries):
        return record
    other = _side(record, rejected, options)
    if isinstance(other, _Side) and other.whole:
        return {**record, CHOSEN[0]: entries}
    return {**record, CHOSEN[0]: entries[-1:], names[0]: entries[:-1]}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _side(record: Record, name: str, options: LayoutOptions) -> _Side | Reject:
    """One of the two, as entries."""
    value = opened_chat(record[name])
    if isinstance(value, str) and _is_whole(value, record):
        turns = turns_of(value)
        if isinstance(turns, Reject):
            return turns
        value = turns.entries if turns else value
    entries = answer_entries({name: value}, name)
    if isinstance(entries, Reject):
        return entries
    return _Side(entries, role_in(entries[0], options) in (SYSTEM, USER))


def _is_whole(text: str, record: Record) -> bool:
    """Whether a text is a transcript: where the record has a prompt, one that begins with it."""
    if not begins_as_turns(text):
        return False
    prompts = [record[name] for name in filled(record, (*PROMPTS, *CHATS))]
    begun = [p for p in prompts if isinstance(p, str) and begins_as_turns(p) and text.startswith(p)]
    return len(begun) == len(prompts)


def _read(
    record: Record, fields: Sequence[str], own: Asked | None, options: LayoutOptions
) -> _Read | Reject:
    """Both conversations with what comes before their answers."""
    sides: list[_Side] = []
    for name in fields:
        side = _side(record, name, options)
        if isinstance(side, Reject):
            return side
        sides.append(side)
    chosen, rejected = sides
    if chosen.whole != rejected.whole:
        return Reject(Reason.DIFFERENT_PROMPTS, "only one answer has its prompt before it")
    before: Asked | Reject | None = own
    if chosen.whole:
        before = Asked([], own.used if own else ())
    elif own is None:
        before = listed_prompt(record, chosen.entries)
    assert before is not None
    if not isinstance(before, Reject):
        before = with_earlier(record, before)
    if isinstance(before, Reject):
        return before
    if not chosen.whole and role_in(before.entries[-1], options) in (ASSISTANT, SYSTEM):
        return Reject(Reason.NO_PROMPT, "nothing that waits for an answer")
    drafts: list[Draft] = []
    for name, side in zip(fields, sides, strict=True):
        draft = conversation(record, [*before.entries, *side.entries], name, options)
        if isinstance(draft, Reject):
            return draft
        drafts.append(draft)
    return _Read((drafts[0], drafts[1]), before.used)


class _Parted(NamedTuple):
    """A prompt, and the messages of the two answers."""

    prompt: tuple[Message, ...]
    answers: tuple[tuple[Message, ...], tuple[Message, ...]]


def _parted(chosen: Draft, rejected: Draft, own: Asked | None) -> _Parted | Reject:
    """What both have in common up to the user's last message, and what each has behind it."""
    one, other = all_of(chosen), all_of(rejected)
    if isinstance(one, Reject):
        return one
    if isinstance(other, Reject):
        return other
    if one == other:
        return Reject(Reason.EQUAL_ANSWERS, "two answers that say the same")
    at = _where_they_part(one, other)
    answers = one[at:], other[at:]
    if not at or any(message.role in (USER, SYSTEM) for side in answers for message in side):
        return Reject(Reason.DIFFERENT_PROMPTS, "they part before the last answer")
    if not all(answers):
        return Reject(Reason.ONE_ANSWER, "one of two conversations has an answer at its end")
    if own is not None and not _is_in(own.entries, one[:at]):
        return Reject(Reason.CONTRADICTION, "the prompt is not in the conversations")
    return _Parted(one[:at], answers)


def _where_they_part(one: Sequence[Message], other: Sequence[Message]) -> int:
    """The index behind the last message of the user's that both have at their beginning."""
    at = 0
    for index, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            break
        if mine.role == USER:
            at = index + 1
    return at


def _is_in(own: Entries, prompt: Sequence[Message]) -> bool:
    """Whether a prompt of its own is the end of the whole prompt, or one of its messages."""
    texts = [message.content.strip() for message in prompt]
    mine = [str(entry.get("content", entry.get("value"))).strip() for entry in own]
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
