"""Which build a command reads that names none: the one made last, wherever it lies."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import open_instructions as oi
from open_instructions.errors import NotFoundError
from open_instructions.store import home

from .test_cli import oi as run


def sample(source: str, out: Path | None = None) -> Path:
    return oi.build(source, sample=True, out=out, overwrite=True).path


def test_the_build_made_last_wherever_it_lies(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    usual = sample("alpaca")
    assert usual == own_home / "builds" / "sample"
    mix = sample("dolly", Path("somewhere/mix"))
    assert mix == tmp_path / "somewhere" / "mix"
    monkeypatch.chdir("/")
    assert home.newest() == mix
    # a build of samples counts as any other; one that is there already was asked for last
    other = sample("gpt4llm")
    assert other == usual and home.newest() == usual
    assert oi.build("dolly", sample=True, out=mix).unchanged
    assert home.newest() == mix
    # what is gone is passed over, and so is what is no build any more
    (mix / "manifest.json").unlink()
    assert home.newest() == usual
    shutil.rmtree(usual)
    with pytest.raises(NotFoundError, match="No build was made here"):
        home.newest()


def test_commands_say_which_build_they_read(tmp_path: Path) -> None:
    mix = sample("dolly", tmp_path / "mix")
    for command in (
        ["stats"],
        ["stats", "--json"],
        ["check"],
        ["explain", "dolly/databricks-dolly-15k/000001"],
    ):
        done = run(*command)
        assert (done.returncode, done.stderr) == (0, f"The newest build: {mix}\n"), command
    assert json.loads(run("stats", "--json").stdout)["path"] == str(mix)
    assert run("stats", mix).stderr == ""


def test_builds_that_end_at_the_same_time_are_all_noted(own_home: Path, tmp_path: Path) -> None:
    folders = [tmp_path / str(n) for n in range(20)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda folder: home.remember({folder.name: folder}, folder), folders))
    assert sorted(json.loads((own_home / "builds.json").read_text())) == sorted(map(str, folders))
    assert home.whereabouts() == {folder.name: str(folder) for folder in folders}


@pytest.mark.parametrize("noted", ["", "{", "[3, null]", '{"a": 1}', "[" * 100_000])
@pytest.mark.usefixtures("no_garbage")
def test_a_note_that_cannot_be_read_is_none(own_home: Path, noted: str) -> None:
    usual = sample("dolly")
    (own_home / "builds.json").write_text(noted)
    assert home.newest() == usual


def test_a_home_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OI_HOME", str(tmp_path / "file"))
    done = run("build", "-s", "dolly", "--sample", "-o", tmp_path / "mix")
    assert done.returncode == 0
    assert "Note: later commands will not find this build" in done.stderr
    monkeypatch.setenv("OI_HOME", "s3://bucket/home")
    done = run("build", "-s", "dolly", "--sample", "-o", tmp_path / "another")
    assert (done.returncode, (tmp_path / "another").exists()) == (2, False)


def test_a_build_in_a_bucket_is_noted_by_its_address(
    bucket: str, own_home: Path, tmp_path: Path
) -> None:
    sample("alpaca", tmp_path / "mix")
    oi.build("dolly", sample=True, out=f"{bucket}/mix")
    assert json.loads((own_home / "builds.json").read_text()) == [
        str(tmp_path / "mix"),
        f"{bucket}/mix",
    ]
    assert str(home.newest()) == f"{bucket}/mix"
    assert oi.stats().all.conversations == 24
