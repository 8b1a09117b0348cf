"""Counts tokens, and splits conversations over the limit between turns.

Law: every turn of the conversation is in exactly one part or rejected, as a whole, with its tool
calls and their results; no part is over the limit; each part begins with the system prompt, if
there is one, and then a user message. A truncated answer is the text that stays plus the rejected
piece. A part after a turn over the limit has lost its context and is marked `gap`; a part before
such a turn is marked `trimmed`.

The tokens of a message are those of its content, its calls as JSON and its reasoning. The
definitions of tools count in each part.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..message import next_user
from ..preference import Preference, Tokens
from ..schema import Conversation, Message, Reason, Reject
from ..tokens import DEFAULT, message_tokens, tokenizer
from .definition import About, Definition
from .structure import GAP, TRIMMED

TRUNCATED = "truncated_answer"
"""The edit that marks a part with a truncated answer."""

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
    overlong          what to do with a single turn over the limit: reject it, or truncate its
                      answer
    gaps              whether to keep the turns after it
    """

    tokenizer: str = DEFAULT
    max_tokens: int = 4096
    message_overhead: int = 4
    overlong: Literal["reject", "truncate"] = "reject"
    gaps: Literal["keep", "reject"] = "keep"


class Split:
    """The stage. `max_tokens` 0 does not split. `overhead` is the number of tokens that the chat
    template adds to each message.

    A single turn over the limit is rejected or, with `overlong` truncate, its answer ends with the
    last paragraph or sentence that fits. With `gaps` reject, the turns after a rejected one are
    rejected too.
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
        count = self._count
        counts = [message_tokens(count, m) if m.fields else count(m.content) for m in messages]
        tools = self._count(conversation.tools) if conversation.tools else 0
        total = sum(counts) + tools
        if not self._limit or total + self._overhead * len(messages) <= self._limit:
            return [conversation.noting(num_tokens=total)]
        parts, rejects = self._divided(conversation, counts, tools)
        if not parts:
            return [self._nothing_left(rejects, total)]
        return [*_conversations(conversation, parts), *rejects]

    def _divided(
        self, conversation: Conversation, counts: list[int], tools: int
    ) -> tuple[list[_Part], list[Reject]]:
        """The parts of a conversation over the limit, and the messages that are in none of them.
        `counts` has the tokens of each message, `tools` are those of the tools."""
        messages = conversation.messages
        first = int(conversation.has_system)
        given = sum(counts[:first]) + tools  # in each part
        room = self._limit - given - self._overhead * first
        parts: list[_Part] = []
        rejects: list[Reject] = []
        used, fresh, gap = 0, True, False
        for at, end in _turns(messages, first):
            turn = messages[at:end]
            tokens = sum(counts[at:end])
            overhead = len(turn) * self._overhead
            rest: Reject | None = None
            if self._truncate and tokens + overhead > room:
                turn, tokens, rest = self._fitted(turn, tokens, room - overhead)
            size = tokens + overhead
            if size > room:
                detail = f"a turn of {tokens} tokens; the limit is {self._limit}"
                rejects += [Reject(Reason.OVERLONG, detail, m) for m in messages[at:end]]
                if parts and not fresh:
                    parts[-1].note(TRIMMED)
                fresh = gap = True  # what follows lost its context: it begins a part of its own
                continue
            if gap and not self._keep_gaps:
                detail = "it comes after a turn over the limit"
                rejects += [Reject(Reason.GAP, detail, m) for m in messages[at:end]]
                continue
            if fresh or used + size > room:
                parts.append(_Part(given))
                if fresh and gap:
                    parts[-1].note(GAP)
                used, fresh = 0, False
            if rest:
                rejects.append(rest)
                parts[-1].note(TRUNCATED)
            parts[-1].add(turn, tokens)
            used += size
        return parts, rejects

    def _nothing_left(self, rejects: list[Reject], total: int) -> Reject:
        """The one Reject for a conversation of `total` tokens of which no turn stays."""
        if any(reject.reason == Reason.GAP for reject in rejects):
            detail = f"all of it comes after a turn over the limit of {self._limit} tokens"
            return Reject(Reason.GAP, detail)
        detail = f"every turn is over the limit of {self._limit} tokens, {total} in all"
        return Reject(Reason.OVERLONG, detail)

    def _fitted(
        self, turn: tuple[Message, ...], tokens: int, room: int
    ) -> tuple[tuple[Message, ...], int, Reject | None]:
        """A turn with its answer truncated to what fits, its tokens, and a Reject with the rest.
        Calls are not truncated."""
        *before, answer = turn
        if answer.calls:
            return turn, tokens, None
        others = tokens - self._count(answer.content)
        answer, rest = self._truncated(answer, room - others)
        return (*before, answer), others + self._count(answer.content), rest

    def pair(self, preference: Preference) -> Preference | Reject:
        """A preference is never split: a prompt without its answers is none."""
        lists = (preference.prompt, preference.chosen, preference.rejected)
        prompt, chosen, rejected = map(self._tokens, lists)
        tools = self._count(preference.tools) if preference.tools else 0
        tokens = Tokens(prompt + tools, chosen, rejected)
        messages = max(len(preference.chosen), len(preference.rejected)) + len(preference.prompt)
        total = tokens.prompt + max(tokens.chosen, tokens.rejected)
        if self._limit and total + self._overhead * messages > self._limit:
            detail = f"{total} tokens with the longer answer; the limit is {self._limit}"
            return Reject(Reason.OVERLONG, detail)
        return preference.noting(tokens=tokens)

    def _tokens(self, messages: Sequence[Message]) -> int:
        return sum([message_tokens(self._count, message) for message in messages])

    def _truncated(self, answer: Message, room: int) -> tuple[Message, Reject | None]:
        """The part of the answer that fits, and a Reject with the rest; the whole answer if no part
        of it fits."""
        text = answer.content
        code = [match.span() for match in _CODE.finditer(text)]

        def longest(ends: list[int]) -> int:
            """The last of these ends up to which the text fits, 0 if none does. Counts grow with
            the text, give or take a token or two."""
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
            ]  # of the code that begins before a place, the last piece reaches furthest
            return [
                at for at, n in zip(places, before, strict=True) if not n or code[n - 1][1] <= at
            ]

        end = longest(outside([m.start() for m in _PARAGRAPH.finditer(text)]))
        if 2 * self._count(text[:end]) < room:  # a greeting alone is not an answer
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


def _turns(messages: Sequence[Message], at: int) -> Iterator[tuple[int, int]]:
    """Where each turn begins and ends."""
    while at < len(messages):
        end = next_user(messages, at + 1)
        yield at, end
        at = end


class _Part:
    """A part under construction."""

    def __init__(self, tokens: int) -> None:
        self.messages: list[Message] = []
        self.tokens = tokens
        self.edits: list[str] = []

    def add(self, turn: Sequence[Message], tokens: int) -> None:
        self.messages += turn
        self.tokens += tokens

    def note(self, edit: str) -> None:
        if edit not in self.edits:
            self.edits.append(edit)


def _conversations(conversation: Conversation, parts: list[_Part]) -> Iterator[Conversation]:
    """A conversation for each part, with the system prompt and the earlier edits."""
    system = conversation.messages[: int(conversation.has_system)]
    for number, part in enumerate(parts, 1):
        yield replace(
            conversation,
            id=conversation.id if len(parts) == 1 else f"{conversation.id}#{number}",
            conversation_id=conversation.id,
            messages=(*system, *part.messages),
            num_tokens=part.tokens,
            edits=(*conversation.edits, *(e for e in part.edits if e not in conversation.edits)),
        )


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
