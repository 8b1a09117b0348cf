"""What the tests do with an object store."""

from __future__ import annotations

from pathlib import Path

from open_instructions.paths import place

from .conftest import digests


def upload(data: Path, address: str) -> str:
    for path in data.iterdir():
        (place(address) / path.name).write_bytes(path.read_bytes())
    return address


def objects(address: str) -> list[str]:
    return sorted(p.path.removeprefix("mixes/") for p in place(address).rglob("*") if p.is_file())  # type: ignore[attr-defined]


def remote_digests(address: str, folder: Path) -> dict[str, str]:
    root = place(address)
    for path in [p for p in root.rglob("*") if p.is_file()]:
        copy = folder / path.relative_to(root).as_posix()
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return digests(folder)
