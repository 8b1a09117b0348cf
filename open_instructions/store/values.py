"""Checks the values of a manifest.json, which may come from anywhere. A value of the wrong kind is
refused, and the message names its place in the file:

    inputs[0].bytes is -1, not a whole number from 0
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import shown

_SHA256 = re.compile("[0-9a-f]{64}")
_DEEPEST = 8
"""The most levels of lists and objects in an object that is kept as it is."""


class WrongValue(ValueError):
    """A value that no manifest has."""


def refused(what: str, value: Any, kind: str) -> WrongValue:
    return WrongValue(f"{what} is {shown(value)}, not {kind}")


def member(what: str, key: str) -> str:
    """The place of a value under a free key."""
    return f"{what}[{shown(key)}]"


def fields(value: Any, what: str, required: tuple[str, ...], *optional: str) -> dict[str, Any]:
    """An object that has the required keys, perhaps some optional ones, and no others."""
    found = mapping(value, what)
    if lacking := [name for name in required if name not in found]:
        raise WrongValue(f"{what} lacks {', '.join(lacking)}")
    if strange := found.keys() - {*required, *optional}:
        raise WrongValue(f"{what} has the unknown key {shown(min(strange))}")
    return found


def mapping(value: Any, what: str) -> dict[str, Any]:
    """An object with free keys."""
    if not isinstance(value, dict):
        raise refused(what, value, "an object")
    return value


def items(found: Mapping[str, Any], name: str) -> list[tuple[Any, str]]:
    """The values of a list, each with its place."""
    listed = found[name]
    if not isinstance(listed, list):
        raise refused(name, listed, "a list")
    return [(value, f"{name}[{at}]") for at, value in enumerate(listed)]


def text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise refused(what, value, "text")
    return value


def texts(value: Any, what: str) -> dict[str, str]:
    return {key: text(each, member(what, key)) for key, each in mapping(value, what).items()}


def count(value: Any, what: str, least: int = 0) -> int:
    if type(value) is not int or not least <= value < 2**63:
        raise refused(what, value, f"a whole number from {least}")
    return value


def counts(value: Any, what: str, least: int = 0) -> dict[str, int]:
    found = mapping(value, what)
    return {key: count(each, member(what, key), least) for key, each in found.items()}


def sha256(value: Any, what: str) -> str:
    if not _SHA256.fullmatch(text(value, what)):
        raise refused(what, value, "a sha256")
    return str(value)


def kept(value: Any, what: str) -> dict[str, Any]:
    """An object that is kept as it is, unless it is nested too deep."""
    level: list[Any] = [mapping(value, what)]
    for _ in range(_DEEPEST):
        inner = [list(x.values()) if isinstance(x, dict) else x for x in level]
        level = [x for each in inner for x in each if isinstance(x, dict | list)]
    if level:
        raise refused(what, value, f"an object of at most {_DEEPEST} levels")
    return dict(value)
