"""The engine ray, on a real cluster of two nodes on this machine: the bytes of a local build, a
lost node or not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import open_instructions as oi
from open_instructions import corpus
from open_instructions.building.run import build
from open_instructions.errors import UsageError
from open_instructions.merge import rounds, shuffle
from open_instructions.readers import chunk

from . import corpus_steps
from .bucket import remote_digests, upload
from .conftest import digests, rows
from .said_steps import saying
from .test_crash import records

ray = pytest.importorskip("ray", reason="ray is not installed (extra ray)")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """600 records of which 250 say what others say, under 40 ids."""
    folder = tmp_path / "data"
    folder.mkdir()
    said = records(600)
    talks = [
        {
            "id": f"t{n % 40}",
            "conversations": [
                {"from": "human", "value": r["instruction"]},
                {"from": "gpt", "value": r["output"]},
            ],
        }
        for n, r in enumerate(said)
    ]
    (folder / "sg_90k_part1.json").write_text(json.dumps(talks))
    return folder


def lose_one(cluster: Any) -> Callable[[Any], None]:
    """Kills a node at the first sign of progress."""

    def lose(step: Any) -> None:
        for node in cluster.worker_nodes.copy():
            cluster.remove_node(node, allow_graceful=False)

    return lose


@pytest.mark.parametrize("part", [100, 500_000])
def test_a_cluster_makes_the_same_bytes_though_it_loses_a_node(
    cluster: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(chunk, "CHUNK_RECORDS", 20)
    expected = build("sharegpt:raw", data_dir=data, out=tmp_path / "local", workers=1)
    assert expected.ledger.by_name("rejected_records") == {("duplicates", "duplicate"): 250}
    # parts of so many conversations, from so many chunks at a time: the exchange has six times ten
    # messages
    monkeypatch.setattr(rounds, "PART", part)
    monkeypatch.setattr(rounds, "GROUP", 3)
    lose = lose_one(cluster)
    result = build(
        "sharegpt:raw",
        data_dir=data,
        out=tmp_path / "ray",
        engine="ray",
        ray_address=cluster.address,
        progress=lose,
    )
    assert not cluster.worker_nodes
    assert digests(result.path) == digests(expected.path)


def test_a_corpus_step_of_two_rounds_on_a_cluster(
    cluster: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "STEPS", [*corpus.STEPS, corpus_steps.DEFINITION])
    monkeypatch.setattr(chunk, "CHUNK_RECORDS", 20)
    expected = build("sharegpt:raw", data_dir=data, out=tmp_path / "local", workers=1)
    assert "same_words" in {entry.stage for entry in expected.ledger}
    monkeypatch.setattr(rounds, "PART", 100)
    monkeypatch.setattr(rounds, "GROUP", 3)
    result = build(
        "sharegpt:raw",
        data_dir=data,
        out=tmp_path / "ray",
        engine="ray",
        ray_address=cluster.address,
        progress=lose_one(cluster),
    )
    assert digests(result.path) == digests(expected.path)


def sides(name: str) -> dict[str, Any]:
    """Of the conversations t0 to t39, those whose number ends in 3 are held out, and those whose
    number ends in 7 are written twice."""
    side = {"split": "validation"} if name.endswith("3") else {}
    return {"group_id": name, "copies": 2 if name.endswith("7") else None} | side


def test_splits_copies_and_a_random_order_on_a_cluster(
    cluster: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "STEPS", [*corpus.STEPS, saying("sides", sides)])
    monkeypatch.setattr(chunk, "CHUNK_RECORDS", 20)
    recipe = tmp_path / "mixed.yaml"
    recipe.write_text("order: shuffled\nseed: 3\n")
    said: dict[str, Any] = {"data_dir": data, "recipe": str(recipe)}
    expected = build("sharegpt:raw", out=tmp_path / "local", workers=1, **said)
    assert expected.manifest.splits()["validation"] > 0
    assert expected.ledger.summary()["repeats"] > 0
    monkeypatch.setattr(shuffle, "BATCH_BYTES", 2000)
    result = build(
        "sharegpt:raw",
        out=tmp_path / "ray",
        engine="ray",
        ray_address=cluster.address,
        progress=lose_one(cluster),
        **said,
    )
    assert digests(result.path) == digests(expected.path)


NOUNS = ("lantern", "saddle", "kettle", "violin", "ladder", "tulip", "candle", "barrel", "anvil")


def about(number: int) -> str:
    """Twenty words that hardly another number has."""
    things = [f"{NOUNS[number * step % 9]}{(number * 31 + step) % 997}" for step in range(1, 21)]
    return " ".join(things)


def test_every_corpus_step_on_a_cluster(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Near duplicates, an evaluation set, a holdout, a mix and a random order: 300 rows, 60 of
    them with a word more than another, 5 with the item of the set."""
    item = f"Which of these did the museum sell: {about(5000)}?"
    asked = [f"Describe {about(n)}." for n in range(300)]
    answers = [f"They are kept beside {about(n + 1000)}." for n in range(300)]
    told = [*zip(asked, answers, strict=True)]
    told += [(asked[n], f"{answers[n]} Indeed.") for n in range(0, 300, 5)]
    told += [(f"{item} {about(n)}", answers[n]) for n in range(5)]
    lines = [json.dumps({"prompt": p, "completion": c}) for p, c in told]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    (tmp_path / "exam.jsonl").write_text(json.dumps({"question": item, "answer": "None."}))
    recipe = tmp_path / "all.yaml"
    recipe.write_text(
        "near_duplicates: 0.7\ndecontaminate: [./exam.jsonl]\nvalidation: 0.1\n"
        "mix: {unit: rows, total: 100}\norder: shuffled\n"
    )
    monkeypatch.setattr(chunk, "CHUNK_RECORDS", 20)
    monkeypatch.setattr(rounds, "PART", 100)
    said: dict[str, Any] = {"recipe": str(recipe)}
    rows_file = str(tmp_path / "rows.jsonl")
    expected = build([rows_file], out=tmp_path / "local", workers=1, **said)
    dropped = Counter(row["reason"] for row in oi.rejected(expected.path).to_dict("records"))
    assert (dropped["near_duplicate"], dropped["contaminated"]) == (60, 5)
    assert expected.manifest.splits()["train"] == 100
    result = build(
        [rows_file],
        out=tmp_path / "ray",
        engine="ray",
        ray_address=cluster.address,
        progress=lose_one(cluster),
        **said,
    )
    assert digests(result.path) == digests(expected.path)


def test_a_cluster_that_reads_from_a_bucket_and_writes_into_it(
    bucket: str, cluster: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk, "CHUNK_RECORDS", 100)
    expected = digests(build("sharegpt:raw", data_dir=data, out=tmp_path / "local", workers=1).path)
    source, out = upload(data, f"{bucket}/raw"), f"{bucket}/mix"
    build(
        "sharegpt:raw",
        data_dir=source,
        out=out,
        engine="ray",
        ray_address=cluster.address,
        progress=lose_one(cluster),
    )
    assert not cluster.worker_nodes
    assert remote_digests(out, tmp_path / "copy") == expected


def test_a_cluster_that_is_not_there(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be reached"):
        build(
            "sharegpt:raw",
            data_dir=data,
            out=tmp_path / "out",
            engine="ray",
            ray_address="127.0.0.1:1",
        )


def test_a_file_counts_its_options_on_every_node_as_here(cluster: Any, tmp_path: Path) -> None:
    options = {"opa": "Skin", "opb": "Kidney", "opc": "Lung", "opd": "Bone"}
    questions = [{"question": f"Which one, {n}?", **options, "cop": 1 + n % 3} for n in range(3000)]
    file = tmp_path / "data" / "medmcqa" / "dev.json"
    file.parent.mkdir(parents=True)
    file.write_text("".join(json.dumps(question) + "\n" for question in questions))
    said: dict[str, Any] = {"data_dir": tmp_path / "data", "index_base": {"lmflow:medmcqa": 0}}
    here = build("lmflow:medmcqa", out=tmp_path / "here", workers=1, **said)
    there = build(
        "lmflow:medmcqa", out=tmp_path / "there", engine="ray", ray_address=cluster.address, **said
    )
    assert digests(here.path) == digests(there.path)
    assert rows(there)[0]["messages"][1]["content"] == "B. Kidney"
