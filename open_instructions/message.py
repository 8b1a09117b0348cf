"""One message, and the order in which messages make a conversation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

from .errors import shown
from .reasons import Reason

SYSTEM, USER, ASSISTANT, TOOL = "system", "user", "assistant", "tool"

REASONING, CALLS, CALL_ID = "reasoning_content", "tool_calls", "tool_call_id"
FIELDS = (REASONING, CALLS, CALL_ID, "name", "weight")
"""What a message may have beside role and content, in the order in which it is written."""

INVISIBLE = "".join(map(chr, (0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF)))
"""Zero-width characters that str.strip() does not remove."""

_BLANK = (
    " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + INVISIBLE
)


class Message(NamedTuple):
    """One message. `html` means that a converter knows the content is HTML; `raw` is the text
    before a stage changed it, if one did. Neither reaches a row of data/.

    `fields` are what a message has beside role and content, None for most: `reasoning_content`,
    `tool_calls` (a list of {"id", "type", "function": {"name", "arguments": an object}}),
    `tool_call_id`, `name`, `weight`. What is absent has no key; no value is None.
    """

    role: str
    content: str
    html: bool = False
    raw: str | None = None
    fields: Mapping[str, Any] | None = None

    def edited(self, content: str) -> Message:
        """The message with new content; its raw text is kept."""
        raw = self.content if self.raw is None else self.raw
        return Message(self.role, content, False, raw, self.fields)

    @property
    def calls(self) -> Sequence[Mapping[str, Any]]:
        """The tool calls in it."""
        if self.fields is None:
            return ()
        calls: Sequence[Mapping[str, Any]] = self.fields.get(CALLS, ())
        return calls

    @property
    def is_empty(self) -> bool:
        """Does it say nothing and call nothing?"""
        return is_blank(self.content) and not self.calls


def is_blank(text: str) -> bool:
    """Whether a text has nothing visible: only white space and zero-width characters."""
    return not text.strip(_BLANK)


class Broken(NamedTuple):
    """Why messages are not a turn."""

    reason: Reason
    detail: str


def read_turn(messages: Sequence[Message], ends: bool) -> int | Broken:
    """How many of these messages, which stand between a user message and the next, are the answer
    to it: any calls, each with its results, then a message with text alone.

    `ends` says that the conversation ends with them: then a last message of calls is an answer.

    >>> asks = Message("assistant", "", fields={"tool_calls": [{"function": {"name": "now"}}]})
    >>> tells, answers = Message("tool", "12:00"), Message("assistant", "Noon.")
    >>> read_turn([asks, tells, answers], False), read_turn([asks], True)
    (3, 1)
    >>> read_turn([asks, answers], False).detail
    'a tool is called and no result follows'
    """
    at = answer = 0
    while at < len(messages):
        message, start = messages[at], at + 1
        if message.role != ASSISTANT:
            return Broken(Reason.RESULT_WITHOUT_CALL, "a result without a call before it")
        at = _behind_results(messages, start)
        results = messages[start:at]
        is_last = ends and at == len(messages) and not results
        if (message.calls and not is_last) or results:
            if problem := _unmatched(message.calls, results):
                return problem
        elif message.is_empty:
            return Broken(Reason.NO_ANSWER, "the answer is empty")
        elif not answer:
            answer = at
    return answer or Broken(Reason.NO_ANSWER, "the turn ends without an answer")


def _behind_results(messages: Sequence[Message], at: int) -> int:
    while at < len(messages) and messages[at].role == TOOL:
        at += 1
    return at


def _unmatched(calls: Sequence[Mapping[str, Any]], results: Sequence[Message]) -> Broken | None:
    """Why these results are not those of these calls: by their ids where both have them, else by
    the names of what was called, and by their number. One result without an id may be that of
    several calls."""
    if not calls:
        return Broken(Reason.RESULT_WITHOUT_CALL, "a result without a call before it")
    if not results:
        return Broken(Reason.CALL_WITHOUT_RESULT, "a tool is called and no result follows")
    if any(result.is_empty for result in results):
        return Broken(Reason.CALL_WITHOUT_RESULT, "the result is empty")
    open_calls = Counter(call["id"] for call in calls if "id" in call)
    known = bool(open_calls)
    called = {call["function"]["name"] for call in calls}
    unnamed = 0
    for result in results:
        fields = result.fields or {}
        name = fields.get(CALL_ID)
        if name is None or not known:
            unnamed += 1
            if fields.get("name", next(iter(called))) not in called:
                detail = f"a result of {shown(fields['name'])}, which was not called"
                return Broken(Reason.RESULT_WITHOUT_CALL, detail)
        elif open_calls[name]:
            open_calls[name] -= 1
        else:
            return Broken(
                Reason.RESULT_WITHOUT_CALL, f"a result of call {shown(name)}, which is not open"
            )
    if unnamed == len(results) == 1:
        return None
    if len(results) > len(calls):
        detail = f"{len(results)} results of {len(calls)} calls"
        return Broken(Reason.RESULT_WITHOUT_CALL, detail)
    if len(results) < len(calls):
        detail = f"{len(calls)} calls with {len(results)} results"
        return Broken(Reason.CALL_WITHOUT_RESULT, detail)
    return None


def invalid(messages: Sequence[Message]) -> str:
    """What prevents these messages from being a conversation; "" if nothing does."""
    start = 1 if messages and messages[0].role == SYSTEM else 0
    if any(m.fields or m.role == TOOL for m in messages):
        return _invalid_turns(messages, start)
    body = messages[start:]
    if not body or len(body) % 2:
        return f"{len(body)} user and assistant messages, not a whole number of turns"
    for index, message in enumerate(body):
        if message.role != (ASSISTANT if index % 2 else USER):
            return f"message {start + index} has role {message.role!r}"
    if any(is_blank(m.content) for m in messages):
        return "an empty message"
    return ""


def _invalid_turns(messages: Sequence[Message], start: int) -> str:
    """The same where messages have fields, or some are results of tools."""
    if any(m.is_empty for m in messages):
        return "an empty message"
    if len(messages) == start:
        return "no user message"
    for index, message in enumerate(messages):
        if index >= start and message.role not in (USER, ASSISTANT, TOOL):
            return f"message {index} has role {message.role!r}"
        if message.calls and message.role != ASSISTANT:
            return f"message {index} calls a tool and has role {message.role!r}"
    while start < len(messages):
        if messages[start].role != USER:
            return f"message {start} has role {messages[start].role!r}"
        end = next_user(messages, start + 1)
        answer = messages[start + 1 : end]
        read = read_turn(answer, end == len(messages))
        if isinstance(read, Broken):
            return f"message {start}: {read.detail}"
        if read < len(answer):
            return f"message {start + 1 + read} has role {messages[start + 1 + read].role!r}"
        start = end
    return ""


def next_user(messages: Sequence[Any], at: int) -> int:
    """The index of the next user message from here on; the number of messages if there is none."""
    while at < len(messages) and getattr(messages[at], "role", None) != USER:
        at += 1
    return at


def wrong_fields(message: Message) -> str:
    """What in a message's `fields` is not as `Message` says; "" if nothing is.

    >>> wrong_fields(Message("user", "Hi", fields={"weight": "1"}))
    "weight is '1'"
    """
    fields = message.fields
    if not fields:
        return ""
    if unknown := fields.keys() - set(FIELDS):
        return f"there is no field {shown(min(unknown))}"
    for name, value in fields.items():
        if not _FITS[name](value):
            return f"{name} is {shown(value)}"
    if CALLS in fields and message.role != ASSISTANT:
        return f"a {shown(message.role)} message has {CALLS}"
    if CALL_ID in fields and message.role != TOOL:
        return f"a {shown(message.role)} message has {CALL_ID}"
    return ""


def _is_weight(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and is_json(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not is_blank(value)


def _are_calls(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_call, value))


def _is_call(value: Any) -> bool:
    if not isinstance(value, dict) or not {"type", "function"} <= value.keys() <= _CALL_KEYS:
        return False
    function = value["function"]
    if value["type"] != "function" or not isinstance(function, dict):
        return False
    if function.keys() != {"name", "arguments"} or not isinstance(function["arguments"], dict):
        return False
    return all(map(_is_text, (function["name"], value.get("id", "-")))) and is_json(function)


_CALL_KEYS = {"id", "type", "function"}
_FITS = {
    REASONING: _is_text,
    CALLS: _are_calls,
    CALL_ID: _is_text,
    "name": _is_text,
    "weight": _is_weight,
}


def is_json(value: Any) -> bool:
    """Whether every reader of JSON gets this value back: no number beyond 64 bits or without a
    value, nothing but text, numbers, lists and objects with text as keys.

    >>> is_json({"a": [1.5, None, True]}), is_json(2**64), is_json(float("nan"))
    (True, False, False)
    """
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        return -(2**63) <= value < 2**64
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, list):
        return all(map(is_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(is_json, value.values()))
    return False
