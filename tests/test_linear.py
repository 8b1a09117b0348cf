"""What replaced patterns that took the square of a text's length, or more: it finds the same, by
the pattern that it replaced, and at once where that pattern hung."""

from __future__ import annotations

import re
import time
import unicodedata
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from open_instructions.converters import alpaca, gpt4all

from open_instructions.layouts import fields as shapes
from open_instructions.readers import jsontext
from open_instructions.readers.buffer import Buffer
from open_instructions.stages import phrases
from open_instructions.stages.prose import prose

NOT_PROSE = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+).*?(?:^["
    r" \t]*(?P=fence)|\Z)|(?<!`)(?P<ticks>`+)(?!`)[^\n]*?(?<!`)(?P=ticks)(?!`)"
    r"|\bhttps?://[!-~]+|\b(?:[\w-]+\.)+(?:com|org|net|io|ai|dev)\b[!-~]*",
    re.S | re.M,
)
NEXT_RECORD = re.compile(
    r"(?:\n[ \t]*(?:[#*]+|<!--\s*-->|\d+)?[ \t]*)*\n[ \t]*\d+\.\s*Instruction:"
)
END = re.compile(r"\s*</s>\s*\Z|</s> ?(?=\n)")
NO_INPUT = re.compile(r"[\s\\`<\[(]*no[ _-]?input[\s\\`>\])]*[.,]?\s*|\s*<none>\s*|\s*n/a\s*", re.I)


def texts(*pieces: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(pieces), max_size=14).map("".join)


@given(
    texts(
        "`",
        "``",
        "```",
        "~~~",
        "\n",
        " ",
        "\t",
        "a",
        "-",
        ".",
        "..",
        "com",
        ".io",
        "http",
        "https://x",
        "://",
        "é",
        "汉",
        "x.org/y",
    )
)
def test_prose(text: str) -> None:
    assert prose(text) == NOT_PROSE.sub(" ", text)


@given(
    texts(
        "\n",
        "\n",
        " ",
        "\t",
        "#",
        "**",
        "<!--",
        "-->",
        "<!-- -->",
        "12",
        ".",
        "\n1. Instruction:",
        "2.\n\nInstruction:",
        "a",
        "\r",
    )
)
def test_next_task(text: str) -> None:
    found = NEXT_RECORD.search(text)
    assert alpaca.cut_next_record({"output": text})["output"] == (
        text[: found.start()].rstrip() if found else text
    )


@given(texts("</s>", "</s>", " ", "\n", "a", "</s", " </s> \n"))
def test_end_marks(text: str) -> None:
    assert gpt4all._END.sub("", text) == END.sub("", text)


@given(
    texts("no", "input", " ", "No_Input", "<", ">", ".", ",", "`", "\n", "[", "n/a", "<none>", "x")
)
def test_no_input(text: str) -> None:
    assert bool(shapes._NO_INPUT.fullmatch(text)) == bool(NO_INPUT.fullmatch(text))


def test_marks_on_a_letter() -> None:
    letter = "e" + "\u0301\u0323" * 15
    assert phrases._folded(letter) == unicodedata.normalize("NFKC", letter)
    assert phrases._folded(letter + "\u0301" * 1000) == unicodedata.normalize("NFKC", letter)
    assert phrases._folded("\ufdfa ﬁne") == "\ufdfa fine"


def elements(text: str) -> list[Any]:
    class Stream:
        fault, share = "", 1.0
        read = BytesIO(text.encode()).read

    buffer = Buffer(Stream())
    buffer.enter()
    return [(frame.text, frame.reason) for frame, _ in jsontext.array(buffer)]


@pytest.mark.usefixtures("no_garbage")
def test_a_string_that_the_window_cuts_is_one_string() -> None:
    """Of a value that is nested too deep only its brackets are counted: those in a string are none,
    also where the window ends in it."""
    deep = "[" * 1200 + '"' + "[" * (3 << 20) + '"' + "]" * 1200
    assert [(text == deep, str(reason)) for text, reason in elements(f"[{deep},1]")] == [
        (True, "too_deep"),
        (False, "None"),
    ]


HOSTILE = {
    "lines of marks": lambda: alpaca.cut_next_record({"output": "\n#" * 200_000 + "Instruction:"}),
    "lines of numbers": lambda: alpaca.cut_next_record(
        {"output": "\n1 " * 200_000 + "Instruction:"}
    ),
    "comments": lambda: alpaca.cut_next_record(
        {"output": "\n<!--\n-->" * 50_000 + "\n1.Instruction:"}
    ),
    "spaces at an end mark": lambda: gpt4all.drop_end_marks({"response": " " * 300_000 + "x</s>"}),
    "spaces at no input": lambda: shapes.blank_no_input(
        {"input": "no input" + " " * 300_000 + "x"}
    ),
    "dots": lambda: prose("a." * 200_000),
    "hyphens": lambda: prose("a-" * 200_000),
    "back quotes": lambda: prose(" ".join("`" * n for n in range(1, 1200))),
    "fences": lambda: prose("".join("```" + "`" * n + "\n" for n in range(1, 1200))),
    "combining marks": lambda: phrases._folded("e" + "\u0301\u0323" * 100_000),
    "half-width marks": lambda: phrases._folded("ｶ" + "ﾞ\u0301" * 100_000),
    "words in a character": lambda: phrases._folded("\ufdfa" * 300_000),
    "edges": lambda: phrases._EDGES.sub("", "a" + " " * 100_000 + "a"),
    "separators in a broken record": lambda: elements('[{"a":x' + '},["' * 300_000),
    "values in a broken record": lambda: elements('[{"a":x},' + "{},[" * 300_000),
    "quotes in a deep value": lambda: elements("[" + "[" * 2000 + '"' + '\\"' * 300_000),
    "broken records": lambda: elements("[" + '{"a":x},' * 100_000),
}


@pytest.mark.parametrize("attack", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.usefixtures("no_garbage")
def test_nothing_hangs(attack: Any) -> None:
    """Each takes less than a second; all but a few took minutes, and some for ever."""
    begun = time.process_time()
    attack()
    assert time.process_time() - begun < 20
