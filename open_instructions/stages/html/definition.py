"""The HTML stage's entry in the list of stages, with the converter that a recipe selects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...schema import Reason
from ..definition import About, Definition, Stage
from . import Html
from .classic import ClassicHtml


@dataclass(frozen=True)
class Options:
    """html  turn HTML into Markdown, with the native converter or with markdownify; true is native,
    false is off"""

    html: Literal["native", "markdownify", "off"] = "native"


def _make(options: Options, about: About) -> Stage | None:
    if options.html == "off":
        return None
    if options.html == "native":
        return Html()
    return ClassicHtml()


DEFINITION = Definition(
    Html.name,
    Options,
    (Reason.INVALID_HTML, Reason.TOO_LARGE),
    _make,
)
