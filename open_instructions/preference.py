"""A record with two answers, one of which is preferred.

    dict (as read) -> PreferenceDraft (a converter's answer) -> Preference (valid)
                   -> one row of preference/

Each answer with the prompt before it is a conversation, which the stages clean; see `pairing`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Literal, NamedTuple

from .schema import (
    SYSTEM,
    USER,
    Conversation,
    Draft,
    Message,
    Reason,
    Reject,
    invalid,
    to_json,
)

CONVERSATION, PREFERENCE = "conversation", "preference"
"""The kinds of rows, and of what a reject would have been."""

NO_PREFERENCE = frozenset(
    (
        Reason.TIE,
        Reason.EQUAL_ANSWERS,
        Reason.DIFFERENT_PROMPTS,
        Reason.ONE_ANSWER,
        Reason.NO_SCORES,
    )
)
"""Why two answers make no preference row."""

Answer = Literal["chosen", "rejected"]
ANSWERS: tuple[Answer, Answer] = ("chosen", "rejected")


@dataclass(frozen=True, slots=True)
class PreferenceDraft:
    """A converter's result for a record with two answers, one of which is preferred.

    prompt           messages that both answers continue, ending with the user's
    chosen           the messages of the better answer; usually one, from the assistant
    rejected         those of the worse one
    chosen_score     upstream's score, higher is better; None if there is none
    rejected_score   the same of the other
    score_name       what upstream calls the score
    judge            who compared them: a model, or people
    chosen_engine    who wrote the answer; None: what the catalogue says
    rejected_engine  the same of the other
    Everything else as in a Draft.
    """

    prompt: Sequence[Message]
    chosen: Sequence[Message]
    rejected: Sequence[Message]
    chosen_score: float | None = None
    rejected_score: float | None = None
    score_name: str | None = None
    judge: str | None = None
    chosen_engine: str | None = None
    rejected_engine: str | None = None
    id: str | None = None
    task: str | None = None
    license: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    used: Collection[str] = ()
    records: tuple[int, ...] = (0,)
    edits: tuple[str, ...] = ()
    tools: Sequence[Mapping[str, Any]] = ()


def messages_of(draft: Draft | PreferenceDraft) -> Iterator[Message | Reject]:
    """All messages of a draft, each once."""
    if isinstance(draft, Draft):
        yield from draft.messages
    else:
        yield from (*draft.prompt, *draft.chosen, *draft.rejected)


def check_scores(draft: PreferenceDraft) -> None:
    """Raises TypeError or ValueError for a score that is not a finite number."""
    for score in (draft.chosen_score, draft.rejected_score):
        if score is not None and (isinstance(score, bool) or not isinstance(score, int | float)):
            raise TypeError(f"the score {score!r} is not a number")
        if score is not None and not isfinite(score):
            raise ValueError(f"the score {score!r} is not finite")


def as_score(score: float | None) -> float | None:
    return None if score is None else float(score)


def kind_of(draft: Draft | PreferenceDraft) -> str:
    """What a draft is to become."""
    return CONVERSATION if isinstance(draft, Draft) else PREFERENCE


def text_of(draft: Draft | PreferenceDraft) -> str:
    """A draft's messages as JSON text."""
    if isinstance(draft, Draft):
        said: dict[str, Any] = {"messages": [m for m in draft.messages if isinstance(m, Message)]}
    else:
        said = {"prompt": draft.prompt, "chosen": draft.chosen, "rejected": draft.rejected}
    return to_json({name: [_plain(m) for m in messages] for name, messages in said.items()})


def _plain(message: Message) -> dict[str, Any]:
    content = message.content if message.raw is None else message.raw
    return {"role": message.role, "content": content, **(message.fields or {})}


class Tokens(NamedTuple):
    """The tokens of a preference row: prompt, chosen and rejected."""

    prompt: int = 0
    chosen: int = 0
    rejected: int = 0


_NO_TOKENS = Tokens()


@dataclass(frozen=True)
class Preference:
    """A prompt and two answers, of which people or a model prefer one.

    prompt           messages, the last of them the user's
    chosen           the messages of the better answer: the last is the assistant's, and with the
                     prompt before them they are a valid conversation
    rejected         those of the worse one, which differ
    chosen_score, rejected_score, score_name, judge
                     as in a PreferenceDraft
    chosen_engine, rejected_engine
                     who wrote the answers
    tokens           of all contents, by the recipe's tokenizer
    language         that of prompt and chosen
    Everything else as in a Conversation.

    Raises ValueError for anything else. It maps one to one to a row of preference/.

    >>> asked, good, bad = Message("user", "2 + 2?"), Message("assistant", "4"), Message(
    ...     "assistant", "5")
    >>> pair = Preference(id="demo/0", source="demo", subset="main", prompt=(asked,),
    ...                   chosen=(good,), rejected=(bad,))
    >>> pair.side("rejected").messages[-1].content
    '5'
    """

    id: str
    source: str
    subset: str
    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    conversation_id: str = ""
    chosen_score: float | None = None
    rejected_score: float | None = None
    score_name: str | None = None
    judge: str | None = None
    chosen_engine: str = ""
    rejected_engine: str = ""
    tokens: Tokens = _NO_TOKENS
    language: str = "und"
    language_score: float = 0.0
    task: str | None = None
    license: str = ""
    edits: tuple[str, ...] = ()
    origin_file: str = ""
    origin_rows: tuple[int, ...] = (0,)
    metadata: str | None = None
    tools: str | None = None

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise ValueError(f"{self.id}: {problem}")

    def _problem(self) -> str:
        if not self.prompt or self.prompt[-1].role != USER:
            return "the prompt does not end with the user's message"
        for answer in ANSWERS:
            if problem := invalid((*self.prompt, *getattr(self, answer))):
                return f"{answer}: {problem}"
        if same(self.chosen, self.rejected):
            return "the answers are equal"
        return ""

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages, each once. Together they are not a conversation."""
        return (*self.prompt, *self.chosen, *self.rejected)

    @property
    def has_system(self) -> bool:
        return self.prompt[0].role == SYSTEM

    @property
    def num_turns(self) -> int:
        """User messages in the prompt and the chosen answer."""
        return sum(message.role == USER for message in (*self.prompt, *self.chosen))

    def side(self, answer: Answer) -> Conversation:
        """The prompt with one of the answers, as a conversation."""
        chosen = answer == "chosen"
        return Conversation.unchecked(
            id=self.id,
            source=self.source,
            subset=self.subset,
            messages=(*self.prompt, *(self.chosen if chosen else self.rejected)),
            conversation_id=self.conversation_id,
            language=self.language,
            language_score=self.language_score,
            task=self.task,
            engine=self.chosen_engine if chosen else self.rejected_engine,
            license=self.license,
            edits=self.edits,
            origin_file=self.origin_file,
            origin_rows=self.origin_rows,
            metadata=self.metadata,
            tools=self.tools,
        )

    def noting(self, **changes: Any) -> Preference:
        """The same with other values."""
        return replace(self, **changes)


Whole = Conversation | Preference
"""What corpus steps see: a conversation before the split, or a preference."""


def same(one: Sequence[Message], other: Sequence[Message]) -> bool:
    """Whether two lists of messages say the same: role, content and what stands beside."""
    return [(m.role, m.content, m.fields) for m in one] == [
        (m.role, m.content, m.fields) for m in other
    ]


def tokens_of(row: Whole) -> int:
    """The tokens of a row, by the recipe's tokenizer."""
    return sum(row.tokens) if isinstance(row, Preference) else row.num_tokens
