"""Where the bytes come from: a user's folder, the cache, the hub, a plain URL, the bundled samples.

folder     upstream's files in a folder, known by their names and fields
cache      what was fetched, in a folder that anyone can look at
download   one URL to one file: resumed, retried, verified
hub        one file of a repository on the hub, through huggingface_hub
fetch      what a selection needs and the cache lacks
lock       oi.lock: the exact files of a build, so that another build can use the same
"""

from __future__ import annotations

from .discover import Found, find, samples_dir
from .input import Input, digest, stamp

__all__ = ["Found", "Input", "digest", "find", "samples_dir", "stamp"]
