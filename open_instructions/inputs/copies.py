"""Inputs that are copies of each other, inputs that claim the same name, and distinct names for the
rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..catalogue import Source
from ..paths import shown
from .input import Input, digest, last_parts, plain, stamp
from .recognise import is_respelt, usual_name


def rivals(inputs: Sequence[Input], source: Source) -> str:
    """An error about two files whose names are spellings of one name, but whose bytes differ, so
    that one is not what it seems to be; "" if there are none."""

    def respelt(item: Input) -> bool:
        return is_respelt(plain(item.relative), source.subset(item.subset))

    by_name: dict[tuple[str, str], Input] = {}
    for item in sorted(inputs, key=respelt):
        name = usual_name(plain(item.relative), source.subset(item.subset))
        other = by_name.setdefault((item.subset, name), item)
        if other is not item and respelt(item):
            both = f"{shown(other.relative)} and {shown(item.relative)}"
            return f"{both} are both {name} of {item.source}:{item.subset}, and differ."
    return ""


def unique(inputs: list[Input], known: dict[Path, str]) -> tuple[list[Input], list[str]]:
    """Hash each file whose digest is not known, drop copies of the same bytes, and make names
    within a source differ. The inputs in the order of reading, and a note for each copy."""
    kept: dict[tuple[str, str, int | None], Input] = {}
    notes = []
    for item in sorted(_hashed(inputs, known), key=_nearest_first):
        first = kept.setdefault((item.subset, item.sha256, item.member), item)
        if first is not item:
            notes.append(_copy_note(item, first))
    order = {subset: index for index, subset in enumerate(dict.fromkeys(i.subset for i in inputs))}

    def reading_order(item: Input) -> tuple[int, bool, str, int, str]:
        is_member = item.member is not None
        # the members of an archive in its order, which makes reading them one pass
        first = item.sha256 if is_member else item.name
        return order[item.subset], is_member, first, item.member or 0, item.name

    return sorted(_told_apart(list(kept.values())), key=reading_order), notes


def _nearest_first(item: Input) -> tuple[int, str, int]:
    return item.relative.count("/"), item.relative, item.member or 0


def _copy_note(item: Input, first: Input) -> str:
    here, there = item.relative, first.relative
    if here == there:  # in two folders
        here, there = str(item.path), str(first.path)
    return f"{item.source}: {shown(here)} has the same content as {shown(there)}; one was used"


def _hashed(inputs: Sequence[Input], known: dict[Path, str]) -> Iterator[Input]:
    stamps = [stamp(item.path) for item in inputs]
    for item, before in zip(inputs, stamps, strict=True):
        if item.path not in known:
            known[item.path] = digest(item.path)
        yield replace(item, sha256=known[item.path], stamp=before)


def _told_apart(inputs: list[Input]) -> list[Input]:
    """Give files with the same name enough of their path, below the folder that was passed, to tell
    them apart."""
    deepest = max((item.relative.count("/") for item in inputs), default=0)
    for depth in range(2, deepest + 3):
        shared = _shared_names(inputs)
        if not shared:
            return inputs
        longer = [last_parts(item.relative, depth) for item in inputs]
        inputs = _renamed(inputs, longer, shared)
    numbered = [f"{item.name}@{item.sha256[:8]}.{item.member or 0}" for item in inputs]
    return _renamed(inputs, numbered, _shared_names(inputs))


def _shared_names(inputs: Sequence[Input]) -> set[str]:
    counts = Counter(item.name for item in inputs)
    return {name for name, count in counts.items() if count > 1}


def _renamed(inputs: Sequence[Input], names: Sequence[str], shared: set[str]) -> list[Input]:
    """The inputs, with new names for those whose name is shared."""
    result = []
    for item, name in zip(inputs, names, strict=True):
        result.append(replace(item, name=name) if item.name in shared else item)
    return result
