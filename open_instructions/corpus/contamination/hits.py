"""What a conversation has of evaluation items, in words and as evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from ...schema import ASSISTANT, SYSTEM, USER, Message
from ..words import grams, spans_of, words_of
from .entries import ANSWER, PASSAGE, SHORT, SIZE, sequences, windows
from .index import Index
from .scan import Hits, Scan, scan

if TYPE_CHECKING:
    import numpy as np

WITH_ANSWER, QUESTION, ONLY_ANSWER, ONLY_PASSAGE = (
    "question_with_answer",
    "question",
    "answer",
    "passage",
)
PARTS = (WITH_ANSWER, QUESTION, ONLY_ANSWER, ONLY_PASSAGE)
"""What a conversation can have of an item, the worst first."""
_REASONING = "reasoning_content"
_TOLD, _SPANS = 10, 20
"""The most hits in the evidence of a conversation, and spans in that of a hit."""


class Text(NamedTuple):
    """A text of a conversation: the number of its message, its role, the message's field."""

    message: int
    role: str
    field: str
    text: str


class Hit(NamedTuple):
    """An item that a conversation has.

    item   its number
    part   what the conversation has of it, see PARTS
    text   the best text; of an entry that is cut into two, the one with its end
    entry  the entry that it has
    cover  the share of the entry's tokens that it has
    begin  of an entry that is cut into two, the text with its beginning; else `text`
    """

    item: int
    part: str
    text: int
    entry: int
    cover: float
    begin: int


@dataclass(frozen=True)
class Found:
    """What one conversation has.

    texts     its texts
    hits      by our rule, the worst part first
    quoted    items that it would have, if text that is common in the sources counted
    eights    the sets of which it has an item by Tülu 3's rule
    thirteen  the sets of which it has an item by GPT-3's rule
    """

    texts: Sequence[Text]
    hits: list[Hit] = field(default_factory=list)
    quoted: set[int] = field(default_factory=set)
    eights: set[int] = field(default_factory=set)
    thirteen: set[int] = field(default_factory=set)


def texts_of(messages: Sequence[Message]) -> list[Text]:
    """What is compared: what every message says, and its reasoning."""
    found = []
    for number, message in enumerate(messages):
        found.append(Text(number, message.role, "content", message.content))
        reasoning = _reasoning(message)
        if reasoning:
            found.append(Text(number, message.role, _REASONING, reasoning))
    return found


def _reasoning(message: Message) -> str:
    said = (message.fields or {}).get(_REASONING)
    return said if isinstance(said, str) else ""


class Looked(NamedTuple):
    """A look at conversations.

    texts   the texts of each
    owners  int64, the conversation of each text, and after them of each pair
    pairs   int64 [P, 2], the texts that are read together, numbered over all conversations
    seen    what was found in them
    """

    texts: list[list[Text]]
    owners: np.ndarray[Any, Any]
    pairs: np.ndarray[Any, Any]
    seen: Scan


def look(conversations: Sequence[Sequence[Message]], index: Index, threshold: float) -> Looked:
    """Look for the items of an index in conversations, given as their messages."""
    import numpy as np

    texts = [texts_of(messages) for messages in conversations]
    owners = np.repeat(np.arange(len(texts)), [len(each) for each in texts])
    begin, found = 0, []
    for each in texts:
        asking = [at for at, text in enumerate(each) if text.role != ASSISTANT]
        found += [(begin + one, begin + other) for one, other in pairwise(asking)]
        begin += len(each)
    pairs = np.array(found, np.int64).reshape(-1, 2)
    seen = scan([text.text for each in texts for text in each], index, threshold, pairs)
    return Looked(texts, np.append(owners, owners[pairs[:, 0]]), pairs, seen)


def found_in(
    conversations: Sequence[Sequence[Message]], index: Index, threshold: float
) -> list[Found]:
    """What each conversation, given as its messages, has of the items of an index."""
    texts, owners, pairs, seen = look(conversations, index, threshold)
    found = [Found(each) for each in texts]
    first, count = _firsts(texts), sum(map(len, texts))
    per: dict[int, list[_Row]] = {}
    for text, entry, cover in _rows(seen.hits):
        owner = int(owners[text])
        begin, end = pairs[text - count].tolist() if text >= count else (text, text)
        row = _Row(begin - first[owner], end - first[owner], entry, cover)
        per.setdefault(owner, []).append(row)
    for owner, rows in per.items():
        found[owner].hits.extend(_judged(found[owner].texts, rows, index))
    for text, entry, _ in _rows(seen.quoted):
        found[int(owners[text])].quoted.add(int(index.items[entry]))
    for text, entry in seen.eights.T.tolist():
        found[int(owners[text])].eights.add(int(index.sets[index.items[entry]]))
    for text, of in seen.thirteen.T.tolist():
        found[int(owners[text])].thirteen.add(of)
    return found


class _Row(NamedTuple):
    """An entry that a conversation has: the text where it begins, the one where it ends."""

    begin: int
    text: int
    entry: int
    cover: float


def _firsts(texts: Sequence[Sequence[Text]]) -> list[int]:
    return [0, *accumulate(map(len, texts))]


def _rows(hits: Hits) -> Iterator[tuple[int, int, float]]:
    return zip(*(column.tolist() for column in hits), strict=True)


def _judged(texts: Sequence[Text], rows: Sequence[_Row], index: Index) -> list[Hit]:
    """One hit for each item: of its worst part, by its best entry."""
    answers = {
        (row.text, int(index.items[row.entry])) for row in rows if index.kinds[row.entry] == ANSWER
    }
    best: dict[int, Hit] = {}
    for begin, text, entry, cover in rows:
        item = int(index.items[entry])
        part = _part(texts, text, entry, index, answers)
        hit = Hit(item, part, text, entry, cover, begin)
        if item not in best or _rank(hit) < _rank(best[item]):
            best[item] = hit
    return sorted(best.values(), key=lambda hit: (_rank(hit), hit.item))


def _rank(hit: Hit) -> tuple[int, float, int, int]:
    return PARTS.index(hit.part), -hit.cover, hit.text, hit.entry


def _part(
    texts: Sequence[Text], text: int, entry: int, index: Index, answers: set[tuple[int, int]]
) -> str:
    kind = index.kinds[entry]
    if kind == ANSWER:
        return ONLY_ANSWER
    if kind == PASSAGE:
        return ONLY_PASSAGE
    item = int(index.items[entry])
    for at in _answering(texts, text):
        if (at, item) in answers or _has_answer(texts[at].text, item, index):
            return WITH_ANSWER
    return QUESTION


def _answering(texts: Sequence[Text], question: int) -> Iterator[int]:
    """The texts that may answer a question: what the assistant says until the user's next
    message, and the text itself if it is not the user's. A system prompt is part of what the user
    says first."""
    if texts[question].role != USER:
        yield question
    asked = texts[question].message
    if texts[question].role == SYSTEM:
        asked = next((text.message for text in texts if text.role == USER), asked)
    for at, text in enumerate(texts):
        if text.role == USER and text.message > asked:
            return
        if text.role == ASSISTANT and text.message >= asked and at != question:
            yield at


def _has_answer(text: str, item: int, index: Index) -> bool:
    """Whether a text has one of the short answers of an item. A single letter has to be all of
    it."""
    words = words_of([text])
    for entry in range(int(index.first[item]), int(index.first[item + 1])):
        size = int(index.tokens[entry])
        if index.kinds[entry] != ANSWER or size >= SHORT:
            continue
        answer = index.sequences[entry]
        if int(answer) in _letters():
            there = len(words.hashes) == 1 and sequences(words)[0] == answer
        else:
            there = bool((windows(words.hashes, size) == answer).any())
        if there:
            return True
    return False


@cache
def _letters() -> frozenset[int]:
    return frozenset(sequences(words_of(list("abcdefghijklmnopqrstuvwxyz"))).tolist())


def evidence(found: Found, hits: Sequence[Hit], index: Index) -> str:
    """JSON text with what was found: ids, places and shares, none of an item's text."""
    sets, items = index.names_of_sets(), index.names_of_items()
    told: dict[str, Any] = {
        "hits": [
            {
                "benchmark": sets[index.sets[hit.item]],
                "item": items[hit.item],
                "part": hit.part,
                **_where(found.texts[hit.begin], hit.entry, index),
                "cover": round(hit.cover, 4),
                **_rest(found.texts, hit, index),
            }
            for hit in hits[:_TOLD]
        ]
    }
    if len(hits) > _TOLD:
        told["more"] = len(hits) - _TOLD
    return json.dumps(told, ensure_ascii=False)


def _where(text: Text, entry: int, index: Index) -> dict[str, Any]:
    field = {} if text.field == "content" else {"field": text.field}
    return {"message": text.message, **field, "spans": spans(text.text, entry, index)[:_SPANS]}


def _rest(texts: Sequence[Text], hit: Hit, index: Index) -> dict[str, Any]:
    """Where the rest of an entry is that is cut into two."""
    cut = hit.begin != hit.text
    return {"rest": _where(texts[hit.text], hit.entry, index)} if cut else {}


def spans(text: str, entry: int, index: Index) -> list[list[int]]:
    """Where a text has an entry, as pairs of the first character and the one after the last.
    Neighbouring tokens are one span."""
    import numpy as np

    words = words_of([text])
    if sequences(words)[0] == index.sequences[entry]:
        marked = np.ones(len(words.hashes), bool)
    else:
        own = index.own[index.own_starts[entry] : index.own_starts[entry + 1]]
        there = np.isin(grams(words, SIZE)[0], index.every[own])
        marked = _marked(len(words.hashes), np.flatnonzero(there))
    places = spans_of(text)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    return [
        [places[start][0], places[stop - 1][1]]
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]


def _marked(count: int, at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The tokens of a text that are in grams which begin at some of them."""
    import numpy as np

    marked = np.zeros(count, bool)
    for place in range(SIZE):
        marked[at + place] = True
    return marked
