"""What a recipe rejects for its wording: blocked words, refusals, service messages, and
conversations of a few characters.

Only answers are searched, without the code and addresses in them: `import openai` is not talk about
OpenAI. Words and phrases match whole words only. Case, white space and the kind of apostrophe do
not matter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from ..schema import ASSISTANT, Conversation, Message, Reason, Reject
from .definition import About, Definition
from .prose import prose
from .structure import replace_content

REFUSALS, SERVICE_MESSAGES = "refusals", "service_messages"
LISTS = (REFUSALS, SERVICE_MESSAGES)
"""The phrase lists that ship with the package, configs/phrases/NAME.yaml."""

_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u200d\u2060\ufeff]")
_RANGES = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_UNSPACED = re.compile(f"[{_RANGES}]")
_SAME = (("’", "'"), ("‘", "'"), ("´", "'"), ("\u2010", "-"), ("\u2011", "-"))
_EDGES = re.compile(r"^\W+|(?<!\W)\W+$")
_SPELT_OUT = re.compile("([\ufdfa\ufdfb])")
"""Two Arabic ligatures that NFKC would expand to 18 and 8 letters. They stay as they are."""
_MARKS_IN_A_ROW = 30
"""No letter of any language has more combining marks than this (UAX 15), and sorting them takes
quadratic time."""


@dataclass(frozen=True)
class Options:
    """
    blocked_words  reject a conversation with one of these words or phrases in an answer, outside
                   code
    phrases        phrase lists to reject by: refusals (the conversation), service_messages (the
                   turn)
    min_chars      reject a conversation with fewer characters in all
    """

    blocked_words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    min_chars: int = 0


class Phrases:
    """The stage. Rejects a conversation with a blocked word or a refusal in an answer, or with
    fewer than `min_chars` characters in all. Rejects a turn whose whole answer is a service
    message."""

    name = "phrases"

    def __init__(
        self, blocked_words: Sequence[str] = (), lists: Sequence[str] = (), min_chars: int = 0
    ) -> None:
        self._words = [("", _plain(word)) for word in blocked_words]
        self._refusals = phrases(REFUSALS) if REFUSALS in lists else []
        self._messages = (
            {_EDGES.sub("", phrase) for _, phrase in phrases(SERVICE_MESSAGES)}
            if SERVICE_MESSAGES in lists
            else set()
        )
        self._keys = {max(phrase.split(), key=len) for _, phrase in [*self._words, *self._refusals]}
        self._min_chars = min_chars

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        if self._words or self._refusals:
            for index, message in enumerate(conversation.messages):
                if message.role == ASSISTANT and (found := self._said(message.content)):
                    reason, language, phrase = found
                    where = f"{phrase!r} in message {index}"
                    if language:
                        where += f" ({language})"
                    return [Reject(reason, where)]
        results: list[Conversation | Reject] = [conversation]
        if self._messages:
            results = self._without_messages(conversation)
        if self._min_chars and isinstance(results[0], Conversation):
            chars = sum([len(m.content) for m in results[0].messages])
            if chars < self._min_chars:
                return [
                    Reject(
                        Reason.TOO_SHORT,
                        f"{chars} characters in all; the minimum is {self._min_chars}",
                    )
                ]
        return results

    def _said(self, content: str) -> tuple[Reason, str, str] | None:
        """The first known phrase in an answer's prose: the reason to reject it, its language, and
        the phrase."""
        folded = _folded(content)
        for word in self._keys:  # a quick test: most answers hold no word of any phrase
            if word in folded:
                break
        else:
            return None
        text = " ".join(folded.split())
        for reason, known in ((Reason.BLOCKED_WORD, self._words), (Reason.REFUSAL, self._refusals)):
            for language, phrase in known:
                if phrase in text and _whole(
                    phrase, _plain(prose(content))
                ):  # slow, so only where the quick test found the phrase
                    return reason, language, phrase
        return None

    def _without_messages(self, conversation: Conversation) -> list[Conversation | Reject]:
        refused = [
            m
            for m in conversation.messages
            if m.role == ASSISTANT and len(m.content) < 200 and self._is_message(m)
        ]
        if not refused:
            return [conversation]
        results = replace_content(
            conversation, [m for m in conversation.messages if m not in refused], ()
        )
        if isinstance(results[0], Reject):
            return [Reject(Reason.SERVICE_MESSAGE, "no answers but messages of the service")]
        return [
            *results,
            *(Reject(Reason.SERVICE_MESSAGE, "not an answer of the model", m) for m in refused),
        ]

    def _is_message(self, message: Message) -> bool:
        return _EDGES.sub("", _plain(message.content)) in self._messages


def _plain(text: str) -> str:
    """Text in the form in which it is compared: one form of each character, lower case, nothing
    invisible, single spaces."""
    return " ".join(_folded(text).split())


def _folded(text: str) -> str:
    """The same as `_plain`, but with the original white space."""
    if text.isascii():
        return text.lower()
    seen = _marks().sub(r"\1", _alike(_INVISIBLE.sub("", text)))
    parts = _SPELT_OUT.split(seen)
    parts[::2] = [unicodedata.normalize("NFKC", part) for part in parts[::2]]
    return _alike("".join(parts).casefold())


@cache
def _marks() -> re.Pattern[str]:
    """Matches more combining marks than a letter can have; the group holds those that it can."""
    found = [
        c
        for c in map(chr, range(0x110000))
        if all(map(unicodedata.combining, unicodedata.normalize("NFKD", c)))
    ]
    return re.compile(f"([{''.join(found)}]{{{_MARKS_IN_A_ROW}}})[{''.join(found)}]+")


def _alike(text: str) -> str:
    """The same as `str.translate`, but faster: translate looks up each character."""
    for character, plain in _SAME:
        text = text.replace(character, plain)
    return text


def _whole(phrase: str, text: str) -> bool:
    """Does the text contain the phrase as whole words? In scripts without spaces between words, any
    occurrence counts."""
    start = "" if _UNSPACED.match(phrase[0]) else rf"(?<![^\W{_RANGES}])"
    end = "" if _UNSPACED.match(phrase[-1]) else rf"(?![^\W{_RANGES}])"
    return re.search(start + re.escape(phrase) + end, text) is not None


@cache
def phrases(name: str) -> list[tuple[str, str]]:
    """(language, phrase) of a list that ships with the package.

    >>> ("en", "as an ai language model") in phrases("refusals")
    True
    """
    text = (
        files("open_instructions.configs")
        .joinpath(f"phrases/{name}.yaml")
        .read_text(encoding="utf-8")
    )
    return [
        (language, _plain(phrase))
        for language, known in yaml.safe_load(text).items()
        for phrase in known
    ]


def _make(options: Options, about: About) -> Phrases:
    return Phrases(options.blocked_words, options.phrases, options.min_chars)


DEFINITION = Definition(
    Phrases.name,
    Options,
    (Reason.BLOCKED_WORD, Reason.REFUSAL, Reason.SERVICE_MESSAGE, Reason.TOO_SHORT),
    _make,
)
