"""CSV and TSV files: a frame per row, whatever stands in the cells; nothing is shifted or lost."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from open_instructions.catalogue import Subset
from open_instructions.errors import InputError
from open_instructions.readers import delimited, open_file, parse
from open_instructions.schema import Reject

ANY = Subset(
    "own", files=(), fields=frozenset(), languages=(), engine="", license="", format="lines"
)
TREE = {"prompt": "Name a tree that grows in the north.", "answer": "The birch does."}
FISH = {"prompt": "Name a fish that lives in rivers.", "answer": "The pike does."}
HEAD = "prompt,answer\n"
A = "Name a tree that grows in the north.,The birch does.\n"
B = "Name a fish that lives in rivers.,The pike does.\n"


def opened(tmp_path: Path, text: str | bytes, name: str = "x.csv", **said: Any) -> Any:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return open_file(path, None, ANY, **said)


def read(tmp_path: Path, text: str | bytes, name: str = "x.csv", **said: Any) -> list[Any]:
    """The records of a file, and (reason, text) of what is refused; their numbers go from 0."""
    frames = [frame for frame, _ in opened(tmp_path, text, name, **said).frames()]
    assert [frame.row for frame in frames] == list(range(len(frames)))
    return [
        (record.reason.value, frame.text) if isinstance(record := parse(frame), Reject) else record
        for frame in frames
    ]


# --- cells


def test_a_header_and_rows(tmp_path: Path) -> None:
    assert read(tmp_path, HEAD + A + B) == [TREE, FISH]
    assert read(tmp_path, HEAD + A + B[:-1]) == [TREE, FISH]
    assert read(tmp_path, "\n" + HEAD + "\n" + A + "  \n" + B + "\n\n") == [TREE, FISH]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_delimiters_are_told_by_the_rows(
    tmp_path: Path, delimiter: str, newline: str, quoting: Any
) -> None:
    inner = f"two{newline}lines, and{newline * 2}a third"
    rows = [
        ["prompt", "context", "answer"],
        ['Say "hi", then; go.', inner, "a\tb|c"],
        ["Name a fish.", "", " blanks around "],
    ]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=quoting).writerows(rows)
    for name in ("x.csv", "x.tsv"):
        assert read(tmp_path, text.getvalue(), name) == [
            {
                "prompt": 'Say "hi", then; go.',
                "context": inner,
                "answer": "a\tb|c",
            },
            {"prompt": "Name a fish.", "context": "", "answer": " blanks around "},
        ]


def test_cells_stay_text(tmp_path: Path) -> None:
    got = read(tmp_path, "id,prompt,score,flag\n007,Name a tree in the north.,1e3,true\n1,,,null\n")
    assert got == [
        {"id": "007", "prompt": "Name a tree in the north.", "score": "1e3", "flag": "true"},
        {"id": "1", "prompt": "", "score": "", "flag": "null"},
    ]


def test_delimiters_that_fit_equally_well_stop(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.csv: .* by a comma or by a semicolon: both fit"):
        read(tmp_path, "Two; three,five\nOne; one,two\n")


def test_one_column(tmp_path: Path) -> None:
    text = 'prompt\n"Name a tree, and a fish; please do."\nName a bird of the north.\n'
    assert read(tmp_path, text) == [
        {"prompt": "Name a tree, and a fish; please do."},
        {"prompt": "Name a bird of the north."},
    ]


def test_quotes_that_are_text(tmp_path: Path) -> None:
    """As in TSV files that know no quotes."""
    text = '"Hi," she said to us.\t"Go" and "stop".\n5" or 6" of snow\tYes.\n'
    assert read(tmp_path, text, "x.tsv") == [
        {"0": '"Hi," she said to us.', "1": '"Go" and "stop".'},
        {"0": '5" or 6" of snow', "1": "Yes."},
    ]


def test_blanks_before_quotes(tmp_path: Path) -> None:
    text = 'prompt, answer\n"Name trees, please, of the north.", "Birch, and pine."\n'
    assert read(tmp_path, text) == [
        {"prompt": "Name trees, please, of the north.", "answer": "Birch, and pine."}
    ]


# --- the header


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("prompt,answer\nName a tree of the north.,Birch\n", True),
        (",prompt\n0,Name a tree of the north.\n", True),
        ("问题,答案\n请说出一种生长在北方的树木的名字。,白桦\n", True),
        ("id,label\n1,a\n2,b\n", True),
        ("Name a tree.,Birch\nName a fish.,Pike\n", False),
        ("1,2\n3,4\n", False),
        ("prompt,\nName a tree of the north.,\n", True),
        ("prompt,,answer\nName a tree of the north.,x,Birch\n", False),
        ("yes,no\nup,down\n", None),
        ("north,east\n", None),
        ("prompt,answer\n", True),
        ("Question,Reply\n2 + 2?,4\n", True),
        ("prompt,answer\nprompt,go\n", None),
        ("north,south\nName a tree of the north.,south\n", None),
        ("e,f\nName a tree of the north.,Birch\n", True),
        ("Report\nprompt,answer\nName a tree of the north.,Birch\n", False),
        ("x" * 65 + ",answer\nName a tree of the north.,Birch\n", False),
    ],
)
def test_a_header_is_told_by_evidence(tmp_path: Path, rows: str, found: bool | None) -> None:
    assert opened(tmp_path, rows).has_header is found


def test_without_a_header_columns_are_numbers(tmp_path: Path) -> None:
    text = "Name a tree.,Birch\nName a fish.,Pike\n"
    assert read(tmp_path, text) == [
        {"0": "Name a tree.", "1": "Birch"},
        {"0": "Name a fish.", "1": "Pike"},
    ]


def test_the_user_has_the_last_word(tmp_path: Path) -> None:
    assert read(tmp_path, "yes,no\nup,down\n", names_first=True) == [{"yes": "up", "no": "down"}]
    assert read(tmp_path, HEAD + A, names_first=False) == [
        {"0": "prompt", "1": "answer"},
        {"0": TREE["prompt"], "1": TREE["answer"]},
    ]


def test_a_column_without_a_name_has_its_number(tmp_path: Path) -> None:
    assert read(tmp_path, ",prompt,,\n7,Name a tree of the north.,,\n") == [
        {"0": "7", "prompt": "Name a tree of the north.", "2": "", "3": ""}
    ]


def test_two_columns_of_one_name_stop(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Two columns have the name 'answer'"):
        read(tmp_path, "prompt,answer,answer\nName a tree.,Birch,Pine\n", names_first=True)


def test_no_table_has_so_many_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a table of 20,001 columns"):
        read(tmp_path, "a" + ",b" * 20_000 + "\n")


def test_a_header_in_the_midst_is_no_record(tmp_path: Path) -> None:
    got = read(tmp_path, HEAD + A + HEAD + B)
    assert got == [TREE, ("unexpected_shape", "prompt,answer"), FISH]


# --- what is broken


def test_rows_of_another_width_are_refused(tmp_path: Path) -> None:
    got = read(tmp_path, HEAD + A + "Name trees, please.,Birch\n" + "alone\n" + B)
    assert got == [
        TREE,
        ("unexpected_shape", "Name trees, please.,Birch"),
        ("unexpected_shape", "alone"),
        FISH,
    ]
    frames = [frame for frame, _ in opened(tmp_path, "Go.,On.\nStay.,Here.\na,b,c\n").frames()]
    assert frames[2].detail == "3 cells, where most rows have 2"


def test_an_open_quote_costs_the_tail(tmp_path: Path) -> None:
    tail = 'Name a bird.,"The wren\n' + B + B
    assert read(tmp_path, HEAD + A + tail) == [TREE, ("truncated", tail.rstrip())]


@pytest.mark.parametrize("quoted", [False, True])
def test_broken_quotes_cost_their_row(tmp_path: Path, quoted: bool) -> None:
    b = f'"{FISH["prompt"]}","{FISH["answer"]}"\n' if quoted else B
    broken = '"He said "go" to us",Went\n'
    got = read(tmp_path, HEAD + A + broken + b + A)
    assert got == [TREE, ("unexpected_shape", broken.rstrip()), FISH, TREE]


def test_broken_quotes_over_several_lines(tmp_path: Path) -> None:
    """Lines in quotes are not taken for rows, though they have as many cells."""
    broken = 'Explain.,"He said "go", and\none line, with a comma\nanother, with one\nthe end"\n'
    got = read(tmp_path, HEAD + A + broken + B + A)
    assert got == [TREE, ("unexpected_shape", broken.rstrip()), FISH, TREE]


def test_a_quote_that_swallows_rows_gives_them_back(tmp_path: Path) -> None:
    stray = 'A board of,"5 inches\n'
    quoted = '"Name a bird, please.","The wren."\n'
    got = read(tmp_path, HEAD + stray + B + A + quoted)
    bird = {"prompt": "Name a bird, please.", "answer": "The wren."}
    assert got == [("unexpected_shape", stray.rstrip()), FISH, TREE, bird]


def test_many_rows_without_quotes_settle_it(tmp_path: Path) -> None:
    broken = '"He said "go" to us",Went\n'
    got = read(tmp_path, HEAD + broken + B * 20 + '"unclosed\n')
    assert got[:2] == [("unexpected_shape", broken.rstrip()), FISH]
    assert got[1:-1] == [FISH] * 20
    assert got[-1] == ("truncated", '"unclosed')


def test_a_row_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "LONGEST", 1000)
    stray = 'A board of,"5 inches\n'
    got = read(tmp_path, HEAD + A + stray + B * 40)
    assert got == [TREE, ("unexpected_shape", stray.rstrip()), *[FISH] * 40]


def test_long_cells(tmp_path: Path) -> None:
    long = "x" * 300_000
    assert read(tmp_path, f"{HEAD}{long},{long}\n" + A) == [{"prompt": long, "answer": long}, TREE]
    assert read(tmp_path, f'{long},"{long}\n{long}"\n') == [{"0": long, "1": f"{long}\n{long}"}]


def test_bytes_that_are_not_utf8_cost_their_row(tmp_path: Path) -> None:
    text = (HEAD + A).encode() + b"caf\xe9 and tea,Yes\n" + B.encode()
    got = read(tmp_path, text, encoding="utf-8")
    assert got == [TREE, ("invalid_utf8", '{"prompt":"caf\udce9 and tea","answer":"Yes"}'), FISH]


def test_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "") == [("empty_file", "")]
    assert read(tmp_path, "\n \n") == [("empty_file", "")]
    assert read(tmp_path, HEAD, names_first=True) == [("empty_file", "")]


# --- around it


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_that_tell_themselves(tmp_path: Path, encoding: str) -> None:
    text = "prompt,answer\nNenne einen Baum, der im Süden wächst.,Die Föhre\n".replace(", ", " ")
    assert read(tmp_path, text.encode(encoding)) == [
        {"prompt": "Nenne einen Baum der im Süden wächst.", "answer": "Die Föhre"}
    ]


def test_an_encoding_that_the_user_says(tmp_path: Path) -> None:
    text = "prompt,answer\n请说出一种生长在北方的树木的名字。,白桦\n" * 20
    with pytest.raises(InputError, match=r"is not UTF-8\. It looks like gb18030"):
        read(tmp_path, text.encode("gb18030"))
    got = read(tmp_path, text.encode("gb18030"), encoding="gb18030")
    assert got[0] == {"prompt": "请说出一种生长在北方的树木的名字。", "answer": "白桦"}


def test_packed(tmp_path: Path) -> None:
    text = (HEAD + A + B).encode()
    assert read(tmp_path, gzip.compress(text), "x.csv.gz") == [TREE, FISH]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("day/x.csv", text)
    frames = [frame for frame, _ in open_file(tmp_path / "x.zip", 0, ANY).frames()]
    assert [json.loads(frame.text) for frame in frames] == [TREE, FISH]


def test_cut_in_every_place(tmp_path: Path) -> None:
    """A packed file that was cut off gives rows that are in it, and says that it was cut."""
    rows = [
        {"prompt": f"Name tree {n} of the north.", "answer": f"Tree {n},\nso"} for n in range(9)
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, ["prompt", "answer"])
    writer.writeheader()
    writer.writerows(rows)
    packed = gzip.compress(text.getvalue().encode(), 0)
    for size in range(40, len(packed) - 8, 7):
        got = read(tmp_path, packed[:size], "x.csv.gz", names_first=True)
        whole = [record for record in got if isinstance(record, dict)]
        assert whole == rows[: len(whole)]
        assert got[-1][0] == "truncated"
        assert len(got) == len(whole) + 1


CELLS = st.text(st.sampled_from('ab"\n\r,;\t |é汉'), max_size=6)


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6), all=st.booleans())
def test_what_the_csv_module_wrote_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], all: bool
) -> None:
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if all else csv.QUOTE_MINIMAL
    csv.writer(text, quoting=quoting).writerows([("prompt", "input", "answer"), *rows])
    form = delimited.Form(delimited.Dialect(), ("prompt", "input", "answer"), True)
    frames = list(delimited.rows(_Stream(text.getvalue()), form))
    assert [tuple(json.loads(frame.text).values()) for frame in frames] == rows


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.sampled_from('ab"\n,'), max_size=60))
def test_no_character_is_lost(text: str) -> None:
    """Whatever is written, every line is in a row, in a refused frame, or blank."""
    form = delimited.Form(delimited.Dialect(), ("0", "1"), False)
    left = text
    for frame in delimited.rows(_Stream(text), form):
        if frame.reason:
            at = left.index(frame.text)
            taken = at + len(frame.text)
        else:
            cells = json.loads(frame.text).values()
            at, taken = _row_in(left, cells)
        assert not left[:at].strip(" \r\n")
        left = left[taken:]
    assert not left.strip(" \r\n")


def _row_in(text: str, cells: Any) -> tuple[int, int]:
    """Where the csv module finds these cells at the start of a text, behind blank lines."""
    at = len(text) - len(text.lstrip("\n"))
    lines = text[at:].splitlines(keepends=True)
    for count in range(1, len(lines) + 1):
        found = "".join(lines[:count])
        try:
            rows = list(csv.reader(io.StringIO(found, newline=""), strict=True))
        except csv.Error:
            continue
        if rows and rows[0] == list(cells):
            return at, at + len(found)
    raise AssertionError(f"{cells} is not at the start of {text!r}")


class _Stream:
    fault, share = "", 1.0

    def __init__(self, text: str) -> None:
        self.read = io.BytesIO(text.encode()).read
