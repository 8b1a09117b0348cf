"""Whether the splits of a build are apart: no group, and no conversation that begins like another,
is on two sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import combinations
from typing import Any

from ..message import ASSISTANT
from ..schema import GROUP
from .valid_rows import message_of

_SIZE = 16
_GROUPS, _BEGINNINGS = "groups", "beginnings of conversations"


class Sides:
    """What the rows of each split have: 32 bytes for each row of a build with splits."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, bytearray]] = {_GROUPS: {}, _BEGINNINGS: {}}

    def add(self, split: str, row: Mapping[str, Any]) -> None:
        """Note a row of data/ or preference/ that has a group."""
        self._note(_GROUPS, split, row[GROUP] or "")
        if row["id"].removesuffix("#1") == row["conversation_id"]:  # else it is a later part
            self._note(_BEGINNINGS, split, _beginning(row))

    def problems(self) -> Iterator[str]:
        import numpy as np

        for what, by_split in self._seen.items():
            sides = {
                split: np.unique(np.frombuffer(seen, f"V{_SIZE}"))
                for split, seen in by_split.items()
            }
            for (one, here), (other, there) in combinations(sides.items(), 2):
                if both := len(np.intersect1d(here, there, assume_unique=True)):
                    yield f"{both:,} {what} are both in {one} and in {other}"

    def _note(self, what: str, split: str, text: str) -> None:
        digest = blake2b(text.encode(), digest_size=_SIZE).digest()
        self._seen[what].setdefault(split, bytearray()).extend(digest)


def _beginning(row: Mapping[str, Any]) -> str:
    """What is said before the first answer."""
    said = []
    for stored in row["messages"] if "messages" in row else row["prompt"]:
        message = message_of(stored)
        if message.role == ASSISTANT:
            break
        said.append(f"{message.role} {len(message.content)} {message.content}")
    return "\n".join(said)
