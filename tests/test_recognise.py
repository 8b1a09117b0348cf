"""What a file is known by: the fields that its converter needs, in records that are parsed;
upstream's name and its spellings."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from open_instructions.building.run import BuildResult
from open_instructions.catalogue import select
from open_instructions.errors import InputError, MissingSourceError, UsageError
from open_instructions.inputs import Found, find

from .conftest import SHARED, SOURCE, alpaca, rows

PAIR = {"instruction": "Name a river.", "output": "The Po."}
CHAT = {
    "conversations": [
        {"from": "human", "value": "Name a bay."},
        {"from": "gpt", "value": "Biscay."},
    ]
}
DOLLY = {"instruction": "Name a fish.", "context": "", "response": "A pike.", "category": "open_qa"}


def put(folder: Path, name: str, content: Any) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def found(folder: Path, sources: str, **options: Any) -> Found:
    return find(folder, select(sources), missing="skip", **options)


def taken(folder: Path, sources: str = "all") -> list[str]:
    return [f"{i.source}:{i.subset} {i.relative}" for i in found(folder, sources).inputs]


def error(folder: Path, sources: str = "alpaca") -> str:
    with pytest.raises(MissingSourceError) as caught:
        find(folder, select(sources))
    return caught.value.message


# --- fields


@pytest.mark.parametrize(
    ("name", "record", "expected"),
    [
        ("alpaca_data.json", PAIR, "alpaca:main"),
        ("alpaca_gpt4_data.json", PAIR, "gpt4llm:en"),
        ("alpaca_gpt4_data_zh.json", PAIR, "gpt4llm:zh"),
        ("instinwild_en.json", PAIR, "instructionwild:en"),
        ("unnatural_instruction_gpt4_data.json", PAIR, "gpt4llm:unnatural"),
        ("ShareGPT_V3_unfiltered_cleaned_split.json", CHAT, "sharegpt:v3"),
        ("sg_90k_part1.json", CHAT, "sharegpt:raw"),
        ("databricks-dolly-15k.jsonl", {"instruction": "Why?", "response": "So."}, "dolly:main"),
        (
            "ori_pqal.json",
            {"question": "Why?", "context": {"contexts": ["So."]}, "final_decision": "yes"},
            "lmflow:pubmedqa",
        ),
        (
            "US/test.jsonl",
            {"question": "Why?", "options": {"A": "So", "B": "No"}, "answer": "So"},
            "lmflow:medqa",
        ),
        (
            "task1_x.json",
            {"Definition": "Name it.", "Instances": [{"input": "a", "output": ["b"]}]},
            "lmflow:natural-instructions",
        ),
    ],
)
def test_what_a_converter_needs_is_enough(
    make: Callable[..., BuildResult], tmp_path: Path, name: str, record: Any, expected: str
) -> None:
    content = json.dumps(record if "Instances" in record else [record])
    if name.endswith(".jsonl"):
        content = json.dumps(record) + "\n"
    result = make({name: content}, expected)
    assert len(rows(result)) == 1
    assert taken(tmp_path / "data", expected) == [f"{expected} {name}"]


def test_records_without_an_id_are_numbered(make: Callable[..., BuildResult]) -> None:
    other = {
        "conversations": [
            {"from": "human", "value": "Name a hill."},
            {"from": "gpt", "value": "Ben Nevis."},
        ]
    }
    result = make({"ShareGPT_V3_unfiltered_cleaned_split.json": [CHAT, other]}, "sharegpt:v3")
    assert [row["id"] for row in rows(result)] == ["sharegpt/000000", "sharegpt/000001"]


def test_fields_inside_values_do_not_count(tmp_path: Path) -> None:
    seed = {
        "instruction": "Name a synonym.",
        "instances": [{"input": "big", "output": "large"}],
        "text": '"output": "x"',
    }
    put(tmp_path, "alpaca_data.json", [seed])
    with pytest.raises(
        InputError, match=r"records have other fields: instances, instruction, text\."
    ):
        found(tmp_path, "alpaca")


@pytest.mark.parametrize("length", [300_000, 3_000_000, 20_000_000])
@pytest.mark.parametrize("packed", [False, True])
def test_a_first_record_of_any_length(tmp_path: Path, length: int, packed: bool) -> None:
    content = json.dumps([{"instruction": "x" * length, "output": "So."}, PAIR]).encode()
    put(
        tmp_path,
        "alpaca_data.json" + ".gz" * packed,
        gzip.compress(content, 1) if packed else content,
    )
    assert len(taken(tmp_path, "alpaca")) == 1


def test_what_follows_a_long_list_in_an_envelope(tmp_path: Path) -> None:
    instances = [{"input": "a" * 1000, "output": "b"}] * 2000
    put(tmp_path, "train_1.json", {"instances": instances, "type": "text2text"})
    assert taken(tmp_path, "lmflow:native") == ["lmflow:native train_1.json"]


def test_a_broken_first_record_is_no_reason_to_refuse(tmp_path: Path) -> None:
    put(tmp_path, "databricks-dolly-15k.jsonl", '{"instruction": "cut\n' + json.dumps(DOLLY) + "\n")
    put(
        tmp_path,
        "april.jsonl",
        '{"instruction": "cut\n' + json.dumps(DOLLY | {"response": "A carp."}) + "\n",
    )
    assert len(taken(tmp_path, "dolly")) == 2


def test_one_record_of_a_mixed_file_is_not_enough_under_another_name(tmp_path: Path) -> None:
    put(tmp_path, "mixed.json", [DOLLY, {"q": "Why?", "a": "So."}])
    assert found(tmp_path, "dolly").unused == ("mixed.json",)
    put(tmp_path, "few.json", [{"instruction": "Why?", "response": "So."}])
    assert taken(tmp_path, "dolly") == []


@pytest.mark.parametrize(("sources", "expected"), [("gpt4all:main", 1), ("gpt4all:j", 0)])
def test_a_name_that_other_sets_have_too(tmp_path: Path, sources: str, expected: int) -> None:
    name = "train-00000-of-00002-0123456789abcdef.parquet"
    pq.write_table(pa.Table.from_pylist([{"prompt": "Why?", "response": "So."}]), tmp_path / name)
    assert len(taken(tmp_path, sources)) == expected
    with pytest.raises(InputError, match="other sets also use, and lacks source") as caught:
        found(tmp_path, "all")
    assert caught.value.hint.startswith("--sources=gpt4all:main uses it.")


def test_what_could_be_of_two_sources_is_not_taken(tmp_path: Path) -> None:
    put(
        tmp_path,
        "exam.jsonl",
        json.dumps(
            {
                "question": "?",
                "options": {},
                "answer_idx": "A",
                "opa": "",
                "opb": "",
                "opc": "",
                "opd": "",
            }
        ),
    )
    assert "exam.jsonl could be lmflow:medmcqa or lmflow:medqa; its content does not tell" in error(
        tmp_path, "lmflow"
    )


# --- names


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("alpaca_data (1).json", False),
        ("alpaca_data(12).json", False),
        ("Alpaca_Data (1).JSON", False),
        ("alpaca_data.jsonl", True),
        ("alpaca_data.ndjson", True),
        ("sub/alpaca_data (2).jsonl", True),
    ],
)
def test_spellings_of_a_name(tmp_path: Path, name: str, lines: bool) -> None:
    put(tmp_path, name, json.dumps(PAIR) + "\n" if lines else [PAIR])
    assert taken(tmp_path) == [f"alpaca:main {name}"]


def test_spellings_need_the_fields(tmp_path: Path) -> None:
    put(tmp_path, "alpaca_data (1).json", [PAIR, {"q": "Why?", "a": "So."}])
    put(tmp_path, "data.json", [{"prompt": "Why?", "response": "So.", "source": "x"}])
    put(tmp_path, "user_1.json", [PAIR])
    assert taken(tmp_path) == []


def test_two_files_for_one_name(tmp_path: Path) -> None:
    put(tmp_path, "alpaca_data.json", [PAIR])
    put(tmp_path, "alpaca_data (1).json", [PAIR])
    assert taken(tmp_path) == ["alpaca:main alpaca_data (1).json"] or taken(tmp_path) == [
        "alpaca:main alpaca_data.json"
    ]
    put(tmp_path, "alpaca_data (1).json", [alpaca()])
    put(tmp_path, "alpaca_data_cleaned.json", [PAIR])
    with pytest.raises(InputError) as caught:
        found(tmp_path, "alpaca")
    first, *others = caught.value.message.splitlines()
    assert first == (
        "alpaca_data.json and alpaca_data (1).json are both alpaca_data.json of "
        "alpaca:main, and differ."
    )
    assert others[1].startswith(
        "  alpaca_data_cleaned.json has the fields instruction, output, as alpaca:main has"
    )


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "alpaca_data_cleaned.json",
            [PAIR],
            (
                "fields instruction, output, as alpaca:main has. If that is what it is, rename "
                "it to alpaca_data.json"
            ),
        ),
        (
            "gpt4all.jsonl",
            '{"prompt": "a", "response": "b", "source": "c"}\n',
            "as gpt4all:p3 has. If that is what it is, rename it to data.jsonl",
        ),
        (
            "mine.json",
            [{"customer": "Ann", "answer": "So."}],
            "fields customer, answer, and no source has these",
        ),
        (
            "mine.csv",
            "q,a\n",
            "is a CSV table, which no known source is published in; --sources reads it as your own",
        ),
        ("mine.xlsx", b"PK", "is an Excel workbook, which no known source is published in"),
        ("mine.xls", b"PK", "is an Excel workbook, which cannot be read; save it as JSON Lines"),
        ("mine.tar.zst", b"x", "is packed with zstd, which cannot be read; unpack it"),
        (
            "alpaca_data.json.1",
            [PAIR],
            "is not read under this name. Rename it to alpaca_data.json",
        ),
        ("alpaca_data.json.crdownload", "[", "is an unfinished download; download it again"),
        ("odd.bin", b"\0", "is not JSON, JSON Lines or Parquet"),
        ("empty.json", "", "is empty"),
        ("page.json", "<html>", "is a web page, not the data"),
        ("broken.json", "{{{", "has no record that can be read"),
        ("broken.parquet", b"PAR1", "cannot be read: "),
        (
            "a\nError: \x1b[31mb.json",
            [{"c\nd": 1}],
            "a\\nError: \\x1b[31mb.json has the fields c\\nd, and",
        ),
    ],
)
def test_what_lies_there_is_named(tmp_path: Path, name: str, content: Any, says: str) -> None:
    put(tmp_path, name, content)
    said = error(tmp_path)
    assert said.startswith(
        f"{tmp_path} has no file of the requested sources, and neither does the cache.\n  "
    )
    assert says in said.splitlines()[1]
    assert found(tmp_path, "alpaca").there == (said.splitlines()[1].strip(),)


def test_a_folder_of_own_files_is_a_short_error(tmp_path: Path) -> None:
    for number in range(40):
        put(
            tmp_path,
            f"tickets_{number:02d}.jsonl",
            json.dumps({f"field {n}" * 30: n for n in range(200)}) + "\n",
        )
    said = error(tmp_path, "all")
    assert len(said.splitlines()) == 12
    assert "and 30 more files" in said
    assert "https:" not in said and len(said) < 10_000


def test_a_set_that_was_not_asked_for(tmp_path: Path) -> None:
    put(tmp_path, "alpaca_data.json", [PAIR])
    assert (
        "alpaca_data.json is alpaca:main, which was not requested; --sources=alpaca:main takes it"
        in error(tmp_path, "dolly")
    )
    assert "dolly:main looks for databricks-dolly-15k.jsonl" in error(tmp_path, "dolly")


def test_files_of_several_folders_are_named_by_their_whole_paths(tmp_path: Path) -> None:
    put(tmp_path, "one/mine.json", [{"q": "Why?"}])
    put(tmp_path, "two/mine.json", [{"q": "How?"}])
    os.mkfifo(tmp_path / "two" / "alpaca_data.json")
    with pytest.raises(MissingSourceError) as caught:
        find([tmp_path / "one", tmp_path / "two"], select("alpaca"))
    assert caught.value.message.splitlines()[:4] == [
        (
            f"{tmp_path / 'one'}, {tmp_path / 'two'} have no file of the requested sources, and "
            "neither does the cache."
        ),
        f"  {tmp_path / 'two' / 'alpaca_data.json'} is a named pipe, not a file",
        f"  {tmp_path / 'one' / 'mine.json'} has the fields q, and no source has these",
        f"  {tmp_path / 'two' / 'mine.json'} has the fields q, and no source has these",
    ]


# --- what cannot be opened


def test_what_is_no_file_is_named_and_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alpaca_data.json")
    os.mkfifo(tmp_path / "bundle.zip")
    (tmp_path / "alpaca_gpt4_data.json").symlink_to("gone.json")
    (tmp_path / "alpaca_gpt4_data_zh.json").symlink_to("alpaca_gpt4_data_zh.json")
    (tmp_path / "instinwild_en.json").symlink_to("/dev/zero")
    (tmp_path / "other").symlink_to("other")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(tmp_path)
        listening.bind("instinwild_ch.json")
        os.chdir(here)
    put(tmp_path, "databricks-dolly-15k.jsonl", json.dumps(DOLLY))
    assert found(tmp_path, "all").notes == (
        "alpaca_data.json is a named pipe, not a file",
        "alpaca_gpt4_data.json is a broken link",
        "alpaca_gpt4_data_zh.json is a link to itself",
        "instinwild_ch.json is a socket, not a file",
        "instinwild_en.json is a device, not a file",
    )
    assert found(tmp_path, "dolly").notes == ()
    assert "\n  alpaca_data.json is a named pipe, not a file\n" in error(tmp_path, "all")


def test_folders_that_nobody_can_enter(tmp_path: Path) -> None:
    put(tmp_path, "private/alpaca_data.json", [PAIR])
    put(tmp_path, "open/databricks-dolly-15k.jsonl", json.dumps(DOLLY))
    put(tmp_path, "alpaca_gpt4_data.json", [PAIR])
    (tmp_path / "private").chmod(0)
    (tmp_path / "alpaca_gpt4_data.json").chmod(0)
    script = (
        "import os, sys; from pathlib import Path; from open_instructions.inputs import find; "
        "from open_instructions.catalogue import select; select('all')\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "folder = Path(sys.argv[1])\n"
        "for note in find(folder, select('all'), missing='skip').notes: print(note)\n"
        "try: find(folder / 'private', select('all'))\n"
        "except Exception as error: print(type(error).__name__, error.message)\n"
    )
    for parent in [tmp_path, *tmp_path.parents]:
        if not parent.stat().st_mode & 0o001:
            parent.chmod(0o755)
    result = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=100
    )
    (tmp_path / "private").chmod(0o755)
    assert result.stdout.splitlines() == [
        "alpaca_gpt4_data.json cannot be read: Permission denied",
        "private/ cannot be opened: Permission denied",
        f"UsageError {tmp_path / 'private'} cannot be opened: Permission denied.",
    ], result.stderr


def test_loops_of_links_end(tmp_path: Path) -> None:
    put(tmp_path, "a/alpaca_data.json", [PAIR])
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "self").symlink_to("self")
    assert taken(tmp_path) == ["alpaca:main a/alpaca_data.json"]
    with pytest.raises(UsageError, match="is not a folder"):
        found(tmp_path / "a" / "self", "alpaca")


def test_a_source_of_ones_own_tells_with_its_fields(tmp_path: Path) -> None:
    mine = SOURCE.replace("NAME", "telling").replace(
        'languages=("en",)', 'languages=("en",), any_name=True'
    )
    (tmp_path / "mine.py").write_text(mine)
    put(tmp_path, "d/x.jsonl", '{"q": "Why?", "a": "So."}\n')
    assert taken(tmp_path / "d", str(tmp_path / "mine.py")) == ["telling:main x.jsonl"]


@pytest.mark.parametrize(
    ("case", "sources", "expected"),
    [
        (
            "unneeded-fields/no-id",
            "sharegpt",
            ["sharegpt:v3 ShareGPT_V3_unfiltered_cleaned_split.json"],
        ),
        ("unneeded-fields/no-input", "alpaca", ["alpaca:main alpaca_data.json"]),
        ("unneeded-fields/no-input-in-one", "alpaca", ["alpaca:main alpaca_data.json"]),
        ("pubmedqa-hub", "lmflow:pubmedqa", ["lmflow:pubmedqa ori_pqal.json"]),
    ],
)
def test_the_shared_cases(case: str, sources: str, expected: list[str]) -> None:
    folder = SHARED.parent / "cases" / case
    if not folder.is_dir():
        pytest.skip("the cases of ../shared/cases are not here")
    assert taken(folder, sources) == expected
