"""Which language a text is in: py3langid's model, for many texts at a time.

py3langid walks its automaton byte by byte in Python, one text at a time: 1,400 texts of 900 characters a second. Here
all texts of a batch take each step together in NumPy, and the sums are of whole numbers, so that they come out the
same in any order of adding: on every platform, in every batch. The labels are py3langid's own (a test compares).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_SCALE = 1 << 12
"""Weights are whole numbers of 1/4096 nat; with the counts' logarithms alike, sums stay under 2**53 for texts of any length here."""
_MOST = 4096
"""A feature that a text has more often than this counts as if it had it this often."""


class Detector:
    """Scores texts among a set of languages.

    >>> Detector(("de", "en", "fr")).scores(["Der Hund schläft.", "The dog sleeps."], {}).argmax(axis=1).tolist()
    [0, 1]
    """

    def __init__(self, languages: Sequence[str]) -> None:
        model = _model()
        columns = [(i, label) for i, label in enumerate(model.nb_classes) if label in set(languages)]
        self.languages = tuple(dict.fromkeys(label for _, label in columns))
        missing = set(languages) - set(self.languages)
        if missing:
            raise ValueError(f"py3langid does not tell apart {', '.join(sorted(missing))}")
        # a language in two scripts has two columns: the first, and those that are folded into it
        first = [next(i for i, (_, other) in enumerate(columns) if other == label) for label in self.languages]
        self._first = np.array(first)
        self._more = [(self.languages.index(label), i) for i, (_, label) in enumerate(columns) if i not in first]
        indexes = [i for i, _ in columns]
        # whole numbers under 2**24, which four bytes hold exactly
        self._weights = np.rint(np.ascontiguousarray(model.nb_ptc[:, indexes]) * np.float32(_SCALE))
        self._start = np.rint(model.nb_pc[indexes].astype(np.float64) * _SCALE) * _SCALE
        self._next = np.asarray(model.tk_nextmove)
        self._row = np.asarray(model.tk_row, dtype=np.int64) << 8
        self._out = np.asarray(model.tk_output)

    def scores(self, texts: Sequence[str], prior: Mapping[str, float]) -> Any:
        """Natural log of how well each text fits each language (texts x languages), `prior` added."""
        given = np.array([prior.get(label, 0.0) for label in self.languages])
        sums = np.empty((len(texts), len(self._start)))
        data = [_encoded(text) for text in texts]
        order = sorted(range(len(data)), key=lambda i: -len(data[i]))
        which, features, counts = self._features([data[i] for i in order])
        ends = np.searchsorted(which, np.arange(len(order) + 1))
        for position, index in enumerate(order):
            mine = slice(ends[position], ends[position + 1])
            sums[index] = counts[mine] @ self._weights[features[mine]].astype(np.float64)
        sums += self._start
        result = sums[:, self._first]
        for label, column in self._more:
            np.maximum(result[:, label], sums[:, column], out=result[:, label])
        return result / (_SCALE * _SCALE) + given

    def _features(self, data: Sequence[bytes]) -> tuple[Any, Any, Any]:
        """(text, feature, weight of its count) of all texts; these come longest first."""
        lengths = np.array([len(d) for d in data])
        letters = np.zeros((int(lengths[0]) if len(data) else 0, len(data)), dtype=np.uint8)
        for index, text in enumerate(data):
            letters[: len(text), index] = np.frombuffer(text, dtype=np.uint8)
        active = np.searchsorted(-lengths, -np.arange(1, len(letters) + 1), side="right")
        state = np.zeros(len(data), dtype=np.int64)
        found = np.full(letters.shape, -1, dtype=np.int64)
        for step, many in enumerate(active):
            state = self._next[self._row[state[:many]] + letters[step, :many]]
            found[step, :many] = self._out[state]
        steps, texts = np.nonzero(found >= 0)
        keys, counts = np.unique(texts * len(self._weights) + found[steps, texts], return_counts=True)
        return keys // len(self._weights), keys % len(self._weights), _LOGS[np.minimum(counts, _MOST)]


_LOGS = np.rint(np.log1p(np.arange(_MOST + 1)) * _SCALE)


def _encoded(text: str) -> bytes:
    """As py3langid encodes what it is given."""
    return unicodedata.normalize("NFC", text.lower() if text.isupper() else text).encode("utf-8", "surrogatepass")


def _model() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)
