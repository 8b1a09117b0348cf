"""What is said when something is wrong: what it is, why, and what to type instead."""

from __future__ import annotations

from pathlib import Path

import pytest

import open_instructions as oi
from open_instructions.errors import OpenInstructionsError, OutputError, in_python
from open_instructions.stages.language import LABELS
from open_instructions.stages.language.names import meant, names

from .test_cli import oi as command


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("english", "en"), ("German", "de"), ("germam", "de"), ("cn", "zh"), ("jp", "ja"), ("kr", "ko"), ("deu", "de"), ("pt-BR", "pt"),
        ("zh_CN", "zh-Hans"), ("zh-tw", "zh-Hant"), ("Simplified Chinese", "zh-Hans"), ("中文", "zh"), ("klingon", ""), ("xx", ""),
        ("x" * 100_000, ""),
    ],
)  # fmt: skip
def test_the_language_that_was_meant(said: str, label: str) -> None:
    assert meant(said) == label


def test_every_language_has_a_name() -> None:
    assert set(names()) == set(LABELS)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (
            ["build", "--sample", "--languages", "english"],
            5,
            "there is no language 'english'.\nDid you mean 'en' (English)?",
        ),
        (
            ["build", "--sample", "--languages", "en,cn"],
            5,
            "there is no language 'cn'.\nDid you mean 'zh' (Chinese)?",
        ),
        (["build", "--sample", "--not-languages", "german"], 5, "Did you mean 'de' (German)?"),
        (
            ["build", "--max-tokens", "-5"],
            2,
            "Error: --max-tokens takes a whole number from 0, not -5.",
        ),
        (
            ["build", "--max-tokens", "many"],
            2,
            "Error: --max-tokens takes a whole number, not 'many'.",
        ),
        (["build", "--workers", "0"], 2, "Error: --workers takes a whole number from 1, not 0."),
        (["build", "--engine", "rai"], 2, "Error: --engine is local or ray, not 'rai'."),
        (["cache", "lst"], 2, "Error: ACTION is list, verify or prune, not 'lst'."),
        (
            ["build", "--source", "alpaca"],
            2,
            "Error: oi build has no option --source.\nDid you mean --sources?",
        ),
        (["stats", "--jsn"], 2, "Error: oi stats has no option --jsn.\nDid you mean --json?"),
        (
            ["stats", "--zzz"],
            2,
            "Error: oi stats has no option --zzz.\noi stats --help lists its options.",
        ),
        (["biuld"], 2, "Error: There is no command 'biuld'.\nDid you mean 'build'?"),
        (["list"], 2, "Error: There is no command 'list'.\nCommands are: build, fetch, stats"),
        (
            ["build", "--locked", "/no/such"],
            4,
            "Error: /no/such cannot be read: No such file or directory.\n--locked takes the oi.lock",
        ),
        (
            ["build", "--sample", "--out", "/dev/null/x"],
            6,
            "Error: /dev/null/x cannot be written: /dev/null is a file.\nChoose another",
        ),
        (["build", "--sample", "--out", "/proc/x1"], 6, "Error: /proc/x1 cannot be written: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_was_meant_is_offered(arguments: list[str], code: int, says: str) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert "Another build" not in done.stderr


def test_a_lock_that_is_none(tmp_path: Path) -> None:
    lock = tmp_path / "oi.lock"
    for content in ("# a page", "[]", "{}", '{"format": 1}', '{"format": 2}'):
        lock.write_text(content)
        with pytest.raises(OpenInstructionsError) as caught:
            oi.build(locked=lock)
        assert str(lock) in caught.value.message
        assert (
            caught.value.hint
            == "--locked takes the oi.lock of a build, which lies beside its manifest.json."
        )


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return oi.build(
        "alpaca,dolly,instructionwild", sample=True, out=tmp_path_factory.mktemp("words") / "mix"
    ).path


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("alpaca/9", "Did you mean 'alpaca/000009'?"),
        ("Alpaca/0009", "Did you mean 'alpaca/000009'?"),
        ("alpaca:main/9", "Did you mean 'alpaca/000009'?"),
        ("dolly/9", "Did you mean 'dolly/databricks-dolly-15k/000009'?"),
        (
            "instructionwild/user_2/7",
            "Did you mean 'instructionwild/user_2/000007'?",
        ),  # a rejected one
        ("alpaca/99", "Ids are in the columns"),
        ("alpa.a/9", "Ids are in the columns"),
        ("alpaca", "Ids are in the columns"),
        ("(" * 5000 + "9", "Ids are in the columns"),
    ],
)
def test_a_record_whose_number_is_padded_otherwise(sample: Path, said: str, hint: str) -> None:
    from open_instructions.reports.explain import explain

    with pytest.raises(OpenInstructionsError) as caught:
        explain(said, sample)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sample": True, "data_dir": "x"}, "sample=True and data_dir exclude each other."),
        ({"sources": ""}, "No source was named. Try sources='all'"),
        ({"sample": True, "missing": "maybe"}, "missing is stop or skip, not 'maybe'."),
        ({"sample": True, "workers": 0}, "workers is a whole number from 1, not 0."),
        ({"sample": True, "max_tokens": -5}, "max_tokens is -5, and cannot be negative."),
        ({"sample": True, "ray_address": "x"}, "Use engine='ray'."),
        (
            {"sample": True, "index_base": "medmcqa"},
            "index_base is like lmflow:medmcqa=0, not 'medmcqa'.",
        ),
        ({"data_dir": "/no/such"}, "data_dir takes the folder"),
    ],
)
def test_python_is_told_of_parameters(options: dict[str, object], says: str) -> None:
    with pytest.raises(OpenInstructionsError) as caught:
        oi.build(**options)  # type: ignore[arg-type]
    assert says in str(caught.value)
    assert "--" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("--sources=./mine.py names one.", "sources='./mine.py' names one."),
        ("Try --sources=all, or --out.", "Try sources='all', or out."),
        (
            "x--out.json and a/--sample --outer",
            "x--out.json and a/--sample --outer",
        ),  # a file's name stays as it is
        ("Make one: oi build --sample", "Make one: open_instructions.build(sample=True)"),
    ],
)
def test_options_as_parameters(text: str, shown: str) -> None:
    assert in_python(text) == shown


def test_a_command_is_told_of_options() -> None:
    error = OutputError("It is there.", hint="Use --overwrite.")
    assert (error.hint, str(error)) == ("Use --overwrite.", "It is there. Use overwrite=True.")


def test_one_note_says_that_a_download_is_in_part(sample: Path, tmp_path: Path) -> None:
    folder = Path(oi.__file__).parent / "samples"
    found = oi.build("alpaca:main,dolly", data_dir=folder, out=tmp_path / "mix").found
    assert found.notes == (
        "alpaca:main: 25 records were found, and 52,002 were published; dolly:main: 24 and 15,011",
    )  # fmt: skip


# --- layout


def on_a_terminal(*arguments: str | Path, width: int = 80) -> list[str]:
    """The lines that a command writes on a terminal of so many columns."""
    import os
    import pty
    import re
    import subprocess
    import sys

    main, side = pty.openpty()
    code = "from open_instructions.cli import run; run()"
    environment = {
        **os.environ,
        "TERM": "xterm",
        "NO_COLOR": "1",
        "COLUMNS": str(width),
        "TERMINAL_WIDTH": str(width),
    }
    running = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=side,
        stderr=side,
        env=environment,
    )
    os.close(side)
    seen = b""
    while True:
        try:
            block = os.read(main, 65536)
        except OSError:  # the other side is closed
            break
        if not block:
            break
        seen += block
    os.close(main)
    running.wait(60)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode().replace("\r", "")).split("\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one two three", "one two\nthree"),
        ("seven77 x", "seven77\nx"),
        ("/a/path/that/is/too/long x", "/a/path/that/is/too/long\nx"),
        ("a\n\n  b c", "a\n\n  b c"),
        ("中文 中 x", "中文 中\nx"),
        ("", ""),
    ],
)
def test_lines_break_between_words(text: str, shown: str) -> None:
    from rich.text import Text

    from open_instructions.cli.console import _at_words

    assert _at_words(Text(text), 7).plain == shown


def test_prose_wraps_on_a_terminal_and_not_in_a_pipe() -> None:
    lines = on_a_terminal("build", "--sample", "--languages", "klingon")
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("Languages are: af, am, ") and lines[1].endswith(",")
    piped = command("build", "--sample", "--languages", "klingon").stderr.splitlines()
    assert len(piped) == 2 and len(piped[1]) > 400


def test_sources_in_80_columns_keep_what_one_chooses_by() -> None:
    lines = on_a_terminal("sources")
    headings = next(line for line in lines if "source" in line).split()
    assert headings == ["source", "records", "languages", "licence"]
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:4] == ["dolly:main", "15,011", "en", "CC-BY-SA-3.0"] for line in lines)


def test_stats_lead_with_five_lines(sample: Path) -> None:
    shown = command("stats", sample).stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["build", "rows", "sources", "use", "more"]
    assert shown[0] == f"build    {sample} (recipe default)"
    assert shown[2].startswith("sources  instructionwild 47, dolly 24, alpaca 23")
    assert shown[3] == "use      non-commercial only: some rows exclude commercial use"
    full = command("stats", sample, "--full").stdout.splitlines()
    assert full[:5] == shown
    assert {"Ledger", "Rejected", "Changed by rules", "Languages", "Licences"} <= set(full)
    assert max(map(len, on_a_terminal("stats", "--full", sample)[5:])) <= 80


def test_the_help_groups_the_options_of_a_build() -> None:
    import re

    text = command("build", "--help", env={"COLUMNS": "80"}).stdout
    groups = re.findall(r"╭─ (.+?) ─+╮", text)
    assert groups == [
        "Arguments",
        "Options",
        "What goes in",
        "Cleaning",
        "Where it goes",
        "Running",
    ]
    assert "docs/cli.md" in command("--help").stdout
