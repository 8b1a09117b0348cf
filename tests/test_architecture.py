"""The rooms of the design: who may import whom, and files that stay one thing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "open_instructions"
ROOM = re.compile(r"\| `(\w+)/?` \|")
ORDER = ROOM.findall((PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8"))
"""The rooms from the ground up, as CONTRIBUTING.md has them."""
# a ledger prints as a table, which is imported when it does; the type of an option is a Recipe, which
# type checkers alone import
ALLOWED = {("ledger", "reports"), ("options", "recipe")}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    found = set()
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            found |= (
                {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
            )
        elif (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.startswith("open_instructions.")
        ):
            found.add(node.module.split(".")[1])
    return found & set(ORDER)


def test_imports_go_one_way() -> None:
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        here = room(path)
        if here in ("__init__", "samples"):
            continue
        assert here in ORDER, f"{here} has no place in the design"
        wrong += [
            f"{here} imports {other}"
            for other in imported(path)
            if other != here
            and ORDER.index(other) > ORDER.index(here)
            and (here, other) not in ALLOWED
        ]
    assert wrong == []


def test_converters_know_only_the_public_contract() -> None:
    for path in (PACKAGE.parent / "converters").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and node.module.startswith("open_instructions.")
            ):
                room = ".".join(node.module.split(".")[1:])
                assert room in (
                    "schema",
                    "catalogue",
                    "layouts.fields",
                    "layouts.messages",
                ), path.name


def test_files_stay_small() -> None:
    long = {
        p.name: n
        for p in PACKAGE.rglob("*.py")
        if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
