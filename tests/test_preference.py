"""Preference rows: a record with two answers becomes a row of preference/, or a reject by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from open_instructions.corpus.duplicates import key
from open_instructions.errors import UsageError
from open_instructions.exports.load import load
from open_instructions.pairing import outcomes
from open_instructions.preference import ANSWERS, Preference
from open_instructions.recipe import Recipe
from open_instructions.reports.check import check
from open_instructions.reports.explain import explain
from open_instructions.reports.stats import stats
from open_instructions.schema import Conversation, Message, Reason, Reject

from .conftest import digests, rows
from .pairs import Say, assistant, pair, record, say, saying, talk, user

__all__ = ["say"]


def test_a_pair_becomes_a_row(say: Say) -> None:
    made = record(
        pair(
            chosen_score=9,
            rejected_score=4.5,
            score_name="overall",
            judge="gpt-4",
            chosen_engine="gpt-4",
            task="birds",
            metadata={"margin": 4.5},
        )
    )
    result = say([made, record(talk())])
    [row] = rows(result, "preference")
    assert row == {
        "id": "says/000",
        "conversation_id": "says/000",
        "source": "says",
        "subset": "main",
        "prompt": [{"role": "user", "content": "Name a bird."}],
        "chosen": [{"role": "assistant", "content": "A wren."}],
        "rejected": [{"role": "assistant", "content": "A pike."}],
        "tools": None,
        "chosen_score": 9.0,
        "rejected_score": 4.5,
        "score_name": "overall",
        "judge": "gpt-4",
        "chosen_engine": "gpt-4",
        "rejected_engine": "human",
        "prompt_tokens": 4,
        "chosen_tokens": 4,
        "rejected_tokens": 4,
        "language": "en",
        "language_score": row["language_score"],
        "task": "birds",
        "license": "CC0-1.0",
        "num_turns": 1,
        "edits": [],
        "origin_file": "main.jsonl",
        "origin_row": 0,
        "metadata": '{"margin":4.5}',
    }
    assert [r["id"] for r in rows(result)] == ["says/001"]
    assert result.ledger.problems() == []
    totals = result.manifest.totals
    assert (totals["rows"], totals["preference_rows"]) == (2, 1)
    assert (totals["messages_read"], totals["messages_kept"]) == (5, 5)


def test_rows_beyond_the_first_of_a_record_are_derived(say: Say) -> None:
    """Three pairs and a conversation of one record: one kept, three derived."""
    many = record(pair(), pair(bad="A cat."), pair(bad="A dog."), talk())
    result = say([many])
    assert [r["id"] for r in rows(result, "preference")] == ["says/000", "says/000+2", "says/000+3"]
    assert [r["id"] for r in rows(result)] == ["says/000+4"]
    totals = result.manifest.totals
    assert (totals["records_kept"], totals["derived"], totals["rows"]) == (1, 3, 4)
    assert result.ledger.problems() == []


def test_a_record_is_rejected_with_its_last_draft(say: Say) -> None:
    """The first two are lost alone, and the record stays; of the second record both are."""
    kept = record(pair(good=" "), pair(bad=""), pair())
    lost = record(pair("Why?", bad=""), pair("Why?", good=""))
    result = say([kept, lost])
    assert [(r["id"], r["origin_row"]) for r in rows(result, "preference")] == [("says/000+3", 0)]
    assert [
        (r["level"], r["conversation_id"], r["origin_row"], r["reason"], r["detail"], r["kind"])
        for r in rows(result, "rejected")
    ] == [
        ("row", "says/000", 0, "no_answer", "chosen: no text in it", "preference"),
        ("row", "says/000+2", 0, "no_answer", "rejected: no text in it", "preference"),
        ("row", "says/001", 1, "no_answer", "rejected: no text in it", "preference"),
        ("record", "says/001+2", 1, "no_answer", "chosen: no text in it", "preference"),
    ]
    assert rows(result, "rejected")[0]["raw"] == (
        '{"prompt":[{"role":"user","content":"Name a bird."}],'
        '"chosen":[{"role":"assistant","content":" "}],'
        '"rejected":[{"role":"assistant","content":"A pike."}]}'
    )
    assert result.ledger.problems() == []
    totals = result.manifest.totals
    assert (totals["records_kept"], totals["records_rejected"], totals["rows"]) == (1, 1, 1)
    assert (totals["rows_rejected"], totals.get("derived")) == (3, None)


def test_equal_rows_are_dropped_once(say: Say) -> None:
    """A pair equals a pair; the same text as a conversation does not. The second record loses its
    derived row alone, the third is lost."""
    result = say(
        [
            record(pair()),
            record(pair("Which?"), pair()),
            record(pair()),
            record(
                {
                    "messages": [
                        user("Name a bird."),
                        assistant("A wren."),
                        user("A pike?"),
                        assistant("No."),
                    ]
                }
            ),
        ]
    )
    assert [r["id"] for r in rows(result, "preference")] == ["says/000", "says/001"]
    assert len(rows(result)) == 1
    assert [
        (r["level"], r["conversation_id"], r["other"], r["kind"], r["raw"][:9])
        for r in rows(result, "rejected")
    ] == [
        ("row", "says/001+2", "says/000", "preference", '{"prompt"'),
        ("record", "says/002", "says/000", "preference", '{"drafts"'),
    ]
    assert result.ledger.problems() == []


def test_both_answers_go_through_the_stages(say: Say) -> None:
    """A word that is blocked in one answer, an engine that is not commercial, a language by the
    chosen answer, the token limit."""
    blocked = record(pair(bad="Never say xyzzy."))
    both = record(pair("Say it.", "A xyzzy.", "An xyzzy."))
    result = say([blocked, both, record(pair())], recipe=Recipe("test", blocked_words=("xyzzy",)))
    assert [(r["reason"], r["detail"]) for r in rows(result, "rejected")] == [
        ("blocked_word", "rejected: 'xyzzy' in message 1"),
        ("blocked_word", "both answers: 'xyzzy' in message 1"),
    ]
    assert [r["id"] for r in rows(result, "preference")] == ["says/002"]


def test_a_row_is_commercial_only_if_both_engines_are(say: Say, tmp_path: Path) -> None:
    mixed = record(pair(rejected_engine="gpt-4"))
    result = say([mixed, record(pair("Name a fish."))], licenses="commercial")
    assert [r["id"] for r in rows(result, "preference")] == ["says/001"]
    [refused] = rows(result, "rejected")
    assert refused["reason"] == "license" and refused["detail"].startswith("rejected: CC0-1.0")
    result = say([mixed], out=tmp_path / "all")
    usage = stats(result.path).usage
    assert [(key.engine, str(key.use)) for key in usage.counts] == [
        ("gpt-4 + human", "non-commercial")
    ]


def test_the_language_is_that_of_the_chosen_answer(say: Say) -> None:
    english = "Please describe the weather in the mountains during the winter months."
    good = "It is cold and there is a lot of snow, which stays until the end of April."
    bad = "Es ist kalt, und es liegt viel Schnee, der bis zum Ende des Monats April bleibt."
    result = say([record(pair(english, good, f"{bad} " * 8))], languages="en")
    assert [r["language"] for r in rows(result, "preference")] == ["en"]


def test_a_row_over_the_limit_is_overlong(say: Say) -> None:
    """Prompt and longer answer: 4 + 40 tokens, and 4 for each of the 2 messages."""
    long = record(pair(bad=" bird" * 40))
    result = say([long, record(pair("Name a fish."))], max_tokens=51)
    assert [(r["reason"], r["level"], r["detail"]) for r in rows(result, "rejected")] == [
        ("overlong", "record", "44 tokens with the longer answer; the limit is 51")
    ]
    assert len(rows(say([long], max_tokens=52, overwrite=True), "preference")) == 1


def test_what_is_taken_out_of_the_prompt_is_taken_out_once(say: Say) -> None:
    """Two messages of the user's in a row: the first has no answer. 5 messages are read, 4 kept."""
    asked = [user("Well?"), user("Name a bird."), assistant("A wren."), user("Another one?")]
    result = say([record(pair() | {"prompt": asked})])
    [row] = rows(result, "preference")
    assert [m["content"] for m in row["prompt"]] == ["Name a bird.", "A wren.", "Another one?"]
    assert row["edits"] == ["gap"]
    assert [(r["level"], r["raw"], r["kind"]) for r in rows(result, "rejected")] == [
        ("message", "Well?", "preference")
    ]
    totals = result.manifest.totals
    assert (totals["messages_read"], totals["messages_kept"]) == (6, 5)


def test_pairs_that_are_none(say: Say) -> None:
    refused = {
        "equal_answers": pair(good="A wren.", bad="A wren."),
        "no_prompt": pair() | {"prompt": [user("Hi"), assistant("Yes?")]},
        "no_answer": pair(bad=" \u200b"),
    }
    result = say([*map(record, refused.values()), record(talk())])
    assert [r["reason"] for r in rows(result, "rejected")] == list(refused)
    assert {r["kind"] for r in rows(result, "rejected")} == {"preference"}


def test_messages_beside_drafts_are_rejected(say: Say) -> None:
    result = say([record(pair(), messages_refused=["Or so.", "Or else."])])
    assert [
        (r["level"], r["reason"], r["raw"], r["kind"], r["conversation_id"])
        for r in rows(result, "rejected")
    ] == [
        ("message", "not_on_path", "Or so.", "preference", "says/000"),
        ("message", "not_on_path", "Or else.", "preference", "says/000"),
    ]
    totals = result.manifest.totals
    assert (totals["messages_read"], totals["messages_rejected"]) == (5, 2)


def preference(prompt: str, chosen: str, rejected: str) -> Preference:
    """One of short texts: `uau` is a user's, an assistant's and a user's message."""
    roles = {"u": "user", "a": "assistant", "b": "assistant"}
    lists = [tuple(Message(roles[c], c) for c in text) for text in (prompt, chosen, rejected)]
    return Preference("says/0", "says", "main", lists[0], lists[1], lists[2])


def test_where_the_prompt_ends_is_in_the_key() -> None:
    """The same messages one after the other, but the first row asks for two answers more."""
    assert key(preference("u", "aua", "b")) != key(preference("uau", "a", "b"))
    assert key(preference("u", "a", "b")) == key(preference("u", "a", "b"))


class Signs:
    """A stage that writes the answer's text into the prompt."""

    name = "signs"

    def __call__(self, talk: Conversation) -> list[Conversation | Reject]:
        asked, *others = talk.messages
        signed = (asked.edited(talk.messages[-1].content), *others)
        return [talk.unchecked(**talk.__dict__ | {"messages": signed})]


def test_cleaning_must_not_make_two_prompts_of_one() -> None:
    [[made]] = outcomes(Signs(), ANSWERS, [preference("u", "a", "b")])
    assert isinstance(made, Reject) and made.reason == Reason.DIFFERENT_PROMPTS


def test_drafts_that_share_records(say: Say) -> None:
    """Paths through a tree of four records: 0-1-2 and 0-1-3. Two rows of four records: 3 are
    joined into the first row, and one is the second's own."""
    run = [
        record(talk("One?", "Two.", records=[0, 1, 2]), run="t"),
        record(run="t"),
        record(run="t"),
        record(talk("One?", "Three.", records=[0, 1, 3]), run="t"),
    ]
    result = say([record(talk())], run)
    totals = result.ledger.summary("says", "runs")
    assert (totals["records_kept"], totals["records_joined"], totals["rows"]) == (4, 2, 2)
    assert "derived" not in totals


def test_a_draft_gives_its_records_to_the_next(say: Say) -> None:
    """The first path has no answer: record 2 goes with it, the others stay with the second."""
    run = [
        record(talk("One?", " ", records=[0, 1, 2]), run="t"),
        record(run="t"),
        record(run="t"),
        record(talk("One?", "Three.", records=[0, 1, 3]), run="t"),
    ]
    result = say([record(talk())], run)
    assert [(r["level"], r["origin_row"]) for r in rows(result, "rejected")] == [("record", 2)]
    totals = result.ledger.summary("says", "runs")
    assert (totals["records_kept"], totals["records_rejected"], totals["rows"]) == (3, 1, 1)
    assert result.ledger.problems() == []


def test_a_build_of_preference_rows_alone(say: Say, tmp_path: Path) -> None:
    """TRL's form: chosen and rejected are lists of messages."""
    import datasets

    result = say([record(pair())])
    loaded = datasets.load_dataset(
        str(result.path), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert [loaded[0][name] for name in ("prompt", "chosen", "rejected")] == [
        [{"role": "user", "content": "Name a bird."}],
        [{"role": "assistant", "content": "A wren."}],
        [{"role": "assistant", "content": "A pike."}],
    ]
    assert "margin" not in loaded.column_names
    assert load(result.path).to_list() == load(result.path, kind="preference").to_list()
    streamed = load(result.path, kind="preference", columns="id", streaming=True)
    assert list(streamed) == [{"id": "says/000"}]
    assert check(result.path).problems == ()
    assert "1 preference row, built" in (result.path / "README.md").read_text()


def test_a_build_without_preference_rows_has_no_trace_of_them(say: Say) -> None:
    result = say([record(talk())])
    assert not (result.path / "preference").exists()
    text = (result.path / "manifest.json").read_text()
    assert "preference" not in text and "derived" not in text
    with pytest.raises(UsageError, match="no preference rows"):
        load(result.path, kind="preference")


def test_rows_with_tools_are_in_the_form_of_the_build(say: Say) -> None:
    """A call in the prompt: messages are JSON in data/ and in preference/, and tools with them."""
    tools = [{"type": "function", "function": {"name": "now", "parameters": {}}}]
    call = {"id": "1", "type": "function", "function": {"name": "now", "arguments": {"zone": "Z"}}}
    asked = [
        user("What time is it?"),
        ["assistant", "", {"tool_calls": [call]}],
        ["tool", "12:00", {"tool_call_id": "1"}],
        assistant("Noon."),
        user("And now?"),
    ]
    result = say(
        [record(pair() | {"prompt": asked, "tools": tools}), record(pair()), record(talk())]
    )
    assert check(result.path).problems == ()
    first, second = load(result.path, kind="preference").to_list()
    assert first["prompt"][1] == {"role": "assistant", "content": "", "tool_calls": [call]}
    assert first["tools"] == tools and second["tools"] is None
    assert second["prompt"] == [{"role": "user", "content": "Name a bird."}]
    assert load(result.path)[0]["messages"][0] == {"role": "user", "content": "Name a fish."}


def test_a_row_is_explained_alone(say: Say, tmp_path: Path) -> None:
    said = pair(chosen_score=5, rejected_score=1, judge="gpt-4")
    result = say([record(pair(), said | {"chosen": [assistant("An owl.")]})])
    told = repr(
        explain(
            "says/000+2",
            result.path,
            data_dir=tmp_path / "data",
            sources=str(tmp_path / "says.py"),
        )
    )
    assert "a preference row: score 5 against 1, by gpt-4" in told
    assert "chosen: assistant: An owl." in told
    assert "chosen: assistant: A wren." not in told.partition("convert")[2]


def test_stats_count_both_kinds(say: Say) -> None:
    result = say([record(pair()), record(talk())])
    found = stats(result.path)
    assert (found.all.conversations, found.all.preferences) == (1, 1)
    assert (found.all.tokens.total, found.all.preference_tokens) == (8, 12)
    assert found.all.engines == {"human": 2}
    assert "1 preference row with 12 tokens" in dict(found.brief())["and"]


def test_damage_to_a_row_is_found(say: Say) -> None:
    import pyarrow.parquet as pq

    result = say([record(pair())])
    [shard] = (result.path / "preference").iterdir()
    table = pq.read_table(shard)
    at = table.column_names.index("rejected")
    pq.write_table(table.set_column(at, table.schema.field(at), table["chosen"]), shard)
    problems = " ".join(check(result.path).problems)
    assert "says/000 is not a valid preference: the answers are equal" in problems


DRAFTS = st.lists(
    st.builds(
        lambda kind, a, b: talk(a, b) if kind else pair("Which?", a, b),
        st.booleans(),
        st.sampled_from(("A wren.", "A pike.", " ", "")),
        st.sampled_from(("A wren.", "A pike.", " ")),
    ),
    min_size=1,
    max_size=4,
)
RECORDS = st.lists(
    st.one_of(
        DRAFTS.map(lambda drafts: record(*drafts)),
        st.sampled_from(("tie", "no_scores")).map(lambda why: record(refused=why)),
    ),
    min_size=1,
    max_size=6,
)


@given(RECORDS, st.lists(DRAFTS, min_size=0, max_size=3))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_ledger_balances_over_both_kinds(
    make: Any, tmp_path: Path, records: list[dict[str, Any]], runs: list[list[dict[str, Any]]]
) -> None:
    """Every record is in a row, or in rejected/ once; every draft is a row, a rejected record or a
    rejected row. With one worker and with two the bytes are the same."""
    run = [record(*drafts, run="t") for drafts in runs]
    for at, each in enumerate(run):
        for draft in each["drafts"]:
            draft["records"] = sorted({at, (at * 2 + 1) % len(run)})
    built = [
        saying(make, tmp_path, [*records, record(talk("Why?", "So."))], run, workers=workers,
               out=tmp_path / f"out{workers}", overwrite=True)
        for workers in (1, 2)
    ]  # fmt: skip
    assert digests(built[0].path) == digests(built[1].path)
    result = built[0]
    assert result.ledger.problems() == [] and check(result.path).problems == ()
    kept = [*rows(result), *rows(result, "preference")]
    refused = rows(result, "rejected")
    lost = [(r["origin_file"], r["origin_row"]) for r in refused if r["level"] == "record"]
    assert len(lost) == len(set(lost))
    if not run:
        assert not set(lost) & {(r["origin_file"], r["origin_row"]) for r in kept}
        totals = result.manifest.totals
        drafts = sum(len(r["drafts"]) for r in records) + 1
        whole = [r for r in refused if r["level"] in ("record", "row") and r["stage"] != "convert"]
        assert drafts == len(kept) + len(whole)
        assert totals["rows"] == totals["records_kept"] + totals.get("derived", 0)
