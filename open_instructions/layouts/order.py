"""The layouts, in the order in which a record is tried: what has more to say comes first."""

from __future__ import annotations

from .alpaca import ALPACA
from .chats import MESSAGES
from .layout import Layout
from .pairs import PAIRS
from .sharegpt import SHAREGPT
from .xlam import XLAM

LAYOUTS: tuple[Layout, ...] = (MESSAGES, SHAREGPT, XLAM, ALPACA, PAIRS)
