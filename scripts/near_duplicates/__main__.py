"""How many near duplicates are found, and how many look-alikes are taken for some.

    python -m scripts.near_duplicates                      invented texts, ten seeds
    python -m scripts.near_duplicates --base FILE …        real texts as the base

Makes a labelled set: base rows, an edited copy of a part of them (kinds.COPIES), families of
look-alikes (kinds.FAMILIES), and builds it with `near_duplicates`. A copy is found if it or its
base row is dropped for the other or for another copy of the same base row. Any other drop is
wrong, unless both rows are untouched rows of a real file: those are counted and not judged.
Intervals are Wilson's, 95 %. `--others` also runs datasketch, rensa and datatrove on the same
rows, each if it is installed for the Python that `--python` names.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from .kinds import COPIES, FAMILIES
from .texts import Language, Row, base


class Labelled(NamedTuple):
    """A row with its label: rows of one `group` are copies of each other. `kind` is "" for a base
    row."""

    row: Row
    group: int
    kind: str


def labelled(
    script: str, seed: int, rows: int, files: Sequence[Path], families: tuple[int, int]
) -> list[Labelled]:
    """A set with about that many rows: two thirds are base rows and their copies, the others
    look-alikes in families of that many rows, from and to."""
    rng = random.Random(f"{script} {seed}")
    language = Language(script, rng)
    bases = base(script, rng, rows // 2, files)
    found = [Labelled(row, group, "") for group, row in enumerate(bases)]
    kinds = list(COPIES)
    for group in rng.sample(range(len(bases)), min(len(bases), rows // 5)):
        kind = kinds[group % len(kinds)]
        copy = COPIES[kind][1](bases[group], language, rng)
        if copy != bases[group]:
            found.append(Labelled(copy, group, kind))
    group = len(bases)
    for kind in FAMILIES:
        left = (rows - rows // 2 - rows // 5) // len(FAMILIES)
        while left > 0:
            size = min(left, rng.randint(*families))
            members = dict.fromkeys(islice(FAMILIES[kind][1](language, rng), size))
            for row in members:
                found.append(Labelled(row, group, kind))
                group += 1
            left -= size
    rng.shuffle(found)
    return found


def dropped_by_step(rows: Sequence[Labelled], threshold: float) -> list[tuple[int, int]]:
    """Pairs (row, the one that stays), by place, as a build drops them."""
    import pyarrow.parquet as pq

    from open_instructions import build

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "set.jsonl")
        with path.open("w", encoding="utf-8") as file:
            for place, (row, *_) in enumerate(rows):
                roles = ("user", "assistant") * (len(row.turns) // 2)
                said = [{"role": r, "content": c} for r, c in zip(roles, row.turns, strict=True)]
                file.write(json.dumps({"id": f"r{place}", "messages": said}) + "\n")
        made = build(
            str(path), out=Path(folder, "out"), workers=1, near_duplicates=threshold, max_tokens=0
        )
        found = []
        for shard in sorted((made.path / "rejected").iterdir()):
            for row in pq.read_table(shard).to_pylist():
                if row["other"] and row["stage"] in ("near_duplicates", "duplicates"):
                    pair = (row["conversation_id"], row["other"])
                    found.append((_place(pair[0]), _place(pair[1])))
    return found


def _place(name: str) -> int:
    return int(name.rpartition("/r")[2])


class Score(NamedTuple):
    """Copies found and made, and rows dropped for a row that they are no copy of, by kind."""

    found: Counter[str]
    made: Counter[str]
    wrong: Counter[str]
    unjudged: int


def score(rows: Sequence[Labelled], dropped: Iterable[tuple[int, int]], real: bool) -> Score:
    found: set[int] = set()
    wrong: Counter[str] = Counter()
    unjudged = 0
    for one, other in dropped:
        a, b = rows[one], rows[other]
        if a.group == b.group:
            found.add(a.group)
        elif real and a.kind not in FAMILIES and b.kind not in FAMILIES:
            unjudged += 1
        else:
            wrong[a.kind or b.kind or "base row"] += 1
    made = Counter(row.kind for row in rows if row.kind in COPIES)
    hit = Counter(row.kind for row in rows if row.kind in COPIES and row.group in found)
    return Score(hit, made, wrong, unjudged)


def wilson(hits: int, of: int) -> str:
    """A share with its interval of 95 %.

    >>> wilson(95, 100)
    '0.950 (0.888–0.978)'
    """
    if not of:
        return "none"
    z, p = 1.96, hits / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return f"{p:.3f} ({middle - half:.3f}–{min(middle + half, 1):.3f})"


def told(name: str, scores: Sequence[Score], of: Counter[str], by_kind: bool) -> None:
    found: Counter[str] = sum((s.found for s in scores), Counter())
    made: Counter[str] = sum((s.made for s in scores), Counter())
    wrong: Counter[str] = sum((s.wrong for s in scores), Counter())

    def line(title: str, kinds: set[str], families: set[str]) -> None:
        hits, every = (sum(c[k] for k in kinds) for c in (found, made))
        bad = sum(
            count for kind, count in wrong.items() if kind in families or kind not in FAMILIES
        )
        print(f"{name:24} {title:10} R {wilson(hits, every)}  P {wilson(hits, hits + bad)}")

    line("all", set(COPIES), set(FAMILIES))
    line("kept out", *({k for k, v in kinds.items() if not v[0]} for kinds in (COPIES, FAMILIES)))
    print(f"{'':24} pairs of real rows, not judged: {sum(s.unjudged for s in scores)}")
    if by_kind:
        for kind, (tuned, _) in COPIES.items():
            print(f"    {kind:36} {'tuned' if tuned else '':6} {wilson(found[kind], made[kind])}")
        for kind, (tuned, _) in FAMILIES.items():
            print(f"    {kind:36} {'tuned' if tuned else '':6} {wrong[kind]} of {of[kind]} dropped")
        rest = {kind: count for kind, count in wrong.items() if kind not in FAMILIES}
        print(f"    other wrong drops: {rest}")


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--base", nargs="*", type=Path, default=[])
    given.add_argument("--script", default="latin")
    given.add_argument("--rows", type=int, default=4000)
    given.add_argument("--seeds", type=int, nargs="*", default=[11, 12, 13])
    given.add_argument("--threshold", type=float, default=0.7)
    given.add_argument("--families", type=int, nargs=2, default=(2, 60))
    given.add_argument("--others", nargs="*", default=[])
    given.add_argument("--python", default="python3")
    given.add_argument("--wrong", type=int, default=0, help="show so many wrong drops")
    asked = given.parse_args()
    scores: dict[str, list[Score]] = defaultdict(list)
    of: Counter[str] = Counter()
    for seed in asked.seeds:
        rows = labelled(asked.script, seed, asked.rows, asked.base, tuple(asked.families))
        of.update(row.kind for row in rows)
        pairs = dropped_by_step(rows, asked.threshold)
        scores["near_duplicates"].append(score(rows, pairs, bool(asked.base)))
        for one, other in pairs:
            if asked.wrong and rows[one].group != rows[other].group:
                asked.wrong -= 1
                print(rows[one].kind, "|", rows[other].kind, rows[one].row, rows[other].row)
        for name in asked.others:
            ran = _other(asked.python, name, rows, asked.threshold)
            scores[name].append(score(rows, ran, bool(asked.base)))
    print(f"{sum(of.values()):,} rows, {asked.script}, seeds {asked.seeds}, {asked.base or ''}")
    for name, every in scores.items():
        told(name, every, of, name == "near_duplicates")


def _other(
    python: str, library: str, rows: Sequence[Labelled], threshold: float
) -> list[tuple[int, int]]:
    texts = json.dumps(["\n".join(row.row.turns) for row in rows])
    script = Path(__file__).with_name("others.py")
    ran = subprocess.run(
        [python, str(script), library, str(threshold)],
        input=texts, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [(one, other) for one, other in json.loads(ran.stdout.splitlines()[-1])]


if __name__ == "__main__":
    main()
