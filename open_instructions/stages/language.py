"""A language for each conversation: a BCP 47 label and a score, from the words of both sides.

Code, addresses and markup do not vote. py3langid (pure Python and NumPy, its model in the wheel, the same answer on
every platform) decides among the languages that these sets can plausibly hold, langdetect is asked where it is unsure; `und` where there
are no words.
Chinese is told apart by its script.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import Any

from ..schema import Conversation, Reason, Reject

UNDETERMINED = "und"
PLAUSIBLE = (  # noqa: SIM905
    "af am ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km kn "
    "ko ky la lo lt lv mg mk ml mn mr ms my ne nl no or pa pl ps pt ro ru si sk sl so sq sr sv sw ta te th tl tr uk ur "
    "uz vi xh yo zh zu"
).split()
_SURE, _UNSURE = 0.99, 0.5
_FEW = 60  # letters: in fewer, a surprising language is an accident
_SIDE = 600  # characters that each side may contribute: enough to be sure, and time grows with the text
_NOISE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|<[^<>\n]{1,200}>|\$\$.*?\$\$|\\\w+|[\d_*#|>=~{}\[\]()/+]+", re.S)
_LETTERS = re.compile(r"[^\W\d_]")
_SIMPLIFIED = frozenset("们这个国来时为说会过对没还样么东车马鸟鱼龙语话问题让认识应该学习写书听见开关门间长张发现经济业电脑网络线级红绿给结构组织细终统计设备"
                        "读请谁谢课调论议记讲许试诉词译证评该详误资财质费贵买卖赛进运远达选适边还递热点爱亲观视觉规员团园图场块坏报护挥损换据扬担压厂历")  # fmt: skip
_TRADITIONAL = frozenset("們這個國來時為說會過對沒還樣麼東車馬鳥魚龍語話問題讓認識應該學習寫書聽見開關門間長張發現經濟業電腦網絡線級紅綠給結構組織細終統計設備"
                         "讀請誰謝課調論議記講許試訴詞譯證評該詳誤資財質費貴買賣賽進運遠達選適邊還遞熱點愛親觀視覺規員團園圖場塊壞報護揮損換據揚擔壓廠歷")  # fmt: skip
_ONLY_SIMPLIFIED = _SIMPLIFIED - _TRADITIONAL
_ONLY_TRADITIONAL = _TRADITIONAL - _SIMPLIFIED


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(PLAUSIBLE)
    return identifier


def _second_opinion(text: str) -> tuple[str, float] | None:
    """langdetect's label and score where it is sure of a label that is told apart here; None otherwise."""
    from langdetect import DetectorFactory, LangDetectException, detect_langs

    DetectorFactory.seed = 0  # it samples n-grams; this makes the same text give the same answer
    try:
        best = detect_langs(text)[0]
    except LangDetectException:  # no letters that it has a profile for
        return None
    label = {"zh-cn": "zh", "zh-tw": "zh"}.get(best.lang, best.lang)
    return (label, best.prob) if label in PLAUSIBLE and best.prob >= 0.9 else None


def detector() -> str:
    """Names and versions of what detects, for the manifest."""
    return f"py3langid {version('py3langid')}, langdetect {version('langdetect')}"


def words(conversation: Conversation) -> str:
    """The text that votes: the first words of each side, without code, addresses and markup."""
    sides = {"user": "", "assistant": ""}
    for message in conversation.messages:
        if message.role in sides and len(sides[message.role]) < _SIDE:
            sides[message.role] += " " + _NOISE.sub(" ", message.content[: 4 * _SIDE])
    return " ".join(" ".join(side.split())[:_SIDE] for side in sides.values()).strip()


def detect(text: str, likely: Sequence[str] = ()) -> tuple[str, float]:
    """Label and score (0 to 1, two digits) of a text.

    `likely` are the languages that its source is known for: another one is believed only if
    it is sure and the text is long enough to tell.

    >>> detect("The cat sat on the mat and looked at the rain.")[0], detect("12 + 30 = 42")
    ('en', ('und', 0.0))
    """
    if not _LETTERS.search(text):
        return UNDETERMINED, 0.0
    label, score = _identifier().classify(text)
    if likely and label not in likely and (score < _SURE or len(_LETTERS.findall(text)) < _FEW):
        label, score = next((pair for pair in _identifier().rank(text) if pair[0] in likely), (label, score))
    if score < _UNSURE:
        label, score = _second_opinion(text) or (label, score)
    if label == "zh":
        label = script(text)
    return label, round(float(score), 2)


def script(text: str) -> str:
    """zh-Hans or zh-Hant, by characters that only one of the two has; plain zh where none is there."""
    simplified = sum(c in _ONLY_SIMPLIFIED for c in text)
    traditional = sum(c in _ONLY_TRADITIONAL for c in text)
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
    version = 1

    def __init__(self, keep: Sequence[str] = (), likely: Sequence[str] = (), drop: Sequence[str] = (), least: float = 0.0) -> None:
        self._keep, self._drop, self._least = tuple(keep), tuple(drop), least
        self._likely = tuple(dict.fromkeys(label.partition("-")[0] for label in likely if label != "mul"))

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        label, score = detect(words(conversation), self._likely)
        unwanted = (self._keep and not matches(label, self._keep)) or matches(label, self._drop)
        if unwanted or score < self._least:
            return [Reject(Reason.LANGUAGE, f"{label} {score:.2f}")]
        return [replace(conversation, language=label, language_score=score)]


LABELS = (*sorted([*PLAUSIBLE, "zh-Hans", "zh-Hant"]), UNDETERMINED)
"""Every label that a conversation can get."""
