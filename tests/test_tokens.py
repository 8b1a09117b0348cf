"""Token counting: the backends agree, and any tokenizer.json counts, from a path or from the hub,
offline once there."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from open_instructions.errors import InputError, RecipeError
from open_instructions.tokens import tokenizer

# words and single characters; "</s>" is special, and added before every text unless that is turned
# off
WORDS = {
    "version": "1.0",
    "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
    "padding": {
        "strategy": {"Fixed": 9},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[UNK]",
    },
    "added_tokens": [
        {
            "id": 1,
            "content": "</s>",
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
    ],
    "normalizer": None,
    "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "</s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
    },
    "decoder": None,
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "one": 2}, "unk_token": "[UNK]"},
}


@pytest.fixture
def words(tmp_path: Path) -> Path:
    (tmp_path / "tok").mkdir()
    path = tmp_path / "tok" / "tokenizer.json"
    path.write_text(json.dumps(WORDS))
    return path


def test_both_backends_count_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(5)
    alphabet = "abc XYZ 0129 \n\t.,'\"{}()é漢字🙂\u200b<|endoftext|>"
    texts = [
        "",
        "Hello, world!",
        "it's we'll I'M",
        "<|endoftext|>",
        *("".join(rng.choices(alphabet, k=200)) for _ in range(50)),
    ]
    fast = tokenizer("cl100k_base")
    assert fast.backend.startswith("quicktok")
    tokenizer.cache_clear()
    monkeypatch.setenv("OI_PURE", "1")
    pure = tokenizer("cl100k_base")
    tokenizer.cache_clear()
    assert pure.backend.startswith("tiktoken")
    assert [fast.count(t) for t in texts] == [pure.count(t) for t in texts]
    assert [fast.count(t) for t in texts[:3]] == [0, 4, 6]


def test_a_tokenizer_json_by_its_path_or_folder(words: Path) -> None:
    # no truncation to 2, no padding to 9, nothing added in front, and "</s>" is three words: <, /,
    # s, > are no space apart
    for name in (words, words.parent):
        built = tokenizer(str(name))
        assert [built.count(text) for text in ("", "one", "one two, three", "</s>")] == [0, 1, 4, 3]
        assert built.vocabulary.startswith("sha256:")


def test_what_is_no_tokenizer_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InputError, match="is not a tokenizer"):
        tokenizer(str(tmp_path / "x.json"))
    with pytest.raises(InputError, match="cannot be read"):
        tokenizer(str(tmp_path / "gone.json"))
    with pytest.raises(RecipeError, match="cl100k_base"):
        tokenizer("cl100k-base")
    with pytest.raises(RecipeError, match=r"not the name of a repository"):
        tokenizer("a--b/..c")
    with pytest.raises(InputError, match="could not be fetched"):  # the tests are offline
        tokenizer("someone/model")


class _Hub(BaseHTTPRequestHandler):
    """As much of the hub as a download of one file takes."""

    def _answer(self, body: bytes) -> None:
        found = self.path.startswith("/someone/model/resolve/")
        self.send_response(200 if found else 404)
        if found:
            self.send_header("ETag", '"0123456789012345678901234567890123456789"')
            self.send_header("X-Repo-Commit", "a" * 40)
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
        self.end_headers()
        if found and self.command == "GET":
            self.wfile.write(body)

    def do_GET(self) -> None:
        self._answer(json.dumps(WORDS).encode())

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.server_close()


def test_a_repository_by_name_and_offline_once_there(
    hub: ThreadingHTTPServer, tmp_path: Path
) -> None:
    code = (
        "import sys; from open_instructions.tokens import tokenizer;"
        " print(tokenizer(sys.argv[1]).count('one two, three'))"
    )
    offline = {k: v for k, v in os.environ.items() if not k.startswith("HF_")} | {
        "HF_HOME": str(tmp_path / "hf"),
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }

    def run(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, name],
            env=offline,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("someone/model").stdout == "4\n"
    unknown = run("someone/other")
    assert "InputError" in unknown.stderr and "someone/other could not be fetched" in unknown.stderr
    hub.shutdown()
    hub.server_close()
    assert run("someone/model").stdout == "4\n"
