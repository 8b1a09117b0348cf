"""Records of every source with anything in any field: never an error, and each record kept or
refused once."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from open_instructions.catalogue import Subset, registry, select
from open_instructions.drafting import Run
from open_instructions.inputs import find, samples_dir
from open_instructions.ledger import Tally
from open_instructions.pipeline import Pipeline
from open_instructions.readers import Frame, open_file, parse
from open_instructions.readers.chunk import Chunk
from open_instructions.recipe import Recipe
from open_instructions.schema import Rejected

ODD: list[Any] = [
    None, True, 0, -1, 3.5, 10**30, "", " ", "\u200b", "\ud83d", "x" * 5000, "\x00\x1b[31m", [], [[]], [None], ["a", 5], {}, {"value": "v"},
    {"from": "human", "value": 5}, {"from": [], "value": "x"}, {"role": {}, "content": []}, "<p>" * 300, "</pre></code>", "2 / 2x", "<noinput>", "NA",
]  # fmt: skip


def mutated(record: Any, rng: random.Random) -> Any:
    """A copy with one value anywhere in it replaced, removed or doubled."""
    record = copy.deepcopy(record)
    here = record
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return record
        key = rng.choice(keys)
        if isinstance(here[key], dict | list) and rng.random() < 0.7:
            here = here[key]
            continue
        action = rng.random()
        if action < 0.15:
            del here[key]
        elif action < 0.25 and isinstance(here, dict):
            here["extra " + str(key)] = here[key]
        else:
            here[key] = rng.choice(ODD)
        return record


CASES = [(source.name, subset) for source in registry().all() for subset in source.subsets]


@pytest.mark.parametrize(
    ("name", "subset"), CASES, ids=lambda x: x.name if isinstance(x, Subset) else x
)
def test_anything_in_any_field(name: str, subset: Subset) -> None:
    rng = random.Random(f"{name}:{subset.name}")
    source = registry().get(name)
    pipeline = Pipeline(Recipe("test", max_tokens=60), source, subset)
    inputs = find(samples_dir(), select(f"{name}:{subset.name}"), missing="skip").inputs
    for item in inputs:
        opened = open_file(item.path, item.member, subset)
        records = [r for frame, _ in opened.frames() if isinstance(r := parse(frame), dict)]
        for _ in range(120):
            run = [
                mutated(rng.choice(records), rng)
                for _ in range(rng.choice([1, 2]) if subset.run_key else 1)
            ]
            header = (
                mutated(opened.header, rng)
                if opened.header and rng.random() < 0.3
                else opened.header
            )
            frames = [
                Frame(
                    row,
                    json.dumps(r),
                    key=rng.choice(["k", ""]) if subset.format == "object" else "",
                )
                for row, r in enumerate(run)
            ]
            tally = Tally()
            kept: set[int] = set()
            refused: list[int] = []
            chunk = Chunk(0, name, subset.name, item.name, header, [frames], 0)
            for result in pipeline.run(Run(chunk, tally)):
                if isinstance(result, Rejected):
                    refused += [result.origin_row] if result.level == "record" else []
                else:
                    kept |= set(result.conversation.origin_rows)
            assert sorted([*kept, *refused]) == list(range(len(run))), run
