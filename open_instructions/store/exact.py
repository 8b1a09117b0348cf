"""JSON text that `datasets` reads as the values that were written.

It reads JSON with pandas, whose reader computes a decimal number from its digits in floating point:
of 0.208 it makes 0.20800000000000002. One number has many spellings, and for nearly each there is
one that this reader and every other one read as the same number. The exceptions are beyond 10**290
and its inverse.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from ..schema import to_json

_DECIMALS = [float(f"1e-{places}") for places in range(16)]
_DIGITS = 18
"""More digits before the point may be beyond 64 bits."""


def exact_json(value: Any) -> str:
    """Compact JSON text of a value.

    >>> exact_json({"probability": 0.208, "unit": None})
    '{"probability":208000e-6,"unit":null}'
    """
    if isinstance(value, float):
        return spelled(value)
    if isinstance(value, dict):
        members = [f"{to_json(key)}:{exact_json(item)}" for key, item in value.items()]
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(exact_json, value)) + "]"
    return to_json(value)


def spelled(number: float) -> str:
    """A finite number as text that is read right; as usual where it is, or where nothing helps.

    >>> spelled(0.5), spelled(0.208)
    ('0.5', '208000e-6')
    """
    usual = repr(number)
    if _as_pandas_reads(usual) == number:
        return usual
    for text in _spellings(number):
        if _as_pandas_reads(text) == number == float(text):
            return text
    return usual


def _spellings(number: float) -> Iterator[str]:
    """Its digits with zeros behind them, and the point anywhere in them."""
    sign, digits, exponent = Decimal(repr(number)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    for zeros in range(_DIGITS - len(text) + 1):
        padded = text + "0" * zeros
        for point in range(len(padded), 0, -1):
            behind = f".{padded[point:]}" if padded[point:] else ""
            power = exponent - zeros + len(padded) - point
            yield f"{'-' * sign}{padded[:point]}{behind}e{power}"


def _as_pandas_reads(text: str) -> float:
    """What its reader makes of a number with a point or an exponent."""
    digits, _, exponent = text.removeprefix("-").partition("e")
    whole, _, decimals = digits.partition(".")
    fraction = 0.0
    for digit in decimals[: len(_DECIMALS) - 1]:
        fraction = fraction * 10.0 + float(digit)
    value = float(int(whole)) + fraction * _DECIMALS[min(len(decimals), len(_DECIMALS) - 1)]
    value = -value if text.startswith("-") else value
    try:
        return value * float(10.0 ** int(exponent or 0))
    except OverflowError:
        return 0.0
