"""What a build would do, as far as it is known without doing it: nothing is fetched or written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..catalogue import OwnSource, Selection, Subset, registry
from ..catalogue.evaluations import evaluation
from ..corpus.contamination.sets import find_sets
from ..corpus.shares import UNITS, set_of
from ..errors import shown
from ..inputs import Found, Input, find, samples_dir
from ..inputs.cache import Cache
from ..inputs.lock import Lock, read_lock
from ..inputs.own import own_inputs
from ..paths import folders, place
from ..recipe import Recipe
from ..store import SAMPLE, Build, home
from .choices import (
    Choices,
    check_choices,
    check_names,
    check_weights,
    recipe_of,
    selections_of,
)
from .own import with_options
from .parents import parents_of
from .sides import keeping_sides

TABLE = tuple[list[str], list[list[str]]]


class Part(NamedTuple):
    """A subset of a source: its label, where it comes from, its bytes and its records, None if
    nobody says."""

    label: str
    where: str
    size: int | None
    records: int | None


@dataclass(frozen=True)
class Preview:
    """What a build would read, fetch and decide. `rows` are the records or rows of each label, like
    gpt4llm:zh, as far as they are published or a finished build counts them."""

    out: Path
    recipe: Recipe
    parts: tuple[Part, ...]
    rows: Mapping[str, int | None]
    evaluations: tuple[Part, ...] = ()

    def files(self) -> TABLE:
        headings = ["source", "from", "bytes", "records"]
        return headings, [
            [part.label, part.where, _number(part.size), _number(part.records)]
            for part in self.parts
        ]

    def evaluation_sets(self) -> TABLE:
        """The files of evaluation sets, where they are or what they would be fetched from."""
        rows = [[part.label, part.where, _number(part.size)] for part in self.evaluations]
        return ["evaluation set", "from", "bytes"], rows

    def keys(self) -> TABLE:
        """The keys of the recipe that are not at their defaults."""
        usual = Recipe(self.recipe.name).to_dict()
        said = {key: value for key, value in self.recipe.to_dict().items() if value != usual[key]}
        named = [("name", self.recipe.name)]
        rows = [*named, *((key, value) for key, value in said.items() if key != "description")]
        return ["key", "value"], [[key, _said(value)] for key, value in rows]

    def mix(self) -> TABLE:
        """The sets of the mix, as far as they are known before the rows are. Without weights their
        sizes decide, which nobody knows yet."""
        mix = self.recipe.mix
        headings = ["set", "weight", "wanted", "records"]
        if mix is None:
            return headings, []
        known: Counter[str] = Counter()
        unknown = set()
        for label, rows in self.rows.items() if mix.by == "source" else ():
            name = set_of(mix, label)
            if name is not None:
                known[name] += rows or 0
                unknown |= {name} if rows is None else set()
        weights = dict(mix.weights)
        every = sum(weights.values()) or 1
        return headings, [
            [
                name,
                f"{weights[name]:g}" if weights else "?",
                f"{int(mix.total * weights[name] / every):,} {UNITS[mix.unit]}"
                if mix.total and weights
                else "?",
                _number(None if name in unknown or name not in known else known[name]),
            ]
            for name in (weights or sorted(known))
        ]


def preview(said: Choices) -> Preview:
    """Settle what a build would do. Raises the errors that the build would raise before any work,
    but for those about files that are not here yet."""
    check_choices(said)
    lock = read_lock(said.locked) if said.locked is not None else None
    recipe = recipe_of(said, lock)
    selections = with_options(selections_of(said, lock, recipe), said)
    check_names(recipe, [*registry().all(), *(s.source for s in selections if s.path or s.own)])
    data = (samples_dir(),) if said.sample else folders(said.data_dir)
    usual = home.builds() / (SAMPLE if said.sample else recipe.name)
    parts = list(_known_sources([s for s in selections if not s.own], data, recipe))
    rows: dict[str, int | None] = {part.label: part.records for part in parts}
    here = [s for s in selections if s.own and not s.own.hub]
    found = own_inputs(here, replace(said.how_to_fetch, offline=True), lock, data)
    parents = parents_of([s.own for s in found.selections if s.own], found.inputs)
    for item in found.inputs:
        label = f"{item.source}:{item.subset}"
        build = parents.get(item.source)
        counted = _rows_of(item, build) if build else None
        parts.append(Part(label, str(item.path), item.size, counted))
        rows |= {label: None} if build is None else {}
    for build in parents.values():
        for source, subset in build.ledger.subsets():
            label, counts = f"{source}:{subset}", build.ledger.summary(source, subset)
            before = rows.get(label, 0)
            talks = counts["rows"] - counts.get("preference_rows", 0)
            rows[label] = None if before is None else before + talks
    for selection in selections:
        if selection.own and selection.own.hub:
            label = f"{selection.source.name}:{selection.subsets[0]}"
            parts.append(Part(label, f"{selection.own.hub}, if not in the cache", None, None))
            rows[label] = None
    check_weights(recipe, sorted(rows), parents)
    out = place(said.out) if said.out is not None else usual
    keeping_sides(recipe, parents, out)
    sets = tuple(_evaluation_sets(recipe, said, lock, data))
    return Preview(out, recipe, tuple(parts), rows, sets)


def _evaluation_sets(
    recipe: Recipe, said: Choices, lock: Lock | None, data: Sequence[Path]
) -> Iterator[Part]:
    """The files of the evaluation sets that the recipe names, and what would be fetched."""
    here = replace(said.how_to_fetch, offline=True)
    for each in recipe.decontaminate.sets if recipe.decontaminate else ():
        owns = [each] if isinstance(each, OwnSource) else evaluation(each).sources()
        remote = dict.fromkeys((own.name, own.hub) for own in owns if own.hub)
        for name, hub in remote:  # its configs are in one place
            yield Part(name, f"{hub}, if not in the cache", None, None)
        for found in [] if remote else find_sets((each,), here, lock, data)[0]:
            for _, item in found.files:
                yield Part(found.name, str(item.path), item.size, None)


def _known_sources(
    selections: Sequence[Selection], data: Sequence[Path], recipe: Recipe
) -> Iterator[Part]:
    """The subsets of known sources: in the folder, in the cache, or to be fetched."""
    found = Found((), (), (), ())
    if data and selections:
        found = find(data, selections, missing="skip", encoding=recipe.encoding)
    cache = Cache()
    for selection in selections:
        source = selection.source
        subsets = [source.subset(name) for name in selection.subsets]
        given = {i.subset for i in found.inputs if i.source == source.name}
        cached = {s.name for s in subsets if cache.complete(source, s)}
        if source.first_of and not selection.explicit:  # forms of one set: one of them is taken
            there = [s for s in subsets if s.name in given] or [
                s for s in subsets if s.name in cached
            ]
            subsets = (there or subsets)[:1]
        for subset in subsets:
            inputs = [i for i in found.inputs if (i.source, i.subset) == (source.name, subset.name)]
            entries = cache.complete(source, subset)
            label = f"{source.name}:{subset.name}"
            if inputs:
                records = None if data == (samples_dir(),) else subset.records
                yield Part(label, _folder(inputs), sum(i.size for i in inputs), records)
            elif entries:
                yield Part(label, "the cache", sum(e.size for e in entries), subset.records)
            else:
                yield _to_fetch(label, subset, bool(data))


def _to_fetch(label: str, subset: Subset, with_folder: bool) -> Part:
    sizes = [file.size for file in subset.downloads]
    known = [size for size in sizes if size is not None]
    size = sum(known) if sizes and len(known) == len(sizes) else None
    if with_folder:
        return Part(label, "missing", None, subset.records)
    where = f"to fetch: {subset.downloads[0].places[0]}" if subset.downloads else "by hand"
    return Part(label, where, size, subset.records)


def _folder(inputs: Sequence[Input]) -> str:
    first = str(inputs[0].path)
    return first if len(inputs) == 1 else f"{first}, … ({len(inputs)} files)"


def _rows_of(item: Input, build: Build) -> int | None:
    return next((s.rows for s in build.manifest.shards if s.sha256 == item.sha256), None)


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _said(value: Any) -> str:
    """A value of a recipe as a person writes it. Keys without a value are left out."""
    if isinstance(value, dict):
        pairs = {key: item for key, item in value.items() if item not in (None, {}, [], "")}
        return ", ".join(f"{key}: {_within(item)}" for key, item in pairs.items())
    if isinstance(value, list):
        return ", ".join(map(_within, value))
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else shown(value)


def _within(value: Any) -> str:
    """The same inside another value: in brackets, if it has parts."""
    said = _said(value)
    if isinstance(value, dict):
        return f"{{{said}}}"
    return f"[{said}]" if isinstance(value, list) else said
