"""The rooms of the design: who may import whom, and files that stay one thing."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "open_instructions"
# each line may import only from lines above it
ORDER = """checkout errors arrays places limits licenses schema evidence columns ledger failures usage upstream catalogue shapes chat tokens readers chunk acquire stages recipe versions drafting pipeline engines store probing planner merge card gauges builder
tables loader describe summary verify narrative explaining publishing cli""".split()  # noqa: SIM905
# a BuildResult and a Ledger print as tables, imported when they do
ALLOWED = {
    ("readers", "catalogue"),
    ("builder", "tables"),
    ("ledger", "tables"),
    ("narrative", "explaining"),
}


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
    for path in (PACKAGE.parent / "converters").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and node.module.startswith("open_instructions.")
            ):
                assert node.module.split(".")[1] in (
                    "schema",
                    "shapes",
                    "chat",
                    "evidence",
                    "catalogue",
                    "upstream",
                ), path.name


def test_files_stay_small() -> None:
    long = {
        p.name: n
        for p in PACKAGE.rglob("*.py")
        if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
