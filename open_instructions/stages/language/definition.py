"""The language stage's entry in the list of stages, with the detector that a recipe selects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...schema import Reason
from ..definition import About, BatchStage, Definition
from . import Language
from .classic import ClassicLanguage


@dataclass(frozen=True)
class Options:
    """
    languages           keep only these (BCP 47; `zh` takes zh-Hans and zh-Hant); empty keeps all
    not_languages       drop these
    min_language_score  drop conversations with a lower score
    detector            which detector to use: the native one, or langdetect
    """

    languages: tuple[str, ...] = ()
    not_languages: tuple[str, ...] = ()
    min_language_score: float = 0.0
    detector: Literal["native", "langdetect"] = "native"


def _make(options: Options, about: About) -> BatchStage:
    stage = Language if options.detector == "native" else ClassicLanguage
    return stage(
        options.languages, about.languages, options.not_languages, options.min_language_score
    )


DEFINITION = Definition(Language.name, Options, (Reason.LANGUAGE,), _make, sides=("chosen",))
