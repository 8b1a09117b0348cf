"""A recipe's `gaps: reject`: rejects every conversation that lost a message from its middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..schema import Conversation, Reason, Reject
from .definition import About, Definition
from .structure import GAP


@dataclass(frozen=True)
class Options:
    """gaps  whether to keep a conversation that lost a message from its middle"""

    gaps: Literal["keep", "reject"] = "keep"


class Gaps:
    """The stage. It runs after every stage that can take a message out, except `split`, which
    handles the gaps that it makes itself."""

    name = "gaps"

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        if GAP in conversation.edits:
            return [Reject(Reason.GAP, "a message was taken out between two that stay")]
        return [conversation]


def _make(options: Options, about: About) -> Gaps | None:
    if options.gaps == "reject":
        return Gaps()
    return None


DEFINITION = Definition(Gaps.name, Options, (Reason.GAP,), _make)
