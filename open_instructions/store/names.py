"""The names of a build's files and folders."""

from __future__ import annotations

import re

MANIFEST, CARD, LICENSE, LOCK = "manifest.json", "README.md", "LICENSE.md", "oi.lock"
DATA, PREFERENCE, REJECTED, FILES = "data", "preference", "rejected", "files"
TABLES = (DATA, PREFERENCE, REJECTED, FILES)
"""The folders of a build. It has preference/ only if that has rows, files/ only if an input file
has a header."""
TRAIN = "train"
"""The split of all rows of a build that has no other."""
PAGES = (CARD, LICENSE, LOCK)
"""The files beside the manifest."""
SHARD = re.compile(r"(train|validation|test|rejected|files)-[0-9]{5,}-of-[0-9]{5,}\.parquet")
"""The name of a shard in its folder."""
