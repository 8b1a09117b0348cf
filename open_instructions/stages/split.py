"""Tokens are counted, and what is over the limit is split between pairs of turns.

Law: every pair of the conversation is in exactly one part or in a Reject; no part is over the
limit; each part begins with the system prompt, if there is one, and then a user turn. Where an
answer is truncated, what stays and the rejected piece are the answer. A part behind a pair that was
over the limit has lost its context and is marked with `gap`; a part that such a pair ended is
`trimmed`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import Literal

from ..preference import Preference, Tokens
from ..schema import Conversation, Message, Reason, Reject
from ..tokens import DEFAULT, tokenizer
from .definition import About, Definition
from .structure import GAP, TRIMMED

TRUNCATED = "truncated_answer"
"""The edit that a truncated answer leaves on its part."""

_CODE = re.compile(
    r"""^(?P<indent>[ \t>]*)(?P<fence>`{3,}|~{3,})[^\n]*  # fenced
         (?:\n.*?)??(?:\n(?P=indent)[ ]{0,3}(?P=fence)[`~]*[ \t]*$|\Z)
      | ^(?:[ ]{4}|\t)[^\n]*(?:\n+(?:[ ]{4}|\t)[^\n]*)*  # indented
      | `[^`\n]+`""",
    re.M | re.S | re.X,
)
_PARAGRAPH = re.compile(r"(?<=\S)[ \t]*\n[ \t]*\n")
_SENTENCE = re.compile(
    r"(?<![\s.][A-Za-z0-9])[.!?…][\"'”’»)\]*_]*(?=\s+[^a-z0-9\s]|\s*\Z)|[。！？｡][”’」』）]*"
)


@dataclass(frozen=True)
class Options:
    """
    tokenizer         what counts tokens
    max_tokens        the limit for a part; 0 does not split
    message_overhead  tokens that a chat template adds to each message, counted against the limit
    overlong          what becomes of a pair that alone is over the limit: reject, or truncate its
                      answer
    gaps              whether what stands behind such a pair stays
    """

    tokenizer: str = DEFAULT
    max_tokens: int = 4096
    message_overhead: int = 4
    overlong: Literal["reject", "truncate"] = "reject"
    gaps: Literal["keep", "reject"] = "keep"


class Split:
    """The stage. `max_tokens` 0 does not split. `overhead` tokens per message stand for the chat
    template.

    A pair that alone is over the limit is rejected, or, with `overlong` truncate, its answer ends
    with the last paragraph, or sentence, that fits. With `gaps` reject, what stands behind a pair
    that was rejected is rejected too.
    """

    name = "split"

    def __init__(
        self,
        tokenizer_name: str,
        max_tokens: int,
        overhead: int,
        overlong: Literal["reject", "truncate"] = "reject",
        gaps: Literal["keep", "reject"] = "keep",
    ) -> None:
        self._count = tokenizer(tokenizer_name).count
        self._limit = max_tokens
        self._overhead = overhead
        self._truncate = overlong == "truncate"
        self._keep_gaps = gaps == "keep"

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        messages = conversation.messages
        counts = [self._count(m.content) for m in messages]
        total = sum(counts)
        if not self._limit or total + self._overhead * len(messages) <= self._limit:
            return [conversation.noting(num_tokens=total)]
        first = int(conversation.has_system)
        system, room = messages[:first], self._limit - sum(counts[:first]) - self._overhead * first
        parts: list[_Part] = []
        rejects: list[Reject] = []
        used, fresh, gap = 0, True, False
        for at in range(first, len(messages), 2):
            user, answer = messages[at : at + 2]
            tokens = counts[at] + counts[at + 1]
            rest: Reject | None = None
            if self._truncate and tokens + 2 * self._overhead > room:
                answer, rest = self._truncated(answer, room - 2 * self._overhead - counts[at])
                tokens = counts[at] + self._count(answer.content)
            size = tokens + 2 * self._overhead
            if size > room:
                detail = f"a turn of {tokens} tokens; the limit is {self._limit}"
                rejects += [Reject(Reason.OVERLONG, detail, m) for m in messages[at : at + 2]]
                if parts and not fresh:
                    parts[-1].note(TRIMMED)
                fresh = gap = True  # what follows lost its context: it begins a part of its own
                continue
            if gap and not self._keep_gaps:
                detail = "it comes after a turn over the limit"
                rejects += [Reject(Reason.GAP, detail, m) for m in messages[at : at + 2]]
                continue
            if fresh or used + size > room:
                parts.append(_Part(sum(counts[:first])))
                if fresh and gap:
                    parts[-1].note(GAP)
                used, fresh = 0, False
            if rest:
                rejects.append(rest)
                parts[-1].note(TRUNCATED)
            parts[-1].add((user, answer), tokens)
            used += size
        if not parts and any(reject.reason == Reason.GAP for reject in rejects):
            return [
                Reject(
                    Reason.GAP,
                    f"all of it comes after a turn over the limit of {self._limit} tokens",
                )
            ]
        if not parts:
            return [
                Reject(
                    Reason.OVERLONG,
                    f"every turn is over the limit of {self._limit} tokens, {total} in all",
                )
            ]
        results: list[Conversation | Reject] = [
            replace(
                conversation,
                id=conversation.id if len(parts) == 1 else f"{conversation.id}#{number}",
                conversation_id=conversation.id,
                messages=(*system, *part.turns),
                num_tokens=part.tokens,
                edits=(
                    *conversation.edits,
                    *(e for e in part.edits if e not in conversation.edits),
                ),
            )
            for number, part in enumerate(parts, 1)
        ]
        return results + rejects

    def pair(self, preference: Preference) -> Preference | Reject:
        """A preference is never split: a prompt without its answers is none."""
        lists = (preference.prompt, preference.chosen, preference.rejected)
        tokens = Tokens(*(sum([self._count(m.content) for m in messages]) for messages in lists))
        messages = max(len(preference.chosen), len(preference.rejected)) + len(preference.prompt)
        total = tokens.prompt + max(tokens.chosen, tokens.rejected)
        if self._limit and total + self._overhead * messages > self._limit:
            detail = f"{total} tokens with the longer answer; the limit is {self._limit}"
            return Reject(Reason.OVERLONG, detail)
        return preference.noting(tokens=tokens)

    def _truncated(self, answer: Message, room: int) -> tuple[Message, Reject | None]:
        """The answer as far as it fits, and what is cut off it; the whole answer where nothing of
        it fits."""
        text = answer.content
        code = [match.span() for match in _CODE.finditer(text)]

        def longest(ends: list[int]) -> int:
            """The last of these places up to which the text fits, 0 for none. Counts grow with the
            text, but for a token or two."""
            low, high = 0, len(ends)
            while low < high:
                middle = (low + high) // 2
                low, high = (
                    (middle + 1, high)
                    if self._count(text[: ends[middle]]) <= room
                    else (low, middle)
                )
            while low and self._count(text[: ends[low - 1]]) > room:
                low -= 1
            if low:
                return ends[low - 1]
            return 0

        def outside(places: list[int]) -> list[int]:
            starts = [start for start, _ in code]
            before = [
                bisect_left(starts, at) for at in places
            ]  # of the code that begins before a place, the last reaches furthest
            return [
                at for at, n in zip(places, before, strict=True) if not n or code[n - 1][1] <= at
            ]

        end = longest(outside([m.start() for m in _PARAGRAPH.finditer(text)]))
        if 2 * self._count(text[:end]) < room:  # a word of greeting is no answer
            end = max(end, longest(outside([m.end() for m in _SENTENCE.finditer(text)])))
        if not text[:end].strip():
            return answer, None
        detail = (
            f"{len(text) - end} of {len(text)} characters, the end of an answer; the limit is"
            f" {self._limit} tokens"
        )
        return answer._replace(content=text[:end]), Reject(
            Reason.CUT_OFF, detail, Message(answer.role, text[end:])
        )


class _Part:
    """A part while it grows."""

    def __init__(self, tokens: int) -> None:
        self.turns: list[Message] = []
        self.tokens = tokens
        self.edits: list[str] = []

    def add(self, pair: tuple[Message, Message], tokens: int) -> None:
        self.turns += pair
        self.tokens += tokens

    def note(self, edit: str) -> None:
        if edit not in self.edits:
            self.edits.append(edit)


def _make(options: Options, about: About) -> Split:
    return Split(
        options.tokenizer,
        options.max_tokens,
        options.message_overhead,
        options.overlong,
        options.gaps,
    )


DEFINITION = Definition(
    Split.name,
    Options,
    (Reason.OVERLONG, Reason.CUT_OFF, Reason.GAP),
    _make,
    splits=True,
)
