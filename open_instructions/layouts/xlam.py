"""Records of calls alone, as in xLAM's sets: what is asked, the tools that are there, and the calls
that answer it.

{"query": "How warm is it in Oslo?", "tools": "[{…}]", "answers": "[{\"name\": \"weather\", …}]"}
"""

from __future__ import annotations

from dataclasses import replace

from ..schema import ASSISTANT, USER, Draft, Reason, Record, Reject
from .chats import SYSTEMS, read_list
from .embedded import holds_objects, opened_list
from .fields import is_empty
from .layout import Layout, LayoutExample, LayoutOptions
from .tools import TOOL_KEYS

_ASKS = ("query", "question", "prompt", "instruction")
_ANSWERS = ("answers", "calls")


def _fits(record: Record, options: LayoutOptions) -> bool:
    asked = any(isinstance(record.get(name), str) for name in _ASKS)
    called = any(holds_objects(record.get(name)) for name in _ANSWERS)
    return asked and called and not all(is_empty(record.get(name)) for name in TOOL_KEYS)


def _read(record: Record, options: LayoutOptions) -> tuple[Draft | Reject]:
    ask = next((name for name in _ASKS if isinstance(record.get(name), str)), _ASKS[0])
    answer = next((name for name in _ANSWERS if name in record), _ANSWERS[0])
    calls = opened_list(record.get(answer))
    if not calls:
        wrong = Reason.UNEXPECTED_SHAPE if calls is None else Reason.NO_ANSWER
        return (Reject(wrong, f"{answer} has no call"),)
    turns = [{"role": USER, "content": record[ask]}, {"role": ASSISTANT, "tool_calls": calls}]
    draft = read_list(record, answer, turns, options)
    if isinstance(draft, Draft):
        draft = replace(draft, used=(ask, *draft.used))
    return (draft,)


XLAM = Layout(
    "xlam",
    "What is asked, the tools that are there, and the calls that answer it.",
    {"query": _ASKS, "tools": TOOL_KEYS, "answers": _ANSWERS, "system": SYSTEMS},
    _fits,
    _read,
    (
        LayoutExample(
            {
                "query": "How warm is it in Oslo?",
                "tools": '[{"name": "weather", "parameters": {"city": {"type": "str"}}}]',
                "answers": '[{"name": "weather", "arguments": {"city": "Oslo"}}]',
            },
            ((("user", "How warm is it in Oslo?"), ("assistant", "")),),
        ),
        LayoutExample(
            {
                "query": "How warm is it in Oslo?",
                "tools": '[{"name": "weather"}]',
                "answers": '[{"name": "weather", "arguments": {"station": 18446744073709551616}}]',
            },
            (Reason.BAD_ARGUMENTS,),
        ),
        LayoutExample(
            {"query": "Hm?", "tools": '[{"name": "weather"}]', "answers": "[]"},
            (Reason.NO_ANSWER,),
        ),
    ),
)
