"""The layouts, in the order in which a record is tried: what has more to say comes first."""

from __future__ import annotations

from .alpaca import ALPACA
from .layout import Layout
from .pairs import PAIRS
from .preference import PREFERENCE
from .transcript import TRANSCRIPT
from .tree import TREE

LAYOUTS: tuple[Layout, ...] = (PREFERENCE, TREE, ALPACA, PAIRS, TRANSCRIPT)
