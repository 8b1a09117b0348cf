"""Which subset a file belongs to: by upstream's name for it and the fields of its records, or by
fields that are enough on their own.

If the name leaves it open, the fields are not used to guess: many sets have an instruction and an
output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..catalogue import Selection, Source, Subset
from ..errors import InputError
from ..paths import shown
from .peek import Peek, listed

_COPY = re.compile(r"(?<=[^/\s]) ?\(\d{1,3}\)(?=(?:\.[a-z]{1,8}){1,2}\Z)", re.I)
"""What browsers add to the name of a file that is there already: alpaca_data (1).json."""
_OTHER_ENDINGS = {".json": (".jsonl",), ".jsonl": (".json",), ".ndjson": (".jsonl", ".json")}


class SourceSubset(NamedTuple):
    """A subset of a source."""

    source: Source
    subset: Subset

    def __str__(self) -> str:
        return f"{self.source.name}:{self.subset.name}"


class Recogniser:
    """Knows the sources that there are, and those that were asked for."""

    def __init__(self, sources: Mapping[str, Source], wanted: Mapping[str, Selection]) -> None:
        self._wanted = wanted
        # where two sources peek for one name, what was asked for comes first, and a user's own
        # source before a built-in one
        self.known = [
            SourceSubset(s, x) for s in sorted(sources.values(), key=self._rank) for x in s.subsets
        ]

    def recognise(self, peek: Peek) -> SourceSubset | None:
        """The subset that a file is of; None where it is of none, or could be of several.

        Raises InputError for a name that was asked for, over fields that are not its.
        """
        file = peek.file
        if not file.is_data:
            return None
        possible = [known for known in self.known if not known.subset.passes_over(file.name)]
        named = [known for known in possible if known.subset.named(file.name)]
        for known in named:
            if self._fits(known, peek):
                return known
        for known in possible:
            if is_respelt(file.name, known.subset) and _all(peek, known.subset):
                return known
        chosen = [known for known in named if self.is_chosen(known)]
        if chosen and not peek.records(chosen[0].subset, far=True):
            peek.refuse_other_things()
            return chosen[0]
        alike = self.told_by_fields(peek)
        for known in chosen:
            if not known.subset.any_name:
                raise _other_fields(known, peek, alike)
        if len(alike) == 1:
            return alike[0]
        return None

    def told_by_fields(self, peek: Peek) -> list[SourceSubset]:
        """The subsets whose fields alone are enough, and are this file's; of those that come first,
        where some do."""
        alike = [
            known
            for known in self.known
            if known.subset.any_name
            and not known.subset.passes_over(peek.file.name)
            and _tells(peek, known.subset)
        ]
        return [known for known in alike if self._rank(known.source) == self._rank(alike[0].source)]

    def with_fields(self, peek: Peek) -> list[SourceSubset]:
        """The subsets that a file could be of by the fields of its first records: those that need
        most of them."""
        likely = [known for known in self.known if self._could_be(known.subset, peek)]
        needed = [known.subset.fields for known in likely]
        return [
            known for known in likely if not any(known.subset.fields < other for other in needed)
        ]

    def is_chosen(self, known: SourceSubset) -> bool:
        """Was this subset asked for?"""
        selection = self._wanted.get(known.source.name)
        return selection is not None and known.subset.name in selection.subsets

    def _could_be(self, subset: Subset, peek: Peek) -> bool:
        if subset.telling:
            return _tells(peek, subset)
        return _all(peek, subset)

    def _rank(self, source: Source) -> tuple[bool, bool]:
        selection = self._wanted.get(source.name)
        return selection is None, not (selection and selection.path)

    def _fits(self, known: SourceSubset, peek: Peek) -> bool:
        """Are a file's fields those of a subset that its name fits? One record with them is
        enough."""
        subset = known.subset
        records = peek.records(subset, far=True)
        if subset.common_names and not (
            self.is_chosen(known) and self._wanted[known.source.name].explicit
        ):
            return any(map(subset.tells, records))
        return any(map(subset.has, records))


def belongs(peek: Peek, known: SourceSubset) -> bool:
    """Does this file of the cache, or this member of one, belong to the subset? Raises InputError
    for a file that was fetched as the subset and is not."""
    file, subset = peek.file, known.subset
    if file.member is None:
        records = peek.records(subset, far=True)
        if any(map(subset.has, records)):
            return True
        peek.refuse_other_things()
        if records:
            other = f"but its records have other fields: {listed(sorted(peek.own))}"
            raise InputError(f"{file.path} was fetched as {known}, {other}.")
        return True
    if not file.is_data or subset.passes_over(file.name):
        return False
    if subset.named(file.name):
        return any(map(subset.has, peek.records(subset, far=True)))
    return subset.any_name and _tells(peek, subset)


def usual_name(name: str, subset: Subset) -> str:
    """Upstream's name for the file that has this one, without its folders."""
    respelt = (other for other in _spellings(name) if subset.named(other))
    usual = name if subset.named(name) else next(respelt, name)
    return usual.rpartition("/")[2].lower()


def is_respelt(name: str, subset: Subset) -> bool:
    """Is this upstream's name but for a browser's " (1)", or for .jsonl in place of .json?"""
    if subset.common_names or subset.named(name):
        return False
    return any(map(subset.named, _spellings(name)))


def _spellings(name: str) -> Iterator[str]:
    first = _COPY.sub("", name)
    if first != name:
        yield first
    stem, dot, ending = first.rpartition(".")
    for other in _OTHER_ENDINGS.get((dot + ending).lower(), ()):
        yield stem + other


def _all(peek: Peek, subset: Subset) -> bool:
    records = peek.records(subset)
    return bool(records) and all(map(subset.has, records))


def _tells(peek: Peek, subset: Subset) -> bool:
    records = peek.records(subset)
    return bool(records) and all(map(subset.tells, records))


def _other_fields(known: SourceSubset, peek: Peek, alike: Sequence[SourceSubset]) -> InputError:
    name, subset = shown(peek.file.label), known.subset
    if any(map(subset.has, peek.records(subset, far=True))):
        lacking = sorted(min(subset.telling, key=len) - set(peek.own))
        return InputError(
            f"{name} has the name of {known}, which other sets also use, and lacks "
            f"{', '.join(lacking)}.",
            hint=f"--sources={known} uses it. Otherwise rename it, or remove it from the folder.",
        )
    guess = f" It looks like {' or '.join(map(str, alike))}." if alike else ""
    expected = f"{name} has the name of {known} (fields {', '.join(sorted(subset.fields))})"
    return InputError(
        f"{expected}, but its records have other fields: {listed(sorted(peek.own))}.{guess}",
        hint="Rename it, or remove it from the folder.",
    )
