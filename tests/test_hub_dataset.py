"""Datasets on the hub as files: which of them an address stands for, and what the hub says when it
has none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import open_instructions as oi
from open_instructions.catalogue import Selection
from open_instructions.catalogue.own import OwnSource
from open_instructions.catalogue.published import File, Hub
from open_instructions.errors import FetchError, InputError, UsageError
from open_instructions.inputs.cache import Cache
from open_instructions.inputs.fetch import fetch_needed, needs
from open_instructions.inputs.hub_card import Card, Config, read_card
from open_instructions.inputs.hub_dataset import hub_files, parse_address
from open_instructions.inputs.splits import fits, splits_of

from .conftest import rows
from .hub_server import FakeHub

DATA = b'{"prompt": "Name a tree.", "completion": "Oak."}\n'


def card(text: str) -> bytes:
    return f"---\n{text}\n---\n# Trees\n".encode()


def files(*paths: str, **more: bytes) -> dict[str, bytes]:
    return dict.fromkeys(paths, DATA) | {"README.md": b"# Trees\n"} | more


def taken(address: str = "hf://datasets/a/trees", **said: str) -> list[str]:
    return [file.name for file in hub_files(address, **said).files]


# --- addresses


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("hf://datasets/a/b", ("a/b", "main", "")),
        ("hf://a/b", ("a/b", "main", "")),
        ("hf://datasets/a/b@v1.0/", ("a/b", "v1.0", "")),
        ("hf://datasets/a/b/data/x.json", ("a/b", "main", "data/x.json")),
        ("hf://datasets/a/b@refs/convert/parquet/x/*", ("a/b", "refs/convert/parquet", "x/*")),
        ("hf://datasets/a/b@refs%2Fpr%2F3", ("a/b", "refs/pr/3", "")),
    ],
)
def test_addresses(address: str, parts: tuple[str, str, str]) -> None:
    assert parse_address(address) == parts


@pytest.mark.parametrize("address", ["hf://datasets/a", "hf://", "hf://datasets/../x", "a/b"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(UsageError, match="is not the address of a dataset"):
        parse_address(address)


# --- the files of the train split


@pytest.mark.parametrize(
    ("paths", "train"),
    [
        (["a.jsonl"], ["a.jsonl"]),
        (["train.jsonl", "test.jsonl"], ["train.jsonl"]),
        (["b.csv", "sub/a.csv"], ["b.csv", "sub/a.csv"]),
        (["train/b.json", "train/a.json", "dev/a.json"], ["train/a.json", "train/b.json"]),
        (["my_train_set/a.json", "my_eval_set/a.json"], ["my_train_set/a.json"]),
        (["x/trees-train-1.json", "x/trees-val-1.json"], ["x/trees-train-1.json"]),
        (
            ["data/train-00000-of-00001.parquet", "data/extra-00000-of-00001.parquet"],
            ["data/train-00000-of-00001.parquet"],
        ),
        (["train.jsonl.zst", "test.jsonl.zst"], ["train.jsonl.zst"]),
        (["a.arrow", ".hidden/b.arrow", "__pycache__/c.json", "dataset_info.json"], ["a.arrow"]),
        (["strained.json", "contest.json"], ["contest.json", "strained.json"]),
    ],
)
def test_the_train_split_by_names(hub: FakeHub, paths: list[str], train: list[str]) -> None:
    hub.add("a/trees", files(*paths))
    found = hub_files("hf://datasets/a/trees")
    assert [file.name for file in found.files] == train
    assert (found.split, found.config) == ("train", "")


def test_files_have_a_place_at_a_commit(hub: FakeHub) -> None:
    commit = hub.add("a/trees", files("train.jsonl", "t.parquet") | {"x.parquet": DATA})
    found = hub_files("hf://datasets/a/trees/*.parquet")
    sha256 = hub.repos["a/trees"].commits[commit]["x.parquet"].sha256
    places = [(Hub("a/trees", name, commit),) for name in ("t.parquet", "x.parquet")]
    assert found.files == (
        File("t.parquet", places[0], len(DATA), (sha256,)),
        File("x.parquet", places[1], len(DATA), (sha256,)),
    )
    assert (found.repo, found.revision) == ("a/trees", commit)
    plain = hub_files(f"hf://datasets/a/trees@{commit}/train.jsonl")
    assert plain.files == (
        File("train.jsonl", (Hub("a/trees", "train.jsonl", commit),), len(DATA), ()),
    )


def test_a_test_split_is_never_taken_by_itself(hub: FakeHub) -> None:
    hub.add("a/trees", files("data/test-00000-of-00001.parquet"))
    with pytest.raises(InputError, match="a/trees has no split 'train', but 'test'"):
        taken()
    assert taken(split="test") == ["data/test-00000-of-00001.parquet"]
    hub.add(
        "a/sft", files(*(f"data/{s}-00000-of-00001.parquet" for s in ("train_sft", "test_sft")))
    )
    with pytest.raises(InputError, match="no split 'train', but 'test_sft', 'train_sft'"):
        taken("hf://datasets/a/sft")
    assert taken("hf://datasets/a/sft", split="train_sft") == [
        "data/train_sft-00000-of-00001.parquet"
    ]
    with pytest.raises(UsageError, match="has no split 'train_stf'") as raised:
        taken("hf://datasets/a/sft", split="train_stf")
    assert "train_sft" in str(raised.value.hint)


def test_a_file_of_two_splits_stops(hub: FakeHub) -> None:
    hub.add("a/trees", files("train_test_1.jsonl"))
    with pytest.raises(InputError, match="may be of the split train or test"):
        taken()
    assert taken("hf://datasets/a/trees/train_test_1.jsonl") == ["train_test_1.jsonl"]


def test_the_same_in_two_formats(hub: FakeHub) -> None:
    hub.add("a/trees", files("train/0.parquet", "train/1.parquet", "train/all.jsonl"))
    found = hub_files("hf://datasets/a/trees")
    assert [file.name for file in found.files] == ["train/0.parquet", "train/1.parquet"]
    assert found.left_out == ("train/all.jsonl",)
    hub.add("a/both", files("train.parquet", "train.jsonl"))
    with pytest.raises(InputError, match="has the split 'train' as JSON and Parquet"):
        taken("hf://datasets/a/both")


# --- paths


def test_a_path_names_files(hub: FakeHub) -> None:
    hub.add(
        "a/trees",
        files(
            "en/train.jsonl", "en/test.jsonl", "de/train.jsonl", "deep/er/a.jsonl", "x.zip", "n.md"
        ),
    )
    here = "hf://datasets/a/trees"
    assert taken(f"{here}/en/test.jsonl") == ["en/test.jsonl"]
    assert taken(f"{here}/en/*.jsonl") == ["en/test.jsonl", "en/train.jsonl"]
    assert taken(f"{here}/en/*.jsonl", split="test") == ["en/test.jsonl"]
    assert taken(f"{here}/en") == taken(f"{here}/en/") == ["en/train.jsonl"]
    assert taken(f"{here}/*.jsonl".replace("*", "**/*")) == [
        "de/train.jsonl",
        "deep/er/a.jsonl",
        "en/test.jsonl",
        "en/train.jsonl",
    ]
    assert taken(f"{here}/x.zip") == ["x.zip"]
    with pytest.raises(UsageError, match="has no file") as raised:
        taken(f"{here}/en/trian.jsonl")
    assert "en/train.jsonl" in raised.value.hint
    with pytest.raises(InputError, match="is not a file that can be read"):
        taken(f"{here}/n.md")
    with pytest.raises(UsageError, match="exclude each other"):
        taken(f"{here}/en", config="en")


# --- what the card says

CONFIGS = """configs:
- config_name: en
  data_files:
  - split: train
    path: "en/part-*.jsonl"
  - split: test
    path: ["en/held.jsonl"]
- config_name: de
  data_files: de/*.jsonl
- config_name: fr
  data_dir: fr"""
PATHS = ("en/part-1.jsonl", "en/held.jsonl", "de/a.jsonl", "fr/train.jsonl", "fr/test.jsonl")


def test_several_configs_stop_unless_one_is_named(hub: FakeHub) -> None:
    hub.add("a/trees", files(*PATHS) | {"README.md": card(CONFIGS)})
    with pytest.raises(InputError, match="has several configs: 'en', 'de', 'fr'"):
        taken()
    assert taken(config="en") == ["en/part-1.jsonl"]
    assert taken(config="en", split="test") == ["en/held.jsonl"]
    assert taken(config="de") == ["de/a.jsonl"]
    assert taken(config="fr") == ["fr/train.jsonl"]
    with pytest.raises(UsageError, match="has no config") as raised:
        taken(config="ger")
    assert "de" in raised.value.hint


def test_the_default_config(hub: FakeHub) -> None:
    marked = CONFIGS.replace("- config_name: de", "- config_name: de\n  default: true")
    hub.add("a/trees", files(*PATHS) | {"README.md": card(marked)})
    found = hub_files("hf://datasets/a/trees")
    assert ([file.name for file in found.files], found.config) == (["de/a.jsonl"], "de")
    hub.add(
        "a/named", files(*PATHS) | {"README.md": card(CONFIGS.replace("name: en", "name: default"))}
    )
    assert taken("hf://datasets/a/named") == ["en/part-1.jsonl"]
    with pytest.raises(UsageError, match="has no configs"):
        hub.add("a/plain", files("a.jsonl"))
        taken("hf://datasets/a/plain", config="x")


def test_a_config_without_files(hub: FakeHub) -> None:
    text = "configs:\n- config_name: x\n  data_files: https://elsewhere/x.json"
    hub.add("a/trees", files("a.jsonl") | {"README.md": card(text)})
    with pytest.raises(InputError, match="has no files for the split 'train'"):
        taken()


@pytest.mark.parametrize(
    ("stated", "spdx"),
    [
        ("license: mit", "MIT"),
        ("license: cc-by-nc-4.0", "CC-BY-NC-4.0"),
        ("license: [apache-2.0, cc-by-sa-3.0]", "Apache-2.0 AND CC-BY-SA-3.0"),
        ("license:\n- mit", "MIT"),
        ("license: unknown", ""),
        ("license: other", "LicenseRef-other"),
        ("license: other\nlicense_name: Our Terms (v2)", "LicenseRef-our-terms-v2"),
        ("license: llama3.1", "LicenseRef-llama3.1"),
        ("license: odc-by", "ODC-By-1.0"),
        ("license: 5", ""),
        ("language: en", ""),
    ],
)
def test_the_licence(hub: FakeHub, stated: str, spdx: str) -> None:
    hub.add("a/trees", files("a.jsonl") | {"README.md": card(stated)})
    assert hub_files("hf://datasets/a/trees").license == spdx


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Trees",
        "---\nlicense: [\n---",
        "---\n- a\n---",
        "---\nlicense: " + "[" * 5000 + "\n---",
        "---\nlicense: mit",
        "---\nlicense: !!python/object:os.system x\n---",
        "---\nconfigs: 7\n---",
        "---\nconfigs: [7, {config_name: [x]}, {data_files: x}]\n---",
        "---\nlanguage: {en: 1}\n---",
        "---\nlicense: 2020-02-31\n---",
    ],
)
@pytest.mark.usefixtures("no_garbage")
def test_cards_that_say_nothing(text: str) -> None:
    assert read_card(text).configs == ()
    assert read_card(text).license in ("", "MIT")


def test_the_columns_of_a_card_are_not_parsed() -> None:
    features = "dataset_info:\n  features:\n" + "  - name: x\n    dtype: string\n" * 50_000
    text = f"---\n{features}license: mit\nconfigs:\n- config_name: a\n  data_files: b.json\n---"
    assert read_card(text) == Card("MIT", (), (Config("a", {"train": ("b.json",)}),))


# --- what the hub has not


def test_no_script_is_run(hub: FakeHub) -> None:
    hub.add("a/trees", files("trees.py", "raw/a.json"))
    with pytest.raises(InputError, match="a/trees is loaded by a script of its own") as raised:
        taken()
    assert "@refs/convert/parquet" in raised.value.hint
    assert taken("hf://datasets/a/trees/raw/*.json") == ["raw/a.json"]


def test_no_data(hub: FakeHub) -> None:
    hub.add("a/trees", files("a.png", "b.zip", "notes.txt"))
    with pytest.raises(InputError, match="a/trees has no files that can be read"):
        taken()


def test_gated_private_and_gone(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.tokens = {"mine": "write", "other": "read"}
    hub.add("a/gated", files("a.jsonl"), gated=True)
    hub.add("a/private", files("a.jsonl"), private=True)
    with pytest.raises(FetchError, match="a/gated requires accepting terms on the hub"):
        taken("hf://datasets/a/gated")
    for name in ("private", "gone"):
        with pytest.raises(FetchError, match=f"a/{name} is not on the hub, or you have no access"):
            taken(f"hf://datasets/a/{name}")
    monkeypatch.setenv("HF_TOKEN", "mine")
    assert taken("hf://datasets/a/gated") == taken("hf://datasets/a/private") == ["a.jsonl"]
    with pytest.raises(FetchError, match="a/gated has no such revision"):
        taken("hf://datasets/a/gated@v9")


def test_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FetchError):
        taken("hf://datasets/a/never-asked-for")


# --- rules of names


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([
    "train.json", "data/train-00000-of-00002.json", "data/x_1-00000-of-00002.json", "val/a.json",
    "a/train-b.json", "a/my_test.json", "trainer.json", "dev.json", "x/eval 0/a.json", "b.json",
    "train/test.json", "a/b/c/validation/d.json", "data/a.json", "9train.json", "test.json",
]), min_size=1, unique=True))  # fmt: skip
def test_splits_are_those_of_datasets(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str]
) -> None:
    data_files = pytest.importorskip("datasets.data_files")
    folder = tmp_path_factory.mktemp("repo")
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("{}")
    patterns = data_files.get_data_patterns(str(folder))
    expected: dict[str, Any] = {}
    for split, wanted in patterns.items():
        found = data_files.DataFilesList.from_patterns(wanted, str(folder))
        expected[str(split)] = sorted(Path(f).relative_to(folder).as_posix() for f in found)
    assert splits_of(paths) == expected


@pytest.mark.parametrize(
    ("path", "pattern", "fit"),
    [
        ("a.json", "*", True),
        ("a/b.json", "*", False),
        ("a/b.json", "**", True),
        ("a/b.json", "**/*.json", True),
        ("b.json", "**/*.json", True),
        ("a/b/c.json", "a/**", True),
        ("a", "a/**", False),
        ("a/b/c.json", "a/*/c.json", True),
        ("a/b/c/d.json", "**/b/**/d.json", True),
        ("a/train-1.json", "a/train-[0-9].json", True),
        ("a/b", "a/b/c", False),
    ],
)
def test_patterns(path: str, pattern: str, fit: bool) -> None:
    assert fits(path, pattern) is fit


def test_long_patterns_are_linear() -> None:
    assert not fits("/".join("a" * 200), "/".join(["**", "a"] * 200 + ["b"]))


def test_another_commit_is_not_taken_from_the_cache(hub: FakeHub, tmp_path: Path) -> None:
    """A small file has no digest on the hub: the commit tells one version from the other."""
    cache = Cache(tmp_path / "kept")
    texts = []
    for answer in ("Oak", "Ash"):
        hub.add(
            "a/trees", {"train.jsonl": json.dumps({"prompt": "A?", "completion": answer}).encode()}
        )
        from open_instructions.inputs import hub as hub_module

        hub_module._listing.cache_clear()
        found = hub_files("hf://datasets/a/trees")
        source = OwnSource("trees", hub="hf://datasets/a/trees").source()
        subset = replace(source.subset("main"), downloads=found.files)
        source = replace(source, subsets=(subset,))
        wanted = needs([Selection(source, ("main",), True)], cache)
        assert fetch_needed(wanted, cache) == ()
        (entry,) = cache.complete(source, source.subset("main"))
        texts.append(json.loads(entry.path.read_bytes())["completion"])
    assert texts == ["Oak", "Ash"]


def test_a_build_of_a_dataset(hub: FakeHub, tmp_path: Path) -> None:
    """The train split alone, its classes by their names, its licence from the card, and in the lock
    the commit of each file."""
    features = {
        "prompt": {"dtype": "string", "_type": "Value"},
        "completion": {"names": ["bad", "good"], "_type": "ClassLabel"},
    }
    said = json.dumps({"info": {"features": features}})
    table = pa.table({"prompt": ["How is the oak tree today?"], "completion": [1]})
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({"huggingface": said}), sink)
    shard = "data/{}-00000-of-00001.parquet"
    commit = hub.add(
        "a/trees",
        {
            shard.format("train"): sink.getvalue().to_pybytes(),
            shard.format("test"): b"never read",
            "README.md": card("license: cc-by-4.0"),
        },
    )
    out = tmp_path / "mix"
    (row,) = rows(oi.build(["hf://datasets/a/trees"], out=out))
    assert [m["content"] for m in row["messages"]] == ["How is the oak tree today?", "good"]
    assert (row["source"], row["license"]) == ("trees", "CC-BY-4.0")
    place = f"hf://datasets/a/trees@{commit}/{shard.format('train')}"
    assert [f["place"] for f in json.loads((out / "oi.lock").read_text())["files"]] == [place]
    assert not any("test-00000" in line for line in hub.lines)
