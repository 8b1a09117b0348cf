"""What a user asked for, as sources and a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from inspect import Signature, signature
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, get_type_hints

from .. import recipe as recipes
from ..catalogue import Selection, Source, select, select_entries
from ..catalogue.registry import own_selection
from ..errors import InputError, RecipeError, UsageError, shown, suggest
from ..inputs.fetching import Fetching
from ..inputs.lock import Lock
from ..options import BuildOptions, Option, options_of
from ..recipe import Recipe
from ..recipe.keys import Bases
from ..tokens import tokenizer
from .progress import Progress

if TYPE_CHECKING:
    from ..store import Build
    from .plan import Plan

P = ParamSpec("P")
C = TypeVar("C")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Choices(BuildOptions):
    """What a user said of a build: the parameters of `open_instructions.build`. They are the
    options and, from Python alone, who watches the build and how files are fetched."""

    progress: Progress | bool | None = None
    announce: Callable[[Plan, int], None] | None = None
    tell: Callable[[str], None] | None = None
    fetching: Fetching | None = None

    @property
    def how_to_fetch(self) -> Fetching:
        return replace(self.fetching or Fetching(), offline=self.offline)


def taking(choices: Callable[P, C]) -> Callable[[Callable[[C], R]], Callable[P, R]]:
    """Decorator for a function of choices: it takes their fields as its parameters. Type checkers,
    editors and help() show all of them, with types and defaults."""

    def decorate(function: Callable[[C], R]) -> Callable[P, R]:
        hints = get_type_hints(choices, localns=globals() | function.__globals__)
        parameters = [
            p.replace(annotation=hints[p.name]) for p in signature(choices).parameters.values()
        ]
        returned = get_type_hints(function)["return"]
        shape = Signature(parameters, return_annotation=returned)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                shape.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{function.__name__}() {error}") from None
            return function(choices(*args, **kwargs))

        call.__signature__ = shape  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returned}
        return call

    return decorate


def check_choices(said: Choices) -> None:
    """Raises UsageError for choices that exclude each other, or that no build takes."""
    _check_switches(said)
    if said.sample and said.data_dir is not None:
        raise UsageError(
            "--sample and --data-dir exclude each other.",
            hint="--sample uses the files that come with the package.",
        )
    if said.sample and said.locked is not None:
        raise UsageError(
            "--sample and --locked exclude each other.", hint="A lock lists upstream's files."
        )
    if said.missing not in ("stop", "skip"):
        raise UsageError(f"--missing takes stop or skip, not {said.missing!r}.")
    if said.engine not in ("local", "ray"):
        raise UsageError(f"--engine takes local or ray, not {said.engine!r}.")
    if said.ray_address is not None and said.engine != "ray":
        raise UsageError("A Ray address needs the engine ray.", hint="Use --engine=ray.")
    if said.workers is not None and (not isinstance(said.workers, int) or said.workers < 1):
        raise UsageError(f"--workers takes a whole number from 1, not {said.workers!r}.")


def _check_switches(said: Choices) -> None:
    """Raises UsageError for a switch that is neither on nor off: overwrite="no" is not a no."""
    for option in options_of(said):
        if option.read is bool and not isinstance(value := getattr(said, option.name), bool):
            raise UsageError(f"{option.name} is True or False, not {shown(value)}.")


def selections_of(said: Choices, lock: Lock | None, recipe: Recipe) -> list[Selection]:
    if lock is None and said.sources is None:
        return select_entries(recipe.sources or ("all",))
    if lock is None:
        return select(said.sources or "")
    if said.sources not in (None, "all"):
        selections = [_as_in(lock, chosen) for chosen in select(said.sources or "")]
        _check_all_named(selections, lock, said)
    elif lock.own:
        name, sha256 = next(iter(lock.own.items()))
        others = [s for s in lock.sources if s.partition(":")[0] not in lock.own]
        raise UsageError(
            f"{said.locked} needs a source of yours: {name}, a .py file with the sha256 {sha256}.",
            hint=(
                f"--sources={','.join([*others, './mine.py'])} names it. The file is run, so "
                "read it first."
            ),
        )
    else:
        selections = _registered(said, lock)
    for s in selections:
        if lock.own.get(s.source.name, s.source.digest) != s.source.digest:
            raise InputError(
                f"{said.locked} was written with a different source {s.source.name}: of the "
                f"sha256 {lock.own[s.source.name]}.",
                hint=f"{s.path} has {s.source.digest}."
                if s.path
                else "An installed package has a source of this name.",
            )
    return selections


def _as_in(lock: Lock, chosen: Selection) -> Selection:
    """A user's own files, read as the lock says."""
    described = lock.own_sources().get(chosen.source.name)
    if not (chosen.own and described):
        return chosen
    return own_selection(replace(described, files=chosen.own.files, folder=chosen.own.folder))


def _check_all_named(selections: Sequence[Selection], lock: Lock, said: Choices) -> None:
    """Files of one's own are named to say where they are, so that a build from these alone would
    be a surprise. Raises UsageError if the lock has more."""
    named = {s.source.name for s in selections}
    others = [name for name in lock.sources if name.partition(":")[0] not in named]
    if others and any(s.own for s in selections):
        raise UsageError(
            f"{said.locked} has more sources: {', '.join(map(shown, others))}.",
            hint="Name all of them, or none: --data-dir also says where files are.",
        )


def _registered(said: Choices, lock: Lock) -> list[Selection]:
    own = lock.own_sources()
    try:
        return select_entries([own.get(name, name) for name in lock.sources])
    except UsageError as error:
        raise UsageError(
            f"{said.locked} names an unknown source: {error.message}",
            hint="--sources=./mine.py names one of your own.",
        ) from error


def recipe_of(said: Choices, lock: Lock | None) -> Recipe:
    if not isinstance(said.recipe, str | Recipe | None):
        raise UsageError(
            f"--recipe takes a name, a path or a Recipe, not a {type(said.recipe).__name__}."
        )
    if said.recipe is None:
        chosen = Recipe.from_dict(lock.recipe) if lock else recipes.load()
    else:
        chosen = recipes.load(said.recipe) if isinstance(said.recipe, str) else said.recipe
    kinds = get_type_hints(type(chosen))
    chosen = chosen.with_flags(
        **{
            option.name: _value(value, kinds[option.name], option)
            for option in options_of(said)
            if option.recipe and (value := getattr(said, option.name)) is not None
        }
    )
    tokenizer(chosen.tokenizer)
    return chosen


def check_names(recipe: Recipe, sources: Sequence[Source]) -> None:
    """Raises RecipeError for an unknown rule, source or subset in `rules_off`, `prefer` or
    `index_base`."""
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


def check_weights(recipe: Recipe, labels: Sequence[str], parents: Mapping[str, Build]) -> None:
    """Raises RecipeError for a weight of a source or subset that is not in the build. `labels` are
    those in it, like gpt4llm:zh."""
    if recipe.mix is None or recipe.mix.by != "source":
        return
    sources = {label.partition(":")[0] for label in labels}
    for name, _ in recipe.mix.weights:
        if name in sources or name in labels:
            continue
        if parent := parents.get(name):
            inside = sorted({source for source, _ in parent.ledger.subsets()})
            hint = f"It is a finished build: name the sources of its rows: {', '.join(inside)}."
        else:
            hint = suggest(name, [*sorted(sources), *labels], "Sources are")
        raise RecipeError(
            f"Recipe {recipe.name}: mix: {shown(name)} has a weight and is not in this build.",
            hint=hint,
        )


def _value(said: Any, kind: Any, option: Option) -> Any:
    """The value of a recipe key, in the form that the key needs. Raises UsageError for another kind
    of value."""
    if kind == tuple[str, ...]:
        return _labels(said, option)
    if kind == Bases:
        return _bases(said, option)
    if isinstance(said, bool) and kind is not bool:
        raise _refused(said, option)
    fitting = {int: int, float: int | float, str: str}.get(kind, object)
    if not isinstance(said, fitting):
        raise _refused(said, option)
    return said


def _refused(said: Any, option: Option) -> UsageError:
    return UsageError(f"{option.flag} takes {option.takes}, not {shown(said)}.", hint=option.hint)


def _labels(said: Any, option: Option) -> tuple[str, ...]:
    """`en,zh`, or a list of names."""
    if not isinstance(said, str | Iterable):
        raise _refused(said, option)
    names = said.split(",") if isinstance(said, str) else list(said)
    if not all(isinstance(name, str) for name in names):
        raise _refused(said, option)
    return tuple(name.strip() for name in names if name.strip())


def _bases(said: Any, option: Option) -> dict[str, int]:
    """`lmflow:medmcqa=0`, one or several, as a mapping."""
    if isinstance(said, Mapping):
        return dict(said)
    items = [said] if isinstance(said, str) else said
    if not isinstance(items, Iterable):
        raise _refused(said, option)
    bases: dict[str, int] = {}
    for item in items:
        if not isinstance(item, str):
            raise _refused(item, option)
        subset, _, base = item.strip().rpartition("=")
        if not subset or base not in ("0", "1"):
            raise _refused(item, option)
        if bases.setdefault(subset, int(base)) != int(base):
            raise UsageError(f"{option.flag} gives both 0 and 1 for {subset}.")
    return bases
