"""Builds that read from and write into an object store: moto's S3 server on loopback, over HTTP."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

import open_instructions as oi
from open_instructions.building.run import build
from open_instructions.errors import OutputError, UsageError
from open_instructions.paths import place
from open_instructions.readers import chunk
from open_instructions.reports.explain import explain
from open_instructions.store import work

from .bucket import objects, remote_digests, upload
from .conftest import digests
from .test_crash import records


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Files of three kinds: plain, packed, in an archive."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "alpaca_data.json").write_text(json.dumps(records(300)))
    dolly = [
        {
            "instruction": f"Count to {n}.",
            "context": "",
            "response": "One, two.",
            "category": "open_qa",
        }
        for n in range(50)
    ]
    (folder / "databricks-dolly-15k.jsonl.gz").write_bytes(
        gzip.compress("\n".join(map(json.dumps, dolly)).encode())
    )
    with zipfile.ZipFile(folder / "more.zip", "w") as packed:
        packed.writestr("alpaca_gpt4_data.json", json.dumps(records(40)))
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_a_build_in_a_bucket_is_the_build_on_a_disk(
    bucket: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(chunk, "CHUNK_RECORDS", 60)
    local = build("alpaca,dolly,gpt4llm:en", data_dir=data, out=tmp_path / "local", workers=1)
    source = upload(data, f"{bucket}/raw")
    made = build(
        "alpaca,dolly,gpt4llm:en",
        data_dir=f"{source}/",
        out=f"{bucket}/builds/mix/",
        workers=workers,
    )
    assert objects(f"{bucket}/builds") == [
        "builds/mix/LICENSE.md",
        "builds/mix/README.md",
        "builds/mix/data/train-00000-of-00001.parquet",
        "builds/mix/manifest.json",
        "builds/mix/oi.lock",
        "builds/mix/rejected/rejected-00000-of-00001.parquet",
    ]
    assert remote_digests(f"{bucket}/builds/mix", tmp_path / "copy") == digests(local.path)
    assert not made.unchanged
    assert build("alpaca,dolly,gpt4llm:en", data_dir=source, out=f"{bucket}/builds/mix").unchanged


def test_what_is_in_a_bucket_can_be_read(bucket: str, data: Path) -> None:
    address = f"{bucket}/mix"
    build("alpaca", data_dir=upload(data, f"{bucket}/raw"), out=address)
    assert oi.check(address)
    assert len(oi.load(address)) == oi.stats(address).all.conversations == 300
    assert explain("alpaca/000007", address).steps[-1].labels.startswith("alpaca/000007: ")
    assert next(iter(oi.load(address, streaming=True)))["id"] == "alpaca/000000"
    (place(address) / "data" / "train-00000-of-00001.parquet").write_bytes(b"PAR1")
    assert "has 4 bytes" in oi.check(address).problems[0]


def test_another_build_is_replaced_when_it_is_asked_for(bucket: str, data: Path) -> None:
    source, out = upload(data, f"{bucket}/raw"), f"{bucket}/mix"
    build("alpaca", data_dir=source, out=out)
    with pytest.raises(OutputError, match="has another build"):
        build("dolly", data_dir=source, out=out)
    build("dolly", data_dir=source, out=out, overwrite=True)
    assert oi.check(out)
    assert oi.load(out)["source"][0] == "dolly"
    (place(out) / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"has notes\.txt"):
        build("alpaca", data_dir=source, out=out, overwrite=True)


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("s3://mixes", "is a whole bucket"),
        ("s3://mixes/", "is a whole bucket"),
        ("s3://mixes/mix*", "has one of"),
        ("s3://mixes/run[12]", "has one of"),
        ("s3://nowhere/mix", "There is no bucket nowhere"),
        ("memory://mix", "cannot hold a build"),
    ],
)
def test_where_no_build_goes(bucket: str, data: Path, out: str, says: str) -> None:
    (place(bucket) / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=says):
        build("alpaca", data_dir=data, out=out)
    assert objects(bucket) == ["thesis.txt"]


def test_an_address_of_this_machine_is_a_path(data: Path, tmp_path: Path) -> None:
    built = build("alpaca", data_dir=f"file://{data}", out=f"file://{tmp_path}/out")
    assert built.path == tmp_path / "out"
    assert oi.check(f"file://{tmp_path}/out")


def test_a_local_input_and_a_bucket_that_is_replaced(bucket: str, data: Path) -> None:
    build("alpaca", data_dir=data, out=f"{bucket}/mix")
    build("dolly", data_dir=data, out=f"{bucket}/mix", overwrite=True)
    assert oi.check(f"{bucket}/mix")


def test_a_mark_beside_what_is_not_ours(bucket: str, data: Path) -> None:
    (place(bucket) / ".mix.publishing").write_text("x")
    (place(bucket) / "mix" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"has thesis\.txt"):
        build("alpaca", data_dir=data, out=f"{bucket}/mix", overwrite=True)
    assert objects(f"{bucket}/mix") == ["mix/thesis.txt"]


def test_a_mark_beside_a_whole_build(bucket: str, data: Path) -> None:
    build("alpaca", data_dir=data, out=f"{bucket}/mix")
    (place(bucket) / ".mix.publishing").write_text("x")
    with pytest.raises(OutputError, match="has another build"):
        build("dolly", data_dir=data, out=f"{bucket}/mix")
    assert oi.check(f"{bucket}/mix")
    assert objects(bucket)[0] == "mix/LICENSE.md", "the mark is gone"


def test_a_folder_that_a_console_made_is_empty(bucket: str, data: Path) -> None:
    import boto3

    boto3.client("s3").put_object(Bucket="mixes", Key="mix/", Body=b"")
    assert oi.check(build("alpaca", data_dir=data, out=f"{bucket}/mix").path)


def test_an_archive_of_no_bytes(bucket: str) -> None:
    (place(bucket) / "raw" / "alpaca.zip").write_bytes(b"")
    with pytest.raises(oi.errors.InputError, match="cannot be read as an archive"):
        build("alpaca", data_dir=f"{bucket}/raw", out=f"{bucket}/mix")


def test_a_store_that_goes_away(bucket: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aiobotocore.httpsession import AIOHTTPSession
    from botocore.exceptions import EndpointConnectionError

    async def gone(self: Any, request: Any) -> Any:
        raise EndpointConnectionError(endpoint_url=request.url)

    with (
        monkeypatch.context() as patch,
        pytest.raises(OutputError, match="The object store stopped answering"),
    ):
        build(
            "alpaca",
            data_dir=data,
            out=f"{bucket}/mix",
            workers=1,
            announce=lambda job, done: patch.setattr(AIOHTTPSession, "send", gone),
        )
    assert oi.check(build("alpaca", data_dir=data, out=f"{bucket}/mix").path)


@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_run_that_ends_while_it_publishes(
    bucket: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    source, out = upload(data, f"{bucket}/raw"), f"{bucket}/mix"
    expected = digests(build("alpaca", data_dir=data, out=tmp_path / "local").path)
    build("dolly", data_dir=source, out=out)
    kind = type(place(out))
    real, count = kind.rename, 0

    def dying(self: Any, target: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        if count > at:
            raise KeyboardInterrupt
        return real(self, target, **named)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "rename", dying)
        with pytest.raises(KeyboardInterrupt):
            build("alpaca", data_dir=source, out=out, overwrite=True)
    assert not (place(out) / "manifest.json").exists(), "half a build that says it is one"
    announced: list[int] = []
    build("alpaca", data_dir=source, out=out, announce=lambda job, done: announced.append(done))
    assert announced == [1], "it goes on from the finished chunk"
    assert remote_digests(out, tmp_path / "copy") == expected
    assert [name for name in objects(bucket) if "/.mix" in name or name.startswith(".mix")] == []


def test_a_killed_build_goes_on(bucket: str, data: Path, tmp_path: Path) -> None:
    source, out = upload(data, f"{bucket}/raw"), f"{bucket}/mix"
    expected = digests(build("alpaca", data_dir=data, out=tmp_path / "local").path)
    code = (
        "from open_instructions import build; from open_instructions.readers import chunk;"
        f" chunk.CHUNK_RECORDS = 10; build('alpaca', data_dir={source!r}, out={out!r}, workers=1)"
    )
    for finished in (1, 8, 20):
        running = subprocess.Popen(
            [sys.executable, "-c", code], env=os.environ | {"OI_HOME": str(tmp_path / "home")}
        )
        limit = time.monotonic() + 60
        while (
            len([n for n in objects(bucket) if n.endswith(".json") and "chunks/" in n]) < finished
            and time.monotonic() < limit
        ):
            time.sleep(0.02)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
    assert not (place(out) / "manifest.json").exists()
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env=os.environ | {"OI_HOME": str(tmp_path / "home")},
    )
    assert remote_digests(out, tmp_path / "copy") == expected


def test_an_input_that_changes_while_it_is_read(bucket: str, data: Path) -> None:
    source = upload(data, f"{bucket}/raw")

    def change(step: Any) -> None:
        (place(source) / "alpaca_data.json").write_text("[]")

    with pytest.raises(oi.errors.InputError, match="changed while it was read"):
        build("alpaca", data_dir=source, out=f"{bucket}/mix", progress=change, workers=1)
    assert not place(f"{bucket}/mix").exists()


def test_a_store_that_does_not_answer(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed (extra s3)")
    s3fs.S3FileSystem.clear_instance_cache()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="cannot be reached"):
        build("alpaca", data_dir=data, out="s3://mixes/mix")
    with pytest.raises(UsageError, match=r"not known|cannot|nosuch"):
        build("alpaca", data_dir=data, out="nosuch://mixes/mix")


def test_a_mark_is_no_build(bucket: str) -> None:
    (place(f"{bucket}/.mix.publishing")).write_text("x")
    assert work.half_published(place(f"{bucket}/mix"))
    assert not work.half_published(place(f"{bucket}/other"))
