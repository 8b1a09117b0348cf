"""Measure how well evaluation items are found: a labelled set made by this script, and three rules.

    python -m scripts.decontamination                 precision and recall, five seeds
    python -m scripts.decontamination --speed         MB/s of one core over 10,000 items

Every text is put together from the phrases in phrases.py. A kind of sentence ("frame") belongs to
one of two halves: rules were chosen on the first alone, and the second is what the tables of
docs/decontamination.md show as kept out.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from math import sqrt

from open_instructions.corpus.contamination.entries import entries_of
from open_instructions.corpus.contamination.hits import found_in
from open_instructions.corpus.contamination.index import index_of
from open_instructions.schema import Message

from .rows import labelled
from .speed import speed


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--tuning", action="store_true", help="only the half for tuning")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threshold", type=float, default=0.6)
    said = parser.parse_args()
    if said.speed:
        speed()
        return
    for half in (0,) if said.tuning else (0, 1):
        measured(range(said.seeds), half, said.threshold)


if __name__ == "__main__":
    main()
