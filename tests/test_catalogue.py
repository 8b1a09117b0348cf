"""The catalogue against what is known of the sources: expected values are written down from the
facts, not read from the code."""

from __future__ import annotations

import re

import pytest

from open_instructions.catalogue import registry
from open_instructions.catalogue.published import Hub, Url

from .test_cli import oi

# source:subset -> licence, who answered, published records, languages
FACTS = {
    "alpaca:main": ("CC-BY-NC-4.0", "text-davinci-003", 52_002, "en"),
    "alpaca:hub": ("CC-BY-NC-4.0", "text-davinci-003", 52_002, "en"),
    "instructionwild:en": (
        "LicenseRef-InstructionWild-noncommercial",
        "text-davinci-003",
        52_191,
        "en",
    ),
    "instructionwild:zh": (
        "LicenseRef-InstructionWild-noncommercial",
        "text-davinci-003",
        51_504,
        "zh-Hans",
    ),
    "instructionwild:seeds": (
        "LicenseRef-InstructionWild-noncommercial",
        "none",
        2 * 429,
        "en zh-Hans",
    ),
    "instructionwild:v2": ("LicenseRef-InstructionWild-noncommercial", "none", None, "en"),
    "sharegpt:raw": ("LicenseRef-ShareGPT-unclear", "chatgpt", 90_665, "mul"),
    "sharegpt:v3": ("LicenseRef-ShareGPT-unclear", "chatgpt", 94_145, "mul"),
    "sharegpt:html_cleaned": ("LicenseRef-ShareGPT-unclear", "chatgpt", 90_665, "mul"),
    "gpt4all:main": ("LicenseRef-GPT4All-mixed", "gpt-3.5-turbo", 437_604, "en"),
    "gpt4all:p3": ("LicenseRef-GPT4All-mixed", "gpt-3.5-turbo", 806_199, "en"),
    "gpt4all:j": ("LicenseRef-GPT4All-mixed", "gpt-3.5-turbo", 808_812, "en"),
    "gpt4all:j-v1.1-breezy": ("LicenseRef-GPT4All-mixed", "gpt-3.5-turbo", None, "en"),
    "gpt4all:j-v1.2-jazzy": ("LicenseRef-GPT4All-mixed", "gpt-3.5-turbo", None, "en"),
    "gpt4all:j-v1.3-groovy": ("LicenseRef-GPT4All-mixed", "gpt-3.5-turbo", None, "en"),
    "gpt4llm:en": ("CC-BY-NC-4.0", "gpt-4", 52_002, "en"),
    "gpt4llm:zh": ("CC-BY-NC-4.0", "gpt-4", 48_818, "zh-Hans"),
    "gpt4llm:unnatural": ("CC-BY-NC-4.0", "gpt-4", 9_000, "en"),
    "gpt4llm:comparison": ("CC-BY-NC-4.0", "gpt-4 and others", 52_002, "en"),
    "dolly:main": ("CC-BY-SA-3.0", "human", 15_011, "en"),
    "lmflow:pubmedqa": ("MIT", "human", 1_000 + 211_269 + 61_249, "en"),
    "lmflow:medmcqa": ("LicenseRef-MedMCQA-MIT-or-Apache", "human", 182_822 + 4_183 + 6_150, "en"),
    "lmflow:medqa": (
        "LicenseRef-MedQA-exam-rights-unclear",
        "human",
        12_723 + 34_251 + 14_123,
        "en zh-Hans zh-Hant",
    ),
    "lmflow:natural-instructions": ("LicenseRef-NaturalInstructions-unknown", "human", None, "en"),
    "lmflow:native": ("LicenseRef-LMFlow-unstated", "unstated", None, "en"),
}
# what upstream's pointers, or several public projects that pin the file, say
PINS = {
    "alpaca_data.json": (
        22_773_992,
        "2eddafc6b977608d778aaab8dfc7e50e547b3af9826dfb9e909d9fc362e4a419",
    ),
    "databricks-dolly-15k.jsonl": (
        13_085_339,
        "2df9083338b4abd6bceb5635764dab5d833b393b55759dffb0959b6fcbf794ec",
    ),
    "ShareGPT_V3_unfiltered_cleaned_split.json": (
        672_837_942,
        "35f0e213ce091ed9b9af2a1f0755e9d39f9ccec34ab281cd4ca60d70f6479ba4",
    ),
    "data.jsonl": (815_386_793, "440c04d2ce5ee5de6a41319f97aaeda757988d796415cf103c2c6dafe95ebfc6"),
    "ori_pqal.json": (
        2_584_787,
        "8b3276be8942ebbd77f3ddcda12c1749bf0e490045a736fd8438ee40cf37a41d",
    ),
}
SUBSETS = [(s, x) for s in registry().all() for x in s.subsets]


def test_names_licences_answers_counts_and_languages() -> None:
    described = {
        f"{s.name}:{x.name}": (x.license, x.engine, x.records, " ".join(x.languages))
        for s, x in SUBSETS
    }
    assert described == FACTS


def test_pins() -> None:
    files = {f.name: f for _, x in SUBSETS for f in x.downloads}
    assert {name: (files[name].size, *files[name].sha256) for name in PINS} == PINS


def test_every_subset_can_be_had_or_says_how() -> None:
    assert [f"{s.name}:{x.name}" for s, x in SUBSETS if not x.downloads] == ["lmflow:native"]
    native = next(x for s, x in SUBSETS if x.name == "native")
    for replaced in ("server is gone", "pubmedqa, medmcqa, medqa", "--data-dir"):
        assert replaced in native.by_hand
    drive = [f"{s.name}:{x.name}" for s, x in SUBSETS if "drive.google.com" in x.by_hand]
    assert drive == ["instructionwild:en", "instructionwild:zh", "lmflow:medmcqa"]
    for _, x in SUBSETS:
        assert not x.by_hand or "--data-dir" in x.by_hand


def test_every_place_is_an_address_and_every_digest_a_digest() -> None:
    for _, x in SUBSETS:
        for file in x.downloads:
            assert file.places
            for place in file.places:
                assert isinstance(place, Hub) or (
                    isinstance(place, Url) and place.url.startswith("https://")
                )
            assert all(re.fullmatch("[0-9a-f]{64}", sha) for sha in file.sha256)
            # a file without a digest that others could change under us is at least said to be so
            assert file.sha256 or "the first fetch records it" in oi_source_text()


def oi_source_text() -> str:
    from open_instructions.catalogue.pages import as_text

    return "\n".join(as_text(s) for s in registry().all())


@pytest.mark.parametrize(("source", "subset"), SUBSETS, ids=lambda v: v.name)
def test_what_is_fetched_is_recognised_by_its_own_name(source: object, subset: object) -> None:
    for file in subset.downloads:  # type: ignore[attr-defined]
        if not file.name.endswith((".zip", ".tar.gz")) and "*" not in file.name:
            assert subset.named(file.name)  # type: ignore[attr-defined]


def test_other_forms_of_the_same_records_are_passed_over() -> None:
    medqa = next(x for s, x in SUBSETS if x.name == "medqa")
    folder = "data_clean/questions/US"
    assert medqa.named(f"{folder}/train.jsonl")
    for other in (
        "US_qbank.jsonl",
        "4_options/phrases_no_exclude_train.jsonl",
        "metamap/phrases_test.jsonl",
    ):
        assert not medqa.named(f"{folder}/{other}")
        assert medqa.passes_over(f"{folder}/{other}")


def test_the_command_shows_what_is_in_the_cache() -> None:
    import json

    from open_instructions.inputs.cache import Cache, CacheEntry

    cache = Cache()
    path = cache.target("dolly", "main", "databricks-dolly-15k.jsonl")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"{}")
    sha256 = PINS["databricks-dolly-15k.jsonl"][1]
    cache.add(
        CacheEntry(
            "dolly", "main", "databricks-dolly-15k.jsonl", path, "https://example.org/x", 2, sha256
        )
    )
    try:
        shown = {line.split()[0]: line for line in oi("sources").stdout.splitlines() if ":" in line}
        assert "cached" in shown["dolly:main"] and "cached" not in shown["alpaca:main"]
        said = json.loads(oi("sources", "--json").stdout)
        assert {s["name"]: [x["cached"] for x in s["subsets"]] for s in said}["dolly"] == [True]
        assert (
            next(s for s in said if s["name"] == "alpaca")["subsets"][0]["downloads"][0]["size"]
            == 22_773_992
        )
    finally:
        for entry in cache.entries():
            cache.remove(entry)
