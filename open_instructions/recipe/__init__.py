"""A recipe says how a build cleans. It is data: YAML or flags become a frozen Recipe, and the
manifest holds the same values.

An unknown key is an error that suggests the nearest one; a value of the wrong kind is also an
error. Nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_type_hints

import yaml

from ..catalogue.own import OwnSource, from_recipe
from ..corpus import contamination, holdout, mix, near_duplicates
from ..corpus.contamination.options import decontaminate_of
from ..corpus.options import Ordered
from ..errors import RecipeError, UsageError, shortened, shown, suggest
from ..paths import nearest_name, read_bounded
from ..readers.encodings import known_encoding
from ..rights.terms import COMMERCIAL, LICENSES, known_licenses
from ..stages import (
    defects,
    gaps,
    language,
    license,
    phrases,
    record_rules,
    split,
    structure,
)
from ..stages.html.definition import Options as HtmlOptions
from ..stages.language import classic as language_classic
from ..stages.language.definition import Options as LanguageOptions
from ..stages.language.names import meant
from ..stages.language.names import names as names_of_languages
from ..stages.phrases import LISTS
from .keys import Bases, plain, typed
from .loader import Loader

_MOST = 256_000
"""The size limit of a recipe in bytes. Shipped recipes have at most 3,000."""
_OPTIONS = "the options"
"""What stands in errors for the name of the recipe, while the options of a build are read."""


@dataclass(frozen=True)
class _Named:
    name: str
    description: str = ""


@dataclass(frozen=True)
class Recipe(
    mix.Options,
    holdout.Options,
    contamination.Options,
    near_duplicates.Options,
    split.Options,
    LanguageOptions,
    gaps.Options,
    phrases.Options,
    defects.Options,
    HtmlOptions,
    license.Options,
    structure.Options,
    record_rules.Options,
    Ordered,
    _Named,
):
    """Everything that decides what a build does to its inputs. Stages and corpus steps define in
    their own files which keys they read, and the defaults.

    encoding    the encoding of text files that are not UTF-8, UTF-16 or UTF-32; empty refuses such
                files
    metadata    what upstream has besides the messages: keep it on the row, drop it, or keep only
                these fields
    join_parts  put the parts of a conversation back together if the source declares them
    index_base  whether a subset counts its options from 0 or from 1, if its files do not show it
    sources     what the build is made of, if the command names no sources: names, paths, entries.
                It says what goes in, not how it is cleaned, so `to_dict` leaves it out

    The keys of stages and corpus steps are described there, and all of them in docs/recipes.md.
    """

    encoding: str = ""
    metadata: Literal["keep", "drop"] | tuple[str, ...] = "keep"
    join_parts: bool = True
    index_base: Bases = ()
    sources: tuple[str | OwnSource, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "html", _html(self.html))

    def to_dict(self) -> dict[str, Any]:
        values: dict[str, Any] = plain(asdict(replace(self, sources=(), decontaminate=None)))
        del values["sources"]
        sets = self.decontaminate.to_dict() if self.decontaminate else None
        return values | {"index_base": dict(self.index_base), "decontaminate": sets}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """A recipe from the output of `to_dict`, as in a manifest or a lock. Raises RecipeError for
        an unknown key or a wrong value."""
        return _from_mapping(values, "the manifest or the lock")

    def with_flags(self, **values: Any) -> Recipe:
        """The recipe with option values in place of some keys. Raises RecipeError for a wrong
        value."""
        if not values.get("licenses", COMMERCIAL):
            raise RecipeError(
                "No licence is named.",
                hint=f"--licenses={COMMERCIAL}, or a list; leave it out to keep all.",
            )
        given = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        if "index_base" in given:  # other subsets keep the recipe's values
            given["index_base"] = dict(self.index_base) | dict(values["index_base"])
        sets = self.decontaminate
        try:
            if "decontaminate" in given:  # the recipe's other keys about them stay
                named = decontaminate_of(given.pop("decontaminate"), _OPTIONS)
                sets = replace(sets, sets=named.sets) if sets and named else named
            made = _from_mapping(self.to_dict() | given, _OPTIONS)
        except RecipeError as error:
            raise RecipeError(_of_an_option(error.message), hint=error.hint) from error
        return replace(made, sources=self.sources, decontaminate=sets)


def _of_an_option(message: str) -> str:
    """A message about a key of the recipe, as one about the option of that name."""
    said = message.removeprefix(f"{_OPTIONS}: ")
    key = re.match(r"[a-z_]+", said)
    if key and key[0] in Recipe.__dataclass_fields__:
        return f"--{key[0].replace('_', '-')}{said[key.end() :]}"
    return said[:1].upper() + said[1:]


def _near(license: str) -> str:
    suggestion = suggest(license, [COMMERCIAL, *known_licenses()], "")
    if suggestion.startswith("Did you mean"):
        return suggestion
    return "oi sources shows the licence of each source."


def _nearest_language(given: str) -> str:
    label = meant(given)
    return (
        f"Did you mean {label!r} ({names_of_languages()[label]})?"
        if label
        else f"Languages are: {', '.join(language.LABELS)}."
    )


def names() -> list[str]:
    """The names of the recipes that ship with the package."""
    return sorted(
        f.name.removesuffix(".yaml")
        for f in files("open_instructions.configs").iterdir()
        if f.name.endswith(".yaml")
    )


def load(name: str = "default") -> Recipe:
    """Load a shipped recipe by name, or one from a file by its path.

    >>> load("vicuna").max_tokens
    2048
    """
    path = Path(name)
    if name in names():
        text = (
            files("open_instructions.configs").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
        )
    elif path.suffix in (".yaml", ".yml") or path.is_file():
        try:
            text = read_bounded(path, _MOST)
        except UnicodeDecodeError as error:
            raise RecipeError(f"{name} is not UTF-8 text.") from error
        except FileNotFoundError as error:
            raise RecipeError(
                f"There is no recipe file {shown(name)}.", hint=nearest_name(path)
            ) from error
        except OSError as error:
            raise RecipeError(
                f"Recipe {name} cannot be read: {error.strerror or error}."
            ) from error
    else:
        raise RecipeError(
            f"There is no recipe {shown(name)}.",
            hint=suggest(name, names(), "Recipes are")
            + " The name of a recipe file ends in .yaml.",
        )
    return parse(text, name)


def parse(text: str, where: str) -> Recipe:
    """Parse a recipe from YAML text; `where` names it in errors."""
    try:
        data = yaml.load(text, Loader)
    except (
        yaml.YAMLError,
        ValueError,
        ArithmeticError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        # a date like 2020-02-31 is a ValueError, !!bool x a KeyError, and so on
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = str(getattr(error, "problem", None) or error)
        raise RecipeError(
            f"{where}{line}: this cannot be read as YAML: {shortened(problem)}."
        ) from error
    except RecursionError as error:
        raise RecipeError(f"{where} is nested too deep.") from error
    if not isinstance(data, Mapping):
        raise RecipeError(f"{where} is not a mapping of keys to values.")
    return _from_mapping({"name": Path(where).stem, **data}, where)


def _from_mapping(data: Mapping[str, Any], where: str) -> Recipe:
    known = [f.name for f in fields(Recipe)]
    hints = get_type_hints(Recipe)
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in known:
            raise RecipeError(
                f"{where}: unknown key {shown(key)}.", hint=suggest(str(key), known, "Keys are")
            )
        if key == "sources":
            values[key] = from_recipe(value, where, str(Path(where).parent))
            continue
        if key == "decontaminate":
            values[key] = decontaminate_of(value, where, str(Path(where).parent))
            continue
        given = _html(value) if key == "html" else value
        values[key] = typed(given, hints[key], f"{where}: {key}")
    if "name" not in values:
        raise RecipeError(f"{where}: the recipe has no name.")
    for key in ("validation", "test"):
        if values.get(key):
            values[key] = values[key].beside(Path(where).parent)
    return _checked(Recipe(**values), where)


def _html(value: Any) -> Any:
    """The word for true and false. YAML reads a bare off as false."""
    if isinstance(value, bool):
        return "native" if value else "off"
    return value


def _encoding(name: str, where: str) -> str:
    try:
        return known_encoding(name) if name else ""
    except UsageError as error:
        raise RecipeError(f"{where}: {error.message}", hint=error.hint) from error


def _checked(recipe: Recipe, where: str) -> Recipe:
    """The recipe, with encodings and languages by their usual names. Raises RecipeError for a value
    that no build takes."""
    _check_numbers(recipe, where)
    if contradiction := holdout.problem(recipe):
        raise RecipeError(f"{where}: {contradiction}.")
    for name in recipe.phrases:
        if name not in LISTS:
            raise RecipeError(
                f"{where}: there is no phrase list {shown(name)}.",
                hint=suggest(name, LISTS, "Lists are"),
            )
    if not all(word.strip() for word in recipe.blocked_words):
        raise RecipeError(f"{where}: an empty blocked word would block everything.")
    _check_licenses(recipe.licenses, where)
    labels = language_classic.LABELS if recipe.detector == "langdetect" else language.LABELS
    recipe = replace(
        recipe,
        encoding=_encoding(recipe.encoding, where),
        languages=_labels(recipe.languages, labels, where),
        not_languages=_labels(recipe.not_languages, labels, where),
    )
    if not re.fullmatch(r"\w[\w .+-]{0,99}", recipe.name):
        raise RecipeError(
            f"{where}: {shown(recipe.name)} is not a valid recipe name.",
            hint="It is also the name of the build's folder.",
        )
    return recipe


def _check_numbers(recipe: Recipe, where: str) -> None:
    for key in ("max_tokens", "message_overhead", "min_chars", "seed"):
        if (value := getattr(recipe, key)) < 0:
            hint = "0 does not split." if key == "max_tokens" else ""
            raise RecipeError(
                f"{where}: {key} is {shown(value)}, but cannot be negative.", hint=hint
            )
    if recipe.max_tokens > 2**31 - 1:
        raise RecipeError(
            f"{where}: max_tokens {shown(recipe.max_tokens)} is over 2147483647.",
            hint="max_tokens 0 does not split.",
        )
    if not 0 <= recipe.min_language_score <= 1:
        raise RecipeError(f"{where}: min_language_score takes a number from 0 to 1.")


def _check_licenses(licenses: Sequence[str], where: str) -> None:
    if not all(re.fullmatch(r"[\w.+-]+", name) for name in licenses):
        raise RecipeError(
            f"{where}: licenses takes {COMMERCIAL}, SPDX identifiers and LicenseRef-… names."
        )
    for name in licenses:
        if name != COMMERCIAL and name not in LICENSES and not name.startswith("LicenseRef-"):
            raise RecipeError(f"{where}: {shown(name)} is not a known licence.", hint=_near(name))


def _labels(given: Sequence[str], known: Iterable[str], where: str) -> tuple[str, ...]:
    """Labels of languages as the detector writes them: BCP 47 tags ignore case."""
    written = {label.lower(): label for label in known}
    for label in given:
        if label.lower() in written:
            continue
        if label.lower() in map(str.lower, language.LABELS):
            message = f"{where}: langdetect does not know {shown(label)}."
            raise RecipeError(message, hint="detector: native does.")
        raise RecipeError(
            f"{where}: there is no language {shown(label)}.", hint=_nearest_language(label)
        )
    return tuple(written[label.lower()] for label in given)
