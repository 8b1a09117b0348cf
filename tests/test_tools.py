"""Conversations in which tools are called, from the draft to the loaded row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import open_instructions as oi
from open_instructions.building.run import BuildResult
from open_instructions.schema import invalid
from open_instructions.stages.structure import pair_up

from .tool_talks import (
    ENDS_WITH_CALL,
    PARALLEL,
    PLAIN,
    SEVERAL,
    SINGLE,
    SOURCE,
    WEATHER,
    Talk,
    messages,
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
