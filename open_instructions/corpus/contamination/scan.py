"""Finds entries of an index in texts.

An entry is found in a text if grams of the text cover enough of its tokens, and all its figures are
in the text. Grams that are in few items have to cover a share of the tokens that they can cover,
and the mean of it and of the share of all tokens that all grams cover has to be a little larger.
Half of the share is enough where almost all tokens are there. Two texts that are read together,
like a question and its options in the next message, are looked at as one too. Short entries, and
those of which too little counts, are found only as a whole text. Two rules that others use are
computed beside this one, for comparison: they decide nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...arrays import items_of
from ..words import Words, grams, words_of
from .cover import cover_of
from .entries import ANSWER, EIGHT, SHORT, SIZE, THIRTEEN, sequences
from .index import Index, covered

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MORE = 0.05
"""How much larger than the threshold the mean of both shares has to be."""
ALMOST = 11 / 12
"""The share of an entry's tokens that is almost all."""
_NOISE = 1e-9
HALF = 0.5
"""Tülu 3's share of an item's tokens that 8-grams have to cover."""


class Hits(NamedTuple):
    """Entries that are in texts, in order: the text, the entry, the share of its tokens that is
    covered. The number of a pair of texts follows those of the texts."""

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


class _Seen(NamedTuple):
    """What is looked through.

    words  the tokens of the texts
    fives  their 5-grams, and where those of each text begin, with the end
    parts  int64 [N, 2]: the two texts of each text and of each pair; those of a text are itself
    """

    words: Words
    fives: tuple[Array, Array]
    parts: Array

    @property
    def texts(self) -> int:
        return len(self.words.starts) - 1


def scan(texts: Sequence[str], index: Index, threshold: float, pairs: Array | None = None) -> Scan:
    """Look for entries in texts.

    threshold  the share of an entry's tokens to be covered
    pairs      int64 [P, 2], texts that are also read together
    """
    import numpy as np

    words = words_of(texts)
    alone = np.repeat(np.arange(len(texts))[:, None], 2, axis=1)
    parts = alone if pairs is None else np.concatenate([alone, pairs])
    seen = _Seen(words, grams(words, SIZE), parts)
    shared = _unique(*_shared(*seen.fives, index.fives))
    joined = _joined(shared, seen)
    found = _found(joined, seen, index, index.known, threshold)
    rare = found
    if index.common.any():
        few = joined[:, index.common[joined[1]] == 0]
        rare = _within(found, _found(few, seen, index, index.known_rare, threshold), index)
    equal = _equal(words, index)
    return Scan(
        _merged(equal, rare),
        _without(found, rare, equal),
        shared,
        _eights(words, index),
        _thirteens(words, index),
    )


def _shared(hashes: Array, starts: Array, postings: Any) -> tuple[Array, Array]:
    """The text and the gram of each gram of the texts that is in the postings."""
    import numpy as np

    at, gram = postings.found(hashes)
    return np.searchsorted(starts, at, side="right") - 1, gram


def _unique(text: Array, gram: Array) -> Array:
    """The pairs in order, each once."""
    import numpy as np

    keys = np.unique(text.astype(np.int64) << 32 | gram)
    return np.stack([keys >> 32, keys & 0xFFFFFFFF])


def _joined(shared: Array, seen: _Seen) -> Array:
    """The grams of texts, and of those pairs both of whose texts have some."""
    import numpy as np

    many = np.bincount(shared[0], minlength=seen.texts)
    ends = np.append(0, np.cumsum(many))
    pairs = seen.parts[seen.texts :]
    both = np.flatnonzero((many[pairs] > 0).any(axis=1))
    found = [shared]
    for text in pairs[both].T:
        at, which = items_of(ends, text)
        found.append(np.stack([both[which] + seen.texts, shared[1][at]]))
    return _unique(*np.concatenate(found, axis=1)) if len(both) else shared


def _found(joined: Array, seen: _Seen, index: Index, known: Array, threshold: float) -> Hits:
    """The entries that texts have by grams. `known` has how many tokens of each are in grams that
    count."""
    import numpy as np

    found = _covered(joined[0], joined[1], index.fives, len(index.tokens), SIZE)
    share = found.cover / known[found.entry]
    perhaps = np.flatnonzero(share >= threshold / 2 - _NOISE)
    found, share = Hits(*(column[perhaps] for column in found)), share[perhaps]
    own = (share >= threshold - _NOISE) & (found.cover >= SHORT)
    every = cover_of(seen.fives, index, seen.parts[found.text], found.entry)
    whole = every / index.tokens[found.entry]
    mean = (share + whole) / 2 >= min(threshold + MORE, 1) - _NOISE
    enough = (own & mean) | (whole >= max(threshold, ALMOST) - _NOISE)
    cover = np.where(own, share, whole)
    found = Hits(*(column[enough] for column in found._replace(cover=cover)))
    found = Hits(*(column[_agree(seen, found, index)] for column in found))
    return Hits(*(column[_cut(seen, found, index)] for column in found))


def _cut(seen: _Seen, found: Hits, index: Index) -> Array:
    """Whether an entry is in one text, or cut into two: neither has it, and hardly anything of it
    is in both. Answers are not cut."""
    import numpy as np

    kept = found.text < seen.texts
    pairs = np.flatnonzero(~kept)
    if not len(pairs):
        return kept
    entry, parts = found.entry[pairs], seen.parts[found.text[pairs]]
    whole = _keys(found, index)[kept]
    alone = [np.isin(text * len(index.tokens) + entry, whole) for text in parts.T]
    one, other, both = (
        cover_of(seen.fives, index, texts, entry) for texts in (parts[:, :1], parts[:, 1:], parts)
    )
    apart = (one < both) & (other < both) & (one + other - both < SHORT)
    kept[pairs] = ~alone[0] & ~alone[1] & apart & (index.kinds[entry] != ANSWER)
    return kept


def _covered(text: Array, gram: Array, postings: Any, entries: int, size: int) -> Hits:
    import numpy as np

    whose, at = postings.expanded(gram)
    keys = text[whose] * entries + postings.entries[at]
    pairs, number = np.unique(keys, return_inverse=True)
    many = covered(number, postings.places[at], len(pairs), size)
    return Hits(pairs // max(entries, 1), pairs % max(entries, 1), many)


def _agree(seen: _Seen, found: Hits, index: Index) -> Array:
    """Whether all figures of an entry are in the text, or in the two."""
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
            figures[text] = _figures(seen, text)
        result[row] = figures[text].issuperset(index.figures[start:stop].tolist())
    return result


def _figures(seen: _Seen, text: int) -> set[int]:
    words, found = seen.words, set()
    for part in set(seen.parts[text].tolist()):
        span = slice(words.starts[part], words.starts[part + 1])
        found.update(words.hashes[span][words.numeric[span]].tolist())
    return found


def _within(found: Hits, others: Hits, index: Index) -> Hits:
    """The hits that are among others too."""
    import numpy as np

    still = np.isin(_keys(found, index), _keys(others, index))
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


def _eights(words: Words, index: Index) -> Array:
    """Texts and entries whose tokens 8-grams cover by half."""
    import numpy as np

    text, gram = _unique(*_shared(*grams(words, EIGHT), index.eights))
    found = _covered(text, gram, index.eights, len(index.tokens), EIGHT)
    half = found.cover >= HALF * index.tokens[found.entry]
    return np.stack([found.text[half], found.entry[half]])


def _thirteens(words: Words, index: Index) -> Array:
    """Texts and sets that share a 13-gram."""
    text, gram = _unique(*_shared(*grams(words, THIRTEEN), index.thirteens))
    whose, at = index.thirteens.expanded(gram)
    return _unique(text[whose], index.thirteens.entries[at])
