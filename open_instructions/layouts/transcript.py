"""A conversation in one text, with markers of who speaks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from ..schema import ASSISTANT, Draft, Reason, Record, Reject
from .chats import SYSTEMS
from .context import Entries, conversation, differ, filled
from .layout import Layout, LayoutExample, LayoutOptions
from .tools import TOOL_KEYS
from .turns import Turns, begins_as_turns, turns_of

_TEXTS = ("text", "chat", "conversation", "conversations", "dialogue", "dialog", "transcript")
_CALL_MARK = "<functioncall>"
_SYSTEM_MARK = "SYSTEM:"
"""What Glaive writes before a system prompt in a field of its own."""


def opened_prompt(text: str) -> Entries | None:
    """The entries of a prompt that is a transcript up to where the assistant would speak; None for
    any other prompt.

    >>> prompt = "Human: Hi\\n\\nAssistant: Hello.\\n\\nHuman: Bye\\n\\nAssistant:"
    >>> [entry["content"] for entry in opened_prompt(prompt)]
    ['Hi', 'Hello.', 'Bye']
    """
    turns = turns_of(text) if begins_as_turns(text) else None
    if not isinstance(turns, Turns) or not turns.waits:
        return None
    return turns.entries[:-1]


def _fits(record: Record, options: LayoutOptions) -> bool:
    return bool(_transcripts(record))


def _transcripts(record: Record) -> list[str]:
    names = [n for n in _TEXTS if n in record and isinstance(record[n], str)]
    return [name for name in names if begins_as_turns(record[name])]


def _read(record: Record, options: LayoutOptions) -> tuple[Draft | Reject]:
    names = filled(record, _transcripts(record))
    if len(names) != 1:
        return (differ(names) if names else Reject(Reason.UNKNOWN_LAYOUT, "no transcript"),)
    (name,) = names
    turns = turns_of(record[name])
    if turns is None or isinstance(turns, Reject):
        return (turns or Reject(Reason.UNKNOWN_LAYOUT, "no transcript"),)
    entries = [_with_call(entry) for entry in turns.entries]
    draft = conversation(_without_mark(record), entries, name, options)
    return (draft if isinstance(draft, Reject) else replace(draft, used=(name, *draft.used)),)


def _with_call(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of the assistant's with the call that Glaive writes at its end."""
    text, mark, body = entry["content"].partition(_CALL_MARK)
    if not mark or entry["role"] != ASSISTANT or not body.lstrip().startswith("{"):
        return entry
    return {"role": ASSISTANT, "content": text.strip(), "tool_calls": [_as_json(body.strip())]}


def _as_json(call: str) -> str:
    """A call as JSON; Glaive puts the JSON of arguments between single quotes."""
    head, quote, rest = call.partition("'")
    if not quote or not rest.endswith("'}"):
        return call
    return head + json.dumps(rest.removesuffix("'}"), ensure_ascii=False) + "}"


def _without_mark(record: Record) -> Record:
    marked = {
        name: text.lstrip().removeprefix(_SYSTEM_MARK).lstrip()
        for name in SYSTEMS
        if isinstance(text := record.get(name), str) and text.lstrip().startswith(_SYSTEM_MARK)
    }
    return {**record, **marked} if marked else record


TRANSCRIPT = Layout(
    "transcript",
    "One text with markers of who speaks.",
    {"text": _TEXTS, "system": SYSTEMS, "tools": TOOL_KEYS},
    _fits,
    _read,
    (
        LayoutExample(
            {"text": "### Human: Is ice lighter than water?### Assistant: Yes, it floats."},
            ((("user", "Is ice lighter than water?"), ("assistant", "Yes, it floats.")),),
        ),
        LayoutExample(
            {"text": "Human: A colour?\n\nAssistant: Blue.\n\nHuman: Another.\n\nAssistant: Red."},
            (
                (
                    ("user", "A colour?"),
                    ("assistant", "Blue."),
                    ("user", "Another."),
                    ("assistant", "Red."),
                ),
            ),
        ),
        LayoutExample(
            {"text": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
             "<|im_start|>assistant\nHello.<|im_end|>\n"},
            ((("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello.")),),
        ),
        LayoutExample(
            {"text": "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello. </s>"},
            ((("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello.")),),
        ),
        LayoutExample(
            {"text": "User: Hi\nAssistant: Yes?\n\nUser: Bye\n\nAssistant: Bye."},
            ((("user", "Hi"), ("assistant", "Yes?"), ("user", "Bye"), ("assistant", "Bye.")),),
        ),
        LayoutExample(
            {"text": "User: Write a dialogue.\n\nAssistant: Here:\nUser: Hi\nAssistant: Hello."},
            (Reason.AMBIGUOUS_LAYOUT,),
        ),
    ),
)  # fmt: skip
