"""`oi build --plan`: what a build would do, and nothing done."""

from __future__ import annotations

from pathlib import Path

import pytest

from open_instructions.building.choices import Choices
from open_instructions.building.preview import preview
from open_instructions.building.run import build
from open_instructions.errors import OpenInstructionsError
from open_instructions.recipe import parse

from .conftest import digests
from .test_cli import oi


def test_nothing_is_fetched_or_written(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("mix: {weights: {alpaca: 3, dolly: 7}, total: 1000}\nvalidation: 0.01")
    before = digests(tmp_path)
    env = {"OI_CACHE": str(tmp_path / "cache"), "OI_HOME": str(tmp_path / "home")}
    done = oi(
        "build", "alpaca", "dolly", "-r", recipe, "--plan", "-o", "out", cwd=tmp_path, env=env
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "to fetch: https://raw.githubusercontent.com/tatsu-lab/" in done.stdout
    assert "22,773,992" in done.stdout and "52,002" in done.stdout
    assert "share: 0.01" in done.stdout
    assert "alpaca       3  300 tokens   52,002\n" in done.stdout
    assert "dolly        7  700 tokens   15,011\n" in done.stdout
    assert done.stdout.endswith("The build would go to out. Nothing was fetched or written.\n")
    assert digests(tmp_path) == before


def test_a_finished_build_and_files_of_ones_own(tmp_path: Path) -> None:
    """The build has 24 rows of dolly, the file an unknown number."""
    build("dolly,gpt4llm", sample=True, out=tmp_path / "clean", workers=1)
    (tmp_path / "own.jsonl").write_text('{"prompt": "Name a tree.", "completion": "An oak."}\n')
    recipe = parse("mix: {unit: rows, weights: {dolly: 1, own: 1}, total: 10}", "mine.yaml")
    sources = [str(tmp_path / "clean"), str(tmp_path / "own.jsonl")]
    found = preview(Choices(sources=sources, recipe=recipe))
    assert found.mix()[1] == [["dolly", "1", "5 rows", "24"], ["own", "1", "5 rows", "?"]]
    assert found.rows["gpt4llm:comparison"] == 0
    assert [part.records for part in found.parts] == [72, 20, None]


def test_preference_rows_are_mixed_apart(tmp_path: Path) -> None:
    """A build of 24 rows of dolly and 20 preference rows of gpt4llm."""
    build("dolly,gpt4llm:comparison", sample=True, out=tmp_path / "clean", workers=1)
    recipe = parse("mix: {unit: rows, weights: {dolly: 1, gpt4llm: 3}, total: 8}", "mine.yaml")
    found = preview(Choices(sources=str(tmp_path / "clean"), recipe=recipe))
    pairs = found.pairs["gpt4llm:comparison"]
    assert found.mix()[1] == [
        ["dolly", "1", "8 rows", "24"], ["gpt4llm (preference/)", "3", "8 rows", str(pairs)],
    ]  # fmt: skip
    made = build(str(tmp_path / "clean"), out=tmp_path / "out", recipe=recipe, workers=1)
    assert {(s.kind, s.rows) for s in made.manifest.shards if s.kind != "rejected"} == {
        ("data", 8), ("preference", 8),
    }  # fmt: skip
    recipe = parse("mix: {temperature: 2}", "mine.yaml")
    found = preview(Choices(sources=str(tmp_path / "clean"), recipe=recipe))
    assert found.mix()[1] == [
        ["dolly", "?", "?", "24"], ["gpt4llm (preference/)", "?", "?", str(pairs)],
    ]  # fmt: skip


def test_a_source_in_two_places_is_known_in_part(tmp_path: Path) -> None:
    build("dolly", sample=True, out=tmp_path / "clean", workers=1)
    recipe = parse("mix: {weights: {dolly: 1}, total: 10}", "mine.yaml")
    found = preview(Choices(sources=[str(tmp_path / "clean"), "dolly"], sample=True, recipe=recipe))
    assert found.mix()[1] == [["dolly", "1", "10 tokens", "?"]]


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ("mix: {weights: {alpcaa: 1}}", "'alpcaa' has a weight and is not in this build"),
        ("validation: {from: ./nowhere}", "nowhere is not a folder"),
    ],
)
def test_errors_come_before_any_work(tmp_path: Path, recipe: str, says: str) -> None:
    chosen = parse(recipe, str(tmp_path / "mine.yaml"))
    with pytest.raises(OpenInstructionsError, match=says):
        preview(Choices(sources="alpaca", sample=True, recipe=chosen))


def test_names_of_files_do_not_reach_the_terminal_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[31m.jsonl").write_text('{"prompt": "Name a tree.", "completion": "Oak."}\n')
    done = oi("build", "./*.jsonl", "--plan", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_evaluation_sets_are_named_and_not_fetched(tmp_path: Path) -> None:
    own = tmp_path / "exam.jsonl"
    own.write_text('{"question": "How many legs has a spider?", "answer": "8"}\n')
    before = digests(tmp_path)
    env = {"OI_CACHE": str(tmp_path / "cache"), "OI_HOME": str(tmp_path / "home")}
    sets = ["--decontaminate", "math", "--decontaminate", "./exam.jsonl"]
    done = oi("build", "dolly", "--sample", *sets, "--plan", cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    name, exam = done.stdout.partition("Evaluation sets\n")[2].splitlines()[1:3]
    assert name.split() == (
        ["math", "hf://datasets/EleutherAI/hendrycks_math,", "if", "not", "in", "the", "cache", "?"]
    )
    assert exam.split()[0] == "exam" and exam.split()[-1] == "59"
    assert digests(tmp_path) == before
    missing = oi("build", "dolly", "--sample", "--decontaminate", "./no.jsonl", "--plan", env=env)
    assert missing.returncode != 0 and "no.jsonl" in missing.stderr
