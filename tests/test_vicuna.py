"""The classes of docs/vicuna.md, one hand-written case each: what the vicuna recipe keeps and why
it rejects the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from open_instructions.building.run import BuildResult

from .conftest import BESIDE, rows

DOC = Path(__file__).resolve().parent.parent / "docs" / "vicuna.md"
LONG = "word " * 1500  # 1,500 tokens and a few
MORE = "term " * 1500
TOO_LONG = "text " * 2100
KOREAN = "안녕하세요, 오늘 날씨가 정말 좋네요. 산책하러 갈까요?"

# class: (records as lists of turns, the prompts that are kept, row by row, {reason: rejected rows})
CASES: dict[str, tuple[list[list[str]], list[list[str]], dict[str, int]]] = {
    "kept by both": ([["What is a tree?", "A tall plant."]], [["What is a tree?"]], {}),
    "dropped by both": (
        [["What is 1 + 1?", ""], ["Hi", "Hello"], [KOREAN, KOREAN]],
        [],
        {"no_answer": 1, "too_short": 1, "language": 1},
    ),
    "kept here: lost by its splitter": (
        [["First?", LONG, "Last?", MORE]],
        [["First?"], ["Last?"]],
        {},
    ),
    "kept here: begins as another conversation does, and is another": (
        [
            ["Name a tree.", "An oak is a tree."],
            ["Name a tree.", "An oak is a tree.", "Another?", "A birch."],
        ],
        [["Name a tree."], ["Name a tree.", "Another?"]],
        {},
    ),
    "kept here: in a record with a turn out of place": (
        [
            [
                "gpt:Welcome to this talk.",
                "gpt:What do you want?",
                "Name a tree.",
                "An oak is a tree.",
            ]
        ],
        [["Name a tree."]],
        {"no_prompt": 2},
    ),
    "kept here: behind an empty turn, where it stops reading": (
        [["Name a tree.", "An oak is a tree.", "Why?", "", "Another?", "A birch."]],
        [["Name a tree.", "Another?"]],
        {"empty": 1, "no_answer": 1},
    ),
    "kept here: in a record that an empty turn leaves too short": (
        [["Why?", "\u200b", "Name a tree.", "An oak is a tree."]],
        [["Name a tree."]],
        {"empty": 1, "no_answer": 1},
    ),
    "kept here: Korean to its detector": (
        [
            [
                "What does this code print, and why does it?",
                "It prints the words, one on each line.\n```\n"
                + f"print('{KOREAN}')\n" * 9
                + "```",
            ]
        ],
        [["What does this code print, and why does it?"]],
        {},
    ),
    "kept here: a blocked word in a prompt only": (
        [["You are ChatGPT. Name a tree.", "An oak is a tree."]],
        [["You are ChatGPT. Name a tree."]],
        {},
    ),
    "kept here: a blocked word in code, an address or markup only": (
        [["How do I call it?", "Like this:\n\n```python\nimport openai\n```"]],
        [["How do I call it?"]],
        {},
    ),
    "kept here: a blocked word inside another word": (
        [["Name a word.", "The word is openairy, it seems."]],
        [["Name a word."]],
        {},
    ),
    "dropped here: Korean to our detector": (
        [
            [
                "번역해 주세요. 이 문장을 한국어로 옮기고 존댓말로 써 주세요."
                " 문체는 그대로 두세요.",
                KOREAN + "\n```\n" + "the code of it, in English words\n" * 30 + "```",
            ]
        ],
        [],
        {"language": 1},
    ),
    "dropped here: a message of the service": (
        [
            [
                "Name a tree.",
                "An oak is a tree.",
                "Another?",
                "Too many requests in 1 hour. Try again later.",
            ]
        ],
        [["Name a tree."]],
        {"service_message": 1, "no_answer": 1},
    ),
    "dropped here: a pair over the limit, which it keeps": (
        [["Name a tree.", "An oak is a tree.", "All?", TOO_LONG]],
        [["Name a tree."]],
        {"overlong": 2},
    ),
    "dropped here: a copy of a conversation that it dropped for another reason": (
        [
            ["Name a tree.", "An oak is a tree."],
            ["gpt:Hm.", "gpt:Hm?", "Name a tree.", "An oak is a tree."],
        ],
        [["Name a tree."]],
        {"no_prompt": 2, "duplicate": 1},
    ),
    "dropped here: a placeholder of the page": (
        [["Name a tree.", "An oak is a tree.", "Another?", "EmptyMarkdownContent"]],
        [["Name a tree."]],
        {"placeholder": 1, "no_answer": 1},
    ),
}


def record(number: int, turns: list[str]) -> dict[str, Any]:
    """Turns of human and gpt by turns; "gpt:" in front says that one is out of place."""
    values = [
        (
            {"from": "gpt", "value": t.removeprefix("gpt:")}
            if t.startswith("gpt:")
            else {"from": "gpt" if at % 2 else "human", "value": t}
        )
        for at, t in enumerate(turns)
    ]
    return {"id": f"demo{number:03}", "conversations": values}


@pytest.mark.parametrize("name", CASES)
def test_class(name: str, make: Callable[..., BuildResult]) -> None:
    given, kept, rejected = CASES[name]
    files = {"sg_90k_part1.json": [record(i, turns) for i, turns in enumerate(given)], **BESIDE}
    result = make(files, "sharegpt:raw,dolly", recipe="vicuna")
    ours = [row for row in rows(result) if row["source"] == "sharegpt"]
    assert [[m["content"] for m in row["messages"] if m["role"] == "user"] for row in ours] == kept
    reasons = [row["reason"] for row in rows(result, "rejected")]
    assert {reason: reasons.count(reason) for reason in reasons} == rejected
    assert all(row["num_tokens"] + 7 * len(row["messages"]) <= 2048 for row in rows(result))


def test_every_class_of_the_page_has_a_case() -> None:
    assert re.findall(r"^\| ([a-z][^|]*?) \|", DOC.read_text(encoding="utf-8"), re.M)[1:] == list(
        CASES
    )
