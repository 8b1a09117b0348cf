"""Content that is a list of typed parts, as in the forms of OpenAI, Anthropic, Oumi and
LLaMA-Factory.

[{"type": "text", "text": "What is "}, {"type": "text", "text": "this?"}]  -> "What is this?"

Texts are put together with nothing between them. That is what the chat templates of models do with
such a list, and it adds no character of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import shown
from ..schema import Reason, Reject, to_json
from .calls import Call, read_calls
from .fields import as_text, is_empty, leftover
from .fields import kind as kind_of

_TEXTS = ("text", "input_text", "output_text")
_THOUGHTS = ("thinking", "reasoning")
_HIDDEN = "redacted_thinking"
"""A thought that nobody but its model can read."""
_CALLS = ("tool_use", "tool_call", "function_call")
_RESULTS = ("tool_result", "tool_response")
_SAYS = ("text", "value", "content")
_MEDIA = ("image", "audio", "video", "file", "document")
"""Words in the types of parts that are not text."""
MEDIA_KEYS = tuple(f"{kind}{s}" for kind in ("image", "audio", "video") for s in ("", "s"))
"""Fields of records and of parts that hold something else than text."""


class Result(NamedTuple):
    """What a tool answered, and the id of the call."""

    text: str
    call: str | None = None


class Content(NamedTuple):
    """What is in the content of a message.

    text     its texts, put together; None if there is none
    thought  what the model thought before
    calls    what it calls
    results  what tools answered, before the text
    left     per part, the fields that were not used; empty where no part has any
    """

    text: str | None
    thought: str = ""
    calls: Sequence[Call] = ()
    results: Sequence[Result] = ()
    left: Sequence[Any] = ()


class Unreadable(NamedTuple):
    """Why a single message cannot be read."""

    detail: str
    reason: Reason = Reason.UNEXPECTED_SHAPE


def read_parts(parts: Sequence[Any]) -> Content | Unreadable | Reject:
    """The content in a list of parts.

    A Reject of the record: `unsupported_modality` for a part that is not text, `tool_call` for one
    of a tool that is of no known kind, and what `read_calls` rejects.

    >>> read_parts([{"type": "text", "text": "Hi, "}, "you"]).text
    'Hi, you'
    """
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Call] = []
    results: list[Result] = []
    left: list[dict[str, Any]] = []
    for part in parts:
        read = _part(part)
        if isinstance(read, Reject | Unreadable):
            return read
        texts += [] if read.text is None else [read.text]
        thoughts += [read.thought] if read.thought else []
        calls += read.calls
        results += read.results
        left += read.left
    return Content(
        "".join(texts) if texts else None,
        "\n\n".join(thoughts),
        tuple(calls),
        tuple(results),
        left if any(left) else (),
    )


def _part(part: Any) -> Content | Unreadable | Reject:
    """One part; `left` has the one dictionary of its unused fields."""
    if isinstance(part, str):
        return Content(part, left=({},))
    if not isinstance(part, dict):
        return Unreadable(f"a part that is {kind_of(part)}")
    kind = part.get("type")
    if is_media(part):
        return Reject(Reason.UNSUPPORTED_MODALITY, f"a part of type {shown(kind)}")
    if is_call(part):
        return _call(part)
    if kind in _RESULTS:
        return _result(part)
    if kind in _THOUGHTS:
        return _thought(part)
    if kind == _HIDDEN:
        return Content(None, left=(leftover(part, ("type",)),))
    if _is_of_tool(part):
        return Reject(Reason.TOOL_CALL, f"a part with {shown(kind or min(part))}")
    if kind in _TEXTS or (kind is None and "text" in part):
        return _text(part)
    return Unreadable(f"a part of type {shown(kind)}")


def _is_of_tool(part: dict[str, Any]) -> bool:
    """Whether a part is of a tool in a form that is not known: by its type, or by its keys."""
    kind = part.get("type")
    words = [kind] if isinstance(kind, str) else part
    return any("tool" in word or "function" in word.lower() for word in words)


def is_call(part: Any) -> bool:
    """Whether a part is a call of a tool."""
    return isinstance(part, dict) and part.get("type") in _CALLS


def is_media(part: dict[str, Any]) -> bool:
    """Whether a part is an image, sound, a video or a file."""
    kind = part.get("type")
    if isinstance(kind, str):
        return any(word in kind for word in _MEDIA)
    return any(not is_empty(part.get(key)) for key in (*MEDIA_KEYS, "image_url"))


def _text(part: dict[str, Any]) -> Content | Unreadable:
    said = [key for key in _SAYS if isinstance(part.get(key), str)]
    if not said and isinstance(inner := part.get("text"), dict):  # as OpenAI's assistants have it
        return _text({**part, **inner, "text": inner.get("value")})
    if not said:
        return Unreadable("a part of text without text")
    return Content(part[said[0]], left=(leftover(part, ("type", said[0])),))


def _thought(part: dict[str, Any]) -> Content | Unreadable:
    kind = part["type"]
    said = [key for key in (kind, *_THOUGHTS, *_SAYS) if isinstance(part.get(key), str)]
    if not said:
        return Unreadable(f"a part of type {kind!r} without text")
    return Content(None, part[said[0]], left=(leftover(part, ("type", said[0])),))


def _call(part: dict[str, Any]) -> Content | Reject:
    """Its name and arguments are in the part, or as LLaMA-Factory has them: JSON in `value`."""
    value = part.get("value")
    alone = isinstance(value, str)
    read = read_calls(value if alone else part)
    if isinstance(read, Reject):
        return read
    left = leftover(part, ("type", "value")) if alone else {}
    for call in read.left:
        left |= call
    return Content(None, calls=read.calls, left=(left,))


def _result(part: dict[str, Any]) -> Content | Reject:
    said = next((key for key in ("content", "value", "output") if part.get(key) is not None), "")
    answered = read_answer(part.get(said))
    if isinstance(answered, Reject):
        return answered
    identity = part.get("tool_use_id") or part.get("tool_call_id")
    call = identity if isinstance(identity, str) else None
    left = leftover(part, ("type", said, "tool_use_id", "tool_call_id"))
    if answered.left:
        left[said] = answered.left
    return Content(None, results=(Result(answered.text or "", call),), left=(left,))


def read_answer(value: Any) -> Content | Reject:
    """What a tool answered, as text: parts put together, another object as its JSON text; "" for
    nothing.

    >>> read_answer({"degrees": 7}).text
    '{"degrees":7}'
    """
    if is_empty(value):
        return Content("")
    if isinstance(value, list):
        content = read_parts(value)
        if isinstance(content, Reject) or (isinstance(content, Content) and _is_text(content)):
            return content
    return Content(as_text(value) or to_json(value))


def _is_text(content: Content) -> bool:
    return content.text is not None and not (content.calls or content.results or content.thought)
