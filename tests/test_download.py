"""One URL to one file, against a real server on loopback that does what servers do."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from open_instructions.catalogue.published import File
from open_instructions.errors import FetchError
from open_instructions.inputs import download as module
from open_instructions.inputs.download import download

from .hub_server import FakeHub, Fault

DATA = random.Random(7).randbytes(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setenv("OI_TRUSTED_HOSTS", "127.0.0.1,localhost")
    with FakeHub() as running:
        running.files["a.bin"] = DATA
        yield running


class Client:
    """Downloads a.bin; what it waited for, and what it was told of the way."""

    def __init__(self, server: FakeHub, folder: Path) -> None:
        self.server, self.target = server, folder / "a.bin"
        self.pauses: list[float] = []
        self.steps: list[tuple[int, int | None]] = []

    def __call__(
        self, size: int | None = None, sha256: str = "", name: str = "a.bin"
    ) -> tuple[int, str]:
        file = File(name, (), size, (sha256,) if sha256 else ())
        url = f"{self.server.url}/files/{name}"
        return download(
            url,
            self.target,
            file,
            lambda done, total: self.steps.append((done, total)),
            sleep=self.pauses.append,
        )

    @property
    def ranges(self) -> list[str]:
        return [headers.get("range", "") for _, headers, _ in self.server.log]

    def left(self) -> list[str]:
        return sorted(p.name for p in self.target.parent.iterdir())


@pytest.fixture
def client(server: FakeHub, tmp_path: Path) -> Client:
    return Client(server, tmp_path)


def test_a_file_comes_whole_and_nothing_else_stays(client: Client) -> None:
    assert client(300_000, SHA256) == (300_000, SHA256)
    assert client.target.read_bytes() == DATA
    assert client.left() == ["a.bin"]
    assert client.steps[-1] == (300_000, 300_000)
    assert [done for done, _ in client.steps] == sorted(done for done, _ in client.steps)


@pytest.mark.parametrize("seed", range(4))
def test_a_connection_that_is_cut_again_and_again_is_gone_on_with(
    client: Client, seed: int
) -> None:
    rng = random.Random(seed)
    client.server.faults += [
        Fault("GET /files/", cut_after=rng.randrange(1, 60_000), reset=rng.random() < 0.5)
        for _ in range(5)
    ]
    assert client(sha256=SHA256) == (300_000, SHA256)
    assert client.target.read_bytes() == DATA
    assert len(client.ranges) == 6
    begun = [int(r.removeprefix("bytes=").rstrip("-") or 0) for r in client.ranges]
    assert (
        begun == sorted(begun) and begun[-1] > 0
    )  # each went on from where the one before stopped


def test_what_an_earlier_run_left_is_gone_on_with(client: Client) -> None:
    client.server.faults.append(Fault("GET /files/", cut_after=100_000))
    client.server.faults.append(Fault("GET /files/", times=5, cut_after=-1))
    with pytest.raises(FetchError, match="given up after 6 tries"):
        client()
    assert client.left() == ["a.bin.part", "a.bin.part.json"]
    assert client() == (300_000, SHA256)
    assert client.ranges[-1] == "bytes=100000-"
    assert client.left() == ["a.bin"]


def test_another_file_on_the_second_try_is_begun_again(client: Client) -> None:
    client.server.faults.append(Fault("GET /files/", cut_after=100_000))
    other = DATA[::-1]

    def replaced(seconds: float) -> None:
        client.server.files["a.bin"] = other

    file = File("a.bin", ())
    got = download(
        f"{client.server.url}/files/a.bin", client.target, file, lambda *_: None, sleep=replaced
    )
    assert client.ranges == ["", "bytes=100000-"]
    assert got.sha256 == hashlib.sha256(other).hexdigest()
    assert client.target.read_bytes() == other


def test_a_server_without_ranges_is_begun_again(client: Client) -> None:
    client.server.faults += [
        Fault("GET /files/", cut_after=200_000),
        Fault("GET /files/", no_ranges=True),
    ]
    assert client() == (300_000, SHA256)
    assert client.target.read_bytes() == DATA


def test_a_busy_server_is_waited_for_as_long_as_it_asks(client: Client) -> None:
    client.server.faults += [
        Fault("GET /files/", status=429, headers={"Retry-After": "7"}),
        Fault("GET /files/", status=503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        Fault("GET /files/", times=2, status=503),
    ]
    assert client() == (300_000, SHA256)
    assert client.pauses == [7.0, 0.0, 4.0, 8.0]


def test_a_server_that_asks_for_an_hour_is_an_error(client: Client) -> None:
    client.server.faults.append(Fault("GET /files/", status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(FetchError, match="429 Too Many Requests; the server asks to wait 3600 s"):
        client()
    assert client.pauses == []


def test_a_server_that_says_nothing_is_left(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OI_TIMEOUT", "1.5")
    client.server.faults.append(Fault("GET /files/", delay=3.0))
    assert client() == (300_000, SHA256)
    assert client.pauses == [1.0]


def test_a_server_that_never_says_anything_is_given_up_by_name_of_the_limit(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OI_TIMEOUT", "0.1")
    client.server.faults.append(Fault("GET /files/", times=-1, delay=0.5))
    with pytest.raises(
        FetchError, match=r"no data for 0.1 s \(OI_TIMEOUT\); given up after 6 tries"
    ):
        client()
    assert client.pauses == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_a_server_that_dribbles_is_left(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLOW_FOR", 1.0)
    monkeypatch.setattr(module, "_SLOW", 10**9)
    client.server.faults.append(Fault("GET /files/", throttle=0.6))
    assert client() == (300_000, SHA256)
    assert len(client.pauses) == 1
    assert client.ranges[1].startswith("bytes=")


def test_other_bytes_than_are_pinned_are_refused_and_gone(client: Client) -> None:
    client.server.faults.append(Fault("GET /files/", rewrite=lambda body: body[:-1] + b"x"))
    with pytest.raises(
        FetchError, match=f"has changed: its sha256 is [0-9a-f]{{64}}, not {SHA256}"
    ):
        client(sha256=SHA256)
    assert client.left() == []


@pytest.mark.parametrize("size", [299_999, 300_001])
def test_another_size_than_was_published_is_refused(client: Client, size: int) -> None:
    with pytest.raises(FetchError, match="300,000 bytes, but "):
        client(size)
    assert client.left() == []


def test_a_redirect_to_another_host_is_followed(client: Client) -> None:
    there = f"{client.server.cdn}/files/a.bin"
    client.server.faults.append(Fault(r"GET /files/moved", status=302, headers={"Location": there}))
    assert client(name="moved") == (300_000, SHA256)
    assert [headers["host"].split(":")[0] for _, headers, _ in client.server.log] == [
        "127.0.0.1",
        "localhost",
    ]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirect_out_of_http_is_not_followed(client: Client, target: str) -> None:
    client.server.faults.append(Fault("GET /files/", status=302, headers={"Location": target}))
    with pytest.raises(FetchError, match="which is not followed"):
        client()


def test_redirects_end(client: Client) -> None:
    client.server.faults.append(
        Fault("GET /files/", times=-1, status=302, headers={"Location": "/files/a.bin"})
    )
    with pytest.raises(FetchError, match="more than 5 times"):
        client()
    assert len(client.server.log) == 6


def test_a_body_that_never_ends(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OI_MAX_DOWNLOAD", "0.01")
    client.server.faults.append(Fault("GET /files/", endless=True))
    with pytest.raises(
        FetchError, match=r"does not end: more than 10,000,000 bytes came \(OI_MAX_DOWNLOAD\)"
    ):
        client()
    assert client.left() == []


def test_a_body_over_the_limit_is_not_begun(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OI_MAX_DOWNLOAD", "0.0001")
    with pytest.raises(
        FetchError, match=r"300,000 bytes, over the limit of 100,000 \(OI_MAX_DOWNLOAD\)"
    ):
        client()


def test_packed_where_plain_was_asked_for(client: Client) -> None:
    client.server.faults.append(Fault("GET /files/", gzip=True))
    with pytest.raises(
        FetchError, match=r"compresses the file although it was asked not to \(gzip\)"
    ):
        client()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer"),
        (b"Found. Redirecting to https://cdn-lfs", "a web page"),
        (b"", "empty"),
    ],
)
def test_what_stands_in_place_of_data_is_refused(client: Client, body: bytes, says: str) -> None:
    client.server.files["a.bin"] = body
    with pytest.raises(FetchError, match=says):
        client()
    assert client.left() == []


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_final_answer_is_not_asked_for_again(client: Client, status: int) -> None:
    client.server.faults.append(Fault("GET /files/", status=status))
    with pytest.raises(FetchError, match=f"the server says {status}"):
        client()
    assert len(client.server.log) == 1


def test_a_limit_that_is_none(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from open_instructions.errors import UsageError

    monkeypatch.setenv("OI_TIMEOUT", "soon")
    with pytest.raises(UsageError, match="OI_TIMEOUT is 'soon', but must be a number above 0"):
        client()


def test_the_part_of_another_address_is_not_gone_on_with(client: Client, tmp_path: Path) -> None:
    client.server.files["b.bin"] = DATA[::-1]
    client.server.faults += [
        Fault("GET /files/b", cut_after=1000),
        Fault("GET /files/b", times=-1, status=404),
    ]
    with pytest.raises(FetchError):
        client(name="b.bin")
    assert client() == (300_000, SHA256)
    assert client.ranges[-1] == ""


def test_a_part_of_a_wrong_mirror_does_not_spoil_the_right_one(client: Client) -> None:
    client.server.files["b.bin"] = DATA[::-1]
    client.server.faults += [
        Fault("GET /files/b", cut_after=1000),
        Fault("GET /files/b", times=-1, status=404),
    ]
    with pytest.raises(FetchError):
        client(sha256=SHA256, name="b.bin")
    assert client(sha256=SHA256) == (300_000, SHA256)


def test_a_server_that_gives_a_byte_at_a_time_is_given_up(client: Client) -> None:
    client.server.faults.append(Fault("GET /files/", times=-1, cut_after=1))
    with pytest.raises(FetchError, match="given up after 6 tries"):
        client()
    assert len(client.server.log) <= 7


def test_a_server_without_ranges_that_cuts_here_and_there_is_given_up(client: Client) -> None:
    for _ in range(20):
        client.server.faults += [
            Fault("GET /files/", cut_after=n, no_ranges=True) for n in (100_000, 200_000)
        ]
    with pytest.raises(FetchError, match="given up after 6 tries"):
        client()


def test_nothing_is_fetched_from_other_schemes(tmp_path: Path) -> None:
    def never(*_: Any) -> None:
        raise AssertionError

    with pytest.raises(FetchError, match="not an address that can be fetched"):
        download("file:///etc/passwd", tmp_path / "x", File("x", ()), never)
