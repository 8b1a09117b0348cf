"""What a licence allows, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

UNSTATED = "LicenseRef-Unstated"
"""The licence of records of which nobody states one."""
INTERNAL = "LicenseRef-Internal"
"""The licence of records that are not to be passed on."""


class Use(StrEnum):
    """What something may be used for, the freest first: where nobody can say, nothing is granted at
    all."""

    ANY = "any"
    NONCOMMERCIAL = "non-commercial"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Terms:
    """What a licence, or the maker of an engine, says. `attribution`: name the authors;
    `share_alike`: pass on under the same terms."""

    use: Use
    why: str
    attribution: bool = False
    share_alike: bool = False
