"""Definitions of the tools that an assistant may call, in OpenAI's form:

{"type": "function", "function": {"name": "now", "description": …, "parameters": {…}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..schema import Reason, Reject
from .embedded import opened, unfit, without_nulls
from .fields import is_empty

TOOL_KEYS = ("tools", "functions")
NULL_MEMBERS = "null_members"
"""The edit that says that members of objects which were null were left out."""
_SCHEMAS = {"input_schema": "parameters", "inputSchema": "parameters"}
_SHOWN = 80


class Definitions(NamedTuple):
    """The tools of a record, the fields that they are in, and the names of what was changed."""

    tools: list[dict[str, Any]]
    used: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()


def definitions(record: Mapping[str, Any]) -> Definitions | Reject:
    """The tools that a record defines, in `tools` or `functions`: a list, or a JSON text of one.

    A Reject `lost_context` where they cannot be read: the assistant answers as one who has them.

    >>> definitions({"tools": '[{"name": "now"}]'}).tools
    [{'type': 'function', 'function': {'name': 'now'}}]
    """
    given = {key: record[key] for key in TOOL_KEYS if not is_empty(record.get(key))}
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
    if not found:
        return Definitions([])
    if any(tools != found[0] for tools in found):
        return Reject(Reason.CONTRADICTION, f"{' and '.join(given)} differ")
    return Definitions(found[0], tuple(given), edits)


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
            return f"a tool that is {error}"
    if not isinstance(tool, dict):
        return f"a tool that is a {type(tool).__name__}"
    if wrong := unfit(tool):
        return f"a tool with {wrong}"
    if not isinstance(tool.get("function"), dict):
        return _wrapped(tool)
    if not _is_name(tool["function"].get("name")):
        return "a tool without a name"
    return {"type": "function", **tool}


def _wrapped(bare: dict[str, Any]) -> dict[str, Any] | str:
    """A function by itself: its name and the schema of its arguments, which Anthropic and MCP call
    `input_schema`; or that schema alone, with the name as its title."""
    kind = bare.get("type")
    if kind == "object" and _is_name(bare.get("title")):
        return _tool({"name": bare["title"], "parameters": bare})
    if not _is_name(bare.get("name")):
        return "a tool without a name"
    if kind not in (None, "function", "custom"):
        return f"a tool of type {str(kind)[:_SHOWN]!r}"
    named = {_SCHEMAS.get(key, key): value for key, value in bare.items() if key != "type"}
    return _tool(named if len(named) >= len(bare) - (kind is not None) else bare)


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": function}


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
