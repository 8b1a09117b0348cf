"""Code that fails on a record: the record is a reject, the build goes on, and too many of them stop
it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from open_instructions import load
from open_instructions.building.run import BuildResult
from open_instructions.errors import ConverterError, OutputError
from open_instructions.reports.check import check
from open_instructions.stages import html, license

from .conftest import BESIDE, SOURCE, alpaca, digests, rows

FAILING = SOURCE.replace("NAME", "fails").replace(
    'yield Draft(pair(record["q"], record["a"]), used=("q", "a"))',
    'if record["a"] == "bad":\n        raise ZeroDivisionError("\\x1b[31m" + "x" * 1000)\n'
    '    yield Draft(pair(record["q"], record["a"]), used=("q", "a"))',
)


def source(folder: Path) -> str:
    path = folder / "fails.py"
    path.write_text(FAILING)
    return str(path)


def records(good: int, bad: int) -> str:
    """Lines of a file; the bad ones are spread over it."""
    lines = [json.dumps({"q": f"Question {n}?", "a": f"Answer {n}."}) for n in range(good)]
    for n in range(bad):
        lines.insert((n * len(lines)) // max(bad, 1), json.dumps({"q": f"Bad {n}?", "a": "bad"}))
    return "\n".join(lines)


def test_a_record_that_code_fails_on_is_a_reject(
    make: Callable[..., BuildResult], tmp_path: Path
) -> None:
    result = make({"mine.json": records(3, 1)}, source(tmp_path))
    [refused] = rows(result, "rejected")
    assert (refused["level"], refused["stage"], refused["reason"]) == (
        "record",
        "convert",
        "stage_failed",
    )
    assert refused["detail"].startswith("The converter failed: ZeroDivisionError: ")
    assert len(refused["detail"]) == 300
    assert refused["raw"] == '{"q": "Bad 0?", "a": "bad"}'
    assert len(rows(result)) == 3
    assert (
        "fails:main: code failed on 1 record at convert; rejected/ has them as stage_failed"
        in result.found.notes
    )
    assert check(result.path).problems == ()


def test_strict_stops_at_the_first(make: Callable[..., BuildResult], tmp_path: Path) -> None:
    with pytest.raises(
        ConverterError,
        match=r"failed on 1 of 4 records, and strict=True allows none\. fails/000000 at convert: .*ZeroDiv",
    ):
        make({"mine.json": records(3, 1)}, source(tmp_path), strict=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("good", "bad", "stops"),
    [
        (5, 10, False),
        (5, 11, True),
        (11_000, 11, False),
        (10_900, 11, True),
    ],  # ten always go, then one in a thousand
)
def test_too_many_stop_the_build(
    make: Callable[..., BuildResult], tmp_path: Path, good: int, bad: int, stops: bool
) -> None:
    if stops:
        with pytest.raises(
            ConverterError,
            match=rf"failed on {bad} of {good + bad:,} records, and more than one in 1,000\. fails/",
        ):
            make({"mine.json": records(good, bad)}, source(tmp_path))
    else:
        assert (
            len(rows(make({"mine.json": records(good, bad)}, source(tmp_path)), "rejected")) == bad
        )


def test_the_same_rejects_for_any_number_of_workers(
    make: Callable[..., BuildResult], tmp_path: Path
) -> None:
    one = make({"mine.json": records(5000, 5)}, source(tmp_path), out=tmp_path / "one")
    two = make({}, source(tmp_path), out=tmp_path / "two", workers=2)
    assert digests(one.path) == digests(two.path)


def test_a_failing_rule_is_named(make: Callable[..., BuildResult], tmp_path: Path) -> None:
    text = SOURCE.replace("NAME", "ruled").replace(
        'default=("main",),',
        "default=(\"main\",), rules=(Rule('odd', 'd', lambda record: record['none']),),",
    )
    (tmp_path / "ruled.py").write_text(text.replace("import Source", "import Rule, Source"))
    result = make({"mine.json": records(1, 0), **BESIDE}, f"{tmp_path / 'ruled.py'},dolly")
    assert [(r["stage"], r["detail"]) for r in rows(result, "rejected")] == [
        ("record_rules", "Rule odd failed: KeyError: 'none'")
    ]


def test_a_failing_stage(make: Callable[..., BuildResult], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: str) -> str:
        raise RecursionError("too deep") if "deep" in text else ValueError(text)

    monkeypatch.setattr(html, "to_markdown", fail)
    turns = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "<p>deep</p>"}]
    plain = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]
    talks = [{"id": "a", "conversations": turns}, {"id": "b", "conversations": plain}]
    result = make({"sg_90k_part1.json": talks}, "sharegpt:raw")
    assert [(r["conversation_id"], r["stage"], r["detail"]) for r in rows(result, "rejected")] == [
        ("sharegpt/a", "html", "Stage html failed: RecursionError: too deep")
    ]
    assert [r["id"] for r in rows(result)] == ["sharegpt/b"]
    assert len(load(result.path)) == 1


def test_a_batch_in_which_one_fails(
    make: Callable[..., BuildResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    from open_instructions.stages import language

    words = language.words
    monkeypatch.setattr(
        language,
        "words",
        lambda talk: 1 / 0 if "seven" in talk.messages[1].content else words(talk),
    )
    talks = [alpaca(f"Question {n}?", f"Answer {'seven' if n == 7 else n}.") for n in range(20)]
    result = make({"alpaca_data.json": talks})
    assert [(r["origin_row"], r["stage"], r["reason"]) for r in rows(result, "rejected")] == [
        (7, "language", "stage_failed")
    ]
    assert len(rows(result)) == 19


@pytest.mark.parametrize("error", [MemoryError, OSError(28, "No space left on device")])
def test_a_machine_that_fails_ends_the_build(
    make: Callable[..., BuildResult], monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    def fail(*given: Any) -> str:
        raise error

    monkeypatch.setattr(license.License, "__call__", fail)
    with pytest.raises((MemoryError, OutputError)):
        make({"alpaca_data.json": [alpaca()]}, licenses="commercial")
