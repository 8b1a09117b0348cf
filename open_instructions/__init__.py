"""Open Instructions: public instruction-tuning sets as one conversation schema, every record accounted for.

    import open_instructions as oi
    oi.build("all", data_dir="downloads")          # or sample=True
    oi.stats()
    oi.check()                                     # is everything as the manifest says?
    oi.load(sources=["dolly"])                     # a datasets.Dataset
    oi.push("mix", "me/mix", private=True)         # to the hub

Heavy libraries are imported when they are needed, not with the package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .checkout import find_rooms

if TYPE_CHECKING:
    from .builder import build
    from .loader import load
    from .publishing import push
    from .schema import Conversation, Message
    from .summary import sources, stats
    from .verify import check

find_rooms()

__all__ = ["Conversation", "Message", "build", "check", "load", "push", "sources", "stats"]

# Modules are named apart from these functions: an imported submodule would take the function's place here.
_HOMES = {
    "build": "builder",
    "check": "verify",
    "load": "loader",
    "push": "publishing",
    "stats": "summary",
    "sources": "summary",
    "Conversation": "schema",
    "Message": "schema",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
