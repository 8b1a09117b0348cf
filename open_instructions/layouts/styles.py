"""The styles in which a conversation is written into one text: what marks who speaks.

A style is either of tokens, which stand nowhere else, or of words ("Human:"), for which the place
decides whether they are a marker.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

BEGIN = re.compile(r"\s*+(?:(?:<s>|<bos>|<\|begin_of_text\|>)\s*+)?")
"""What may stand before the first marker."""
ENDS = ("</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>")
"""What a tokenizer wrote behind an answer."""
CALLS = ("[TOOL_CALLS]", "<|python_tag|>")
"""Tokens before calls, in forms that are not read."""
MORE = "more"
"""The role of what is added to the user's message before it."""


_NONE: Mapping[str, str] = MappingProxyType({})


class Style(NamedTuple):
    """A style.

    name     what messages call it
    begins   matches the first marker
    markers  finds all: group `role` says who speaks, without it a message ends there
    worded   whether its markers are words
    roles    the roles of words that are not a role's usual name
    """

    name: str
    begins: re.Pattern[str]
    markers: re.Pattern[str]
    worded: bool
    roles: Mapping[str, str] = _NONE


def _words(name: str, around: str, **roles: str) -> Style:
    """A style of words, with `{}` where the word stands in its marker."""
    words = {word.replace("_", " "): role for word, role in roles.items()}
    marker = re.compile(around.format(f"(?P<role>{'|'.join(words)})"))
    return Style(name, marker, marker, True, words)


def _tokens(name: str, start: str, end: str) -> Style:
    return Style(name, re.compile(start), re.compile(f"{start}|{end}"), False)


_HASHES, _PLAIN = r"###? ?{}:", r"(?<![\w<#*'\"]){}:"
STYLES = (
    _tokens("ChatML", r"<\|im_start\|> ?(?P<role>\w{1,20})\n?", r"<\|im_end\|>"),
    _tokens(
        "Llama 3",
        r"<\|start_header_id\|>(?P<role>\w{1,20})<\|end_header_id\|>",
        r"<\|eot_id\|>|<\|eom_id\|>|<\|end_of_text\|>",
    ),
    _tokens("Gemma", r"<start_of_turn>(?P<role>\w{1,20})\n?", r"<end_of_turn>"),
    _tokens(
        "Zephyr",
        r"<\|(?P<role>user|assistant|system|observation)\|>",
        r"</s>|<\|end\|>|<\|endoftext\|>",
    ),
    Style(
        "Llama 2 and Mistral",
        re.compile(r"(?P<role>\[INST\])"),
        re.compile(r"(?P<role>\[/?INST\])|</?s>"),
        False,
        {"[INST]": "user", "[/INST]": "assistant"},
    ),
    _words("### Human", _HASHES, Human="user", User="user", Assistant="assistant", System="system"),
    _words("### Instruction", _HASHES, Instruction="user", Input=MORE, Response="assistant"),
    _words("### Question", _HASHES, Question="user", Answer="assistant"),
    _words("Human", _PLAIN, Human="user", Assistant="assistant", AI="assistant", System="system"),
    _words("User", _PLAIN, User="user", Assistant="assistant", System="system"),
    _words(
        "USER",
        _PLAIN,
        USER="user",
        ASSISTANT="assistant",
        SYSTEM="system",
        FUNCTION_RESPONSE="tool",
    ),
    _words("<human>", "{}:", **{"<human>": "user", "<bot>": "assistant"}),
)
PREAMBLES = {
    "Below is an instruction": ("### Instruction",),
    "A chat between ": ("USER", "### Human"),
}
"""How the system prompts of templates begin that stand before the first marker without one of their
own, and the styles of those templates."""
PREAMBLE_ENDS = 2_000
"""In characters: the first marker is not further away."""
