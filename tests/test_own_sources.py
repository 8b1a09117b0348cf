"""A source of one's own in a .py file: that one file is enough, and what is wrong with it is
said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from open_instructions.building.run import BuildResult
from open_instructions.catalogue import load_file
from open_instructions.errors import ConverterError, UsageError

from .conftest import BESIDE, SOURCE, alpaca, rows

PACKAGE = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("workers", [1, 2])
def test_one_file_is_enough_for_a_source(
    make: Callable[..., BuildResult], tmp_path: Path, workers: int
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(SOURCE.replace("NAME", f"mine{workers}"))
    result = make(
        {"mine.json": '[{"q": "Name a river.", "a": "The Nile."}]'}, str(mine), workers=workers
    )
    assert [(r["id"], r["license"]) for r in rows(result)] == [(f"mine{workers}/000000", "CC0-1.0")]


def test_a_copy_of_a_converter_under_another_name(
    make: Callable[..., BuildResult], tmp_path: Path
) -> None:
    text = (
        (PACKAGE / "converters" / "alpaca.py").read_text().replace('name="alpaca"', 'name="mine"')
    )
    (tmp_path / "mine.py").write_text(text)
    result = make({"alpaca_data.json": [alpaca(input="<noinput>")]}, str(tmp_path / "mine.py"))
    assert [(r["id"], r["edits"]) for r in rows(result)] == [("mine/000000", ["no_input"])]


def test_a_name_that_is_taken_is_refused(make: Callable[..., BuildResult], tmp_path: Path) -> None:
    (tmp_path / "again.py").write_text((PACKAGE / "converters" / "dolly.py").read_text())
    with pytest.raises(ConverterError, match="Two sources are called 'dolly'"):
        make({}, str(tmp_path / "again.py"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def x(:", "line 1"),
        ("import nothing_like_it", "cannot be imported"),
        ("x = 1", "registers no source"),
    ],
)
def test_a_source_file_that_is_none(
    make: Callable[..., BuildResult], tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "none.py").write_text(text)
    with pytest.raises((ConverterError, UsageError), match=says):
        make({}, str(tmp_path / "none.py"))


def test_a_converter_that_loses_a_record_is_a_bug(
    make: Callable[..., BuildResult], tmp_path: Path
) -> None:
    (tmp_path / "loses.py").write_text(
        SOURCE.replace("NAME", "loses").replace(
            'yield Draft(pair(record["q"], record["a"]), used=("q", "a"))', "return iter(())"
        )
    )
    with pytest.raises(ConverterError, match="accounts for records"):
        make({"mine.json": '[{"q": "a", "a": "b"}]'}, str(tmp_path / "loses.py"), strict=True)


def test_an_edited_source_file_is_another_source(
    make: Callable[..., BuildResult], tmp_path: Path
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(SOURCE.replace("NAME", "edited"))
    files = {"mine.json": '[{"q": "a", "a": "b"}]'}
    assert rows(make(files, str(mine)))[0]["messages"][1]["content"] == "b"
    mine.write_text(SOURCE.replace("NAME", "edited").replace('record["a"]', '"new"'))
    assert rows(make(files, str(mine), overwrite=True))[0]["messages"][1]["content"] == "new"


BROKEN_CONTRACTS = [
    'yield Draft([("User", "a"), ("assistant", "b")])',
    'yield Draft(pair("a", 5))',
    'yield Draft(pair("a", "b"), task=5)',
    "yield 5",
    'yield Draft(pair("a", "b"), records=(3,))',
    'yield Reject("whatever")',
    "yield Reject(Reason.EMPTY, record=7)",
    "raise SystemExit(3)",
    'yield Draft(pair("a", "b"), metadata=[1])',
    'yield Draft(pair("a", "b"), metadata="hello")',
]


@pytest.mark.parametrize("body", BROKEN_CONTRACTS)
def test_a_converter_that_breaks_its_contract_is_named(
    make: Callable[..., BuildResult], tmp_path: Path, body: str
) -> None:
    text = SOURCE.replace("NAME", "breaks").replace(
        'yield Draft(pair(record["q"], record["a"]), used=("q", "a"))', body
    )
    (tmp_path / "breaks.py").write_text(
        text.replace("import Draft", "import Draft, Reason, Reject")
    )
    with pytest.raises(ConverterError):
        make({"mine.json": '[{"q": "a", "a": "b"}]'}, str(tmp_path / "breaks.py"), strict=True)
    result = make(BESIDE, f"{tmp_path / 'breaks.py'},dolly")
    assert [(r["stage"], r["reason"], r["raw"]) for r in rows(result, "rejected")] == [
        ("convert", "stage_failed", '{"q": "a", "a": "b"}')
    ]


TWO_SUBSETS = SOURCE.replace("NAME", "mine").replace(
    "    subsets=(\n",
    "    subsets=(\n        Subset('more', files=('more.json',), fields=frozenset({'q', 'a'}),"
    " languages=('en',), engine='human', license='CC0-1.0'),\n",
)
QUESTION = '[{"q": "Name a river.", "a": "The Nile."}]'


@pytest.mark.parametrize(
    "other", ["{folder}/./mine.py", "{folder}/../x/mine.py", "{folder}/link.py"]
)
def test_one_file_by_two_paths_is_one_source(
    make: Callable[..., BuildResult], tmp_path: Path, other: str
) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "mine.py").write_text(TWO_SUBSETS)
    (folder / "link.py").symlink_to(folder / "mine.py")
    chosen = [f"{folder}/mine.py:main", other.format(folder=folder) + ":more"]
    result = make({"mine.json": QUESTION, "more.json": QUESTION.replace("N", "n")}, chosen)
    assert [r["subset"] for r in rows(result)] == ["more", "main"]


def test_two_sources_of_one_name_in_one_file(
    make: Callable[..., BuildResult], tmp_path: Path
) -> None:
    """The second took the place of the first, without a word."""
    again = SOURCE[SOURCE.index("@source") :].replace("def convert", "def other")
    (tmp_path / "mine.py").write_text((SOURCE + again).replace("NAME", "mine"))
    with pytest.raises(ConverterError, match=r"called 'mine': \S*mine\.py and \S*mine\.py"):
        make({"mine.json": QUESTION}, str(tmp_path / "mine.py"))


@pytest.mark.parametrize("converter", ["partial(convert)", "UserDict()"])
def test_what_is_no_function_of_the_file_can_be_a_converter(tmp_path: Path, converter: str) -> None:
    """A partial, or an instance of a class from elsewhere."""
    text = SOURCE.replace("NAME", "mine").replace("@source(MINE)\n", "")
    (tmp_path / "mine.py").write_text(
        f"from collections import UserDict\nfrom functools import partial\n{text}\n"
        f"made = source(MINE)({converter})\n"
    )
    assert [s.name for s in load_file(str(tmp_path / "mine.py"))] == ["mine"]


def test_a_converter_under_two_names_is_one_source(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SOURCE.replace("NAME", "mine") + "\nalias = convert\n")
    assert [s.name for s in load_file(str(tmp_path / "mine.py"))] == ["mine"]
