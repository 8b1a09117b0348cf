"""Run FastChat's real cleaning scripts and the vicuna recipe on the same file, and put every
difference into a class.

    python scripts/compare_fastchat.py RAW.json --fastchat PYTHON --tokenizer FOLDER --work FOLDER

RAW.json is a file in the layout of sg_90k_part1.json, PYTHON the interpreter of an environment with
fschat 0.2.36 and what its scripts need (markdownify 0.11.6, polyglot, pycld2, PyICU, transformers),
FOLDER a tokenizer as transformers saves it: both sides count with it. What FastChat's scripts wrote
is kept in the work folder and taken from there the next time. A pair is a human turn with the gpt
turn right behind it, found by its place in its record.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from fastchat_steps import LIMIT, commands
from rich.console import Console
from rich.table import Table

from open_instructions import build, recipe
from open_instructions.tokens import tokenizer

Pair = tuple[int, int]
"""A record's row in the file and the place of the human turn in it."""

BLOCKED = ("openai", "chatgpt")


def run_fastchat(python: str, raw: Path, folder: Path, tokens: str) -> None:
    """Its three scripts, as they are; each only where its result is not there yet."""
    for module, target, command in commands(python, raw, folder, tokens):
        if not target.exists():
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            (folder / f"{module}.log").write_text(done.stdout)


class FastChat:
    """What its scripts kept, and why they dropped the rest."""

    def __init__(self, folder: Path, records: list[dict[str, Any]]) -> None:
        self.rows: dict[str, int] = {}
        for row, record in enumerate(
            records
        ):  # an id that stands twice is once empty: the full record is meant
            if record["id"] not in self.rows or record["conversations"]:
                self.rows[record["id"]] = row
        cleaned, kept_language, parts = (
            json.loads((folder / f"{name}.json").read_text())
            for name in ("clean", "language", "split")
        )
        self.why: dict[str, str] = dict(
            re.findall(
                r"id (\S+) (is too short|has a wrong format|contains blocked words|contains parser"
                r" errors|is an id duplication|is a value duplication)",
                (folder / "clean_sharegpt.log").read_text(),
            )
        )
        starts = {
            name: int(
                records[row]["conversations"][:1] != []
                and records[row]["conversations"][0]["from"] != "human"
            )
            for name, row in self.rows.items()
        }
        self.cleaned = {
            self._pair(r["id"], starts, at): None
            for r in cleaned
            for at in range(0, len(r["conversations"]), 2)
        }
        self.language = {
            self._pair(r["id"], starts, at)
            for r in kept_language
            for at in range(0, len(r["conversations"]), 2)
        }
        self.split: set[Pair] = set()
        self.parts: list[list[str]] = []
        self.users: dict[Pair, str] = {}
        for part in parts:
            name, _, start = part["id"].rpartition("_")
            for at in range(0, len(part["conversations"]), 2):
                pair = self._pair(name, starts, int(start) + at)
                self.split.add(pair)
                self.users[pair] = part["conversations"][at]["value"]
            self.parts.append([turn["value"] for turn in part["conversations"]])

    def _pair(self, name: str, starts: dict[str, int], at: int) -> Pair:
        return self.rows[name], starts[name] + at

    def fate(self, pair: Pair, name: str) -> str:
        if pair in self.split:
            return "kept"
        if pair in self.language:
            return "split"
        if pair in self.cleaned:
            return "language"
        return self.why.get(name, "behind an empty turn")


class Ours:
    """What the vicuna recipe kept, and why it rejected the rest."""

    def __init__(self, out: Path, records: list[dict[str, Any]]) -> None:
        self.kept: dict[Pair, str] = {}
        self.records: dict[int, str] = {}
        self.turns: dict[Pair, str] = {}
        self.parts = 0
        at: dict[int, int] = defaultdict(int)
        for row in self._rows(out, "data"):
            self.parts += 1
            users = [m["content"] for m in row["messages"] if m["role"] == "user"]
            origin = row["origin_row"]
            for text in users:
                place = next(
                    i
                    for i in range(at[origin], 10**9)
                    if records[origin]["conversations"][i]["value"].endswith(text)
                )
                self.kept[origin, place] = text
                at[origin] = place + 1
        for row in self._rows(out, "rejected"):
            if row["level"] == "record":
                self.records[row["origin_row"]] = row["reason"]
            else:
                for place, turn in enumerate(records[row["origin_row"]]["conversations"]):
                    here = (row["origin_row"], place)
                    answers_kept = (
                        turn["from"] != "human" and (row["origin_row"], place - 1) in self.kept
                    )
                    free = here not in self.turns and here not in self.kept and not answers_kept
                    if turn["value"] == row["raw"] and free:
                        self.turns[here] = row["reason"]
                        break

    @staticmethod
    def _rows(out: Path, kind: str) -> Iterator[dict[str, Any]]:
        for file in sorted((out / kind).glob("*.parquet")):
            for batch in pq.ParquetFile(file).iter_batches():
                yield from batch.to_pylist()

    def fate(self, pair: Pair) -> str:
        if pair in self.kept:
            return "kept"
        row, place = pair
        return (
            self.records.get(row)
            or self.turns.get((row, place + 1))
            or self.turns.get((row, place))
            or "unknown"
        )


def blocked(turns: list[dict[str, str]]) -> str:
    """Where in a record FastChat found its blocked word."""
    answers = [
        t["value"]
        for t in turns
        if t["from"] != "human" and any(w in t["value"].lower() for w in BLOCKED)
    ]
    if not answers:
        return "a blocked word in a prompt only"
    words = re.compile(r"(?<!\w)(openai|chatgpt)(?!\w)", re.I)
    return (
        "a blocked word in code, an address or markup only"
        if any(words.search(a) for a in answers)
        else "a blocked word inside another word"
    )


def kind(theirs: str, ours: str, turns: list[dict[str, str]]) -> str:
    """The class of a pair."""
    if theirs == ours == "kept":
        return "kept by both"
    if ours == "kept":
        return (
            "kept here: "
            + {
                "split": "lost by its splitter",
                "language": "Korean to its detector",
                "behind an empty turn": "behind an empty turn, where it stops reading",
                "is a value duplication": "begins as another conversation does, and is another",
                "has a wrong format": "in a record with a turn out of place",
                "is too short": "in a record that an empty turn leaves too short",
                "contains parser errors": "in a record that its HTML parser refuses",
                "is an id duplication": "in a record whose id stands twice",
                "contains blocked words": blocked(turns),
            }[theirs]
        )
    if theirs == "kept":
        return "dropped here: " + {
            "overlong": "a pair over the limit, which it keeps",
            "duplicate": "a copy of a conversation that it dropped for another reason",
            "language": "Korean to our detector",
            "service_message": "a message of the service",
            "placeholder": "a placeholder of the page",
        }.get(ours, ours)
    return "dropped by both"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("raw", type=Path)
    parser.add_argument("--fastchat", required=True, help="the interpreter that has fschat")
    parser.add_argument(
        "--tokenizer", required=True, help="a folder with tokenizer.json and tokenizer_config.json"
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--show", help="print pairs of the class that begins so")
    options = parser.parse_args()
    options.work.mkdir(exist_ok=True)
    data = options.work / "data"
    data.mkdir(exist_ok=True)
    link = data / "sg_90k_part1.json"
    if not link.exists():
        link.symlink_to(options.raw.resolve())
    run_fastchat(options.fastchat, options.raw.resolve(), options.work, options.tokenizer)
    chosen = replace(recipe.load("vicuna"), tokenizer=options.tokenizer)
    result = build(
        "sharegpt:raw", data_dir=data, recipe=chosen, out=options.work / "ours", overwrite=True
    )
    records = json.loads(options.raw.read_text())
    theirs, ours = FastChat(options.work, records), Ours(result.path, records)

    classes: Counter[str] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    for row, record in enumerate(records):
        turns = record["conversations"]
        for at in range(len(turns) - 1):
            if turns[at]["from"] != "human" or turns[at + 1]["from"] != "gpt":
                continue
            fates = theirs.fate((row, at), record["id"]), ours.fate((row, at))
            name = kind(*fates, turns)
            classes[name] += 1
            if name == "dropped by both":
                reasons[fates] += 1
            if options.show and name.startswith(options.show):
                print(
                    json.dumps(
                        [
                            name,
                            record["id"],
                            at,
                            fates,
                            turns[at]["value"][:100],
                            turns[at + 1]["value"][:100],
                        ],
                        ensure_ascii=False,
                    )
                )
    count = tokenizer(options.tokenizer).count
    sizes = [sum(count(text) + 7 for text in part) for part in theirs.parts]
    changed = sum(
        theirs.users[pair].strip() != text.strip()
        for pair, text in ours.kept.items()
        if pair in theirs.users
    )
    both = classes["kept by both"]

    table = Table(title=f"{sum(classes.values()):,} pairs of {len(records):,} records")
    table.add_column("class")
    table.add_column("pairs", justify="right")
    for name, number in classes.most_common():
        table.add_row(name, f"{number:,}")
    for (their_reason, our_reason), number in reasons.most_common():
        table.add_row(f"  dropped by both: {their_reason} / {our_reason}", f"{number:,}")
    console = Console(width=120)
    console.print(table)
    console.print(
        f"FastChat's splitter: {len(theirs.language):,} pairs in,"
        f" {len(theirs.language - theirs.split):,} lost; {sum(s > LIMIT for s in sizes):,} of"
        f" {len(sizes):,} samples over {LIMIT} tokens, the longest {max(sizes):,}"
    )
    console.print(
        f"Open Instructions: {len(ours.kept):,} pairs in {ours.parts:,} rows, none over the limit"
    )
    console.print(
        f"Human turns that FastChat changed beyond white space at the ends, of the {both:,} pairs"
        f" that both keep: {changed:,}"
    )


if __name__ == "__main__":
    main()
