"""The conversation schema: the values that pass through a build. `store.columns` defines their
columns on disk.

A record goes through these types:

    dict (as read) -> Draft (a converter's answer) -> Conversation (valid) -> one row of data/
    at any point: Reject (a reason) -> Rejected (a reason with its origin) -> one row of rejected/
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NamedTuple

from .message import ASSISTANT as ASSISTANT
from .message import INVISIBLE as INVISIBLE
from .message import SYSTEM as SYSTEM
from .message import TOOL as TOOL
from .message import USER as USER
from .message import Message as Message
from .message import invalid as invalid
from .message import is_blank as is_blank
from .reasons import Reason as Reason

SPLITS = ("validation", "test")
"""The splits besides train."""
GROUP = "group_id"
"""The column with what may not be on both sides of a split."""

SAME, COPY = "~", "*"
"""In an id, before the number of a conversation among those with the same id, and before that of a
copy. Ids of upstream have neither sign."""

Record = dict[str, Any]
"""One raw record: a JSON object as upstream wrote it."""


def copy_id(name: str, copy: int) -> str:
    """The id of a copy, counted from 1; the first has the conversation's own.

    >>> copy_id("alpaca/000017", 2), copied_from("alpaca/000017*2")
    ('alpaca/000017*2', 'alpaca/000017')
    """
    return name if copy == 1 else f"{name}{COPY}{copy}"


def copied_from(name: str) -> str:
    """The id of the conversation that a copy is of; "" if the id is not that of a copy."""
    of, sign, number = name.rpartition(COPY)
    return of if sign and number.isdecimal() else ""


class Reject(NamedTuple):
    """A rejection, as a value: of one message; of a whole record if `message` is None; or, for
    CUT_OFF, of a piece of a message.

    `record` is the index of the raw record within the run that the converter was given (0 for
    single records); `id` is upstream's name for it if no Draft gives one.
    """

    reason: Reason
    detail: str = ""
    message: Message | None = None
    record: int = 0
    id: str | None = None

    @property
    def level(self) -> str:
        """`record`, `message`, or `piece` for text cut off a message that stays."""
        if self.message is None:
            return "record"
        return "piece" if self.reason == Reason.CUT_OFF else "message"


@dataclass(frozen=True, slots=True)
class Draft:
    """A converter's result for raw records: messages in order, not yet checked, and what upstream
    says about them.

    messages  in order, with a Reject (with its `message`) in place of each message that the
              converter rejected
    id        upstream's name for the record; None: its row
    task      upstream's name for the kind of task
    engine    who wrote the answers; None: what the catalogue says
    license   the record's own licence; None: what the catalogue says
    metadata  further values from the converter, in addition to the fields that it did not use
    used      the record's fields whose values are completely in the above; all others are added to
              the row's metadata. For an envelope, the fields of the instance
    records   the indexes of its raw records
    edits     names of the converter's changes
    tools     definitions of the tools that the assistant may call, in OpenAI's form:
              {"type": "function", "function": {...}}
    """

    messages: Sequence[Message | Reject]
    id: str | None = None
    task: str | None = None
    engine: str | None = None
    license: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    used: Collection[str] = ()
    records: tuple[int, ...] = (0,)
    edits: tuple[str, ...] = ()
    tools: Sequence[Mapping[str, Any]] = ()


# No slots: a copy is one dictionary update, and a build makes one for each record and label.
@dataclass(frozen=True)
class Conversation:
    """A valid conversation: an optional system prompt, then turns of a user message, any calls of
    tools with their results, and the assistant's answer. `tools` is the JSON text of a list: the
    definitions of what may be called.

    Raises ValueError for anything else: every Conversation object is valid. It maps one to one to a
    row.

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
    tools: str | None = None

    def __post_init__(self) -> None:
        problem = invalid(self.messages)
        if problem:
            raise ValueError(f"{self.id}: {problem}")

    @classmethod
    def unchecked(
        cls,
        *,
        id: str,
        source: str,
        subset: str,
        messages: tuple[Message, ...],
        conversation_id: str = "",
        language: str = "und",
        language_score: float = 0.0,
        task: str | None = None,
        engine: str = "",
        license: str = "",
        num_tokens: int = 0,
        edits: tuple[str, ...] = (),
        origin_file: str = "",
        origin_rows: tuple[int, ...] = (0,),
        metadata: str | None = None,
        tools: str | None = None,
    ) -> Conversation:
        """A conversation of messages that `pair_up` just kept, so they are not checked again. The
        arguments are the fields.

        Raises ValueError if there are no messages, TypeError for an unknown field.
        """
        if not messages:
            raise ValueError(f"{id}: no messages")
        # Not generic: writing the dictionary out is the fastest way to set so many fields.
        return cls._with(
            {
                "id": id,
                "source": source,
                "subset": subset,
                "messages": messages,
                "conversation_id": conversation_id,
                "language": language,
                "language_score": language_score,
                "task": task,
                "engine": engine,
                "license": license,
                "num_tokens": num_tokens,
                "edits": edits,
                "origin_file": origin_file,
                "origin_rows": origin_rows,
                "metadata": metadata,
                "tools": tools,
            }
        )

    @classmethod
    def _with(cls, fields: dict[str, Any]) -> Conversation:
        made = object.__new__(cls)
        object.__setattr__(made, "__dict__", fields)  # copying it would be the largest cost
        return made

    def noting(
        self,
        *,
        language: str | None = None,
        language_score: float | None = None,
        num_tokens: int | None = None,
    ) -> Conversation:
        """The same conversation with another label or count: an unchecked copy that costs a fifth
        of `replace`. None keeps the old value.

        >>> messages = Message("user", "2 + 2?"), Message("assistant", "4")
        >>> talk = Conversation("demo/0", "demo", "main", messages)
        >>> talk.noting(language="en").language
        'en'
        """
        fields = self.__dict__.copy()
        if language is not None:
            fields["language"] = language
        if language_score is not None:
            fields["language_score"] = language_score
        if num_tokens is not None:
            fields["num_tokens"] = num_tokens
        return self._with(fields)

    @property
    def num_turns(self) -> int:
        """How many user messages with their answers it has."""
        return [m.role for m in self.messages].count(USER)

    @property
    def has_system(self) -> bool:
        return self.messages[0].role == SYSTEM


class Rejected(NamedTuple):
    """One row of rejected/.

    kind      what it would have become: `conversation`, if a converter recognised it as one
    other     the id of the row that stays instead
    score     how certain or how similar, if the decision had a score
    evidence  JSON text with what was found
    parent    the fingerprint of the build that it came from
    """

    level: str
    source: str
    subset: str
    conversation_id: str | None
    origin_file: str
    origin_row: int
    stage: str
    reason: str
    detail: str
    raw: str | None
    kind: str | None = None
    other: str | None = None
    score: float | None = None
    evidence: str | None = None
    parent: str | None = None


def _as_json(value: Any) -> Any:
    """A value that JSON cannot represent becomes an object, so that it is not taken for text. Bytes
    that are UTF-8 become text."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"bytes": value.hex()}
    return {type(value).__name__: str(value)}


_COMPACT: dict[str, Any] = {"separators": (",", ":"), "default": _as_json}
_encode = json.JSONEncoder(ensure_ascii=False, **_COMPACT).encode
_encode_strictly = json.JSONEncoder(ensure_ascii=False, allow_nan=False, **_COMPACT).encode


def to_json(value: Any) -> str:
    """JSON text for the raw column: compact, UTF-8, keys in upstream's order; lone surrogates
    escaped."""
    text = _encode(value)
    return text if encodable(text) else json.dumps(value, **_COMPACT)


def raw_text(message: Message) -> str:
    """What rejected/ keeps of a message: its text before any stage changed it; where it has fields,
    all of it as JSON.

    >>> raw_text(Message("assistant", "", fields={"weight": 0}))
    '{"role":"assistant","content":"","weight":0}'
    """
    text = message.content if message.raw is None else message.raw
    if not message.fields:
        return text
    return to_json({"role": message.role, "content": text, **message.fields})


def strict_json(value: Any) -> tuple[str, bool]:
    """JSON text for the metadata column, which any parser reads, and whether numbers that JSON
    cannot represent (NaN, Infinity) became null.

    >>> strict_json({"score": float("nan"), "rank": 1})
    ('{"score":null,"rank":1}', True)
    """
    try:
        text, lossy = _encode_strictly(value), False
    except ValueError:
        text, lossy = _encode(_finite(value)), True
    return text if encodable(text) else json.dumps(json.loads(text), **_COMPACT), lossy


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def encodable(text: str) -> bool:
    """False if a text holds lone surrogates, which UTF-8 cannot encode."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
