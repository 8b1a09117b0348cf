"""Every regular expression of the project: those that modules hold, and those that stand in a
call."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from open_instructions.stages.html.tags import tags_named

PACKAGE = "open_instructions"
_ANYWHERE = {"search", "sub", "subn", "split", "findall", "finditer"}
_AT_START = {"match", "fullmatch"}
_CALLS = {"compile", *_ANYWHERE, *_AT_START}

MADE_IN_FUNCTIONS: dict[str, tuple[str, ...]] = {
    "readers.envelopes._key": (r'"instances"[ \t\r\n]*:[ \t\r\n]*(?=\[)',),
    "layouts.fields._label": (),
    "layouts.fields._section": (),
    "layouts.styles._tokens": (),
    "layouts.styles._words": (),
    "stages.phrases._marks": ("([\u0300-\u036f]{30})[\u0300-\u036f]+",),
    "stages.phrases._whole": (
        r"(?<![^\W\u0e00-\u0eff])as\ an\ ai\ language\ model(?![^\W\u0e00-\u0eff])",
    ),
    "stages.html.tags.tags_named": (tags_named("svg").pattern, tags_named("br").pattern),
    "store.work.left_behind": (r"\.mix\.(?:[0-9a-f]{16}\.part|old|lock)",),
}
"""Functions that put a pattern together, with what it is, or nothing where modules hold all that it
makes. One that is not here fails a test."""


class Found(NamedTuple):
    """A pattern, where it was found, and the methods that it is used with."""

    where: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]


@cache
def modules() -> tuple[ModuleType, ...]:
    package = importlib.import_module(PACKAGE)
    names = [m.name for m in pkgutil.walk_packages(package.__path__, PACKAGE + ".")]
    rooms = [importlib.import_module(f"{PACKAGE}.{room}") for room in ("converters", "configs")]
    names += [
        m.name for room in rooms for m in pkgutil.walk_packages(room.__path__, room.__name__ + ".")
    ]
    return tuple(importlib.import_module(name) for name in [PACKAGE, *sorted(set(names))])


@cache
def tree(module: ModuleType) -> ast.Module:
    assert module.__file__
    return ast.parse(Path(module.__file__).read_text(encoding="utf-8"))


def functions(module: ModuleType) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The functions and methods of a module by their full names; what is inside of one belongs to
    it."""

    def walk(node: ast.AST, name: str) -> Iterator[tuple[str, ast.FunctionDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef):
                yield f"{name}.{child.name}", child
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, f"{name}.{child.name}")

    return walk(tree(module), module.__name__)


def patterns() -> list[Found]:
    """All of them, each once."""
    found: dict[tuple[Any, int], Found] = {}
    used = _usage()
    for where, pattern, methods in _everywhere(used):
        key = pattern.pattern, pattern.flags
        before = found.get(key)
        found[key] = Found(
            before.where if before else where,
            pattern,
            methods | (before.methods if before else frozenset()),
        )
    return list(found.values())


def unknown() -> list[str]:
    """Functions that put a pattern together and are not in MADE_IN_FUNCTIONS; and what is there and
    gone."""
    made = {
        name
        for module in modules()
        for name, function in functions(module)
        if any(_made(call) for call in _calls(function))
    }
    return sorted(made ^ {f"{PACKAGE}.{name}" for name in MADE_IN_FUNCTIONS})


def _everywhere(
    used: dict[tuple[str, str], set[str]],
) -> Iterator[tuple[str, re.Pattern[Any], frozenset[str]]]:
    for module in modules():
        for name, value in vars(module).items():
            if not isinstance(value, type) or value.__module__ == module.__name__:
                for pattern in _held(value):
                    methods = used.get((module.__name__, name)) if pattern is value else None
                    yield f"{module.__name__}.{name}", pattern, frozenset(methods or _ANYWHERE)
        for name, function in functions(module):
            for call in _calls(function):
                if not _made(call):
                    method = _name(call)
                    methods = _ANYWHERE if method == "compile" else {method}
                    yield name, _compiled(call, module), frozenset(methods)
    for name, made in MADE_IN_FUNCTIONS.items():
        for text in made:
            yield f"{PACKAGE}.{name}", re.compile(text), frozenset(_ANYWHERE)


def _held(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _held(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _held(item)
    elif isinstance(value, type):
        for item in vars(value).values():
            if isinstance(item, re.Pattern):
                yield item


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """Calls of the functions of re."""
    for call in ast.walk(node):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr in _CALLS
            and _of_re(call.func)
        ):
            yield call


def _of_re(function: ast.Attribute) -> bool:
    return isinstance(function.value, ast.Name) and function.value.id == "re"


def _name(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return call.func.attr


def _made(call: ast.Call) -> bool:
    """Is the pattern put together where the call stands?"""
    return not isinstance(call.args[0], ast.Constant)


def _compiled(call: ast.Call, module: ModuleType) -> re.Pattern[Any]:
    at = {"compile": 1, "sub": 4, "subn": 4, "split": 3}.get(_name(call), 2)
    flags = next(
        (k.value for k in call.keywords if k.arg == "flags"),
        call.args[at] if len(call.args) > at else None,
    )
    value = eval(compile(ast.Expression(flags), "flags", "eval"), {"re": re}) if flags else 0
    assert isinstance(call.args[0], ast.Constant)
    return re.compile(call.args[0].value, value)


def _usage() -> dict[tuple[str, str], set[str]]:
    """By module and name of a pattern, the methods called on it: what only looks at the start of a
    text has one start to try."""
    used: dict[tuple[str, str], set[str]] = {}
    for module in modules():
        for node in ast.walk(tree(module)):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in _CALLS
                and isinstance(node.value, ast.Name)
            ):
                used.setdefault((module.__name__, node.value.id), set()).add(node.attr)
    return used
