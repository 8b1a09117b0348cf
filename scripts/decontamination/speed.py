"""How fast items are looked for."""

from __future__ import annotations

import random
import time

from open_instructions.corpus.contamination.entries import entries_of
from open_instructions.corpus.contamination.index import index_of
from open_instructions.corpus.contamination.items import Item
from open_instructions.corpus.contamination.scan import scan

from .items import MAKERS
from .rows import filler


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
