"""What the files and folders of a build are called."""

from __future__ import annotations

import re

MANIFEST, CARD, LICENSE, LOCK = "manifest.json", "README.md", "LICENSE.md", "oi.lock"
DATA, PREFERENCE, REJECTED, FILES = "data", "preference", "rejected", "files"
TABLES = (DATA, PREFERENCE, REJECTED, FILES)
"""The folders of a build. preference/ is there if it has a row; files/ where an input file says
something once for all its records."""
PAGES = (CARD, LICENSE, LOCK)
"""What lies beside the manifest."""
SHARD = re.compile(r"(train|rejected|files)-[0-9]{5,}-of-[0-9]{5,}\.parquet")
"""The name of a shard in its folder."""
