from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import open_instructions as oi
from open_instructions.errors import NotFoundError, UsageError


@pytest.fixture
def mix(tmp_path: Path) -> Path:
    return oi.build("all", sample=True, out=tmp_path / "mix").path


def test_load(mix: Path) -> None:
    rows = oi.load(mix)
    assert rows.num_rows == 421
    assert rows.features["messages"].feature["role"].dtype == "string"
    assert rows.features["language_score"].dtype == "float32"
    assert rows[0]["id"] == "alpaca/000000"


def test_load_some(mix: Path) -> None:
    assert set(oi.load(mix, sources=["dolly", "gpt4llm:zh"])["source"]) == {"dolly", "gpt4llm"}
    assert set(oi.load(mix, sources="gpt4llm:zh")["subset"]) == {"zh"}
    assert set(oi.load(mix, languages="de")["language"]) == {"de"}
    assert oi.load(mix, columns=["messages"]).column_names == ["messages"]
    assert oi.load(mix, sources="dolly", columns=["id", "messages"]).column_names == [
        "id",
        "messages",
    ]


def test_streaming_gives_the_same_rows(mix: Path) -> None:
    stream = oi.load(mix, streaming=True, sources="sharegpt,dolly", columns=["id", "num_tokens"])
    assert (
        list(stream)
        == oi.load(mix, sources="sharegpt,dolly", columns=["id", "num_tokens"]).to_list()
    )
    assert stream.features == oi.load(mix, columns=["id", "num_tokens"]).features


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"columns": "message"}, "Did you mean 'messages'"),
        ({"sources": "doly"}, "no source 'doly'"),
        ({"languages": "klingon"}, "klingon"),
    ],
)
def test_names_that_are_not_there(mix: Path, options: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        oi.load(mix, **options)
    assert says in str(caught.value)


def test_no_build() -> None:
    for function in (oi.load, oi.stats):
        with pytest.raises(NotFoundError, match="no build"):
            function()


def test_stats(mix: Path) -> None:
    stats = oi.stats(mix)
    assert stats.all.conversations == 421
    assert stats.sources["dolly"].licenses == {"CC-BY-SA-3.0": 24}
    assert stats.sources["alpaca"].rejected == {"no_answer": 1, "duplicate": 1}
    assert stats.all.tokens.total == sum(s.tokens.total for s in stats.sources.values())
    assert "dolly" in repr(stats)


def test_sources_print() -> None:
    assert "sharegpt:v3" in repr(oi.sources())
    assert oi.sources()[0].title == "Stanford Alpaca"


def test_the_functions_survive_the_import_of_submodules() -> None:
    code = (
        "import open_instructions as oi, pkgutil, importlib\n"
        "for m in pkgutil.iter_modules(oi.__path__): importlib.import_module('open_instructions.' + m.name)\n"
        "assert all(callable(getattr(oi, n)) for n in oi.__all__), [n for n in oi.__all__ if not callable(getattr(oi, n))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        oi.lod  # noqa: B018
