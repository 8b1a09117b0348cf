"""Which functions walk over input, and by what each of them is measured. One that is not here fails
tests/test_hostile_list.py."""

from __future__ import annotations

import ast

from .patterns import functions, modules

ROOMS = (
    "stages",
    "readers",
    "converters",
    "layouts.fields",
    "layouts.calls",
    "layouts.chats",
    "layouts.embedded",
    "layouts.entries",
    "layouts.hermes",
    "layouts.literals",
    "layouts.messages",
    "layouts.parts",
    "layouts.rounds",
    "layouts.said",
    "layouts.sharegpt",
    "layouts.tools",
    "schema",
    "arrays",
    "corpus.contamination",
    "corpus.near_duplicates",
    "corpus.words",
    "rights.terms",
    "recipe",
    "inputs.lock",
    "inputs.hub_card",
    "inputs.splits",
    "cli.console",
    "layouts.answered",
    "layouts.answers",
    "layouts.candidates",
    "layouts.code",
    "layouts.context",
    "layouts.mapping",
    "layouts.preference",
    "layouts.prompts",
    "layouts.recognise",
    "layouts.sides",
    "layouts.transcript",
    "layouts.tree",
    "layouts.turns",
)
"""Where input is walked over."""

LISTED: dict[str, tuple[str, ...]] = {
    "arrays.spans": ("evaluation items",),
    "corpus.contamination": ("evaluation items",),
    "corpus.near_duplicates": ("signs",),
    "corpus.words": ("words",),
    "inputs.lock.locked_files": (),
    "inputs.hub_card": ("card", "card, its configs"),
    "inputs.splits": ("names of files",),
    "cli.console._at_words": ("words of a line",),
    "cli.console._narrowed": (),
    "converters": (
        "source alpaca",
        "source gpt4all",
        "source gpt4llm",
        "source lmflow",
        "source sharegpt",
        "many messages",
    ),
    "rights.terms._evaluated": ("licence",),
    "readers.batches": (),
    "readers.buffer": ("json array", "json array, deep", "json string"),
    "readers.columns": ("file", "file of columns"),
    "readers.delimited": ("table", "table, broken", "table, a quote open"),
    "readers.dialect": ("table", "table, broken"),
    "readers.encodings": ("file", "file in no encoding"),
    "readers.envelopes": ("envelope in slabs",),
    "readers.frames": ("record",),
    "readers.heads.parquet_fields": (),
    "readers.ipc": (),
    "readers.jsontext": (
        "json array, broken",
        "json by key",
        "json envelope",
        "json header",
        "json lines",
    ),
    "readers.arrangement": ("file", "file of columns"),
    "readers.packed": (),
    "recipe.keys": ("recipe", "recipe, a value"),
    "readers.recovery": ("json array, broken", "json by key"),
    "readers.sheets": (),
    "readers.slabs": ("slabs", "slabs of lines", "digits"),
    "readers.streams": (),
    "schema._finite": ("metadata",),
    "layouts.code": ("transcript", "transcript of markers"),
    "layouts.mapping._free": (),
    "layouts.tree": ("layouts",),
    "layouts.turns": ("transcript", "transcript of markers"),
    "layouts.embedded": ("calls of tools", "JSON in a text"),
    "layouts.hermes": ("calls in a text", "results in a text"),
    "layouts.parts": ("lists of messages",),
    "layouts.tools._is_words": (),
    "layouts.fields": ("source alpaca", "source gpt4llm", "choices"),
    "stages.html.code_blocks": ("html", "html in an answer"),
    "stages.language.detector.Detector._states": ("language",),
    "stages.language.detector._tables": (),
    "stages.html.dom": ("html", "html in an answer"),
    "stages.html": ("html",),
    "stages.html.classic": ("html, classic",),
    "stages.html.inline": ("html", "html in an answer"),
    "stages.language.Language.__init__": (),
    "stages.language.names.meant": ("language by name",),
    "stages.html.markdown": ("html", "html in an answer"),
    "stages.phrases._folded": ("phrases", "phrases, folded"),
    "stages.phrases._marks": (),
    "stages.running.outcomes": (),
    "stages.prose": ("prose", "phrases"),
    "stages.split.Split._truncated": ("split",),
    "stages.split._turns": ("many messages",),
    "stages.structure": ("many messages",),
    "stages.tool_turns": ("many messages",),
    "stages.html.tables": ("html", "html in an answer"),
    "stages.html.tags": ("html",),
    "stages.language.votes": ("language", "language of each line"),
}
"""Functions, or whole modules that one scanner goes through from end to end. Nothing measures what
walks over the project's own lists; streams are read in blocks, and limits.py says how far."""

_SEARCHES = {
    "find",
    "rfind",
    "search",
    "match",
    "finditer",
    "normalize",
    "unescape",
    "raw_decode",
    "_decode",
    "partition",
    "index",
}


def unlisted() -> list[str]:
    """What walks over input and is not listed, and what is listed and not there any more."""
    found = {name.removeprefix("open_instructions.") for name in _scanning()}
    reached = {name: _nearest(name) for name in found}
    return sorted(
        {name for name, key in reached.items() if not key} | (set(LISTED) - set(reached.values()))
    )


def _nearest(name: str) -> str:
    """The entry of LISTED that a function falls under; "" if none does."""
    return max((key for key in LISTED if f"{name}.".startswith(f"{key}.")), key=len, default="")


def _scanning() -> set[str]:
    """Functions that may take more than a step for each character: loops in which text is searched,
    loops without a bound, and what calls itself."""
    found = set()
    for module in modules():
        room = module.__name__.removeprefix("open_instructions.")
        if any(f"{room}.".startswith(f"{name}.") for name in ROOMS):
            found |= {name for name, function in functions(module) if _scans(function)}
    return found


def _scans(function: ast.FunctionDef) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.While):
            return True
        if isinstance(node, ast.For | ast.ListComp | ast.GeneratorExp | ast.SetComp) and _searches(
            node
        ):
            return True
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == function.name
        ):
            return True
    return False


def _searches(node: ast.AST) -> bool:
    calls = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
    return any(
        (f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "")) in _SEARCHES
        for f in calls
    )
