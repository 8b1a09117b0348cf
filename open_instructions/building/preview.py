"""What a build would do, as far as it is known without doing it: nothing is fetched or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import floor
from pathlib import Path
from typing import Any, NamedTuple

from ..catalogue import OwnSource, Selection, Subset, registry
from ..catalogue.evaluations import evaluation
from ..corpus.budget import exactly
from ..corpus.contamination.sets import find_sets
from ..corpus.mix import Mix
from ..corpus.mix_report import UNITS
from ..corpus.sets import Sets
from ..errors import shown
from ..inputs import Found, Input, find, samples_dir
from ..inputs.cache import Cache
from ..inputs.lock import Lock, read_lock
from ..inputs.own import own_inputs
from ..paths import folders, place
from ..recipe import Recipe
from ..store import PREFERENCE, SAMPLE, Build, home
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
    gpt4llm:zh, as far as they are published or a finished build counts them; `pairs` are those
    that a finished build has in preference/."""

    out: Path
    recipe: Recipe
    parts: tuple[Part, ...]
    rows: Mapping[str, int | None]
    evaluations: tuple[Part, ...] = ()
    pairs: Mapping[str, int | None] = field(default_factory=dict)

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
        sizes decide, which nobody knows yet. preference/ is mixed apart; records that were not read
        yet can become rows of both."""
        headings, mix = ["set", "weight", "wanted", "records"], self.recipe.mix
        if mix is None:
            return headings, []
        talks, pairs = _by_set(mix, self.rows), _by_set(mix, self.pairs)
        names = [name for name, _ in mix.weights] or sorted(talks.keys() | pairs.keys())
        in_data = [name for name in names if talks.get(name) != 0 or not pairs.get(name)]
        paired = [name for name in names if pairs.get(name)]
        return headings, [
            *_planned(mix, in_data, talks, ""),
            *_planned(mix, paired, pairs, f" ({PREFERENCE}/)"),
        ]


def _by_set(mix: Mix, rows: Mapping[str, int | None]) -> dict[str, int | None]:
    """The rows of each set of a mix of sources; None if nobody knows them."""
    found: dict[str, int | None] = {}
    sets = Sets(mix)
    for label, count in rows.items() if mix.by == "source" else ():
        name = sets.of(label)
        if name is not None:
            before = found.get(name, 0)
            found[name] = None if before is None or count is None else before + count
    return found


def _planned(
    mix: Mix, names: Sequence[str], known: Mapping[str, int | None], behind: str
) -> list[list[str]]:
    """The lines of one table of rows."""
    weights = dict(mix.weights)
    every = sum(exactly(weights[name]) for name in names) if weights else 0
    lines = []
    for name in names:
        weight, wanted = "?", "?"
        if weights:
            weight = f"{weights[name]:g}"
        if mix.total and every:
            part = floor(mix.total * exactly(weights[name]) / every)
            wanted = f"{part:,} {UNITS[mix.unit]}"
        lines.append([f"{name}{behind}", weight, wanted, _number(known.get(name))])
    return lines


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
    pairs: dict[str, int] = {}
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
            paired = counts.get("preference_rows", 0)
            rows[label] = None if before is None else before + counts["rows"] - paired
            pairs[label] = pairs.get(label, 0) + paired
    for selection in selections:
        if selection.own and selection.own.hub:
            label = f"{selection.source.name}:{selection.subsets[0]}"
            parts.append(Part(label, f"{selection.own.hub}, if not in the cache", None, None))
            rows[label] = None
    check_weights(recipe, sorted(rows), parents)
    out = place(said.out) if said.out is not None else usual
    keeping_sides(recipe, parents, out)
    sets = tuple(_evaluation_sets(recipe, said, lock, data))
    return Preview(out, recipe, tuple(parts), rows, sets, pairs)


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
