"""Count tokens. One small protocol, two backends that give the same counts.

quicktok counts with a vocabulary that lies in its wheel: nothing is fetched. tiktoken is the reference: it is used
where quicktok has no wheel, for encodings that quicktok does not carry, and with OI_PURE=1; its vocabulary is taken
from quicktok's wheel where that is installed, else from tiktoken's own cache or, at first use, the network.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Protocol

from .errors import InputError, RecipeError

DEFAULT = "cl100k_base"
QUICKTOK_ENCODINGS = ("cl100k_base", "o200k_base", "llama3", "qwen3")


class Tokenizer(Protocol):
    """Counts tokens; special tokens in a text are plain text. `backend` names the library and its version."""

    name: str
    backend: str

    def count(self, text: str) -> int: ...


class _Quicktok:
    def __init__(self, name: str) -> None:
        import quicktok

        self.name = name
        self.backend = f"quicktok-v1 {version('quicktok-v1')}"
        self.count = quicktok.get_encoding(name).count


class _Tiktoken:
    def __init__(self, name: str) -> None:
        self.name = name
        self.backend = f"tiktoken {version('tiktoken')}"
        self._encode = _tiktoken_encoding(name).encode_ordinary

    def count(self, text: str) -> int:
        return len(self._encode(text))


def _tiktoken_encoding(name: str) -> Any:
    import requests
    import tiktoken

    patterns = {
        "cl100k_base": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    }
    if name in patterns and _has_quicktok():
        import quicktok

        carried = quicktok.get_encoding(name)
        ranks = {carried.decode_single_token_bytes(rank): rank for rank in range(len(carried.token_byte_values()))}
        return tiktoken.Encoding(name, pat_str=patterns[name], mergeable_ranks=ranks, special_tokens={})
    if name not in tiktoken.list_encoding_names():
        raise RecipeError(
            f"There is no tokenizer {name!r}.",
            hint=f"Known are {', '.join(sorted({*QUICKTOK_ENCODINGS, *tiktoken.list_encoding_names()}))}.",
        )
    try:
        return tiktoken.get_encoding(name)
    except requests.RequestException as error:
        raise InputError(
            f"The vocabulary of tokenizer {name} is not on this machine and could not be fetched.",
            hint=f"Use tokenizer {DEFAULT}, or run once with a network so that tiktoken can keep it.",
        ) from error


def _has_quicktok() -> bool:
    from importlib.util import find_spec

    return find_spec("quicktok") is not None


@lru_cache
def tokenizer(name: str = DEFAULT) -> Tokenizer:
    """The tokenizer of a name; raises RecipeError for a name that nobody knows.

    >>> tokenizer("cl100k_base").count("Hello, world!")
    4
    """
    if name in QUICKTOK_ENCODINGS and _has_quicktok() and os.environ.get("OI_PURE") != "1":
        return _Quicktok(name)
    return _Tiktoken(name)
