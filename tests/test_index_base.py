"""Answers that are numbers: where a file counts its options from is shown by the file, said by the
user, or stops the build."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from open_instructions.converters.lmflow.choices import named_option
from typer.testing import CliRunner

from open_instructions.building.run import BuildResult, build
from open_instructions.cli import app
from open_instructions.errors import InputError, RecipeError, UsageError
from open_instructions.readers import Frame
from open_instructions.readers.chunk import Chunk
from open_instructions.reports.explain import explain

from .conftest import BESIDE, SHARED, SOURCE, digests, rows

Make = Callable[..., BuildResult]
OPTIONS = {"opa": "Skin", "opb": "Kidney", "opc": "Lung", "opd": "Bone"}
ZERO, ONE, OPEN = (0, 1, 2, 3), (1, 2, 3, 4), (1, 2, 3)


def asked(cops: Sequence[Any], exps: Sequence[str | None] = ()) -> list[dict[str, Any]]:
    given = [*exps, *[None] * len(cops)]
    return [
        {"question": f"Which one, {row}?", **OPTIONS, "cop": cop, "exp": exp}
        for row, (cop, exp) in enumerate(zip(cops, given, strict=False))
    ]


def lines(records: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def parquet(records: list[dict[str, Any]], names: list[str] | None = None) -> bytes:
    table = pa.Table.from_pylist(records)
    if names is not None:
        features = {"cop": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata(
            {"huggingface": json.dumps({"info": {"features": features}})}
        )
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def answers(result: BuildResult) -> list[str]:
    return [row["messages"][-1]["content"].split("\n")[0] for row in rows(result)]


def refused(result: BuildResult) -> list[tuple[str, str]]:
    return [(row["reason"], row["detail"]) for row in rows(result, "rejected")]


def settled(result: BuildResult) -> list[Any]:
    return [item.index_base for item in result.manifest.inputs]


def one(
    make: Make, content: str | bytes, name: str = "medmcqa/dev.json", **options: Any
) -> BuildResult:
    return make({name: content}, "lmflow:medmcqa", **options)


def test_a_zero_says_from_zero(make: Make) -> None:
    result = one(make, lines(asked(ZERO)))
    assert answers(result) == ["A. Skin", "B. Kidney", "C. Lung", "D. Bone"]
    numbers = {"0": 1, "1": 1, "2": 1, "3": 1}
    evidence = {"numbers": numbers, "explanations": {"0": 0, "1": 0}}
    assert settled(result) == [{"from": 0, "by": "evidence", **evidence}]


def test_a_four_says_from_one(make: Make) -> None:
    result = one(make, lines(asked(ONE)))
    assert answers(result) == ["A. Skin", "B. Kidney", "C. Lung", "D. Bone"]
    assert settled(result)[0]["from"] == 1


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b", "c", "d"], ["B. Kidney", "C. Lung", "D. Bone"]),
        (["A", "B", "C", "D"], ["B. Kidney", "C. Lung", "D. Bone"]),
        (["1", "2", "3", "4"], ["B. Kidney", "C. Lung", "D. Bone"]),
        (["none", "a", "b", "c", "d"], ["A. Skin", "B. Kidney", "C. Lung"]),
    ],
)
def test_the_names_in_parquet_say_it(make: Make, names: list[str], expected: list[str]) -> None:
    result = one(make, parquet(asked(OPEN), names), "medmcqa/train.parquet")
    assert answers(result) == expected


@pytest.mark.parametrize("said", [None, ["lmflow:medmcqa=0"]])
def test_names_in_another_order_stop(make: Make, said: list[str] | None) -> None:
    with pytest.raises(InputError, match="the names d, c, b, a"):
        one(make, parquet(asked(ZERO), ["d", "c", "b", "a"]), "medmcqa/x.parquet", index_base=said)


def test_names_that_are_the_numbers_say_nothing(make: Make) -> None:
    with pytest.raises(InputError, match="do not show"):
        one(make, parquet(asked(OPEN), ["0", "1", "2", "3", "4"]), "medmcqa/x.parquet")


def test_names_against_a_four_stop(make: Make) -> None:
    with pytest.raises(InputError, match=r"the numbers have the names a, b, c, d"):
        one(make, parquet(asked(ONE), ["a", "b", "c", "d"]), "medmcqa/x.parquet")


@pytest.mark.parametrize(
    ("exps", "expected"),
    [
        (["Ans. is (c) i.e., Lung", "Answer: D"], ["C. Lung", "D. Bone", "D. Bone"]),
        (["Ans. is 'b' i.e.", "Correct option: (c)"], ["B. Kidney", "C. Lung", "C. Lung"]),
    ],
)
def test_explanations_say_it(make: Make, exps: list[str], expected: list[str]) -> None:
    assert answers(one(make, lines(asked([2, 3, 3], exps)))) == expected


@pytest.mark.parametrize(
    ("cops", "exps"),
    [
        (OPEN, []),  # nothing
        ([2, 2], ["Ans. (c)"]),  # one alone
        ([2] * 5, ["Ans. (c)"] * 3 + ["Ans. (b)"] * 2),  # they disagree
        ([0, 1, 4], []),  # both
        ([4, 2, 2], [None, "Ans. (c)", "Ans. (c)"]),  # a 4, and explanations that count from 0
        ([0, 2, 2], [None, "Ans. (b)", "Ans. (b)"]),
    ],
)
def test_none_or_two_that_disagree_stop(make: Make, cops: Sequence[int], exps: list[Any]) -> None:
    with pytest.raises(InputError, match=r"lmflow:medmcqa: dev\.json: cop is") as raised:
        one(make, lines(asked(cops, exps)))
    assert "--index-base=lmflow:medmcqa=0 or --index-base=lmflow:medmcqa=1" in raised.value.hint


def test_it_says_what_it_saw(make: Make) -> None:
    exps = ["Ans. (c)", "Ans. (c)", "Ans. (b)"]
    with pytest.raises(InputError) as raised:
        one(make, lines(asked([2, 2, 2, 1, 7, -1, None, "b"], exps)))
    assert (
        raised.value.message.splitlines()[1]
        == "  lmflow:medmcqa: dev.json: cop is 1 in 1, 2 in 3, other in 1 of its records; 2"
        " explanations fit a count from 0 and 1 one from 1"
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["lmflow:medmcqa=0"], ["B. Kidney", "C. Lung", "D. Bone"]),
        ("lmflow:medmcqa=1", ["A. Skin", "B. Kidney", "C. Lung"]),
        ({"lmflow:medmcqa": 1}, ["A. Skin", "B. Kidney", "C. Lung"]),
    ],
)
def test_the_user_says_it(make: Make, said: Any, expected: list[str]) -> None:
    result = one(make, lines(asked(OPEN)), index_base=said)
    assert answers(result) == expected
    assert settled(result)[0]["by"] == "recipe"
    assert result.manifest.recipe["index_base"] == {"lmflow:medmcqa": int(expected[0] == "A. Skin")}


def test_a_recipe_says_it_and_a_lock_keeps_it(make: Make, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("index_base: {'lmflow:medmcqa': 0}\n")
    result = one(make, lines(asked(OPEN)), recipe=str(recipe))
    assert answers(result) == ["B. Kidney", "C. Lung", "D. Bone"]
    lock = result.path / "oi.lock"
    again = build(data_dir=tmp_path / "data", locked=lock, out=tmp_path / "again", workers=1)
    assert answers(again) == ["B. Kidney", "C. Lung", "D. Bone"]


@pytest.mark.parametrize(("cops", "said"), [(ZERO, 1), (ONE, 0)])
def test_the_user_does_not_overrule_a_file(make: Make, cops: Sequence[int], said: int) -> None:
    message = f"counts its options from {1 - said}, but index_base says {said}"
    with pytest.raises(InputError, match=message):
        one(make, lines(asked(cops)), index_base={"lmflow:medmcqa": said})


@pytest.mark.parametrize(
    ("said", "kept", "detail"),
    [
        (0, ["A. Skin", "C. Lung"], "cop is 4, and its file counts 4 options from 0"),
        (1, ["B. Kidney", "D. Bone"], "cop is 0, and its file counts 4 options from 1"),
    ],
)
def test_where_a_file_shows_both_the_user_decides(
    make: Make, said: int, kept: list[str], detail: str
) -> None:
    result = one(make, lines(asked([0, 2, 4])), index_base={"lmflow:medmcqa": said})
    assert (answers(result), refused(result)) == (kept, [("unexpected_shape", detail)])


CODES = [
    ("b", "B. Kidney"),
    ("(C)", "C. Lung"),
    ("opd", "D. Bone"),
    ("2", "B. Kidney"),
    (2.0, "B. Kidney"),
    ("2.0", "B. Kidney"),
    (True, "cop is true, which is neither a number nor a letter of an option"),
    (2.5, "cop is 2.5, which is neither a number nor a letter of an option"),
    ("e", 'cop is "e", which is neither a number nor a letter of an option'),
    ([2], "cop is [2], which is neither a number nor a letter of an option"),
    (5, "cop is 5, and its file counts 4 options from 1"),
    (-2, "cop is -2, and its file counts 4 options from 1"),
    (None, "no correct option is given, as in upstream's test split"),
    ("", "no correct option is given, as in upstream's test split"),
    (float("nan"), "no correct option is given, as in upstream's test split"),
    (-1, "cop is -1: no correct option is given, as in the hub's test split"),
    ("-1", "cop is -1: no correct option is given, as in the hub's test split"),
]


@pytest.mark.parametrize(("cop", "expected"), CODES)
def test_codes_of_every_kind(make: Make, cop: Any, expected: str) -> None:
    result = one(make, lines(asked([cop, 4])))
    assert [*answers(result)[:-1], *[detail for _, detail in refused(result)]] == [expected]


@pytest.mark.parametrize("cops", [["a", "B", "(c)"], [-1, None, "a"], ["a", 9]])
def test_files_without_a_number_of_an_option_need_no_count(make: Make, cops: list[Any]) -> None:
    result = one(make, lines(asked(cops)), index_base={"lmflow:medmcqa": 1})
    assert settled(result) == [None]
    assert answers(result) == [
        text
        for cop, text in (("a", "A. Skin"), ("B", "B. Kidney"), ("(c)", "C. Lung"))
        if cop in cops
    ]


def test_minus_one_does_not_say_how_the_others_count(make: Make) -> None:
    with pytest.raises(InputError, match="do not show"):
        one(make, lines(asked([-1, 2, 3])))


def test_each_file_has_its_own_count(make: Make) -> None:
    files = {
        "medmcqa/train.json": lines(asked(ONE)),
        "medmcqa/validation.parquet": parquet(asked(ZERO)),
    }
    result = make(files, "lmflow:medmcqa", recipe="default")
    assert {item.file: item.counted_from for item in result.manifest.inputs} == {
        "train.json": 1,
        "validation.parquet": 0,
    }
    assert [r["reason"] for r in rows(result, "rejected")] == ["duplicate"] * 4  # they say the same
    assert answers(result) == ["A. Skin", "B. Kidney", "C. Lung", "D. Bone"]


def test_a_small_file_is_not_read_as_its_neighbour(make: Make) -> None:
    with pytest.raises(
        InputError, match=r"dev\.json: cop is 1 in 1, 2 in 1, 3 in 1 of its records"
    ):
        make(
            {"medmcqa/train.json": lines(asked(ONE)), "medmcqa/dev.json": lines(asked(OPEN))},
            "lmflow:medmcqa",
        )


def test_parquet_without_answers(make: Make) -> None:
    questions = [
        {name: text for name, text in record.items() if name not in ("cop", "exp")}
        for record in asked(OPEN)
    ]
    result = make({"medmcqa/test.parquet": parquet(questions), **BESIDE}, "dolly,lmflow:medmcqa")
    assert (settled(result), {reason for reason, _ in refused(result)}) == (
        [None, None],
        {"no_answer"},
    )


def test_packed_files(make: Make) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("medmcqa/train.json", lines(asked(ONE)))
        archive.writestr("medmcqa/dev.json", lines(asked(ZERO)))
        archive.writestr("medmcqa/test.json", lines([{**OPTIONS, "question": "Which?"}]))
    files = {
        "data.zip": packed.getvalue(),
        "medmcqa/more.json.gz": gzip.compress(lines(asked(ZERO)).encode()),
    }
    result = make(files, "lmflow:medmcqa")
    found = {item.file: item.counted_from for item in result.manifest.inputs}
    assert found == {"train.json": 1, "dev.json": 0, "test.json": None, "more.json": 0}
    assert answers(result) == ["A. Skin", "B. Kidney", "C. Lung", "D. Bone"]


def test_an_array_and_broken_records(make: Make) -> None:
    content = (
        "["
        + ",\n".join(
            [json.dumps(asked([2])[0]), '{"cop": 0, "question" }', json.dumps(asked([3, 4])[1])]
        )
        + "]"
    )
    result = one(make, content)
    assert answers(result) == ["B. Kidney", "D. Bone"]
    assert settled(result)[0]["numbers"] == {"2": 1, "4": 1}


def test_the_same_on_every_worker(make: Make, tmp_path: Path) -> None:
    records = asked([number % 4 for number in range(5000)])
    alone = one(make, lines(records), out=tmp_path / "a", workers=1)
    several = one(make, lines(records), out=tmp_path / "b", workers=2)
    assert digests(alone.path) == digests(several.path)
    assert answers(several)[:4] == ["A. Skin", "B. Kidney", "C. Lung", "D. Bone"]


def test_another_count_is_another_build(make: Make, tmp_path: Path) -> None:
    zero = one(make, lines(asked(OPEN)), index_base={"lmflow:medmcqa": 0})
    other = one(make, lines(asked(OPEN)), index_base={"lmflow:medmcqa": 1}, overwrite=True)
    assert zero.manifest.fingerprint != other.manifest.fingerprint
    assert answers(other) == ["A. Skin", "B. Kidney", "C. Lung"]


@pytest.mark.parametrize("base", [0, 1])
def test_explain_counts_as_the_build_did(make: Make, tmp_path: Path, base: int) -> None:
    result = one(make, lines(asked(OPEN)), index_base={"lmflow:medmcqa": base})
    found = explain(rows(result)[0]["id"], result.path, data_dir=tmp_path / "data")
    assert found.steps[0].conversations[0][1] == ("assistant", ["B. Kidney", "A. Skin"][base])


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (["lmflow:medmcqa"], UsageError),
        (["lmflow:medmcqa=2"], UsageError),
        (["=0"], UsageError),
        (["lmflow:medmcqa=0", "lmflow:medmcqa=1"], UsageError),
        ({"lmflow:medmcqa": 2}, RecipeError),
        ({"lmflow:medmcqa": True}, RecipeError),
        ({"lmflow:medqa": 0}, RecipeError),
        ({"medmcqa": 0}, RecipeError),
    ],
)
def test_what_cannot_be_said(make: Make, said: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        one(make, lines(asked(OPEN)), index_base=said)


def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "data" / "medmcqa" / "dev.json"
    file.parent.mkdir(parents=True)
    file.write_text(lines(asked(OPEN)))
    out = tmp_path / "out"
    command = [
        "build",
        "-s",
        "lmflow:medmcqa",
        "-d",
        str(tmp_path / "data"),
        "-o",
        str(out),
        "--workers",
        "1",
    ]
    stopped = CliRunner().invoke(app, command)
    assert isinstance(stopped.exception, InputError) or stopped.exit_code == 4
    assert not out.exists()
    assert CliRunner().invoke(app, [*command, "--index-base", "lmflow:medmcqa=0"]).exit_code == 0


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("Ans. is (c) i.e., Lung", 2),
        ("ANSWER: B", 1),
        ("Answer- A. The heart", 0),
        ("Correct option: (d)", 3),
        ("The correct answer is option 'b'", 1),
        ("Option (c) is the correct answer", 2),
        ("(a) is correct", 0),
        ("Kidney. Ans: D", 3),
        ("Ans. B\nSee the table", 1),
        ("Ans. is (c). Again: answer is c.", 2),
        ("Ans. A 40-year-old man", None),
        ("Answer: C. difficile", None),
        ("Ans. B cells", None),
        ("Ans is D-dimer", None),
        ("Ans. (a) and (b)", None),
        ("Ans. A, C", None),
        ("Ans. (a). Answer: (b)", None),
        ("The wrong answer: (b)", None),
        ("(a) is incorrect", None),
        ("Answer is not (c)", None),
        ("İ Ans. is (c)", 2),
        ("", None),
        (None, None),
        (3, None),
    ],
)
def test_options_that_explanations_name(text: Any, option: int | None) -> None:
    assert named_option(text) == option


PROBED = """
from open_instructions.catalogue.evidence import Probe, Seen


def look(record):
    return Seen(record["n"])


MINE = Source(
    name="mine", title="Mine", description="d", homepage="h", cost="c", attribution="a",
    default=("main",),
    subsets=(Subset("main", files=("mine.jsonl",), fields=frozenset({"q", "n"}),
                    languages=("en",), engine="human", license="CC0-1.0",
                    probe=Probe("n", 2, look)),),
)


@source(MINE)
def convert(record, index_base):
    yield Draft(pair(record["q"], "AB"[record["n"] - index_base]))
"""


def test_a_source_of_ones_own(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE[: SOURCE.index("MINE =")] + PROBED)
    result = make({"mine.jsonl": '{"q": "Which?", "n": 2}\n'}, str(path))
    assert rows(result)[0]["messages"][1]["content"] == "B"
    broken = make(
        {"mine.jsonl": '{"q": "Which?", "n": 2}\n{"q": "And?"}\n'}, str(path), overwrite=True
    )
    assert [item.index_base["numbers"] for item in broken.manifest.inputs] == [{"2": 1, "other": 1}]
    assert refused(broken) == [("stage_failed", "The converter failed: KeyError: 'n'")]


@pytest.mark.parametrize("name", ["medmcqa-zero-based", "medmcqa-zero-based-parquet"])
def test_the_shared_cases(tmp_path: Path, name: str) -> None:
    folder = SHARED.parent / "cases" / name
    if not folder.is_dir():
        pytest.skip("the cases of ../shared/cases are not here")
    result = build("lmflow:medmcqa", data_dir=folder, out=tmp_path / "out", workers=1)
    assert answers(result) == ["A. Heart", "B. Kidney", "C. Lung", "D. Bone"]


def test_a_chunk_that_was_read_with_another_count_is_not_used() -> None:
    chunk = Chunk(0, "lmflow", "medmcqa", "dev.json", {}, [[Frame(0, "{}")]], 1.0)
    digests_of = {chunk._replace(index_base=base).digest(b"") for base in (None, 0, 1)}
    assert len(digests_of) == 3
