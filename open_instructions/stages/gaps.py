"""A recipe's `gaps: reject`: conversations from whose middle a message was taken out are rejected
as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..schema import Conversation, Reason, Reject
from .definition import About, Definition
from .structure import GAP


@dataclass(frozen=True)
class Options:
    """gaps  whether a conversation stays from whose middle a message was taken out"""

    gaps: Literal["keep", "reject"] = "keep"


class Gaps:
    """The stage. It stands behind all that can take a message out; `split` looks after the gaps
    that it makes itself."""

    name = "gaps"

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        if GAP in conversation.edits:
            return [Reject(Reason.GAP, "a message was taken out between two that stay")]
        return [conversation]


def _make(options: Options, about: About) -> Gaps | None:
    return Gaps() if options.gaps == "reject" else None


DEFINITION = Definition(Gaps.name, Options, (Reason.GAP,), _make)
