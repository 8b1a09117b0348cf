"""Preference rows: a record with two answers becomes a row of preference/, or a reject by name."""

from __future__ import annotations

from .conftest import rows
from .pairs import Say, assistant, pair, record, say, talk, user

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
