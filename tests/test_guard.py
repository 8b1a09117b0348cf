"""No address in a lock, a catalogue, a cache or a redirect leads into the network that this machine
is in."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from open_instructions.building.run import build
from open_instructions.catalogue.published import File
from open_instructions.errors import FetchError, InputError
from open_instructions.inputs.download import download, size_of
from open_instructions.inputs.guard import is_public

from .fetching import ROWS
from .hub_server import FakeHub

PRIVATE = [
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:7f00:1::",
]
PUBLIC = ["140.82.112.3", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]


@pytest.fixture
def server() -> Iterator[FakeHub]:
    """A server on loopback, which nobody has said may be asked."""
    with FakeHub() as running:
        running.files["x"] = ROWS
        yield running


def fetch(url: str, folder: Path) -> None:
    download(url, folder / "x", File("x", ()), lambda done, total: None, sleep=lambda pause: None)


def test_public_and_private() -> None:
    assert [a for a in PRIVATE if is_public(a)] == []
    assert [a for a in PUBLIC if not is_public(a)] == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "0300.0250.1.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "169.254.169.254",
        "10.0.0.1",
        "[fe80::1]",
        "[fd00::1]",
    ],
)
def test_a_private_host_in_any_writing_is_not_asked(tmp_path: Path, host: str) -> None:
    with pytest.raises(FetchError, match="was not contacted"):
        fetch(f"https://{host}:9/x", tmp_path)


def test_plain_http_is_not_asked(tmp_path: Path) -> None:
    with pytest.raises(
        FetchError,
        match=r"is not an https address, "
        r"so "
        r"it "
        r"was "
        r"not "
        r"contacted.*OI_TRUSTED_HOSTS=example\.org "
        r"allows it",
    ):
        fetch("http://example.org/x", tmp_path)


def test_a_users_name_before_the_host(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="has a user name before the host"):
        fetch("https://example.org@127.0.0.1/x", tmp_path)


@pytest.mark.parametrize("many", [1, 2])
def test_a_name_that_leads_to_a_private_address(
    server: FakeHub, tmp_path: Path, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it leads elsewhere only when it is asked for the second time."""
    port = int(server.url.rpartition(":")[2])
    asked: list[str] = []
    received: list[bytes] = []
    real = socket.getaddrinfo
    send = socket.socket.sendall

    def resolve(host: object, *more: object, **named: object) -> object:
        asked.append(str(host))
        return real("127.0.0.1", port)

    def watch(self: socket.socket, data: bytes, *more: int) -> None:
        received.append(bytes(data))
        send(self, data, *more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "sendall", watch)
    with pytest.raises(
        FetchError,
        match=r"files\.example\.org resolves to 127\.0\.0\.1, which is not a public address",
    ):
        for _ in range(many):
            fetch("https://files.example.org/x", tmp_path)
    assert asked and received == [] and server.log == []


def test_where_the_user_says_so(
    server: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OI_TRUSTED_HOSTS", "files.lan, 127.0.0.1")
    fetch(f"{server.url}/files/x", tmp_path)
    assert (tmp_path / "x").read_bytes() == ROWS


def test_a_redirect_is_looked_at_too(
    server: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server that is trusted resolves to one that is not."""
    from .hub_server import Fault

    monkeypatch.setenv("OI_TRUSTED_HOSTS", "127.0.0.1")
    port = server.url.rpartition(":")[2]
    for target in (
        f"http://localhost:{port}/files/x",
        "https://10.0.0.1/x",
        "http://example.org/x",
        "file:///etc/passwd",
    ):
        server.faults[:] = [
            Fault("GET /files/x", times=-1, status=302, headers={"Location": target})
        ]
        with pytest.raises(FetchError, match=r"was not contacted|is not followed"):
            fetch(f"{server.url}/files/x", tmp_path)
    assert not (tmp_path / "x").exists()


def test_a_size_is_not_asked_for_either(server: FakeHub) -> None:
    assert size_of(f"{server.url}/files/x") is None
    assert server.log == []


def test_a_place_in_a_lock(
    server: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("OI_CACHE", str(tmp_path / "cache"))
    file = {
        "subsets": ["alpaca:main"],
        "name": "alpaca_data.json",
        "size": len(ROWS),
        "sha256": hashlib.sha256(ROWS).hexdigest(),
    }
    said = {
        "format": 1,
        "open_instructions": "0.1.0",
        "sources": ["alpaca"],
        "recipe": {"name": "default"},
    }
    for place in (f"{server.url}/files/x", "https://169.254.169.254/latest", "https://localhost/x"):
        (tmp_path / "oi.lock").write_text(json.dumps(said | {"files": [file | {"place": place}]}))
        with pytest.raises(FetchError, match="was not contacted"):
            build(locked=tmp_path / "oi.lock", out=tmp_path / "out")
    for place in (
        "s3://bucket/x",
        "file:///etc/passwd",
        "ftp://example.org/x",
        "/etc/passwd",
        "gopher://x",
        "HTTPS://",
        "",
    ):
        (tmp_path / "oi.lock").write_text(json.dumps(said | {"files": [file | {"place": place}]}))
        with pytest.raises(InputError, match="not a lock of Open Instructions"):
            build(locked=tmp_path / "oi.lock", out=tmp_path / "out")
    assert server.log == []


def test_a_session_that_is_replaced_in_a_call_is_checked_too(hub: FakeHub) -> None:
    """huggingface_hub closes its session where a connection fails, and goes on with another."""
    from huggingface_hub import close_session, get_session

    from open_instructions.inputs import hub as module

    with module._guarded(hub.url):
        close_session()
        with pytest.raises(FetchError, match="was not contacted"):
            get_session().get("http://10.0.0.1/")


def test_the_hub_leads_to_public_servers_alone(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint is the user's word; where it sends a download is not."""
    from open_instructions.catalogue.published import Hub
    from open_instructions.inputs import hub as module

    monkeypatch.setattr(
        "huggingface_hub.constants.HF_HUB_OFFLINE", False
    )  # as it was when somebody imported it
    hub.add("me/guarded", {"train.parquet": b"PAR1" + bytes(100)})
    place = Hub("me/guarded", "train.parquet")
    found = module.listed(place)[0]
    monkeypatch.setenv("OI_TRUSTED_HOSTS", "")
    if hub.cdn.startswith("http://localhost"):
        with pytest.raises(FetchError, match="was not contacted"):
            module.fetch(found, place, File("train.parquet", ()), lambda done, total: None)
    monkeypatch.setenv("OI_TRUSTED_HOSTS", "localhost")
    assert (
        module.fetch(found, place, File("train.parquet", ()), lambda done, total: None)[1].size
        == 104
    )
