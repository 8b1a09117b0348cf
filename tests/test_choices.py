"""What a user says of a build in more than one way: several folders, sources with and without a
flag, a tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import open_instructions as oi
from open_instructions.errors import InputError, RecipeError, UsageError

from .conftest import alpaca, rows
from .test_cli import oi as run

DOLLY = {"instruction": "Name a tree.", "context": "", "response": "An oak.", "category": "open_qa"}


def put(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path.parent


def test_several_folders_are_one(tmp_path: Path) -> None:
    one = put(tmp_path / "one" / "alpaca_data.json", [alpaca("Name a river.", "The Elbe.")])
    two = put(tmp_path / "two" / "databricks-dolly-15k.jsonl", DOLLY)
    put(two / "left.json", {})
    built = run("build", "-d", one, "-d", two, "--missing", "skip", "-o", tmp_path / "mix")
    assert "2 records = 2 kept + 0 rejected; 2 rows" in built.stdout, built.stderr
    assert f"Not used: {two / 'left.json'}\n" in built.stderr
    # in any order, twice, with a slash: the same build
    assert oi.build(data_dir=[two, f"{one}/", one], missing="skip", out=tmp_path / "mix").unchanged
    assert (
        "as read" in run("explain", "alpaca/000000", tmp_path / "mix", "-d", one, "-d", two).stdout
    )


def test_files_of_one_name_in_several_folders(tmp_path: Path) -> None:
    first = put(tmp_path / "one" / "alpaca_data.json", [alpaca("Name a river.", "The Elbe.")])
    again = put(tmp_path / "two" / "alpaca_data.json", [alpaca("Name a river.", "The Elbe.")])
    other = put(tmp_path / "three" / "alpaca_data.json", [alpaca("Name a hill.", "The Brocken.")])
    result = oi.build("alpaca", data_dir=(first, again, other), out=tmp_path / "mix")
    note = (
        f"alpaca: {again / 'alpaca_data.json'} has the same content as "
        f"{first / 'alpaca_data.json'}; one was used"
    )
    assert note in result.found.notes
    assert sorted(row["messages"][1]["content"] for row in rows(result)) == [
        "The Brocken.",
        "The Elbe.",
    ]
    assert len({row["id"] for row in rows(result)}) == 2
    assert oi.build("alpaca", data_dir=(other, again, first), out=tmp_path / "mix").unchanged


@pytest.mark.parametrize("given", [[], "", [""]])
def test_no_folder_is_not_the_current_one_and_not_the_network(given: Any) -> None:
    with pytest.raises(UsageError, match="No folder was named"):
        oi.build("dolly", data_dir=given)


def test_each_folder_has_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="/no/such is not a folder"):
        oi.build("dolly", data_dir=[tmp_path, "/no/such"])
    with pytest.raises(InputError, match=f"{tmp_path}, {tmp_path / 'x'} has no file"):
        (tmp_path / "x").mkdir()
        oi.build("dolly", data_dir=[tmp_path, tmp_path / "x"], missing="skip")


@pytest.mark.parametrize(
    "said",
    [
        ["dolly", "gpt4llm:zh"],
        ["dolly,gpt4llm:zh"],
        ["--sources", "dolly,gpt4llm:zh"],
        ["-s", "gpt4llm:zh,dolly"],
    ],
)
def test_sources_with_and_without_a_flag(tmp_path: Path, said: list[str]) -> None:
    assert "48 records = 48 kept" in run("build", *said, "--sample", "-o", tmp_path / "mix").stdout
    assert sorted(json.loads((tmp_path / "mix" / "oi.lock").read_text())["sources"]) == [
        "dolly",
        "gpt4llm:zh",
    ]


def test_sources_are_named_once(tmp_path: Path) -> None:
    done = run("build", "dolly", "--sources", "alpaca", "--sample", "-o", tmp_path / "mix")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == "Error: Sources are named in two ways: dolly, "
        "and "
        "--sources "
        "alpaca.\nName "
        "all "
        "of "
        "them in one way.\n"
    )
    done = run("build", tmp_path, "-o", tmp_path / "mix")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        f"Error: '{tmp_path}' has no data files.",
    )


def test_the_tokenizer_is_part_of_the_recipe(tmp_path: Path) -> None:
    done = run("build", "dolly", "--sample", "--tokenizer", "o200k_base", "-o", tmp_path / "mix")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "mix" / "manifest.json").read_text())
    assert (manifest["recipe"]["tokenizer"], manifest["versions"]["tokenizer"]) == (
        "o200k_base",
        "o200k_base",
    )
    assert manifest["recipe"]["name"] == "default"
    # over what a recipe says
    (tmp_path / "mine.yaml").write_text("tokenizer: cl100k_base\nmax_tokens: 50\n")
    made = oi.build(
        "dolly",
        sample=True,
        recipe=str(tmp_path / "mine.yaml"),
        tokenizer="o200k_base",
        out=tmp_path / "other",
    )
    assert (made.manifest.recipe["tokenizer"], made.manifest.recipe["max_tokens"]) == (
        "o200k_base",
        50,
    )


def test_a_tokenizer_is_looked_at_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="Did you mean 'o200k_base'"):
        oi.build("dolly", data_dir="/no/such", tokenizer="o200k_bas")
    with pytest.raises(InputError, match="cannot be read"):
        oi.build("dolly", data_dir="/no/such", tokenizer=str(tmp_path / "tokenizer.json"))
    with pytest.raises(UsageError, match="tokenizer takes a string"):
        oi.build("dolly", sample=True, tokenizer=tmp_path)  # type: ignore[arg-type]
