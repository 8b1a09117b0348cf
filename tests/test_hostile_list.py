"""`make hostile` looks at every pattern and every scanner: here that none was forgotten, and that
it finds what it is for."""

from __future__ import annotations

import re
import signal
import time
from typing import Any

import pytest

from scripts.hostile import listed, patterns, scanners, timing
from scripts.hostile.attacks import attacks


def test_every_pattern_is_found() -> None:
    assert patterns.unknown() == [], "a function that makes patterns belongs into MADE_IN_FUNCTIONS"
    found = {p.where for p in patterns.patterns()}
    assert {
        "open_instructions.converters.gpt4all._END",
        "open_instructions.stages.split._CODE",
        "open_instructions.recipe._checked",
    } <= found


def test_every_scanner_is_listed() -> None:
    assert listed.unlisted() == [], (
        "what walks over input belongs into LISTED, with the scanner that measures it"
    )
    measured = {job.name for job in scanners.jobs()}
    assert {name for names in listed.LISTED.values() for name in names} <= measured


HUNG = {
    "alpaca": r"(?:\n[ \t]*(?:[#*]+|<!--\s*-->|\d+)?[ \t]*)*\n[ \t]*\d+\.\s*Instruction:",
    "gpt4all": r"\s*</s>\s*\Z|</s> ?(?=\n)",
    "tag": r"<([a-zA-Z][a-zA-Z0-9-]*)([^<>\"']*(?:\"[^\"]*\"[^<>\"']*|'[^']*'[^<>\"']*)*)>",
    "line": r"<br\b[^>]*>",
    "host": r"\b(?:[\w-]+\.)+(?:com|org)\b",
    "string": r'"(?:[^"\\]|\\.)*"',
    "edge": r"^\W+|\W+$",
}


@pytest.mark.parametrize("pattern", HUNG.values(), ids=HUNG)
def test_what_hung_is_found(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patterns that the project had, or like them, among the attacks that are made of them."""
    monkeypatch.setattr(timing, "AT_ONCE", 0.5)
    compiled = re.compile(pattern)
    told: list[timing.Job] = []
    cases: list[timing.Case] = [
        (str(a), a.text, lambda text: sum(1 for _ in compiled.finditer(text)))
        for a in attacks(compiled)
    ]
    timing.run([timing.Job("x", cases, 16_000)], 1, told.append)
    assert told[0].failed


def test_what_is_linear_is_not() -> None:
    def call(text: str) -> Any:
        return [character for character in text for _ in range(20)]

    told: list[timing.Job] = []
    timing.run([timing.Job("x", [("a", lambda n: "a" * n, call)], 50_000)], 1, told.append)
    assert told[0].failed == []


def test_what_no_signal_reaches_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ALL", 1)
    told: list[timing.Job] = []
    timing.run([timing.Job("x", [("a", lambda n: n, _deaf)], 1)], 1, told.append)
    assert told[0].failed == ["a: killed after 1 s"]


def _deaf(_: object) -> None:
    signal.signal(signal.SIGPROF, signal.SIG_IGN)
    while True:
        pass


def test_what_never_ends_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "KILLED", 1.0)
    told: list[timing.Job] = []
    timing.run([timing.Job("x", [("a", lambda n: n, lambda n: time.sleep(60))], 1)], 1, told.append)
    assert told[0].failed == ["a: killed after 1 s"]
