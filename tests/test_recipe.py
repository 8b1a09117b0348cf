from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from open_instructions import recipe as recipes
from open_instructions.corpus.options import Weights
from open_instructions.errors import RecipeError
from open_instructions.recipe import Recipe
from open_instructions.recipe.keys import plain, typed


def test_shipped_recipes() -> None:
    assert recipes.names() == ["classic", "commercial", "default", "sft-mix", "vicuna"]
    assert (recipes.load("default").max_tokens, recipes.load("vicuna").max_tokens) == (4096, 2048)
    assert recipes.load("default").prefer[0] == "dolly"


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("max_tokens: 100\nlanguages: [en, zh-Hant]\n")
    got = recipes.load(str(path))
    assert (got.name, got.max_tokens, got.languages, got.html) == (
        "mine",
        100,
        ("en", "zh-Hant"),
        "native",
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_token: 1", "max_tokens"),
        ("max_tokens: '1'", "whole number"),
        ("max_tokens: true", "whole number"),
        ("max_tokens: -1", "negative"),
        ("max_tokens: 99999999999", "2147483647"),
        ("html: 1", "native, markdownify or off"),
        ("languages: en", "Write [en]"),
        ("max_tokens: 1\nmax_tokens: 2", "appears twice"),
        ("languages: [no, en]", "quote it"),
        ("languages: [klingon]", "klingon"),
        ("name: ../x", "not a valid recipe name"),
        ("phrases: [refusal]", "refusals"),
        ("blocked_words: [' ']", "block everything"),
        ("min_chars: -1", "negative"),
        ("overlong: cut", "reject or truncate"),
        ("a: [", "cannot be read as YAML"),
        ("- a", "mapping"),
        ("", "mapping"),
        ("1: 2", "unknown key 1"),
        ("!!python/object/apply:os.system ['true']", "cannot be read as YAML"),
    ],
)
def test_a_wrong_recipe_is_named(text: str, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipes.parse(text, "mine.yaml")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("vicunna", "vicuna"),
        ("no/such.yaml", "There is no recipe file"),
        (".", "There is no recipe"),
    ],
)
def test_a_recipe_that_is_not_there(name: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        recipes.load(name)


def test_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"name: caf\xe9")
    with pytest.raises(RecipeError, match="UTF-8"):
        recipes.load(str(tmp_path / "x.yaml"))


def test_flags_come_last_and_are_checked() -> None:
    assert Recipe("x").with_flags(languages=("de",), max_tokens=0) == Recipe(
        "x", languages=("de",), max_tokens=0
    )
    with pytest.raises(RecipeError, match="xx"):
        Recipe("x").with_flags(languages=("xx",))


def test_there_and_back() -> None:
    recipe = Recipe("x", languages=("de",), prefer=("a", "b"), join_parts=False)
    assert Recipe.from_dict(recipe.to_dict()) == recipe


HOSTILE = {
    "nested aliases": "".join(
        f"x{n + 1}: &a{n + 1} [*a{n}, *a{n}, *a{n}]\n" if n else "x1: &a1 [y]\n" for n in range(40)
    )
    + "languages: *a40",
    "merged aliases": "x0: &a0 {name: x}\n"
    + "".join(f"x{n + 1}: &a{n + 1} {{<<: [*a{n}, *a{n}]}}\n" for n in range(40)),
    "nested lists": "languages: [" + "[[[[[x]]]]], " * 5000 + "]",
    "one long key": "? " + "k" * 200_000 + "\n: 1",
    "one long value": "languages: " + "x" * 200_000,
    "many keys": "\n".join(f"k{n}: 1" for n in range(20_000)),
    "brackets": "languages: " + "[" * 200_000,
    "a number of many digits": "max_tokens: " + "9" * 200_000,
    "a number by sixties": "max_tokens: 1" + ":59" * 60_000,
    "a float by sixties": "min_language_score: 1" + ":59" * 60_000 + ".5",
    "a key that is a list": "? [a]\n: 1",
    "a tag of Python": "name: !!python/object/apply:os.getcwd []",
    "a wrong bool": "html: !!bool x",
    "a wrong time": "name: !!timestamp x",
    "an empty number": "max_tokens: !!int ''",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_recipe_of_somebody_elses_making(text: str) -> None:
    """Refused with a message that a person can read, and soon."""
    begun = time.process_time()
    with pytest.raises(RecipeError) as caught:
        recipes.parse(text, "mine.yaml")
    assert len(str(caught.value)) < 1000
    assert time.process_time() - begun < 20


def test_a_recipe_of_ten_megabytes(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("blocked_words:\n" + "- word\n" * 1_500_000)
    with pytest.raises(RecipeError, match="it has more than 256,000 bytes"):
        recipes.load(str(tmp_path / "mine.yaml"))


def test_a_recipe_that_does_not_end(tmp_path: Path) -> None:
    endless = tmp_path / "mine.yaml"
    endless.symlink_to("/dev/zero")
    with pytest.raises(RecipeError, match="it has more than 256,000 bytes"):
        recipes.load(str(endless))


@dataclass(frozen=True)
class Pair:
    SHORT: ClassVar[str] = "share"
    share: float = 0.5
    unit: Literal["rows", "tokens"] = "rows"
    weights: Weights = field(default_factory=Weights)


def test_keys_that_belong_together() -> None:
    hint = Pair | None
    assert typed(None, hint, "r: pair") is None
    assert typed(False, hint, "r: pair") is None
    assert typed(True, hint, "r: pair") == Pair(0.5)
    assert typed(1, hint, "r: pair") == Pair(1.0)
    given = {"unit": "tokens", "weights": {"dolly": 7, "alpaca": 3}}
    assert typed(given, hint, "r: pair") == Pair(
        0.5, "tokens", Weights((("alpaca", 3.0), ("dolly", 7.0)))
    )
    for wrong, message in (
        ({"unti": 1}, "r: pair: unknown key 'unti'"),
        ({"unit": "words"}, "r: pair: unit is rows or tokens, not 'words'"),
        ({"weights": {"a": -1}}, "r: pair: weights takes a mapping like"),
        ({"weights": {"a": float("inf")}}, "has inf, which is not a finite number from 0"),
        ([1], "r: pair: share takes a number"),
    ):
        with pytest.raises(RecipeError, match=re.escape(message)):
            typed(wrong, hint, "r: pair")
    assert plain(asdict(Pair(weights=Weights.of({"a": 1})))) == {
        "share": 0.5,
        "unit": "rows",
        "weights": {"a": 1.0},
    }
