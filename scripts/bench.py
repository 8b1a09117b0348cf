"""How long whole builds take and how much memory they need, beside FastChat and beside the floor of
the calls underneath.

    python scripts/bench.py html RAW.json --fastchat PYTHON --tokenizer FOLDER   the vicuna recipe on raw ChatGPT HTML
    python scripts/bench.py small --records 1300000                              many small records of four shapes
    python scripts/bench.py merge --records 4000000                              duplicates and ids among so many conversations

Whole processes: seconds from start to end, the median of --runs, and the peak of the memory of all
processes together (PSS, sampled in a run of its own). RAW.json is in the layout of
sg_90k_part1.json. FastChat runs its clean_sharegpt, optional_clean and split_long_conversation as
they are. `--times 10` measures the same records ten times over under new ids as well.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastchat_steps import commands

from open_instructions.recipe import load
from open_instructions.stages.html import to_markdown
from open_instructions.stages.language import detect_all, prior
from open_instructions.stages.language.votes import words
from open_instructions.tokens import tokenizer

OI = [sys.executable, "-c", "from open_instructions.cli import run; run()"]


def memory(group: int) -> int:
    """MB of all processes of a group: what is theirs alone, and their share of what several have."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int((folder / "stat").read_text().rpartition(")")[2].split()[2]) == group:
                line = next(
                    x
                    for x in (folder / "smaps_rollup").read_text().splitlines()
                    if x.startswith("Pss:")
                )
                total += int(line.split()[1])
        except (OSError, StopIteration, IndexError):
            continue  # it ended while it was looked at
    return total // 1024


def run(command: Sequence[str], *, measure: bool, **options: Any) -> tuple[float, int]:
    """Seconds of a process, or with `measure` the peak MB of it and its children as well: to look
    takes time of a core that they need."""
    os.sync()  # what ran before leaves nothing to be written meanwhile
    started, peak = time.monotonic(), 0
    process = subprocess.Popen(
        command,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        **options,
    )
    while measure and process.poll() is None:
        peak = max(peak, memory(process.pid))
        time.sleep(0.05)
    if process.wait():
        sys.exit(f"{command}: {process.stderr.read().decode()[-2000:] if process.stderr else ''}")
    return time.monotonic() - started, peak


def build(
    data: Path, source: str, recipe: str, workers: int, *, measure: bool = False
) -> tuple[float, int]:
    """Seconds of a build from nothing; with `measure` the peak memory too."""
    with tempfile.TemporaryDirectory(dir=data.parent) as folder:
        flags = [
            "build",
            "-s",
            source,
            "-d",
            str(data),
            "-r",
            recipe,
            "-o",
            f"{folder}/out",
            "--workers",
            str(workers),
        ]
        return run([*OI, *flags], measure=measure, env=os.environ | {"OI_HOME": f"{folder}/home"})


def fastchat(
    python: str, raw: Path, tokens: str, folder: Path, *, measure: bool = False
) -> tuple[float, int]:
    """Seconds of its three scripts, one after the other; with `measure` the peak memory of the
    largest."""
    results = [
        run(command, measure=measure) for _, _, command in commands(python, raw, folder, tokens)
    ]
    print("FastChat:", " + ".join(f"{seconds:.1f}" for seconds, _ in results), "s")
    return sum(seconds for seconds, _ in results), max(peak for _, peak in results)


def floor(raw: Path, out: Path) -> float:
    """Seconds of the calls underneath alone, on the same text, one after the other in one process."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from open_instructions.schema import Conversation, Message

    text = raw.read_text(encoding="utf-8")
    tokenizer(load("vicuna").tokenizer).count("warm")
    detect_all(["warm"], prior())
    marks: dict[str, float] = {}
    started = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal started
        marks[name] = time.perf_counter() - started
        started = time.perf_counter()

    records = json.loads(text)
    lap("parse")
    talks = [
        [
            (t["from"], to_markdown(t["value"]) if t["value"].startswith("<div") else t["value"])
            for t in r["conversations"]
        ]
        for r in records
    ]
    lap("convert")
    given = []
    for talk in talks:
        messages = tuple(
            Message("user" if i % 2 == 0 else "assistant", text if text.strip("\u200b \n") else ".")
            for i, (_, text) in enumerate(talk[: len(talk) // 2 * 2])
        )
        given.append(words(Conversation("x", "x", "x", messages)) if messages else "")
    for at in range(0, len(given), 200):
        detect_all(given[at : at + 200], prior())
    lap("detect")
    count = tokenizer(load("vicuna").tokenizer).count
    for talk in talks:
        for _, text in talk:
            count(text)
    lap("count")
    table = pa.table(
        {"messages": [[{"role": role, "content": text} for role, text in talk] for talk in talks]}
    )
    pq.write_table(table, out, compression="zstd")
    lap("write")
    print("floor:", ", ".join(f"{name} {seconds:.2f} s" for name, seconds in marks.items()))
    return sum(marks.values())


def repeated(raw: Path, out: Path, times: int) -> None:
    """The same records several times over, under new ids and with other first words, so that none
    is a duplicate."""
    records = json.loads(raw.read_text(encoding="utf-8"))
    with out.open("w", encoding="utf-8") as file:
        file.write("[")
        for n in range(times):
            for at, record in enumerate(records):
                turns = [
                    {**t, "value": f"({n}) {t['value']}"} if t["from"] == "human" else t
                    for t in record["conversations"]
                ]
                file.write(
                    ("," if n or at else "")
                    + json.dumps(
                        {"id": f"{record['id']}x{n}", "conversations": turns}, ensure_ascii=False
                    )
                )
        file.write("]")


def html(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        data = Path(folder) / "data"
        data.mkdir()
        (data / "sg_90k_part1.json").symlink_to(options.raw.resolve())
        took: dict[str, list[float]] = {"1": [], "2": [], "FastChat": [], "floor": []}
        for _ in range(
            options.runs
        ):  # in turn: this kind of machine changes its speed between one minute and the next
            for workers in (1, 2):
                took[str(workers)].append(build(data, "sharegpt:raw", "vicuna", workers)[0])
            took["floor"].append(floor(options.raw, Path(folder) / "floor.parquet"))
            if options.fastchat:
                took["FastChat"].append(
                    fastchat(options.fastchat, options.raw, options.tokenizer, Path(folder))[0]
                )
        for workers in (1, 2):
            peak = build(data, "sharegpt:raw", "vicuna", workers, measure=True)[1]
            print(
                f"oi build --recipe vicuna, {workers} workers: {statistics.median(took[str(workers)]):.1f} s, peak {peak} MB"
            )
        print(f"two workers: {_ratio(took['1'], took['2']):.2f} times one")
        print(
            f"floor: {statistics.median(took['floor']):.1f} s; one worker takes {_ratio(took['1'], took['floor']):.2f} times that"
        )
        if options.fastchat:
            peak = fastchat(
                options.fastchat, options.raw, options.tokenizer, Path(folder), measure=True
            )[1]
            median = statistics.median(took["FastChat"])
            print(
                f"FastChat: {median:.1f} s, peak {peak} MB; two workers are {_ratio(took['FastChat'], took['2']):.1f} times as fast"
            )
        if options.times > 1:
            (data / "sg_90k_part1.json").unlink()
            repeated(options.raw, data / "sg_90k_part1.json", options.times)
            seconds, peak = build(data, "sharegpt:raw", "vicuna", 2, measure=True)
            print(f"{options.times} times the input, 2 workers: {seconds:.1f} s, peak {peak} MB")


def _ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios of runs that stood side by side."""
    return statistics.median(a / b for a, b in zip(ours, others, strict=True))


def small(options: argparse.Namespace) -> None:
    rng = random.Random(5)
    vocabulary = ["".join(rng.choices("etaoinshrdlu", k=rng.randrange(2, 9))) for _ in range(3000)]

    def text(few: int, many: int) -> str:
        return " ".join(rng.choices(vocabulary, k=rng.randrange(few, many))).capitalize() + "."

    each = options.records // 4
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        data = Path(folder) / "data"
        (data / "tasks").mkdir(parents=True)
        alpaca = (
            {
                "instruction": text(5, 15),
                "input": text(5, 20) if rng.random() < 0.4 else "",
                "output": text(10, 60),
            }
            for _ in range(each)
        )
        (data / "alpaca_data.json").write_text("[\n" + ",\n".join(map(json.dumps, alpaca)) + "\n]")
        dolly = (
            {
                "instruction": text(5, 20),
                "context": "",
                "response": text(10, 60),
                "category": "open_qa",
            }
            for _ in range(each)
        )
        (data / "databricks-dolly-15k.jsonl").write_text("\n".join(map(json.dumps, dolly)) + "\n")
        gpt4all = (
            {"prompt": text(10, 40), "response": text(20, 80), "source": "unified_chip2"}
            for _ in range(each)
        )
        (data / "data.jsonl").write_text("\n".join(map(json.dumps, gpt4all)) + "\n")
        for number in range(max(each // 6000, 1)):
            count = min(each, 6000)
            task = {"Definition": [text(20, 40)], "Positive Examples": [], "Negative Examples": [], "Input_language": ["English"], "Instance License": ["MIT"],
                    "Instances": [{"id": f"task{number:03}-{n:032x}", "input": text(10, 40), "output": [text(1, 8)]} for n in range(count)]}  # fmt: skip
            (data / "tasks" / f"task{number:03}_words.json").write_text(json.dumps(task, indent=4))
        what = "alpaca,dolly,gpt4all:p3,lmflow:natural-instructions"
        took: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(options.runs):
            for workers in took:
                took[workers].append(build(data, what, "default", workers)[0])
        for workers, each_took in took.items():
            seconds, peak = (
                statistics.median(each_took),
                build(data, what, "default", workers, measure=True)[1],
            )
            print(
                f"{options.records:,} small records, {workers} workers: {seconds:.1f} s, {options.records / seconds:,.0f}/s, peak {peak} MB"
            )
        print(f"two workers: {_ratio(took[1], took[2]):.2f} times one")


def merge(options: argparse.Namespace) -> None:
    """Finds the verdicts on conversations of which one in twenty is a copy, in one part and in several."""
    import numpy as np
    import pyarrow as pa
    from xxhash import xxh3_64_intdigest

    from open_instructions.corpus import steps_of
    from open_instructions.corpus.duplicates import KEY, RANK
    from open_instructions.corpus.step import PLACE
    from open_instructions.engines.local import Local
    from open_instructions.merge import rounds
    from open_instructions.merge.verdicts import find_verdicts
    from open_instructions.store.chunks import KEYS, facts_kind, path_of, write_arrow
    from open_instructions.store.columns import keys_schema

    rng = np.random.default_rng(5)
    each, chunks = 2000, options.records // 2000
    with tempfile.TemporaryDirectory(dir=options.work) as name:
        folder = Path(name)
        for index in range(chunks):
            of = rng.integers(0, each * chunks * 10, each)
            keys = np.stack([of, of], axis=1).astype(">u8").tobytes()
            ids = [f"alpaca/{index * each + n:09d}" for n in range(each)]
            hashes = [xxh3_64_intdigest(name.encode()) for name in ids]
            sizes = [[2] * each, [[600]] * each, [[800]] * each]
            table = pa.table([ids, hashes, *sizes], keys_schema())
            table = table.replace_schema_metadata(
                {"source": "alpaca", "subset": "main", "file": "alpaca_data.json"}
            )
            write_arrow(path_of(folder, index, KEYS), table)
            digests = pa.array([keys[16 * n : 16 * n + 16] for n in range(each)], pa.binary(16))
            facts = pa.table(
                {
                    PLACE: pa.array(range(each), pa.int32()),
                    KEY: digests,
                    RANK: pa.array([0] * each, pa.int32()),
                }
            )
            write_arrow(path_of(folder, index, facts_kind("duplicates", 0)), facts)
        print(
            f"keys: {sum(p.stat().st_size for p in folder.iterdir()) / (each * chunks):.0f} bytes per conversation"
        )
        steps = steps_of(load("default"), ["alpaca"])
        for part in (rounds.PART, each * chunks):
            rounds.PART = part
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            started = time.monotonic()
            with Local(1) as engine:
                found = find_verdicts(engine, folder, [each] * chunks, steps)
            took, grown = (
                time.monotonic() - started,
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before,
            )
            print(
                f"parts of {part:,}: {took:.1f} s, {took / (each * chunks) * 1e6:.2f} µs per conversation, "
                f"{found.count_dropped():,} copies; the peak grew by {grown // 1024} MB"
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    kinds = parser.add_subparsers(required=True)
    of_html = kinds.add_parser("html")
    of_html.add_argument("raw", type=Path)
    of_html.add_argument("--fastchat", help="the interpreter that has fschat 0.2.36")
    of_html.add_argument("--tokenizer", help="a tokenizer's folder, for FastChat's splitter")
    of_html.add_argument("--times", type=int, default=1)
    of_html.set_defaults(run=html)
    of_small = kinds.add_parser("small")
    of_small.add_argument("--records", type=int, default=1_300_000)
    of_small.set_defaults(run=small)
    of_merge = kinds.add_parser("merge")
    of_merge.add_argument("--records", type=int, default=4_000_000)
    of_merge.set_defaults(run=merge)
    options = parser.parse_args()
    if not Path("/proc").is_dir():
        sys.exit("Memory is read from /proc: this runs on Linux.")
    options.run(options)


if __name__ == "__main__":
    main()
