"""The home folder: where builds go by default, and notes about builds made on this machine.

OI_HOME/builds/RECIPE   a build for which no folder was named
OI_HOME/inputs.json     the paths of input files, by their sha256
OI_HOME/builds.json     the builds that were made, the newest last
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import paths
from ..errors import NotFoundError, UsageError
from .names import MANIFEST

_INPUTS, _BUILDS = "inputs.json", "builds.json"
_NOTED_BUILDS = 1000


def folder() -> Path:
    """The home folder: OI_HOME, or the user's data folder."""
    from platformdirs import user_data_path

    given = os.environ.get("OI_HOME", "")
    if "://" in given:
        raise UsageError(
            f"OI_HOME is {given}, but must be a folder on this machine.",
            hint="--out takes an address.",
        )
    return Path(given) if given else user_data_path("open-instructions")


def builds() -> Path:
    """Where builds go by default."""
    return folder() / "builds"


def newest() -> Path:
    """The folder of the newest build, wherever it is. Builds that no longer exist are skipped.

    Raises NotFoundError if there is none, UsageError if it is in a store that does not answer.
    """
    for build in map(paths.place, reversed(_noted_builds())):
        paths.check_reachable(build)
        if (build / MANIFEST).is_file():
            return build
    unnoted = [manifest.parent for manifest in builds().glob(f"*/{MANIFEST}")]
    if not unnoted:
        raise NotFoundError(
            f"No build was made here, and there is none in {builds()}.",
            hint="Name a build's folder, or make a build: oi build --sample",
        )
    return max(unnoted, key=lambda build: (build / MANIFEST).stat().st_mtime_ns)


def builds_here() -> list[Path]:
    """The folders on this machine of the builds that `remember` noted, the newest first, and of
    those that are where builds go by default. Some may be gone."""
    noted = [paths.place(path) for path in reversed(_noted_builds()) if "://" not in path]
    usual = sorted(manifest.parent for manifest in builds().glob(f"*/{MANIFEST}"))
    return list(dict.fromkeys([*noted, *usual]))


def remember(inputs: Mapping[str, Path], build: Path) -> None:
    """Note this build as the newest, and the paths of its input files by their sha256, for
    `oi explain`. No build depends on these notes."""
    from filelock import FileLock

    folder().mkdir(parents=True, exist_ok=True)
    with FileLock(folder() / ".lock", timeout=10):  # builds may end at the same time
        there = {sha256: _from_anywhere(path) for sha256, path in inputs.items()}
        _note(_INPUTS, {**whereabouts(), **there})
        here = _from_anywhere(build)
        before = [noted for noted in _noted_builds() if noted != here]
        _note(_BUILDS, [*before, here][-_NOTED_BUILDS:])


def whereabouts() -> dict[str, str]:
    """The paths that `remember` noted, by sha256. Empty if there is no readable note."""
    content = _noted(_INPUTS)
    if not isinstance(content, dict):
        return {}
    return {sha256: path for sha256, path in content.items() if isinstance(path, str)}


def _noted_builds() -> list[str]:
    """The builds that `remember` noted, the newest last."""
    content = _noted(_BUILDS)
    return [path for path in content if isinstance(path, str)] if isinstance(content, list) else []


def _from_anywhere(path: Path) -> str:
    return str(path if paths.is_remote(path) else path.resolve())


def _note(name: str, value: Any) -> None:
    text = json.dumps(value, indent=2)  # escapes what is not valid UTF-8 in paths
    paths.write_whole(folder() / name, lambda file: file.write(text.encode()))


def _noted(name: str) -> Any:
    path = folder() / name
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (ValueError, RecursionError):
        return None
