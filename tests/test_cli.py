"""The command as a person types it: real processes, exit codes, what is printed where."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from open_instructions.cli.console import safe, size


def oi(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    code = "from open_instructions.cli import run; run()"
    environment = {**os.environ, "NO_COLOR": "1", **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        timeout=120,
        **options,
    )


def test_help_and_import_are_light() -> None:
    code = (
        "import sys, open_instructions\nfrom open_instructions.cli import main\nmain(['--help']);"
        " heavy = {'datasets', 'pandas', 'pyarrow', 'numpy', 'bs4', 'yaml', 'py3langid'} &"
        " set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    for command in ("build", "stats", "sources", "explain"):
        assert command in done.stdout
    # a loose bound against a heavy import; the figure itself is in docs/performance.md
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2


COMMANDS = ["build", "fetch", "stats", "check", "sources", "explain", "cache", "push"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_examples_as_they_are_typed(command: str) -> None:
    text = help_of(command)
    assert max(map(len, text.splitlines())) <= 80
    _, _, examples = text.partition("\n Examples:\n")
    shown = examples.rstrip("\n").split("\n")
    assert shown
    assert all(line.startswith(f"   oi {command}") for line in shown)  # none wraps, none is blank


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_help_names_no_type_of_python(command: str) -> None:
    text = help_of(*command.split())
    assert re.search(r"<\w|\[x>|bool|\bstr\b|\bint\b", text) is None


def test_the_help_says_what_stands_for_a_value() -> None:
    text = help_of("build")
    assert re.search(r"--workers +N +Number of processes", text)
    assert re.search(r"--missing +stop\|skip +What to do", text)
    assert re.search(r"--languages +LANGS +Keep only these, by code", text)
    assert re.search(r"--sample +Use the small samples", text)
    assert re.search(r"ACTION +What to do: list, verify or prune\.", help_of("cache"))
    assert re.search(r"fetch +Fetch upstream's files into the cache\. +│\n", help_of())


def help_of(*command: str) -> str:
    done = oi(*command, "--help", env={"COLUMNS": "80", "TERM": "dumb"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_build_from_start_to_explanation(tmp_path: Path) -> None:
    out = tmp_path / "mix"
    built = oi("build", "--sources", "all", "--sample", "--out", out)
    assert built.returncode == 0, built.stderr
    assert "592 records = 461 kept + 131 rejected; 461 rows" in built.stdout
    assert built.stdout.rstrip().endswith(str(out))
    assert "gpt4llm:zh  alpaca_gpt4_data_zh.json  " in built.stderr
    assert "dolly: 24 records, " in built.stderr
    assert "\x1b" not in built.stdout + built.stderr
    again = oi("build", "--sources", "all", "--sample", "--out", out)
    assert again.returncode == 0
    assert "This build already exists" in again.stdout

    shown = oi("stats", out, "--full")
    assert "alpaca:main" in shown.stdout and "CC-BY-SA-3.0" in shown.stdout
    as_json = json.loads(oi("stats", out, "--json").stdout)
    assert as_json["all"]["conversations"] == 421
    assert as_json["sources"]["alpaca"]["books"]["records_read"] == 25
    assert as_json["sources"]["alpaca"]["edits"] == {"no_input": 4, "next_record": 1}

    explained = oi("explain", "alpaca/000002", out).stdout
    assert "from alpaca_data.json, record 2, of alpaca:main" in explained
    assert '"input": "<noinput>"' in explained
    assert "changed by no_input" in explained
    rejected = oi("explain", "instructionwild/user_2/000007", out).stdout
    assert "rejected record at read: invalid_json" in rejected
    html = oi("explain", "sharegpt/" + _first_sharegpt(out), out).stdout
    assert "-assistant: <div" in html


def _first_sharegpt(out: Path) -> str:
    import pyarrow.parquet as pq

    ids = pq.read_table(next((out / "data").iterdir()), columns=["id"])["id"].to_pylist()
    return str(next(i for i in ids if i.startswith("sharegpt/")).partition("/")[2])


def test_a_file_is_found_again_without_being_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "alpaca_data.json").write_text(
        '[{"instruction": "Name a tree.", "input": "", "output": "An oak."}]'
    )
    assert oi("build", "-s", "alpaca", "-d", data).returncode == 0
    assert "as read" in oi("explain", "alpaca/000000").stdout
    (data / "alpaca_data.json").unlink()
    assert "was not found on this machine" in oi("explain", "alpaca/000000").stdout


WRONG = [
    (["bild"], 2, "Did you mean 'build'"),
    (["build", "--workers", "0"], 2, "--workers"),
    (["build", "--max-tokens", "many"], 2, "--max-tokens"),
    (["build", "--sources", "alpca"], 2, "Did you mean 'alpaca'"),
    (["build", "--sources", "gpt4llm:jp"], 2, "Its subsets are"),
    (["build", "--data-dir", "/no/such"], 2, "not a folder"),
    (["build", "--sample", "--missing", "maybe"], 2, "--missing"),
    (
        ["build", "--sources", "alpaca"],
        3,
        "https://raw.githubusercontent.com/tatsu-lab/stanford_alpaca/",
    ),
    (["build", "--sample", "--recipe", "vicunna"], 5, "Did you mean 'vicuna'"),
    (["build", "--sample", "--languages", "klingon"], 5, "klingon"),
    (["build", "--sample", "--out", "/proc/no/build"], 6, "/proc/no"),
    (["stats", "/"], 7, "not a build"),
    (["stats"], 7, "No build was made here"),
    (["explain", "alpaca/000000", "/no/such"], 7, "is not a folder"),
    (["sources", "alpca"], 2, "Did you mean 'alpaca'"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "says"), WRONG, ids=lambda x: " ".join(x) if isinstance(x, list) else None
)
def test_what_is_wrong_is_one_clear_line(arguments: list[str], code: int, says: str) -> None:
    done = oi(*arguments)
    assert done.returncode == code, done.stderr
    assert sum(line.startswith("Error: ") for line in done.stderr.splitlines()) == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_debug_shows_the_traceback() -> None:
    assert "Traceback" in oi("--debug", "stats", "/").stderr
    assert "Traceback" in oi("stats", "/", "--debug").stderr


def test_ctrl_c_stops_at_once_and_the_next_build_goes_on(tmp_path: Path) -> None:
    records = [
        {"instruction": f"Say {n}.", "input": "", "output": f"It is {n}, and a few more words."}
        for n in range(200_000)
    ]
    data = tmp_path / "data"
    data.mkdir()
    (data / "alpaca_data.json").write_text(json.dumps(records))
    code = "from open_instructions.cli import run; run()"
    arguments = [
        sys.executable,
        "-c",
        code,
        "build",
        "-s",
        "alpaca",
        "-d",
        str(data),
        "-o",
        str(tmp_path / "out"),
        "--workers",
        "1",
    ]
    running = subprocess.Popen(
        arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    limit = time.monotonic() + 60
    while not list(tmp_path.glob(".out.*/chunks/*.json")) and time.monotonic() < limit:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "Interrupted" in said and "Traceback" not in said
    assert "Run the same command again to continue." in said
    assert not (tmp_path / "out").exists()
    again = oi("build", "-s", "alpaca", "-d", data, "-o", tmp_path / "out", "--workers", "1")
    assert again.returncode == 0
    assert re.search(r"^Continuing: \d+ chunks are already finished\.$", again.stderr, re.M)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "home") == ["data", "out"]


def test_ctrl_c_while_a_class_is_made() -> None:
    code = """if True:
        import os, signal, sys
        from open_instructions import cli

        class Interrupts:
            def __set_name__(self, owner, name):
                os.kill(os.getpid(), signal.SIGINT)

        def imports_late():
            class Late:
                attribute = Interrupts()

        cli.app.command("late")(imports_late)
        sys.exit(cli.main(["late"]))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.startswith("Error: Interrupted.\n")


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    oi("build", "-s", "all", "--sample", "--out", tmp_path / "mix")
    code = "from open_instructions.cli import run; run()"
    done = subprocess.run(
        f"'{sys.executable}' -c '{code}' stats '{tmp_path / 'mix'}' --json | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("{\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_what_cannot_be_written_is_said() -> None:
    code = """if True:
        from open_instructions import cli

        cli.app.command("short")(lambda: print("never to be seen"))
        cli.run()
    """
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code, "short"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "Error: No space left on device.\n")


def test_what_was_printed_before_an_error_is_there() -> None:
    code = """if True:
        from open_instructions import cli
        from open_instructions.errors import FetchError

        def late():
            print("a table")
            raise FetchError("Nobody answered.")

        cli.app.command("late")(late)
        cli.run()
    """
    done = subprocess.run(
        [sys.executable, "-c", code, "late"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        10,
        "a table\n",
        "Error: Nobody answered.\n",
    )


def test_an_interruption_leaves_nothing_open() -> None:
    code = """if True:
        from multiprocessing import get_context
        from open_instructions import cli

        def late():
            global kept
            # as a second Ctrl-C keeps those of a pool that is being ended
            kept = get_context("spawn").Lock()
            raise KeyboardInterrupt

        cli.app.command("late")(late)
        cli.run()
    """
    done = subprocess.run(
        [sys.executable, "-c", code, "late"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "Error: Interrupted.\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(tmp_path: Path, closed: str) -> None:
    rows = [
        json.dumps(
            {
                "instruction": f"Say {n}.",
                "context": "",
                "response": f"It is {n}.",
                "category": "open_qa",
            }
        )
        for n in range(100)
    ]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "databricks-dolly-15k.jsonl").write_text("\n".join(rows))
    code = (
        f"{sys.executable} -c 'from open_instructions.cli import run; run()' build -s dolly -d data"
        " -o mix --workers 2"
    )
    done = subprocess.run(
        f"{code} {closed}", shell=True, capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stdout + done.stderr
    assert oi("check", tmp_path / "mix").returncode == 0


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_nobody_reads(tmp_path: Path, stream: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = "from open_instructions.cli import run; run()"
    given = [
        sys.executable,
        "-c",
        code,
        "build",
        "-s",
        "dolly",
        "--sample",
        "-o",
        str(tmp_path / "mix"),
    ]
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    done = subprocess.run(given, check=False, **{stream: writer, other: subprocess.DEVNULL})  # type: ignore[call-overload]
    os.close(writer)
    # the build is what was asked for, and it is there
    assert done.returncode == 0
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "home") == ["mix"]
    assert oi("check", tmp_path / "mix").returncode == 0


@pytest.mark.parametrize("lines", [0, 1, 3, 9])
def test_a_build_whose_reader_leaves_ends_as_any_other(tmp_path: Path, lines: int) -> None:
    code = "from open_instructions.cli import run; run()"
    build = (
        f"{sys.executable} -c '{code}' build all --sample -o mix 2>&1 | head -n {lines}; echo"
        " ${PIPESTATUS[0]}"
    )
    done = subprocess.run(
        ["bash", "-c", build], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    *shown, status = done.stdout.splitlines()
    assert (len(shown), status, done.stderr) == (lines, "0", "")
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "home") == ["mix"]
    assert oi("check", tmp_path / "mix").returncode == 0


@pytest.mark.parametrize(
    ("given", "status"),
    [("--data-dir /no/such", 2), ("--recipe vicunna", 5), ("--out /proc/no/build", 6)],
)
def test_a_build_that_fails_says_so_by_its_code_though_nobody_reads(
    tmp_path: Path, given: str, status: int
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = "from open_instructions.cli import run; run()"
    sample = [] if "--data-dir" in given else ["--sample"]
    done = subprocess.run(
        [sys.executable, "-c", code, "build", "dolly", *sample, *given.split()],
        check=False,
        stderr=writer,
    )
    os.close(writer)
    assert done.returncode == status


def test_a_build_outlives_its_terminal(tmp_path: Path) -> None:
    import pty

    main, side = pty.openpty()
    code = (
        "import os, time\nwhile not os.path.exists('closed'): time.sleep(0.01)\nfrom"
        " open_instructions.cli import run; run()"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code, "build", "dolly", "--sample", "-o", "mix"],
        stdout=side,
        stderr=side,
        cwd=tmp_path,
    )
    os.close(side)
    os.close(main)
    (tmp_path / "closed").touch()
    assert running.wait(60) == 0
    assert oi("check", tmp_path / "mix").returncode == 0


@pytest.mark.parametrize(
    ("stream", "command"),
    [
        *(
            ("stdout", command)
            for command in ("--help", "build --help", "--version", "sources", "sources --json")
        ),
        *(("stderr", command) for command in ("nope", "stats /nowhere")),
    ],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_nobody_reads_what_a_command_says(stream: str, command: str, unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = "from open_instructions.cli import run; run()"
    given = [sys.executable, "-c", code, *command.split()]
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        given, check=False, env=environment, **{stream: writer, other: subprocess.PIPE}
    )  # type: ignore[call-overload]
    os.close(writer)
    assert (done.returncode, done.stdout or b"", done.stderr or b"") == (141, b"", b"")


def test_text_from_data_cannot_drive_the_terminal(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "alpaca_data.json").write_text(
        '[{"instruction": "\\u001b[2Jgone [bold]x[/bold] \\u202e", "input": "", "output": "ok"}]'
    )
    oi("build", "-s", "alpaca", "-d", data, "-o", tmp_path / "out")
    shown = oi("explain", "alpaca/000000", tmp_path / "out").stdout
    assert "\\x1b[2Jgone [bold]x[/bold] \\u202e" in shown
    assert "\x1b" not in shown and "\u202e" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\x9b31m", "\\x9b31m"),
        ("\ud83d", "\\ud83d"),
        ("\x7f\r", "\\x7f\\r"),
    ],
)
def test_safe(text: str, shown: str) -> None:
    assert safe(text) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (4_735_944, "4.7 MB"), (3 * 10**12, "3.0 TB")],
)
def test_size(count: int, shown: str) -> None:
    assert size(count) == shown


def test_sources_as_text_and_json() -> None:
    assert "train-0000[01]-of-00002-*.parquet" in oi("sources", "gpt4all").stdout
    assert "sharegpt:v3" in oi("sources").stdout
    assert [s["name"] for s in json.loads(oi("sources", "--json").stdout)] == [
        "alpaca",
        "dolly",
        "gpt4all",
        "gpt4llm",
        "instructionwild",
        "lmflow",
        "sharegpt",
    ]


def on_a_terminal(*arguments: str, columns: int) -> str:
    """What `oi` shows on a terminal of so many columns, without colours and movements."""
    import pty

    main, side = pty.openpty()
    code = "from open_instructions.cli import run; run()"
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns)}
    command = [sys.executable, "-c", code, *arguments]
    running = subprocess.Popen(command, stdout=side, stderr=side, env=environment)
    os.close(side)
    seen = b""
    while True:
        try:
            block = os.read(main, 65536)
        except OSError:
            break
        if not block:
            break
        seen += block
    os.close(main)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
    assert running.wait(60) == 0, text
    return text


def test_bars_on_a_terminal(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    text = on_a_terminal("build", "-s", "dolly,alpaca", "--sample", "-o", out, columns=120)
    assert "━" in text and "dolly" in text and "shards" in text and "Ledger" in text


def test_bars_of_corpus_steps_count_chunks(tmp_path: Path) -> None:
    recipe = tmp_path / "steps.yaml"
    recipe.write_text("near_duplicates: 0.7\norder: shuffled\n")
    named = ["--recipe", str(recipe), "-o", str(tmp_path / "out")]
    text = on_a_terminal("build", "dolly", "--sample", *named, columns=60)
    bars = [line for line in re.split(r"[\r\n]+", text) if "━" in line]
    last = {line.split("━")[0].strip(): line.split("━")[-1].split() for line in bars}
    assert last["near_duplicates 4/4"][:2] == ["1/1", "chunks"]
    assert last["order"][:2] == ["1/1", "chunks"]
    assert last["dolly"][:2] == ["7.9/7.9", "kB"]  # in one line


def test_a_ledger_fits_a_narrow_terminal(tmp_path: Path) -> None:
    """It has no column for what did not happen, such as repeats."""
    text = on_a_terminal("build", "dolly", "--sample", "-o", str(tmp_path / "out"), columns=40)
    assert "Not shown, for lack of width: messages\r\nkept." in text


def test_columns_that_may_be_left_out_are_columns_of_the_ledger() -> None:
    from open_instructions.ledger import Ledger
    from open_instructions.reports.tables import LEDGER_SPARE, ledger_table

    counts = Ledger()
    counts.add("alpaca", "main", "write", "repeats", 1)
    counts.add("alpaca", "main", "convert", "derived", 1)
    headings, _ = ledger_table(counts)
    assert set(LEDGER_SPARE) <= set(headings)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_a_narrow_terminal_never_breaks_a_number(
    tmp_path: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    from rich.console import Console

    from open_instructions.cli import console

    drawn = io.StringIO()
    monkeypatch.setattr(
        console,
        "out",
        lambda: Console(
            file=drawn, width=width, force_terminal=True, no_color=True, highlight=False
        ),
    )
    headings = ["source", "records", "size", "answers by", "licence"]
    rows = [
        [
            "instructionwild:en",
            "52,191",
            "1,853.9 MB",
            "text-davinci-003",
            "LicenseRef-InstructionWild-noncommercial",
        ]
    ]
    console.show("", headings, rows, spare=("answers by", "size", "records"))
    text = re.sub(r"\x1b\[[0-9;]*m", "", drawn.getvalue())
    shown = [heading for heading in headings if heading in text.split("Not shown")[0]]
    assert {60: 2, 80: 3, 100: 4, 140: 5}[width] == len(shown)
    for heading, cell in zip(headings, rows[0], strict=True):
        assert (cell in text) == (heading in shown) or width == 60
    assert "52,191" in text or width == 60
    assert ("Not shown, for lack of width: answers by" in text) == (width < 140)
