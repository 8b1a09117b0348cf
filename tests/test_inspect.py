"""`oi inspect`: what is in a file, how it would be read, what would be rejected."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import open_instructions as oi
from open_instructions.errors import UsageError
from open_instructions.readers import sample as sampling
from open_instructions.reports.inspect import records_in_words

from .test_cli import oi as command


def chat(number: int) -> dict[str, Any]:
    return {
        "conversations": [
            {"from": "human", "value": f"Question {number:05d}?"},
            {"from": "gpt", "value": f"Answer {number:05d}."},
        ],
        "number": number,
    }


def write(path: Path, records: list[Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_a_small_file_is_read_whole(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mixed.jsonl",
        [chat(0), {"prompt": "Why?", "answer": "So."}, {"text": "no conversation"}, chat(3)],
    )
    [file] = oi.inspect(path).files
    assert (file.container, file.encoding, file.places) == ("JSON lines", "utf-8", ())
    assert (file.records, file.sampled, file.read) == (4, 4, path.stat().st_size)
    assert file.layouts == {"sharegpt": 2, "pairs": 1}
    assert file.fields["pairs"] == {"prompt": "prompt", "completion": "answer"}
    assert file.roles == {"human": "user", "gpt": "assistant"}
    assert [(name, count) for name, (count, _) in file.rejects.items()] == [
        ("not_a_conversation", 1)
    ]
    first = file.examples[0]
    assert first.messages == [("user", "Question 00000?"), ("assistant", "Answer 00000.")]
    assert (first.row, first.metadata) == (0, ["number"])


@pytest.mark.parametrize("form", ["lines", "array"])
def test_a_large_file_is_sampled_at_three_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(sampling, "SMALL", 1000)
    monkeypatch.setattr(sampling, "WINDOW", 4000)
    records = [chat(number) for number in range(3000)]
    path = tmp_path / "big.json"
    if form == "lines":
        write(path, records)
    else:
        path.write_text(json.dumps(records))
    [file] = oi.inspect(path).files
    assert file.places == ("head", "middle", "tail")
    assert 0 < file.sampled < 300
    if form == "lines":
        assert file.read == 12_000
        assert file.records is None
        assert abs(int(records_in_words(file).removeprefix("about ").replace(",", "")) - 3000) < 60
    else:
        assert (file.read, file.records) == (path.stat().st_size, 3000)
    [file] = oi.inspect(path, whole=True).files
    assert (file.sampled, file.records, file.places) == (3000, 3000, ())


def test_a_packed_file_is_sampled_at_its_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "SMALL", 1000)
    monkeypatch.setattr(sampling, "RECORDS", 20)
    path = tmp_path / "big.jsonl.gz"
    path.write_bytes(
        gzip.compress("".join(json.dumps(chat(n)) + "\n" for n in range(3000)).encode())
    )
    [file] = oi.inspect(path).files
    assert (file.places, file.sampled, records_in_words(file)) == (("head",), 60, "unknown")


def test_the_entry_that_is_shown_builds(tmp_path: Path) -> None:
    path = write(tmp_path / "chats.jsonl", [chat(0), chat(1)])
    done = command("inspect", path)
    assert done.returncode == 0, done.stderr
    assert "2 records" in done.stdout
    entry = done.stdout.partition("For a recipe:\n")[2]
    assert "# license: CC-BY-4.0" in entry
    (tmp_path / "mix.yaml").write_text(entry)
    assert yaml.safe_load(entry)["sources"][0]["layout"] == "sharegpt"
    result = oi.build(recipe=str(tmp_path / "mix.yaml"), out=tmp_path / "mix")
    assert result.manifest.totals["rows"] == 2


@pytest.mark.parametrize(
    ("record", "line"),
    [
        ({"q": "Why?", "a": "So."}, "    # fields: {prompt: FIELD, completion: FIELD}\n"),
        (
            {"conversation": [{"from": "client", "text": "Why?"}, {"from": "a\nb", "text": "So."}]},
            '    # roles: {"client": ROLE, "a\\nb": ROLE}, each user, assistant, system or tool\n',
        ),
    ],
)
def test_the_entry_names_the_keys_that_it_needs(record: Any, line: str, tmp_path: Path) -> None:
    done = command("inspect", write(tmp_path / "a.jsonl", [record]))
    assert line in done.stdout
    assert "\n Examples:\n   oi inspect ./tickets.jsonl " in command("inspect", "--help").stdout


def test_json_for_scripts_and_escapes_for_terminals(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"prompt": "\x1b[31mWhy?", "completion": "So."}])
    done = command("inspect", path, "--json")
    assert json.loads(done.stdout)["files"][0]["layouts"] == {"pairs": 1}
    assert "\x1b" not in done.stdout + command("inspect", path).stdout


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        oi.inspect(tmp_path / "a.jsonl")
