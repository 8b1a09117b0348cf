"""What a notebook shows and takes: frames, tables as HTML with nothing of the data's as markup,
bars while a build runs."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import open_instructions as oi
from open_instructions.building.progress import Update, watched
from open_instructions.building.run import BuildResult
from open_instructions.errors import NotFoundError, UsageError
from open_instructions.ledger import Ledger
from open_instructions.reports.tables import as_html

from .conftest import SOURCE, alpaca, rows

NAMES = [
    "level",
    "source",
    "subset",
    "conversation_id",
    "origin_file",
    "origin_row",
    "stage",
    "reason",
    "detail",
    "raw",
    "kind",
    "other",
    "score",
    "evidence",
    "parent",
]


@pytest.fixture
def mix(tmp_path: Path) -> BuildResult:
    return oi.build("alpaca,dolly,instructionwild", sample=True, out=tmp_path / "mix")


# --- frames


def test_rejected_is_a_frame(mix: BuildResult) -> None:
    frame = oi.rejected(mix.path)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == NAMES
    assert frame.astype(object).where(frame.notna(), None).to_dict("records") == rows(
        mix, "rejected"
    )
    assert set(oi.rejected(mix.path, sources="alpaca")["source"]) == {"alpaca"}
    assert set(oi.rejected(mix.path, sources=["instructionwild:v2"])["subset"]) == {"v2"}
    some = oi.rejected(mix.path, sources="alpaca", reasons=["no_answer"], columns=["reason", "raw"])
    assert (list(some.columns), list(some["reason"])) == (["reason", "raw"], ["no_answer"])
    assert len(oi.rejected(mix.path, reasons="license")) == 0
    assert list(oi.rejected(mix.path, reasons="license").columns) == NAMES


def test_rejected_of_the_newest_build(make: Callable[..., BuildResult]) -> None:
    with pytest.raises(NotFoundError, match="No build"):
        oi.rejected()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"reasons": "no_answers"}, "There is no reason 'no_answers'. Did you mean 'no_answer'"),
        ({"sources": "dolli"}, "This build has no source 'dolli'"),
        ({"columns": ["messages"]}, "There is no column 'messages'"),
    ],
)
def test_names_that_are_not_there(mix: BuildResult, options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        oi.rejected(mix.path, **options)
    assert says in str(caught.value)


def test_stats_as_a_frame(mix: BuildResult) -> None:
    stats = oi.stats(mix.path)
    frame = stats.to_pandas().set_index("source")
    assert list(frame.index) == ["alpaca", "dolly", "instructionwild"]
    assert frame.loc["dolly", "conversations"] == 24
    assert frame["tokens"].sum() == stats.all.tokens.total
    assert frame["records_read"].sum() == stats.all.books["records_read"]
    assert {
        "pairs",
        "tokens_mean",
        "tokens_median",
        "tokens_p99",
        "records_rejected",
        "rows",
    } <= set(frame.columns)


def test_the_ledger_as_a_frame() -> None:
    ledger = Ledger()
    ledger.add("dolly", "main", "convert", "rejected_records", 2, "no_answer")
    ledger.add("alpaca", "main", "read", "records_out", 3)
    frame = ledger.to_pandas()
    assert list(frame.columns) == ["source", "subset", "stage", "what", "name", "count"]
    assert frame.values.tolist() == [
        ["alpaca", "main", "read", "records_out", "", 3],
        ["dolly", "main", "convert", "rejected_records", "no_answer", 2],
    ]
    assert list(Ledger().to_pandas().columns) == list(frame.columns)


# --- what a notebook shows

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J\u202e"


def test_tables_are_text_never_markup() -> None:
    shown = as_html([HOSTILE, "n"], [[HOSTILE, "1,000"]], title=HOSTILE)
    assert "<img" not in shown
    assert shown.count("&lt;img src=x onerror=alert(1)&gt;\\x1b[2J\\u202e") == 3
    assert 'text-align: right">1,000</td>' in shown


def test_builds_stats_ledgers_and_explanations_show_no_markup_of_the_data(
    make: Callable[..., BuildResult], tmp_path: Path
) -> None:
    source = tmp_path / "mine.py"
    source.write_text(
        SOURCE.replace("NAME", "mine").replace(
            'record["a"])', 'record["a"]), license=record["l"], engine=record["l"]'
        )
    )
    result = make(
        {"mine.json": [{"q": HOSTILE, "a": HOSTILE, "l": HOSTILE}]},
        str(source),
        out=tmp_path / "<script>x",
    )
    stats = oi.stats(result.path)
    found = oi.explain("mine/000000", result.path)
    for value in (result, result.ledger, stats, found):
        shown = value._repr_html_()
        assert "<img" not in shown
        assert "<script" not in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert "&lt;img" in stats._repr_html_()
    assert "&lt;img" in found._repr_html_()
    assert html.escape(str(result.path)) in result._repr_html_()
    for value in (result, stats, found):
        assert "\x1b" not in repr(value)
        assert "\u202e" not in repr(value)


def test_an_explanation_prints_as_the_command_does(mix: BuildResult) -> None:
    said = repr(oi.explain("dolly/databricks-dolly-15k/000001", mix.path)).split("\n")
    assert said[0] == "dolly/databricks-dolly-15k/000001"
    assert said[1] == "  from databricks-dolly-15k.jsonl, record 1, of dolly:main"
    assert "as read" in said
    assert any(line.startswith("structure") for line in said)


# --- bars


def build_one(make: Callable[..., BuildResult], **options: Any) -> None:
    make({"alpaca_data.json": [alpaca()]}, **options)


def test_a_script_shows_nothing(
    make: Callable[..., BuildResult], capfd: pytest.CaptureFixture[str]
) -> None:
    build_one(make)
    assert capfd.readouterr() == ("", "")


def test_bars_are_shown_where_they_are_asked_for(
    make: Callable[..., BuildResult], capfd: pytest.CaptureFixture[str]
) -> None:
    build_one(make, progress=True)
    said = capfd.readouterr().err
    assert "alpaca: 100%" in said
    assert "shards: 100%" in said


@pytest.mark.parametrize(
    ("config", "asked", "shown"),
    [({"IPKernelApp": {}}, None, True), ({"IPKernelApp": {}}, False, False), ({}, None, False)],
)
def test_bars_are_shown_in_a_notebook(
    config: dict[str, Any], asked: bool | None, shown: bool, make: Callable[..., BuildResult],
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(config=config))
    monkeypatch.setitem(sys.modules, "IPython", kernel)  # type: ignore[arg-type]
    build_one(make, progress=asked)
    assert ("alpaca: 100%" in capfd.readouterr().err) is shown


def test_a_function_is_called_with_each_step(make: Callable[..., BuildResult]) -> None:
    steps: list[Update] = []
    build_one(make, progress=steps.append)
    assert list(dict.fromkeys(step.source for step in steps)) == ["alpaca", None]


def test_bars_are_closed_where_a_build_fails(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), watched(True) as watch:
        assert watch is not None
        watch(Update("alpaca", 5, 10, 1))
        raise KeyError
    assert capfd.readouterr().err.endswith("\n")


# --- a build as a data set


@pytest.mark.parametrize(("config", "many"), [("default", 23), ("rejected", 2), (None, 23)])
def test_load_dataset_takes_what_was_kept_and_what_was_rejected(
    config: str | None, many: int, tmp_path: Path, mix: BuildResult
) -> None:
    from datasets import load_dataset

    result = oi.build("alpaca", sample=True, out=tmp_path / "alpaca")
    loaded = load_dataset(
        str(result.path), config, split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded.num_rows == many
    assert loaded.to_list() == rows(result, "rejected" if config == "rejected" else "data")


def test_load_dataset_takes_what_files_say_once(tmp_path: Path) -> None:
    from datasets import load_dataset

    result = oi.build("lmflow:natural-instructions", sample=True, out=tmp_path / "tasks")
    loaded = load_dataset(
        str(result.path), "files", split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded.column_names == ["source", "subset", "origin_file", "header"]
    assert loaded.num_rows > 0


def test_a_build_that_rejects_nothing_promises_no_table_that_datasets_cannot_load(
    make: Callable[..., BuildResult],
) -> None:
    from datasets import get_dataset_config_names

    result = make({"alpaca_data.json": [alpaca()]})
    assert get_dataset_config_names(str(result.path)) == ["default"]
    assert '"rejected"' not in (result.path / "README.md").read_text()
    assert list(oi.rejected(result.path).columns) == NAMES
