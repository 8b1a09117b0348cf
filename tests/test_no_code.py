"""A lock, a build and a cache come from anywhere: none of them leads to code that is run. A .py
file is named by the user, or not at all."""

from __future__ import annotations

import json
import py_compile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from open_instructions.building import run as builder
from open_instructions.building.run import BuildResult
from open_instructions.errors import InputError, NotFoundError, UsageError
from open_instructions.inputs.lock import read_lock
from open_instructions.reports.explain import explain

from .conftest import SOURCE, alpaca, rows

EVIL = "import pathlib\npathlib.Path({!r}).write_text('run')\n"


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A file that is there once evil.py, which lies beside it, was run."""
    (tmp_path / "evil.py").write_text(EVIL.format(str(tmp_path / "ran")))
    return tmp_path / "ran"


def lock(path: Path, **changes: Any) -> Path:
    file = {
        "subsets": ["alpaca:main"],
        "name": "alpaca_data.json",
        "place": None,
        "size": 5,
        "sha256": "0" * 64,
    }
    said = {
        "format": 1,
        "open_instructions": "0.1.0",
        "sources": ["alpaca"],
        "recipe": {"name": "x"},
        "files": [file],
    }
    path.write_text(json.dumps(said | changes))
    return path


@pytest.mark.parametrize(
    "name",
    [
        "{}/evil.py",
        "{}/evil.py:main",
        "alpaca:x/../evil.py",
        "./evil.py",
        "evil.py",
        "alpaca,{}/evil.py",
    ],
)
def test_a_lock_names_no_file_to_run(
    tmp_path: Path, ran: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        builder.build(
            locked=lock(tmp_path / "oi.lock", sources=[name.format(tmp_path)]),
            data_dir=tmp_path,
            out=tmp_path / "out",
        )
    assert not ran.exists()


@pytest.fixture
def mine(tmp_path: Path, make: Callable[..., BuildResult]) -> tuple[Path, BuildResult]:
    """A source of one's own, and a build of it."""
    path = tmp_path / "mine.py"
    path.write_text(SOURCE.replace("NAME", "mine"))
    return path, make({"mine.json": '[{"q": "Name a river.", "a": "The Nile."}]'}, str(path))


def test_a_lock_says_which_source_of_ones_own_it_needs(
    tmp_path: Path, mine: tuple[Path, BuildResult]
) -> None:
    path, built = mine
    said = json.loads((built.path / "oi.lock").read_text())
    digest = said["own"]["mine"]
    assert (said["sources"], list(said["own"]), len(digest)) == (["mine"], ["mine"], 64)
    with pytest.raises(
        UsageError, match=rf"needs a source of yours: mine, a \.py file with the sha256 {digest}"
    ):
        builder.build(
            locked=built.path / "oi.lock", data_dir=tmp_path / "data", out=tmp_path / "two"
        )
    again = builder.build(
        str(path),
        locked=built.path / "oi.lock",
        data_dir=tmp_path / "data",
        out=tmp_path / "two",
        workers=1,
    )
    assert rows(again) == rows(built)
    path.write_text(path.read_text() + "\n")
    with pytest.raises(InputError, match="was written with a different source mine"):
        builder.build(
            str(path),
            locked=built.path / "oi.lock",
            data_dir=tmp_path / "data",
            out=tmp_path / "three",
        )


def test_a_build_of_installed_sources_needs_none(make: Callable[..., BuildResult]) -> None:
    said = json.loads((make({"alpaca_data.json": [alpaca()]}).path / "oi.lock").read_text())
    assert "own" not in said


@pytest.mark.parametrize(
    "own",
    [
        {"mine": "no digest"},
        {"../x": "0" * 64},
        {"mine": 5},
        ["mine"],
        "mine",
        {"m" * 101: "0" * 64},
    ],
)
def test_what_a_lock_says_of_ones_own_is_looked_at(tmp_path: Path, own: Any) -> None:
    with pytest.raises(InputError, match="not a lock of Open Instructions"):
        read_lock(str(lock(tmp_path / "oi.lock", own=own)))


def test_explain_runs_a_source_only_where_it_is_named(
    tmp_path: Path, mine: tuple[Path, BuildResult], own_home: Path
) -> None:
    path, built = mine
    path.write_text(EVIL.format(str(tmp_path / "ran")) + path.read_text())
    # what somebody wrote into the build, and into what earlier builds remembered
    import hashlib

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = json.loads((built.path / "manifest.json").read_text())
    manifest["sources"]["mine"] = digest
    (built.path / "manifest.json").write_text(json.dumps(manifest))
    own_home.mkdir(exist_ok=True)
    (own_home / "inputs.json").write_text(json.dumps({digest: str(path)}))
    found = explain("mine/000000", built.path)
    assert "sources='./mine.py'" in found.note and not found.steps
    assert not (tmp_path / "ran").exists()
    named = explain("mine/000000", built.path, sources=str(path), data_dir=tmp_path / "data")
    assert named.steps and not named.note


def test_explain_takes_another_source_for_none(
    tmp_path: Path, mine: tuple[Path, BuildResult]
) -> None:
    path, built = mine
    path.write_text(path.read_text() + "\n")
    found = explain("mine/000000", built.path, sources=str(path))
    assert "differs from the one the build was made with" in found.note and not found.steps


def test_a_row_names_no_file_to_run(
    tmp_path: Path, make: Callable[..., BuildResult], ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subset of a foreign build's row was once read as `--sources` is."""
    built = make({"alpaca_data.json": [alpaca()]})
    monkeypatch.chdir(tmp_path)
    subset = "x/../evil.py"
    shard = next((built.path / "data").iterdir())
    table = pq.read_table(shard)
    at = table.column_names.index("subset")
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array([subset])), shard)
    manifest = json.loads((built.path / "manifest.json").read_text())
    for entry in manifest["inputs"]:
        entry |= {"subset": subset, "sha256": "1" * 64}
    for entry in manifest["shards"]:
        if entry["path"].startswith("data/"):
            entry["bytes"] = shard.stat().st_size
    (built.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises((UsageError, NotFoundError)):
        explain("alpaca/000000", built.path)
    assert not ran.exists()


def test_what_is_run_is_what_was_hashed(
    tmp_path: Path, make: Callable[..., BuildResult], ran: Path
) -> None:
    """Python would take the code from a __pycache__ beside the file, whatever the file says."""
    (tmp_path / "mine.py").write_text(SOURCE.replace("NAME", "mine"))
    compiled = py_compile.compile(
        str(tmp_path / "evil.py"),
        cfile=None,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        doraise=True,
    )
    assert compiled is not None
    Path(compiled).rename(compiled.replace("evil", "mine"))
    assert (
        len(
            rows(
                make(
                    {"mine.json": '[{"q": "Name a river.", "a": "The Nile."}]'},
                    str(tmp_path / "mine.py"),
                )
            )
        )
        == 1
    )
    assert not ran.exists()


def test_a_note_in_the_cache_removes_nothing_outside_it(tmp_path: Path) -> None:
    from open_instructions.inputs.cache import Cache, CacheEntry

    (tmp_path / "kept").write_text("kept")
    cache = Cache(tmp_path / "cache")
    entry = CacheEntry(
        "a",
        "b",
        "c",
        tmp_path / "cache" / "files" / ".." / ".." / "kept",
        "https://example.org/x",
        4,
        "0" * 64,
    )
    cache.add(entry)
    assert cache.remove(entry) == 0
    assert (tmp_path / "kept").read_text() == "kept"
