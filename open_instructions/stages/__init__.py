"""The cleaning stages, one file each. A stage is a pure function: a conversation -> conversations
and rejects.

structure    drafts become valid conversations
license      a filter by licence where the recipe asks for one
html         HTML turns become the Markdown that they were rendered from
defects      the rules that stand in the source's file
phrases      blocked words, refusals, messages of the service, where a recipe asks for it
language     a label and a score; a filter where the recipe asks for one
split        tokens are counted; what is over the limit is split between pairs of turns
duplicates   the key by which the merge finds equal conversations
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ..schema import Conversation, Reject


class Stage(Protocol):
    """`name` is its place in the ledger."""

    name: str

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]: ...


@runtime_checkable
class BatchStage(Protocol):
    """A stage that takes many conversations at once, where the work underneath is faster that way;
    each still gets the result that it would get alone."""

    name: str

    def batch(self, conversations: Sequence[Conversation]) -> list[list[Conversation | Reject]]: ...
