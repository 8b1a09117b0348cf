"""Everything that decides a build, settled before any work: the choices, the recipe, the files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from ..catalogue import Selection, registry
from ..corpus.contamination.sets import EvaluationSet, Read, find_sets, read_sets
from ..errors import InputError, Note
from ..inputs import Found, Input, find, samples_dir
from ..inputs.lock import Lock, read_lock
from ..inputs.own import own_inputs
from ..paths import check_reachable, check_writable, folders, is_remote, place
from ..recipe import Recipe
from ..store import SAMPLE, Build, Decided, InputEntry, home
from .choices import (
    Choices,
    check_choices,
    check_names,
    check_weights,
    recipe_of,
    selections_of,
)
from .gather import as_locked, fetched, named, with_own
from .own import with_options
from .parents import parents_of
from .probing import settle
from .shapes import check_shapes
from .sides import keeping_sides
from .versions import versions


@dataclass(frozen=True)
class Plan:
    """Everything that decides the result, known before any work. `evaluations` are the files of
    evaluation sets, and `known` what is known of their items; `keeps` is an
    earlier build whose sides the recipe keeps."""

    selections: tuple[Selection, ...]
    recipe: Recipe
    found: Found
    out: Path
    evaluations: tuple[EvaluationSet, ...] = ()
    known: Read | None = field(default=None, compare=False)
    keeps: Build | None = None

    @cached_property
    def parents(self) -> dict[str, Build]:
        """The finished builds among the sources, by name."""
        owns = [s.own for s in self.selections if s.own]
        return parents_of(owns, self.found.inputs)

    @cached_property
    def labels(self) -> list[str]:
        """The sources and subsets that rows can be from, like gpt4llm:zh: of a finished build,
        those of its rows."""
        read = {(i.source, i.subset) for i in self.found.inputs if i.source not in self.parents}
        kept = {pair for parent in self.parents.values() for pair in parent.ledger.subsets()}
        return sorted(f"{source}:{subset}" for source, subset in read | kept)

    @cached_property
    def decided(self) -> Decided:
        """The same, in the manifest's form."""
        return Decided(
            versions=versions(self.recipe),
            recipe=self.recipe.to_dict(),
            sources={s.source.name: s.source.digest or None for s in self.selections},
            own={s.source.name: s.own.described() for s in self.selections if s.own},
            inputs=tuple(map(_described, self.found.inputs)),
            missing=tuple(f"{source}:{subset}" for source, subset in self.found.missing),
            evaluations=tuple(map(_described, self.evaluation_inputs)),
        )

    @property
    def evaluation_inputs(self) -> list[Input]:
        return [item for each in self.evaluations for _, item in each.files]

    @cached_property
    def fingerprint(self) -> str:
        return self.decided.digest()


def plan(said: Choices) -> Plan:
    """Find or fetch the inputs, and raise every error that can be found before any work is done."""
    check_choices(said)
    lock = read_lock(said.locked) if said.locked is not None else None
    recipe = recipe_of(said, lock)
    selections = with_options(selections_of(said, lock, recipe), said, lock)
    check_names(recipe, [*registry().all(), *(s.source for s in selections if s.path or s.own)])
    data = (samples_dir(),) if said.sample else folders(said.data_dir)
    # a home that cannot be used is an error with --out as well
    usual = home.builds() / (SAMPLE if said.sample else recipe.name)
    there = place(said.out) if said.out is not None else usual
    check_writable(there)
    for address in (there, *data):
        check_reachable(address)
    found, selections = _inputs(selections, recipe, said, lock, data)
    selections = check_shapes(found.inputs, selections, recipe.encoding)
    found = replace(
        found, inputs=settle(found.inputs, selections, dict(recipe.index_base), recipe.encoding)
    )
    evaluations, known, more = _evaluations(recipe, said, lock, data)
    job = Plan(
        tuple(selections),
        recipe,
        replace(found, notes=(*found.notes, *more)),
        there if is_remote(there) else Path(os.path.realpath(there)),
        evaluations,
        known,
    )
    check_weights(job.recipe, job.labels, job.parents)
    recipe, keeps = keeping_sides(recipe, job.parents, job.out)
    return replace(job, recipe=recipe, keeps=keeps)


def _inputs(
    selections: Sequence[Selection],
    recipe: Recipe,
    said: Choices,
    lock: Lock | None,
    data: Sequence[Path],
) -> tuple[Found, list[Selection]]:
    """The inputs, found or fetched, and their selections. Raises InputError if there are none."""
    own = own_inputs([s for s in selections if s.own], said.how_to_fetch, lock, data)
    known = [s for s in selections if not s.own]
    if not known and own.selections:
        found = Found((), (), (), ())
    elif said.sample:
        found = find(data, known, missing=said.missing, encoding=recipe.encoding)
    elif lock is not None:
        found = as_locked(data, known, lock, said, recipe.encoding)
    else:
        found, known = fetched(data, known, recipe, said)
    found, chosen = with_own(found, known, own)
    if not found.inputs:
        notes = [note.command for note in found.notes]
        why = "".join(f"\n  {line}" for line in dict.fromkeys((*notes, *found.there)))
        raise InputError(
            f"{named(data) or 'The cache'} has no file of the requested sources.{why}",
            hint="oi sources NAME lists the files it looks for.",
        )
    return found, chosen


def _evaluations(
    recipe: Recipe, said: Choices, lock: Lock | None, data: Sequence[Path]
) -> tuple[tuple[EvaluationSet, ...], Read | None, list[Note]]:
    """The evaluation sets that the recipe names, what is known of their items, and notes."""
    if recipe.decontaminate is None:
        return (), None, []
    sets, notes = find_sets(recipe.decontaminate.sets, said.how_to_fetch, lock, data)
    known = read_sets(sets, recipe.encoding)
    return tuple(sets), known, [*notes, *known.notes]


def _described(item: Input) -> InputEntry:
    """An input in the manifest's form."""
    base = item.index_base
    return InputEntry(
        item.source,
        item.subset,
        item.name,
        item.size,
        item.sha256,
        item.member,
        None if base is None else base.as_dict(),
    )
