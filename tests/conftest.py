"""What the tests share: a home of their own, the real files where they are at hand, and a way to
build from records."""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from open_instructions.building.run import BuildResult, build

from .fetching import FETCHED_SOURCE
from .hub_server import FakeHub

# a busy machine is no defect, and a red run must be the same red run again
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

# where the tests run in the background of a shell, Ctrl-C is ignored, by the processes that they
# start too
signal.signal(signal.SIGINT, signal.default_int_handler)

# and what a command has printed must not reach its reader only because the shell has Python print
# at once
os.environ.pop("PYTHONUNBUFFERED", None)

collect_ignore = ["killing.py"]  # a program, which test_crash.py runs

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def digests(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(autouse=True)
def own_home(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """No test writes into the user's data folder, and none reaches the network."""
    home = tmp_path / "home"
    monkeypatch.setenv("OI_HOME", str(home))
    monkeypatch.setenv(
        "OI_CACHE", str(tmp_path_factory.getbasetemp() / "cache")
    )  # one for all tests of a process: the model is in it
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return home


@pytest.fixture
def no_garbage() -> Iterator[None]:
    """For tests that run into Python's recursion limit: nothing that other tests left behind is
    collected there, where its finalizer could only fail."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def real() -> Path:
    """Real upstream files. Skips where they are not beside the project."""
    if not SHARED.is_dir():
        pytest.skip("the real files of ../shared/data are not here")
    return SHARED


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., BuildResult]:
    """Build from files given as {name: content}; content is text, bytes, or a list of records for a
    JSON array."""

    def run(files: dict[str, Any], sources: str = "alpaca", **options: Any) -> BuildResult:
        folder = tmp_path / "data"
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(
                    content if isinstance(content, str) else json.dumps(content, indent=4),
                    encoding="utf-8",
                )
        return build(
            sources,
            data_dir=folder,
            out=options.pop("out", tmp_path / "out"),
            workers=options.pop("workers", 1),
            **options,
        )

    return run


def rows(result: BuildResult, kind: str = "data") -> list[dict[str, Any]]:
    """All rows of data/ or rejected/ of a build."""
    import pyarrow.parquet as pq

    files = sorted((result.path / kind).glob("*.parquet"))
    return [row for file in files for row in pq.read_table(BytesIO(file.read_bytes())).to_pylist()]


def alpaca(
    instruction: str = "Name a tree.", output: str = "An oak.", input: str = ""
) -> dict[str, str]:
    return {"instruction": instruction, "input": input, "output": output}


BESIDE = {
    "databricks-dolly-15k.jsonl": (
        '{"instruction": "Name a fish.", "context": "", "response": "A pike.", "category":'
        ' "open_qa"}'
    )
}
"""One good row of dolly, for builds where all other records are rejected: without a row there is no
build."""


SOURCE = """
from open_instructions.catalogue import Source, Subset, source
from open_instructions.schema import Draft
from open_instructions.layouts.fields import pair

MINE = Source(
    name="NAME", title="Mine", description="d", homepage="h", cost="c", attribution="a",
    default=("main",),
    subsets=(
        Subset(
            "main", files=("mine.json",), fields=frozenset({"q", "a"}), languages=("en",),
            engine="human", license="CC0-1.0",
        ),
    ),
)


@source(MINE)
def convert(record):
    yield Draft(pair(record["q"], record["a"]), used=("q", "a"))
"""
# a source of one subset in one file; tests replace NAME and the converter's body


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty bucket on moto's S3 server, on loopback."""
    pytest.importorskip("s3fs", reason="s3fs is not installed (extra s3)")
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    served = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    host, port = served.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    import boto3
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    urllib.request.urlopen(
        f"http://{host}:{port}/moto-api/reset", data=b""
    ).close()  # it keeps its buckets as long as the process
    boto3.client("s3").create_bucket(Bucket="mixes")
    yield "s3://mixes"
    S3FileSystem.clear_instance_cache()
    served.stop()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub on loopback, which is the one that commands and this process use; each test has a cache
    of its own."""
    with FakeHub() as running:
        monkeypatch.delenv("HF_HUB_OFFLINE")
        # an earlier test may have imported it: it remembers what the variables were then
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("OI_TRUSTED_HOSTS", "127.0.0.1,localhost")
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setenv("OI_CACHE", str(tmp_path / "cache"))
        yield running


@pytest.fixture
def mine(tmp_path: Path) -> Callable[..., Path]:
    """A source file with these downloads, as Python."""

    def write(downloads: str, more: str = "") -> Path:
        path = tmp_path / "mine.py"
        path.write_text(FETCHED_SOURCE.replace("(DOWNLOADS)", downloads).replace("MORE", more))
        return path

    return write
