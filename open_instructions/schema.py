"""The one conversation schema: the values that travel through a build. `columns` has what they end in.

A record goes through these types:

    dict (as read) -> Draft (a converter's answer) -> Conversation (valid) -> one row of data/
    at any point: Reject (a reason) -> Rejected (a reason with its origin) -> one row of rejected/
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

Record = dict[str, Any]
"""One raw record: a JSON object as upstream wrote it."""

SYSTEM, USER, ASSISTANT = "system", "user", "assistant"

INVISIBLE = "".join(map(chr, (0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF)))
"""Zero-width characters that str.strip() leaves in place."""

_BLANK = " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))) + INVISIBLE


class Reason(StrEnum):
    """Why a record or a turn is in rejected/. The list is closed: code that needs another reason adds it here."""

    # the reader
    INVALID_JSON = "invalid_json"
    INVALID_UTF8 = "invalid_utf8"
    TRUNCATED = "truncated"
    TOO_DEEP = "too_deep"
    NOT_AN_OBJECT = "not_an_object"
    EMPTY_FILE = "empty_file"
    # converters
    UNEXPECTED_SHAPE = "unexpected_shape"
    UNKNOWN_ROLE = "unknown_role"
    PREFERENCE_PAIR = "preference_pair"
    NO_TEXT = "no_text"
    REPEATED_TURN = "repeated_turn"
    # structure
    EMPTY = "empty"
    NO_ANSWER = "no_answer"
    NO_PROMPT = "no_prompt"
    NO_PAIR = "no_pair"
    MISPLACED_SYSTEM = "misplaced_system"
    # license
    LICENSE = "license"
    # html
    TOO_LARGE = "too_large"
    # defects
    EXPORT_BANNER = "export_banner"
    PLACEHOLDER = "placeholder"
    # phrases
    BLOCKED_WORD = "blocked_word"
    REFUSAL = "refusal"
    SERVICE_MESSAGE = "service_message"
    TOO_SHORT = "too_short"
    # language, duplicates, split
    LANGUAGE = "language"
    DUPLICATE = "duplicate"
    OVERLONG = "overlong"
    CUT_OFF = "cut_off"


class Message(NamedTuple):
    """One turn. `html` says that a converter knows the content for HTML, `raw` is the text before a stage changed it, if
    one did; neither reaches a row of data/."""

    role: str
    content: str
    html: bool = False
    raw: str | None = None

    def edited(self, content: str) -> Message:
        """The turn with another content, its raw text kept."""
        return Message(self.role, content, False, self.content if self.raw is None else self.raw)


class Reject(NamedTuple):
    """A refusal, as a value: of one turn, or of a whole record where `turn` is None; CUT_OFF: of a piece of one.

    `record` is the index of the raw record within the run that the converter was given (0 where records stand alone);
    `id` is upstream's name for it, where no Draft gives one.
    """

    reason: Reason
    detail: str = ""
    turn: Message | None = None
    record: int = 0
    id: str | None = None

    @property
    def level(self) -> str:
        """`record`, `turn`, or `piece` for what was cut off a turn that stays."""
        return "record" if self.turn is None else "piece" if self.reason == Reason.CUT_OFF else "turn"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a converter makes of raw records: turns in order, not yet checked, and what upstream says of them.

    `records` are the indexes of the raw records in it. What is None is filled in from the catalogue.
    """

    messages: Sequence[Message]
    id: str | None = None
    task: str | None = None
    engine: str | None = None
    license: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    records: tuple[int, ...] = (0,)
    edits: tuple[str, ...] = ()


@dataclass(frozen=True)  # and no slots: a copy is one update of a dictionary, which a build makes for each record and label
class Conversation:
    """A valid conversation: an optional system prompt, then user and assistant in turn, ending with the assistant.

    Raises ValueError when it is built from anything else: if you hold one it is valid. It maps one to one to a row.

    >>> talk = Conversation(id="demo/0", source="demo", subset="main",
    ...                     messages=(Message("user", "2 + 2?"), Message("assistant", "4")))
    >>> talk.num_turns
    1
    """

    id: str
    source: str
    subset: str
    messages: tuple[Message, ...]
    conversation_id: str = ""
    language: str = "und"
    language_score: float = 0.0
    task: str | None = None
    engine: str = ""
    license: str = ""
    num_tokens: int = 0
    edits: tuple[str, ...] = ()
    origin_file: str = ""
    origin_rows: tuple[int, ...] = (0,)
    metadata: str | None = None

    def __post_init__(self) -> None:
        problem = invalid(self.messages)
        if problem:
            raise ValueError(f"{self.id}: {problem}")

    @classmethod
    def unchecked(cls, **fields: Any) -> Conversation:
        """A conversation of messages that `pair_up` has just kept, which need no second look."""
        return cls._with(fields)

    @classmethod
    def _with(cls, fields: dict[str, Any]) -> Conversation:
        made = object.__new__(cls)
        object.__setattr__(made, "__dict__", fields)  # to copy it takes longer than all the rest
        return made

    def noting(self, **changes: Any) -> Conversation:
        """The same messages with another label or count: a copy that needs no second look, and costs a fifth of `replace`.

        >>> talk = Conversation("demo/0", "demo", "main", (Message("user", "2 + 2?"), Message("assistant", "4")))
        >>> talk.noting(language="en").language
        'en'
        """
        if "messages" in changes:
            raise ValueError("other messages make another conversation: use dataclasses.replace")
        return self._with(self.__dict__ | changes)

    @property
    def num_turns(self) -> int:
        """User and assistant pairs."""
        return len(self.messages) // 2

    @property
    def has_system(self) -> bool:
        return self.messages[0].role == SYSTEM


class Rejected(NamedTuple):
    """One row of rejected/."""

    level: str
    source: str
    subset: str
    conversation_id: str | None
    origin_file: str
    origin_row: int
    stage: str
    reason: str
    detail: str
    raw: str


def invalid(messages: Sequence[Message]) -> str:
    """What keeps these messages from being a conversation, or "" if nothing does."""
    start = 1 if messages and messages[0].role == SYSTEM else 0
    body = messages[start:]
    if not body or len(body) % 2:
        return f"{len(body)} user and assistant messages, not a whole number of pairs"
    for index, message in enumerate(body):
        if message.role != (ASSISTANT if index % 2 else USER):
            return f"message {start + index} has role {message.role!r}"
    if any(is_blank(m.content) for m in messages):
        return "an empty message"
    return ""


def is_blank(text: str) -> bool:
    """True where there is nothing to see: white space and zero-width characters only."""
    return not text.strip(_BLANK)


def pair_up(messages: Iterable[Message]) -> tuple[tuple[Message, ...], list[Reject]]:
    """Keep the longest valid conversation in these turns; every other turn becomes a Reject with its reason.

    A user turn is kept with the assistant turn right behind it. Law: each message in is kept or rejected, once.

    >>> kept, rejected = pair_up([Message("assistant", "Hi!"), Message("user", "2 + 2?"), Message("assistant", "4")])
    >>> [m.content for m in kept], [str(r.reason) for r in rejected]
    (['2 + 2?', '4'], ['no_prompt'])
    """
    kept: list[Message] = []
    rejected: list[Reject] = []
    waiting: Message | None = None
    for message in messages:
        if is_blank(message.content):
            rejected.append(Reject(Reason.EMPTY, f"an empty {message.role} turn", message))
            if waiting and message.role == ASSISTANT:
                rejected.append(Reject(Reason.NO_ANSWER, "the answer is empty", waiting))
                waiting = None
        elif message.role == SYSTEM:
            if kept or waiting:
                rejected.append(Reject(Reason.MISPLACED_SYSTEM, "a system prompt after the first turn", message))
            else:
                kept.append(message)
        elif message.role == USER:
            if waiting:
                rejected.append(Reject(Reason.NO_ANSWER, "the next turn is the user's again", waiting))
            waiting = message
        elif message.role == ASSISTANT:
            if waiting:
                kept += (waiting, message)
                waiting = None
            else:
                rejected.append(Reject(Reason.NO_PROMPT, "no user turn before it", message))
        else:
            raise ValueError(f"a message with role {message.role!r}; converters map roles to system, user, assistant")
    if waiting:
        rejected.append(Reject(Reason.NO_ANSWER, "the conversation ends with it", waiting))
    return tuple(kept), rejected


def replace_content(conversation: Conversation, messages: Sequence[Message], edits: Sequence[str]) -> list[Conversation | Reject]:
    """The conversation with other messages, under the names of the rules that changed them.

    Turns that became empty are rejected, and with them the partner that they leave alone; where no pair is left
    the whole record is.
    """
    kept, rejects = pair_up(messages)
    if not any(m.role == ASSISTANT for m in kept):
        return [whole_record(messages, rejects)]
    edited = conversation.edits + tuple(e for e in edits if e not in conversation.edits)
    return [conversation.unchecked(**conversation.__dict__ | {"messages": kept, "edits": edited}), *rejects]


def whole_record(messages: Sequence[Message], rejects: Sequence[Reject] = ()) -> Reject:
    """The one Reject for a record in which no pair of turns is left, with the reason that fits it best."""
    said = [m for m in messages if not is_blank(m.content)]
    roles = {m.role for m in said}
    if not messages:
        return Reject(Reason.EMPTY, "no turns at all")
    if not roles & {USER, ASSISTANT}:
        return Reject(Reason.EMPTY, "only a system turn" if said else "no turn with text in it")
    if ASSISTANT not in roles:
        return Reject(Reason.NO_ANSWER, "a prompt without an answer")
    if USER not in roles:
        return Reject(Reason.NO_PROMPT, "an answer without a prompt")
    return Reject(Reason.NO_PAIR, "no answer right behind a prompt")


def _as_json(value: Any) -> Any:
    """What JSON has no form for, as an object, so that nobody takes it for text; bytes that are UTF-8 are text."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"bytes": value.hex()}
    return {type(value).__name__: str(value)}


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_as_json).encode


def to_json(value: Any) -> str:
    """JSON text for the metadata and raw columns: compact, UTF-8, keys in upstream's order; lone surrogates escaped."""
    text = _encode(value)
    return text if encodable(text) else json.dumps(value, separators=(",", ":"), default=_as_json)


def encodable(text: str) -> bool:
    """False where a text holds lone surrogates, which no file in UTF-8 can."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
