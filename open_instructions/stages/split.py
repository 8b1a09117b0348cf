"""Tokens are counted, and what is over the limit is split between pairs of turns.

Law: every pair of the conversation is in exactly one part or in a Reject; no part is over the limit; each part begins
with the system prompt, if there is one, and then a user turn.
"""

from __future__ import annotations

from dataclasses import replace

from ..schema import Conversation, Message, Reason, Reject
from ..tokens import tokenizer


class Split:
    """The stage. `max_tokens` 0 does not split. `overhead` tokens per message stand for the chat template."""

    name = "split"
    version = 1

    def __init__(self, tokenizer_name: str, max_tokens: int, overhead: int) -> None:
        self._count = tokenizer(tokenizer_name).count
        self._limit = max_tokens
        self._overhead = overhead

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        messages = conversation.messages
        counts = [self._count(m.content) for m in messages]
        total = sum(counts)
        if not self._limit or total + self._overhead * len(messages) <= self._limit:
            return [replace(conversation, num_tokens=total)]
        first = int(conversation.has_system)
        system, room = messages[:first], self._limit - sum(counts[:first]) - self._overhead * first
        parts: list[tuple[list[Message], int]] = []
        rejects: list[Reject] = []
        used, fresh = 0, True
        for at in range(first, len(messages), 2):
            tokens = counts[at] + counts[at + 1]
            size = tokens + 2 * self._overhead
            if size > room:
                detail = f"a pair of {tokens} tokens, the limit is {self._limit}"
                rejects += [Reject(Reason.OVERLONG, detail, m) for m in messages[at : at + 2]]
                fresh = True  # what follows lost its context: it begins a part of its own
                continue
            if fresh or used + size > room:
                parts.append(([], sum(counts[:first])))
                used, fresh = 0, False
            turns, so_far = parts[-1]
            turns += messages[at : at + 2]
            parts[-1] = (turns, so_far + tokens)
            used += size
        if not parts:
            return [Reject(Reason.OVERLONG, f"every pair is over the limit of {self._limit} tokens, {total} in all")]
        results: list[Conversation | Reject] = [
            replace(
                conversation,
                id=conversation.id if len(parts) == 1 else f"{conversation.id}#{number}",
                conversation_id=conversation.id,
                messages=(*system, *turns),
                num_tokens=tokens,
            )
            for number, (turns, tokens) in enumerate(parts, 1)
        ]
        return results + rejects
