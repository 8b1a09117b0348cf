"""What pip builds the package with: setuptools, and mypy beside it where OI_NATIVE=1 asks for
compiled modules (see setup.py)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from setuptools import build_meta as _setuptools
from setuptools.build_meta import *  # noqa: F403 - every other hook is setuptools' own

Settings = Mapping[str, Any] | None


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    return [*_setuptools.get_requires_for_build_wheel(config_settings), *_native()]


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    return [*_setuptools.get_requires_for_build_editable(config_settings), *_native()]


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Without what an earlier version left in setuptools' folder, which would be installed as
    well."""
    for left in Path("build").glob("lib*"):
        shutil.rmtree(left)
    return str(_setuptools.build_wheel(wheel_directory, config_settings, metadata_directory))


def _native() -> list[str]:
    return ["mypy>=1.11"] if os.environ.get("OI_NATIVE") == "1" else []
