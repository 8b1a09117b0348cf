"""Detects languages with py3langid's model, many texts at a time.

py3langid walks its automaton byte by byte in Python, one text at a time: 1,400 texts of 900
characters a second. Here texts are cut into pieces that take each step together in NumPy. The sums
are of integers, so they are the same in any order: on every platform and in every batch. The labels
are the same as py3langid's (a test compares them).
"""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

_WEIGHT = 1 << 9
"""Weights are integers in units of 1/512 nat, in two bytes. This is exact: the model's weights are
half-precision numbers from 2 to 16."""
_LOG = 1 << 12
"""Logarithms of counts are in units of 1/4096 nat. Sums stay below 2**53 for texts of any length
here."""
_MOST = 4096
"""Higher counts of a feature in a text are taken as this many."""
_TOGETHER = 512
"""How many texts are processed together; more would not be faster. The number of a text and the
number of a feature share four bytes."""
_PIECE = 32
_REACH = 6
"""Texts are walked in pieces of 32 bytes. Each piece starts in the state after the 6 bytes before
it, because the model remembers no more than these."""
_END = b"\xff"
"""The separator between texts: no feature contains this byte, and it leads back to the start."""


class Detector:
    """Scores texts among a set of languages.

    >>> texts = ["Der Hund schläft.", "The dog sleeps."]
    >>> Detector(("de", "en", "fr")).scores(texts, {}).argmax(axis=1).tolist()
    [0, 1]
    """

    def __init__(self, languages: Sequence[str], folder: Path | None = None) -> None:
        tables = _tables(languages) if folder is None else _kept(languages, folder)
        self.languages = tuple(tables["labels"].tolist())
        self._first, self._start, self._more = (
            tables["first"],
            tables["start"],
            tables["more"].tolist(),
        )
        self._weights, self._next, self._row, self._out = (
            tables["weights"],
            tables["next"],
            tables["row"],
            tables["out"],
        )
        self._bits = (len(self._weights) - 1).bit_length()

    def scores(self, texts: Sequence[str], prior: Mapping[str, float]) -> Any:
        """The log-likelihood of each text in each language (texts x languages), in nats, with
        `prior` added."""
        given = np.array([prior.get(label, 0.0) for label in self.languages])
        sums = np.empty((len(texts), len(self._start)))
        for first in range(0, len(texts), _TOGETHER):
            some = [_encoded(text) for text in texts[first : first + _TOGETHER]]
            features, counts, ends = self._features(some)
            for index, (begin, end) in enumerate(pairwise(ends), first):
                counts[begin:end].dot(
                    self._weights.take(features[begin:end], axis=0).astype(np.float64),
                    out=sums[index],
                )
        sums += self._start
        result = sums[:, self._first]
        for label, column in self._more:
            np.maximum(result[:, label], sums[:, column], out=result[:, label])
        return result / (_WEIGHT * _LOG) + given

    def _features(self, data: Sequence[bytes]) -> tuple[Any, Any, list[int]]:
        """The features of all texts, the weights of their counts, and where each text's features
        begin."""
        letters = np.frombuffer(_END.join([*data, b""]), dtype=np.uint8)
        keys = self._out.take(self._states(letters))
        keys += np.repeat(
            np.arange(len(data), dtype=np.int32) << self._bits, [len(text) + 1 for text in data]
        )
        keys.sort()
        firsts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        counts = np.diff(firsts, append=len(keys))
        keys = keys[firsts]
        ends = np.searchsorted(keys, np.arange(len(data) + 1) << self._bits).tolist()
        return keys & ((1 << self._bits) - 1), _LOGS.take(counts, mode="clip"), ends

    def _states(self, letters: Any) -> Any:
        """The automaton's state after each letter."""
        pieces = np.full((-(-len(letters) // _PIECE), _PIECE), _END[0], dtype=np.uint8)
        pieces.ravel()[: len(letters)] = letters
        columns = np.ascontiguousarray(pieces.T)
        before = np.zeros(len(pieces), dtype=self._next.dtype)
        before[1:] = self._walk(columns[-_REACH:], before)[-1, :-1]
        states = self._walk(columns, before)
        while (states[-1, :-1] != before[1:]).any():  # only if a model remembers more
            before[1:] = states[-1, :-1]
            states = self._walk(columns, before)
        return states.T.ravel()[: len(letters)]

    def _walk(self, columns: Any, state: Any) -> Any:
        """The states of all pieces after each of their letters."""
        states = np.empty(columns.shape, dtype=self._next.dtype)
        for step, letters in enumerate(columns):
            state = self._next.take(self._row.take(state) + letters, out=states[step], mode="clip")
        return states


_LOGS = np.rint(np.log1p(np.arange(_MOST + 1)) * _LOG)


def _encoded(text: str) -> bytes:
    """The text as py3langid encodes it."""
    return unicodedata.normalize("NFC", text.lower() if text.isupper() else text).encode(
        "utf-8", "surrogatepass"
    )


def _tables(languages: Sequence[str]) -> dict[str, Any]:
    """The lookup tables of a detector, made from py3langid's model. Raises ValueError for a
    language that the model does not know."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model: Any = LanguageIdentifier.from_model_file(MODEL_FILE)
    columns = [(i, label) for i, label in enumerate(model.nb_classes) if label in set(languages)]
    labels = list(dict.fromkeys(label for _, label in columns))
    missing = set(languages) - set(labels)
    if missing:
        raise ValueError(f"py3langid does not tell apart {', '.join(sorted(missing))}")
    # a language in two scripts has two columns: `more` are those to merge into the first
    first = [next(i for i, (_, other) in enumerate(columns) if other == label) for label in labels]
    more = [(labels.index(label), i) for i, (_, label) in enumerate(columns) if i not in first]
    indexes = [i for i, _ in columns]
    # states where no feature ends point to an extra feature with weight 0
    none = len(model.nb_ptc)
    weights = np.zeros((none + 1, len(indexes)), dtype=np.int16)
    np.rint(model.nb_ptc[:, indexes] * np.float32(_WEIGHT), out=weights[:-1], casting="unsafe")
    out = np.array(model.tk_output, dtype=np.int32)
    out[out < 0] = none
    return {
        "labels": np.array(labels),
        "first": np.array(first),
        "more": np.array(more, dtype=np.int64).reshape(-1, 2),
        "weights": weights,
        "start": np.rint(model.nb_pc[indexes].astype(np.float64) * _LOG) * _WEIGHT,
        "next": np.asarray(model.tk_nextmove),
        "row": np.asarray(model.tk_row, dtype=np.int64) << 8,
        "out": out,
    }


def _kept(languages: Sequence[str], folder: Path) -> dict[str, Any]:
    """The same tables from files below `folder`, which are created if they are missing. They are
    memory-mapped, so all processes share them.

    Unpacking the model takes half a second and 60 MB in each process.
    """
    version_parts = [
        version("py3langid"),
        version("numpy").partition(".")[0],
        *languages,
        str(_WEIGHT),
        str(_LOG),
    ]
    digest = blake2b(" ".join(version_parts).encode(), digest_size=8).hexdigest()
    path = folder / f"py3langid-{digest}"
    try:
        return {
            name: np.asarray(np.load(path / f"{name}.npy", mmap_mode="r", allow_pickle=False))
            for name in _NAMES
        }
    except (OSError, ValueError, EOFError):  # not there yet, or cut off
        pass
    tables = _tables(languages)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as draft:
            for name, table in tables.items():
                np.save(Path(draft, f"{name}.npy"), table)
            if path.exists():
                shutil.rmtree(path)
            Path(draft).rename(path)
            Path(draft).mkdir()  # the context manager removes it
    # the folder is not writable, or another process was first: the tables in memory will do
    except OSError:
        pass
    return tables


_NAMES = ("labels", "first", "more", "weights", "start", "next", "row", "out")
