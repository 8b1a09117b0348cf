"""Conversations that have an item, and conversations that only look as if they had one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .items import MAKERS, Made, evaluation
from .phrases import BOILERPLATE, FILLER


@dataclass(frozen=True)
class Row:
    """A conversation of the labelled set: what it was made as, and whether an item is in it."""

    kind: str
    item: str
    messages: tuple[tuple[str, str], ...]
    contaminated: bool


def reworded(text: str, rng: random.Random, share: float) -> str:
    """The text with a share of its words (or characters, in Chinese) replaced, figures kept."""
    spaced = " " in text
    parts = text.split(" ") if spaced else list(text)
    free = [at for at, part in enumerate(parts) if part.isalpha()]
    for at in rng.sample(free, max(1, round(share * len(free)))):
        parts[at] = rng.choice(["quite", "older", "nearby", "common"]) if spaced else "某"
    return (" " if spaced else "").join(parts)


def filler(rng: random.Random, many: int) -> str:
    return " ".join(rng.choice(FILLER) for _ in range(many))


def planted(made: Made, rng: random.Random) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Rows that have an item, by kind."""
    item = made.item
    answer = item.answers[0] if item.answers else "That is not recorded."

    def asked(text: str) -> tuple[tuple[str, str], ...]:
        return ("user", text), ("assistant", answer)

    if made.kind == "short":
        yield "whole turn", asked(item.question)
        yield "whole turn, other marks", asked(item.question.upper().rstrip("?") + " ??")
        return
    if made.kind == "large":
        yield "signs in figures", asked(grouped(item.question, rng))
        return
    yield "whole turn", asked(item.whole)
    yield "in a long prompt", asked(f"{rng.choice(BOILERPLATE)}\n{filler(rng, 6)}\n{item.whole}")
    yield "other marks and case", asked(item.whole.upper().replace(",", " ;"))
    yield "3 % of words replaced", asked(reworded(item.question, rng, 0.03))
    yield "8 % of words replaced", asked(reworded(item.question, rng, 0.08))
    yield (
        "said by the assistant",
        (
            ("user", "Write a test question with its answer."),
            ("assistant", f"{item.question}\n{answer}"),
        ),
    )
    if item.options:
        yield "stem without options", asked(item.question)
        shuffled = rng.sample(item.options, len(item.options))
        marked = "\n".join(f"({at}) {text}" for at, text in enumerate(shuffled, 1))
        yield "options in another order", asked(f"{item.question}\n{marked}")


def written_otherwise(
    made: Made, rng: random.Random
) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """More rows that have an item: in two messages, and in other characters."""
    item = made.item
    answer = item.answers[0] if item.answers else "That is not recorded."
    if made.kind in ("short", "large"):
        return
    one, other = halves(item.whole, rng)
    yield (
        "cut into two messages",
        (("user", one), ("assistant", "Go on."), ("user", other), ("assistant", answer)),
    )
    one, other = halves(item.whole, rng)
    yield (
        "cut into system prompt and message",
        (("system", one), ("user", other), ("assistant", answer)),
    )
    yield "letters that look like others", (("user", lettered(item.whole)), ("assistant", answer))
    if made.kind != "choice":
        text = item.question.translate(rng.choice((FULL_WIDTH, ARABIC)))
        yield "digits of another script", (("user", text), ("assistant", answer))


FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_CYRILLIC = str.maketrans("aeopcxyABEKMHOPCTX", "аеорсхуАВЕКМНОРСТХ")


def lettered(text: str) -> str:
    """The text with Cyrillic letters for those that look like them."""
    return text.translate(_CYRILLIC)


def grouped(text: str, rng: random.Random) -> str:
    """The text with signs in its figures of four and five digits."""
    sign = rng.choice(",  ’")
    parts = text.split(" ")
    return " ".join(f"{part[:-3]}{sign}{part[-3:]}" if part.isdigit() else part for part in parts)


def halves(text: str, rng: random.Random) -> tuple[str, str]:
    """The text in two, cut near its middle: between words, or between Chinese characters."""
    spaced = " " in text
    parts = text.split(" ") if spaced else list(text)
    at = round(rng.uniform(0.4, 0.6) * len(parts))
    while parts[at - 1].isdigit() and parts[at].isdigit():  # not within a figure
        at += 1
    sign = " " if spaced else ""
    return sign.join(parts[:at]), sign.join(parts[at:])


def clean(
    items: Sequence[Made], rng: random.Random, half: int
) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Rows that have no item and look as if they had."""
    texts = {made.item.question for made in items}
    for made in items:
        other = MAKERS[made.kind](rng, half, made.frame)
        kind = "same frame, other figures and names"
        if other.item.question not in texts:
            yield kind, (("user", other.item.whole), ("assistant", "12"))
        if made.kind in ("sum", "large"):
            said = other_figures(made.item.question, rng)
            if said not in texts:
                yield "same words, other figures", (("user", said), ("assistant", "12"))
        if made.kind == "short":
            text = f"{filler(rng, 1)} As a child I asked: {made.item.question} {filler(rng, 2)}"
            yield "quotes a short item", (("user", text), ("assistant", "I see."))
        if made.item.options:
            text = f"{rng.choice(BOILERPLATE)} " + " ".join(f"{o}." for o in made.item.options[:2])
            yield "boilerplate and options", (("user", text), ("assistant", made.item.options[1]))
    for _ in range(400):
        text = f"{rng.choice(BOILERPLATE)} {filler(rng, 4)}"
        yield "boilerplate and prose", (("user", text), ("assistant", filler(rng, 2)))


def clean_in_two(
    items: Sequence[Made], rng: random.Random, half: int
) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Rows without an item that say things like one in two messages."""
    texts = {made.item.question for made in items}
    for made in items:
        if made.kind == "short":
            continue
        one, other = (MAKERS[made.kind](rng, half, made.frame).item for _ in range(2))
        if texts.isdisjoint((one.question, other.question)):
            yield (
                "the same frame twice, in two messages",
                (
                    ("user", one.whole),
                    ("assistant", "12"),
                    ("user", other.whole),
                    ("assistant", "7"),
                ),
            )
        said = other_figures(made.item.question, rng)
        if made.kind in ("sum", "large") and said not in texts:
            first, second = halves(said, rng)
            yield (
                "other figures, in two messages",
                (
                    ("user", first),
                    ("assistant", "Go on."),
                    ("user", second),
                    ("assistant", "12"),
                ),
            )


def other_figures(text: str, rng: random.Random) -> str:
    """The same text with one figure changed."""
    parts = text.split(" ")
    at = rng.choice([at for at, part in enumerate(parts) if part.isdigit()] or [0])
    if parts[at].isdigit():
        parts[at] = str(int(parts[at]) + rng.randint(1, 9))
    return " ".join(parts)


def labelled(seed: int, half: int) -> tuple[list[Made], list[Row]]:
    rng = random.Random(f"{seed}/{half}")
    items = evaluation(rng, half)
    rows = [
        Row(kind, made.item.id, messages, True)
        for made in items
        for kind, messages in planted(made, rng)
    ]
    rows += [
        Row(kind, made.item.id, messages, True)
        for made in items
        for kind, messages in written_otherwise(made, rng)
    ]
    for without in (clean, clean_in_two):
        rows += [Row(kind, "", messages, False) for kind, messages in without(items, rng, half)]
    return items, rows
