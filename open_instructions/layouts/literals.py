"""Objects as Python prints them, which Hermes' sets have among those in JSON, and lists of objects
as pandas writes them into tables."""

from __future__ import annotations

import re
from typing import Any

from .embedded import opened, opened_list

_TOKENS = re.compile(
    r"""'(?P<single>[^'\\]*+(?:\\.[^'\\]*+)*+)(?:'|\\?\Z)"""
    r"""|"(?P<double>[^"\\]*+(?:\\.[^"\\]*+)*+)(?:"|\\?\Z)"""
    r"""|\b(?P<word>True|False|None)\b"""
    r"""|(?P<gap>\}\s++\{)""",
    re.S,
)
"""Strings, words, and where NumPy prints no comma between two objects. A string without an end goes
to the end of the text, so that nothing is read twice; the object around it has no end either
then."""
_PRINTED = re.compile(r"""\s*+\[\s*+\{\s*+['"]""")
"""How a list of objects begins."""
_WORDS = {"True": "true", "False": "false", "None": "null"}
_ESCAPES = re.compile(r"""\\(?:x([0-9a-fA-F]{2})|(.))|(")""", re.S)


def read_literal(text: str) -> Any:
    """The value of an object that Python printed. Raises ValueError for what JSON does not have
    either, like a tuple.

    It is written as JSON and read as that: Python's own parser crashes on hostile text.

    >>> read_literal("{'say': 'Hi', 'loud': True}")
    {'say': 'Hi', 'loud': True}
    """
    return opened(_TOKENS.sub(_as_json, text))


def listed(value: Any) -> list[Any] | None:
    """A list, or the one that a text holds as JSON or as Python or NumPy print one of objects; None
    for anything else.

    >>> listed("[{'role': 'user'}\\n {'role': 'assistant'}]")
    [{'role': 'user'}, {'role': 'assistant'}]
    """
    found = opened_list(value)
    if found is not None or not isinstance(value, str) or not _PRINTED.match(value):
        return found
    try:
        printed = read_literal(value)
    except ValueError:
        return None
    return printed if isinstance(printed, list) else None


def _as_json(token: re.Match[str]) -> str:
    if token["gap"]:
        return "}, {"
    if token["word"]:
        return _WORDS[token["word"]]
    inside = token["double"] if token["single"] is None else token["single"]
    return '"' + _ESCAPES.sub(_escape, inside) + '"'


def _escape(found: re.Match[str]) -> str:
    """An escape as JSON has it. JSON refuses those that only Python has."""
    code, character, quote = found.groups()
    if code:
        return f"\\u00{code}"
    if quote:
        return '\\"'
    return "'" if character == "'" else found[0]
