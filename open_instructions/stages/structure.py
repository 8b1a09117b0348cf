"""Turns drafts into valid conversations: alternating roles, nothing empty, text that UTF-8 can
encode.

A conversation that lost or merged messages is marked:

gap               lost a message between two that stay, or one of several from the same side
trimmed           lost messages before the first turn that stays, or after the last
joined_messages   several messages from one side became one (recipe: `consecutive: join`)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeGuard, cast

from ..message import CALLS
from ..schema import (
    ASSISTANT,
    SYSTEM,
    USER,
    Conversation,
    Message,
    Reason,
    Reject,
    encodable,
    is_blank,
    to_json,
)
from .definition import About, Definition
from .tool_turns import settled

_SURROGATE = re.compile("[\ud800-\udfff]")
LONE_SURROGATE = "lone_surrogate"
"""Half of a surrogate pair (mostly a broken emoji) became U+FFFD, because UTF-8 cannot encode
it."""
GAP, TRIMMED, JOINED = "gap", "trimmed", "joined_messages"

Consecutive = Literal["reject", "join"]
Items = Sequence[Message | Reject]
"""Messages in order, with a Reject in the place of each message that is already rejected."""


@dataclass(frozen=True)
class Options:
    """consecutive  what to do when one side writes several messages in a row: reject all but one,
    or join them"""

    consecutive: Consecutive = "reject"


class Structured(NamedTuple):
    """What a draft became: its messages (none if no turn is left), the rejects, the edits, how
    many messages were joined into another one, and the JSON text of its tools."""

    messages: tuple[Message, ...]
    rejects: list[Reject]
    edits: tuple[str, ...]
    joined: int = 0
    tools: str | None = None


def structure(items: Items, consecutive: Consecutive = "reject") -> Structured:
    """The messages that make a conversation, rejects for all others, and the edits that were
    needed.

    If no turn is left, there are no messages and one Reject for the whole record.

    >>> structure([Message("user", "Hi"), Message("assistant", "")]).rejects[0].reason.value
    'no_answer'
    """
    if _is_one_pair(items):  # most records are
        return Structured(tuple(items), [], ())  # type: ignore[arg-type]
    edits: tuple[str, ...] = ()
    joined = 0
    if not all(
        isinstance(item, Reject)
        or (encodable(item.content) and (item.fields is None or is_encodable(item.fields)))
        for item in items
    ):
        items = [_encodable(item) for item in items]
        edits = (LONE_SURROGATE,)
    if consecutive == "join":
        given = len(items)
        items = _joined(items)
        joined = given - len(items)
        edits += (JOINED,) * (joined > 0)
    kept, rejects, lost = pair_up(items)
    if len(kept) < 2:  # nothing, or a system prompt alone
        return Structured((), [whole_record(_messages(items), rejects)], edits)
    return Structured(kept, rejects, edits + lost, joined)


def _is_one_pair(items: Items) -> bool:
    """Is it one prompt with its answer, and nothing to change?"""
    if len(items) != 2:
        return False
    asked, answered = items
    if isinstance(asked, Reject) or isinstance(answered, Reject):
        return False
    if asked.role != USER or answered.role != ASSISTANT:
        return False
    if is_blank(asked.content) or is_blank(answered.content):
        return False
    if asked.fields or answered.fields:
        return False
    return encodable(asked.content) and encodable(answered.content)


def _messages(items: Items) -> list[Message]:
    return [item for item in items if isinstance(item, Message)]


def is_encodable(value: Any) -> bool:
    """Whether UTF-8 can hold all texts in lists and objects."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, Mapping):
        return all(map(is_encodable, value)) and all(map(is_encodable, value.values()))
    return not isinstance(value, list | tuple) or all(map(is_encodable, value))


def as_encodable(value: Any) -> Any:
    """The value with U+FFFD for each lone surrogate in it."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        # keys stay apart
        keys = [key.encode("utf-8", "backslashreplace").decode() for key in value]
        return dict(zip(keys, map(as_encodable, value.values()), strict=True))
    if isinstance(value, list | tuple):
        return [as_encodable(item) for item in value]
    return value


def _encodable(item: Message | Reject) -> Message | Reject:
    if isinstance(item, Reject):
        return item
    fields = as_encodable(item.fields)
    return item._replace(content=as_encodable(item.content), fields=fields)


def _joined(items: Items) -> list[Message | Reject]:
    """Joins neighbouring messages of the user, or of the assistant, with a blank line between
    them. Results of tools stay apart."""
    result: list[Message | Reject] = []
    texts: dict[int, list[str]] = {}  # index in the result -> the texts joined there
    last = -1  # the index of the last message with text; -1 if a Reject came after it
    for item in items:
        if isinstance(item, Reject):
            last = -1
        elif not item.is_empty:
            before = result[last] if last >= 0 else None
            if isinstance(before, Message) and _same_side(before, item):
                texts.setdefault(last, [before.content]).append(item.content)
                result[last] = before._replace(fields=item.fields)
                continue
            last = len(result)
        result.append(item)
    for at, joined in texts.items():
        message = result[at]
        assert isinstance(message, Message)
        said = [text for text in joined if not is_blank(text)]
        result[at] = message._replace(content="\n\n".join(said))
    return result


def _same_side(one: Message, other: Message) -> bool:
    """Calls may follow the text that leads to them; other fields are of one message alone."""
    if one.role != other.role or one.role not in (USER, ASSISTANT) or one.html != other.html:
        return False
    return not one.fields and (not other.fields or other.fields.keys() == {CALLS})


class Paired(NamedTuple):
    """The messages that stay, a Reject for every other one, and the marks for what was taken
    out."""

    kept: tuple[Message, ...]
    rejects: list[Reject]
    marks: tuple[str, ...]


def pair_up(items: Iterable[Message | Reject]) -> Paired:
    """Keep the longest valid conversation in these messages; every other message becomes a Reject
    with its reason.

    A user message is kept if an answer follows it directly, or after tool calls with their
    results. Law: each message is either kept or rejected, exactly once; Rejects among `items` are
    not returned.

    >>> talk = Message("assistant", "Hi!"), Message("user", "2 + 2?"), Message("assistant", "4")
    >>> kept, rejects, marks = pair_up(talk)
    >>> [m.content for m in kept], [str(r.reason) for r in rejects], marks
    (['2 + 2?', '4'], ['no_prompt'], ('trimmed',))
    """
    items = list(items)
    if _is_in_turn(items):
        return Paired(tuple(items), [], ())
    with_tools = settled(items)
    stays: list[int] = []  # indexes of the messages that are kept
    rejects: list[Reject] = []
    waiting = -1  # the index of a user message without an answer so far
    for index, item in enumerate(items):
        if isinstance(item, Reject):
            continue
        role = item.role
        if index in with_tools:
            if waiting >= 0:
                rejects.append(_unanswered(items[waiting], "the next message is the user's again"))
                waiting = -1
            reject = with_tools[index]
            if reject:
                rejects.append(reject)
            else:
                stays.append(index)
        elif is_blank(item.content):
            rejects.append(Reject(Reason.EMPTY, f"an empty {role} message", item))
            if waiting >= 0 and role == ASSISTANT:
                rejects.append(_unanswered(items[waiting], "the answer is empty"))
                waiting = -1
        elif role == USER:
            if waiting >= 0:
                rejects.append(_unanswered(items[waiting], "the next message is the user's again"))
            waiting = index
        elif role == ASSISTANT:
            if waiting >= 0:
                stays += (waiting, index)
                waiting = -1
            else:
                rejects.append(Reject(Reason.NO_PROMPT, "no user message before it", item))
        elif role == SYSTEM:
            if stays or waiting >= 0:
                rejects.append(
                    Reject(Reason.MISPLACED_SYSTEM, "a system prompt after the first message", item)
                )
            else:
                stays.append(index)
        else:
            raise _unknown_role(role)
    if waiting >= 0:
        rejects.append(_unanswered(items[waiting], "the conversation ends with it"))
    return _paired(items, stays, rejects)


def _is_in_turn(items: Sequence[Message | Reject]) -> TypeGuard[Sequence[Message]]:
    """Is it a conversation without tools already, as most are?"""
    start = 1 if items and items[0][0] == SYSTEM else 0
    roles = [item[0] for item in items[start:]]  # of a Reject, its reason
    if not roles or len(roles) % 2 or roles != [USER, ASSISTANT] * (len(roles) // 2):
        return False
    for item in cast(Sequence[Message], items):
        if item.fields or is_blank(item.content):
            return False
    return True


def _unknown_role(role: str) -> ValueError:
    return ValueError(
        f"a message with role {role!r}; converters map roles to system, user, assistant, tool"
    )


def _paired(items: list[Message | Reject], stays: list[int], rejects: list[Reject]) -> Paired:
    """The result, with the messages at the indexes `stays`."""
    if len(stays) == len(items):
        return Paired(tuple(items), rejects, ())  # type: ignore[arg-type]
    kept = tuple([items[index] for index in stays])
    return Paired(kept, rejects, _marks(items, stays))  # type: ignore[arg-type]


def _unanswered(message: Message | Reject, detail: str) -> Reject:
    assert isinstance(message, Message)
    return Reject(Reason.NO_ANSWER, detail, message)


def _marks(items: Items, stays: Sequence[int]) -> tuple[str, ...]:
    """The marks for the messages that were taken out, by where they were."""
    if not stays:
        return ()
    left = set(stays)
    gap = trimmed = False
    for index, item in enumerate(items):
        if index in left or _empty_system(item):
            continue
        if stays[0] < index < stays[-1] or _beside_its_like(items, index, left):
            gap = True
        else:
            trimmed = True
    return (GAP,) * gap + (TRIMMED,) * trimmed


def _empty_system(item: Message | Reject) -> bool:
    """An empty system prompt: exporters write one where there was none."""
    return isinstance(item, Message) and item.role == SYSTEM and is_blank(item.content)


def _beside_its_like(items: Items, index: int, left: set[int]) -> bool:
    """Is a kept message from the same side directly before or after this one?"""
    role = getattr(items[index], "role", None)
    neighbours = left & {index - 1, index + 1}
    return any(getattr(items[near], "role", None) == role for near in neighbours)


def replace_content(
    conversation: Conversation, items: Items, edits: Sequence[str]
) -> list[Conversation | Reject]:
    """The conversation with new messages; `edits` names the rules that changed them. A Reject among
    `items` is in the place of a message that a rule rejected; it is not returned again.

    Messages that became empty are rejected, together with the other half of their turn. If no turn
    is left, the whole record is rejected.
    """
    kept, rejects, marks = pair_up(items)
    if not any(m.role == ASSISTANT for m in kept):
        return [whole_record(_messages(items), rejects)]
    added = [e for e in (*edits, *marks) if e not in conversation.edits]
    changed = {"messages": kept, "edits": (*conversation.edits, *added)}
    return [conversation.unchecked(**conversation.__dict__ | changed), *rejects]


def whole_record(messages: Sequence[Message], rejects: Sequence[Reject] = ()) -> Reject:
    """The one Reject for a record with no turn left, with the reason that fits best. `rejects` are
    those of its messages."""
    for reject in rejects:
        if reject.reason in (Reason.CALL_WITHOUT_RESULT, Reason.RESULT_WITHOUT_CALL):
            return reject._replace(message=None)
    with_text = [m for m in messages if not m.is_empty]
    roles = {m.role for m in with_text}
    if not messages:
        return Reject(Reason.EMPTY, "no messages at all")
    if not roles & {USER, ASSISTANT}:
        return Reject(
            Reason.EMPTY, "only a system message" if with_text else "no message with text in it"
        )
    if ASSISTANT not in roles:
        return Reject(Reason.NO_ANSWER, "a prompt without an answer")
    if USER not in roles:
        return Reject(Reason.NO_PROMPT, "an answer without a prompt")
    return Reject(Reason.NO_PAIR, "no answer right after a prompt")


class Structure:
    """The stage. Applies `structure` to the messages of a draft."""

    name = "structure"

    def __init__(self, consecutive: Consecutive = "reject") -> None:
        self._consecutive = consecutive

    def __call__(self, items: Items, tools: Sequence[Mapping[str, Any]] = ()) -> Structured:
        made = structure(items, self._consecutive)
        if not tools or not made.messages:
            return made
        edits = made.edits
        if not is_encodable(tools):
            tools = as_encodable(tools)
            edits = tuple(dict.fromkeys((LONE_SURROGATE, *edits)))
        return made._replace(edits=edits, tools=to_json(tools))


def _make(options: Options, about: About) -> Structure:
    return Structure(options.consecutive)


DEFINITION = Definition(
    Structure.name,
    Options,
    (
        Reason.EMPTY,
        Reason.NO_ANSWER,
        Reason.NO_PROMPT,
        Reason.NO_PAIR,
        Reason.MISPLACED_SYSTEM,
        Reason.CALL_WITHOUT_RESULT,
        Reason.RESULT_WITHOUT_CALL,
    ),
    _make,
    takes="draft",
)
