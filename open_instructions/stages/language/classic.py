"""The language stage with langdetect: `detector: langdetect` in a recipe asks for it.

The same sample of words votes. langdetect draws at random which of a text's letters it looks at;
here from the same seed for each text, with its languages in the same order, so that a text has one
answer. docs/languages.md compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...schema import Conversation
from . import UNDETERMINED, Language, script
from .votes import words

LANGUAGES = (  # noqa: SIM905
    "af ar bg bn ca cs cy da de el en es et fa fi fr gu he hi hr hu id it ja kn ko lt lv mk ml mr "
    "ne nl no pa pl pt ro ru sk sl so sq sv sw ta te th tl tr uk ur vi zh"
).split()
"""Those that langdetect tells apart; it has Chinese as zh-cn and zh-tw."""
LABELS = (*sorted([*LANGUAGES, "zh-Hans", "zh-Hant"]), UNDETERMINED)
"""Every label that a conversation can get."""
_SEED = 0


class ClassicLanguage(Language):
    """The stage. What a source is known for makes no difference to langdetect."""

    def _labels(self, conversations: Sequence[Conversation]) -> list[tuple[str, float]]:
        return [detect(words(conversation)) for conversation in conversations]


@cache
def detected_by() -> str:
    """Name and version of what detects, for the manifest."""
    return f"langdetect {version('langdetect')}"


@cache
def _factory() -> Any:
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory

    factory = DetectorFactory()
    # load_profile takes them as the disk has them, and the order decides the last digit of sums
    profiles = sorted(path for path in Path(PROFILES_DIRECTORY).iterdir() if path.is_file())
    factory.load_json_profile([path.read_text(encoding="utf-8") for path in profiles])
    factory.set_seed(_SEED)
    return factory


def detect(text: str) -> tuple[str, float]:
    """Label and score (0 to 1, two digits) of a text; `und` where langdetect refuses it.

    >>> detect("The cat sat on the mat and looked at the rain."), detect("12 + 30 = 42")
    (('en', 1.0), ('und', 0.0))
    """
    from langdetect import LangDetectException

    given = _factory().create()
    given.append(text)
    try:
        found = given.get_probabilities()
    except LangDetectException:
        return UNDETERMINED, 0.0
    if not found:  # nothing is more probable than a tenth
        return UNDETERMINED, 0.0
    label = _language(found[0])
    score = round(sum(each.prob for each in found if _language(each) == label), 2)
    return (script(text) if label == "zh" else label), min(score, 1.0)


def _language(found: Any) -> str:
    return str(found.lang).partition("-")[0]
