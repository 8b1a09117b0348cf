"""Definitions of the tools that an assistant may call, in OpenAI's form:

{"type": "function", "function": {"name": "now", "description": …, "parameters": {…}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from ..errors import shown
from ..schema import Reason, Reject, is_blank
from .embedded import opened, unfit, without_nulls
from .fields import is_empty, kind

TOOL_KEYS = ("tools", "functions")
NULL_MEMBERS = "null_members"
"""The edit that says that members of objects which were null were left out."""
_SCHEMA = "parameters"
_SCHEMAS = {"input_schema": _SCHEMA, "inputSchema": _SCHEMA}


class Definitions(NamedTuple):
    """The tools of a record, the fields that they are in, and the names of what was changed."""

    tools: list[dict[str, Any]]
    used: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()


NO_TOOLS = Definitions([])


def definitions(record: Mapping[str, Any]) -> Definitions | Reject:
    """The tools that a record defines, in `tools` or `functions`: a list, or a JSON text of one.

    Plain words are no definitions, and stay where they are. A Reject `lost_context` for definitions
    that cannot be read: the assistant answers as one who has these tools.

    >>> definitions({"tools": '[{"name": "now"}]'}).tools
    [{'type': 'function', 'function': {'name': 'now'}}]
    """
    given = {key: record[key] for key in TOOL_KEYS if key in record and not _is_words(record[key])}
    if not given:
        return NO_TOOLS
    found: list[list[dict[str, Any]]] = []
    edits: tuple[str, ...] = ()
    for key, value in given.items():
        tools = _listed(value)
        if tools is None:
            return Reject(Reason.LOST_CONTEXT, f"{key} is not a list of tools, nor JSON of one")
        if not isinstance(value, str) and (kept := without_nulls(tools)) != tools:
            tools, edits = kept, (NULL_MEMBERS,)
        read = [_definition(tool) for tool in tools]
        wrong = next((tool for tool in read if isinstance(tool, str)), "")
        if wrong:
            return Reject(Reason.LOST_CONTEXT, f"{key}: {wrong}")
        found.append([tool for tool in read if not isinstance(tool, str)])
    if not any(found):
        return Definitions([], tuple(given))
    if any(tools != found[0] for tools in found):
        return Reject(Reason.CONTRADICTION, f"{' and '.join(given)} differ")
    return Definitions(found[0], tuple(given), edits)


def _is_words(value: Any) -> bool:
    """Is it nothing, a text that is not meant as JSON, or a list of such texts?"""
    if isinstance(value, list):
        return all(isinstance(item, str) and _is_words(item) for item in value)
    if isinstance(value, str):
        return value.lstrip()[:1] not in ("[", "{")
    return is_empty(value)


def _listed(value: Any) -> list[Any] | None:
    if isinstance(value, str):
        try:
            value = opened(value)
        except ValueError:
            return None
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else None


def _definition(tool: Any) -> dict[str, Any] | str:
    """A definition in OpenAI's form, or what is wrong with it."""
    if isinstance(tool, str):
        try:
            tool = opened(tool)
        except ValueError as error:
            return f"a tool that cannot be read: {error}"
    if not isinstance(tool, dict):
        return f"a tool that is {kind(tool)}"
    if wrong := unfit(tool):
        return f"a tool with {wrong}"
    if not isinstance(tool.get("function"), dict):
        return _wrapped(tool)
    if not _is_name(tool["function"].get("name")):
        return "a tool without a name"
    return {"type": "function", **tool, "function": _with_schema(tool["function"])}


def _wrapped(bare: dict[str, Any]) -> dict[str, Any] | str:
    """A function by itself: its name and the schema of its arguments, which Anthropic and MCP call
    `input_schema`; or that schema alone, with the name as its title."""
    type_ = bare.get("type")
    if type_ == "object" and _is_name(bare.get("title")):
        return _tool({"name": bare["title"], _SCHEMA: bare})
    if not _is_name(bare.get("name")):
        return "a tool without a name"
    if type_ not in (None, "function", "custom"):
        return f"a tool of type {shown(type_)}"
    names = {} if _SCHEMA in bare else _SCHEMAS
    function = {names.get(key, key): value for key, value in bare.items() if key != "type"}
    return _tool(_with_schema(function))


def _with_schema(function: dict[str, Any]) -> dict[str, Any]:
    """A function with the schema of its arguments opened, where it is JSON text."""
    schema = function.get(_SCHEMA)
    if isinstance(schema, str):
        with suppress(ValueError):
            schema = opened(schema)
    if isinstance(schema, dict) and not unfit(schema):
        return {**function, _SCHEMA: schema}
    return function


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": function}


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and not is_blank(value)
