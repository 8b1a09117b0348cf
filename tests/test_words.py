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
        ("english", "en"),
        ("German", "de"),
        ("germam", "de"),
        ("cn", "zh"),
        ("jp", "ja"),
        ("kr", "ko"),
        ("deu", "de"),
        ("pt-BR", "pt"),
        ("zh_CN", "zh-Hans"),
        ("zh-tw", "zh-Hant"),
        ("Simplified Chinese", "zh-Hans"),
        ("中文", "zh"),
        ("klingon", ""),
        ("xx", ""),
        ("x" * 100_000, ""),
    ],
)
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
            "There is no language 'english'.\nDid you mean 'en' (English)?",
        ),
        (
            ["build", "--sample", "--languages", "en,cn"],
            5,
            "There is no language 'cn'.\nDid you mean 'zh' (Chinese)?",
        ),
        (["build", "--sample", "--not-languages", "german"], 5, "Did you mean 'de' (German)?"),
        (
            ["build", "--sample", "--near-duplicates", "70"],
            5,
            "Error: --near-duplicates: threshold takes a number from 0.5 to 1, not 70",
        ),
        (
            ["build", "--sample", "--order", "random"],
            5,
            "Error: --order is as read or shuffled, not 'random'.",
        ),
        (
            ["build", "--sample", "--recipe", "/no/such.yaml"],
            5,
            "Error: There is no recipe file '/no/such.yaml'.",
        ),
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
        (["build", "--engine", "rai"], 2, "Error: --engine takes local or ray, not 'rai'."),
        (["cache", "lst"], 2, "Error: ACTION takes list, verify or prune, not 'lst'."),
        (
            ["build", "--source", "alpaca"],
            2,
            "Error: oi build has no option --source.\nDid you mean --sources?",
        ),
        (
            ["build", "alpaca", "--out"],
            2,
            "Error: --out needs a value.\nSee oi build --help.",
        ),
        (
            ["build", "--sample", "--out", ""],
            2,
            "Error: A path is empty.\nPerhaps a variable is not set.",
        ),
        (["stats", ""], 2, "Error: A path is empty."),
        (
            ["stats", "/no/such"],
            7,
            ("Error: /no/such is not a folder.\nGive the folder of a build, as made by oi build."),
        ),
        (["stats", "--jsn"], 2, "Error: oi stats has no option --jsn.\nDid you mean --json?"),
        (
            ["stats", "--zzz"],
            2,
            "Error: oi stats has no option --zzz.\noi stats --help lists its options.",
        ),
        (["biuld"], 2, "Error: There is no command 'biuld'.\nDid you mean 'build'?"),
        (["list"], 2, "Error: There is no command 'list'.\nCommands are: build, fetch, inspect"),
        (
            ["build", "--locked", "/no/such"],
            4,
            (
                "Error: /no/such cannot be read: No such file or directory.\n--locked takes the"
                " oi.lock"
            ),
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


TICKETS = '{"q": "Where is it?", "a": "There."}\n'
CHATS = (
    '{"conversation": [{"from": "customer", "text": "Where?"}, {"from": "clerk", "text": "Here."}]}'
)


def test_files_of_the_name_that_was_typed(tmp_path: Path) -> None:
    (tmp_path / "tickets.jsonl").write_text(TICKETS)
    (tmp_path / "mine.yaml").write_text("max_tokens: 512")
    done = command("build", "tickets", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "Error: There is no source 'tickets'.\nDid you mean 'tickets.jsonl'?\n",
    )
    done = command("build", "--sample", "--recipe", "mime.yaml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        5,
        "Error: There is no recipe file 'mime.yaml'.\nDid you mean 'mine.yaml'?\n",
    )


def test_a_field_that_was_meant_is_named_as_it_is_typed(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(TICKETS.replace('"q"', '"question_text"'))
    done = command("build", "t.jsonl", "--field", "prompt=question_tex", cwd=tmp_path)
    assert done.stderr.endswith("Did you mean 'question_text'?\n")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (
            TICKETS,
            "--field prompt=FIELD --field completion=FIELD says where your own file has what a "
            "layout needs. Nothing was published.",
        ),
        (
            CHATS,
            "--role ROLE=user says what a role in your own file means. Nothing was published.",
        ),
    ],
)
def test_where_no_layout_fits_the_way_out_is_named(text: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(oi.EmptyBuildError) as caught:
        oi.build(str(tmp_path / "t.jsonl"), out=tmp_path / "mix")
    assert caught.value.hint == hint


def test_a_lock_that_is_none(tmp_path: Path) -> None:
    lock = tmp_path / "oi.lock"
    for content in ("# a page", "[]", "{}", '{"format": 1}', '{"format": 2}'):
        lock.write_text(content)
        with pytest.raises(OpenInstructionsError) as caught:
            oi.build(locked=lock)
        assert str(lock) in caught.value.message
        assert (
            caught.value.hint
            == "--locked takes the oi.lock of a build, which is beside its manifest.json."
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
        ({"sample": True, "missing": "maybe"}, "missing takes stop or skip, not 'maybe'."),
        ({"sample": True, "workers": 0}, "workers takes a whole number from 1, not 0."),
        ({"sample": True, "max_tokens": -5}, "max_tokens is -5, but cannot be negative."),
        ({"sample": True, "ray_address": "x"}, "Use engine='ray'."),
        (
            {"sample": True, "index_base": "medmcqa"},
            "index_base takes a value like lmflow:medmcqa=0, not 'medmcqa'.",
        ),
        ({"data_dir": "/no/such"}, "Pass the folder"),
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


def broken(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "alpaca_data.json").write_text(text)
    return folder


GOOD = '{"instruction": "Say one.", "input": "", "output": "One."}'
BAD = '{"instruction": "x" "input": "", "output": "y"}'
PLACE = (
    "record 1 (counted from 0) of alpaca_data.json: invalid_json: Expecting ',' delimiter at"
    " character 20"
)


@pytest.mark.parametrize(
    "text", [f"[{GOOD},\n{BAD},\n{GOOD}]", f"{GOOD}\n{BAD}\n{GOOD}\n"], ids=["list", "lines"]
)
def test_a_record_that_cannot_be_read_has_a_place_and_a_reason(tmp_path: Path, text: str) -> None:
    files = broken(tmp_path / "in", text)
    done = command("build", "alpaca", "--data-dir", files, "--out", tmp_path / "mix")
    says = f"1 record cannot be read: {PLACE}. "
    assert done.returncode == 0
    assert (
        f"Note: {says}oi explain alpaca/000001 shows it. It is in rejected/, "
        "under the stage read\n" in done.stderr
    )
    result = oi.build("alpaca", data_dir=files, out=tmp_path / "other")
    assert result.found.notes[0].startswith(
        f"{says}open_instructions.explain('alpaca/000001') shows it. "
    )
    row = oi.rejected(result.path).iloc[0]
    assert (row["detail"], row["raw"]) == ("Expecting ',' delimiter at character 20", BAD)


def test_of_several_that_cannot_be_read_the_first_is_named(tmp_path: Path) -> None:
    files = broken(tmp_path / "in", f"[{GOOD},\n{BAD},\n{GOOD},\n{BAD}]")
    notes = oi.build("alpaca", data_dir=files, out=tmp_path / "mix").found.notes
    assert notes[0].startswith(f"2 records cannot be read. The first: {PLACE}. ")


def test_one_record_is_not_records(tmp_path: Path) -> None:
    done = command(
        "build",
        "alpaca",
        "--data-dir",
        broken(tmp_path / "in", f"[{GOOD}]"),
        "--out",
        tmp_path / "mix",
    )
    assert "1 record = 1 kept + 0 rejected; 1 row in " in done.stdout
    assert "alpaca: 1 record, " in done.stderr
    assert "alpaca:main: 1 record was found, and 52,002 were published\n" in done.stderr


def test_an_id_with_blanks_can_be_copied() -> None:
    assert in_python("oi explain 'a b/1' shows it") == "open_instructions.explain('a b/1') shows it"
    assert in_python("oi explain --full x") == "oi explain --full x"


def test_an_empty_build_names_the_first_place(tmp_path: Path) -> None:
    done = command(
        "build",
        "alpaca",
        "--data-dir",
        broken(tmp_path / "in", BAD + "\n"),
        "--out",
        tmp_path / "mix",
    )
    assert (done.returncode, done.stdout) == (11, "")
    assert f"The first: {PLACE.replace('record 1', 'record 0')}.\n" in done.stderr


def test_what_stands_in_a_broken_file_is_escaped_and_short(tmp_path: Path) -> None:
    key = "k\x1b[31m" * 1000
    text = f'{{"a": [{GOOD}], "{key}": nonsense}}'
    done = command(
        "build", "alpaca", "--data-dir", broken(tmp_path / "in", text), "--out", tmp_path / "mix"
    )
    assert "\x1b" not in done.stderr and len(done.stderr) < 2000


def test_notes_speak_of_parameters_in_python_and_of_options_on_the_screen(
    sample: Path, tmp_path: Path
) -> None:
    from open_instructions.errors import Note
    from open_instructions.store.home import whereabouts

    note = Note("Use --data-dir=x, or oi explain a/1.")
    assert (note, note.command) == (
        "Use data_dir='x', or open_instructions.explain('a/1').",
        "Use --data-dir=x, or oi explain a/1.",
    )
    assert Note(note).command == note.command
    folder = broken(tmp_path / "in", f"[{GOOD}]")
    mix = oi.build("alpaca", data_dir=folder, out=tmp_path / "mix").path
    assert whereabouts()
    (folder / "alpaca_data.json").unlink()
    found = oi.explain("alpaca/000000", mix)
    assert found.note == (
        "alpaca_data.json was not found on this machine. To see the stages, pass its "
        "folder as data_dir."
    )
    assert found.note in repr(found) and "--" not in repr(found)
    shown = command("explain", "alpaca/000000", mix).stdout
    assert (
        "  alpaca_data.json was not found on this machine. To see the stages, pass its "
        "folder as --data-dir.\n" in shown
    )


def test_long_texts_say_how_to_see_all_of_them(tmp_path: Path) -> None:
    record = GOOD.replace("One.", "One, " * 1000 + "two.")
    mix = oi.build(
        "alpaca", data_dir=broken(tmp_path / "in", f"[{record}]"), out=tmp_path / "mix"
    ).path
    assert "more characters; .raw and .steps have them" in repr(oi.explain("alpaca/000000", mix))
    shown = command("explain", "alpaca/000000", mix).stdout
    assert "more characters; --full shows them" in shown and ".raw" not in shown


def test_python_says_once_which_build_it_reads(
    own_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = oi.build("dolly", sample=True, out=tmp_path / "first").path
    capsys.readouterr()
    for read in (
        oi.load,
        oi.stats,
        oi.rejected,
        oi.check,
        lambda: oi.explain("dolly/databricks-dolly-15k/000001"),
    ):
        read()
    assert capsys.readouterr() == ("", f"The newest build: {first}\n")
    second = oi.build("dolly", sample=True, out=tmp_path / "second").path
    oi.load(first)
    assert capsys.readouterr().err == ""
    oi.load()
    assert capsys.readouterr().err == f"The newest build: {second}\n"


def test_one_note_says_that_a_download_is_in_part(sample: Path, tmp_path: Path) -> None:
    folder = Path(oi.__file__).parent / "samples"
    found = oi.build("alpaca:main,dolly", data_dir=folder, out=tmp_path / "mix").found
    assert found.notes == (
        "alpaca:main: 25 records were found, and 52,002 were published; dolly:main: 24 and 15,011",
    )


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
    cells = {line.split()[0]: line.split() for line in lines if ":" in line}
    assert cells["instructionwild:en"] == [
        "instructionwild:en",
        "52,191",
        "en",
        "InstructionWild-noncommercial",
    ]
    assert cells["gpt4llm:zh"] == ["gpt4llm:zh", "48,818", "zh-Hans", "CC-BY-NC-4.0"]


@pytest.mark.parametrize("width", [40, 60])
def test_what_a_terminal_is_too_narrow_for_is_not_cut(width: int) -> None:
    lines = on_a_terminal("sources", width=width)
    text = " ".join(lines)
    assert max(map(len, lines)) <= width
    assert text.count("CC-BY-NC-4.0") >= 5 and "LicenseRef-InstructionWild-noncommercial" in text
    assert "records 806,199" in text and "languages en, zh-Hans" in text


@pytest.mark.parametrize(
    ("cells", "width", "widths"),
    [
        (["a:b", "1,234", "CC-BY-NC-4.0, MIT"], 40, [6, 5, 17]),
        (["a:b", "1,234", "CC-BY-NC-4.0, MIT"], 32, [6, 5, 15]),  # MIT goes to the next line
        (["a:b", "1,234", "CC-BY-NC-4.0, MIT"], 29, []),  # 13 for an id with its comma is the least
        (["中文:b", "1", "x"], 40, [6, 1, 7]),
    ],
)
def test_columns_are_as_wide_as_their_words(
    cells: list[str], width: int, widths: list[int]
) -> None:
    from open_instructions.cli.console import _fitted

    assert _fitted(["source", "n", "licence"], [cells], [False, True, False], width) == widths


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
        "Your own source",
        "Cleaning and mixing",
        "Where it goes",
        "Running",
    ]


def test_the_help_names_no_page_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from open_instructions import checkout

    assert "More:  oi COMMAND --help; docs/ in the checkout" in command("--help").stdout
    monkeypatch.setattr(checkout, "_PACKAGE", tmp_path / "open_instructions")
    assert checkout.documents() == ""
