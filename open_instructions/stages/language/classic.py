"""The language stage with langdetect. A recipe selects it with `detector: langdetect`.

The same sample of words votes. langdetect samples a text's letters at random; here every text gets
the same seed and the same order of languages, so that a text always gets the same label.
docs/development/languages.md compares the detectors.
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
"""The languages that langdetect knows; it splits Chinese into zh-cn and zh-tw."""
LABELS = (*sorted([*LANGUAGES, "zh-Hans", "zh-Hant"]), UNDETERMINED)
"""Every label that a conversation can get."""
_SEED = 0


class ClassicLanguage(Language):
    """The stage. langdetect ignores the languages that a source is known to hold."""

    def _labels(self, conversations: Sequence[Conversation]) -> list[tuple[str, float]]:
        return [detect(words(conversation)) for conversation in conversations]


@cache
def detector_version() -> str:
    """Name and version of the detector, for the manifest."""
    return f"langdetect {version('langdetect')}"


@cache
def _factory() -> Any:
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory

    factory = DetectorFactory()
    # load_profile would take them in the disk's order, and the order decides the last digit of sums
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
    if not found:  # no language is more probable than 0.1
        return UNDETERMINED, 0.0
    label = _language(found[0])
    score = round(sum(each.prob for each in found if _language(each) == label), 2)
    return (script(text) if label == "zh" else label), min(score, 1.0)


def _language(found: Any) -> str:
    return str(found.lang).partition("-")[0]
