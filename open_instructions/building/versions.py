"""What a build's bytes depend on besides its inputs and its recipe."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

from ..recipe import Recipe
from ..stages import language
from ..stages.html import classic as html_classic
from ..stages.language import classic as language_classic
from ..tokens import tokenizer


def versions(recipe: Recipe) -> dict[str, str]:
    """The versions that a build's bytes depend on."""
    classic = recipe.detector == "langdetect"
    said = {
        "open_instructions": version("open-instructions"),
        "code": own_code(),
        "pyarrow": version("pyarrow"),
        "language": language_classic.detector_version() if classic else language.detector_version(),
        "tokenizer": tokenizer(recipe.tokenizer).vocabulary,
    }
    return said | ({"html": html_classic.converter()} if recipe.html == "markdownify" else {})


@cache
def own_code() -> str:
    """The sha256 of the package's own source: a changed line makes another build, whatever the
    version number."""
    digest = hashlib.sha256()
    root = files("open_instructions")
    shipped = [
        *_python(root),
        *_python(files("open_instructions.converters")),
        *_python(files("open_instructions.configs")),
    ]
    for file in shipped:
        digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def _python(folder: Traversable) -> Iterator[Traversable]:
    for item in sorted(folder.iterdir(), key=lambda i: i.name):
        if item.is_dir() and item.name not in ("samples", "__pycache__", "converters", "configs"):
            yield from _python(item)
        elif item.name.endswith((".py", ".yaml")):
            yield item
