"""A source for tests whose records say what the converter makes of them, and short forms for such
records."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from open_instructions.building.run import BuildResult

SAYS = """
from open_instructions.catalogue import Source, Subset, source
from open_instructions.preference import PreferenceDraft
from open_instructions.schema import Draft, Message, Reason, Reject


def told(said):
    return [Message(*m[:2], fields=m[2] if len(m) > 2 else None) for m in said]


def drafted(said, records):
    known = ("id", "license", "task", "metadata", "tools")
    shared = {key: said[key] for key in known if key in said}
    shared |= {"used": ("drafts", "run", "refused"), "records": records}
    if "messages" in said:
        return Draft(told(said["messages"]), engine=said.get("engine"), **shared)
    lists = {name: told(said[name]) for name in ("prompt", "chosen", "rejected")}
    more = {key: said[key] for key in (
        "chosen_score", "rejected_score", "score_name", "judge", "chosen_engine",
        "rejected_engine") if key in said}
    return PreferenceDraft(**lists, **more, **shared)


def convert(records):
    for at, record in enumerate(records):
        for said in record["drafts"]:
            yield drafted(said, tuple(said.get("records", [at])))
        for text in record.get("messages_refused", ()):
            yield Reject(Reason.NOT_ON_PATH, "not taken", Message("assistant", text), record=at)
        if "refused" in record:
            yield Reject(Reason(record["refused"]), "as the record says", record=at)


def one(record):
    yield from convert([record])


def _subset(name, **more):
    return Subset(
        name, files=(name + ".jsonl",), fields=frozenset({"drafts"}), languages=("en",),
        engine="human", license="CC0-1.0", id="{row:03d}", **more,
    )


@source(Source(
    name="says", title="Says", description="d", homepage="h", cost="c", attribution="a",
    default=("main", "runs"),
    subsets=(
        _subset("main", convert=one),
        _subset("runs", convert=convert, run_key=lambda record: record.get("run")),
    ),
))
def unused(record):
    yield from ()
"""


def user(text: str) -> list[str]:
    return ["user", text]


def assistant(text: str) -> list[str]:
    return ["assistant", text]


def pair(
    asked: str = "Name a bird.", good: str = "A wren.", bad: str = "A pike.", **more: Any
) -> dict[str, Any]:
    """A preference as a record of the source says it."""
    lists = {"prompt": [user(asked)], "chosen": [assistant(good)], "rejected": [assistant(bad)]}
    return lists | more


def talk(asked: str = "Name a fish.", answered: str = "A pike.", **more: Any) -> dict[str, Any]:
    return {"messages": [user(asked), assistant(answered)]} | more


def record(*drafts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"drafts": list(drafts), **more}


Say = Callable[..., BuildResult]


def saying(
    make: Callable[..., BuildResult],
    folder: Path,
    records: Sequence[dict[str, Any]],
    runs: Sequence[dict[str, Any]] = (),
    **options: Any,
) -> BuildResult:
    """A build of records of the source; those of `runs` say which run they are of."""
    (folder / "says.py").write_text(SAYS)
    for name in ("main.jsonl", "runs.jsonl"):
        (folder / "data" / name).unlink(missing_ok=True)
    files = {"main.jsonl": records, "runs.jsonl": runs}
    texts = {
        name: "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in found)
        for name, found in files.items()
        if found
    }
    return make(texts, str(folder / "says.py"), missing="skip", **options)


@pytest.fixture
def say(make: Callable[..., BuildResult], tmp_path: Path) -> Say:
    return partial(saying, make, tmp_path)
