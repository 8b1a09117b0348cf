"""What the card of a dataset on the hub says of its files and its licence: the YAML above its
README.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..rights.terms import LICENSES

_LONGEST = 256 << 10
"""Characters of the card that are parsed; the columns of a dataset are not among them."""
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?=[ \t]*:)")
_READ = ("license", "license_name", "language", "configs")
_SPDX = {name.lower(): name for name in LICENSES} | {
    "odc-by": "ODC-By-1.0",
    "odbl": "ODbL-1.0",
    "pddl": "PDDL-1.0",
    "cdla-permissive-1.0": "CDLA-Permissive-1.0",
    "cdla-permissive-2.0": "CDLA-Permissive-2.0",
    "cdla-sharing-1.0": "CDLA-Sharing-1.0",
    "gpl-2.0": "GPL-2.0-only",
    "gpl-3.0": "GPL-3.0-only",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-3.0": "LGPL-3.0-only",
    "agpl-3.0": "AGPL-3.0-only",
    "cc-by-nc-2.0": "CC-BY-NC-2.0",
    "cc-by-nc-nd-3.0": "CC-BY-NC-ND-3.0",
    "cc-by-nc-nd-4.0": "CC-BY-NC-ND-4.0",
    "cc-by-nc-sa-2.0": "CC-BY-NC-SA-2.0",
    "mpl-2.0": "MPL-2.0",
    "wtfpl": "WTFPL",
    "zlib": "Zlib",
}
_NO_NAME = re.compile(r"[^A-Za-z0-9.-]+")
_MOST = 100


@dataclass(frozen=True)
class Config:
    """A part of a dataset that is loaded as a whole: the patterns of each split's files, or a
    folder whose files are known by their names."""

    name: str
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: str = ""
    default: bool = False


@dataclass(frozen=True)
class Card:
    """`license` is an SPDX expression, "" where none is stated; `configs` are as they stand."""

    license: str = ""
    languages: tuple[str, ...] = ()
    configs: tuple[Config, ...] = ()


def read_card(text: str) -> Card:
    """What stands in a README.md; an empty Card where nothing can be read.

    >>> read_card("---\\nlicense: apache-2.0\\nlanguage: [en]\\n---\\n# Trees")
    Card(license='Apache-2.0', languages=('en',), configs=())
    """
    data = _yaml(text)
    return Card(
        _license(data.get("license"), data.get("license_name")),
        tuple(_texts(data.get("language"))),
        tuple(_configs(data.get("configs"))),
    )


def _yaml(text: str) -> dict[str, Any]:
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].rstrip() != "---":
        return {}
    kept: list[str] = []
    keeps = False
    for line in lines[1:]:
        if line.rstrip() in ("---", "..."):
            break
        if key := _KEY.match(line):
            keeps = key.group() in _READ
        if keeps:
            kept.append(line)
    front = "\n".join(kept)
    if len(front) > _LONGEST:
        return {}
    try:
        data = yaml.safe_load(front)
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _texts(value: Any) -> list[str]:
    given = value if isinstance(value, list) else [value]
    return [item for item in given[:_MOST] if isinstance(item, str) and item.strip()]


def _license(value: Any, name: Any) -> str:
    """Of several licences all hold: the card does not say which file has which."""
    found = [spdx for text in _texts(value) if (spdx := _spdx(text, name))]
    return " AND ".join(dict.fromkeys(found))


def _spdx(text: str, name: Any) -> str:
    """The SPDX name of a licence as the hub calls it; "" for one that is not stated.

    >>> _spdx("cc-by-4.0", None), _spdx("other", "our terms"), _spdx("unknown", None)
    ('CC-BY-4.0', 'LicenseRef-our-terms', '')
    """
    known = text.strip().lower()
    if known in ("unknown", "none", "n/a"):
        return ""
    if known == "other" and isinstance(name, str) and name.strip():
        known = name.strip().lower()
    if known == "other":
        return "LicenseRef-other"
    own = _NO_NAME.sub("-", known)[:_MOST].strip("-.")
    return _SPDX.get(known) or (f"LicenseRef-{own}" if own else "")


def _configs(value: Any) -> list[Config]:
    entries = value if isinstance(value, list) else []
    return [config for entry in entries if (config := _config(entry))]


def _config(entry: Any) -> Config | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("config_name"), str | int | float):
        return None
    folder = entry.get("data_dir")
    return Config(
        str(entry["config_name"]),
        _splits(entry.get("data_files")),
        folder.strip("./") if isinstance(folder, str) else "",
        entry.get("default") is True,
    )


def _splits(value: Any) -> dict[str, tuple[str, ...]]:
    """The patterns of each split, from one pattern, a list of them, or a list of splits."""
    if isinstance(value, dict):
        return {str(split): tuple(_texts(paths)) for split, paths in value.items()}
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        named = [item for item in value if isinstance(item, dict) and "split" in item]
        return {str(item["split"]): tuple(_texts(item.get("path"))) for item in named}
    patterns = tuple(_texts(value))
    return {"train": patterns} if patterns else {}
