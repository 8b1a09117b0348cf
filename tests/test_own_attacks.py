"""Records and files that a careless reader would take for something else."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import open_instructions as oi
from open_instructions.errors import EmptyBuildError, OpenInstructionsError, RecipeError, UsageError
from open_instructions.layouts.layout import LayoutOptions
from open_instructions.layouts.recognise import convert
from open_instructions.preference import PreferenceDraft
from open_instructions.schema import Reason, Reject

from .conftest import rows

ASKED = {"role": "user", "content": "Why?"}
ANSWERED = {"role": "assistant", "content": "So."}


def only(record: dict[str, Any]) -> Any:
    [result] = convert(record, LayoutOptions())
    return result


def reason(record: dict[str, Any]) -> Reason | None:
    result = only(record)
    return result.reason if isinstance(result, Reject) else None


@pytest.mark.parametrize(
    "beside", [{"scores": [1, 5]}, {"score": [1, 5]}, {"rank": [2, 1]}, {"rewards": "[0.1, 0.9]"}]
)
def test_scores_beside_a_list_of_outputs_say_which_is_better(beside: dict[str, Any]) -> None:
    row = only({"instruction": "Name a fish.", "output": ["A whale.", "A carp."], **beside})
    assert isinstance(row, PreferenceDraft)
    assert (row.chosen[0].content, row.rejected[0].content) == ("A carp.", "A whale.")


def test_ranks_beside_a_list_of_answers_run_from_1() -> None:
    row = only({"prompt": "Name a fish.", "responses": ["A whale.", "A carp."], "ranks": [2, 1]})
    assert row.chosen[0].content == "A carp."
    assert (row.chosen_score, row.score_name) == (None, None)


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [ASKED, ANSWERED]},
        {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]},
        {"text": "Human: Why?\n\nAssistant: So."},
    ],
)
def test_earlier_turns_beside_a_list_are_not_lost(record: dict[str, Any]) -> None:
    assert reason(record) is None
    assert reason({**record, "history": []}) is None
    assert reason({**record, "history": [["Hi", "Hello."]]}) is Reason.LOST_CONTEXT


def test_earlier_turns_have_several_names() -> None:
    draft = only({"query": "Why?", "response": "So.", "conversation_history": [["Hi", "Hello."]]})
    assert [m.content for m in draft.messages] == ["Hi", "Hello.", "Why?", "So."]


def test_a_context_that_is_not_text_is_not_lost() -> None:
    asked = {"question": "Why?", "answer": "So."}
    assert reason({**asked, "context": [ASKED, ANSWERED]}) is Reason.LOST_CONTEXT
    assert reason({**asked, "context": {"title": ["Sky"]}}) is Reason.LOST_CONTEXT
    assert reason({**asked, "context": []}) is None


def test_the_context_of_a_question_is_in_the_prompt_of_a_pair() -> None:
    asked = {"question": "Why?", "chosen": "So.", "rejected": "No."}
    assert only({**asked, "context": "The sky is blue."}).prompt[0].content == (
        "Why?\n\nThe sky is blue."
    )
    assert reason({**asked, "context": ["The sky is blue."]}) is Reason.LOST_CONTEXT


@pytest.mark.parametrize(
    "choices",
    [
        [3, 4],
        [{"key": "A", "value": "Liver"}, {"key": "B", "value": "Heart"}],
        {"text": ["Liver", "Heart"], "label": ["A", "B"]},
    ],
)
def test_choices_in_any_form_are_not_lost(choices: Any) -> None:
    record = {"question": "Which organ pumps blood?", "answer": "B", "options": choices}
    assert reason(record) is Reason.LOST_CONTEXT


def test_settings_are_not_choices() -> None:
    record = {"question": "Why?", "answer": "So.", "options": {"temperature": 0.7, "top_p": 1}}
    assert reason(record) is None


def test_an_instruction_in_a_pair_is_not_lost() -> None:
    turn = {"instruction": "Translate.", "input": "Hund", "output": "dog"}
    assert reason({"conversation": [turn]}) is Reason.UNEXPECTED_SHAPE


@pytest.mark.parametrize("name", ["image_path", "image_url", "audio_file", "video_urls"])
def test_a_place_of_an_image_is_an_image(name: str) -> None:
    assert reason({"messages": [ASKED, ANSWERED], name: "a.bin"}) is Reason.UNSUPPORTED_MODALITY


def test_an_empty_record_is_not_a_table(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("{}\n" + json.dumps({"prompt": "Why?", "completion": "So."}) + "\n")
    [row] = rows(oi.build(str(file), out=tmp_path / "mix"))
    assert row["id"] == "a/000001"


def test_the_root_of_the_disk_has_no_name() -> None:
    with pytest.raises(UsageError, match="no name"):
        oi.build("/", out="never")


def test_what_a_record_says_of_its_licence_is_only_text(tmp_path: Path) -> None:
    said = {"license": "MIT\x1b[31m | none\n# Free", "engine": "\x1b]0;t\x07"}
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"prompt": "Why?", "completion": "So.", **said}) + "\n")
    oi.build(str(file), out=tmp_path / "mix")
    for page in ("README.md", "LICENSE.md"):
        text = (tmp_path / "mix" / page).read_text()
        assert all(line.isprintable() for line in text.splitlines())
        # Markdown shows each pair of backslashes as one
        assert r"| a:main | MIT\\x1b\[31m \| none\\n# Free | \\x1b]0;t\\x07 | 1 |" in text


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [("{name: '..', files: a.jsonl}", "not the name"), ("{name: a, files: []}", "files takes")],
)
def test_an_entry_without_a_name_or_files_is_refused(
    entry: str, wrong: str, tmp_path: Path
) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"name: r\nsources:\n  - {entry}\n")
    with pytest.raises(RecipeError, match=wrong):
        oi.build(recipe=str(recipe), out=tmp_path / "mix")


SHORT = "a,b\nc,d\n"


@pytest.mark.parametrize("header", ["prompt,completion", "Question,Answer", "instruction,output"])
def test_fields_that_layouts_know_are_a_header(header: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"{header}\n{SHORT}")
    found = rows(oi.build(str(file), out=tmp_path / "mix"))
    assert [[m["content"] for m in row["messages"]] for row in found] == [["a", "b"], ["c", "d"]]


def test_a_header_alone_is_an_empty_file(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("prompt,completion\n")
    with pytest.raises(EmptyBuildError, match="empty_file"):
        oi.build(str(file), out=tmp_path / "mix")


def test_numbers_as_keys_are_not_columns(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"1": {"prompt": "Why?"}, "2": {"prompt": "How?"}}))
    with pytest.raises(OpenInstructionsError) as caught:
        oi.build(str(file), out=tmp_path / "mix")
    assert "columns" not in str(caught.value)


def test_many_calls_in_a_row_take_linear_time() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "now"}}]}

    def seconds(number: int) -> float:
        began = time.perf_counter()
        convert({"messages": [ASKED, *[call] * number]}, LayoutOptions())
        return time.perf_counter() - began

    assert seconds(32_000) < 32 * seconds(4_000)  # of one that is quadratic: 64
