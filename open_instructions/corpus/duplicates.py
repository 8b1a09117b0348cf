"""Drops equal conversations: of those with the same messages and tools, it keeps the one from the
source that the recipe prefers, or else the first. Preference rows are equal if prompt, chosen and
rejected are.

There is one round. Each conversation is sent to the part that its key of 16 bytes belongs to, so
that equal conversations meet there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from ..arrays import digests, numbers, shared, view, whole
from ..preference import Preference, Whole
from ..schema import Reason, to_json
from .step import ID, NUMBER, PLACE, Definition, Round, verdicts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

KEY, RANK = "key", "rank"
KEY_BYTES = 16


@dataclass(frozen=True)
class Options:
    """
    duplicates  drop equal conversations
    prefer      sources whose copy to keep, in order of preference; other sources follow in
                alphabetical order
    """

    duplicates: bool = True
    prefer: tuple[str, ...] = ()


@dataclass(frozen=True)
class Duplicates:
    """The step. `sources` are the build's sources, in order of preference."""

    sources: tuple[str, ...]
    name = "duplicates"
    reasons = (Reason.DUPLICATE,)

    @property
    def rounds(self) -> Sequence[Round]:
        return (_Equal({name: rank for rank, name in enumerate(self.sources)}),)


def key(conversation: Whole) -> bytes:
    """16 bytes that are the same for two conversations, or two preference rows, exactly if all
    their messages and their tools are equal."""
    digest = blake2b(digest_size=KEY_BYTES)
    if isinstance(conversation, Preference):
        lists = (conversation.prompt, conversation.chosen, conversation.rejected)
        _update(digest, "#preference", ",".join(str(len(messages)) for messages in lists))
    for message in conversation.messages:
        text = message.content.encode()
        digest.update(f"{message.role}:{len(text)}:".encode())
        digest.update(text)
        if message.fields:
            _update(digest, "#fields", to_json(dict(sorted(message.fields.items()))))
    if conversation.tools:
        _update(digest, "#tools", conversation.tools)
    return digest.digest()


def _update(digest: blake2b, what: str, text: str) -> None:
    """`what` is the name of no role, so that nothing else reads like this."""
    data = text.encode()
    digest.update(f"{what}:{len(data)}:".encode())
    digest.update(data)


class _Equal(Round):
    def __init__(self, ranks: dict[str, int]) -> None:
        self._ranks = ranks

    def facts(
        self, conversations: Sequence[Whole], number: np.ndarray[Any, Any], before: pa.Table
    ) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        ranks = [self._ranks[conversation.source] for conversation in conversations]
        keys = [key(conversation) for conversation in conversations]
        return pa.table(
            {
                PLACE: numbers(np.arange(len(keys)), "int32"),
                KEY: digests(keys, KEY_BYTES),
                RANK: numbers(ranks, "int32"),
            }
        )

    def send(self, facts: pa.Table, parts: int) -> np.ndarray[Any, Any]:
        import numpy as np

        return _halves(facts[KEY])[0] % np.uint64(parts)

    def decide(self, facts: pa.Table) -> pa.Table:
        """Each conversation to drop, with the equal one that stays: the one with the best rank,
        then the first."""
        import numpy as np

        first, second = _halves(facts[KEY])
        perhaps = shared(first)
        first, second = first[perhaps], second[perhaps]
        number, rank = view(facts[NUMBER])[perhaps], view(facts[RANK])[perhaps]
        order = np.lexsort((number, rank, second, first))
        first, second = first[order], second[order]
        same = np.zeros(len(order), bool)
        same[1:] = (first[1:] == first[:-1]) & (second[1:] == second[:-1])
        best = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))[same]
        ids = facts[ID].take(numbers(perhaps[order[best]], "int64"))
        return verdicts(
            number=numbers(number[order[same]], "int64"),
            reason=Reason.DUPLICATE.value,
            detail="equal to",
            other=numbers(number[order[best]], "int64"),
            other_id=whole(ids),
        )


def _halves(keys: pa.ChunkedArray) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Keys of 16 bytes as two columns of numbers."""
    import numpy as np

    array = whole(keys)
    data = np.frombuffer(array.buffers()[1] or b"", dtype=">u8")
    pairs = data[2 * array.offset : 2 * (array.offset + len(array))].reshape(-1, 2)
    return pairs[:, 0].astype(np.uint64), pairs[:, 1].astype(np.uint64)


def _make(options: Options, sources: Sequence[str]) -> Duplicates | None:
    ordered = tuple(dict.fromkeys([*options.prefer, *sorted(sources)]))
    return Duplicates(ordered) if options.duplicates else None


DEFINITION = Definition(Duplicates.name, Options, Duplicates.reasons, _make)
