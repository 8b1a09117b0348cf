"""A build goes to a hub on loopback, and comes back as it was; what must not be published is
not."""

from __future__ import annotations

from pathlib import Path

import pytest

from open_instructions.building.run import build

from .conftest import digests
from .hub_server import FakeHub, Fault
from .test_cli import oi


@pytest.fixture(autouse=True)
def tokens(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.tokens = {"secret": "write", "reader": "read"}
    monkeypatch.setenv("HF_TOKEN", "secret")


@pytest.fixture
def free(tmp_path: Path) -> Path:
    """A build that anyone may use for anything."""
    return build("dolly", sample=True, out=tmp_path / "free").path


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    return build("all", sample=True, out=tmp_path / "mixed").path


def there(hub: FakeHub, repository: str) -> dict[str, bytes]:
    repo = hub.repos[repository]
    files = repo.commits[repo.refs["main"]]
    return {path: file.data for path, file in files.items() if path != ".gitattributes"}


def test_a_build_goes_to_the_hub_and_comes_back(hub: FakeHub, free: Path, tmp_path: Path) -> None:
    done = oi("push", free, "me/mix")
    assert done.returncode == 0, done.stderr
    assert f"{hub.url}/datasets/me/mix is at {hub.repos['me/mix'].refs['main']}" in done.stdout
    assert there(hub, "me/mix") == {
        p.relative_to(free).as_posix(): p.read_bytes() for p in free.rglob("*") if p.is_file()
    }
    assert any(
        line == "POST /api/validate-yaml" for line in hub.lines
    )  # the hub's own look at the card's front matter
    # and it is a build again, as it was
    for name, data in there(hub, "me/mix").items():
        (tmp_path / "back" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "back" / name).write_bytes(data)
    assert digests(tmp_path / "back") == digests(free)
    assert oi("check", tmp_path / "back").returncode == 0


def test_what_an_earlier_build_left_there_goes(hub: FakeHub, free: Path) -> None:
    hub.add("me/mix", {"data/train-00000-of-00002.parquet": b"old", "notes.txt": b"mine"})
    assert oi("push", free, "me/mix").returncode == 0
    assert "data/train-00000-of-00002.parquet" not in there(hub, "me/mix")
    assert there(hub, "me/mix")["notes.txt"] == b"mine"


def test_a_build_that_the_check_refuses_is_not_pushed(hub: FakeHub, free: Path) -> None:
    shard = free / "data" / "train-00000-of-00001.parquet"
    data = bytearray(shard.read_bytes())
    data[100] ^= 1
    shard.write_bytes(data)
    done = oi("push", free, "me/mix")
    assert done.returncode == 7
    assert "does not have the sha256 in the manifest" in done.stderr
    assert hub.log == []


def test_what_licences_restrict_is_not_made_public_unasked(hub: FakeHub, mixed: Path) -> None:
    done = oi("push", mixed, "me/mix")
    assert done.returncode == 2
    assert "rows have restrictions on their use, and would be public" in done.stderr
    assert "sharegpt:raw, 20 rows" in done.stderr
    assert hub.log == []
    assert oi("push", mixed, "me/mix", "--private").returncode == 0
    assert hub.repos["me/mix"].private
    assert oi("push", mixed, "me/public", "--yes").returncode == 0
    assert not hub.repos["me/public"].private


def test_a_public_repository_is_not_private_because_one_says_so(hub: FakeHub, mixed: Path) -> None:
    hub.add("me/mix", {}, private=False)
    done = oi("push", mixed, "me/mix", "--private")
    assert done.returncode == 2
    assert "me/mix already exists and is public" in done.stderr
    assert "README.md" not in there(hub, "me/mix")


@pytest.mark.parametrize(
    ("token", "fault", "says", "code"),
    [
        ("reader", None, "don't have the rights to write", 10),
        ("", None, "", 10),
        ("secret", Fault("POST /api/datasets/me/mix/commit", times=-1, status=500), "500", 10),
        ("secret", Fault("PUT /lfs/", times=-1, status=403), "403", 10),
    ],
)
def test_what_the_hub_refuses_is_said(
    hub: FakeHub,
    free: Path,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    fault: Fault | None,
    says: str,
    code: int,
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    hub.faults += [fault] if fault else []
    done = oi("push", free, "me/mix")
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def as_the_hub(kind: str, text: str) -> list[str]:
    """What the hub's documentation of dataset cards asks of the front matter."""
    import re

    import yaml

    said = yaml.safe_load(text.split("---\n")[1])
    problems = []
    if said["license"] == "other":
        if not re.fullmatch(r"[a-z0-9.-]+", said.get("license_name", "")):
            problems.append("license_name is an id")
        if said.get("license_link") not in ("LICENSE", "LICENSE.md") and not said.get(
            "license_link", ""
        ).startswith("https://"):
            problems.append("license_link is LICENSE, LICENSE.md or a URL")
    elif said["license"] not in ("cc-by-sa-3.0", "mit", "cc-by-nc-4.0"):
        problems.append("license is one of the known ones")
    if not all(
        isinstance(code, str) and re.fullmatch("[a-z]{2,3}", code) for code in said["language"]
    ):
        problems.append("language holds ISO 639 codes")
    if said["size_categories"] not in (["n<1K"], ["1K<n<10K"]):
        problems.append("size_categories is one of the known ones")
    if (
        kind != "dataset"
        or not isinstance(said["pretty_name"], str)
        or not all(isinstance(tag, str) for tag in said["tags"])
    ):
        problems.append("texts are texts")
    return problems


def test_the_cards_of_builds_are_what_the_hub_documents(
    hub: FakeHub, free: Path, mixed: Path
) -> None:
    hub.check_card = as_the_hub
    assert oi("push", free, "me/free").returncode == 0
    assert b"license: cc-by-sa-3.0\n" in there(hub, "me/free")["README.md"]
    done = oi("push", mixed, "me/mixed", "--yes")
    assert done.returncode == 0, done.stderr
    assert b"license_link: LICENSE.md\n" in there(hub, "me/mixed")["README.md"]
    assert (
        b"- sharegpt:raw, 20 rows: LicenseRef-ShareGPT-unclear"
        in there(hub, "me/mixed")["LICENSE.md"]
    )
    assert as_the_hub(
        "dataset",
        "---\nlicense: other\nlicense_link: '#x'\nlanguage: [no]\nsize_categories:"
        " [x]\npretty_name: 5\ntags: []\n---\n",
    ) == [
        "license_name is an id",
        "license_link is LICENSE, LICENSE.md or a URL",
        "language holds ISO 639 codes",
        "size_categories is one of the known ones",
        "texts are texts",
    ]


def test_a_card_that_the_hub_refuses(hub: FakeHub, free: Path) -> None:
    hub.check_card = lambda kind, text: ['"license" must be one of the known ones']
    done = oi("push", free, "me/mix")
    assert done.returncode == 6
    assert "must be one of the known ones" in done.stderr


@pytest.mark.parametrize("name", ["me//mix", "a/b/c", "../x", "-x/y z"])
def test_a_name_that_is_none(hub: FakeHub, free: Path, name: str) -> None:
    done = oi("push", free, "--", name) if name.startswith("-") else oi("push", free, name)
    assert done.returncode == 2, done.stderr
    assert hub.log == []


def test_what_is_no_build(hub: FakeHub, tmp_path: Path) -> None:
    assert oi("push", tmp_path, "me/mix").returncode == 7
    assert hub.log == []
