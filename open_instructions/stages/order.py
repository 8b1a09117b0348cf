"""The stages, in the order in which they run.

To add one, write its file, add a line here, and add its reasons to `reasons.Reason`. Recipes get
the keys of its options when its Options class becomes a base of `Recipe`.
"""

from __future__ import annotations

from . import defects, gaps, license, phrases, record_rules, split, structure
from .definition import Definition
from .html.definition import DEFINITION as HTML
from .language.definition import DEFINITION as LANGUAGE

STAGES: list[Definition] = [
    record_rules.DEFINITION,
    structure.DEFINITION,
    license.DEFINITION,
    HTML,
    defects.DEFINITION,
    phrases.DEFINITION,
    gaps.DEFINITION,
    LANGUAGE,
    split.DEFINITION,
]


def names() -> tuple[str, ...]:
    """The names in the ledger. The converter runs between the rules on records and the rest."""
    before = [stage.name for stage in STAGES if stage.takes == "record"]
    after = [stage.name for stage in STAGES if stage.takes != "record"]
    return (*before, "convert", *after)
