"""A stage that is added to the list: its file, the list, and nothing else has to know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from open_instructions.building.run import BuildResult
from open_instructions.ledger import stages
from open_instructions.recipe import load
from open_instructions.reports.check import check
from open_instructions.reports.explain import explain
from open_instructions.schema import Conversation, Message, Reason, Reject
from open_instructions.stages import order
from open_instructions.stages.definition import About, Definition

from .conftest import alpaca, digests, rows


@dataclass(frozen=True)
class Options:
    """shout  whether answers are put in capitals, and those with a question in them rejected"""

    shout: bool = True


class Shout:
    name = "shout"

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        *front, answer = conversation.messages
        if "?" in answer.content:
            return [Reject(Reason.PLACEHOLDER, "the answer asks")]
        loud = Message(answer.role, answer.content.upper())
        return [replace(conversation, messages=(*front, loud), edits=("shouted",))]


def _make(options: Options, about: About) -> Shout | None:
    return Shout() if options.shout else None


DEFINITION = Definition(Shout.name, Options, (Reason.PLACEHOLDER,), _make)


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    at = order.names().index("language") - 1  # the converter is no member of the list
    listed = [*order.STAGES[:at], DEFINITION, *order.STAGES[at:]]
    monkeypatch.setattr(order, "STAGES", listed)


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_stage_in_the_list(make: Callable[..., BuildResult], workers: int) -> None:
    records = [alpaca("Say hello.", "Hello there."), alpaca("Ask me.", "How are you?")]
    result = make({"alpaca_data.json": records}, workers=workers)
    [row] = rows(result)
    assert (row["messages"][1]["content"], row["edits"]) == ("HELLO THERE.", ["shouted"])
    [refused] = rows(result, "rejected")
    assert (refused["stage"], refused["reason"]) == ("shout", "placeholder")
    assert refused["conversation_id"] == "alpaca/000001"
    assert stages()[stages().index("shout") + 1] == "language"
    assert result.ledger.by_name("edits") == {("shout", "shouted"): 1}
    assert result.ledger.problems() == []
    assert check(result.path).problems == ()
    [step] = [s for s in explain("alpaca/000001", result.path).steps if s.stage == "shout"]
    assert step.refused == ["placeholder: the answer asks"]


@pytest.mark.usefixtures("added")
def test_one_worker_or_two(make: Callable[..., BuildResult]) -> None:
    records = [alpaca(f"Say {n}.", f"It is {n}." + "?" * (n % 3 == 0)) for n in range(400)]
    one = make({"alpaca_data.json": records}, workers=1)
    two = make({"alpaca_data.json": records}, workers=2, out=one.path.with_name("two"))
    assert digests(one.path) == digests(two.path)


def test_every_reason_has_a_place_and_every_key_a_stage() -> None:
    """What the lists say of reasons and keys is what there is."""
    from open_instructions.corpus import STEPS

    recipe = load()
    for listed in (*order.STAGES, *STEPS):
        assert listed.name in stages()
        for key, value in listed.options().__dict__.items():
            assert hasattr(recipe, key), (listed.name, key)
            assert type(value) is type(getattr(recipe, key)), key
        assert all(isinstance(reason, Reason) for reason in listed.reasons)
