"""Base texts: rows of an invented language per script, whose words and sentences are drawn at
random; and rows of real files."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

SYLLABLES = {
    "latin": ("b d f g k l m n p r s t v br st tr pl", "a e i o u ai ou", " r n s l t"),
    "hindi": ("क ग च ज त द न प ब म य र ल व स ह", "ा ि ी ु े ो", " न र ल ं"),
    "arabic": ("ب ت ج د ر س ع ف ق ك ل م ن ه و ي", "ا و ي", " ن ر ل م"),
    "thai": ("ก ข ค ง จ ช ด ต ท น บ ป พ ม ย ร ล ว ส ห", "า ิ ี ุ ู", " น ง ม ก"),
}
FUNCTION = {
    "latin": [
        "the",
        "of",
        "and",
        "to",
        "in",
        "is",
        "that",
        "it",
        "for",
        "was",
        "on",
        "with",
        "as",
        "by",
        "at",
        "from",
        "which",
        "this",
        "be",
        "are",
    ],
    "hindi": ["के", "में", "की", "है", "और", "से", "को", "का", "एक", "पर"],
    "arabic": ["من", "في", "على", "أن", "إلى", "هذا", "هو", "مع", "كان", "ما"],
    "thai": ["ที่", "และ", "ใน", "ของ", "เป็น", "มี", "ได้", "ให้", "จะ"],
}
ASKS = (
    "Explain how the {} changes the {}.",
    "Describe a {} that every {} should know.",
    "What is the difference between a {} and a {}?",
    "Write a short text about {} and {}.",
    "Why does the {} need a {}?",
    "Give advice to someone whose {} has lost its {}.",
    "Summarise what is known about the {} of {}.",
    "Tell me the story of the {} and the {}.",
)


class Row(NamedTuple):
    """A row of the set: its turns (prompt, answer, prompt, …)."""

    turns: tuple[str, ...]

    def with_answer(self, answer: str) -> Row:
        return Row((*self.turns[:-1], answer))

    def with_prompt(self, prompt: str) -> Row:
        return Row((prompt, *self.turns[1:]))


class Language:
    """An invented language: words from syllables, in the proportions of a real one."""

    def __init__(self, script: str, rng: random.Random, size: int = 12_000) -> None:
        self.script, self._rng = script, rng
        self.space = "" if script in ("chinese", "thai") else " "
        self.stop = {"chinese": "。", "hindi": "।"}.get(script, ".")
        if script == "chinese":
            signs = [chr(code) for code in rng.sample(range(0x4E00, 0x9000), 2_500)]
            words = {
                "".join(rng.choices(signs, k=rng.choice((1, 2, 2, 2, 3)))) for _ in range(size)
            }
            self._function = signs[:20]
        else:
            parts = [part.split(" ") for part in SYLLABLES[script]]
            words = {
                "".join("".join(map(rng.choice, parts)) for _ in range(rng.choice((1, 2, 2, 3))))
                for _ in range(size)
            }
            self._function = FUNCTION[script]
        self.words = sorted(words)
        rng.shuffle(self.words)
        self._weights = [1 / (rank + 20) for rank in range(len(self.words))]

    def some(self, count: int) -> list[str]:
        return self._rng.choices(self.words, self._weights, k=count)

    def sentence(self) -> str:
        rng, found = self._rng, []
        for word in self.some(rng.randint(5, 14)):
            if rng.random() < 0.6:
                found.append(rng.choice(self._function))
            found.append(word)
        text = self.space.join(found)
        return text[:1].upper() + text[1:] + self.stop

    def paragraphs(self, sentences: int) -> str:
        rng, lines, left = self._rng, [], sentences
        while left > 0:
            now = min(left, rng.randint(2, 4))
            lines.append((self.space or "").join(self.sentence() for _ in range(now)))
            left -= now
        return "\n\n".join(lines)

    def row(self) -> Row:
        rng = self._rng
        turns: list[str] = []
        for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
            if self.script == "latin":
                ask = rng.choice(ASKS).format(*self.some(2))
                if rng.random() < 0.5:
                    ask += " " + self.sentence()
            else:
                ask = self.sentence()
            turns += [ask, self.paragraphs(rng.choice((2, 3, 4, 6, 8, 12)))]
        return Row(tuple(turns))


def real_rows(path: Path) -> Iterator[Row]:
    """The rows of a file in the shape of Alpaca, Dolly or ShareGPT, with answers of 20 words."""
    text = path.read_text(encoding="utf-8")
    records = json.loads(text) if text.lstrip()[:1] == "[" else map(json.loads, text.splitlines())
    for record in records:
        if "conversations" in record:
            said = [(m["from"] in ("human", "user"), m["value"]) for m in record["conversations"]]
            ordered = all(human == (at % 2 == 0) for at, (human, _) in enumerate(said))
            turns = tuple(text for _, text in said) if ordered and len(said) % 2 == 0 else ()
        else:
            given = record.get("input") or record.get("context")
            asked = record["instruction"] + (f"\n\n{given}" if given else "")
            turns = (asked, record.get("output") or record.get("response") or "")
        if turns and all(turn.strip() for turn in turns) and len(turns[-1]) > 60:
            yield Row(turns)


def base(script: str, rng: random.Random, count: int, files: Sequence[Path] = ()) -> list[Row]:
    """That many base rows: of the files if there are any, else invented."""
    if not files:
        language = Language(script, rng)
        return [language.row() for _ in range(count)]
    rows = list(dict.fromkeys(row for path in files for row in real_rows(path)))
    rng.shuffle(rows)
    return rows[:count]
