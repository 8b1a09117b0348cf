"""Duplicates and ids over many chunks and parts; where groups and shards end."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.building.run import BuildResult, build
from open_instructions.corpus.duplicates import Duplicates
from open_instructions.merge import layout, names
from open_instructions.merge.layout import Layout, Span

from .conftest import alpaca, digests, rows


def lay_out(tables: list[list[int]]) -> list[list[layout.RowGroup]]:
    plan = Layout()
    for chunk, sizes in enumerate(tables):
        plan.add("data", chunk, np.array(sizes, dtype=np.int64))
    return plan.shards()


def test_groups_end_with_the_row_that_fills_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "GROUP_ROWS", 3)
    monkeypatch.setattr(layout, "GROUP_BYTES", 100)
    monkeypatch.setattr(layout, "SHARD_BYTES", 150)
    assert lay_out([[10, 10, 10, 10], [95, 1, 200], [1]]) == [
        # three rows; then 10 + 95 bytes: the shard has 135, not yet 150; then 201
        [
            [Span("data", 0, 0, 3)],
            [Span("data", 0, 3, 4), Span("data", 1, 0, 1)],
            [Span("data", 1, 1, 3)],
        ],
        [[Span("data", 2, 0, 1)]],
    ]


def test_nothing_makes_one_empty_shard() -> None:
    assert lay_out([]) == [[]]
    assert lay_out([[]]) == [[]]


@given(st.lists(st.integers(0, 60), max_size=40), st.lists(st.integers(0, 40), max_size=6))
def test_cuts_between_chunks_do_not_show(sizes: list[int], cuts: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "GROUP_ROWS", 4)
        patch.setattr(layout, "GROUP_BYTES", 100)
        patch.setattr(layout, "SHARD_BYTES", 150)
        edges = sorted({0, len(sizes), *(c for c in cuts if c < len(sizes))})

        def rows(shards: list[list[layout.RowGroup]]) -> list[list[list[int]]]:
            return [
                [
                    [edges[s.chunk] + n for s in group for n in range(s.start, s.stop)]
                    for group in shard
                ]
                for shard in shards
            ]

        cut = rows(lay_out([sizes[a:b] for a, b in pairwise(edges)]))
        assert [n for shard in cut for group in shard for n in group] == list(range(len(sizes)))
        edges = [0, len(sizes)]
        assert cut == rows(lay_out([sizes]))


def talk(name: str, answer: str) -> dict[str, object]:
    return {
        "id": name,
        "conversations": [{"from": "human", "value": "Tell me."}, {"from": "gpt", "value": answer}],
    }


@pytest.mark.parametrize(("part", "group"), [(500_000, 256), (1, 1), (2, 3)])
def test_copies_and_shared_ids_over_chunks_and_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int, group: int
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    said = [
        ("a", "One."),
        ("b", "Two."),
        ("a", "Three."),
        ("c", "Two."),
        ("a", "Four."),
        ("d", "Three."),
        ("b", "Five."),
        ("e", "Two."),
    ]
    (data / "sg_90k_part1.json").write_text(json.dumps([talk(*pair) for pair in said]))
    expected = digests(build("sharegpt:raw", data_dir=data, out=tmp_path / "whole", workers=1).path)
    monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", 1)
    monkeypatch.setattr("open_instructions.merge.rounds.PART", part)
    monkeypatch.setattr("open_instructions.merge.rounds.GROUP", group)
    result = build("sharegpt:raw", data_dir=data, out=tmp_path / "out", workers=1)
    rows = pq.read_table(result.path / "data").to_pylist()
    assert [(row["id"], row["messages"][1]["content"]) for row in rows] == [
        ("sharegpt/a", "One."),
        ("sharegpt/b", "Two."),
        ("sharegpt/a~2", "Three."),
        ("sharegpt/a~3", "Four."),
        ("sharegpt/b~2", "Five."),
    ]
    refused = pq.read_table(result.path / "rejected").to_pylist()
    assert [(row["conversation_id"], row["detail"], row["other"]) for row in refused] == [
        ("sharegpt/c", "equal to sharegpt/b", "sharegpt/b"),
        ("sharegpt/d", "equal to sharegpt/a~2", "sharegpt/a~2"),
        ("sharegpt/e", "equal to sharegpt/b", "sharegpt/b"),
    ]
    assert {row["kind"] for row in refused} == {"conversation"}
    assert digests(result.path) == expected


def test_dictionaries_where_values_recur_and_no_texts_in_the_footer(
    make: Callable[..., BuildResult],
) -> None:
    result = make({"alpaca_data.json": [alpaca(), alpaca()]})
    groups = [
        pq.ParquetFile(path).metadata.row_group(0) for path in result.path.glob("*/*.parquet")
    ]
    columns = [group.column(at) for group in groups for at in range(group.num_columns)]
    found = {c.path_in_schema: (c.has_dictionary_page, c.statistics is not None) for c in columns}
    assert found["source"] == (True, True)
    assert found["id"] == (False, True)
    assert found["messages.list.element.role"] == (True, False)
    assert found["messages.list.element.content"] == (False, False)
    assert found["raw"] == (False, False)


def test_equal_hashes_are_no_equal_names_and_half_a_key_is_no_key() -> None:
    def message(**columns: Any) -> pa.Table:
        return pa.table(
            {
                **columns,
                "number": pa.array([0, 1, 2, 3], pa.int64()),
                "conversation_id": ["a", "b", "a", "c"],
                "parts": pa.array([1, 1, 1, 1], pa.int32()),
            }
        )

    hashes = pa.array([7, 7, 7, 2**64 - 1], pa.uint64())
    assert names.decide([message(hash=hashes)]).to_pylist() == [
        {"number": 2, "conversation_id": "a~2"}
    ]
    keys = pa.array(
        [b"12345678" + end for end in (b"abcdefgh", b"abcdefgi", b"abcdefgh", b"bbcdefgh")],
        pa.binary(16),
    )
    [equal] = Duplicates(("a",)).rounds
    [lost] = equal.decide(message(key=keys, rank=pa.array([1, 0, 0, 0], pa.int64()))).to_pylist()
    assert (lost["number"], lost["other"], lost["other_id"]) == (0, 2, "a")
    assert (lost["reason"], lost["score"]) == ("duplicate", None)


def test_the_preferred_copy_stays_wherever_it_stands(make: Callable[..., BuildResult]) -> None:
    dolly = (
        '{"instruction": "Name a tree.", "context": "", "response": "An oak.", "category":'
        ' "open_qa"}\n'
    )
    result = make(
        {"alpaca_data.json": [alpaca(), alpaca()], "databricks-dolly-15k.jsonl": dolly},
        "alpaca,dolly",
    )
    assert [r["source"] for r in rows(result)] == ["dolly"]
    refused = rows(result, "rejected")
    assert [(r["reason"], r["detail"]) for r in refused] == [
        ("duplicate", "equal to dolly/databricks-dolly-15k/000000")
    ] * 2
    assert [json.loads(r["raw"]) for r in refused] == [alpaca(), alpaca()]


def test_a_longer_conversation_is_no_duplicate(make: Callable[..., BuildResult]) -> None:
    def talk(name: str, pairs: int) -> dict[str, Any]:
        return {
            "id": name,
            "conversations": [
                t
                for i in range(pairs)
                for t in ({"from": "human", "value": f"q{i}"}, {"from": "gpt", "value": f"a{i}"})
            ],
        }

    result = make(
        {
            "sg_90k_part1_html_cleaned.json": [
                talk("aaaaaaa", 1),
                talk("bbbbbbb", 2),
                talk("ccccccc", 2),
            ]
        },
        "sharegpt",
    )
    assert [r["id"] for r in rows(result)] == ["sharegpt/aaaaaaa", "sharegpt/bbbbbbb"]


def test_all_parts_of_a_dropped_copy_go(make: Callable[..., BuildResult]) -> None:
    turns = [
        t
        for i in range(4)
        for t in (
            {"from": "human", "value": f"question {i}"},
            {"from": "gpt", "value": "word " * 20},
        )
    ]
    records = [{"id": "aaaaaaa", "conversations": turns}, {"id": "bbbbbbb", "conversations": turns}]
    result = make({"sg_90k_part1_html_cleaned.json": records}, "sharegpt", max_tokens=70)
    assert [r["id"] for r in rows(result)] == ["sharegpt/aaaaaaa#1", "sharegpt/aaaaaaa#2"]
    assert result.manifest.totals["parts_added"] == 1
    assert [(r["level"], r["conversation_id"]) for r in rows(result, "rejected")] == [
        ("record", "sharegpt/bbbbbbb")
    ]


def test_one_id_twice_is_told_apart(make: Callable[..., BuildResult]) -> None:
    records = [
        {
            "id": "same",
            "conversations": [{"from": "human", "value": str(n)}, {"from": "gpt", "value": "yes"}],
        }
        for n in range(3)
    ]
    result = make({"sg_90k_part1_html_cleaned.json": records}, "sharegpt")
    assert [r["id"] for r in rows(result)] == [
        "sharegpt/same",
        "sharegpt/same~2",
        "sharegpt/same~3",
    ]


def test_an_upstream_id_cannot_pass_for_one_of_ours(make: Callable[..., BuildResult]) -> None:
    def talk(name: str, n: int) -> dict[str, Any]:
        return {
            "id": name,
            "conversations": [
                {"from": "human", "value": f"q{n}"},
                {"from": "gpt", "value": "yes"},
                {"from": "human", "value": f"unanswered {n}"},
            ],
        }

    records = [talk(name, n) for n, name in enumerate(["a", "a", "a~2", "a", "a#1"])]
    result = make({"sg_90k_part1_html_cleaned.json": records}, "sharegpt")
    names = ["sharegpt/a", "sharegpt/a~2", "sharegpt/a%7E2", "sharegpt/a~3", "sharegpt/a%231"]
    assert [r["id"] for r in rows(result)] == names
    assert [(r["conversation_id"], r["raw"]) for r in rows(result, "rejected")] == [
        (name, f"unanswered {n}") for n, name in enumerate(names)
    ]


def test_every_record_of_a_joined_duplicate_keeps_its_text(
    make: Callable[..., BuildResult],
) -> None:
    def parts(name: str) -> list[dict[str, Any]]:
        return [
            {
                "id": f"{name}_{2 * n}",
                "conversations": [
                    {"from": "human", "value": f"q{n}"},
                    {"from": "gpt", "value": f"a{n}"},
                ],
            }
            for n in range(2)
        ]

    result = make(
        {"ShareGPT_V3_unfiltered_cleaned_split.json": [*parts("aaaaaaa"), *parts("bbbbbbb")]},
        "sharegpt:v3",
    )
    assert [json.loads(r["raw"])["id"] for r in rows(result, "rejected")] == [
        "bbbbbbb_0",
        "bbbbbbb_2",
    ]
