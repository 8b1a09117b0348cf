"""A build on disk: its layout, reading it back, and where builds are.

    OUT/README.md  OUT/LICENSE.md  OUT/manifest.json  OUT/oi.lock
    OUT/data/train-00000-of-00003.parquet  OUT/rejected/rejected-00000-of-00001.parquet
    OUT/files/files-00000-of-00001.parquet

headers  the table files/
chunks   what became of each chunk, while a build runs
work     the folder of a build that runs; publishing it
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import paths
from ..errors import NotFoundError, OutputError, UsageError, safe
from ..ledger import Ledger

MANIFEST, CARD, LICENSE, LOCK = "manifest.json", "README.md", "LICENSE.md", "oi.lock"
DATA, REJECTED, FILES = "data", "rejected", "files"
TABLES = (DATA, REJECTED, FILES)
"""The folders of a build. files/ is there where an input file says something once for all its
records."""
PAGES = (CARD, LICENSE, LOCK)
"""What lies beside the manifest."""
SAMPLE = "sample"
_INPUTS, _BUILDS = "inputs.json", "builds.json"
"""What is noted in the home: where input files lie, and which builds were made."""
_NOTED_BUILDS = 1000
_DECIDES = ("versions", "recipe", "sources", "inputs", "missing")
_LISTS = ("inputs", "missing", "shards")
_MANIFEST_KEYS = ("fingerprint", *_DECIDES, "totals", "ledger", "shards")


def home() -> Path:
    """Where builds go by default: OI_HOME, or the user's data folder."""
    from platformdirs import user_data_path

    given = os.environ.get("OI_HOME", "")
    if "://" in given:
        raise UsageError(
            f"OI_HOME is {given}, but must be a folder on this machine.",
            hint="--out takes an address.",
        )
    return Path(given) if given else user_data_path("open-instructions")


def builds() -> Path:
    return home() / "builds"


@dataclass(frozen=True)
class Build:
    """A complete build: its folder and its manifest."""

    path: Path
    manifest: Mapping[str, Any]

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger.from_dict(self.manifest["ledger"])

    def files(self, kind: str = DATA) -> list[Path]:
        """The shards of data/, rejected/ or files/, in order. Raises NotFoundError if one is gone
        or has another size."""
        found = []
        for shard in self.manifest["shards"]:
            path = self.path / shard["path"]
            if not inside(shard["path"]):
                raise NotFoundError(
                    f"The manifest names {shard['path']}, which is not a file of the build."
                )
            if shard["path"].startswith(kind + "/"):
                if not path.is_file() or path.stat().st_size != shard["bytes"]:
                    raise NotFoundError(
                        f"{path} is missing or damaged.", hint="Build it again with --overwrite."
                    )
                found.append(path)
        return found

    def whole(self) -> bool:
        """Is every shard there, with its size?"""
        try:
            return bool(self.files(DATA) and self.files(REJECTED))
        except NotFoundError:
            return False


def fingerprint(described: Mapping[str, Any]) -> str:
    """What tells a build from any other: a digest of all that decides it, as its manifest has it."""
    return hashlib.sha256(
        json.dumps({key: described[key] for key in _DECIDES}, sort_keys=True).encode()
    ).hexdigest()


def inside(shard: str) -> bool:
    """Does the path of a shard, as a manifest has it, stay in the build's folder?"""
    return not Path(shard).is_absolute() and ".." not in Path(shard).parts


def open_build(path: str | os.PathLike[str] | None = None) -> Build:
    """The build in a folder; without one the newest, and then which one that is is said."""
    folder = paths.place(path) if path is not None else _said(newest())
    manifest = folder / MANIFEST
    if not manifest.is_file():
        what = "is not a build: it has no manifest.json" if folder.is_dir() else "is not a folder"
        raise NotFoundError(
            f"{folder} {what}.", hint="Give the folder of a build, as made by oi build."
        )
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        if content["format"] != 1:
            raise NotFoundError(
                f"{manifest} has format {content['format']}; this version reads 1.",
                hint="Build it again.",
            )
        if missing := [key for key in _MANIFEST_KEYS if key not in content]:
            raise NotFoundError(
                f"{manifest} lacks {', '.join(missing)}.", hint="Build it again with --overwrite."
            )
        _look_over(content)
        return Build(folder, content)
    except (AttributeError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotFoundError(
            f"{manifest} is not a manifest of Open Instructions.", hint="Build it again."
        ) from error


def _look_over(content: Mapping[str, Any]) -> None:
    """Raises ValueError, KeyError, TypeError or AttributeError where a manifest's values are not of
    the kind that is read."""
    for shard in content["shards"]:
        kinds = {"path": str, "bytes": int, "rows": int, "sha256": str}
        if not all(isinstance(shard[key], kind) for key, kind in kinds.items()):
            raise TypeError(shard)
    fields: dict[str, type] = {
        "fingerprint": str,
        "versions": dict,
        "recipe": dict,
        "sources": dict,
        "totals": dict,
        **dict.fromkeys(_LISTS, list),
    }
    if not all(isinstance(content[key], kind) for key, kind in fields.items()) or not all(
        isinstance(i, dict) for i in content["inputs"]
    ):
        raise TypeError(fields)
    if not isinstance(content["recipe"]["name"], str):
        raise TypeError(content["recipe"])
    if not all(isinstance(count, int) for count in Ledger.from_dict(content["ledger"]).values()):
        raise TypeError(content["ledger"])


def newest() -> Path:
    """The folder of the build that was made last, wherever it lies; those that are gone are passed
    over.

    Raises NotFoundError if there is none, UsageError if it lies in a store that does not answer.
    """
    for folder in map(paths.place, reversed(_noted_builds())):
        paths.check_reachable(folder)
        if (folder / MANIFEST).is_file():
            return folder
    unnoted = [manifest.parent for manifest in builds().glob(f"*/{MANIFEST}")]
    if not unnoted:
        raise NotFoundError(
            f"No build was made here, and there is none in {builds()}.",
            hint="Name a build's folder, or make a build: oi build --sample",
        )
    return max(unnoted, key=lambda folder: (folder / MANIFEST).stat().st_mtime_ns)


_last_said: list[Path] = []


def _said(folder: Path) -> Path:
    """Say on standard error which build is read: again only when it is another one."""
    if sys.stderr and _last_said != [folder]:
        _last_said[:] = [folder]
        print(f"The newest build: {safe(str(folder))}", file=sys.stderr, flush=True)
    return folder


def existing(out: Path) -> Build | None:
    """The build that lies in OUT; None if OUT is free. Raises OutputError if OUT is something else,
    or cannot be looked into."""
    try:
        return _existing(out)
    except OSError as error:
        raise OutputError(
            f"{out} cannot be read: {error.strerror or error}.",
            hint="Choose another folder with --out.",
        ) from error


def _existing(out: Path) -> Build | None:
    if not out.exists():
        return None
    if not out.is_dir():
        raise OutputError(f"{out} is a file.", hint="Choose another folder with --out.")
    if not paths.children(out):
        return None
    try:
        return open_build(out)
    except NotFoundError:
        pass  # of another version, or damaged: it can be replaced, and nothing else
    try:
        content = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        content = None
    if (
        not isinstance(content, dict) or "open_instructions" not in content
    ):  # written by any version, it is ours
        raise OutputError(
            f"{out} is not empty and is not a build; it was left as it is.",
            hint="Choose another folder with --out.",
        )
    return Build(out, {"shards": []})


def remember(paths: Mapping[str, Path], build: Path) -> None:
    """Note that this build was made last, and where files with these sha256 lie on this machine,
    for `oi explain`. Nothing of a build depends on it."""
    from filelock import FileLock

    home().mkdir(parents=True, exist_ok=True)
    with FileLock(home() / ".lock", timeout=10):  # builds may end at the same time
        _note(
            _INPUTS,
            {**whereabouts(), **{sha256: _from_anywhere(path) for sha256, path in paths.items()}},
        )
        here = _from_anywhere(build)
        _note(_BUILDS, [*(b for b in _noted_builds() if b != here), here][-_NOTED_BUILDS:])


def whereabouts() -> dict[str, str]:
    """What `remember` noted: sha256 -> path. Empty where nothing readable is there."""
    content = _noted(_INPUTS)
    return (
        {k: v for k, v in content.items() if isinstance(v, str)}
        if isinstance(content, dict)
        else {}
    )


def _noted_builds() -> list[str]:
    """The builds that `remember` noted, the newest last."""
    content = _noted(_BUILDS)
    return [path for path in content if isinstance(path, str)] if isinstance(content, list) else []


def _from_anywhere(path: Path) -> str:
    return str(path if paths.is_remote(path) else path.resolve())


def _note(name: str, value: Any) -> None:
    text = json.dumps(value, indent=2)  # paths may be no UTF-8: escaped they are
    paths.write_whole(home() / name, lambda file: file.write(text.encode()))


def _noted(name: str) -> Any:
    path = home() / name
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (ValueError, RecursionError):
        return None


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
