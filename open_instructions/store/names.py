"""What the files and folders of a build are called."""

from __future__ import annotations

import re

MANIFEST, CARD, LICENSE, LOCK = "manifest.json", "README.md", "LICENSE.md", "oi.lock"
DATA, REJECTED, FILES = "data", "rejected", "files"
TABLES = (DATA, REJECTED, FILES)
"""The folders of a build. files/ is there where an input file says something once for all its
records."""
PAGES = (CARD, LICENSE, LOCK)
"""What lies beside the manifest."""
SHARD = re.compile(r"(train|rejected|files)-[0-9]{5,}-of-[0-9]{5,}\.parquet")
"""The name of a shard in its folder."""
