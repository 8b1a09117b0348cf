"""A build on disk: its layout, reading it back, and where builds are.

    OUT/README.md  OUT/LICENSE.md  OUT/manifest.json  OUT/oi.lock
    OUT/data/train-00000-of-00003.parquet  OUT/preference/train-00000-of-00001.parquet
    OUT/rejected/rejected-00000-of-00001.parquet
    OUT/files/files-00000-of-00001.parquet

names     what its files and folders are called
manifest  manifest.json as a value; `values` checks what is read
reading   a build opened: `Build.batches` is how everybody reads its rows
shards    the tables opened: nobody else does
columns   the columns of the tables
headers   the table files/, written
home      where builds go by default, and which were made
chunks    what became of each chunk, while a build runs
work      the folder of a build that runs; publishing it
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
from .reading import Build, existing, open_build

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
    "open_build",
    "write_json",
]

SAMPLE = "sample"
"""The build of the samples, in the home."""


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
