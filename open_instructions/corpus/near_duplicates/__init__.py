"""Drops near duplicates: rows that say the same in almost the same words.

sample    rounds 1 and 2: which shingles are common, counted in a sample
bands     round 3: which rows could be alike
compare   round 4: candidates are read again; the verdicts
groups    which pairs are alike, exactly
keep      which row of them stays
shingles  what is compared
signs     what is small and says the opposite

docs/near-duplicates.md says what counts as a near duplicate, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from ...schema import Reason
from ..duplicates import Options as PreferOptions
from ..step import Definition, Round
from .bands import Candidates
from .compare import Compared
from .groups import Alike
from .sample import Counted, Sampled


@dataclass(frozen=True)
class NearDuplicates:
    """
    threshold  how alike two rows have to be, from 0.5 to 1
    scope      compare whole conversations, or keep one answer to each prompt
    within     compare all rows, or only rows of the same source
    """

    SHORT: ClassVar[str] = "threshold"
    threshold: float = 0.7
    scope: Literal["conversation", "prompt"] = "conversation"
    within: Literal["all", "source"] = "all"

    def __post_init__(self) -> None:
        if not 0.5 <= self.threshold <= 1:
            raise ValueError(f"threshold takes a number from 0.5 to 1, not {self.threshold:g}")


@dataclass(frozen=True)
class Options(PreferOptions):
    """
    near_duplicates  drop near duplicates, and which; off unless named
    """

    near_duplicates: NearDuplicates | None = None


@dataclass(frozen=True)
class Step:
    """The step. `sources` are the build's sources, in order of preference."""

    asked: NearDuplicates
    sources: tuple[str, ...]
    name = "near_duplicates"
    reasons = (Reason.NEAR_DUPLICATE, Reason.SHORTER_VERSION)

    @property
    def rounds(self) -> Sequence[Round]:
        prompts_only = self.asked.scope == "prompt"
        threshold = self.asked.threshold
        return (
            Sampled(),
            Counted(prompts_only),
            Candidates(threshold, prompts_only, self.asked.within == "source"),
            Compared(Alike(threshold, prompts_only), self.sources),
        )


def _make(options: Options, sources: Sequence[str]) -> Step | None:
    if options.near_duplicates is None:
        return None
    return Step(options.near_duplicates, tuple(dict.fromkeys([*options.prefer, *sorted(sources)])))


DEFINITION = Definition(Step.name, Options, Step.reasons, _make)
