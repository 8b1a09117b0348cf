"""Whether the splits of a build are apart: no group, no conversation, and nothing that begins like
another is on two sides; and no row that is put aside is there again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import combinations, takewhile
from typing import Any

from ..corpus.holdout import compared, is_later
from ..message import ASSISTANT
from ..schema import GROUP
from .valid_rows import message_of

_SIZE = 16
_GROUPS, _TALKS, _BEGINNINGS = "groups", "conversations", "beginnings of conversations"


class Sides:
    """What the rows of each split have: 48 bytes for each row of a build with splits."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, bytearray]] = {
            what: {} for what in (_GROUPS, _TALKS, _BEGINNINGS)
        }

    def add(self, split: str, row: Mapping[str, Any]) -> None:
        """Note a row of data/ or preference/ that has a group."""
        self._note(_GROUPS, split, row[GROUP] or "")
        self._note(_TALKS, split, row["conversation_id"])
        if not is_later(row["id"], row["conversation_id"]):
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
    messages = map(message_of, row["messages"] if "messages" in row else row["prompt"])
    asked = takewhile(lambda message: message.role != ASSISTANT, messages)
    return compared(message.content for message in asked)
