"""Whether the rows of a build are those that its reports of splits and mix say, and whether its
card has the tables of its manifest. A manifest may be anybody's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ..corpus.mix import Mix
from ..corpus.sets import NO_TASK, Sets
from ..errors import RecipeError
from ..paths import shown
from ..recipe import Recipe
from ..store import CARD, DATA, PREFERENCE, Build
from ..store.names import TRAIN
from ..store.pair_columns import LISTS
from .card import tables

_UNITS = ("rows", "tokens")
"""The units that are counted again: answer tokens would take a tokenizer."""
Key = tuple[str, str, str, str]
"""Table, split, set of the mix, and unit."""


class Counts:
    """How many rows and tokens there are by table, split and set."""

    def __init__(self, build: Build) -> None:
        self._steps = build.manifest.steps
        self._mix = _mix_of(build)
        self._sets = Sets(self._mix) if self._mix else None
        self._found: Counter[Key] = Counter()

    def add(self, kind: str, split: str, row: Mapping[str, Any]) -> None:
        """Count a row of data/ or preference/."""
        name = (self._sets and self._sets.of(self._label(row))) or ""
        tokens = [row["num_tokens"]] if kind == DATA else [row[f"{each}_tokens"] for each in LISTS]
        self._found[kind, split, name, "rows"] += 1
        self._found[kind, split, name, "tokens"] += sum(number or 0 for number in tokens)

    def problems(self) -> Iterator[str]:
        """What the reports say of splits and sets, if it is not so."""
        for split, said in _mapping(_mapping(self._steps.get("holdout")).get("splits")).items():
            if split == TRAIN and self._mix:
                continue  # it says what there was before the mix
            for unit in _UNITS:
                there = sum(n for key, n in self._found.items() if key[1::2] == (split, unit))
                yield from _other(f"split {split}", there, _mapping(said).get(unit), unit)
        mixed = _mapping(self._steps.get("mix"))
        unit = str(mixed.get("unit"))
        for kind in (DATA, PREFERENCE) if unit in _UNITS else ():
            table = mixed if kind == DATA else _mapping(mixed.get(kind))
            shares = table.get("shares")
            for share in map(_mapping, shares if isinstance(shares, list) else ()):
                name = str(share.get("name"))
                there = self._found[kind, TRAIN, name, unit]
                yield from _other(f"set {name} in {kind}/", there, share.get("taken"), unit)

    def _label(self, row: Mapping[str, Any]) -> str:
        assert self._mix
        if self._mix.by == "source":
            return f"{row['source']}:{row['subset']}"
        return row[self._mix.by] or NO_TASK


def card_problems(build: Build) -> Iterator[str]:
    """Tables of the card that are not those of the manifest. Anything else may be written there,
    and what was taken out is not missed."""
    path = build.path / CARD
    card = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    headings = set(card.splitlines())
    for heading, lines in tables(build.manifest).items():
        if lines and heading in headings and "\n".join(lines) not in card:
            yield f"{CARD} has another table than the manifest under {heading!r}"


def _mix_of(build: Build) -> Mix | None:
    try:
        return Recipe.from_dict(build.manifest.recipe).mix
    except RecipeError:
        return None


def _other(what: str, there: int, said: Any, unit: str) -> Iterator[str]:
    if there != said:
        number = f"{said:,}" if isinstance(said, int) else shown(str(said))[:100]
        yield f"{shown(what)}: {there:,} {unit} are there, but the manifest says {number}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
