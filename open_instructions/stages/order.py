"""The stages, in the one order in which records meet them.

To add one: its file, a line here, its reasons in `schema.Reason`. A recipe has the keys of its
options as soon as they stand in the bases of `Recipe`.
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
    """As the ledger has them. The converter stands between the rules on records and the rest."""
    before = [stage.name for stage in STAGES if stage.takes == "record"]
    behind = [stage.name for stage in STAGES if stage.takes != "record"]
    return (*before, "convert", *behind)
