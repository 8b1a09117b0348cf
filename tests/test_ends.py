"""What the world does to a command: names that are not UTF-8, too little memory, signals; and what
data does to a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from open_instructions import cli
from open_instructions.building import run as builder
from open_instructions.building.run import BuildResult
from open_instructions.cli.console import json_text, safe
from open_instructions.errors import NotFoundError, RecipeError
from open_instructions.reports import check as verify
from open_instructions.reports import stats as summary
from open_instructions.reports.explain import explain

from .conftest import alpaca, rows

BYTES = os.fsdecode(b"caf\xe9")


def data(folder: Path, records: int = 3) -> Path:
    folder.mkdir(parents=True)
    (folder / "alpaca_data.json").write_text(
        json.dumps([alpaca(f"Name tree {n}.", f"Oak {n}.") for n in range(records)])
    )
    return folder


@pytest.mark.parametrize("place", ["folder", "below", "out", "everywhere"])
def test_a_path_that_is_not_utf8(tmp_path: Path, place: str) -> None:
    here = tmp_path / BYTES if place in ("folder", "everywhere") else tmp_path / "data"
    data(here / BYTES if place in ("below", "everywhere") else here)
    out = tmp_path / f"out{BYTES}" if place in ("out", "everywhere") else tmp_path / "out"
    built = builder.build("alpaca", data_dir=here, out=out, workers=1)
    assert len(rows(built)) == 3
    assert verify.check(out).problems == ()
    assert summary.stats(out).all.conversations == 3
    assert explain("alpaca/000001", out, data_dir=here).steps
    again = builder.build(locked=out / "oi.lock", data_dir=here, out=tmp_path / "again", workers=1)
    assert rows(again) == rows(built)


def test_a_name_that_is_not_utf8_is_written_as_it_is_shown(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    record = {
        "instruction": "Name a tree.",
        "context": "",
        "response": "An oak.",
        "category": "open_qa",
    }
    (tmp_path / "data" / f"{BYTES}.jsonl").write_text(json.dumps(record))
    built = builder.build("dolly", data_dir=tmp_path / "data", out=tmp_path / "out", workers=1)
    assert [row["origin_file"] for row in rows(built)] == ["caf\\udce9.jsonl"]
    assert [item.file for item in built.manifest.inputs] == ["caf\\udce9.jsonl"]


def test_an_id_that_is_no_text(make: Callable[..., BuildResult]) -> None:
    with pytest.raises(NotFoundError, match="has no record"):
        explain(BYTES, make({"alpaca_data.json": [alpaca()]}).path)


def test_a_lock_without_a_name_of_its_recipe(
    tmp_path: Path, make: Callable[..., BuildResult]
) -> None:
    built = make({"alpaca_data.json": [alpaca()]})
    said = json.loads((built.path / "oi.lock").read_text())
    del said["recipe"]["name"]
    (tmp_path / "oi.lock").write_text(json.dumps(said))
    with pytest.raises(RecipeError, match="the recipe has no name"):
        builder.build(locked=tmp_path / "oi.lock", data_dir=tmp_path / "data", out=tmp_path / "two")
    manifest = json.loads((built.path / "manifest.json").read_text())
    del manifest["recipe"]["name"]
    (built.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(NotFoundError, match="is not a manifest"):
        summary.stats(built.path)


def test_too_little_memory_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stats(*_: object) -> None:
        raise MemoryError("malloc of size 9 failed")

    monkeypatch.setattr("open_instructions.reports.stats.stats", stats)
    assert cli.main(["stats", "mix"]) == 1
    said = capsys.readouterr().err
    assert said == "Error: Not enough memory: malloc of size 9 failed.\nUse fewer --workers.\n"


def test_nothing_unseen_reaches_a_terminal() -> None:
    """By the tables of Unicode: control characters, formats (direction marks, tags, joiners),
    separators of lines, half pairs."""
    kept = [
        f"U+{ord(c):04X}"
        for c in map(chr, range(0x110000))
        if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs")
        and c not in "\t\n"
        and safe(c) == c
    ]
    assert kept == []
    assert (
        safe("a\u200eb\u061c\U000e0041\ufe0f\U000e0100\u034f")
        == "a\\u200eb\\u061c\\U000e0041\\ufe0f\\U000e0100\\u034f"
    )
    assert (
        safe("Ünïcode 汉字 عربى हिन्दी 👍 é e\u0301\tx\n")
        == "Ünïcode 汉字 عربى हिन्दी 👍 é e\u0301\tx\n"
    )


def test_json_for_scripts_is_safe_too() -> None:
    given = {"a\u202e": "b\x9b31m\U000e0041", "c": "汉"}
    text = json_text(given)
    assert json.loads(text) == given
    assert safe(text) == text and "汉" in text


def test_a_message_has_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    from open_instructions.cli.console import fail

    fail("x" * 1_000_000)
    assert len(capsys.readouterr().err) < 21_000


def left(group: int) -> list[str]:
    """The processes of a group."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            state, _, of = (
                (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                if entry.name.isdigit()
                else ("Z", "", "0")
            )
            if int(of) == group and state != "Z":
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except (OSError, ValueError):
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("sent", [None, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_process_is_left(tmp_path: Path, sent: signal.Signals | None) -> None:
    folder = data(tmp_path / "data", 40_000 if sent else 2_000)
    command = [
        sys.executable,
        "-c",
        "from open_instructions.cli import run; run()",
        "build",
        "-s",
        "alpaca",
        "-d",
        str(folder),
    ]
    running = subprocess.Popen(
        [*command, "--workers", "2", "--out", str(tmp_path / "out")],
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # which nohup has ignored
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    if sent:
        for _ in range(600):
            if len(left(running.pid)) >= 3:
                break
            time.sleep(0.05)
        running.send_signal(sent)
    _, said = running.communicate(timeout=120)
    found = left(running.pid)
    assert (found, running.returncode) == (
        [],
        {None: 0, signal.SIGINT: 130}.get(sent, -int(sent or 0)),
    ), said.decode()


def test_stats_by_hand(make: Callable[..., BuildResult]) -> None:
    """As a sorted list of all lengths gives them, in pieces of two rows."""
    built = make(
        {"alpaca_data.json": [alpaca(f"Name {n}.", "oak " * (n % 7 + 1)) for n in range(50)]}
    )
    lengths = sorted(row["num_tokens"] for row in rows(built))
    whole = summary.stats(built.path).all

    def under(share: float) -> int:
        return int(lengths[int(share * len(lengths))])

    assert whole.tokens == summary.Spread(
        sum(lengths), sum(lengths) / 50, under(0.5), under(0.9), under(0.99), lengths[-1]
    )
    assert (whole.conversations, whole.turns) == (50, 50)
    assert whole.languages == dict(Counter(row["language"] for row in rows(built)).most_common())


def test_stats_keeps_no_rows(
    make: Callable[..., BuildResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    built = make(
        {"alpaca_data.json": [alpaca(f"Name {n}.", "oak " * (n % 7 + 1)) for n in range(50)]}
    )
    before = summary.stats(built.path)
    seen: list[int] = []
    count = summary._Sums.count

    def watch(self: Any, table: Any) -> None:
        seen.append(table.num_rows)
        count(self, table)

    monkeypatch.setattr(summary, "_TOGETHER", 8)
    monkeypatch.setattr(summary._Sums, "count", watch)
    assert summary.stats(built.path).to_dict() == before.to_dict()
    assert max(seen) == 8
