"""How a checkout finds its two rooms: `converters/` and `configs/` lie beside `open_instructions/`
there, not in it.

An installed package has them inside, and an editable install maps them. Python that is started in a
clone has neither: it finds the clone's `open_instructions/` before any installed one. Both rooms
then come from this clone alone, and not from an editable install of another one, which would mix
two versions.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

_PROJECT = "open-instructions"
_ROOMS = ("converters", "configs")
_PACKAGE = Path(__file__).parent


class Rooms:
    """A finder of modules that knows the two rooms alone: `tests/` and `build/` do not become
    modules."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        parent, _, room = name.rpartition(".")
        if parent != __package__ or room not in _ROOMS or not _is_checkout(_PACKAGE.parent):
            return None
        folder = _PACKAGE.parent / room
        return spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )


def find_rooms() -> None:
    """From now on imports find the rooms beside the package, unless it has them inside."""
    if not all(_is_package(_PACKAGE / room) for room in _ROOMS):
        sys.meta_path.insert(0, Rooms)


def documents() -> str:
    """Where the pages are that a checkout has; "" for an installed package, which has none."""
    return "docs/ in the checkout" if (_PACKAGE.parent / "docs" / "cli.md").is_file() else ""


def _is_checkout(folder: Path) -> bool:
    """Is this a clone of this project, and not a folder in which somebody has converters of their
    own?"""
    import tomllib

    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get(
            "project"
        )
    except (OSError, ValueError):
        return False
    named = isinstance(project, dict) and project.get("name") == _PROJECT
    return named and all(_is_package(folder / room) for room in _ROOMS)


def _is_package(folder: Path) -> bool:
    return (folder / "__init__.py").is_file()
