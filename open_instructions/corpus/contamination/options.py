"""What a recipe says about evaluation sets: `decontaminate`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from ...catalogue import evaluations
from ...catalogue.own import OwnSource, from_described, from_entry, is_own, own_source, spread
from ...errors import RecipeError, shown, suggest
from .hits import PARTS, QUESTION, WITH_ANSWER

Sets = tuple[str | OwnSource, ...]


@dataclass(frozen=True)
class Decontaminate:
    """
    sets       the evaluation sets: names of the catalogue, files, datasets on the hub, index files,
               or entries as under `sources`
    allow      ids of items, or of conversations, whose hits are accepted
    threshold  the share of an item's tokens that a message has to have
    drop       the parts that drop a conversation; the others mark it
    """

    SHORT: ClassVar[str] = "sets"

    sets: Sets = ()
    allow: tuple[str, ...] = ()
    threshold: float = 0.6
    drop: tuple[str, ...] = (WITH_ANSWER, QUESTION)

    def to_dict(self) -> dict[str, Any]:
        """The values for a manifest or a lock, without any path of this machine."""
        sets = [
            {"name": each.name, **each.described()} if isinstance(each, OwnSource) else each
            for each in self.sets
        ]
        rest = {"threshold": self.threshold, "drop": list(self.drop)}
        return {"sets": sets, "allow": list(self.allow), **rest}


def decontaminate_of(value: Any, where: str, folder: str = "") -> Decontaminate | None:
    """The value of the key. `where` names the recipe in errors, `folder` is where its relative
    paths begin. Raises RecipeError for anything that it cannot be."""
    if value is None or value is False:
        return None
    if isinstance(value, Decontaminate):
        return value
    where = f"{where}: decontaminate"
    if not isinstance(value, Mapping):
        value = {Decontaminate.SHORT: value}
    known = [field.name for field in fields(Decontaminate)]
    for key in value:
        if key not in known:
            hint = suggest(str(key), known, "Keys are")
            raise RecipeError(f"{where}: unknown key {shown(key)}.", hint=hint)
    given: dict[str, Any] = {"sets": _sets(value.get("sets"), where, folder)}
    given |= {
        key: _texts(value[key], f"{where}: {key}") for key in ("allow", "drop") if key in value
    }
    for part in given.get("drop", ()):
        if part not in PARTS:
            hint = suggest(part, PARTS, "Parts are")
            raise RecipeError(f"{where}: drop: there is no part {shown(part)}.", hint=hint)
    if "threshold" in value:
        given["threshold"] = _share(value["threshold"], f"{where}: threshold")
    return Decontaminate(**given)


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise RecipeError(f"{where} takes a list of strings, not {shown(value)}.")
    return tuple(value)


def _share(value: Any, where: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0.3 <= value <= 1:
        raise RecipeError(f"{where} takes a number from 0.3 to 1, not {shown(value)}.")
    return float(value)


def _sets(value: Any, where: str, folder: str) -> Sets:
    listed = [value] if isinstance(value, str | os.PathLike | Mapping) else value
    if not isinstance(listed, list | tuple) or not listed:
        raise RecipeError(
            f"{where} takes a list of evaluation sets, not {shown(value)}.",
            hint="Like [gsm8k, ./evals/*.jsonl].",
        )
    found = tuple(dict.fromkeys(_set(item, where, folder) for item in listed))
    names = [each.name if isinstance(each, OwnSource) else each for each in found]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(
                f"{where}: two sets have the name {shown(name)}.",
                hint="Give one of them another `name`.",
            )
    return found


def _set(item: Any, where: str, folder: str) -> str | OwnSource:
    if isinstance(item, Mapping):
        if "files" in item or ("hub" in item and "several" not in item):
            return from_entry(item, where, folder)
        said = {key: value for key, value in item.items() if key != "name"}
        return from_described(str(item.get("name", "")), said, where)
    if isinstance(item, os.PathLike):
        item = os.fspath(item)
    if not isinstance(item, str) or not item:
        raise RecipeError(f"{where} has {shown(item)}, which is not a name, a path or an entry.")
    if is_own(item) or item.endswith(INDEX):
        own = own_source(item)
        return replace(own, folder=folder, several=own.several or spread(folder, item))
    if item not in evaluations.names():
        hint = suggest(item, evaluations.names(), "Known sets are")
        raise RecipeError(f"{where}: there is no evaluation set {shown(item)}.", hint=hint)
    return item


INDEX = ".oidx"
"""How the name of an index file ends."""
