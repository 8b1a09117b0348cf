"""How much of each set goes into a mix: whole numbers worked out with fractions, so that they are
the same on every machine.

Law: what a set gives never falls when its own weight or the total rises, and never rises when
another set's weight does, or when a set is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import NamedTuple

MOST_EPOCHS = 100
"""How often a row can be written at most."""


class Share(NamedTuple):
    """What one set of a mix gives, in the mix's unit.

    weight     its weight
    wanted     its part of the total; without a total, what it gives
    available  what it has
    given      the budget that its rows are taken for: more than it has if they are repeated
    """

    name: str
    weight: Fraction
    wanted: int
    available: int
    given: int

    @property
    def needs(self) -> float:
        """How often its rows would have to be read to give what is wanted."""
        return self.wanted / self.available if self.available else float("inf")


class Budget(NamedTuple):
    """The shares of a mix, and the part of the total that it reaches: 1 if nothing is short."""

    shares: list[Share]
    scale: Fraction


def exactly(number: float) -> Fraction:
    """The fraction that the decimal digits of a number say.

    >>> exactly(0.1)
    Fraction(1, 10)
    """
    return Fraction(repr(number))


def tempered(size: int, temperature: float) -> Fraction:
    """size^(1/temperature). Decimals give the same digits everywhere; floats do not.

    >>> tempered(1_000_000, 2.0), tempered(7, 1.0)
    (Fraction(1000, 1), Fraction(7, 1))
    """
    if temperature == 1:
        return Fraction(size)
    return Fraction(Decimal(size) ** (1 / Decimal(repr(temperature)))) if size else Fraction(0)


def budget(
    weights: Mapping[str, Fraction],
    available: Mapping[str, int],
    total: int | None,
    epochs: int,
) -> Budget:
    """The largest mix in which every set gives its part, up to `total`.

    weights    of each set, above 0
    available  what each has, above 0
    total      of all sets together; None for as much as they can give
    epochs     how often a row may be written

    >>> weights = {"alpaca": Fraction(3), "dolly": Fraction(7)}
    >>> [share.given for share in budget(weights, {"alpaca": 90, "dolly": 70}, None, 1).shares]
    [30, 70]
    """
    every = sum(weights.values())
    most = min(available[name] * epochs * every / weight for name, weight in weights.items())
    asked = most if total is None else Fraction(total)
    reached = min(asked, most)
    shares = [
        Share(
            name,
            weight,
            floor(asked * weight / every),
            available[name],
            floor(reached * weight / every),
        )
        for name, weight in weights.items()
    ]
    return Budget(shares, reached / asked)
