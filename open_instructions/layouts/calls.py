"""Calls of tools in the forms that files have for them, in one form:

    {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": {"zone": "UTC"}}}

Without an id upstream there is none here. Arguments are an object; as JSON text they are opened.
"""

from __future__ import annotations

from typing import Any

from ..schema import Reason, Reject
from .embedded import opened, unfit

Call = dict[str, Any]
_NAMES = ("name", "tool_name", "function_name")
_ARGUMENTS = ("arguments", "parameters", "input", "args")
_IDS = ("id", "tool_call_id", "call_id")
_SHOWN = 80
"""Characters of upstream's words in a detail."""


def read_calls(value: Any) -> list[Call] | Reject:
    """The calls in a value: one, a list of them, or a JSON text of either.

    A Reject of the record: `bad_arguments` where arguments cannot be read as an object, `tool_call`
    where nothing says what is called.

    >>> read_calls('{"name": "now", "arguments": "{}"}')
    [{'type': 'function', 'function': {'name': 'now', 'arguments': {}}}]
    """
    if isinstance(value, str):
        try:
            value = opened(value)
        except ValueError as error:
            return Reject(Reason.BAD_ARGUMENTS, f"a call that is {error}")
    calls: list[Call] = []
    for given in value if isinstance(value, list) else [value]:
        call = read_call(given)
        if isinstance(call, Reject):
            return call
        calls.append(call)
    return calls


def read_call(given: Any) -> Call | Reject:
    """One call. OpenAI's {"function": {"name", "arguments"}}, or name and arguments by
    themselves."""
    if isinstance(given, str):
        return _from_text(given)
    if not isinstance(given, dict):
        return Reject(Reason.TOOL_CALL, f"a call that is a {type(given).__name__}")
    inner = given.get("function")
    body = inner if isinstance(inner, dict) else given
    name = _first(body, ("function", *_NAMES) if body is given else _NAMES)
    if not isinstance(name, str) or not name:
        return Reject(Reason.TOOL_CALL, "a call that does not say what it calls")
    arguments = _arguments(_first(body, _ARGUMENTS))
    if isinstance(arguments, str):
        return Reject(Reason.BAD_ARGUMENTS, f"the arguments of {name[:_SHOWN]!r} {arguments}")
    call: Call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    identity = _first(given, _IDS)
    return {"id": identity, **call} if isinstance(identity, str) and identity else call


def _from_text(text: str) -> Call | Reject:
    try:
        value = opened(text)
    except ValueError as error:
        return Reject(Reason.BAD_ARGUMENTS, f"a call that is {error}")
    if isinstance(value, str):
        return Reject(Reason.TOOL_CALL, "a call that is a text in a text")
    return read_call(value)


def _first(body: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((body[key] for key in keys if body.get(key) is not None), None)


def _arguments(value: Any) -> dict[str, Any] | str:
    """Arguments as an object, or what is wrong with them. None and "" are what APIs write where a
    function takes none."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = opened(value)
        except ValueError as error:
            return f"are {error}"
    if not isinstance(value, dict):
        return f"are a {type(value).__name__}, not an object"
    wrong = unfit(value)
    return f"have {wrong}" if wrong else value
