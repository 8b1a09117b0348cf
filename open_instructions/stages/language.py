"""A language for each conversation: a BCP 47 label and a score, from the words of both sides.

Code, addresses, markup and quoted blocks do not vote. py3langid's model decides among the languages that these sets
can plausibly hold, with what is known of them as its prior; `und` where there are no words. Chinese is told apart by
its script. docs/languages.md has the measurements.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from ..places import cache_folder
from ..schema import Conversation, Reason, Reject

UNDETERMINED = "und"
PLAUSIBLE = (  # noqa: SIM905
    "af am ar az be bg bn ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km kn "
    "ko ky la lo lt lv mg mk ml mn mr ms my ne nl no or pa pl ps pt ro ru si sk sl so sq sr sv sw ta te th tl tr uk ur "
    "uz vi xh yo zh zu"
).split()
COMMON = "ar bg ca cs da de el en es fa fi fr he hi hu id it ja ko nl no pl pt ro ru sv th tr uk vi zh".split()  # noqa: SIM905
"""What people of 2023 wrote to ChatGPT in: with English by far the most frequent, and Chinese in two scripts, 32."""
_ENGLISH, _IN_COMMON, _IN_SOURCE = 8.0, 2.0, 20.0
"""The prior, in nats: a foreign sentence of five words has 20 and more over English, a single English word seldom 4 less."""
_SIDE = 400  # characters that each side may contribute: enough to be sure, and time grows with the text
_MARKUP = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|<[^<>\n]{1,200}>|\$\$.*?\$\$|\\[a-zA-Z]+|^[ \t]*>[^\n]*$", re.S | re.M)
_MARKS = "`<$\\>"
_CODE = re.compile(r"[\d_@/\\=<>{}\[\]|#~^$&+%]|[a-z][A-Z]|\w\(|\w\.\w")
_ODD = re.compile(
    r"""[^a-z\ ]                       # whatever is not
    (?<!(?<![a-z])[A-Z])             # a capital behind no small letter,
    (?<!(?<=\S)[,;:!?'")-])          # a mark that begins no word,
    (?<!(?<=\S)\.(?!\w))            # a full stop that ends one,
    (?<!(?<!\S)['"(](?=[A-Za-z]))    # or what opens one""",
    re.X,
)
"""In a line without any of this, every word votes as it stands."""
_ASCII = re.compile(r"[!-~]+")
_LETTER = re.compile(r"[^\W\d_]")


@cache
def _detector() -> Any:
    from .detector import Detector

    return Detector(PLAUSIBLE, cache_folder() / "models")


@cache
def _script_characters() -> tuple[frozenset[str], frozenset[str]]:
    """Characters that only simplified, and only traditional Chinese has: by the national standards GB 2312 and Big5."""

    def has(character: str, standard: str) -> bool:
        return bool(character.encode(standard, "ignore"))

    han = [chr(code) for code in range(0x4E00, 0xA000)]
    simplified = frozenset(c for c in han if has(c, "gb2312") and not has(c, "big5"))
    return simplified, frozenset(c for c in han if has(c, "big5") and not has(c, "gb2312"))


def detector() -> str:
    """Name and version of what detects, for the manifest."""
    return f"py3langid {version('py3langid')}"


def prior(likely: Sequence[str] = ()) -> dict[str, float]:
    """What is known before the first word, in nats: `likely` are the languages that a source is known for."""
    known = dict.fromkeys(COMMON, _IN_COMMON) | {"en": _ENGLISH}
    return known | {label: known.get(label, 0.0) + _IN_SOURCE for label in likely}


def words(conversation: Conversation) -> str:
    """The text that votes: the first words of each side, without code, addresses, markup and quoted blocks."""
    sides = {"user": "", "assistant": ""}
    for message in conversation.messages:
        if message.role in sides and (room := _SIDE - len(sides[message.role])) > 0:
            sides[message.role] += _words(message.content, 2 * room) + " "
    return " ".join(side.strip()[:_SIDE] for side in sides.values()).strip()


def _words(content: str, most: int) -> str:
    """The words in the first characters of a turn; twice as many are looked at as can vote."""
    text = content[:most]
    if any(map(text.__contains__, _MARKS)):
        # words may come behind the code that an answer begins with
        text = _MARKUP.sub(" ", content[: 40 * _SIDE] if "```" in text else text)[:most]
    found, length = [], 0
    for line in text.split("\n"):
        if voting := _line(line) if "  " in line or _ODD.search(line) else line.strip():
            found.append(voting)
            length += len(voting.strip())
            if length >= _SIDE:
                break
    return " ".join(found)


def _line(line: str) -> str:
    return " ".join([token for given in line.split() if (token := given if given.isalpha() else _word(given))])


def _word(token: str) -> str:
    """What of a token votes. Where words are not spaced, a token is a sentence: the code in it goes, not the sentence."""
    word = token.strip(".,:;!?'\"")
    if word.isalpha() and word[1:].islower():  # most are: no need to search
        return token
    if not token.isascii():
        token = _ASCII.sub(lambda m: " " if _CODE.search(m[0]) else m[0], token)
    elif _CODE.search(token):
        return ""
    return token if _LETTER.search(token) else ""


def detect(text: str, likely: Sequence[str] = ()) -> tuple[str, float]:
    """Label and score (0 to 1, two digits) of a text. `likely` are the languages that its source is known for.

    >>> detect("The cat sat on the mat and looked at the rain.")[0], detect("12 + 30 = 42")
    ('en', ('und', 0.0))
    """
    return detect_all([text], prior(likely))[0]


def detect_all(texts: Sequence[str], known: Mapping[str, float]) -> list[tuple[str, float]]:
    """Label and score of each text, faster than one by one; `known` is a prior."""
    found = _detector()
    scores = found.scores(texts, known)
    best = scores.argmax(axis=1)
    # as py3langid does it: letters in a row are no independent witnesses, so their logarithms count by the root of their number
    spread = np.sqrt([len(text.encode("utf-8", "replace")) or 1 for text in texts])
    sure = 1.0 / np.exp((scores - scores.max(axis=1, keepdims=True)) / spread[:, None]).sum(axis=1)
    results = []
    for text, index, score in zip(texts, best.tolist(), sure.tolist(), strict=True):
        label = found.languages[index]
        if not _LETTER.search(text):
            results.append((UNDETERMINED, 0.0))
        else:
            results.append((script(text) if label == "zh" else label, round(score, 2)))
    return results


def script(text: str) -> str:
    """zh-Hans or zh-Hant, by characters that only one of the two has; plain zh where none is there.

    >>> script("我们说汉语"), script("我們說漢語"), script("你好")
    ('zh-Hans', 'zh-Hant', 'zh')
    """
    simplified, traditional = (sum(map(characters.__contains__, text)) for characters in _script_characters())
    if simplified == traditional:
        return "zh"
    return "zh-Hans" if simplified > traditional else "zh-Hant"


def matches(label: str, wanted: Sequence[str]) -> bool:
    """Does a label fall under one of the wanted ones? `zh` takes zh-Hans and zh-Hant."""
    return any(label == w or label.startswith(w + "-") for w in wanted)


class Language:
    """The stage: labels every conversation. Rejects those outside `keep` (empty takes all), those in `drop`, and those
    whose score is under `least`."""

    name = "language"

    def __init__(self, keep: Sequence[str] = (), likely: Sequence[str] = (), drop: Sequence[str] = (), least: float = 0.0) -> None:
        self._keep, self._drop, self._least = tuple(keep), tuple(drop), least
        self._prior = prior(tuple(dict.fromkeys(label.partition("-")[0] for label in likely if label != "mul")))

    def batch(self, conversations: Sequence[Conversation]) -> list[list[Conversation | Reject]]:
        labels = detect_all([words(c) for c in conversations], self._prior)
        return [[self._judged(c, *label)] for c, label in zip(conversations, labels, strict=True)]

    def _judged(self, conversation: Conversation, label: str, score: float) -> Conversation | Reject:
        unwanted = (self._keep and not matches(label, self._keep)) or matches(label, self._drop)
        if unwanted or score < self._least:
            return Reject(Reason.LANGUAGE, f"{label} {score:.2f}")
        return conversation.noting(language=label, language_score=score)


LABELS = (*sorted([*PLAUSIBLE, "zh-Hans", "zh-Hant"]), UNDETERMINED)
"""Every label that a conversation can get."""
