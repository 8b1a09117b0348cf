"""Preferences through the stages: each answer with the prompt before it is a conversation, and both
go through a stage. Then they are one preference again, or a reject.

Where a stage takes messages out, it has to be the same ones of the prompt on both sides. A message
of an answer that is taken out, or a side that is rejected, takes the preference along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .preference import ANSWERS, Answer, Preference, PreferenceDraft, same
from .schema import ASSISTANT, USER, Conversation, Message, Reason, Reject, is_blank
from .stages.definition import STOPS, BatchStage, PairStage, Sides, Stage, failed
from .stages.running import outcomes as of_conversations
from .stages.structure import Structure, Structured

_STAND_IN = Message(ASSISTANT, "an answer")
"""Stands for the answers where the prompt is looked at alone."""


class Paired(NamedTuple):
    """What a draft became: as `Structured`, in three lists. Without messages it is rejected."""

    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    rejects: list[Reject]
    edits: tuple[str, ...]
    joined: int = 0
    tools: str | None = None


def structured(draft: PreferenceDraft, structure: Structure) -> Paired:
    """The messages that make a preference, rejects for the others, and the edits."""
    alone = structure([*draft.prompt, _STAND_IN], draft.tools)
    if reject := _no_prompt(draft.prompt, alone):
        return _refused(reject)
    prompt = alone.messages[:-1]
    answers: list[tuple[Message, ...]] = []
    edits, joined = alone.edits, alone.joined
    for name in ANSWERS:
        answer: Sequence[Message] = getattr(draft, name)
        made = structure([*draft.prompt, *answer])
        if reject := _no_answer(answer, made, alone):
            return _refused(_told(reject, name))
        answers.append(made.messages[len(prompt) :])
        edits += made.edits
        joined += made.joined - alone.joined
    chosen, rejected = answers
    if same(chosen, rejected):
        return _refused(_equal())
    edits = tuple(dict.fromkeys(edits))
    return Paired(prompt, chosen, rejected, alone.rejects, edits, joined, alone.tools)


def _refused(reject: Reject) -> Paired:
    return Paired((), (), (), [reject], ())


def _no_prompt(prompt: Sequence[Message], alone: Structured) -> Reject | None:
    if not alone.messages:
        return alone.rejects[0]
    last = alone.messages[-1]
    if last.content != _STAND_IN.content or not prompt or prompt[-1].role != USER:
        return Reject(Reason.NO_PROMPT, "the prompt does not end with the user's message")
    return None


def _no_answer(answer: Sequence[Message], made: Structured, alone: Structured) -> Reject | None:
    """The reject of an answer of which a message is none, or which is not the assistant's."""
    if all(is_blank(m.content) and not m.fields for m in answer):
        return Reject(Reason.NO_ANSWER, "no text in it")
    if not made.messages:
        return made.rejects[0]
    if len(made.rejects) > len(alone.rejects):
        return made.rejects[len(alone.rejects)]._replace(message=None)
    return None


def outcomes(
    stage: Stage | BatchStage, sides: Sides, before: Sequence[Preference]
) -> list[list[Preference | Reject]]:
    """A stage's result for each preference."""
    if isinstance(stage, PairStage):
        return [[_paired(stage, preference)] for preference in before]
    talks = [preference.side(name) for preference in before for name in sides]
    results = iter(of_conversations(stage, talks) if talks else [])
    return [_rejoined(p, {name: next(results) for name in sides}) for p in before]


def _paired(stage: PairStage, preference: Preference) -> Preference | Reject:
    try:
        return stage.pair(preference)
    except STOPS:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is one record's
        return failed(f"Stage {stage.name}", error)


def _rejoined(
    before: Preference, results: dict[Answer, list[Conversation | Reject]]
) -> list[Preference | Reject]:
    """One preference of what a stage made of its sides."""
    whole = {name: made[0] for name, made in results.items() if isinstance(made[0], Reject)}
    if whole:
        return [_both(whole)]
    talks = {name: made[0] for name, made in results.items() if isinstance(made[0], Conversation)}
    if all(talk.messages == before.side(name).messages for name, talk in talks.items()):
        return [_labelled(before, list(talks.values()))]
    prompts: list[tuple[Message, ...]] = []
    answers: dict[Answer, tuple[Message, ...]] = {}
    for name, talk in talks.items():
        answer = getattr(before, name)
        at = len(talk.messages) - len(answer)
        if not _are_edits(talk.messages[at:], answer):
            return [_lost(name, results[name])]
        prompts.append(talk.messages[:at])
        answers[name] = talk.messages[at:]
    if not all(same(prompt, prompts[0]) for prompt in prompts):
        return [Reject(Reason.DIFFERENT_PROMPTS, "cleaning makes two prompts of one")]
    joined = {name: answers.get(name, getattr(before, name)) for name in ANSWERS}
    if same(joined["chosen"], joined["rejected"]):
        return [_equal()]
    after = before.noting(prompt=prompts[0], **joined)
    first = next(iter(results.values()))
    return [_labelled(after, list(talks.values())), *_rejects(first)]


def _labelled(preference: Preference, talks: Sequence[Conversation]) -> Preference:
    """With the labels and edits of its sides: of the language, those of the first."""
    first = talks[0]
    edits = tuple(dict.fromkeys(edit for talk in talks for edit in talk.edits))
    seen = (first.language, first.language_score, edits)
    if seen == (preference.language, preference.language_score, preference.edits):
        return preference
    if edits == preference.edits:
        edits = preference.edits
    return preference.noting(
        language=first.language, language_score=first.language_score, edits=edits
    )


def _are_edits(after: Sequence[Message], before: Sequence[Message]) -> bool:
    """Whether these are the same messages, whatever was changed in their texts."""
    return [_origin(m) for m in after] == [_origin(m) for m in before]


def _origin(message: Message) -> tuple[str, str]:
    return message.role, message.content if message.raw is None else message.raw


def _rejects(results: Sequence[Conversation | Reject]) -> list[Reject]:
    return [result for result in results if isinstance(result, Reject)]


def _lost(name: Answer, results: Sequence[Conversation | Reject]) -> Reject:
    """An answer of which a message is taken out takes the preference along."""
    rejects = _rejects(results)
    if rejects:
        return _told(rejects[-1]._replace(message=None), name)
    return Reject(Reason.DIFFERENT_PROMPTS, f"{name}: cleaning takes a message out")


def _both(whole: dict[Answer, Reject]) -> Reject:
    """The one reject of sides that are rejected: the detail says which."""
    first, *others = whole.items()
    reject = _told(first[1], first[0])
    if others and (others[0][1].reason, others[0][1].detail) == (first[1].reason, first[1].detail):
        return first[1]._replace(detail=f"both answers: {first[1].detail}")
    return reject


def _told(reject: Reject, name: str) -> Reject:
    return reject._replace(detail=f"{name}: {reject.detail}" if reject.detail else name)


def _equal() -> Reject:
    return Reject(Reason.EQUAL_ANSWERS, "chosen and rejected are equal")
