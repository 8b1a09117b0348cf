"""Conversations in which tools are called, from the draft to the loaded row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset, load_from_disk
from datasets.utils.json import ujson_loads
from hypothesis import example, given
from hypothesis.strategies import floats, just, lists, one_of, sampled_from

import open_instructions as oi
from open_instructions.building.run import BuildResult
from open_instructions.readers.batches import frames_of
from open_instructions.schema import Conversation, Message, Reason, Reject, invalid
from open_instructions.stages.html import Html
from open_instructions.stages.structure import pair_up, structure
from open_instructions.store.columns import data_schema, data_table, in_form
from open_instructions.store.exact import spelled
from open_instructions.store.forms import python_rows
from open_instructions.tokens import tokenizer

from .conftest import digests
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


def named(text: str, name: str) -> dict[str, Any]:
    return {**result(text), "name": name}


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
        # a result of a function that was not called
        ([user("?"), ASKS, named("18", "tides"), says("Hot."), *PLAIN], [4, 5], [RESULT] * 4, ...),
        ([user("?"), ASKS, named("18", "weather"), says("Hot.")], [0, 1, 2, 3], [], ...),
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


def one_call(*ids: str | None) -> dict[str, Any]:
    return calls(*(call("weather", id) for id in ids))


IDS = sampled_from([None, "a", "b"])
MESSAGES = one_of(
    sampled_from([user("Q"), user("Q"), says("A"), says(""), user(" "), says("A", weight=0)]),
    just({"role": "system", "content": "S"}),
    lists(IDS, min_size=1, max_size=2).map(lambda ids: one_call(*ids)),
    IDS.map(lambda id: result("R", id)),
    just(result("")),
    sampled_from([Reason.UNKNOWN_ROLE, Reason.BAD_ARGUMENTS]).map(
        lambda reason: Reject(reason, "", Message("robot", "Beep."))
    ),
)


@given(lists(MESSAGES, max_size=12), sampled_from(["reject", "join"]))
def test_each_message_is_kept_or_rejected_and_what_is_kept_is_valid(
    given_items: list[Any], consecutive: Any
) -> None:
    items = [i if isinstance(i, Reject) else messages([i])[0] for i in given_items]
    said = [item for item in items if isinstance(item, Message)]
    stays, rejects, _ = pair_up(items)
    found = [*map(id, stays), *(id(reject.message) for reject in rejects)]
    assert sorted(found) == sorted(map(id, said))
    if any(message.role == "user" for message in stays):
        assert invalid(stays) == ""
        assert pair_up(stays) == (stays, [], ())
    made = structure(items, consecutive)
    if made.messages:
        assert invalid(made.messages) == ""
        assert len(made.messages) + len(made.rejects) + made.joined == len(said)


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


def tokens(text: str) -> int:
    return tokenizer().count(text)


def test_tokens_count_calls_reasoning_and_tools(made: Make) -> None:
    made((SINGLE, [WEATHER]), PLAIN)
    asked = '[{"id":"c1","type":"function","function":{"name":"weather","arguments":'
    asked += '{"place":"Oslo","unit":null}}}]'
    said = [message["content"] for message in SINGLE if message["content"]]
    texts = [*said, asked, "Snow means a coat.", json.dumps([WEATHER], separators=(",", ":"))]
    assert oi.load()["num_tokens"][:] == [
        sum(map(tokens, texts)),
        sum(tokens(message["content"]) for message in PLAIN),
    ]


def long(words: int) -> str:
    return "word " * words


def test_a_split_never_cuts_a_turn_and_repeats_prompt_and_tools(made: Make) -> None:
    first = [
        {"role": "system", "content": "Be brief."},
        user("How warm is it in Rome?"),
        calls(call("weather", "a", place="Rome")),
        result(long(60), "a"),
        says("It is 18 degrees warm."),
    ]
    second = [
        user("And in Bern, how warm is it?"),
        calls(call("weather", "b", place="Bern")),
        result(long(60), "b"),
        says("It is 9 degrees warm."),
    ]
    build = made(([*first, *second], [WEATHER]), max_tokens=220)
    rows = oi.load()
    assert rows["id"][:] == ["talks/000000#1", "talks/000000#2"]
    assert rows["messages"][:] == [first, [first[0], *second]]
    assert rows["tools"][:] == [[WEATHER], [WEATHER]]
    tools = tokens(json.dumps([WEATHER], separators=(",", ":")))
    assert all(tools + 60 < count <= 220 for count in rows["num_tokens"])
    assert build.ledger.problems() == []


def test_a_turn_over_the_limit_is_rejected_with_its_calls(made: Make) -> None:
    talk = [
        user("How warm is it in Rome?"),
        calls(call("weather", "a", place="Rome")),
        result(long(200), "a"),
        says("It is 18 degrees warm."),
    ]
    build = made([*PLAIN, *talk], max_tokens=150)
    assert oi.load()["messages"][:] == [PLAIN]
    assert "tools" not in oi.load().column_names  # what is written is plain
    rejected = oi.rejected(build.path)
    assert rejected["reason"].to_list() == ["overlong"] * 4
    assert json.loads(rejected["raw"][1]) == talk[1]
    assert rejected["raw"][0] == "How warm is it in Rome?"
    assert build.ledger.problems() == []


def test_an_answer_is_truncated_behind_its_calls(made: Make, tmp_path: Path) -> None:
    talk = [
        user("How warm is it in Rome?"),
        calls(call("weather", "a", place="Rome")),
        result("18", "a"),
        says("It is 18 degrees warm.\n\n" + long(200), reasoning_content="Look it up."),
    ]
    (tmp_path / "cut.yaml").write_text("name: cut\nmax_tokens: 100\noverlong: truncate\n")
    made(talk, recipe=str(tmp_path / "cut.yaml"))
    cut = says("It is 18 degrees warm.", reasoning_content="Look it up.")
    assert oi.load()["messages"][:] == [[*talk[:3], cut]]
    assert oi.load()["edits"][:] == [["truncated_answer"]]


def test_only_equal_calls_tools_and_reasoning_are_duplicates(made: Make) -> None:
    other_place = [SINGLE[0], SINGLE[1], calls(call("weather", "c1", place="Bergen")), *SINGLE[3:]]
    thought = [*SINGLE[:4], says(SINGLE[4]["content"], reasoning_content="It snows.")]
    unthought = [*SINGLE[:4], says(SINGLE[4]["content"])]
    tools = [WEATHER]
    build = made(
        (SINGLE, tools), SINGLE, (other_place, tools), (thought, tools), (unthought, tools),
        (SINGLE, tools),
    )  # fmt: skip
    assert oi.load()["id"][:] == [f"talks/00000{n}" for n in range(5)]
    rejected = oi.rejected(build.path)
    assert rejected["other"].to_list() == ["talks/000000"]
    assert oi.check(build.path).problems == ()


def test_rows_that_are_not_written_do_not_decide_the_columns(made: Make) -> None:
    build = made(PLAIN, SEVERAL, max_tokens=40)  # of the second, the turn with calls is over it
    assert oi.load()["messages"][:] == [PLAIN, SEVERAL[6:]]
    [shard] = (build.path / "data").glob("*.parquet")
    schema = pq.read_schema(shard)
    assert (schema, schema.metadata) == (data_schema(), data_schema().metadata)


def test_a_chunk_takes_either_form() -> None:
    talks = [
        Conversation(id, "talks", "main", messages(talk), tools=tools)
        for id, talk, tools in (("a", SINGLE, "[{}]"), ("b", PLAIN, None), ("c", SEVERAL, None))
    ]
    table = data_table(talks)
    full = in_form(table.slice(1), True)
    assert full.schema.equals(data_schema(full=True))
    assert [row["messages"] for row in python_rows(full)] == [PLAIN, SEVERAL]
    plain = in_form(table.slice(1, 1), False)
    assert plain.schema.equals(data_schema())
    assert plain.to_pylist()[0]["messages"] == PLAIN
    assert plain.equals(in_form(data_table(talks[1:2]), False))


def test_tool_results_and_calls_have_no_vote_on_the_language(made: Make) -> None:
    german = "Der Himmel ist heute sehr blau und die Luft ist warm und klar. " * 20
    talk = [
        user("Is the sky blue over there today, or is it grey?"),
        calls(call("weather", text=german)),
        result(german),
        says("The sky over there is blue today, and the air is warm."),
    ]
    made(talk)
    assert oi.load()["language"][:] == ["en"]


def test_the_bytes_do_not_depend_on_workers_and_chunks(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[dict[str, Any]] = [
        {"messages": [PLAIN[0], says(f"Of wool, or {n}.")]} for n in range(300)
    ]
    records.insert(150, {"messages": SINGLE, "tools": [WEATHER]})
    (tmp_path / "talks.py").write_text(SOURCE)
    sources = str(tmp_path / "talks.py")
    whole = make({"talks.json": records}, sources, out=tmp_path / "whole")
    monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", 40)
    for workers in (1, 2):
        cut = make({"talks.json": records}, sources, out=tmp_path / f"{workers}", workers=workers)
        assert digests(cut.path) == digests(whole.path)
    rows = oi.load(whole.path)
    assert (rows[0]["messages"], rows[0]["tools"]) == (records[0]["messages"], None)
    assert (rows[150]["messages"], rows[150]["tools"]) == (SINGLE, [WEATHER])
    [shard] = (whole.path / "data").glob("*.parquet")
    assert pq.read_schema(shard).field("tools").type == pa.json_()
    assert pq.read_schema(shard).field("messages").type == pa.list_(pa.json_())


@given(floats(-1e290, 1e290).filter(lambda number: number == 0 or abs(number) > 1e-290))
@example(0.208)
@example(-22.677797)
def test_every_reader_gets_the_number(number: float) -> None:
    text = spelled(number)
    assert json.loads(text) == number
    assert ujson_loads(text) == number


def test_numbers_in_calls_and_tools_are_loaded_as_they_were(made: Make) -> None:
    numbers = {"a": 0.208, "b": [-22.677797, 1e-7, 9007199254740993], "c": 2.0}
    talk = [*ENDS_WITH_CALL[:1], calls(call("weather", **numbers))]
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"least": 0.949}}}
    made((talk, [tool]))
    [row] = oi.load()
    assert repr(row["messages"]) == repr(talk)
    assert repr(row["tools"]) == repr([tool])


def test_load_dataset_takes_the_folder(made: Make) -> None:
    build = made((SINGLE, [WEATHER]), PLAIN)
    rows = load_dataset(str(build.path), split="train")
    assert rows["messages"][:] == [SINGLE, PLAIN]
    assert rows["tools"][:] == [[WEATHER], None]
    assert rows.features == oi.load(build.path).features


def test_a_copy_of_a_row_is_still_the_row(made: Make, tmp_path: Path) -> None:
    """What trainers and users do with rows: map, select, save, write as Parquet and JSON Lines."""
    made((SINGLE, [WEATHER]), PLAIN)
    rows = oi.load(columns="messages,tools")
    assert rows.map(lambda row: {"n": len(row["messages"])})["messages"][:] == [SINGLE, PLAIN]
    rows.save_to_disk(tmp_path / "saved")
    rows.to_parquet(tmp_path / "rows.parquet")
    rows.to_json(tmp_path / "rows.jsonl")
    read = [
        load_from_disk(tmp_path / "saved"),
        load_dataset("parquet", data_files=str(tmp_path / "rows.parquet"), split="train"),
    ]
    for again in read:
        assert again["messages"][:] == [SINGLE, PLAIN]
        assert again["tools"][:] == [[WEATHER], None]
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [line["messages"] for line in lines] == [SINGLE, PLAIN]
    assert [line["tools"] for line in lines] == [[WEATHER], None]


def test_datasets_that_cannot_read_tools_is_named(
    made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made((SINGLE, [WEATHER]))
    monkeypatch.delattr("datasets.Json")
    with pytest.raises(oi.UsageError, match="cannot read") as raised:
        oi.load()
    assert "datasets>=4.7" in str(raised.value)


@pytest.mark.parametrize("streaming", [False, True])
def test_older_datasets_get_the_same_as_text(
    made: Make, streaming: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made((SINGLE, [WEATHER]), PLAIN)
    monkeypatch.delattr("datasets.Json")
    loaded = oi.load(json_text=True, streaming=streaming)
    assert {loaded.features[name].dtype for name in ("messages", "tools")} == {"string"}
    rows = list(loaded)
    assert [json.loads(row["messages"]) for row in rows] == [SINGLE, PLAIN]
    assert [row["tools"] and json.loads(row["tools"]) for row in rows] == [[WEATHER], None]


def test_a_build_without_tools_has_no_text_to_give(made: Make) -> None:
    made(PLAIN)
    assert oi.load(json_text=True)["messages"][:] == [PLAIN]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"messages": [['{"role":"user","content":"Hi."}', "{"]]}, "not a valid conversation"),
        ({"messages": [['{"role":"user","content":"Hi."}', "[]"]]}, "is not an object"),
        ({"messages": [['{"role":"user"}']]}, "without a role or a content"),
        (
            {"messages": [[json.dumps(user("Hi.")), json.dumps(says("Hi.", weight=None))]]},
            "weight is None",
        ),
        (
            {"messages": [[json.dumps(user("?")), json.dumps(ASKS), json.dumps(says("Hot."))]]},
            "no result follows",
        ),
        ({"tools": ["{}"]}, "tools that are not a list"),
    ],
)
def test_a_check_sees_what_no_build_writes(
    made: Make, change: dict[str, Any], problem: str
) -> None:
    build = made((SINGLE, [WEATHER]))
    [file] = (build.path / "data").glob("*.parquet")
    table = pq.read_table(file)
    for name, values in change.items():
        kind = table.schema.field(name).type
        storage = pa.list_(pa.string()) if pa.types.is_list(kind) else pa.string()
        table = table.set_column(
            table.column_names.index(name), name, pa.array(values, storage).cast(kind)
        )
    pq.write_table(table, file)
    assert any(problem in found for found in oi.check(build.path).problems)


def test_no_html_is_read_in_results_of_tools() -> None:
    page = "<div class='x'><p>18 <b>degrees</b></p></div>"
    asked, asks, told, answered = messages([user("?"), ASKS, result(page), says(page)])
    marked = (asked, asks, told._replace(html=True), answered._replace(html=True))
    [talk] = Html()(Conversation("a", "talks", "main", marked))
    assert isinstance(talk, Conversation)
    assert [m.content for m in talk.messages] == ["?", "", page, "18 **degrees**"]
    assert talk.messages[1].fields == asks.fields


def test_what_is_rejected_of_a_conversation_can_be_read_back(made: Make) -> None:
    broken = [user("And in Rome, what is it like?"), ASKS, says("Hot.", reasoning_content="July.")]
    build = made((([*PLAIN, *broken]), [WEATHER]), (broken, [WEATHER]))
    assert oi.load()["messages"][:] == [PLAIN]
    assert oi.load()["edits"][:] == [["trimmed"]]
    rejected = oi.rejected(build.path)
    levels = zip(rejected["level"], rejected["reason"], strict=True)
    assert list(levels) == [("message", CALL)] * 3 + [("record", CALL)]
    raw = rejected["raw"].to_list()
    assert raw[0] == "And in Rome, what is it like?"
    assert [json.loads(text) for text in raw[1:3]] == broken[1:]
    assert json.loads(raw[3]) == {"messages": broken, "tools": [WEATHER]}
    assert build.ledger.problems() == []
    assert oi.check(build.path).problems == ()


def test_a_shard_with_tools_is_a_source_like_any_other(made: Make, tmp_path: Path) -> None:
    talks = [SINGLE, SEVERAL, PARALLEL, ENDS_WITH_CALL, PLAIN]
    build = made((SINGLE, [WEATHER]), *talks[1:])
    [shard] = (build.path / "data").glob("*.parquet")
    oi.build(str(shard), out=tmp_path / "again")
    rows = oi.load(tmp_path / "again")
    assert rows["messages"][:] == talks
    assert rows["tools"][:] == [[WEATHER], None, None, None, None]


def test_json_that_is_none_is_a_text(tmp_path: Path) -> None:
    texts = ['{"a":1e2}', '1,"b":2', None, "[" * 5000, '{"a":1,"a":2}']
    table = pa.table({"x": pa.array(texts, pa.string()).cast(pa.json_())})
    [batch] = table.to_batches()
    found = [frame.text for frame in frames_of(batch, 0)]
    assert found == [
        '{"x":{"a":1e2}}',
        '{"x":"1,\\"b\\":2"}',
        '{"x":null}',
        '{"x":"' + "[" * 5000 + '"}',
        '{"x":{"a":1,"a":2}}',
    ]
