"""Measure how well evaluation items are found: a labelled set made by this script, and three rules.

    python scripts/decontamination.py                 precision and recall, five seeds
    python scripts/decontamination.py --speed         MB/s of one core over 10,000 items

Every text is put together from the phrases in this file. A kind of sentence ("frame") belongs to
one of two halves: rules were chosen on the first alone, and the second is what the tables of
docs/decontamination.md show as kept out.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

from open_instructions.corpus.contamination.entries import entries_of
from open_instructions.corpus.contamination.hits import found_in
from open_instructions.corpus.contamination.index import index_of
from open_instructions.corpus.contamination.items import Item
from open_instructions.corpus.contamination.scan import scan
from open_instructions.schema import Message

NAMES = (
    "Amara", "Bjorn", "Chiara", "Dmitri", "Esra", "Farid", "Greta", "Hamid", "Ines", "Jovan",
    "Kenji", "Leila", "Mateo", "Noor",
)  # fmt: skip
THINGS = (
    "lanterns", "saddles", "kettles", "violins", "ladders", "tulips", "candles", "barrels",
    "compasses", "blankets", "whistles", "anvils", "teapots", "rakes", "buckets", "mirrors",
    "cushions", "trumpets", "hammocks", "padlocks",
)  # fmt: skip
PLACES = (
    "harbour", "orchard", "quarry", "library", "station", "bakery", "workshop", "greenhouse",
    "theatre", "mill",
)  # fmt: skip
OPENINGS = (
    "{name} keeps {a} {thing} in a shed behind the {place}.",
    "At the {place}, a cart arrives with {a} {thing} before noon.",
    "A club orders {a} {thing} so that the {place} can reopen in spring.",
    "When the {place} was sold, {name} inherited {a} {thing}.",
    "There are {a} {thing} on the long shelf of the {place}.",
    "{name} counts {a} {thing} after the storm has passed over the {place}.",
    "For the fair, the {place} lends {name} a total of {a} {thing}.",
    "Last winter {name} repaired {a} {thing} and stored them near the {place}.",
)
MIDDLES = (
    "Every week {b} of them are given away, and {c} new ones come back by boat.",
    "A neighbour borrows {b}, breaks {c} and pays for the broken ones in coins.",
    "Of these, {b} are painted green while {c} are left without any paint.",
    "Then {b} more are bought at a price of {c} crowns for each one.",
    "Half of the visitors take {b} apiece, but {c} visitors take nothing at all.",
    "Because of rust, {b} must be thrown out and {c} need a second coat of oil.",
    "On Monday {b} are sold, and on Tuesday {c} times as many leave the shop.",
    "The children hide {b} under the stairs and forget {c} in the garden.",
)
ENDINGS = (
    "How many {thing} are left when the week is over?",
    "What is the smallest number of boxes that holds all of the {thing}?",
    "How many crowns does {name} earn if each one brings four?",
    "By how much does the stock of {thing} change over two such weeks?",
    "What share of the {thing} is still at the {place}?",
    "How many {thing} would each of three friends receive?",
)
SUBJECTS = (
    "tidal basins", "copper alloys", "river deltas", "woollen fabrics", "stone arches",
    "glacial lakes", "printing presses", "medieval guilds", "reed instruments", "coral islands",
    "steam engines", "desert shrubs", "grain markets", "optical lenses", "paper mills",
)  # fmt: skip
PROPERTIES = (
    "lose heat slowly", "resist salt water", "carry weight evenly", "attract small insects",
    "bend without breaking", "reflect red light", "store moisture", "grow in thin layers",
    "divide a current", "require shared labour", "change with the season", "absorb loud sounds",
)  # fmt: skip
STEMS = (
    "Which of the following best explains why {subject} tend to {prop} after a long period of {x}?",
    "A researcher who studies {subject} in the north notices that they {prop}. What follows "
    "about their {x}?",
    "In the usual account of {subject}, what is the main reason that they {prop} under {x}?",
    "Suppose that {subject} could no longer {prop}. Which change in {x} would be seen first?",
    "Which statement about {subject} is consistent with the claim that they {prop} during {x}?",
    "According to the theory of {x}, at what point do {subject} begin to {prop}?",
)
CONDITIONS = (
    "steady rainfall", "rapid trade", "low pressure", "uneven wear", "public neglect",
    "strong sunlight", "repeated freezing", "sudden expansion", "careful pruning", "open conflict",
)  # fmt: skip
OPTIONS = (
    "the outer layer hardens first", "demand falls in small towns", "the pressure is equalised",
    "no single cause is enough", "older parts are replaced", "the effect is reversed at night",
    "costs rise faster than income", "the surface becomes rough", "both ends move together",
    "the process starts again", "it depends on the depth", "neighbours copy the method",
)  # fmt: skip
SHORT = (
    "Who designed the {thing} of the {place}?",
    "When did {name} open the {place}?",
    "How heavy are {a} {thing}?",
    "Where does {name} keep {thing}?",
)
BOILERPLATE = (
    "Answer the following question as well as you can, and explain every step of your reasoning.",
    "Which of the following statements is correct? Choose one option and give a short reason.",
    "You are a helpful assistant. Read the text below carefully and answer the question at its "
    "end.",
    "Solve the problem step by step. Write the final result on a line of its own after the word "
    "Answer.",
)
FILLER = (
    "The path follows the ridge for an hour before it drops to the water.",
    "Most letters were answered within a month, and a few were never answered.",
    "She preferred the older edition, with its wide margins and plain cover.",
    "Nobody had expected the second bell, so the hall stayed half empty.",
    "It takes patience to tune the strings when the air is this dry.",
    "They agreed to meet again once the accounts had been checked.",
    "A thin layer of frost made the roof look newly painted.",
    "The recipe calls for less sugar than most people would use.",
)
CHINESE_THINGS = ["灯笼", "茶壶", "木桶", "风筝", "瓷碗", "竹篮", "毛毯", "铜镜", "纸伞", "木梳"]
CHINESE_NAMES = ["小林", "阿珍", "老周", "小梅", "大勇", "玉兰"]
CHINESE = (
    "{name}的仓库里有{a}个{thing}，每天卖出{b}个，又送来{c}个，一周以后仓库里还剩下多少个？",
    "集市上{name}用{a}元买了{b}个{thing}，后来以每个{c}元的价格全部卖掉，她一共赚了多少元？",
    "{name}把{a}个{thing}平均放进{b}个箱子，路上摔坏了{c}个，最后每个箱子里最多有几个完好的？",
    "为了准备庙会，{name}借来{a}个{thing}，其中{b}个漏水，{c}个没有盖子，可以使用的有几个？",
)


@dataclass(frozen=True)
class Made:
    """An item, the frame that it was made from, its kind, and how to make another like it."""

    item: Item
    frame: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class Row:
    """A conversation of the labelled set: what it was made as, and whether an item is in it."""

    kind: str
    item: str
    messages: tuple[tuple[str, str], ...]
    contaminated: bool


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


def chinese_item(rng: random.Random, half: int, frame: tuple[str, ...] | None = None) -> Made:
    frame = frame or (rng.choice(in_half(CHINESE, half)),)
    said = {"name": rng.choice(CHINESE_NAMES), "thing": rng.choice(CHINESE_THINGS)}
    return Made(Item(frame[0].format(**said, **numbers(rng))), frame, "chinese")


MAKERS: dict[str, Callable[..., Made]] = {
    "sum": sum_item,
    "choice": choice_item,
    "short": short_item,
    "chinese": chinese_item,
}


def evaluation(rng: random.Random, half: int) -> list[Made]:
    """340 distinct items. Frames are used unequally often: some once, some dozens of times."""
    found: dict[str, Made] = {}
    for kind, many in (("sum", 140), ("choice", 120), ("short", 30), ("chinese", 50)):
        there = len(found)
        while len(found) < there + many:
            made = MAKERS[kind](rng, half)
            found.setdefault(made.item.whole, made)
    items = list(found.values())
    return [
        Made(
            Item(m.item.question, m.item.options, m.item.answers, "", f"{at:04d}"), m.frame, m.kind
        )
        for at, m in enumerate(items)
    ]


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
        if made.kind == "sum":
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
    rows += [Row(kind, "", messages, False) for kind, messages in clean(items, rng, half)]
    return items, rows


def measured(seeds: Sequence[int], half: int, threshold: float) -> None:
    """Print what each rule finds: by kind of row, and in all."""
    rules = ("ours", "tulu3", "any 13")
    right: dict[str, Counter[tuple[str, bool]]] = {rule: Counter() for rule in rules}
    every: Counter[tuple[str, bool]] = Counter()
    exact = Counter[str]()
    for seed in seeds:
        items, rows = labelled(seed, half)
        index = index_of(entries_of("made", [made.item for made in items]))
        names = index.names_of_items()
        talks = [[Message(role, text) for role, text in row.messages] for row in rows]
        for row, found in zip(rows, found_in(talks, index, threshold), strict=True):
            said = dict(zip(rules, (found.hits, found.eights, found.thirteen), strict=True))
            every[row.kind, row.contaminated] += 1
            for rule, hits in said.items():
                right[rule][row.kind, row.contaminated] += bool(hits)
            if row.contaminated and found.hits:
                exact["named"] += f"made/{row.item}" in {names[hit.item] for hit in found.hits}
                exact["all"] += 1
    print(f"\n{'frames that were kept out' if half else 'frames for tuning'}, seeds {list(seeds)}")
    print(f"{'':38}{'rows':>7}" + "".join(f"{rule:>10}" for rule in rules))
    for kind, there in sorted(every, key=lambda each: (not each[1], each[0])):
        shares = "".join(f"{right[r][kind, there] / every[kind, there]:>10.3f}" for r in rules)
        print(f"{'has' if there else 'not':>4} {kind:33}{every[kind, there]:>7}{shares}")
    for rule in rules:
        hit = sum(n for (_, there), n in right[rule].items() if there)
        wrong = sum(n for (_, there), n in right[rule].items() if not there)
        total = sum(n for (_, there), n in every.items() if there)
        print(f"{rule:8} recall {_share(hit, total)}  precision {_share(hit, hit + wrong)}")
    print(f"the item that was planted is among those named: {exact['named']} of {exact['all']}")


def _share(part: int, of: int) -> str:
    """A share with its 95 % interval by Wilson."""
    if not of:
        return "none"
    p, z = part / of, 1.96
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    width = z * sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return f"{p:.3f} ({middle - width:.3f} to {middle + width:.3f})"


def speed() -> None:
    """Print how fast one core looks for 10,000 items."""
    rng = random.Random(0)
    distinct: dict[str, Item] = {}
    while len(distinct) < 10_000:
        made = MAKERS[rng.choice(["sum", "sum", "choice", "chinese"])](rng, len(distinct) % 2)
        distinct.setdefault(made.item.whole, made.item)
    items = [
        Item(i.question, i.options, i.answers, "", str(at))
        for at, i in enumerate(distinct.values())
    ]
    start = time.process_time()
    index = index_of(entries_of("made", items))
    built = time.process_time() - start
    print(f"{len(items):,} items, {len(index.fives.grams):,} 5-grams, index in {built:.1f} s")
    for share in (0.1, 1.0):
        texts = []
        for _ in range(24_000):
            text = filler(rng, rng.randint(8, 24))
            if rng.random() < share:
                text += MAKERS[rng.choice(["sum", "choice"])](rng, rng.randint(0, 1)).item.whole
            texts.append(text)
        size = sum(len(text.encode()) for text in texts)
        start = time.process_time()
        hits = 0
        for at in range(0, len(texts), 1000):
            hits += len(scan(texts[at : at + 1000], index, 0.6).hits.text)
        spent = time.process_time() - start
        print(
            f"{share:4.0%} of texts from the items' frames: {size / 1e6:.1f} MB in {spent:.2f} CPU "
            f"s, {size / 1e6 / spent:.1f} MB/s, {hits:,} hits"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threshold", type=float, default=0.6)
    said = parser.parse_args()
    if said.speed:
        speed()
        return
    for half in (0, 1):
        measured(range(said.seeds), half, said.threshold)


if __name__ == "__main__":
    main()
