"""JSON inside text: where a list or an object is expected, text that holds one is opened."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, NoReturn

MAX_LEVELS = 100
"""Deeper nesting is an attack on what recurses: neither people nor models write it."""
_LEAST, _LARGEST = -(2**63), 2**64 - 1
"""Integers that fit into 64 bits, with a sign or without, which is what parsers of JSON have."""


def opened(text: str) -> Any:
    """The value of a JSON text, strictly. Raises ValueError for what is not JSON, for NaN and
    Infinity, and for an object with two different values under one key.

    >>> opened('{"city": "Oslo"}')
    {'city': 'Oslo'}
    """
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_refused)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos}") from None
    if text.count("[") + text.count("{") > MAX_LEVELS and _is_deeper(value, MAX_LEVELS):
        raise ValueError(_TOO_DEEP)
    return value


def opened_list(value: Any) -> list[Any] | None:
    """A list, or the one that a JSON text holds; None for anything else."""
    if isinstance(value, str) and value.lstrip(_BLANKS).startswith("["):
        try:
            value = opened(value)
        except ValueError:
            return None
    return value if isinstance(value, list) else None


def opened_object(text: str) -> dict[str, Any] | None:
    """The object that a JSON text holds; None for anything else."""
    if not text.lstrip(_BLANKS).startswith("{"):
        return None
    try:
        value = opened(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def holds_objects(value: Any) -> bool:
    """Whether a value looks like a list of objects, or like a JSON text of one. Of a text only the
    beginning is looked at.

    >>> holds_objects([]), holds_objects('[{"role"'), holds_objects("[INST] Hi [/INST]")
    (True, True, False)
    """
    if isinstance(value, list):
        return all(isinstance(item, dict) for item in value[:1])
    if not isinstance(value, str):
        return False
    begin = value.lstrip(_BLANKS)[:100]
    return begin.startswith("[") and begin[1:].lstrip(_BLANKS)[:1] in ("{", "]")


def unfit(value: Any) -> str:
    """Why a value cannot be stored as JSON and read back anywhere; "" if it can.

    >>> unfit({"n": 2**64})
    'an integer beyond 64 bits'
    """
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return next((wrong for item in items if (wrong := unfit(item))), "")
    if isinstance(value, bool | str) or value is None:
        return ""
    if isinstance(value, int):
        return "" if _LEAST <= value <= _LARGEST else "an integer beyond 64 bits"
    if isinstance(value, float):
        return "" if isfinite(value) else "a number that JSON does not have"
    return f"a {type(value).__name__}, which JSON does not have"


def without_nulls(value: Any) -> Any:
    """A value without the members that are null: in Parquet, an object has the keys of all others
    in its column.

    >>> without_nulls({"city": "Oslo", "unit": None, "days": [{"n": 1, "to": None}]})
    {'city': 'Oslo', 'days': [{'n': 1}]}
    """
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


_BLANKS = " \t\r\n"
_TOO_DEEP = f"nested deeper than {MAX_LEVELS}"


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    items = value.values() if isinstance(value, dict) else value
    return not levels or any(_is_deeper(item, levels - 1) for item in items)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if found[key] != value or type(found[key]) is not type(value):
                raise ValueError(f"two values under the key {key[:80]!r}")
    return found


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"not JSON: {constant}")
