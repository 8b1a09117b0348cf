"""Conversations in which tools are called, from the draft to the loaded row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import open_instructions as oi
from open_instructions.building.run import BuildResult
from open_instructions.schema import Message, Reason, Reject, invalid
from open_instructions.stages.structure import pair_up, structure

from .tool_talks import (
    ENDS_WITH_CALL,
    PARALLEL,
    PLAIN,
    SEVERAL,
    SINGLE,
    SOURCE,
    WEATHER,
    Talk,
    call,
    calls,
    messages,
    result,
    says,
    user,
)

Make = Callable[..., BuildResult]


@pytest.fixture
def made(make: Make, tmp_path: Path) -> Make:
    """A build of conversations, each with its tools or without any."""

    def run(*talks: Talk | tuple[Talk, list[Any]], **options: Any) -> BuildResult:
        records = [
            {"messages": talk[0], "tools": talk[1]}
            if isinstance(talk, tuple)
            else {"messages": talk}
            for talk in talks
        ]
        (tmp_path / "talks.py").write_text(SOURCE)
        return make({"talks.json": records}, str(tmp_path / "talks.py"), **options)

    return run


@pytest.mark.parametrize("talk", [SINGLE, SEVERAL, PARALLEL, ENDS_WITH_CALL, PLAIN])
def test_a_conversation_with_tools_is_valid_and_stays_as_it_is(talk: Talk) -> None:
    given = messages(talk)
    assert invalid(given) == ""
    assert pair_up(given) == (given, [], ())


NO_ANSWER, NO_PROMPT, EMPTY = "no_answer", "no_prompt", "empty"
CALL, RESULT = "call_without_result", "result_without_call"
ASKS = calls(call("weather", "a", place="Rome"))
ASKS_TWICE = calls(call("weather", "a"), call("weather", "b"))
FOUR = [user("Q"), says("A"), user("R"), says("B")]


@pytest.mark.parametrize(
    ("talk", "kept", "reasons", "marks"),
    [
        # a call in the middle without a result, before an answer and before a question
        ([*PLAIN, user("?"), ASKS, says("Hot."), *PLAIN], [0, 1, 5, 6], [CALL] * 3, ("gap",)),
        ([user("?"), ASKS, *PLAIN], [2, 3], [CALL] * 2, ("trimmed",)),
        # a result without a call: behind an answer, behind a question, behind the results
        ([*PLAIN, *PLAIN, result("18")], [0, 1], [RESULT] * 3, ("trimmed",)),
        ([*PLAIN, user("?"), result("18"), says("Hot.")], [0, 1], [RESULT] * 3, ("trimmed",)),
        ([*SEVERAL, result("x")], [0, 1, 2, 3, 4, 5], [RESULT] * 3, ("trimmed",)),
        ([user("?"), ASKS, *[result("18")] * 2, says("Hot."), *PLAIN], [5, 6], [RESULT] * 5, ...),
        # ids: of another call, one of two, one twice
        ([user("?"), ASKS, result("18", "z"), says("Hot."), *PLAIN], [4, 5], [RESULT] * 4, ...),
        ([user("?"), ASKS_TWICE, result("1", "b"), says("Hot."), *PLAIN], [4, 5], [CALL] * 4, ...),
        (
            [user("?"), ASKS_TWICE, *[result("1", "b")] * 2, says("Hot."), *PLAIN],
            [5, 6],
            [RESULT] * 5,
            ...,
        ),
        # an empty result, an empty answer, an empty question
        (
            [user("?"), ASKS, result(" "), says("Hot."), *PLAIN],
            [4, 5],
            [CALL, CALL, EMPTY, CALL],
            ...,
        ),
        (
            [user("?"), ASKS, result("1"), says(""), *PLAIN],
            [4, 5],
            [NO_ANSWER, NO_ANSWER, NO_ANSWER, EMPTY],
            ...,
        ),
        (
            [*PLAIN, user(""), ASKS, result("1"), says("Hot.")],
            [0, 1],
            [EMPTY, NO_PROMPT, NO_PROMPT, NO_PROMPT],
            ...,
        ),
        # no answer behind the results; no question before the calls
        ([*PLAIN, user("?"), ASKS, result("18")], [0, 1], [NO_ANSWER] * 3, ("trimmed",)),
        ([ASKS, result("18"), says("Hot."), *PLAIN], [3, 4], [NO_PROMPT] * 3, ("trimmed",)),
        ([result("18"), *PLAIN], [1, 2], [RESULT], ("trimmed",)),
        # what comes behind the answer
        ([*ENDS_WITH_CALL, user("And?")], [], [CALL, CALL, NO_ANSWER], ()),
        ([*SINGLE, says("And a hat.")], [0, 1, 2, 3, 4], [NO_PROMPT], ("gap",)),
        ([*SINGLE, ASKS, result("1"), *PLAIN], [0, 1, 2, 3, 4, 7, 8], [NO_PROMPT] * 2, ("gap",)),
        # an unanswered question before a turn with calls
        ([user("Well?"), *SEVERAL], [1, 2, 3, 4, 5, 6, 7, 8], [NO_ANSWER], ("gap",)),
    ],
)
def test_a_turn_stays_or_goes_as_a_whole(
    talk: Talk, kept: list[int], reasons: list[str], marks: tuple[str, ...]
) -> None:
    given = messages(talk)
    stays, rejects, found = pair_up(given)
    assert stays == tuple(given[index] for index in kept)
    assert [reject.reason.value for reject in rejects] == reasons
    if marks is not ...:
        assert found == marks
    assert sorted([*map(id, stays), *(id(reject.message) for reject in rejects)]) == sorted(
        map(id, given)
    )
    if stays:
        assert invalid(stays) == ""


def test_a_refused_message_takes_its_turn_along() -> None:
    asked, asks, told, answered = messages([user("?"), ASKS, result("18"), says("Hot.")])
    refused = Reject(Reason.UNKNOWN_ROLE, "", Message("robot", "Beep."))
    bad = Reject(Reason.BAD_ARGUMENTS, "", Message("assistant", "{"))
    plain = messages(PLAIN)
    for items in ([asked, asks, refused, told, answered], [asked, asks, told, refused, answered]):
        kept, rejects, _ = pair_up([*plain, *items])
        assert (kept, {r.reason.value for r in rejects}) == (plain, {CALL})
    kept, rejects, _ = pair_up([*plain, asked, bad, answered])  # no answer to what was not asked
    assert (kept, [r.reason.value for r in rejects]) == (plain, [CALL, CALL])
    kept, rejects, marks = pair_up([asked, asks, told, answered, refused, *plain])
    assert (len(kept), rejects, marks) == (6, [], ("gap",))


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        ([user("?"), ASKS, says("Hot.")], CALL),
        ([user("?"), result("18"), says("Hot.")], RESULT),
        ([user("?"), ASKS, result("18")], "no_pair"),
        ([ASKS], NO_PROMPT),
        ([ASKS, result("18"), says("Hot.")], NO_PROMPT),
    ],
)
def test_the_reason_of_a_record_of_which_no_turn_is_left(talk: Talk, reason: str) -> None:
    made = structure(messages(talk))
    assert made.messages == ()
    assert [(r.reason.value, r.level) for r in made.rejects] == [(reason, "record")]


def test_joined_messages_keep_their_calls_and_results_apart() -> None:
    talk = [
        user("Hi."),
        user("Rome?"),
        says("Wait."),
        ASKS,
        result("18"),
        says("Hot."),
        says("18."),
    ]
    made = structure(messages(talk), "join")
    assert made.messages == messages(
        [user("Hi.\n\nRome?"), {**ASKS, "content": "Wait."}, result("18"), says("Hot.\n\n18.")]
    )
    assert (made.rejects, made.edits, made.joined) == ([], ("joined_messages",), 3)
    parallel = messages(PARALLEL)  # two results in a row
    assert structure(parallel, "join").messages == parallel


def test_lone_surrogates_in_calls_and_tools_become_replacement_characters(made: Make) -> None:
    asks = calls(call("weather", place="R\ud800me"))
    tool = {"type": "function", "function": {"name": "weather", "description": "\udfff"}}
    made(([user("Call it for me, please."), asks], [tool]))
    [row] = oi.load()
    assert row["messages"][1] == calls(call("weather", place="R\ufffdme"))
    assert row["tools"][0]["function"]["description"] == "\ufffd"
    assert row["edits"] == ["lone_surrogate"]


def test_a_loaded_row_is_the_conversation_that_was_given(made: Make) -> None:
    talks = [SINGLE, SEVERAL, PARALLEL, ENDS_WITH_CALL, PLAIN]
    made((SINGLE, [WEATHER]), SEVERAL, PARALLEL, ENDS_WITH_CALL, PLAIN)
    rows = oi.load()
    assert rows["messages"][:] == talks
    assert rows["tools"][:] == [[WEATHER], None, None, None, None]
    assert rows["num_turns"][:] == [1, 2, 1, 1, 1]


def test_a_loaded_row_is_the_same_in_all_forms(made: Make) -> None:
    made((SINGLE, [WEATHER]), PLAIN)
    expected = [SINGLE, PLAIN]
    assert [row["messages"] for row in oi.load(streaming=True)] == expected
    assert [row["tools"] for row in oi.load(streaming=True)] == [[WEATHER], None]
    frame = oi.load().to_pandas()
    assert [list(talk) for talk in frame["messages"]] == expected
    assert oi.load(columns="tools").column_names == ["tools"]


def test_the_readers_of_a_build_take_tools(made: Make, tmp_path: Path) -> None:
    build = made((SINGLE, [WEATHER]), PLAIN)
    assert oi.check(build.path).problems == ()
    assert oi.stats(build.path).all.turns == 2
    told = oi.explain("talks/000000", build.path, sources=str(tmp_path / "talks.py"))
    assert told.rows[0]["messages"] == SINGLE
    assert 'tool_calls: [{"id":"c1"' in repr(told)
    assert "datasets 4.7" in (build.path / "README.md").read_text()
