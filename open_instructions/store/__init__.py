"""Builds on disk: their layout, reading them back, and where they are.

    OUT/README.md  OUT/LICENSE.md  OUT/manifest.json  OUT/oi.lock
    OUT/data/train-00000-of-00003.parquet  OUT/preference/train-00000-of-00001.parquet
    OUT/rejected/rejected-00000-of-00001.parquet
    OUT/files/files-00000-of-00001.parquet

names     the names of a build's files and folders
manifest  manifest.json as a value; `values` checks what is read
reading   opens a build; all reports and exports read rows with `Build.batches`
finding   finds a build by its fingerprint
shards    opens the tables; nothing else does
columns   the columns of the tables
headers   writes the table files/
home      where builds go by default, and which were made
chunks    the result of each chunk, while a build runs
work      the folder of a running build; publishing it
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .manifest import Decided, InputEntry, Manifest, OtherCount, Shard
from .names import (
    CARD,
    DATA,
    FILES,
    LICENSE,
    LOCK,
    MANIFEST,
    PAGES,
    PREFERENCE,
    REJECTED,
    TABLES,
)
from .reading import Build, existing, is_build, open_build

__all__ = [
    "CARD",
    "DATA",
    "FILES",
    "LICENSE",
    "LOCK",
    "MANIFEST",
    "PAGES",
    "PREFERENCE",
    "REJECTED",
    "SAMPLE",
    "TABLES",
    "Build",
    "Decided",
    "InputEntry",
    "Manifest",
    "OtherCount",
    "Shard",
    "existing",
    "is_build",
    "open_build",
    "write_json",
]

SAMPLE = "sample"
"""The name of the build of the samples, in the home folder."""


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
