"""What rows may be used for: the tables, the filter, and what a build says of itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from open_instructions.building.run import build
from open_instructions.catalogue import registry
from open_instructions.errors import RecipeError
from open_instructions.reports.card import card
from open_instructions.reports.check import check
from open_instructions.reports.stats import stats
from open_instructions.rights.rows import Key, Usage
from open_instructions.rights.terms import (
    ENGINES,
    Use,
    engine_terms,
    known_licenses,
    license_terms,
    qualifies,
    use_of,
)

from .conftest import rows
from .test_cli import oi

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("license", "engine", "use"),
    [
        ("CC-BY-SA-3.0", "human", "any"),
        (
            "MIT",
            "gpt-4",
            "non-commercial",
        ),  # two questions: the licence is free, the maker's terms are not
        ("CC-BY-NC-4.0", "human", "non-commercial"),
        ("CC-BY-NC-4.0", "my-own-model", "unclear"),
        ("LicenseRef-ShareGPT-unclear", "chatgpt", "unclear"),
        ("MIT AND CC-BY-NC-4.0", "human", "non-commercial"),
        ("MIT OR CC-BY-NC-4.0", "human", "any"),
        ("(MIT AND CC0-1.0) OR LicenseRef-x", "human", "any"),
        ("(MIT OR Apache-2.0) AND CC-BY-NC-4.0", "human", "non-commercial"),
        ("CC-BY-NC-4.0 AND (MIT OR Apache-2.0)", "human", "non-commercial"),
        ("(LicenseRef-x OR MIT) AND CC-BY-SA-4.0", "human", "any"),
        ("MIT AND (LicenseRef-x OR CC-BY-NC-4.0)", "human", "non-commercial"),
        ("MIT OR CC-BY-NC-4.0 AND LicenseRef-x", "human", "any"),
        ("(MIT", "human", "unclear"),
        ("MIT)", "human", "unclear"),
        ("MIT CC0-1.0", "human", "unclear"),
        ("AND", "human", "unclear"),
        ("GPL-2.0-only WITH Classpath-exception-2.0 OR MIT", "human", "any"),
        ("LicenseRef-nobody-knows", "human", "unclear"),
        ("", "human", "unclear"),
    ],
)
def test_what_a_row_may_be_used_for(license: str, engine: str, use: str) -> None:
    assert str(use_of(license, engine)) == use


@pytest.mark.parametrize(
    ("license", "engine", "wanted", "takes"),
    [
        ("CC-BY-SA-3.0", "human", ("commercial",), True),
        ("CC-BY-SA-3.0", "gpt-4", ("commercial",), False),
        ("LicenseRef-GPT4All-mixed", "human", ("commercial",), False),
        ("CC-BY-NC-4.0", "gpt-4", ("CC-BY-NC-4.0",), True),
        ("CC-BY-NC-4.0 AND MIT", "human", ("MIT",), False),
        ("CC-BY-NC-4.0 AND MIT", "human", ("MIT", "CC-BY-NC-4.0"), True),
        ("CC-BY-NC-4.0 OR MIT", "human", ("MIT",), True),
        ("(MIT OR Apache-2.0) AND CC-BY-NC-4.0", "human", ("commercial",), False),
        ("(MIT OR Apache-2.0) AND CC-BY-NC-4.0", "human", ("MIT",), False),
        ("(MIT OR Apache-2.0) AND CC-BY-NC-4.0", "human", ("MIT", "CC-BY-NC-4.0"), True),
        ("MIT)", "human", ("MIT",), False),
        ("MIT", "human", (), True),
        ("MIT", "gpt-4", ("commercial", "CC0-1.0"), False),
    ],
)
def test_what_qualifies(license: str, engine: str, wanted: tuple[str, ...], takes: bool) -> None:
    assert qualifies(license, engine, wanted) is takes


def test_every_licence_and_engine_of_the_catalogue_is_in_a_table() -> None:
    for source in registry().all():
        for subset in source.subsets:
            assert subset.license in known_licenses()
            assert subset.engine in ENGINES


def test_no_disputed_set_ever_counts_as_commercial() -> None:
    free = {
        f"{s.name}:{x.name}"
        for s in registry().all()
        for x in s.subsets
        if use_of(x.license, x.engine) == Use.ANY
    }
    assert free == {"dolly:main", "lmflow:pubmedqa"}


def test_the_commercial_recipe_keeps_what_qualifies_and_rejects_the_rest_by_name(
    tmp_path: Path,
) -> None:
    result = build("all", sample=True, recipe="commercial", out=tmp_path / "mix")
    kept = {(r["source"], r["license"], r["engine"]) for r in rows(result)}
    assert kept == {
        ("dolly", "CC-BY-SA-3.0", "human"),
        ("lmflow", "MIT", "human"),
        ("lmflow", "CC-BY-4.0", "human"),
    }
    refused = [r for r in rows(result, "rejected") if r["reason"] == "license"]
    assert len(refused) == 399
    # of 422 that are whole (421 of them kept by default), these stay: 24 of Dolly, 20 of PubMedQA,
    # 19 of the tasks
    assert {r["stage"] for r in refused} == {"license"}
    detail = next(r["detail"] for r in refused if r["source"] == "alpaca")
    assert (
        detail
        == "CC-BY-NC-4.0: excludes commercial use; answers by text-davinci-003: OpenAI's terms:"
        " output may not be used to develop models that compete with OpenAI's"
    )
    assert check(result.path)
    assert stats(result.path).usage.use == Use.ANY
    same = build("all", sample=True, licenses="commercial", out=tmp_path / "flag")
    assert same.manifest.shards == result.manifest.shards


def test_a_list_keeps_rows_under_it_whoever_wrote_the_answers(tmp_path: Path) -> None:
    result = build("all", sample=True, licenses=["CC-BY-NC-4.0", "MIT"], out=tmp_path / "mix")
    assert {(r["source"], r["license"]) for r in rows(result)} == {
        ("alpaca", "CC-BY-NC-4.0"),
        ("gpt4llm", "CC-BY-NC-4.0"),
        ("lmflow", "MIT"),
    }


def test_a_licence_that_nobody_knows_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"Did you mean 'CC-BY-SA-4\.0'"):
        build("all", sample=True, licenses="CC-BY-SA4.0")


def test_a_build_says_what_it_may_be_used_for(tmp_path: Path) -> None:
    result = build("all", sample=True, out=tmp_path / "mix")
    text = (result.path / "README.md").read_text()
    assert "The rights in some of these rows are unclear or disputed" in text
    assert "| dolly:main | CC-BY-SA-3.0 | human | 24 | 1,471 | any |" in text
    assert "- sharegpt:raw, 20 rows: LicenseRef-ShareGPT-unclear" in text
    assert "Contains text of Wikipedia, CC BY-SA 3.0." in text
    assert "Prompts of Stack Overflow users under CC BY-SA" in text
    shown = oi("stats", result.path, "--full").stdout
    for line in (
        "use this mix for research only",
        "Name dolly: (c) 2023 Databricks, Inc.",
        "Name gpt4all: Nomic AI",
    ):
        assert line in shown
    said = json.loads(oi("stats", result.path, "--json").stdout)
    assert said["usage"]["use"] == "unclear"
    assert sum(group["rows"] for group in said["usage"]["groups"]) == 461
    assert set(said["attribution"]) == {
        "alpaca",
        "dolly",
        "gpt4all",
        "gpt4llm",
        "instructionwild",
        "lmflow",
        "sharegpt",
    }


def test_the_verdict_follows_from_the_rows() -> None:
    usage = Usage({Key("a", "m", "CC0-1.0", "human"): (1, 10)})
    assert usage.verdict() == (
        "As upstream states, this mix as a whole may be used for any purpose, including "
        "commercially."
    )
    usage += Usage({Key("b", "m", "CC-BY-SA-3.0", "human"): (2, 5)})
    assert usage.use == Use.ANY and "named" in usage.verdict() and "share-alike" in usage.verdict()
    usage += Usage({Key("c", "m", "MIT", "gpt-4"): (3, 5)})
    assert "for non-commercial use only" in usage.verdict()
    assert usage.restricted() == 3
    assert usage.reasons() == [
        "c:m, 3 rows: answers by gpt-4: OpenAI's terms: output may not be used to develop models"
        " that compete with OpenAI's"
    ]
    usage += Usage({Key("d", "m", "LicenseRef-x", "human"): (1, 1)})
    assert "for research only" in usage.verdict()
    assert Usage().use == Use.ANY


def test_unknown_terms_are_unclear() -> None:
    assert license_terms("Some-Licence").use == engine_terms("some-engine").use == Use.UNCLEAR


def test_the_card_has_front_matter_that_the_hub_library_reads(tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    result = build("all", sample=True, out=tmp_path / "mix")
    read = DatasetCard.load(result.path / "README.md").data.to_dict()
    assert read["license"] == "other"
    assert read["license_name"] == "per-row"
    assert read["configs"] == [
        {
            "config_name": "default",
            "data_files": [{"split": "train", "path": "data/train-*.parquet"}],
        },
        {
            "config_name": "preference",
            "data_files": [{"split": "train", "path": "preference/train-*.parquet"}],
        },
        {
            "config_name": "rejected",
            "data_files": [{"split": "train", "path": "rejected/*.parquet"}],
        },
        {"config_name": "files", "data_files": [{"split": "train", "path": "files/*.parquet"}]},
    ]
    assert card.__module__ == "open_instructions.reports.card"


def test_licence_references_have_a_text() -> None:
    text = (ROOT / "DATA_LICENSE").read_text(encoding="utf-8")
    for name in known_licenses():
        assert not name.startswith("LicenseRef-") or name in text
        assert re.fullmatch(r"[A-Za-z0-9.+-]+", name)


@pytest.mark.parametrize(
    ("engine", "use"),
    [
        ("gpt4", "non-commercial"),
        ("GPT-4-0613", "non-commercial"),
        ("gpt-3.5-turbo-0301", "non-commercial"),
        ("gpt4all-j", "unclear"),
        ("gpt-j-6b", "unclear"),
        ("my gpt-4", "unclear"),
    ],
)
def test_engines_that_records_name_in_their_own_way(engine: str, use: str) -> None:
    assert str(engine_terms(engine).use) == use
