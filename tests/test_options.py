"""The options of a build: one definition, from which the command, the Python function, the recipe's
overrides and the words of errors are made."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_type_hints

import pytest
import typer

import open_instructions as oi
from open_instructions.cli import app
from open_instructions.errors import OpenInstructionsError, RecipeError, UsageError, in_python
from open_instructions.options import BuildOptions, options_of
from open_instructions.recipe import Recipe

from .test_install import copied

ROOT = Path(__file__).resolve().parent.parent
OF_PYTHON = ["progress", "announce", "tell", "fetching"]
"""What the command has no option for."""

FIELD = """    dropout: Annotated[
        float | None,
        Option(
            CLEANING, "The share of words left out.", recipe=True, takes="a number from 0 to 1"
        ),
    ] = None
"""
ASKS = """
import inspect
import open_instructions as oi
from open_instructions.errors import UsageError, in_python
print(inspect.signature(oi.build).parameters["dropout"])
print(in_python("Use --dropout=0.1, or --dropout."))
for wrong in ("much", True):
    try:
        oi.build(sample=True, dropout=wrong)
    except UsageError as error:
        print(error.message)
for name, more in (("a", {}), ("b", {"dropout": 0.25}), ("c", {"dropout": 1})):
    result = oi.build("alpaca", sample=True, out=name, **more)
    print(result.manifest.recipe["dropout"])
"""


def test_a_new_option_is_one_field(tmp_path: Path) -> None:
    """In a clone with a key `dropout` in its recipes, one field more makes the option."""
    clone = copied(tmp_path)
    changed = {
        "open_instructions/recipe/__init__.py": (
            "    index_base: Bases = ()\n",
            "    dropout: float = 0.0\n",
        ),
        "open_instructions/options.py": ("    max_tokens: Annotated[", FIELD),
    }
    for name, (line, more) in changed.items():
        text = (clone / name).read_text(encoding="utf-8")
        assert text.count(line) == 1
        (clone / name).write_text(text.replace(line, more + line), encoding="utf-8")

    def run(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=clone,
            env=os.environ | {"PYTHONPATH": str(clone), "COLUMNS": "100", "TERM": "dumb"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    command = "from open_instructions.cli import main; main()"
    told = run("-c", command, "build", "--help")
    assert re.search(
        r"─ Cleaning and mixing ─.*--dropout +N +The share of words left out\..*─ Where it goes ─",
        told,
        re.S,
    )
    assert run("-c", ASKS).splitlines() == [
        "dropout: float | None = None",
        "Use dropout='0.1', or dropout.",
        "--dropout takes a number from 0 to 1, not 'much'.",
        "--dropout takes a number from 0 to 1, not True.",
        "0.0",
        "0.25",
        "1.0",
    ]
    run("-c", command, "build", "alpaca", "--sample", "--dropout", "0.5", "--out", "d")
    assert '"dropout": 0.5' in (clone / "d" / "manifest.json").read_text(encoding="utf-8")


def test_python_takes_every_option_and_says_so() -> None:
    shown = inspect.signature(oi.build)
    assert list(shown.parameters) == [*(o.name for o in options_of(BuildOptions)), *OF_PYTHON]
    assert get_type_hints(oi.build) == {
        **{name: p.annotation for name, p in shown.parameters.items()},
        "return": shown.return_annotation,
    }
    sources, *others = shown.parameters.values()
    assert (sources.kind, sources.default) == (sources.POSITIONAL_OR_KEYWORD, None)
    assert {p.kind for p in others} == {sources.KEYWORD_ONLY}
    assert [
        (p.annotation, p.default)
        for p in map(shown.parameters.get, ("missing", "max_tokens", "recipe", "strict"))
        if p
    ] == [
        (Literal["stop", "skip"], "stop"),
        (int | None, None),
        (str | Recipe | None, None),
        (bool, False),
    ]
    assert shown.return_annotation.__name__ == "BuildResult"
    assert oi.build.__doc__ and oi.build.__doc__.startswith("Build Parquet shards")


@pytest.mark.parametrize(
    ("given", "named", "says"),
    [
        (("all", "x"), {}, "build() too many positional arguments"),
        ((), {"wrokers": 2}, "build() got an unexpected keyword argument 'wrokers'"),
    ],
)
def test_what_is_no_parameter(given: Any, named: Any, says: str) -> None:
    with pytest.raises(TypeError) as caught:
        oi.build(*given, **named)
    assert str(caught.value) == says


@pytest.mark.skipif(not importlib.util.find_spec("mypy"), reason="mypy is not installed")
def test_type_checkers_see_every_parameter(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text(
        "import open_instructions as oi\n"
        "oi.build('all', sample=True, languages=['en'], index_base={'lmflow:medmcqa': 0})\n"
        "oi.build(workers='two')\n"
        "oi.build(wrokers=2)\n"
        "reveal_type(oi.build('all'))\n"
    )
    said = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-pretty", str(code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    lines = [line for line in said.splitlines() if 'note: "build" defined' not in line]
    assert [line.removeprefix(f"{code}:").partition(": ")[2] for line in lines[:-1]] == [
        'error: Argument "workers" to "build" has incompatible type "str"; expected "int | None"  '
        "[arg-type]",
        'error: Unexpected keyword argument "wrokers" for "build"; did you mean "workers"?  '
        "[call-arg]",
        'note: Revealed type is "open_instructions.building.result.BuildResult"',
    ]


def command(name: str) -> Any:
    return typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]


def test_the_command_takes_every_option() -> None:
    taken = {p.name: p for p in command("build").params}
    assert [name for name in taken if name not in ("named", "yes", "plan", "help")] == [
        option.name for option in options_of(BuildOptions)
    ]
    assert {name: p.default for name, p in taken.items() if p.default} == {
        "missing": "stop",
        "engine": "local",
    }
    assert [taken[name].opts for name in ("sources", "data_dir", "not_languages", "yes")] == [
        ["--sources", "-s"],
        ["--data-dir", "-d"],
        ["--not-languages"],
        ["--yes", "-y"],
    ]
    assert [name for name, p in taken.items() if p.multiple] == [
        "data_dir",
        "field",
        "role",
        "index_base",
        "decontaminate",
    ]
    assert [p.secondary_opts for p in taken.values() if p.secondary_opts] == []  # no --no-sample


def test_options_are_completed() -> None:
    def completed(typed: str, word: int) -> list[str]:
        run = "from open_instructions.cli import app; app(prog_name='oi')"
        asked = {"_OI_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(word)}
        done = subprocess.run(
            [sys.executable, "-c", run],
            env=os.environ | asked,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    assert completed("oi build --re", 2) == ["--recipe", "--restart"]
    assert completed("oi build --missing ", 3) == ["stop", "skip"]


@pytest.mark.parametrize("name", ["build", "push", "explain", "stats", "check", "sources"])
def test_what_is_an_option_and_a_parameter_is_named_as_either(name: str) -> None:
    parameters = inspect.signature(getattr(oi, name)).parameters
    for option in command(name).params:
        flag = next((o for o in option.opts if o.startswith("--")), None)
        if flag and option.name in parameters:
            assert in_python(f"Use {flag}.") == (
                f"Use {option.name}=True." if option.is_flag else f"Use {option.name}."
            )
            assert in_python(f"Use {flag}=x.") == f"Use {option.name}='x'."
        elif flag:
            assert in_python(f"Use {flag}.") == f"Use {flag}."


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ({"max_tokens": "many"}, "--max-tokens takes a whole number, not 'many'.", ""),
        ({"max_tokens": True}, "--max-tokens takes a whole number, not True.", ""),
        ({"encoding": 8}, "--encoding takes a name like gb18030, not 8.", ""),
        (
            {"tokenizer": 8},
            "--tokenizer takes a string, not 8.",
            "Give a name, or a path like ./tokenizer.json.",
        ),
        ({"languages": 8}, "--languages takes a list like en,zh, not 8.", ""),
        (
            {"not_languages": ["en", 8]},
            "--not-languages takes a list like ko,ja, not ['en', 8].",
            "",
        ),
        (
            {"index_base": "medmcqa"},
            "--index-base takes a value like lmflow:medmcqa=0, not 'medmcqa'.",
            "",
        ),
        ({"index_base": ["a:b=0", "a:b=1"]}, "--index-base gives both 0 and 1 for a:b.", ""),
    ],
)
def test_values_of_another_kind(said: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        oi.build(sample=True, **said)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"licenses": ""}, "No licence is named."),
        ({"languages": ["xx"]}, "There is no language 'xx'."),
        ({"max_tokens": -1}, "--max-tokens is -1, but cannot be negative."),
        (
            {"index_base": {"lmflow:medmcqa": 2}},
            "--index-base takes a mapping like {lmflow:medmcqa: 0}, with 0 or 1, "
            "not {'lmflow:medmcqa': 2}.",
        ),
    ],
)
def test_values_that_a_recipe_refuses(said: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        oi.build(sample=True, **said)
    assert caught.value.message == message


def test_options_with_the_name_of_a_key_override_it() -> None:
    keys = {field.name for field in fields(Recipe)} - {"sources"}  # what goes in, not how
    options = options_of(BuildOptions)
    assert {o.name for o in options if o.recipe} == {o.name for o in options if o.name in keys}
    assert [o.name for o in options if o.recipe and not o.takes] == []


def test_an_option_overrides_only_its_key() -> None:
    recipe = Recipe("x", languages=("de",), max_tokens=7, index_base=(("a:b", 0), ("a:c", 1)))
    assert recipe.with_flags() == recipe
    assert recipe.with_flags(max_tokens=0, index_base={"a:b": 1}) == Recipe(
        "x", languages=("de",), max_tokens=0, index_base=(("a:b", 1), ("a:c", 1))
    )
    with pytest.raises(OpenInstructionsError, match="Unknown key 'max_token'"):
        recipe.with_flags(max_token=0)


@pytest.mark.parametrize("name", ["sample", "offline", "overwrite", "restart", "strict"])
@pytest.mark.parametrize("said", ["no", "", 0, None, [1]])
def test_a_switch_is_on_or_off(name: str, said: Any) -> None:
    """overwrite="no" replaced a build."""
    with pytest.raises(UsageError, match=f"^{name} is True or False, not "):
        oi.build(**({"sample": True} | {name: said}))


@pytest.mark.parametrize("said", [0, True, [1], {"a": 1}, b"mix", "\0", "\ud800"])
@pytest.mark.parametrize("name", ["out", "data_dir", "locked"])
def test_a_path_is_a_string_or_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: Any
) -> None:
    """out=[1] made a build in a folder of that name."""
    monkeypatch.chdir(tmp_path)
    chosen = {"sample": True} if name == "out" else {"offline": True}
    with pytest.raises(UsageError, match=r"A path is a string|cannot be the name|is not a folder"):
        oi.build("dolly", **(chosen | {name: said}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("said", [0, True, b"x", [1], [None], [["a"]], object()])
def test_an_index_base_of_another_kind(said: Any) -> None:
    with pytest.raises(UsageError, match=r"^index_base takes a value like lmflow:medmcqa=0, not "):
        oi.build("dolly", sample=True, index_base=said)
