"""Calls of tools in the forms that files have for them, in one form:

    {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": {"zone": "UTC"}}}

Without an id upstream there is none here. Arguments are an object; as JSON text they are opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import shown
from ..schema import Reason, Reject, is_blank
from .embedded import opened, unfit
from .fields import kind, leftover

Call = dict[str, Any]
_NAMES = ("name", "tool_name", "function_name")
_ARGUMENTS = ("arguments", "parameters", "input", "args")
_IDS = ("call_id", "tool_call_id", "id")
"""In a response of OpenAI's, results name the call by the first; `id` is that of the item."""


class Calls(NamedTuple):
    """Calls, and per call the fields that were not used; empty where no call has any."""

    calls: Sequence[Call] = ()
    left: Sequence[dict[str, Any]] = ()


def read_calls(value: Any) -> Calls | Reject:
    """The calls in a value: one, a list of them, or a JSON text of either.

    A Reject of the record: `bad_arguments` where arguments cannot be read as an object, `tool_call`
    where nothing says what is called.

    >>> read_calls('{"name": "now", "arguments": "{}"}').calls
    [{'type': 'function', 'function': {'name': 'now', 'arguments': {}}}]
    """
    calls: list[Call] = []
    left: list[dict[str, Any]] = []
    value = _opened(value)
    for given in value if isinstance(value, list) else [value]:
        read = _call(_opened(given))
        if isinstance(read, Reject):
            return read
        calls.append(read[0])
        left.append(read[1])
    return Calls(calls, left if any(left) else ())


def _opened(value: Any) -> Any:
    """The value of a JSON text; a Reject where it is not one."""
    if not isinstance(value, str):
        return value
    try:
        return opened(value)
    except ValueError as error:
        return Reject(Reason.BAD_ARGUMENTS, f"a call that cannot be read: {error}")


def _call(given: Any) -> tuple[Call, dict[str, Any]] | Reject:
    """One call and what is left of it. OpenAI's {"function": {"name", "arguments"}}, or name and
    arguments by themselves."""
    if isinstance(given, Reject):
        return given
    if not isinstance(given, dict):
        return Reject(Reason.TOOL_CALL, f"a call that is {kind(given)}")
    inner = given.get("function")
    body = inner if isinstance(inner, dict) else given
    named = _first(body, _NAMES if body is inner else ("function", *_NAMES))
    name = body.get(named)
    if not isinstance(name, str) or is_blank(name):
        return Reject(Reason.TOOL_CALL, "a call that does not say what it calls")
    given_arguments = _first(body, _ARGUMENTS)
    arguments = _arguments(body.get(given_arguments))
    if isinstance(arguments, str):
        return Reject(Reason.BAD_ARGUMENTS, f"the arguments of {shown(name)} {arguments}")
    call: Call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    left = leftover(body, (named, given_arguments))
    if body is inner:
        beside = leftover(given, ("function",))
        left = {**beside, "function": left} if left else beside
    if left.get("type") in _TYPES:
        del left["type"]
    key = _first(left, _IDS)
    if isinstance(left.get(key), str) and not is_blank(left[key]):
        call = {"id": left.pop(key), **call}
    return call, left


_TYPES = ("function", "function_call", "tool_call", "tool_use")


def _first(body: dict[str, Any], keys: tuple[str, ...]) -> str:
    """The first of these keys that is there; "" if none is."""
    return next((key for key in keys if body.get(key) is not None), "")


def _arguments(value: Any) -> dict[str, Any] | str:
    """Arguments as an object, or what is wrong with them. None and "" are what APIs write where a
    function takes none."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = opened(value)
        except ValueError as error:
            return f"cannot be read: {error}"
    if not isinstance(value, dict):
        return f"are {kind(value)}, not an object"
    wrong = unfit(value)
    return f"have {wrong}" if wrong else value
