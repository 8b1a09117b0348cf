"""oi check: what is wrong with a build is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import open_instructions as oi
from open_instructions.errors import NotFoundError

from .test_cli import oi as run


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return oi.build("all", sample=True, out=tmp_path / "mix").path


def manifest(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads((path / "manifest.json").read_text())
    change(content)
    (path / "manifest.json").write_text(json.dumps(content))


def rewrite(path: Path, change: Callable[[list[dict[str, Any]]], None], kind: str = "data") -> None:
    """A shard with other rows, and a manifest that knows its new size and digest."""
    import hashlib

    [file] = (path / kind).glob("*.parquet")
    table = pq.read_table(file)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), file, compression="zstd")

    def said(content: dict[str, Any]) -> None:
        for shard in content["shards"]:
            if shard["path"].startswith(kind):
                shard |= {
                    "bytes": file.stat().st_size,
                    "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                    "rows": len(rows),
                }

    manifest(path, said)


def test_a_whole_build(built: Path) -> None:
    found = oi.check(built)
    assert found
    assert (found.shards, found.rows, found.problems) == (4, 461, ())
    done = run("check", built)
    assert (done.returncode, done.stdout) == (
        0,
        f"{built}: 4 shards, 461 rows, all as in the manifest\n",
    )


def test_a_byte_that_changed(built: Path) -> None:
    [file] = (built / "data").glob("*.parquet")
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    assert any("does not have the sha256" in problem for problem in oi.check(built).problems)
    done = run("check", built)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "data/train-00000-of-00001.parquet does not have the sha256 in the manifest" in done.stderr
    )


def test_a_shard_that_is_cut_or_gone_or_strange(built: Path) -> None:
    [file] = (built / "rejected").glob("*.parquet")
    content = file.read_bytes()
    file.write_bytes(content[:-20])
    assert any("cannot be read" in p for p in oi.check(built).problems)
    file.unlink()
    assert "rejected/rejected-00000-of-00001.parquet is gone" in oi.check(built).problems
    file.write_bytes(content)
    (built / "data" / "extra.parquet").touch()
    assert oi.check(built).problems == ("data/extra.parquet is not in the manifest",)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows.pop(), "rows are there, but the ledger says"),
        (
            lambda rows: rows[1].update(id=rows[0]["id"], conversation_id=rows[0]["id"]),
            "1 rows share their id with another row",
        ),
        (lambda rows: rows[0]["messages"].pop(), "not a whole number of turns"),
        (lambda rows: rows[0]["messages"][0].update(role="human"), "'human'"),
        (lambda rows: rows[0].update(num_turns=9), "its num_turns is 9"),
        (lambda rows: rows[0].update(language="xx"), "language 'xx'"),
        (lambda rows: rows[0].update(conversation_id="other"), "is not a part of other"),
        (lambda rows: rows[0].update(id=rows[0]["id"] + "#banana"), "is not a part of"),
        (lambda rows: rows[0].update(num_tokens=-5), "has -5 tokens"),
        (lambda rows: rows[0].update(language_score=7.0), "has the language score 7.0"),
        (lambda rows: rows[0].update(language_score=float("nan")), "has the language score nan"),
        (lambda rows: rows[0].update(metadata="[1]"), "has metadata that is not a JSON object"),
        (lambda rows: rows[0].update(metadata="{"), "has metadata that is not a JSON object"),
        (
            lambda rows: rows[0]["messages"][0].update(content=None),
            "has no value in a message or an edit",
        ),
        (lambda rows: rows[0].update(messages=[None]), "has no value in a message or an edit"),
        (lambda rows: rows[0].update(messages=None), "has no messages"),
        (lambda rows: rows[0].update(id=None), "None has no id"),
        (
            lambda rows: rows[0].update(conversation_id=None, license=None),
            "has no conversation_id, license",
        ),
        (
            lambda rows: rows[0].update(source=None),
            "None:main: 1 rows are there, but the ledger says 0",
        ),
        (lambda rows: rows[0].update(edits=[None]), "has no value in a message or an edit"),
    ],
)
def test_rows_that_are_not_right(
    built: Path, change: Callable[[list[dict[str, Any]]], None], says: str
) -> None:
    rewrite(built, change)
    problems = oi.check(built).problems
    assert problems
    assert any(says in problem for problem in problems), problems


def test_a_rejected_row_that_is_missing(built: Path) -> None:
    rewrite(
        built,
        lambda rows: rows.remove(next(r for r in rows if r["reason"] == "duplicate")),
        "rejected",
    )
    assert any(
        "are in rejected/ for duplicate, but the ledger says" in p for p in oi.check(built).problems
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows[0].update(raw=None), "1 rows have no raw"),
        (
            lambda rows: rows.append(
                next(r for r in rows if r["level"] == "message") | {"reason": "overlong"}
            ),
            "1 messages are in rejected/ for overlong, but the ledger says 0",
        ),
        (lambda rows: rows.append(dict(rows[0])), "records are in rejected/"),
    ],
)
def test_rejected_rows_that_are_not_right(
    built: Path, change: Callable[[list[dict[str, Any]]], None], says: str
) -> None:
    rewrite(built, change, "rejected")
    problems = oi.check(built).problems
    assert any(says in problem for problem in problems), problems


def test_rows_of_which_the_ledger_knows_nothing(built: Path) -> None:
    def forget(content: dict[str, Any]) -> None:
        content["ledger"] = {}
        content["totals"] = dict.fromkeys(content["totals"], 0)

    manifest(built, forget)
    problems = oi.check(built).problems
    assert "dolly:main: 24 rows are there, but the ledger says 0" in problems
    assert any(
        p.endswith("records are in rejected/ for duplicate, but the ledger says 0")
        for p in problems
    )


def test_a_build_without_shards(built: Path) -> None:
    manifest(built, lambda content: content.update(shards=[]))
    problems = oi.check(built).problems
    assert "no shard of data/ is in the manifest" in problems
    assert "data/train-00000-of-00001.parquet is not in the manifest" in problems


def test_files_that_are_gone_and_files_that_are_strange(built: Path) -> None:
    for name in ("README.md", "oi.lock"):
        (built / name).unlink()
    (built / "test").mkdir()
    for name in ("stray.parquet", "test/x.parquet", ".gitattributes"):
        (built / name).touch()
    assert oi.check(built).problems == (
        "README.md is gone",
        "oi.lock is gone",
        "stray.parquet is not in the manifest",
        "test/x.parquet is not in the manifest",
    )


@pytest.mark.usefixtures("no_garbage")
def test_a_lock_of_another_build(built: Path) -> None:
    lock = json.loads((built / "oi.lock").read_text())
    lock["files"][0]["sha256"] = "0" * 64
    (built / "oi.lock").write_text(json.dumps(lock))
    assert oi.check(built).problems == ("oi.lock does not match the manifest's files or recipe",)
    for text in ("{", "[" * 100_000):
        (built / "oi.lock").write_text(text)
        [problem] = oi.check(built).problems
        assert "oi.lock is not a lock" in problem


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["recipe"].update(min_chars=3),
        lambda content: content["inputs"][0].update(bytes=5),
        lambda content: content["versions"].update(python="2.7"),
        lambda content: content["sources"].update(dolly="0" * 64),
        lambda content: content.update(fingerprint="0" * 64),
        lambda content: content.update(missing=["dolly:main"]),
    ],
)
def test_a_manifest_that_says_something_else(
    built: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    manifest(built, change)
    assert (
        "the manifest's fingerprint does not match its versions, "
        "recipe, sources, inputs and missing files" in oi.check(built).problems
    )


def test_many_problems_are_counted(built: Path) -> None:
    def spoil(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["num_tokens"] = -1

    rewrite(built, spoil)
    problems = oi.check(built).problems
    assert (len(problems), problems[-1]) == (101, "and 321 more")


def test_another_schema(built: Path) -> None:
    [file] = (built / "data").glob("*.parquet")
    pq.write_table(pq.read_table(file).drop_columns(["task"]), file)
    assert any("has the wrong schema" in p for p in oi.check(built).problems)


def test_books_that_do_not_balance(built: Path) -> None:
    def lose_one(content: dict[str, Any]) -> None:
        content["ledger"]["dolly:main"]["convert"]["records_out"] -= 1

    manifest(built, lose_one)
    assert any("the ledger does not balance: dolly:main" in p for p in oi.check(built).problems)


@pytest.mark.parametrize("key", ["shards", "ledger", "recipe", "inputs", "fingerprint", "versions"])
@pytest.mark.parametrize("value", [None, 5, "x", [1], [{}]])
def test_a_manifest_of_the_wrong_kind(built: Path, key: str, value: Any) -> None:
    manifest(built, lambda content: content.update({key: value}))
    with pytest.raises(NotFoundError, match="is not a manifest"):
        oi.check(built)


def test_a_shard_outside_the_build(built: Path) -> None:
    manifest(built, lambda content: content["shards"][0].update(path="/etc/passwd"))
    for function in (oi.check, oi.stats, oi.load, oi.rejected):
        with pytest.raises(NotFoundError, match="'/etc/passwd', not the path of a shard"):
            function(built)


def test_no_build(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        oi.check(tmp_path)
