"""A corpus step of two rounds, for test_corpus.py: of answers that differ in nothing but capitals
and punctuation one stays.

The first round finds pairs of the same number of letters and digits that begin alike; the second
reads their texts again and compares them. OI_TEST_LOG names a file that gets a line for each call;
OI_TEST_DIE a call ("facts 2 3": the third call of the second round's facts) before which the
process kills itself, once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from xxhash import xxh3_64_intdigest

from open_instructions.corpus.step import (
    ID,
    NUMBER,
    PLACE,
    Definition,
    Round,
    no_rows,
    verdicts,
)
from open_instructions.schema import Conversation, Reason


def called(what: str) -> None:
    log = os.environ.get("OI_TEST_LOG")
    if not log:
        return
    with open(log, "a") as file:
        file.write(what + "\n")
    times = Path(log).read_text().splitlines().count(what)
    if os.environ.get("OI_TEST_DIE") == f"{what} {times}":
        os.kill(os.getpid(), signal.SIGKILL)


def plain(conversation: Conversation) -> str:
    text = conversation.messages[-1].content.casefold()
    return "".join(filter(str.isalnum, text))


class Pairs(Round):
    """Which conversations could be alike: answers of equal length with the same five characters in
    front. Settles their numbers, and for each the number of the group that it is in."""

    def facts(
        self, conversations: Sequence[Conversation], number: Any, before: pa.Table
    ) -> pa.Table:
        called("facts 1")
        assert before.num_rows == 0
        texts = [plain(conversation) for conversation in conversations]
        signs = [xxh3_64_intdigest(f"{len(text)} {text[:5]}".encode()) for text in texts]
        return pa.table(
            {
                PLACE: pa.array(range(len(signs)), pa.int32()),
                "sign": pa.array(signs, pa.uint64()),
            }
        )

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        called("send 1")
        return facts["sign"].to_numpy() % np.uint64(parts)

    def decide(self, facts: pa.Table) -> pa.Table:
        called("decide 1")
        signs = facts["sign"].to_numpy()
        _, group, count = np.unique(signs, return_inverse=True, return_counts=True)
        alike = pa.array(count[group] > 1)
        return facts.select([NUMBER, "sign"]).filter(alike)

    def settle(self, decided: pa.Table) -> pa.Table:
        called("settle 1")
        return decided.sort_by(NUMBER)


class Compared(Round):
    """Reads the texts of those again, and compares them."""

    def asks(self, before: pa.Table) -> pa.Array:
        return before[NUMBER].combine_chunks()

    def facts(
        self, conversations: Sequence[Conversation], number: Any, before: pa.Table
    ) -> pa.Table:
        called("facts 2")
        assert before.column_names == [NUMBER, "sign"]
        texts = [plain(conversation) for conversation in conversations]
        return pa.table(
            {PLACE: pa.array(range(len(texts)), pa.int32()), "text": pa.array(texts, pa.string())}
        )

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        called("send 2")
        signs = [xxh3_64_intdigest(text.encode()) for text in facts["text"].to_pylist()]
        return np.array(signs, np.uint64) % np.uint64(parts)

    def decide(self, facts: pa.Table) -> pa.Table:
        called("decide 2")
        first: dict[str, tuple[int, str]] = {}
        drops: list[tuple[int, int, str]] = []
        for row in facts.sort_by(NUMBER).to_pylist():
            stays = first.setdefault(row["text"], (row[NUMBER], row[ID]))
            if stays[0] != row[NUMBER]:
                drops.append((row[NUMBER], *stays))
        if not drops:
            return no_rows()
        number, other, other_id = zip(*drops, strict=True)
        return verdicts(
            number=list(number),
            reason=Reason.DUPLICATE.value,
            detail="the same words as",
            other=list(other),
            other_id=list(other_id),
            score=[0.5] * len(number),
            evidence='{"letters": "alike"}',
        )


@dataclass(frozen=True)
class Options:
    same_words: bool = True


@dataclass(frozen=True)
class SameWords:
    name = "same_words"
    reasons = (Reason.DUPLICATE,)

    @property
    def rounds(self) -> Sequence[Round]:
        return (Pairs(), Compared())


def _make(options: Options, sources: Sequence[str]) -> SameWords | None:
    return SameWords() if options.same_words else None


DEFINITION = Definition(SameWords.name, Options, SameWords.reasons, _make)
