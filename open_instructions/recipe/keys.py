"""The values of a recipe's keys: from YAML to what the key's type says, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ..corpus.options import LARGEST, Weights
from ..errors import RecipeError, shortened, shown, suggest

Bases = tuple[tuple[str, int], ...]
"""A mapping of subsets to 0 or 1, in hashable form."""


def plain(value: Any) -> Any:
    """A value of a recipe as JSON has it."""
    if isinstance(value, Weights):
        return dict(value)
    if isinstance(value, dict):
        return {_key(name): plain(item) for name, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def typed(value: Any, hint: Any, where: str) -> Any:
    """The value of a key whose type is `hint`. `where` names the key in errors. Raises RecipeError
    for a value of another kind."""
    if hint == Bases:
        if not isinstance(value, Mapping) or not all(_is_base(*item) for item in value.items()):
            raise RecipeError(
                f"{where} takes a mapping like {{lmflow:medmcqa: 0}}, with 0 or 1, not "
                f"{shown(value)}."
            )
        return tuple(sorted(value.items()))
    if hint is Weights:
        return _weights(value, where)
    kind = get_origin(hint) or hint
    if kind in (UnionType, Union) and type(None) in get_args(hint):  # off unless named
        inner = get_args(hint)[0]
        if value is None or (value is False and is_dataclass(inner)):
            return None
        return _group(value, inner, where) if is_dataclass(inner) else typed(value, inner, where)
    if kind in (UnionType, Union):  # one word or a list
        hint = get_args(hint)[isinstance(value, list)]
        kind = get_origin(hint)
    if kind is Literal:
        if value not in get_args(hint):
            words = get_args(hint)
            raise RecipeError(
                f"{where} is {', '.join(words[:-1])} or {words[-1]}, not {shown(value)}."
            )
        return value
    if kind is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            bare = isinstance(value, list) and any(isinstance(item, bool) for item in value)
            hint = (
                "YAML reads an unquoted no as false: quote it."
                if bare
                else f"Write [{shortened(value)}]."
                if isinstance(value, str)
                else ""
            )
            raise RecipeError(f"{where} takes a list of strings, not {shown(value)}.", hint=hint)
        return tuple(value)
    if isinstance(value, int) and kind in (int, float) and abs(value) > LARGEST:
        raise RecipeError(f"{where} takes a number up to {LARGEST:,}, not {shown(value)}.")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise RecipeError(f"{where} takes {_KINDS[kind]}, not {shown(value)}.")
    return value


def _weights(value: Any, where: str) -> Weights:
    try:
        return Weights.of(value)
    except ValueError as error:
        raise RecipeError(
            f"{where} takes a mapping like {{alpaca: 3, dolly: 7}}: {error}."
        ) from error


def _group(value: Any, group: Any, where: str) -> Any:
    """Keys that belong together. `true` takes all defaults, and a bare value is that of the group's
    key SHORT, if it has one."""
    if value is True:
        return group()
    short = getattr(group, "SHORT", None)
    if not isinstance(value, Mapping):
        if short is None:
            raise RecipeError(f"{where} takes a mapping of keys to values, not {shown(value)}.")
        value = {short: value}
    hints = get_type_hints(group)
    known = {_key(field.name): field.name for field in fields(group)}
    for key in value:
        if key not in known:
            raise RecipeError(
                f"{where}: unknown key {shown(key)}.", hint=suggest(str(key), [*known], "Keys are")
            )
    values = {
        known[key]: typed(item, hints[known[key]], f"{where}: {key}") for key, item in value.items()
    }
    try:
        return group(**values)
    except ValueError as error:  # the group's own checks
        raise RecipeError(f"{where}: {error}") from error


def _key(name: str) -> str:
    """The key for the name of a field: from_ is from, which Python keeps for itself."""
    return name.removesuffix("_")


def _is_base(name: Any, base: Any) -> bool:
    return isinstance(name, str) and type(base) is int and base in (0, 1)


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
