"""The rooms of the design: who may import whom, and files that stay one thing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "open_instructions"
ROOM = re.compile(r"\| `(\w+)/?` \|")
ORDER = ROOM.findall((PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8"))
"""The rooms from the ground up, as CONTRIBUTING.md has them."""
# a ledger prints as a table, which is imported when it does; the type of an option is a Recipe,
# which type checkers alone import
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
                    "preference",
                    "catalogue",
                    "layouts.answers",
                    "layouts.fields",
                    "layouts.layout",
                    "layouts.messages",
                    "layouts.sides",
                    "layouts.tools",
                ), path.name


OPEN_SHARDS = {"merge", "store"}
"""The rooms that read and write the tables of a build. `readers` opens Parquet files of the user's.
"""
OTHER_PARQUET = {Path("corpus/contamination/index_file.py")}
"""Files that read and write Parquet which is not a build's: an index of evaluation sets."""


def test_a_build_is_read_in_one_place() -> None:
    """Who reads a build asks `Build.batches` for rows, and a Manifest for its fields."""
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        if room(path) in OPEN_SHARDS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            line = f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}"
            allowed = room(path) == "readers" or path.relative_to(PACKAGE) in OTHER_PARQUET
            if not allowed and imports_parquet(node):
                wrong.append(f"{line} opens Parquet files")
            if isinstance(node, ast.Subscript) and named(node.value) == "manifest":
                wrong.append(f"{line} looks into a manifest's dictionary")
    assert wrong == []


def imports_parquet(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name == "pyarrow.parquet" for alias in node.names)
    return isinstance(node, ast.ImportFrom) and (
        node.module == "pyarrow.parquet"
        or (node.module == "pyarrow" and any(alias.name == "parquet" for alias in node.names))
    )


def named(node: ast.expr) -> str:
    """The last name of `x` and of `a.b.x`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def test_only_one_file_of_a_build_opens_its_shards() -> None:
    """In the rooms that may, one file reads; the others write."""
    reading = set()
    for path in (p for name in OPEN_SHARDS for p in (PACKAGE / name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in (
                "ParquetFile",
                "read_table",
                "read_schema",
                "read_metadata",
            ):
                reading.add(path.relative_to(PACKAGE).as_posix())
    assert reading == {"store/shards.py"}


def test_files_stay_small() -> None:
    long = {
        p.name: n
        for p in PACKAGE.rglob("*.py")
        if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
