"""A user's own files as a source: named on the command line, in Python or in a recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import open_instructions as oi
from open_instructions.catalogue import registry
from open_instructions.errors import InputError, MissingSourceError, RecipeError, UsageError
from open_instructions.inputs import own

from .conftest import rows
from .hub_server import FakeHub
from .test_cli import oi as command

TALK = {"prompt": "Why is the sky blue?", "completion": "Short waves scatter more.", "team": "b"}
CHAT = {
    "messages": [
        {"role": "user", "content": "How is a ticket closed?"},
        {"role": "assistant", "content": "By an agent, when the customer agrees."},
    ]
}


def lines(path: Path, *records: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def built(sources: Any, out: Path, **options: Any) -> list[dict[str, Any]]:
    return rows(oi.build(sources, out=out, **options))


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    return lines(tmp_path / "tickets.jsonl", TALK, CHAT)


def test_a_file_is_a_source(tickets: Path, tmp_path: Path) -> None:
    first, second = built(str(tickets), tmp_path / "mix")
    assert (first["id"], first["source"], first["subset"]) == ("tickets/000000", "tickets", "main")
    assert [m["content"] for m in first["messages"]] == [TALK["prompt"], TALK["completion"]]
    assert (first["license"], first["engine"]) == ("LicenseRef-Unstated", "unstated")
    assert (first["origin_file"], first["origin_row"]) == ("tickets.jsonl", 0)
    assert json.loads(first["metadata"]) == {"team": "b"}
    assert (second["id"], second["metadata"]) == ("tickets/000001", None)


def test_a_folder_and_a_pattern_name_several_files(tmp_path: Path) -> None:
    lines(tmp_path / "export" / "a" / "one.jsonl", TALK)
    lines(tmp_path / "export" / "two.jsonl", CHAT)
    (tmp_path / "export" / "notes.md").write_text("nothing")
    folder = built([str(tmp_path / "export")], tmp_path / "mix1")
    assert [(r["id"], r["origin_file"]) for r in folder] == [
        ("export/a/one/000000", "a/one.jsonl"),
        ("export/two/000000", "two.jsonl"),
    ]
    lines(tmp_path / "day-1.jsonl", TALK)
    lines(tmp_path / "day-2.jsonl", CHAT)
    days = built([str(tmp_path / "day-*.jsonl")], tmp_path / "mix2")
    assert [r["id"] for r in days] == ["day/day-1/000000", "day/day-2/000000"]


def test_names_are_quoted_and_never_shared(tmp_path: Path) -> None:
    odd = lines(tmp_path / "My tickets.jsonl", TALK)
    assert built([str(odd)], tmp_path / "mix")[0]["id"] == "My%20tickets/000000"
    other = lines(tmp_path / "sub" / "My tickets.jsonl", CHAT)
    with pytest.raises(UsageError, match=r"Two sources are called 'My%20tickets'"):
        oi.build([str(odd), str(other)], out=tmp_path / "no")
    alpaca = lines(tmp_path / "alpaca.jsonl", CHAT)
    with pytest.raises(UsageError, match="alpaca is also the name of a source"):
        oi.build([str(alpaca)], out=tmp_path / "no")


def test_a_comma_in_a_name_divides_nothing(tmp_path: Path) -> None:
    path = lines(tmp_path / "a,b.jsonl", TALK)
    assert built(str(path), tmp_path / "mix")[0]["source"] == "a%2Cb"


def test_a_language_that_nobody_speaks_is_refused(tickets: Path, tmp_path: Path) -> None:
    (tmp_path / "mix.yaml").write_text("sources: [{files: tickets.jsonl, language: xx}]\n")
    with pytest.raises(UsageError, match="there is no language 'xx'"):
        oi.build(recipe=str(tmp_path / "mix.yaml"), out=tmp_path / "no")


@pytest.mark.parametrize(
    "content",
    [
        {
            "version": "1.0",
            "data": [
                {"prompt": "1 + 2?", "completion": "3"},
                {"prompt": "2 + 2?", "completion": "4"},
            ],
        },
        {
            "a": {"prompt": "1 + 2?", "completion": "3"},
            "b": {"prompt": "2 + 2?", "completion": "4"},
        },
        {"prompt": ["1 + 2?", "2 + 2?"], "completion": ["3", "4"]},
    ],
    ids=["under a key", "by key", "columns"],
)
def test_records_in_one_object(tmp_path: Path, content: Any) -> None:
    (tmp_path / "sums.json").write_text(json.dumps(content))
    found = built(str(tmp_path / "sums.json"), tmp_path / "mix")
    assert [row["messages"][1]["content"] for row in found] == ["3", "4"]


def test_own_files_stand_beside_known_sources(tickets: Path, tmp_path: Path) -> None:
    found = built([str(tickets), "dolly"], tmp_path / "mix", sample=True)
    assert {row["source"] for row in found} == {"tickets", "dolly"}


def test_options_describe_one_own_source(tmp_path: Path) -> None:
    odd = lines(tmp_path / "odd.jsonl", {"q": {"text": "Why?"}, "a": "So.", "kind": "chat"})
    [row] = built(
        [str(odd)],
        tmp_path / "mix",
        field={"prompt": "q.text", "completion": "a", "task": "kind"},
        source_license="CC-BY-4.0",
        engine_of="human",
    )
    assert [m["content"] for m in row["messages"]] == ["Why?", "So."]
    assert (row["license"], row["engine"], row["task"]) == ("CC-BY-4.0", "human", "chat")
    agents = lines(
        tmp_path / "agents.jsonl",
        {"messages": [{"role": "asker", "content": "Why?"}, {"role": "agent", "content": "So."}]},
    )
    [row] = built([str(agents)], tmp_path / "mix2", role=["agent=assistant", "asker=user"])
    assert [m["role"] for m in row["messages"]] == ["user", "assistant"]


def test_a_path_leads_through_lists_and_text(tmp_path: Path) -> None:
    deep = {"asked": [{"text": "Why?"}], "told": json.dumps({"text": "So."})}
    path = lines(tmp_path / "deep.jsonl", deep, {"asked": [], "told": None})
    fields = {"prompt": "asked.0.text", "completion": "told.text"}
    [row] = built(str(path), tmp_path / "mix", field=fields)
    assert [m["content"] for m in row["messages"]] == ["Why?", "So."]


@pytest.mark.parametrize(
    ("options", "says", "hint"),
    [
        ({"field": "prompt=compleion"}, "No record of tickets has the field", "'completion'"),
        ({"field": "promt=completion"}, "No layout has a field 'promt'", "'prompt'"),
        ({"role": "asistant=user"}, "No message of tickets has the role", "'assistant'"),
        ({"role": "user=asistant"}, "'asistant' is not a role", "'assistant'"),
        ({"layout": "mesages"}, "There is no layout 'mesages'", "'messages'"),
        ({"field": "prompt"}, "field takes a value like prompt=question", ""),
    ],
)
def test_wrong_names_suggest_the_nearest(
    tickets: Path, tmp_path: Path, options: dict[str, Any], says: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=says) as error:
        oi.build([str(tickets)], out=tmp_path / "no", **options)
    assert hint in error.value.hint
    assert not (tmp_path / "no").exists()


def test_options_need_one_own_source(tickets: Path, tmp_path: Path) -> None:
    for sources in (["dolly"], [str(tickets), str(lines(tmp_path / "b.jsonl", TALK))]):
        with pytest.raises(UsageError, match="layout speaks of one source of your own"):
            oi.build(sources, out=tmp_path / "no", layout="messages", sample=True)


def test_a_file_that_is_not_there_or_empty(tickets: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file") as error:
        oi.build([str(tmp_path / "ticket.jsonl")], out=tmp_path / "no")
    assert "tickets.jsonl" in error.value.hint
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(InputError, match="is empty"):
        oi.build([str(tmp_path / "empty.jsonl")], out=tmp_path / "no")
    with pytest.raises(UsageError, match="No file matches"):
        oi.build([str(tmp_path / "day*.csv")], out=tmp_path / "no")


def test_the_bytes_of_a_known_set_are_that_set(
    tickets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {"instruction": "Name a river.", "input": "", "output": "The Nile."}
    tickets.write_text(json.dumps([record]))
    sha256 = own.digest(tickets)
    known = {sha256: (registry().get("alpaca"), "main")}
    monkeypatch.setattr(own, "_known_files", lambda: known)
    [row] = built([str(tickets)], tmp_path / "mix", source_license="CC-BY-NC-4.0")
    assert (row["id"], row["source"]) == ("alpaca/000000", "alpaca")
    assert (row["license"], row["engine"]) == ("CC-BY-NC-4.0", "text-davinci-003")
    for options in ({"source_license": "MIT"}, {"engine_of": "human"}, {"layout": "pairs"}):
        with pytest.raises(InputError, match="is alpaca:main, byte for byte"):
            oi.build([str(tickets)], out=tmp_path / "no", **options)


def test_no_path_of_this_machine_is_written(tickets: Path, tmp_path: Path) -> None:
    built([str(tickets)], tmp_path / "mix")
    for name in ("manifest.json", "oi.lock", "README.md"):
        assert str(tmp_path) not in (tmp_path / "mix" / name).read_text()


def test_a_lock_makes_the_same_build(tickets: Path, tmp_path: Path) -> None:
    first = built(
        [str(tickets)], tmp_path / "one", field={"prompt": "completion", "completion": "prompt"}
    )
    lock = tmp_path / "one" / "oi.lock"
    with pytest.raises(MissingSourceError, match=r"The lock needs 'tickets\.jsonl'"):
        oi.build(locked=lock, out=tmp_path / "no")
    assert built(None, tmp_path / "two", locked=lock, data_dir=tmp_path) == first
    assert built([str(tickets)], tmp_path / "three", locked=lock) == first
    lines(tickets, CHAT)
    with pytest.raises(InputError, match="differ from those of the lock"):
        oi.build([str(tickets)], locked=lock, out=tmp_path / "no")


RECIPE = """
name: support
sources:
  - dolly
  - name: desk
    files: data/*.jsonl
    layout: auto
    fields: {completion: reply}
    license: LicenseRef-Internal
    engine: human
    task: support
    language: en
"""


def test_a_recipe_describes_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines(tmp_path / "there" / "data" / "one.jsonl", {"prompt": "Why?", "reply": "So it is."})
    (tmp_path / "there" / "mix.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    found = built(None, tmp_path / "mix", recipe="there/mix.yaml", sample=True)
    [row] = [row for row in found if row["source"] == "desk"]
    assert (row["id"], row["license"], row["engine"], row["task"]) == (
        "desk/one/000000",
        "LicenseRef-Internal",
        "human",
        "support",
    )
    dolly = built("dolly", tmp_path / "mix2", recipe="there/mix.yaml", sample=True)
    assert len(dolly) == len(found) - 1 > 0


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("[./mine.py]", "is code, which a recipe does not run"),
        ("[{files: a.jsonl, licence: MIT}]", "unknown key 'licence'"),
        ("[{files: a.jsonl, hub: a/b}]", "either files or hub"),
        ("[{name: x}]", "either files or hub"),
        ("[{files: [1]}]", "files takes a path or a list"),
        ("[{files: a.jsonl, fields: [a]}]", "fields takes a mapping"),
        ("[{files: a.jsonl, paths: every}]", "paths is not 'every'"),
        ("[{files: a.jsonl, html: maybe}]", "html takes true or false"),
        ("[{files: a.jsonl, name: 'a/b'}]", "is not the name of a source"),
        ("dolly", "sources takes a list"),
        ("[3]", "is not a name or an entry"),
    ],
)
def test_wrong_entries_are_refused(tmp_path: Path, entry: str, says: str) -> None:
    recipe = tmp_path / "mix.yaml"
    recipe.write_text(f"name: mix\nsources: {entry}\n")
    with pytest.raises(RecipeError, match=says):
        oi.build(recipe=str(recipe), out=tmp_path / "no")


def test_explain_needs_no_options(tickets: Path, tmp_path: Path) -> None:
    built([str(tickets)], tmp_path / "mix")
    assert oi.explain("tickets/000001", tmp_path / "mix").steps[0].conversations == [
        [("user", CHAT["messages"][0]["content"]), ("assistant", CHAT["messages"][1]["content"])]
    ]


def test_explain_reads_the_file_again(tickets: Path, tmp_path: Path) -> None:
    built([str(tickets)], tmp_path / "mix", field={"prompt": "completion", "completion": "prompt"})
    shown = oi.explain("tickets/000000", tmp_path / "mix")
    assert [step.stage for step in shown.steps][:2] == ["convert", "structure"]
    assert shown.steps[0].conversations == [
        [("user", TALK["completion"]), ("assistant", TALK["prompt"])]
    ]


def test_push_asks_before_unstated_rows_leave(
    hub: FakeHub, tickets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.tokens = {"secret": "write"}
    monkeypatch.setenv("HF_TOKEN", "secret")
    lines(tickets, TALK, {"text": "no conversation"})
    built([str(tickets)], tmp_path / "mix")
    refused = command("push", tmp_path / "mix", "me/mix", "--private")
    assert refused.returncode != 0
    assert "Rows under LicenseRef-Unstated would leave this machine." in refused.stderr
    assert "me/mix" not in hub.repos
    assert command("push", tmp_path / "mix", "me/mix", "--private", "--yes").returncode == 0
    files = hub.repos["me/mix"].commits[hub.repos["me/mix"].refs["main"]]
    assert not [name for name in files if name.startswith("rejected/")]
    assert "config_name: rejected" not in files["README.md"].data.decode()
    assert (
        command("push", tmp_path / "mix", "me/whole", "--private", "--yes", "--rejected").returncode
        == 0
    )
    files = hub.repos["me/whole"].commits[hub.repos["me/whole"].refs["main"]]
    assert [name for name in files if name.startswith("rejected/")]
