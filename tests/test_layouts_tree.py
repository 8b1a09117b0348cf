"""Trees of replies: nested, and as one message a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import open_instructions as oi
from open_instructions.errors import InputError
from open_instructions.layouts.layout import LayoutOptions
from open_instructions.layouts.recognise import convert, convert_run
from open_instructions.schema import Draft, Message, Reason, Reject

AUTO = LayoutOptions()


def node(role: str, text: str, *replies: Any, **more: Any) -> dict[str, Any]:
    return {"message_id": text, "role": role, "text": text, **more, "replies": list(replies)}


def asked(text: str, *replies: Any, **more: Any) -> dict[str, Any]:
    return node("prompter", text, *replies, **more)


def answered(text: str, *replies: Any, **more: Any) -> dict[str, Any]:
    return node("assistant", text, *replies, **more)


TREE = asked(
    "q",
    answered("a1", asked("q1", answered("a11")), rank=1),
    answered(
        "a2",
        asked("q2", rank=0),
        asked("q3", answered("a31", rank=2), answered("a32", rank=1), rank=1),
        rank=0,
    ),
    answered("a3"),
)


def paths(found: list[Any]) -> list[str]:
    return [" ".join(m.content for m in item.messages) for item in found if isinstance(item, Draft)]


def off(found: list[Any]) -> list[str]:
    rejects = [item for item in found if isinstance(item, Reject)]
    assert all(r.reason == Reason.NOT_ON_PATH and r.level == "message" for r in rejects)
    return [json.loads(r.message.content)["text"] for r in rejects if r.message]


def test_the_best_path() -> None:
    """A follow-up without an answer is not taken, whatever its rank."""
    found = convert({"message_tree_id": "t", "prompt": TREE, "tree_state": "ready"}, AUTO)
    assert paths(found) == ["q a2 q3 a32"]
    assert off(found) == ["a1", "q1", "a11", "q2", "a31", "a3"]
    draft = found[0]
    assert isinstance(draft, Draft) and draft.id == "q"
    assert draft.metadata["messages"][1] == {"message_id": "a2", "rank": 0}
    assert "tree_state" not in draft.used


def test_all_paths() -> None:
    found = convert({"prompt": TREE}, LayoutOptions(paths="all"))
    assert paths(found) == ["q a1 q1 a11", "q a2 q3 a31", "q a2 q3 a32", "q a3"]
    assert off(found) == ["q2"]


def test_without_ranks_the_first_reply_is_taken() -> None:
    tree = asked("q", answered("a1", rank=None), answered("a2"), answered("a3", rank=5))
    assert paths(convert({"prompt": tree}, AUTO)) == ["q a3"]
    tree = asked("q", answered("a1", rank=None), answered("a2"))
    assert paths(convert(tree, AUTO)) == ["q a1"]


def test_what_upstream_says_of_a_message_off_the_path_is_kept() -> None:
    tree = asked("q", answered("a1"), answered("a2", labels={"spam": 1}, lang="en"))
    reject = convert({"prompt": tree}, AUTO)[1]
    assert isinstance(reject, Reject) and reject.message
    assert json.loads(reject.message.content) == {
        "message_id": "a2",
        "role": "assistant",
        "text": "a2",
        "labels": {"spam": 1},
        "lang": "en",
    }


def test_messages_that_cannot_be_on_a_path() -> None:
    """Deleted ones, those of nobody, and those that do not take turns."""
    tree = asked(
        "q",
        answered("gone", deleted=True),
        node("judge", "odd"),
        asked("again"),
        answered("a"),
    )
    found = convert({"prompt": tree}, AUTO)
    assert paths(found) == ["q a"]
    assert off(found) == ["gone", "odd", "again"]
    loose = convert({"prompt": asked("q", "loose", answered("a"))}, AUTO)
    assert paths(loose) == ["q a"] and off(loose) == ["loose"]


def test_trees_without_a_conversation() -> None:
    for tree, reason in (
        (asked("q"), Reason.NO_ANSWER),
        (asked("q", asked("q2", answered("a"))), Reason.NO_ANSWER),
        (answered("a", asked("q")), Reason.NO_PROMPT),
        (asked("q", answered("a"), deleted=True), Reason.NO_PROMPT),
    ):
        (reject,) = convert({"prompt": tree}, AUTO)
        assert isinstance(reject, Reject) and (reject.reason, reject.level) == (reason, "record")


def rows(tree: dict[str, Any], parent: str | None = None) -> list[dict[str, Any]]:
    own = {key: value for key, value in tree.items() if key != "replies"}
    below = [row for reply in tree["replies"] for row in rows(reply, tree["message_id"])]
    return [{**own, "message_tree_id": "t", "parent_id": parent}, *below]


def test_rows_of_a_tree() -> None:
    flat = rows(TREE)
    found = convert_run(flat, AUTO)
    assert paths(found) == ["q a2 q3 a32"]
    taken = [flat[at]["text"] for at in found[0].records]  # type: ignore[union-attr]
    assert taken == ["q", "a2", "q3", "a32"]
    rejects = [item for item in found if isinstance(item, Reject)]
    assert {(r.reason, r.level) for r in rejects} == {(Reason.NOT_ON_PATH, "record")}
    every = sorted([*found[0].records, *(r.record for r in rejects)])  # type: ignore[union-attr]
    assert every == list(range(len(flat)))
    assert paths(convert_run(flat[::-1], AUTO)) == ["q a2 q3 a32"]


def test_rows_whose_beginning_is_not_there() -> None:
    flat = rows(TREE)
    found = convert_run([row for row in flat if row["text"] != "a2"], AUTO)
    assert paths(found) == ["q a1 q1 a11"]
    lost = {r.record for r in found if isinstance(r, Reject) and r.reason == Reason.LOST_CONTEXT}
    assert len(lost) == 4


def test_rows_in_a_circle_and_rows_twice() -> None:
    row = {"message_id": "1", "parent_id": "2", "text": "a", "role": "assistant"}
    circle = [row, {**row, "message_id": "2", "parent_id": "1"}]
    found = convert_run(circle, AUTO)
    assert [(r.reason, r.record) for r in found if isinstance(r, Reject)] == [
        (Reason.LOST_CONTEXT, 0),
        (Reason.LOST_CONTEXT, 1),
    ]
    flat = rows(asked("q", answered("a")))
    found = convert_run([*flat, *flat], AUTO)
    accounted = [at for item in found for at in getattr(item, "records", ())]
    accounted += [item.record for item in found if isinstance(item, Reject)]
    assert sorted(accounted) == [0, 1, 2, 3]


def test_rows_under_other_names() -> None:
    flat = [
        {"message_id": "1", "parent_id": None, "body": "q", "role": "prompter", "text": "x"},
        {"message_id": "2", "parent_id": "1", "body": "a", "role": "assistant", "text": "y"},
    ]
    options = LayoutOptions(fields=(("text", "body"), ("engine", "'gpt-4o'")))
    (draft,) = convert_run(flat, options)
    assert isinstance(draft, Draft)
    assert (paths([draft]), draft.engine, draft.records) == (["q a"], "gpt-4o", (0, 1))
    assert draft.metadata["messages"][0]["upstream_text"] == "x"
    assert {"body", "text", "message_id", "parent_id", "role"} <= set(draft.used)


def test_a_tree_whose_paths_would_be_without_bound() -> None:
    """A long conversation with an answer beside each step has paths of a quadratic size."""
    flat: list[dict[str, Any]] = []
    parent = None
    for at in range(1_000):
        name = f"m{at}"
        role = "assistant" if at % 2 else "prompter"
        row = {"message_id": name, "parent_id": parent, "text": name, "role": role}
        flat.append(row)
        if role == "assistant":
            flat.append({**row, "message_id": f"{name}b", "rank": 9})
        parent = name
    assert len(paths(convert_run(flat, AUTO))) == 1
    found = convert_run(flat, LayoutOptions(paths="all"))
    assert {item.reason for item in found if isinstance(item, Reject)} == {"unexpected_shape"}
    assert len(found) == len(flat)


def test_messages_are_read_as_others_are() -> None:
    tree = node("Customer", "q", node("Agent", "a"))
    roles = (("customer", "user"), ("agent", "assistant"))
    (draft,) = convert({"prompt": tree}, LayoutOptions(roles=roles, html=True))
    assert isinstance(draft, Draft)
    assert draft.messages[1] == Message("assistant", "a", True)


def test_an_id_that_two_messages_have_is_nobodys_parent() -> None:
    """Else the Rhine would be a tree."""
    rows = [
        {"message_id": "1", "parent_id": None, "role": "prompter", "text": "Name a tree."},
        {"message_id": "1", "parent_id": None, "role": "prompter", "text": "Name a river."},
        {"message_id": "2", "parent_id": "1", "role": "assistant", "text": "The Rhine."},
    ]
    for options in (AUTO, LayoutOptions(paths="all")):
        found = convert_run(rows, options)
        assert [(item.record, item.reason) for item in found if isinstance(item, Reject)] == [
            (0, Reason.NO_ANSWER),
            (1, Reason.NO_ANSWER),
            (2, Reason.UNEXPECTED_SHAPE),
        ]
        assert len(found) == 3


def _flat(name: str, parent: str | None, text: str, tree: Any, **more: Any) -> str:
    role = "assistant" if parent else "prompter"
    said = {"message_id": name, "parent_id": parent, "role": role, "text": text}
    return json.dumps({**said, "message_tree_id": tree, **more})


APART = [
    _flat("1", None, "Name a tree.", "t1"),
    _flat("2", "1", "A bush.", "t1", rank=1),
    _flat("3", None, "Hello?", "t2"),
    _flat("4", "3", "Hi.", "t2"),
    _flat("5", "1", "An oak.", "t1", rank=0),
]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_tree_whose_rows_are_apart_stops_the_build(tmp_path: Path, workers: int) -> None:
    """Its first rows alone would say that a bush is the best tree."""
    (tmp_path / "own.jsonl").write_text("\n".join(APART))
    with pytest.raises(InputError, match=r"Record 4 of 'own.jsonl' belongs to 't1', and so do"):
        oi.build([str(tmp_path / "own.jsonl")], out=tmp_path / "no", workers=workers)
    assert not (tmp_path / "no").exists()


def test_a_tree_in_two_files_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text("\n".join(APART[:4]))
    (tmp_path / "in" / "b.jsonl").write_text(APART[4])
    with pytest.raises(InputError, match=r"Record 0 of 'b.jsonl' belongs to 't1', and so do"):
        oi.build([str(tmp_path / "in")], out=tmp_path / "no")


def test_a_tree_can_have_a_number(tmp_path: Path) -> None:
    rows = [_flat("1", None, "Name a tree.", 7), _flat("2", "1", "An oak.", 7)]
    (tmp_path / "own.jsonl").write_text("\n".join(rows))
    built = oi.build([str(tmp_path / "own.jsonl")], out=tmp_path / "mix")
    assert [m["content"] for m in oi.load(built.path)[0]["messages"]] == ["Name a tree.", "An oak."]
