"""Evaluation items, and others that are like them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from open_instructions.corpus.contamination.items import Item

from .phrases import (
    CHINESE,
    CHINESE_NAMES,
    CHINESE_THINGS,
    CONDITIONS,
    ENDINGS,
    MIDDLES,
    NAMES,
    OPENINGS,
    OPTIONS,
    PLACES,
    PROPERTIES,
    SHORT,
    STEMS,
    SUBJECTS,
    THINGS,
)


@dataclass(frozen=True)
class Made:
    """An item, the frame that it was made from, its kind, and how to make another like it."""

    item: Item
    frame: tuple[str, ...]
    kind: str


def numbers(rng: random.Random) -> dict[str, str]:
    return {
        "a": str(rng.randint(40, 990)),
        "b": str(rng.randint(3, 39)),
        "c": str(rng.randint(2, 29)),
    }


def words(rng: random.Random) -> dict[str, str]:
    return {
        "name": rng.choice(NAMES),
        "thing": rng.choice(THINGS),
        "place": rng.choice(PLACES),
        "subject": rng.choice(SUBJECTS),
        "prop": rng.choice(PROPERTIES),
        "x": rng.choice(CONDITIONS),
    }


def in_half(texts: Sequence[str], half: int) -> list[str]:
    """Every second phrase, so that no frame is in both halves."""
    return [text for at, text in enumerate(texts) if at % 2 == half]


def sum_item(rng: random.Random, half: int, frame: tuple[str, ...] | None = None) -> Made:
    frame = frame or tuple(rng.choice(in_half(each, half)) for each in (OPENINGS, MIDDLES, ENDINGS))
    text = " ".join(frame).format(**words(rng), **numbers(rng))
    return Made(Item(text, (), (f"{rng.randint(2, 900)} in all",)), frame, "sum")


def choice_item(rng: random.Random, half: int, frame: tuple[str, ...] | None = None) -> Made:
    frame = frame or (rng.choice(in_half(STEMS, half)),)
    options = tuple(rng.sample(OPTIONS, 4))
    return Made(Item(frame[0].format(**words(rng)), options, (options[1], "B")), frame, "choice")


def short_item(rng: random.Random, half: int, frame: tuple[str, ...] | None = None) -> Made:
    frame = frame or (rng.choice(in_half(SHORT, half)),)
    return Made(Item(frame[0].format(**words(rng), **numbers(rng))), frame, "short")


def large_item(rng: random.Random, half: int, frame: tuple[str, ...] | None = None) -> Made:
    """A sum with figures that can be written with signs between groups of digits."""
    frame = frame or tuple(rng.choice(in_half(each, half)) for each in (OPENINGS, MIDDLES, ENDINGS))
    large = {key: str(rng.randint(1000, 99_999)) for key in "abc"}
    text = " ".join(frame).format(**words(rng), **large)
    return Made(Item(text, (), (f"{rng.randint(2, 900)} in all",)), frame, "large")


def chinese_item(rng: random.Random, half: int, frame: tuple[str, ...] | None = None) -> Made:
    frame = frame or (rng.choice(in_half(CHINESE, half)),)
    said = {"name": rng.choice(CHINESE_NAMES), "thing": rng.choice(CHINESE_THINGS)}
    return Made(Item(frame[0].format(**said, **numbers(rng))), frame, "chinese")


MAKERS: dict[str, Callable[..., Made]] = {
    "sum": sum_item,
    "choice": choice_item,
    "short": short_item,
    "chinese": chinese_item,
    "large": large_item,
}


def evaluation(rng: random.Random, half: int) -> list[Made]:
    """380 distinct items. Frames are used unequally often: some once, some dozens of times."""
    found: dict[str, Made] = {}
    kinds = {"sum": 140, "choice": 120, "short": 30, "chinese": 50, "large": 40}
    for kind, many in kinds.items():
        there = len(found)
        while len(found) < there + many:
            made = MAKERS[kind](rng, half)
            found.setdefault(made.item.whole, made)
    return [
        replace(made, item=replace(made.item, id=f"{at:04d}"))
        for at, made in enumerate(found.values())
    ]
