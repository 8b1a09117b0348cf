"""The engine ray, on a real cluster of two nodes on this machine: the bytes of a local build, a lost node or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from open_instructions import chunk
from open_instructions.builder import build
from open_instructions.errors import UsageError

from .test_build import digests
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
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "alpaca_data.json").write_text(json.dumps(records(600)))
    return folder


def test_a_cluster_makes_the_same_bytes_though_it_loses_a_node(
    cluster: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk, "CHUNK_RECORDS", 20)
    expected = digests(build("alpaca", data_dir=data, out=tmp_path / "local", workers=1).path)
    lost: list[Any] = []

    def lose_one(step: Any) -> None:
        if not lost:
            lost.append(cluster.worker_nodes.copy().pop())
            cluster.remove_node(lost[0], allow_graceful=False)

    result = build("alpaca", data_dir=data, out=tmp_path / "ray", engine="ray", ray_address=cluster.address, progress=lose_one)
    assert lost
    assert digests(result.path) == expected


def test_a_cluster_that_is_not_there(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be reached"):
        build("alpaca", data_dir=data, out=tmp_path / "out", engine="ray", ray_address="127.0.0.1:1")
