"""Nothing that upstream says is lost: every text of a record has a marker of its own, and each
marker is found in data/, in rejected/, or in what its file says for all its records."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from open_instructions.catalogue import Source, Subset, registry
from open_instructions.drafting import Run
from open_instructions.ledger import Tally
from open_instructions.pipeline import Pipeline
from open_instructions.readers import Frame
from open_instructions.readers.chunk import FILE_KEY, Chunk
from open_instructions.recipe import Recipe
from open_instructions.schema import Rejected

KNOWN = frozenset(
    ("human", "user", "gpt", "assistant", "model", "system", "chatgpt", "bing", "yes", "no", "text2text", "text_only", "conversation",
     "text_to_textlist", "text_to_scored_textlist", "A", "B", "C", "D")
)  # fmt: skip
"""Words that a converter has to understand. They are not texts of anybody's."""
EXTRA = (
    "note",
    "markdown",
    "lang",
    "score",
    "url",
    "id",
    "title",
    "model",
    "subject_name",
    "exp",
    "answer",
    "text",
    "task",
    "parts",
)
RECIPE = Recipe("test", html=False, max_tokens=0, duplicates=False)
SHAPES: dict[str, list[Any]] = {
    "alpaca": [{"instruction": "i", "input": "n", "output": "o", "system": "s", "history": [["q", "a"]], "text": "t"}],
    "dolly": [{"instruction": "i", "context": "c", "response": "r", "category": "k"}],
    "instructionwild": [{"instruction": "i", "input": "n", "output": "o", "instruction_type": "k", "id": "d"}],
    "gpt4llm": [{"instruction": "i", "input": "n", "output": "o", "label": "l"}],
    "gpt4all": [
        {"prompt": "p", "response": "r", "source": "s"},
        {"prompt": {"value": "p", "other": "x"}, "response": {"description": "r"}, "source": "s"},
        {"turn_0_question": "q", "turn_0_answer": "a", "source": "s", "model_settings": {"name": "m"}},
        {"prompt": "p", "response_turn_1": "r", "prompt_turn_2": "p", "response_turn_2": "r", "response": "z", "source": "s"},
    ],
    "sharegpt": [
        {
            "id": "d",
            "system": "s",
            "conversations": [
                {"from": "human", "value": "q", "markdown": "m"},
                {"role": "assistant", "content": "a", "text": "t"},
                {"from": "nobody", "value": "x"},
                "loose",
                {"from": "user", "value": "q", "content": "other"},
                {"from": "human", "value": "q"},
                {"from": "gpt", "value": "a", "content": ["parts"]},
            ],
        }
    ],
    "lmflow:native": [
        {"type": "text2text", "instances": {"input": "i", "output": "o"}, "by": "b"},
        {"type": "text_to_textlist", "instances": {"input": "i", "output": ["o", "p"]}},
        {"type": "text_to_scored_textlist", "instances": {"input": "i", "output": [{"score": 1, "text": "o"}, {"score": 2, "text": "p", "by": "b"}]}},
        {"type": "conversation", "instances": {"system": "s", "conversation_id": "d", "messages": [
            {"role": "user", "content": "q", "by": "b"}, {"role": "assistant", "content": "a"}, {"role": "x", "content": "y"},
        ]}},
        {"type": "image_text", "instances": {"images": "x", "text": "t"}},
    ],
    "lmflow:natural-instructions": [
        {"Definition": ["d"], "Instance License": ["l"], "Contributors": ["c"], "Positive Examples": [{"input": "i", "output": "o"}],
         "Instances": {"id": "d", "input": "i", "output": ["o", "p"]}},
    ],
    "lmflow:pubmedqa": [{"QUESTION": "q", "CONTEXTS": ["c", "d"], "LABELS": ["l"], "MESHES": ["m"], "YEAR": "y", "final_decision": "yes", "LONG_ANSWER": "a"}],
    "lmflow:medmcqa": [{"question": "q", "cop": 2, "opa": "a", "opb": "b", "opc": "c", "opd": "d", "exp": "e", "subject_name": "s", "id": "d"}],
    "lmflow:medqa": [{"question": "q", "options": {"A": "a", "B": "b"}, "answer_idx": "B", "answer": "b", "meta_info": "m"}],
}  # fmt: skip


class Marks:
    """A text for each place in a record, and all that were given out."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def __call__(self) -> str:
        self.given.append(f"marker{len(self.given):04d}x")
        return self.given[-1]

    def on(self, value: Any) -> Any:
        """The value with a marker in the place of every text that is not a known word."""
        if isinstance(value, dict):
            return {key: self.on(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.on(item) for item in value]
        return self() if isinstance(value, str) and value not in KNOWN else value


def varied(record: Any, rng: random.Random) -> Any:
    """A copy with a field more, or with one that holds another kind of value."""
    record = copy.deepcopy(record)
    places = [place for place in objects(record) if place]
    for _ in range(rng.randrange(3)):
        place = rng.choice(places)
        odd = rng.choice(["t", ["t", "u"], {"k": "t"}, [{"k": ["t"]}], 5, None])
        if rng.random() < 0.7:
            place[rng.choice(EXTRA)] = odd
        else:
            place[rng.choice(list(place))] = odd
    return record


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from objects(item)


def everything(source: Source, subset: Subset, records: list[Any]) -> str:
    """All that a build would say of these records."""
    header: dict[str, Any] = {}
    if subset.format == "envelope":
        header = {key: value for key, value in records[0].items() if key != subset.items}
        records = [record.get(subset.items) for record in records]
    frames = [Frame(row, json.dumps(record)) for row, record in enumerate(records)]
    said = [json.dumps(header, ensure_ascii=False)]
    chunk = Chunk(
        0,
        source.name,
        subset.name,
        "f.json",
        {**header, FILE_KEY: "f.json"} if header else {},
        [frames],
        0,
    )
    for item in Pipeline(RECIPE, source, subset).run(Run(chunk, Tally())):
        if isinstance(item, Rejected):
            said += [item.raw, item.conversation_id or ""]
        else:
            talk = item.conversation
            said += [m.content for m in talk.messages]
            said += [talk.id, talk.task or "", talk.engine, talk.license, talk.metadata or ""]
    return "\n".join(said)


CASES = [(source, subset) for source in registry().all() for subset in source.subsets]


@pytest.mark.parametrize(("source", "subset"), CASES, ids=lambda x: x.name)
def test_every_text_is_somewhere(source: Source, subset: Subset) -> None:
    shapes = SHAPES.get(source.name) or SHAPES[f"{source.name}:{subset.name}"]
    rng = random.Random(f"{source.name}:{subset.name}")
    for turn in range(400):
        many = rng.choice([1, 2, 3]) if subset.run_key else 1
        marks = Marks()
        records = [
            marks.on(varied(rng.choice(shapes), rng) if turn else shapes[0]) for _ in range(many)
        ]
        if subset.run_key and turn % 2:
            for at, record in enumerate(records):
                record["id"] = f"{marks()}_{at * 7}"
        said = everything(source, subset, records)
        lost = [mark for mark in marks.given if mark not in said and mark in json.dumps(records)]
        assert lost == [], records


def test_the_header_of_a_file_is_in_the_build_once(
    make: Callable[..., Any], tmp_path: Path
) -> None:
    from open_instructions.reports.explain import explain

    from .conftest import rows

    native = {
        "type": "text2text",
        "by": "Ann",
        "instances": [{"input": "Why?", "output": "So."}, {"input": "How?", "output": "Thus."}],
    }
    result = make({"train_2.json": json.dumps(native)}, "lmflow:native")
    assert rows(result, "files") == [
        {
            "source": "lmflow",
            "subset": "native",
            "origin_file": "train_2.json",
            "header": '{"type":"text2text","by":"Ann"}',
        }
    ]
    assert [row["metadata"] for row in rows(result)] == [None, None]
    found = explain(rows(result)[1]["id"], result.path, data_dir=tmp_path / "data")
    assert found.header == '{"type":"text2text","by":"Ann"}'
    (tmp_path / "drop.yaml").write_text("metadata: drop\n")
    assert not (
        make({}, "lmflow:native", recipe=str(tmp_path / "drop.yaml"), out=tmp_path / "other").path
        / "files"
    ).exists()
