"""Equal conversations: of all that have the same roles and texts one stays, that of the source the
recipe prefers, then the one that comes first. Preferences are equal if prompt and answers are.

One round. Each conversation is sent under a key of 16 bytes to the part that its key belongs to;
there all that could be equal come together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from ..arrays import digests, numbers, shared, view, whole
from ..preference import Preference, Whole
from ..schema import Reason
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
    prefer      sources in the order in which a copy is kept; the others follow in alphabetical
                order
    """

    duplicates: bool = True
    prefer: tuple[str, ...] = ()


@dataclass(frozen=True)
class Duplicates:
    """The step. `sources` are the build's, in the order in which a copy is kept."""

    sources: tuple[str, ...]
    name = "duplicates"
    reasons = (Reason.DUPLICATE,)

    @property
    def rounds(self) -> Sequence[Round]:
        return (_Equal({name: rank for rank, name in enumerate(self.sources)}),)


def key(conversation: Whole) -> bytes:
    """16 bytes that two conversations share if all their roles and contents are equal, and
    otherwise do not; nor does a conversation share them with a preference."""
    digest = blake2b(digest_size=KEY_BYTES)
    if isinstance(conversation, Preference):
        lists = (conversation.prompt, conversation.chosen, conversation.rejected)
        digest.update(f"preference:{','.join(str(len(messages)) for messages in lists)}:".encode())
    for message in conversation.messages:
        text = message.content.encode()
        digest.update(f"{message.role}:{len(text)}:".encode())
        digest.update(text)
    return digest.digest()


class _Equal(Round):
    def __init__(self, ranks: dict[str, int]) -> None:
        self._ranks = ranks

    def facts(self, conversations: Sequence[Whole], before: pa.Table) -> pa.Table:
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
        """Each conversation to drop, and the equal one that stays: of the best rank, then the
        first."""
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
