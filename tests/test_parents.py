"""A finished build as a source: its rows stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

import open_instructions as oi
from open_instructions.errors import UsageError
from open_instructions.store import open_build

from .conftest import digests, rows


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Conversations in several parts, with and without a system prompt, and preference rows."""
    out = tmp_path_factory.mktemp("parent") / "base"
    result = oi.build(sample=True, max_tokens=60, out=out)
    assert result.manifest.totals["parts_added"] > 0
    assert [shard for shard in result.manifest.shards if shard.kind == "preference"]
    return result.path


@pytest.mark.parametrize("workers", [1, 2])
def test_the_rows_stay_byte_for_byte(parent: Path, tmp_path: Path, workers: int) -> None:
    child = oi.build([str(parent)], out=tmp_path / "child", workers=workers)
    for kind in ("data", "preference"):
        assert digests(child.path / kind) == digests(parent / kind)
    assert oi.check(child.path)
    before = oi.stats(parent)
    assert oi.stats(child.path).usage == before.usage
    assert child.manifest.own["base"]["parent"] == open_build(parent).manifest.fingerprint


def test_rows_of_a_build_stand_beside_others(parent: Path, tmp_path: Path) -> None:
    alone = oi.build("dolly", sample=True, max_tokens=60, out=tmp_path / "people")
    child = oi.build([str(parent), str(alone.path)], out=tmp_path / "child")
    assert [row["id"] for row in rows(child)] == [row["id"] for row in oi.load(parent).to_list()]
    dropped = oi.rejected(child.path)
    assert set(dropped["reason"]) == {"duplicate"}
    assert set(dropped["parent"]) <= {
        open_build(path).manifest.fingerprint for path in (parent, alone.path)
    }
    assert oi.check(child.path)


def test_a_child_is_a_parent_too(parent: Path, tmp_path: Path) -> None:
    child = oi.build([str(parent)], out=tmp_path / "child")
    grandchild = oi.build(
        [str(child.path), "dolly"], sample=True, max_tokens=60, out=tmp_path / "grandchild"
    )
    assert len(rows(grandchild)) == len(rows(child))


def test_what_the_rows_say_is_not_said_again(parent: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a build, whose rows say what they are"):
        oi.build([str(parent)], source_license="MIT", out=tmp_path / "no")
