"""The layouts, in the order in which a record is tried: what has more to say comes first."""

from __future__ import annotations

from .alpaca import ALPACA
from .chats import MESSAGES
from .exports import EXPORT
from .layout import Layout
from .pairs import PAIRS
from .preference import PREFERENCE
from .sharegpt import SHAREGPT
from .transcript import TRANSCRIPT
from .tree import TREE
from .xlam import XLAM

LAYOUTS: tuple[Layout, ...] = (
    PREFERENCE,
    TREE,
    EXPORT,
    MESSAGES,
    SHAREGPT,
    XLAM,
    ALPACA,
    PAIRS,
    TRANSCRIPT,
)
