"""A corpus step that breaks its contract is refused, in words: whatever it hands over, no fact is
lost and no other conversation is dropped in silence. What it may hand over is taken."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from open_instructions import corpus
from open_instructions.building.run import BuildResult, build
from open_instructions.corpus.step import (
    NUMBER,
    PLACE,
    Definition,
    Round,
    no_rows,
    verdicts,
    with_report,
)
from open_instructions.errors import ConverterError
from open_instructions.merge import rounds
from open_instructions.schema import Conversation, Reason

NEXT = 1 << 32
"""The number of the first conversation of the second chunk."""


class Said(Round):
    """A round that does what a test says, and else takes the place of each conversation and drops
    none."""

    def __init__(self, **said: Callable[..., Any]) -> None:
        self._said = said

    def asks(self, before: pa.Table) -> Any:
        return self._said["asks"](before) if "asks" in self._said else None

    def facts(self, conversations: Sequence[Conversation], number: Any, before: pa.Table) -> Any:
        return self._said.get("facts", all_places)(conversations)

    def send(self, facts: pa.Table, parts: int) -> Any:
        if "send" in self._said:
            return self._said["send"](facts)
        return facts[NUMBER].to_numpy() % parts

    def decide(self, facts: pa.Table) -> Any:
        return self._said["decide"](facts) if "decide" in self._said else no_rows()

    def settle(self, decided: pa.Table) -> Any:
        return self._said["settle"](decided) if "settle" in self._said else decided


def all_places(conversations: Sequence[Conversation]) -> pa.Table:
    return places(range(len(conversations)))


def places(values: Any, kind: Any = None) -> pa.Table:
    return pa.table({PLACE: pa.array(values, kind or pa.int32())})


@dataclass(frozen=True)
class Step:
    rounds: Sequence[Round]
    name = "said"
    reasons = (Reason.DUPLICATE,)


@dataclass(frozen=True)
class Options:
    pass


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., BuildResult]:
    """A build of twelve records in chunks of two, of which the third has no conversation, with a
    step of these rounds; in parts of three conversations."""
    records = [
        {"instruction": f"Count to {n}.", "input": "", "output": "" if n in (4, 5) else f"To {n}!"}
        for n in range(12)
    ]
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "alpaca_data.jsonl").write_text("\n".join(map(json.dumps, records)))
    monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", 2)
    monkeypatch.setattr(rounds, "PART", 3)

    def made(*asked: Round) -> BuildResult:
        step = Definition("said", Options, Step.reasons, lambda *_: Step(asked))
        monkeypatch.setattr(corpus, "STEPS", [*corpus.STEPS[:1], step])
        return build("alpaca", data_dir=folder, out=tmp_path / "out", workers=1)

    return made


def dropping(**columns: Any) -> Round:
    said = {"reason": "duplicate", "detail": "x"} | columns
    return Said(settle=lambda _: verdicts(**said))


def asking(values: Any) -> tuple[Round, Round]:
    return Said(), Said(asks=lambda _: values)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ([Said(facts=lambda c: places([-1] * len(c)))], "for a place outside 2 conversations"),
        ([Said(facts=lambda c: places([2] * len(c)))], "for a place outside 2 conversations"),
        ([Said(facts=lambda c: places([None] * len(c)))], "as place that are not whole"),
        ([Said(facts=lambda c: places([0.5] * len(c), pa.float64()))], "that are not whole"),
        ([Said(), Said(facts=lambda c: places([-1] * len(c)))], "for a place outside 2"),
        ([Said(), Said(facts=lambda c: None)], "a NoneType as facts"),
        (
            [Said(facts=lambda c: all_places(c).append_column(NUMBER, pa.array([0] * len(c))))],
            "with the column number, which the merge adds",
        ),
        (
            [Said(facts=lambda c: all_places(c).append_column("x", pa.array([x.id for x in c])))],
            "facts with different columns: .*x string and .*x null",
        ),
        ([Said(facts=lambda c: all_places(c) if c else pa.table({"n": [1]}))], "different columns"),
        ([Said(send=lambda f: [99] * len(f))], "to a part that is not one of 4"),
        ([Said(send=lambda f: [-1] * len(f))], "to a part that is not one of 4"),
        ([Said(send=lambda f: [0.5] * len(f))], "to a part that is not one of 4"),
        ([Said(send=lambda f: [0])], "sends 10 facts to 1 parts"),
        ([Said(decide=lambda f: None)], "a NoneType as decisions"),
        (
            [Said(decide=lambda f: pa.table({"q" * (len(f) % 2 + 1): [1]}))],
            "decisions with different",
        ),
        ([Said(settle=lambda _: None)], "a NoneType as verdicts"),
        (asking(pa.array([2])), "asks for a conversation that does not exist"),
        (asking(pa.array([2 * NEXT])), "asks for a conversation that does not exist"),
        (asking(pa.array([60 * NEXT])), "asks for a conversation that does not exist"),
        (asking(pa.array([-1])), "asks for a conversation that does not exist"),
        (asking(pa.array([None, 1])), "as asks that are not whole numbers"),
        (asking([0]), "a list as asks"),
        ([dropping(number=[2])], "drops a conversation that does not exist"),
        ([dropping(number=[60 * NEXT])], "drops a conversation that does not exist"),
        ([dropping(number=[-NEXT])], "drops a conversation that does not exist"),
        ([dropping(number=[None, 1])], "as number that are not whole numbers"),
        ([dropping(number=[1], detail=None)], "drops a conversation without a detail"),
        ([dropping(number=[1], other=[0])], "gives other without other_id"),
        ([dropping(number=[1], other_id=["alpaca/0"])], "gives other without other_id"),
        ([dropping(number=[1], other=[2], other_id=["a"])], "for one that does not exist"),
        ([dropping(number=[1], cluster=[2])], "for one that does not exist"),
        ([dropping(number=[1], edit="found")], "drops a conversation and gives it edit"),
        ([dropping(number=[1], split="test")], "drops a conversation and gives it split"),
        ([dropping(number=[1], group_id="a")], "drops a conversation and gives it group_id"),
        ([dropping(number=[1], copies=[2])], "drops a conversation and gives it copies"),
        ([dropping(number=[1], reason=None, copies=[0])], "writes a conversation less than once"),
        ([dropping(number=[1], reason=None, split="dev")], "has the unknown split dev"),
        ([dropping(number=[1, 1], reason=None, edit="found")], "drops a conversation twice"),
    ],
)
def test_what_breaks_the_contract(
    run: Callable[..., BuildResult], asked: Sequence[Round], says: str
) -> None:
    with pytest.raises(ConverterError, match=says) as caught:
        run(*asked)
    assert caught.value.message.startswith("Step said ")


@pytest.mark.parametrize(
    "asked",
    [
        [Said(facts=lambda c: pa.table({PLACE: pa.array([])}))],
        [Said(facts=lambda c: places([]))],
        [Said(facts=lambda c: places(range(len(c)), pa.uint8()))],
        [Said(facts=lambda c: pa.table({"n": [len(c)]}), send=lambda f: [0] * len(f))],
        asking(pa.array([])),
        asking(pa.array([0, 1], pa.int32())),
        asking(pa.array([NEXT + 1, 0, 0, NEXT])),
    ],
)
def test_what_a_step_may_say(run: Callable[..., BuildResult], asked: Sequence[Round]) -> None:
    assert run(*asked).ledger.summary()["rows"] == 10


def test_what_a_step_reports_is_in_the_manifest(run: Callable[..., BuildResult]) -> None:
    report = {"looked_at": 10, "notes": ["10 were looked at."]}
    made = run(Said(settle=lambda _: with_report(no_rows(), report)))
    assert made.manifest.steps == {"said": report}
    assert "10 were looked at." in made.found.notes
    assert "steps" in json.loads((made.path / "manifest.json").read_text())


def test_a_step_sees_what_earlier_steps_decided(
    run: Callable[..., BuildResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Following(Step):
        name = "last"

        def following(self, earlier: pa.Table) -> Step:
            seen.append(earlier.select(["number", "reason", "step"]).to_pylist())
            return self

    seen: list[Any] = []
    last = Definition("last", Options, (), lambda *_: Following((Said(),)))
    first = Definition("said", Options, (), lambda *_: Step((dropping(number=[1]),)))
    monkeypatch.setattr(corpus, "STEPS", [first, last])
    build("alpaca", data_dir=tmp_path / "data", out=tmp_path / "out", workers=1)
    assert seen == [[{"number": 1, "reason": "duplicate", "step": "said"}]]


def test_asked_in_any_order_and_twice(run: Callable[..., BuildResult]) -> None:
    """Each is read once: the conversations 0 of the first chunk, 0 and 1 of the second."""
    seen: list[list[str]] = []

    def facts(conversations: Sequence[Conversation]) -> pa.Table:
        seen.append([c.messages[0].content for c in conversations])
        return all_places(conversations)

    numbers = pa.array([NEXT + 1, 0, 0, NEXT])
    run(Said(), Said(asks=lambda _: numbers, facts=facts))
    assert seen[:2] == [["Count to 0."], ["Count to 2.", "Count to 3."]]
    assert [said for said in seen[2:] if said] == []
