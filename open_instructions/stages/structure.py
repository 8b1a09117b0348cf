"""Drafts become valid conversations: roles in turn, nothing empty, text that UTF-8 can hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..schema import Message, Reject, encodable, pair_up, whole_record

_SURROGATE = re.compile("[\ud800-\udfff]")
LONE_SURROGATE = "lone_surrogate"
"""The edit where half of a surrogate pair (a broken emoji, mostly) became U+FFFD: no UTF-8 file can hold it."""


def structure(messages: Sequence[Message]) -> tuple[tuple[Message, ...], list[Reject], tuple[str, ...]]:
    """The messages that make a conversation, rejects for all others, and the edits that were needed.

    No messages and one whole-record Reject where no pair of turns is left.

    >>> structure([Message("user", "Hi"), Message("assistant", "")])[1][0].reason.value
    'no_answer'
    """
    edits: tuple[str, ...] = ()
    for message in messages:
        if not encodable(message.content):
            messages = [m._replace(content=_SURROGATE.sub("\ufffd", m.content)) for m in messages]
            edits = (LONE_SURROGATE,)
            break
    kept, rejects = pair_up(messages)
    if len(kept) < 2:  # nothing, or a system prompt alone
        return (), [whole_record(messages)], edits
    return kept, rejects, edits
