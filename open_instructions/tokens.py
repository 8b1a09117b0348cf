"""Counts tokens: one small protocol, three backends. A tokenizer is named by

    an encoding's name       cl100k_base, o200k_base, llama3, qwen3, or any encoding of tiktoken
    a path (./NAME, x.json)  a tokenizer.json, or a folder that holds one
    owner/name[@revision]    the tokenizer.json of a hub repository, kept in the hub's cache

quicktok's wheel contains its vocabularies, so nothing is fetched. tiktoken is the reference. It is
used where quicktok has no wheel, for encodings that quicktok does not carry, and with OI_PURE=1. It
takes its vocabulary from quicktok's wheel if that is installed, else from its own cache or, on
first use, the network. tokenizers, Hugging Face's library, counts with any tokenizer.json.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from .errors import InputError, RecipeError, suggest
from .message import REASONING, Message
from .schema import to_json

DEFAULT = "cl100k_base"
QUICKTOK_ENCODINGS = ("cl100k_base", "o200k_base", "llama3", "qwen3")
_FILE = "tokenizer.json"
_REPOSITORY = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


class Tokenizer(Protocol):
    """Counts tokens. Special tokens in a text count as plain text, and none are added.

    `backend` is the library and its version. `vocabulary` is what the counts depend on: the
    encoding's name, or the sha256 of a tokenizer.json.
    """

    backend: str
    vocabulary: str

    def count(self, text: str) -> int: ...


class _Quicktok:
    def __init__(self, name: str) -> None:
        self.vocabulary = name
        self.backend = f"quicktok-v1 {version('quicktok-v1')}"

    @cached_property
    def count(self) -> Any:
        # imported here: it takes a tenth of a second, which a process that only plans can save
        import quicktok

        return quicktok.get_encoding(self.vocabulary).count


class _Tiktoken:
    def __init__(self, name: str) -> None:
        self.vocabulary = name
        self.backend = f"tiktoken {version('tiktoken')}"
        self._encode = _tiktoken_encoding(name).encode_ordinary

    def count(self, text: str) -> int:
        return len(self._encode(text))


class _HuggingFace:
    def __init__(self, path: Path) -> None:
        import tokenizers

        try:
            data = path.read_bytes()
            built = tokenizers.Tokenizer.from_str(data.decode())
        except OSError as error:
            raise InputError(f"Tokenizer {path} cannot be read: {error.strerror}.") from error
        except Exception as error:
            raise InputError(
                f"{path} is not a tokenizer: {error}.",
                hint=f"It takes a {_FILE} of Hugging Face's tokenizers.",
            ) from error
        # a file can set either, which would make long texts shorter or short ones longer
        built.no_truncation()
        built.no_padding()
        built.encode_special_tokens = True
        self.vocabulary = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.backend = f"tokenizers {version('tokenizers')}"
        self._encode = built.encode

    def count(self, text: str) -> int:
        return len(self._encode(text, add_special_tokens=False))


def _tiktoken_encoding(name: str) -> Any:
    import requests
    import tiktoken

    patterns = {
        "cl100k_base": (
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+|"
            r" ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
        ),
    }
    if name in patterns and _has_quicktok():
        import quicktok

        carried = quicktok.get_encoding(name)
        ranks = {
            carried.decode_single_token_bytes(rank): rank
            for rank in range(len(carried.token_byte_values()))
        }
        return tiktoken.Encoding(
            name, pat_str=patterns[name], mergeable_ranks=ranks, special_tokens={}
        )
    known = sorted({*QUICKTOK_ENCODINGS, *tiktoken.list_encoding_names()})
    if name not in tiktoken.list_encoding_names():
        raise RecipeError(
            f"There is no tokenizer {name!r}.",
            hint=suggest(name, known, "Encodings are")
            + f" A {_FILE} is named by its path, one on the hub as owner/name.",
        )
    try:
        return tiktoken.get_encoding(name)
    except requests.RequestException as error:
        raise InputError(
            f"The vocabulary of tokenizer {name} is not on this machine and could not be fetched.",
            hint=(
                f"Use tokenizer {DEFAULT}, or run once with a network so that tiktoken can cache "
                "it."
            ),
        ) from error


def _has_quicktok() -> bool:
    from importlib.util import find_spec

    return find_spec("quicktok") is not None


def _from_hub(repo: str, revision: str | None) -> Path:
    """The tokenizer.json of a repository, from the hub's cache or, if it is missing there, from the
    hub."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HFValidationError, HTTPError, LocalEntryNotFoundError

    name = f"{repo}@{revision}" if revision else repo
    try:
        return Path(hf_hub_download(repo, _FILE, revision=revision, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    except HFValidationError as error:
        raise RecipeError(f"{name} is not the name of a repository: {error}") from error
    try:
        return Path(hf_hub_download(repo, _FILE, revision=revision))
    except (
        HTTPError,
        OSError,
    ) as error:  # HTTPError is the base class of the HTTP library that the hub's client uses
        raise InputError(
            f"The {_FILE} of {name} could not be fetched from the hub:"
            f" {str(error).splitlines()[0]}",
            hint=(
                "A gated repository needs a token (hf auth login). If you have the file, give "
                "its path."
            ),
        ) from error


@lru_cache
def tokenizer(name: str = DEFAULT) -> Tokenizer:
    """The tokenizer for a name, a path or a repository.

    Raises RecipeError for an unknown name, InputError if the file cannot be read or fetched, or is
    not a tokenizer.

    >>> tokenizer("cl100k_base").count("Hello, world!")
    4
    """
    if name in QUICKTOK_ENCODINGS and _has_quicktok() and os.environ.get("OI_PURE") != "1":
        return _Quicktok(name)
    if "/" not in name and "\\" not in name and not name.endswith(".json"):
        return _Tiktoken(name)
    path = Path(name).expanduser()
    repository = _REPOSITORY.fullmatch(name)
    if repository and not path.exists() and path.suffix != ".json":
        return _HuggingFace(_from_hub(repository["repo"], repository["revision"]))
    return _HuggingFace(path / _FILE if path.is_dir() else path)


def message_tokens(count: Callable[[str], int], message: Message) -> int:
    """The tokens of a message: those of its content, its calls as JSON and its reasoning.

    >>> message_tokens(tokenizer("cl100k_base").count, Message("user", "Hello, world!"))
    4
    """
    texts = [message.content, (message.fields or {}).get(REASONING, "")]
    if message.calls:
        texts.append(to_json(message.calls))
    return sum(map(count, texts))
