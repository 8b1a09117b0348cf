"""A recipe's `gaps: reject`: conversations from whose middle a message was taken out are rejected
as a whole."""

from __future__ import annotations

from ..schema import Conversation, Reason, Reject
from .structure import GAP


class Gaps:
    """The stage. It stands behind all that can take a message out; `split` looks after the gaps
    that it makes itself."""

    name = "gaps"

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        if GAP in conversation.edits:
            return [Reject(Reason.GAP, "a message was taken out between two that stay")]
        return [conversation]
