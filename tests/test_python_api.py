from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import open_instructions as oi
from open_instructions.errors import NotFoundError, UsageError
from open_instructions.inputs.fetching import Fetched

from .fetching import ROWS
from .hub_server import FakeHub


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
        with pytest.raises(NotFoundError, match="No build"):
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
        "for m in pkgutil.walk_packages(oi.__path__, 'open_instructions.'):\n"
        "    importlib.import_module(m.name)\n"
        "lost = [n for n in oi.__all__ if not callable(getattr(oi, n))]\n"
        "assert not lost, lost"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        oi.lod  # noqa: B018


def test_the_schema_the_recipe_and_the_errors_are_at_the_top() -> None:
    from open_instructions import errors, recipe, schema

    assert (oi.Recipe, oi.Conversation, oi.Message) == (
        recipe.Recipe,
        schema.Conversation,
        schema.Message,
    )
    found = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert {name: getattr(oi, name) for name in oi.__all__ if name in found} == found
    with pytest.raises(oi.OpenInstructionsError):
        oi.build("dolly", sample=True, recipe="no-such-recipe")


def test_nothing_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, open_instructions\n"
        "print(sorted(m for m in sys.modules if m.startswith('open_instructions')))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "['open_instructions', 'open_instructions.checkout']\n"


def test_fetch(hub: FakeHub, mine: Callable[..., Path], tmp_path: Path) -> None:
    hub.files["mine.json"] = ROWS
    source = str(mine(f'(File("mine.json", (Url("{hub.url}/files/mine.json"),)),)'))
    fetched = oi.fetch(source)
    where = tmp_path / "cache/files/mine/main/mine.json"
    assert fetched.files == {"mine:main": (where,)}
    assert fetched.by_hand == {}
    assert where.read_bytes() == ROWS
    asked = len(hub.lines)
    assert oi.fetch([source]) == fetched
    assert len(hub.lines) == asked


def test_fetch_says_what_it_could_not_fetch(hub: FakeHub, mine: Callable[..., Path]) -> None:
    source = str(mine(f'(File("mine.json", (Url("{hub.url}/files/gone.json"),)),)'))
    with pytest.raises(oi.FetchError, match=r"mine:main mine\.json: .*404"):
        oi.fetch(source)


def test_fetch_names_what_a_person_has_to_get(hub: FakeHub, mine: Callable[..., Path]) -> None:
    source = str(mine("()", 'by_hand="Ask for it."'))
    assert oi.fetch(source) == Fetched({}, {"mine:main": "Ask for it."})
