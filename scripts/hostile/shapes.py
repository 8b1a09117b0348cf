"""Layouts against texts made of their own markers, and records that are large in one way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from open_instructions.layouts.layout import LayoutOptions
from open_instructions.layouts.recognise import convert, convert_run
from open_instructions.layouts.turns import turns_of

from .timing import Case

BEGINNINGS = (
    "Human: ",
    "\n\nHuman: ",
    "USER: ",
    "### Human: ",
    "### Instruction:\n",
    "<|im_start|>user\n",
    "[INST] <<SYS>>",
    "<|user|>",
    "A chat between ",
    "Below is an instruction",
)
_PUMPS = (
    "Human: a\n\nAssistant: b\n\n",
    "Human: a\nAssistant: b\n",
    "Human: a Assistant: b ",
    "Human:",
    "\nHuman:\n\n",
    "### Human: a### Assistant: b",
    "### Instruction:\n### Input:\n### Response:\n",
    "USER: a ASSISTANT: b</s>",
    "</s>",
    "<s>",
    "[INST]a[/INST]b</s>",
    "<<SYS>>",
    "<</SYS>>",
    "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n",
    "<|im_start|>",
    "<|im_end|>",
    "\n```\nHuman:\n",
    "\n```py\n",
    "\n~~~\nUSER: ```\n",
    "<functioncall> {'",
)
_WAYS: tuple[dict[str, Any], ...] = ({}, {"paths": "all", "pairs": "all"}, {"unpaired": "chosen"})


def in_every_style(text: str) -> None:
    """The text behind the first marker of each style, alone and as a prompt."""
    for begin in BEGINNINGS:
        turns_of(begin + text)
    convert({"prompt": f"Human: {text}\n\nAssistant:", "chosen": text, "rejected": "b"}, _options())


def of_markers() -> Iterator[Case]:
    for begin in BEGINNINGS:
        for pump in _PUMPS:
            yield f"{begin!r} + {pump!r} * n", partial(_text, begin, pump), _converted


def _text(begin: str, pump: str, size: int) -> dict[str, Any]:
    return {"text": begin + pump * (size // len(pump))}


def of_shapes() -> Iterator[Case]:
    """Records with many answers, many fields, many replies."""
    for name, make in _SHAPES.items():
        yield name, make, _converted
    for name, parent in _PARENTS.items():
        yield f"rows of a tree, {name}", partial(_rows, parent), _converted_run


def _converted(record: dict[str, Any]) -> None:
    for way in _WAYS:
        convert(record, LayoutOptions(**way))


def _converted_run(records: list[dict[str, Any]]) -> None:
    for way in _WAYS:
        convert_run(records, LayoutOptions(**way))


def _options() -> LayoutOptions:
    return LayoutOptions()


def _nested(size: int) -> dict[str, Any]:
    replies = [{"role": "assistant", "text": "a", "replies": []} for _ in range(size // 20)]
    return {"prompt": {"role": "prompter", "text": "q", "replies": replies}}


_SHAPES: dict[str, Callable[[int], dict[str, Any]]] = {
    "many fields": lambda size: {f"f{n}": "a" for n in range(size // 10)},
    "a ranked list": lambda size: {"instruction": "q", "output": list(map(str, range(size // 10)))},
    "a rated list": lambda size: {
        "prompt": "q",
        "completions": [{"text": f"a{n}", "score": n} for n in range(size // 20)],
    },
    "lists beside each other": lambda size: {
        "prompt": "q",
        "generations": list(map(str, range(size // 10))),
        "ratings": list(range(size // 10)),
    },
    "a long history": lambda size: {
        "prompt": "q",
        "response": "a",
        "history": [["q", "a"]] * (size // 10),
    },
    "two long conversations": lambda size: {
        "chosen": [{"role": "user", "content": "q"}] * (size // 20),
        "rejected": [{"role": "user", "content": "q"}] * (size // 20 - 1),
    },
    "many replies": _nested,
}
_PARENTS: dict[str, Callable[[int], int]] = {
    "a long path": lambda at: at - 1,
    "many replies": lambda at: 0,
    "an answer beside each step": lambda at: max(0, (at - 1) // 2 * 2),
    "a circle": lambda at: at + 1,
    "no beginning": lambda at: -2,
}


def _rows(parent: Callable[[int], int], size: int) -> list[dict[str, Any]]:
    number = size // 20
    return [
        {
            "message_id": f"m{at}",
            "parent_id": f"m{parent(at) % (number + 7)}" if at else None,
            "role": "assistant" if at % 2 else "prompter",
            "text": "a",
        }
        for at in range(number)
    ]
