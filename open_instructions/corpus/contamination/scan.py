"""Finds entries of an index in texts.

An entry is found in a text if grams of the text cover at least a share of its tokens, counting only
grams that are in few items, and all its figures are in the text. Short entries, and those of which
too little counts, are found only as a whole text. Two rules that others use are computed beside
this one, for comparison: they decide nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..words import Words, grams, words_of
from .entries import EIGHT, SHORT, SIZE, THIRTEEN, sequences
from .index import Index, covered

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

HALF = 0.5
"""Tülu 3's share of an item's tokens that 8-grams have to cover."""


class Hits(NamedTuple):
    """Entries that are in texts, in order: the text, the entry, the share of its tokens that is
    covered."""

    text: Array
    entry: Array
    cover: Array


class Scan(NamedTuple):
    """What a look at texts found.

    hits     by our rule
    quoted   what would be a hit, if text that is common in the sources counted
    shared   each text with each 5-gram of the index that it has: int64 [2, N]
    eights   the entries by the rule of 8-grams: texts and entries, int64 [2, N]
    thirteen the sets by the rule of 13-grams: texts and sets, int64 [2, N]
    """

    hits: Hits
    quoted: Hits
    shared: Array
    eights: Array
    thirteen: Array


def scan(texts: Sequence[str], index: Index, threshold: float) -> Scan:
    """Look for entries in texts. `threshold` is the share of an entry's tokens to be covered."""

    words = words_of(texts)
    shared = _unique(*_shared(words, index.fives, SIZE))
    full = _covers(shared, index, len(texts), rare=False)
    enough = _enough(full, index.known, threshold)
    found = Hits(*(column[enough] for column in full))
    agreeing = _agree(words, found, index)
    found = Hits(*(column[agreeing] for column in found))
    rare = found
    if index.common.any():
        rare = _still(shared, found, index, len(texts), threshold)
    equal = _equal(words, index)
    return Scan(
        _merged(equal, _shares(rare, index.known)),
        _without(_shares(found, index.known), rare, equal),
        shared,
        _eights(words, index, len(texts)),
        _thirteens(words, index),
    )


def _shared(words: Words, postings: Any, size: int) -> tuple[Array, Array]:
    """The text and the gram of each gram of the texts that is in the postings."""
    import numpy as np

    hashes, starts = grams(words, size)
    at, gram = postings.found(hashes)
    return np.searchsorted(starts, at, side="right") - 1, gram


def _unique(text: Array, gram: Array) -> Array:
    """The pairs in order, each once."""
    import numpy as np

    keys = np.unique(text.astype(np.int64) << 32 | gram)
    return np.stack([keys >> 32, keys & 0xFFFFFFFF])


def _covers(shared: Array, index: Index, texts: int, *, rare: bool) -> Hits:
    """How many tokens of which entries are covered by the grams that texts share with them."""
    text, gram = shared
    if rare:
        kept = index.common[gram] == 0
        text, gram = text[kept], gram[kept]
    return _covered(text, gram, index.fives, len(index.tokens), SIZE)


def _covered(text: Array, gram: Array, postings: Any, entries: int, size: int) -> Hits:
    import numpy as np

    whose, at = postings.expanded(gram)
    keys = text[whose] * entries + postings.entries[at]
    pairs, number = np.unique(keys, return_inverse=True)
    many = covered(number, postings.places[at], len(pairs), size)
    return Hits(pairs // max(entries, 1), pairs % max(entries, 1), many)


def _enough(found: Hits, known: Array, threshold: float) -> Array:
    """Whether so many tokens of an entry are covered; few are never enough."""
    import numpy as np

    known = known[found.entry]
    wanted = np.maximum(np.ceil(threshold * known - 1e-9), SHORT)
    enough: Array = found.cover >= wanted
    return enough


def _agree(words: Words, found: Hits, index: Index) -> Array:
    """Whether all figures of an entry are in the text."""
    import numpy as np

    result = np.ones(len(found.text), bool)
    figures: dict[int, set[int]] = {}
    for row, (text, entry) in enumerate(
        zip(found.text.tolist(), found.entry.tolist(), strict=True)
    ):
        start, stop = index.figure_starts[entry : entry + 2].tolist()
        if start == stop:
            continue
        if text not in figures:
            span = slice(words.starts[text], words.starts[text + 1])
            figures[text] = set(words.hashes[span][words.numeric[span]].tolist())
        result[row] = figures[text].issuperset(index.figures[start:stop].tolist())
    return result


def _still(shared: Array, found: Hits, index: Index, texts: int, threshold: float) -> Hits:
    """The hits that are also hits without what is common in the sources."""
    import numpy as np

    rare = _covers(shared, index, texts, rare=True)
    enough = _enough(rare, index.known_rare, threshold)
    keys = _keys(Hits(*(column[enough] for column in rare)), index)
    still = np.isin(_keys(found, index), keys)
    return Hits(*(column[still] for column in found))


def _keys(found: Hits, index: Index) -> Array:
    keys: Array = found.text * len(index.tokens) + found.entry
    return keys


def _equal(words: Words, index: Index) -> Hits:
    """The entries that a text is, as a whole."""
    import numpy as np

    hashes = sequences(words)
    filled = np.flatnonzero(np.diff(words.starts))
    ordered = index.sequences[index.sorted]
    left = np.searchsorted(ordered, hashes[filled], side="left")
    many = np.searchsorted(ordered, hashes[filled], side="right") - left
    text = np.repeat(filled, many)
    first = np.repeat(left - (np.cumsum(many) - many), many)
    entry = index.sorted[first + np.arange(len(text))]
    same = index.tokens[entry] == np.diff(words.starts)[text]
    return Hits(text[same], entry[same], np.ones(int(same.sum())))


def _shares(found: Hits, known: Array) -> Hits:
    return found._replace(cover=found.cover / known[found.entry])


def _merged(first: Hits, second: Hits) -> Hits:
    """Hits of both, in order of text and entry; of two of one entry the first."""
    import numpy as np

    text, entry, cover = (np.concatenate(pair) for pair in zip(first, second, strict=True))
    order = np.lexsort((np.arange(len(text)), entry, text))
    text, entry, cover = text[order], entry[order], cover[order]
    new = np.ones(len(text), bool)
    new[1:] = (text[1:] != text[:-1]) | (entry[1:] != entry[:-1])
    return Hits(text[new].astype(np.int64), entry[new].astype(np.int64), cover[new])


def _without(found: Hits, *others: Hits) -> Hits:
    there = {
        pair
        for other in others
        for pair in zip(other.text.tolist(), other.entry.tolist(), strict=True)
    }
    pairs = zip(found.text.tolist(), found.entry.tolist(), strict=True)
    left = [row for row, pair in enumerate(pairs) if pair not in there]
    return Hits(*(column[left] for column in found))


def _eights(words: Words, index: Index, texts: int) -> Array:
    """Texts and entries whose tokens 8-grams cover by half."""
    import numpy as np

    text, gram = _unique(*_shared(words, index.eights, EIGHT))
    found = _covered(text, gram, index.eights, len(index.tokens), EIGHT)
    half = found.cover >= HALF * index.tokens[found.entry]
    return np.stack([found.text[half], found.entry[half]])


def _thirteens(words: Words, index: Index) -> Array:
    """Texts and sets that share a 13-gram."""

    text, gram = _unique(*_shared(words, index.thirteens, THIRTEEN))
    whose, at = index.thirteens.expanded(gram)
    return _unique(text[whose], index.thirteens.entries[at])
