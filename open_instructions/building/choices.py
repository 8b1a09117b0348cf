"""What a user asked for, as sources and a recipe."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .. import recipe as recipes
from ..catalogue import Selection, Source, registered, select
from ..errors import InputError, RecipeError, UsageError, suggest
from ..inputs.fetching import Fetching
from ..inputs.lock import Lock
from ..paths import Folders
from ..recipe import Recipe
from ..tokens import tokenizer

Missing = Literal["stop", "skip"]


@dataclass(frozen=True)
class Choices:
    """What a user said of a build's inputs and recipe; the parameters of `open_instructions.build`
    of the same names."""

    sources: str | Iterable[str] = "all"
    data_dir: Folders | None = None
    sample: bool = False
    missing: Missing = "stop"
    locked: str | os.PathLike[str] | None = None
    recipe: str | Recipe | None = None
    out: str | os.PathLike[str] | None = None
    languages: str | Sequence[str] | None = None
    not_languages: str | Sequence[str] | None = None
    licenses: str | Sequence[str] | None = None
    max_tokens: int | None = None
    encoding: str | None = None
    tokenizer: str | None = None
    index_base: Mapping[str, int] | Sequence[str] | None = None
    fetching: Fetching = field(default_factory=Fetching)


def selections_of(said: Choices, lock: Lock | None) -> list[Selection]:
    if lock is None:
        return select(said.sources)
    if said.sources != "all":
        selections = select(said.sources)
    elif lock.own:
        name, sha256 = next(iter(lock.own.items()))
        others = [s for s in lock.sources if s.partition(":")[0] not in lock.own]
        raise UsageError(
            f"{said.locked} needs a source of yours: {name}, a .py file with the sha256 {sha256}.",
            hint=f"--sources={','.join([*others, './mine.py'])} names it. The file is run, so read it first.",
        )
    else:
        selections = _registered(said, lock)
    for s in selections:
        if lock.own.get(s.source.name, s.source.digest) != s.source.digest:
            raise InputError(
                f"{said.locked} was written with a different source {s.source.name}: of the sha256 {lock.own[s.source.name]}.",
                hint=f"{s.path} has {s.source.digest}."
                if s.path
                else "An installed package has a source of this name.",
            )
    return selections


def _registered(said: Choices, lock: Lock) -> list[Selection]:
    try:
        return registered(lock.sources)
    except UsageError as error:
        raise UsageError(
            f"{said.locked} names an unknown source: {error.message}",
            hint="--sources=./mine.py names one of your own.",
        ) from error


def recipe_of(said: Choices, lock: Lock | None) -> Recipe:
    if said.max_tokens is not None and (
        isinstance(said.max_tokens, bool) or not isinstance(said.max_tokens, int)
    ):
        raise UsageError(f"--max-tokens takes a whole number, not {said.max_tokens!r}.")
    if not isinstance(said.encoding, str | None):
        raise UsageError(f"--encoding takes a name like gb18030, not {said.encoding!r}.")
    if not isinstance(said.tokenizer, str | None):
        raise UsageError(
            f"--tokenizer takes a string, not {said.tokenizer!r}.",
            hint="Give a name, or a path like ./tokenizer.json.",
        )
    if not isinstance(said.recipe, str | Recipe | None):
        raise UsageError(
            f"--recipe takes a name, a path or a Recipe, not a {type(said.recipe).__name__}."
        )
    if said.recipe is None:
        chosen = Recipe.from_dict(lock.recipe) if lock else recipes.load()
    else:
        chosen = recipes.load(said.recipe) if isinstance(said.recipe, str) else said.recipe
    chosen = chosen.with_flags(
        languages=_labels(said.languages),
        not_languages=_labels(said.not_languages),
        licenses=_labels(said.licenses),
        max_tokens=said.max_tokens,
        encoding=said.encoding,
        tokenizer=said.tokenizer,
        index_base=_bases(said.index_base),
    )
    tokenizer(chosen.tokenizer)
    return chosen


def check_names(recipe: Recipe, sources: Sequence[Source]) -> None:
    """Raises RecipeError for a name in `rules_off`, `prefer` or `index_base` of a rule, a source or
    a subset that nobody knows."""
    rules = [f"{s.name}.{r.name}" for s in sources for r in s.rules]
    names = [s.name for s in sources]
    counted = [f"{s.name}:{x.name}" for s in sources for x in s.subsets if x.probe]
    bases = [name for name, _ in recipe.index_base]
    asked = (
        ("rule", recipe.rules_off, rules),
        ("source", recipe.prefer, names),
        ("subset with counted options", bases, counted),
    )
    for kind, given, known in asked:
        for name in given:
            if name not in known:
                raise RecipeError(
                    f"Recipe {recipe.name}: there is no {kind} {name!r}.",
                    hint=suggest(name, known, "Known are"),
                )


def _labels(given: str | Sequence[str] | None) -> tuple[str, ...] | None:
    parts = given.split(",") if isinstance(given, str) else given
    return None if parts is None else tuple(part.strip() for part in parts if part.strip())


def _bases(given: Mapping[str, int] | Sequence[str] | None) -> dict[str, int] | None:
    """`lmflow:medmcqa=0`, one or several, as a mapping."""
    if given is None or isinstance(given, Mapping):
        return None if given is None else dict(given)
    bases: dict[str, int] = {}
    for item in [given] if isinstance(given, str) else given:
        name, _, base = item.strip().rpartition("=")
        if not name or base not in ("0", "1"):
            raise UsageError(f"--index-base takes a value like lmflow:medmcqa=0, not {item!r}.")
        if bases.setdefault(name, int(base)) != int(base):
            raise UsageError(f"--index-base gives both 0 and 1 for {name}.")
    return bases
