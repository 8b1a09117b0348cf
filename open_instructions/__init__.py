"""Open Instructions: public instruction-tuning sets in one conversation schema, with every record
accounted for.

    import open_instructions as oi
    oi.fetch("dolly")                              # upstream's files, into the cache
    oi.build("all", data_dir="downloads")          # or sample=True
    oi.stats()
    oi.check()                                     # is everything as the manifest says?
    oi.load(sources=["dolly"])                     # a datasets.Dataset
    oi.rejected(reasons=["no_answer"])             # a pandas DataFrame
    oi.explain("alpaca/000002")                    # where a record came from, what stages did to it
    oi.push("mix", "me/mix", private=True)         # to the hub
    oi.Recipe(max_tokens=4096)                     # for build(recipe=...)
    oi.Conversation, oi.Message                    # the schema
    oi.OpenInstructionsError                       # the base of all errors, which are here too

Heavy libraries are imported when they are needed, not with the package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .checkout import find_rooms

if TYPE_CHECKING:
    from .building.run import build
    from .errors import (
        ConverterError,
        EmptyBuildError,
        FetchError,
        InputError,
        LedgerError,
        MissingSourceError,
        NotFoundError,
        OpenInstructionsError,
        OutputError,
        RecipeError,
        UsageError,
    )
    from .exports.hub import push
    from .exports.load import load, rejected
    from .inputs.fetching import fetch
    from .recipe import Recipe
    from .reports.check import check
    from .reports.explain import explain
    from .reports.inspect import inspect
    from .reports.stats import sources, stats
    from .schema import Conversation, Message

find_rooms()

__all__ = [
    "Conversation",
    "ConverterError",
    "EmptyBuildError",
    "FetchError",
    "InputError",
    "LedgerError",
    "Message",
    "MissingSourceError",
    "NotFoundError",
    "OpenInstructionsError",
    "OutputError",
    "Recipe",
    "RecipeError",
    "UsageError",
    "build",
    "check",
    "explain",
    "fetch",
    "inspect",
    "load",
    "push",
    "rejected",
    "sources",
    "stats",
]

# No module has the name of one of these functions: importing such a submodule would replace the
# function here.
_HOMES = {
    "build": "building.run",
    "check": "reports.check",
    "explain": "reports.explain",
    "fetch": "inputs.fetching",
    "inspect": "reports.inspect",
    "load": "exports.load",
    "rejected": "exports.load",
    "push": "exports.hub",
    "stats": "reports.stats",
    "sources": "reports.stats",
    "Conversation": "schema",
    "Message": "schema",
    "Recipe": "recipe",
    "ConverterError": "errors",
    "EmptyBuildError": "errors",
    "FetchError": "errors",
    "InputError": "errors",
    "LedgerError": "errors",
    "MissingSourceError": "errors",
    "NotFoundError": "errors",
    "OpenInstructionsError": "errors",
    "OutputError": "errors",
    "RecipeError": "errors",
    "UsageError": "errors",
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
