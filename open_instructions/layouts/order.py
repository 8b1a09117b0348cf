"""The layouts, in the order in which a record is tried: what has more to say comes first."""

from __future__ import annotations

from .alpaca import ALPACA
from .layout import Layout
from .pairs import PAIRS

LAYOUTS: tuple[Layout, ...] = (ALPACA, PAIRS)
