"""Kinds of values that the recipe keys of corpus steps have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..errors import shown


@dataclass(frozen=True)
class Seeded:
    """
    seed  what random choices begin with: the same seed gives the same build
    """

    seed: int = 0


SHUFFLED = "shuffled"
LARGEST = 10**18
"""The largest whole number in a recipe."""


@dataclass(frozen=True)
class Ordered(Seeded):
    """
    order  the order of rows in data/ and preference/: as they were read, or shuffled
    """

    order: Literal["as read", "shuffled"] = "as read"


class Weights(tuple[tuple[str, float], ...]):
    """A mapping of names to numbers from 0, in hashable form, sorted by name.

    >>> dict(Weights.of({"dolly": 7, "alpaca": 3}))
    {'alpaca': 3.0, 'dolly': 7.0}
    """

    __slots__ = ()

    @classmethod
    def of(cls, values: Any) -> Weights:
        """Raises ValueError for anything but a mapping of names to finite numbers from 0."""
        if not isinstance(values, dict):
            raise ValueError(f"{shown(values)} is not a mapping")
        for name, number in values.items():
            if not isinstance(name, str):
                raise ValueError(f"the name {shown(name)} is not a text")
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise ValueError(f"{shown(name)} has {shown(number)}, which is not a number")
            if not 0 <= number < float("inf"):
                raise ValueError(
                    f"{shown(name)} has {shown(number)}, which is not a finite number from 0"
                )
            if isinstance(number, int) and number > LARGEST:
                raise ValueError(f"{shown(name)} has a number above {LARGEST:,}")
        return cls(sorted((name, float(number)) for name, number in values.items()))
