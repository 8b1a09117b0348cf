"""Whether a file's answer codes count from 0 or from 1. The file's own evidence decides, or the
user; it is never assumed.

A file whose answers are numbers can be read in two ways, and a single record does not show which. A
subset with such answers declares a `Probe`. Before the build starts, each of its files is read
once, and the evidence of its records is added up (`Evidence`). Four things count: a 0, which does
not occur when counting from 1; the number of the last option, which does not occur when counting
from 0; the names that a Parquet file gives to the numbers; and explanations that name an option in
words.

Evidence belongs to one file, not to all files of a subset: a folder may hold one file from upstream
and one from a copy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..schema import Record

CLEAR = 4
"""Explanations decide if this many fit one way of counting for each that fits the other."""
ENOUGH = 2
"""At least this many explanations are needed: a single one may be a mistake."""
OTHER = "other"


class Seen(NamedTuple):
    """One record's evidence: the number of its answer, and the option that its explanation names,
    counted from 0. None if there is none."""

    number: int | None
    explained: int | None = None


@dataclass(frozen=True)
class Probe:
    """How a subset codes its answers: `field` holds the number of one of the options. `look` is
    pure, and reads only that field and `beside`."""

    field: str
    options: int
    look: Callable[[Record], Seen]
    beside: tuple[str, ...] = ()

    def add_up(self, seen: Iterable[Seen], names: Sequence[str] = ()) -> Evidence:
        """Adds up the evidence of the records. `names` are the file's names for the numbers, from
        0."""
        counted = Counter(map(self._clamped, seen))
        numbers: Counter[str] = Counter()
        fits = [0, 0]
        for (number, explained), count in counted.items():
            if number is None:
                continue
            numbers[str(number) if number <= self.options else OTHER] += count
            for base in (0, 1):
                fits[base] += count * (explained is not None and number == explained + base)
        ordered = tuple(sorted(numbers.items(), key=lambda item: (item[0] == OTHER, item[0])))
        return Evidence(self.field, self.options, ordered, (fits[0], fits[1]), tuple(names))

    def _clamped(self, seen: Seen) -> Seen:
        """One number stands for all those beyond the options: a file may hold any number of
        them."""
        number = seen.number
        if number is None or 0 <= number <= self.options:
            return seen
        return Seen(self.options + 1)


class Evidence(NamedTuple):
    """A file's evidence: how often each number occurs in the field, how many explanations fit
    counting from 0 and from 1, and the names of the numbers."""

    field: str
    options: int
    numbers: tuple[tuple[str, int], ...]
    fits: tuple[int, int] = (0, 0)
    names: tuple[str, ...] = ()

    @property
    def needed(self) -> bool:
        """Whether any number could be an option."""
        return any(number != OTHER for number, _ in self.numbers)

    @property
    def bases(self) -> set[int]:
        """The ways of counting that the evidence supports. Exactly one decides; none or both do
        not."""
        numbers = dict(self.numbers)
        found = {base for base, last in ((0, "0"), (1, str(self.options))) if numbers.get(last)}
        for base in (0, 1):
            if self.fits[base] >= max(ENOUGH, CLEAR * self.fits[1 - base]):
                found.add(base)
        if (named := self.named) is not None:
            found.add(named)
        return found

    @property
    def named(self) -> int | None:
        """Where the names of the numbers have the first option; None if they do not tell. Raises
        ValueError for unknown names."""
        names = [name.strip().lower() for name in self.names]
        if names == [str(number) for number in range(len(names))]:
            return None  # the names only repeat the numbers
        letters = [chr(ord("a") + option) for option in range(self.options)]
        numbers = [str(option + 1) for option in range(self.options)]
        for base in (0, 1):
            if names[base : base + self.options] in (letters, numbers):
                return base
        given = ", ".join(self.names[:8])
        raise ValueError(f"its numbers have the names {given}, which are not the options in order")

    def told(self) -> str:
        """The evidence in words, for an error."""
        numbers = ", ".join(f"{number} in {count:,}" for number, count in self.numbers)
        lines = [f"{self.field} is {numbers} of its records"]
        if any(self.fits):
            zero, one = self.fits
            lines.append(f"{zero:,} explanations fit a count from 0 and {one:,} one from 1")
        if self.names:
            lines.append(f"the numbers have the names {', '.join(self.names[:8])}")
        return "; ".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        said: dict[str, Any] = {
            "numbers": dict(self.numbers),
            "explanations": {"0": self.fits[0], "1": self.fits[1]},
        }
        return said | ({"names": list(self.names)} if self.names else {})


class IndexBase(NamedTuple):
    """Where a file counts from, who says so, and the file's evidence."""

    base: int
    by: str
    evidence: Evidence

    def as_dict(self) -> dict[str, Any]:
        return {"from": self.base, "by": self.by, **self.evidence.as_dict()}
