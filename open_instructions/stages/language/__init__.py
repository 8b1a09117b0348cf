"""Labels each conversation with its language: a BCP 47 label and a score, from the words of both
sides.

Code, addresses, markup and quoted blocks do not vote. py3langid's model decides among the languages
that these sets can plausibly hold; its prior is what is known about the source. A text without
words gets `und`. Chinese is divided by script. docs/development/languages.md has the measurements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np

from ...paths import cache_folder
from ...schema import Conversation, Reason, Reject
from .kin import FAMILIES, LOOKED_AT, UNKNOWN_TO_THE_MODEL, adjusted
from .votes import LETTER, SIDE, Part, is_in_two_scripts, parts, words

UNDETERMINED = "und"
PLAUSIBLE = (  # noqa: SIM905
    "af am ar az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fo fr fy ga gd gl gu "
    "ha he hi hr ht hu hy id ig is it ja jv ka kk km kn ko ky la lb lg lo lt lv mg mk ml mn "
    "mr ms mt my ne nl no nso or pa pl ps pt ro ru rw si sk sl sn so sq sr st sv sw ta te th "
    "tk tl tr tt ug uk ur uz vi xh yo zh zu"
).split()
"""The model's languages that these sets can hold."""
COMMON = (  # noqa: SIM905
    "ar bg ca cs da de el en es fa fi fr he hi hu id it ja ko nl no pl pt ro ru sv th tr uk vi zh"
).split()
"""The languages in which people wrote to ChatGPT in 2023. English is by far the most frequent. With
Chinese in its two scripts these are 32 labels."""
_ENGLISH, _IN_COMMON, _IN_SOURCE = 8.0, 2.0, 20.0
"""The prior, in nats: a foreign sentence of five words is 20 or more ahead of English; a single
English word is seldom 4 behind another language."""
_CLEAR, _CLEAR_ENGLISH = 1.0, 0.75
"""A text in one language is ahead of the next language by about one nat per byte; a text that is
half in another language is not ahead at all."""
_FEW = 60
"""With fewer bytes than this, the lead varies more."""
_WEAK = 0.25
_STEP = 160
"""How many characters of a sample are checked at a time if the whole is not clear."""
_CERTAIN, _SENTENCE = 10.0, 30
"""A part votes if it is this many nats ahead and has this many letters; other parts follow those
that vote."""
_ANSWER = 60
"""An answer of this many letters shows which language its question is in."""


@cache
def _detector() -> Any:
    from .detector import Detector

    return Detector(PLAUSIBLE, cache_folder() / "models")


@cache
def _languages() -> tuple[str, ...]:
    """The columns of the scores: the model's languages, then those that only words reveal."""
    return (*_detector().languages, *UNKNOWN_TO_THE_MODEL)


@cache
def _columns() -> dict[str, int]:
    return {label: column for column, label in enumerate(_languages())}


def _score(scores: Any, label: str) -> float:
    return float(scores[_columns()[label]])


@cache
def _looked_at() -> Any:
    """For each language: may words correct it?"""
    return np.array([label in LOOKED_AT for label in _languages()])


@cache
def _relatives() -> Any:
    """For each pair of languages: are they neighbours, or the same?"""
    labels = _languages()
    return np.array(
        [
            [a == b or any(a in family and b in family for family in FAMILIES) for b in labels]
            for a in labels
        ]
    )


class Look(NamedTuple):
    """The detector's result for a text."""

    label: str
    score: float
    ahead: float
    """How far it is ahead of the next language that is not a neighbour, in nats."""
    size: int
    """The size of the text in bytes."""

    @property
    def doubtful(self) -> bool:
        """May the text hold a second language?"""
        clear = _CLEAR_ENGLISH if self.label == "en" else _CLEAR
        return self.ahead < self.size * clear * (1 - _FEW / max(self.size, 2 * _FEW))

    @property
    def weak(self) -> bool:
        """May the text be a list of names or filler text, which get labels like this one?"""
        if self.label == "en":
            return False
        return (
            self.label == "la"
            or self.ahead < _WEAK * self.size
            or (self.doubtful and self.size < 2 * _STEP)
        )


@cache
def _script_characters() -> tuple[frozenset[str], frozenset[str]]:
    """Characters only in simplified and only in traditional Chinese, by the standards GB 2312 and
    Big5."""

    def has(character: str, standard: str) -> bool:
        return bool(character.encode(standard, "ignore"))

    han = [chr(code) for code in range(0x4E00, 0xA000)]
    simplified = frozenset(c for c in han if has(c, "gb2312") and not has(c, "big5"))
    return simplified, frozenset(c for c in han if has(c, "big5") and not has(c, "gb2312"))


def detector_version() -> str:
    """Name and version of the detector, for the manifest."""
    return f"py3langid {version('py3langid')}"


def prior(likely: Sequence[str] = ()) -> dict[str, float]:
    """The prior of each language, in nats. `likely` are the languages that the source is known to
    hold."""
    known = dict.fromkeys(COMMON, _IN_COMMON) | {"en": _ENGLISH}
    return known | {label: known.get(label, 0.0) + _IN_SOURCE for label in likely}


def detect(text: str, likely: Sequence[str] = ()) -> tuple[str, float]:
    """Label and score (0 to 1, two digits) of a text. `likely` are the languages that its source is
    known to hold.

    >>> detect("The cat sat on the mat and looked at the rain.")[0], detect("12 + 30 = 42")
    ('en', ('und', 0.0))
    """
    return detect_all([text], prior(likely))[0]


def detect_all(texts: Sequence[str], known: Mapping[str, float]) -> list[tuple[str, float]]:
    """Label and score of each text, faster than one at a time; `known` is a prior."""
    return [(look.label, look.score) for look in looks(texts, known)]


def looks(texts: Sequence[str], known: Mapping[str, float]) -> list[Look]:
    """The detector's result for each text."""
    if not texts:
        return []
    scores = np.full((len(texts), len(_languages())), -np.inf)
    scores[:, : len(_detector().languages)] = _detector().scores(texts, known)
    best = scores.argmax(axis=1)
    for row in np.flatnonzero(_looked_at()[best]).tolist():
        changed = adjusted(texts[row], _languages()[best[row]], partial(_score, scores[row]))
        for label, score in changed.items():
            scores[row, _columns()[label]] = score
        if changed:
            best[row] = scores[row].argmax()
    # as py3langid does: neighbouring letters are not independent evidence, so the logarithms are
    # divided by the root of their number
    sizes = np.array([len(text.encode("utf-8", "replace")) or 1 for text in texts])
    lead = scores - scores[np.arange(len(texts)), best][:, None]
    sure = 1.0 / np.exp(lead / np.sqrt(sizes)[:, None]).sum(axis=1)
    ahead = -np.where(_relatives()[best], -np.inf, lead).max(axis=1)
    found = zip(texts, best.tolist(), sure.tolist(), ahead.tolist(), sizes.tolist(), strict=True)
    return [
        _look(text, _languages()[index], score, lead, size)
        for text, index, score, lead, size in found
    ]


def _look(text: str, label: str, score: float, ahead: float, size: int) -> Look:
    if not LETTER.search(text):
        return Look(UNDETERMINED, 0.0, 0.0, 0)
    return Look(script(text) if label == "zh" else label, round(score, 2), ahead, size)


def script(text: str) -> str:
    """zh-Hans or zh-Hant, by characters that only one of the two has; zh if they do not decide.

    >>> script("我们说汉语"), script("我們說漢語"), script("你好")
    ('zh-Hans', 'zh-Hant', 'zh')
    """
    simplified, traditional = (
        sum(map(characters.__contains__, text)) for characters in _script_characters()
    )
    if simplified == traditional:
        return "zh"
    if simplified > traditional:
        return "zh-Hans"
    return "zh-Hant"


def matches(label: str, wanted: Sequence[str]) -> bool:
    """Does a label match one of the wanted ones? `zh` matches zh-Hans and zh-Hant."""
    return any(label == w or label.startswith(w + "-") for w in wanted)


def labelled(
    conversations: Sequence[Conversation], known: Mapping[str, float]
) -> list[tuple[str, float]]:
    """Label and score of each conversation: those of most of its text, from a sample or, if that is
    mixed, from its parts."""
    samples = [words(conversation) for conversation in conversations]
    found = looks(samples, known)
    labels = [(look.label, look.score) for look in found]
    mixed = [(i, parts(conversations[i])) for i in _mixed(samples, found, known)]
    of_parts = iter(looks([part.text for _, some in mixed for part in some], known))
    for i, some in mixed:
        given = [(part, next(of_parts)) for part in some]
        if some:
            labels[i] = _most(given, found[i], known)
    return labels


def _mixed(samples: Sequence[str], found: Sequence[Look], known: Mapping[str, float]) -> list[int]:
    """The indexes of samples that hold more than one language, or look like Latin, as names and
    filler text do."""
    mixed = [i for i, look in enumerate(found) if look.weak or is_in_two_scripts(samples[i])]
    doubtful = [i for i, look in enumerate(found) if look.doubtful and i not in set(mixed)]
    steps = [
        (i, samples[i][begin : begin + _STEP])
        for i in doubtful
        for begin in range(0, len(samples[i]), _STEP)
    ]
    for (i, _), look in zip(steps, looks([text for _, text in steps], known), strict=True):
        if look.ahead >= _CERTAIN and _family(look.label) != _family(found[i].label):
            mixed.append(i)
    return sorted(set(mixed))


def _most(
    given: Sequence[tuple[Part, Look]], whole: Look, known: Mapping[str, float]
) -> tuple[str, float]:
    """The language of most of the text that these parts represent, and a score scaled by its
    share."""
    certain = [
        (part, look) for part, look in given if look.ahead >= _CERTAIN and part.letters >= _SENTENCE
    ]
    voting = _without_quotes(certain)
    if not voting and not whole.weak:
        return whole.label, whole.score
    shares: dict[str, float] = defaultdict(float)
    for part, look in voting or given:
        shares[_family(look.label)] += part.weight
    family = max(shares, key=lambda name: shares[name])
    share = shares[family] / sum(shares.values())
    if share == 1.0 and family == _family(whole.label):
        return whole.label, whole.score
    samples = [part.text[:SIDE] for part, look in voting or given if _family(look.label) == family]
    label, score = detect_all([" ".join(samples)[: 2 * SIDE]], known)[0]
    return label, round(score * share, 2)


def _without_quotes(certain: Sequence[tuple[Part, Look]]) -> list[tuple[Part, Look]]:
    """The parts without what users pasted in a language other than the one in which they ask and
    get answers."""
    answers: dict[str, float] = defaultdict(float)
    for part, look in certain:
        if part.role == "assistant" and part.letters >= _ANSWER:
            answers[_family(look.label)] += part.weight
    if not answers:
        return list(certain)
    answered = max(answers, key=lambda name: answers[name])
    asked = {
        part.turn
        for part, look in certain
        if part.role == "user" and _family(look.label) == answered
    }
    return [
        (part, look)
        for part, look in certain
        if part.turn not in asked or _family(look.label) == answered
    ]


def _family(label: str) -> str:
    """The label itself, or the labels of its family of neighbours."""
    label = label.partition("-")[0]
    return next((" ".join(sorted(family)) for family in FAMILIES if label in family), label)


class Language:
    """The stage: labels every conversation. It rejects those outside `keep` (empty keeps all),
    those in `drop`, and those with a score below `least`."""

    name = "language"

    def __init__(
        self,
        keep: Sequence[str] = (),
        likely: Sequence[str] = (),
        drop: Sequence[str] = (),
        least: float = 0.0,
    ) -> None:
        self._keep, self._drop, self._least = tuple(keep), tuple(drop), least
        self._prior = prior(
            tuple(dict.fromkeys(label.partition("-")[0] for label in likely if label != "mul"))
        )

    def batch(self, conversations: Sequence[Conversation]) -> list[list[Conversation | Reject]]:
        labels = self._labels(conversations)
        return [[self._judged(c, *label)] for c, label in zip(conversations, labels, strict=True)]

    def _labels(self, conversations: Sequence[Conversation]) -> list[tuple[str, float]]:
        return labelled(conversations, self._prior)

    def _judged(
        self, conversation: Conversation, label: str, score: float
    ) -> Conversation | Reject:
        unwanted = (self._keep and not matches(label, self._keep)) or matches(label, self._drop)
        if unwanted or score < self._least:
            return Reject(Reason.LANGUAGE, f"{label} {score:.2f}")
        return conversation.noting(language=label, language_score=score)


LABELS = (*sorted([*PLAUSIBLE, *UNKNOWN_TO_THE_MODEL, "zh-Hans", "zh-Hant"]), UNDETERMINED)
"""Every label that a conversation can get."""
