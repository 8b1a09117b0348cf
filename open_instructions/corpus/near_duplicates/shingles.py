"""What is compared of a conversation: the 3-grams of its prompts and of its answers, the numbers in
it, and keys for its messages up to each answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from xxhash import xxh3_64_intdigest

from ...preference import Preference, Whole
from ...schema import ASSISTANT, Message, to_json
from ..words import LETTER, Words, grams, words_of

if TYPE_CHECKING:
    import numpy as np

    Hashes = np.ndarray[Any, np.dtype[np.uint64]]
    Places = np.ndarray[Any, np.dtype[np.int64]]

SIZE = 3
"""How many tokens make a shingle."""
LETTERS = 9
"""How many, if the first is a letter of a script without spaces: about two words."""
PROMPT, ANSWER, WORSE = 0, 1, 2
"""Whose text it is. WORSE is the rejected answer of a preference row."""


class Text(NamedTuple):
    """One message: whose, its role, and all that it says."""

    side: int
    role: str
    content: str


class Shingles(NamedTuple):
    """The shingles of several conversations, in a row.

    hashes  uint64, one for each shingle, also repeated ones; the lowest bit is 1 in an answer, the
            next one if it begins with a letter
    starts  int64, where those of each conversation begin, and the end
    lasts   int64, where those of its last message begin
    """

    hashes: Hashes
    starts: Places
    lasts: Places


class Read(NamedTuple):
    """The texts of several conversations as tokens. `owners` has the first text of each
    conversation, and the number of texts."""

    texts: list[Text]
    owners: Places
    words: Words


def read(conversations: Sequence[Whole], prompts_only: bool) -> Read:
    """The tokens of conversations, or of their prompts only."""
    import numpy as np

    texts: list[Text] = []
    owners = [0]
    for conversation in conversations:
        found = _texts(conversation)
        texts += (text for text in found if not prompts_only or text.side == PROMPT)
        owners.append(len(texts))
    return Read(texts, np.array(owners, np.int64), words_of([text.content for text in texts]))


def shingles_of(given: Read) -> Shingles:
    """The shingles of each conversation. A text too short for any is one shingle."""
    import numpy as np

    words = given.words
    hashes, starts = grams(words, SIZE)
    hashes &= ~np.uint64(3)
    if (words.hashes & np.uint64(LETTER)).any():
        hashes, starts = _of_letters(words, hashes, starts)
    counts = np.diff(starts)
    short = np.flatnonzero((counts == 0) & (np.diff(words.starts) > 0))
    alone = [_one(words.hashes[words.starts[at] : words.starts[at + 1]]) for at in short.tolist()]
    hashes = np.insert(hashes, starts[short], np.array(alone, np.uint64))
    counts[short] = 1
    side = np.array([text.side for text in given.texts], np.uint64)
    hashes = _by_side(hashes, np.repeat(side, counts))
    ends = np.append(0, np.cumsum(counts))
    lasts = np.maximum(given.owners[1:] - 1, given.owners[:-1])
    return Shingles(hashes, ends[given.owners], ends[lasts])


def _one(tokens: Hashes) -> int:
    """The shingle of a text that is too short for more."""
    return xxh3_64_intdigest(tokens.tobytes()) & ~3


def _of_letters(words: Words, hashes: Hashes, starts: Places) -> tuple[Hashes, Places]:
    """The shingles, with longer ones in place of those that begin with a letter."""
    import numpy as np

    longer, begins = grams(words, LETTERS)
    many, few = np.diff(starts), np.diff(begins)
    # the first token of each shingle, and of each longer one
    first = np.arange(len(hashes)) + np.repeat(words.starts[:-1] - starts[:-1], many)
    begin = np.arange(len(longer)) + np.repeat(words.starts[:-1] - begins[:-1], few)
    letter = words.hashes & np.uint64(LETTER) != 0
    short, long = ~letter[first], letter[begin]
    places = np.concatenate([first[short], begin[long]])
    order = np.argsort(places, kind="stable")
    longer = (longer & ~np.uint64(3)) | np.uint64(2)
    made = np.concatenate([hashes[short], longer[long]])[order]
    return made, np.searchsorted(places[order], words.starts)


def _by_side(hashes: Hashes, side: Hashes) -> Hashes:
    """Other hashes for other sides, with the lowest bit. The next one stays."""
    import numpy as np

    hashes += side * np.uint64(0xD6E8FEB86659FD90)
    return hashes | (side > 0)


def numbers_in(given: Read) -> tuple[Hashes, Places]:
    """The numbers in each conversation, as often as they occur, and where they begin."""
    import numpy as np

    numeric = given.words.numeric
    before = np.append(0, np.cumsum(numeric))
    return given.words.hashes[numeric], before[given.words.starts[given.owners]]


def prefix_keys(given: Read) -> Iterator[list[int]]:
    """For each conversation, a key for its messages up to each of its answers. The last one is for
    the whole conversation. Equal keys mean equal tokens."""
    starts = given.words.starts.tolist()
    for first, last in zip(given.owners[:-1].tolist(), given.owners[1:].tolist(), strict=True):
        keys, key = [], 0
        for at in range(first, last):
            text = given.texts[at]
            tokens = given.words.hashes[starts[at] : starts[at + 1]]
            told = f"{key} {text.side} {text.role} ".encode() + tokens.tobytes()
            key = xxh3_64_intdigest(told)
            if at == last - 1 or text.role == ASSISTANT:
                keys.append(key)
        yield keys or [0]


def _texts(conversation: Whole) -> Iterator[Text]:
    if conversation.tools:
        yield Text(PROMPT, "tools", conversation.tools)
    if isinstance(conversation, Preference):
        yield from (_text(PROMPT, message) for message in conversation.prompt)
        yield from (_text(ANSWER, message) for message in conversation.chosen)
        yield from (_text(WORSE, message) for message in conversation.rejected)
        return
    for message in conversation.messages:
        yield _text(ANSWER if message.role == ASSISTANT else PROMPT, message)


def _text(side: int, message: Message) -> Text:
    if not message.fields:
        return Text(side, message.role, message.content)
    fields = to_json(dict(sorted(message.fields.items())))
    return Text(side, message.role, f"{message.content}\n{fields}")
