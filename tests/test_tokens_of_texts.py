"""What counts as a word when texts are compared: in every script, of any length, and however many
texts are read at once."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.corpus import words
from open_instructions.corpus.words import grams, normalised, spans_of, words_of

TEXTS = st.lists(
    st.text(
        st.one_of(
            st.sampled_from("aB1 .\ń̈ßﬁ½²你かガｶﾞไทยที่नमस्तेမြန်ភាសា한ᄒ\u200d\u00adـ٣"),
            st.characters(),
        ),
        max_size=40,
    ),
    max_size=6,
)

SPLIT = {
    "Don't STOP-me, 2nd time: 3.5%": ["don", "t", "stop", "me", "2nd", "time", "3", "5"],
    "ﬁne １２ ｶﾞ x²": ["fine", "12", "ガ", "x2"],
    "Straße STRASSE": ["strasse", "strasse"],
    "नमस्ते दुनिया": ["नमस्ते", "दुनिया"],
    "你好，世界3": ["你", "好", "世", "界", "3"],
    "ที่ 12": ["ท", "ี", "่", "12"],
    "ภาษา๑๒": ["ภ", "า", "ษ", "า", "๑๒"],
    "ພາສາ": ["ພ", "າ", "ສ", "າ"],
    "ភាសា": ["ភ", "ា", "ស", "ា"],
    "မြန်": ["မ", "ြ", "န", "်"],
    "한국어 서울": ["한국어", "서울"],
    "مرحبا بالعالم": ["مرحبا", "بالعالم"],
    "co\u00adop\u200berate ❤️ a\u200db": ["cooperate", "ab"],
    "snake_case C++ a👍b": ["snake", "case", "c", "a", "b"],
}


@pytest.mark.parametrize(("text", "tokens"), SPLIT.items())
def test_what_is_a_token(text: str, tokens: list[str]) -> None:
    assert [normalised(text[start:end]) for start, end in spans_of(text)] == tokens
    # one token of each, in the same order
    alone = words_of(tokens)
    assert alone.starts.tolist() == list(range(len(tokens) + 1))
    assert words_of([text]).hashes.tolist() == alone.hashes.tolist()


def test_letters_are_marked() -> None:
    """One of Thai, Lao, Khmer or Burmese says less than a word, or a character of Chinese."""
    found = words_of(["ไทย ລາວ ខ မ", "abc 你 かカ 한국 नमस्ते ๑"])
    marked = [hash & words.LETTER for hash in found.hashes.tolist()]
    assert marked == [1] * 8 + [0] * 7


def test_numbers() -> None:
    texts = ["3 3.5 2nd x2 ๑๒ ٣", "三 Ⅳ two"]
    assert words_of(texts[:1]).numeric.tolist() == [True] * 7
    assert words_of(["½"]).hashes.tolist() == words_of(["1/2"]).hashes.tolist()
    assert words_of(texts[1:]).numeric.tolist() == [False] * 3


def test_the_same_hashes_everywhere() -> None:
    """The hash is part of no file, but decides which rows a build compares: it may not depend on
    the process."""
    code = (
        "import json; from open_instructions.corpus.words import *; w = words_of(['Hello 你 3']);"
        "print(json.dumps([w.hashes.tolist(), grams(w, 3)[0].tolist()]))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = words_of(["Hello 你 3"])
    assert json.loads(told.stdout) == [found.hashes.tolist(), grams(found, 3)[0].tolist()]
    assert found.hashes.tolist() == HASHES


HASHES = [2163324483675975834, 3699692682491738828, 14672375458755048440]


@given(TEXTS, st.integers(1, 20))
def test_texts_at_once_or_alone(texts: list[str], size: int) -> None:
    alone = [words_of([text]) for text in texts]
    many = words_of(texts)
    assert many.hashes.tolist() == [h for one in alone for h in one.hashes.tolist()]
    assert np.diff(many.starts).tolist() == [len(one.hashes) for one in alone]
    assert many.numeric.tolist() == [n for one in alone for n in one.numeric.tolist()]
    assert [len(spans_of(text)) for text in texts] == np.diff(many.starts).tolist()


@given(TEXTS, st.integers(1, 4))
def test_grams(texts: list[str], size: int) -> None:
    found = words_of(texts)
    hashes, starts = grams(found, size)
    expected = []
    for at, text in enumerate(texts):
        tokens = words_of([text]).hashes.tolist()
        every = [tuple(tokens[n : n + size]) for n in range(len(tokens) - size + 1)]
        assert starts[at + 1] - starts[at] == len(every)
        expected += every
    assert len(set(expected)) == len(set(hashes.tolist()))
    assert len(dict(zip(expected, hashes.tolist(), strict=True))) == len(set(expected))


def test_long_texts_are_cut_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["one two three four five six", "a", "你好世界你好世界", "é" * 30]
    whole = words_of(texts)
    words._powers.cache_clear()
    monkeypatch.setattr(words, "BLOCK", 7)
    cut = words_of(texts)
    assert cut.hashes.tolist()[:15] == whole.hashes.tolist()[:15]
    # a word over the limit counts as several
    assert np.diff(cut.starts).tolist() == [6, 1, 8, 5]
    assert spans_of(texts[3])[-1] == (28, 30)
    words._powers.cache_clear()


@pytest.mark.parametrize(
    "unit", ["a", " ", "你", "e\u0323\u0301", "\u0323\u0301", "\u200d", "ﷺ", "a\n", "٣"]
)
def test_linear(unit: str) -> None:
    def seconds(size: int) -> float:
        text = "x" + unit * (size // len(unit))
        begun = time.process_time()
        words_of([text])
        spans_of(text[: size // 10])
        return time.process_time() - begun

    seconds(1000)
    assert seconds(800_000) < 4 * max(seconds(400_000), 0.05)


def test_marks_in_any_number_are_kept() -> None:
    """Python sorts the marks of a character in quadratic time."""
    few, many = "a" + "\u0323\u0301" * 15, "a" + "\u0323\u0301" * 16
    assert normalised(few) == "ạ" + "\u0323" * 14 + "\u0301" * 15
    assert normalised(many) == "ạ" + "\u0323" * 14 + "\u0301" * 15 + "\u0323\u0301"
    assert normalised("\u0323" * 100) == "\u0323" * 100
