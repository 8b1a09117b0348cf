"""ShareGPT's layout and its kin: a list of turns under `conversations` or a like name.

{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]}
{"conversation": [{"human": "Hi", "assistant": "Hello."}]}
{"conversations": ["Hi", "Hello."]}
"""

from __future__ import annotations

from typing import Any

from ..schema import ASSISTANT, SYSTEM, USER, Draft, Reason, Record, Reject
from .chats import SYSTEMS, read_list
from .embedded import holds_objects, opened_list, opened_object
from .layout import Layout, LayoutExample, LayoutOptions
from .literals import listed
from .tools import TOOL_KEYS
from .turns import begins_as_turns

_LISTS = ("conversations", "conversation", "dialog", "dialogue", "chat")
_SIDES = {
    SYSTEM: ("system",),
    USER: ("human", "user", "input", "prompt", "question", "query", "instruction"),
    ASSISTANT: ("assistant", "gpt", "bot", "output", "response", "answer"),
}
"""What an object with both sides of a turn calls them."""


def _fits(record: Record, options: LayoutOptions) -> bool:
    return _list(record) is not None or _texts(record) is not None


def _list(record: Record) -> str | None:
    return next((key for key in _LISTS if holds_objects(record.get(key))), None)


def _texts(record: Record) -> list[str] | None:
    """A list of plain texts, as LIMA has it: the user and the assistant in turn."""
    found = opened_list(record.get(_LISTS[0]))
    return found if found and all(isinstance(text, str) for text in found) else None


def _read_texts(record: Record, texts: list[str], options: LayoutOptions) -> Draft | Reject:
    if any(opened_object(text) is not None or begins_as_turns(text) for text in texts):
        detail = "a list of texts that say themselves who speaks"
        return Reject(Reason.AMBIGUOUS_LAYOUT, detail)
    entries = [
        {"role": ASSISTANT if number % 2 else USER, "content": text}
        for number, text in enumerate(texts)
    ]
    return read_list(record, _LISTS[0], entries, options)


def _read(record: Record, options: LayoutOptions) -> tuple[Draft | Reject]:
    texts = _texts(record)
    if texts is not None:
        return (_read_texts(record, texts, options),)
    key = _list(record) or _LISTS[0]
    turns = listed(record.get(key))
    if turns and isinstance(turns[0], dict) and _sides(turns[0]):
        turns = [entry for turn in turns for entry in _apart(turn)]
    return (read_list(record, key, turns, options),)


def _sides(turn: Any) -> dict[str, str]:
    """The fields of both sides in an object, and perhaps of a system prompt; {} where it is not a
    pair."""
    if not isinstance(turn, dict):
        return {}
    found = {role: [name for name in names if name in turn] for role, names in _SIDES.items()}
    if len(found[USER]) == len(found[ASSISTANT]) == 1:
        return {role: names[0] for role, names in found.items() if names}
    return {}


def _apart(turn: Any) -> list[Any]:
    """A pair as its entries, and what else is in it beside the answer. What is not a pair stays."""
    sides = _sides(turn)
    if not sides:
        return [turn]
    names = set(sides.values())
    entries = [{"role": role, "content": turn[name]} for role, name in sides.items()]
    if sides.get(SYSTEM) and not turn[sides[SYSTEM]]:
        del entries[0]
    entries[-1] |= {key: value for key, value in turn.items() if key not in names}
    return entries


SHAREGPT = Layout(
    "sharegpt",
    "A list of turns with from and value, with speaker and text, or with both sides in an object.",
    {"conversations": _LISTS, "system": SYSTEMS, "tools": TOOL_KEYS},
    _fits,
    _read,
    (
        LayoutExample(
            {
                "conversations": [
                    {"from": "human", "value": "Name a noble gas."},
                    {"from": "gpt", "value": "Argon."},
                ]
            },
            ((("user", "Name a noble gas."), ("assistant", "Argon.")),),
        ),
        LayoutExample(
            {
                "system": "One word.",
                "conversation": [
                    {"human": "Name a noble gas.", "assistant": "Argon."},
                    {"human": "A lighter one?", "assistant": "Neon."},
                ],
            },
            (
                (
                    ("system", "One word."),
                    ("user", "Name a noble gas."),
                    ("assistant", "Argon."),
                    ("user", "A lighter one?"),
                    ("assistant", "Neon."),
                ),
            ),
        ),
        LayoutExample(
            {
                "conversations": [
                    {"from": "human", "value": "How warm is it in Oslo?"},
                    {
                        "from": "function_call",
                        "value": '{"name": "weather", "arguments": {"city": "Oslo"}}',
                    },
                    {"from": "observation", "value": '{"degrees": 7}'},
                    {"from": "gpt", "value": "Seven degrees."},
                ],
                "tools": '[{"name": "weather", "description": "How warm a city is."}]',
            },
            (
                (
                    ("user", "How warm is it in Oslo?"),
                    ("assistant", ""),
                    ("tool", '{"degrees": 7}'),
                    ("assistant", "Seven degrees."),
                ),
            ),
        ),
        LayoutExample(
            {
                "dialog": [
                    {"speaker": "customer", "text": "My parcel is late."},
                    {"speaker": "agent", "text": "I am sorry. Which one?"},
                ]
            },
            ((("user", "My parcel is late."), ("assistant", "I am sorry. Which one?")),),
            LayoutOptions(roles=(("customer", "user"), ("agent", "assistant"))),
        ),
        LayoutExample(
            {"conversations": ["Name a noble gas.", "Argon.", "A lighter one?", "Neon."]},
            (
                (
                    ("user", "Name a noble gas."),
                    ("assistant", "Argon."),
                    ("user", "A lighter one?"),
                    ("assistant", "Neon."),
                ),
            ),
        ),
        LayoutExample(
            {"conversations": ["Human: Name a noble gas.", "Assistant: Argon."]},
            (Reason.AMBIGUOUS_LAYOUT,),
        ),
        LayoutExample(
            {"conversations": [{"from": "narrator", "value": "Night fell."}]},
            (Reason.UNKNOWN_ROLE,),
        ),
        LayoutExample({"conversations": []}, (Reason.EMPTY,)),
    ),
)
