"""Kinds of copies, which a step should find, and of look-alikes, which it should leave."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

from .texts import Language, Row

Edit = Callable[[Row, Language, random.Random], Row]
NAMES = [
    "Amara",
    "Bela",
    "Chen",
    "Dario",
    "Elif",
    "Farid",
    "Greta",
    "Hana",
    "Ivo",
    "Jun",
    "Kaya",
    "Liam",
    "Mei",
    "Nils",
    "Oya",
    "Pia",
    "Quim",
    "Rosa",
    "Sami",
    "Tove",
    "Uma",
    "Vito",
    "Wen",
    "Xenia",
    "Yara",
    "Zoe",
    "Abel",
    "Bruna",
    "Cyrus",
    "Dina",
    "Emre",
    "Flora",
]
_WORD = re.compile(r"\S+")


def _units(text: str, language: Language) -> list[str]:
    """The words of a text and what is between; without spaces, pieces as long as a word."""
    if language.space:
        return re.split(r"(\s+)", text)
    size = 5 if language.script == "thai" else 2
    return [text[at : at + size] for at in range(0, len(text), size)]


def _change(share: float, how: str) -> Edit:
    """So many words replaced, left out or misspelt: at least one."""

    def edit(row: Row, language: Language, rng: random.Random) -> Row:
        turns = list(row.turns)
        at = rng.randrange(1, len(turns), 2)
        units = _units(turns[at], language)
        places = [place for place, unit in enumerate(units) if unit.strip()]
        for place in rng.sample(places, max(1, round(share * len(places)))):
            if how == "replaced":
                units[place] = language.some(1)[0]
            elif how == "left out":
                units[place] = ""
            else:
                word = list(units[place])
                if len(word) > 1:
                    first = rng.randrange(len(word) - 1)
                    word[first], word[first + 1] = word[first + 1], word[first]
                units[place] = "".join(word)
        turns[at] = "".join(units)
        return Row(tuple(turns))

    return edit


def _punctuation(row: Row, language: Language, rng: random.Random) -> Row:
    def change(match: re.Match[str]) -> str:
        return rng.choice(("", ";", "!", " …", match[0]))

    return Row(tuple(re.sub(r"[.,!?;:。，।]", change, turn) for turn in row.turns))


def _case(row: Row, language: Language, rng: random.Random) -> Row:
    return Row(tuple(rng.choice((str.upper, str.lower, str.title))(turn) for turn in row.turns))


def _whitespace(row: Row, language: Language, rng: random.Random) -> Row:
    gaps = ("\n", "  ", "\t", " ", " ")
    return Row(tuple(re.sub(r"\s+", lambda _: rng.choice(gaps), turn) + "\n" for turn in row.turns))


def _truncated(row: Row, language: Language, rng: random.Random) -> Row:
    answer = row.turns[-1]
    return row.with_answer(answer[: round(len(answer) * rng.uniform(0.78, 0.95))])


def _sentence_added(row: Row, language: Language, rng: random.Random) -> Row:
    if (len(row.turns[-1]) < 250 and language.space) or len(row.turns[-1]) < 120:
        return _truncated(row, language, rng)
    return row.with_answer(row.turns[-1] + (language.space or "") + language.sentence())


def _polite(row: Row, language: Language, rng: random.Random) -> Row:
    opening = {
        "chinese": ("请你帮我一个忙：", "您好，麻烦您了。"),
        "hindi": ("कृपया मेरी मदद करें: ", "नमस्ते, क्या आप बता सकते हैं: "),
        "arabic": ("من فضلك ساعدني: ", "مرحبا، هل يمكنك: "),
        "thai": ("ช่วยหน่อยนะครับ ", "สวัสดีครับ "),
    }.get(
        language.script, ("Could you please help me with this? ", "Hello! I would like to know: ")
    )
    return row.with_prompt(rng.choice(opening) + row.turns[0])


def _opening(row: Row, language: Language, rng: random.Random) -> Row:
    opening = rng.choice(
        ("Sure! Here is what I know: ", "¡Claro! Aquí tienes: ", "Natürlich, gern: ", "当然可以：")
    )
    return row.with_answer(opening + row.turns[-1])


def _swapped(row: Row, language: Language, rng: random.Random) -> Row:
    """Two paragraphs, or sentences, change places."""
    answer = row.turns[-1]
    mark = "\n\n" if answer.count("\n\n") else language.stop
    parts = answer.split(mark)
    if len(parts) < 3:
        return _whitespace(row, language, rng)
    at = rng.randrange(len(parts) - 2)
    parts[at], parts[at + 1] = parts[at + 1], parts[at]
    return row.with_answer(mark.join(parts))


def _markup(row: Row, language: Language, rng: random.Random) -> Row:
    """As a list with bold words, as one export writes it and another does not."""
    lines = [line for line in row.turns[-1].split("\n") if line.strip()]
    bullet = rng.choice(("* ", "- ", "1. ", "<li>"))
    marked = [
        bullet + _WORD.sub(lambda m: f"**{m[0]}**" if rng.random() < 0.1 else m[0], line)
        for line in lines
    ]
    return row.with_answer("\n".join(marked))


def _quotes(row: Row, language: Language, rng: random.Random) -> Row:
    wide = str.maketrans({"'": "’", '"': "”", ",": "，", "!": "！", " ": " ", "e": "ｅ"})
    return Row(tuple(turn.translate(wide) for turn in row.turns))


def _longer(row: Row, language: Language, rng: random.Random) -> Row:
    more = language.row().turns + language.row().turns
    return Row((*row.turns, *more))


COPIES: dict[str, tuple[bool, Edit]] = {
    "punctuation": (True, _punctuation),
    "3 % of words replaced": (True, _change(0.03, "replaced")),
    "truncated": (True, _truncated),
    "polite opening of the prompt": (True, _polite),
    "paragraphs swapped": (True, _swapped),
    "1 % of words replaced": (False, _change(0.01, "replaced")),
    "5 % of words replaced": (False, _change(0.05, "replaced")),
    "3 % of words left out": (False, _change(0.03, "left out")),
    "2 % of words misspelt": (False, _change(0.02, "misspelt")),
    "sentence added": (False, _sentence_added),
    "opening of the answer, translated": (False, _opening),
    "case": (False, _case),
    "white space": (False, _whitespace),
    "list, bold": (False, _markup),
    "other quotes, wide letters": (False, _quotes),
    "longer export": (False, _longer),
}
"""Name -> whether it was used for tuning, and the edit."""


def _sums(language: Language, rng: random.Random) -> Iterator[Row]:
    thing, place = language.some(2)
    while True:
        a, b = rng.randint(2, 900), rng.randint(2, 900)
        yield Row((
            f"{rng.choice(NAMES[:4])} has {a} {thing} and buys {b} more at the {place}. "
            f"How many {thing} are there now?",
            f"First there are {a} {thing}. Then {b} more come from the {place}. "
            f"{a} + {b} = {a + b}, so there are now {a + b} {thing}.",
        ))  # fmt: skip


def _names(language: Language, rng: random.Random) -> Iterator[Row]:
    ask, told = language.sentence(), [language.sentence() for _ in range(3)]
    while True:
        name, place, thing = rng.choice(NAMES), *language.some(2)
        yield Row((
            f"Write about {name} from {place}. {ask}",
            f"{name} lived in {place}. {told[0]} {name} loved the {thing}. {told[1]} In {place}, "
            f"{name} and the {thing} were known to all. {told[2]}",
        ))  # fmt: skip


def _one_word(language: Language, rng: random.Random) -> Iterator[Row]:
    """Only one word differs, wherever it stands."""
    ask, told = language.sentence(), [language.sentence() for _ in range(4)]
    while True:
        word = language.some(1)[0]
        yield Row((
            f"Write a report about {word}. {ask}",
            f"{told[0]} The report is about {word}. {told[1]} {told[2]} Nobody knows {word} "
            f"better. {told[3]}",
        ))  # fmt: skip


def _task(language: Language, rng: random.Random) -> Iterator[Row]:
    """As in Natural Instructions: a long definition, a short input, a label."""
    definition = language.paragraphs(rng.randint(4, 9))
    labels = language.some(3)
    while True:
        given = " ".join(language.sentence() for _ in range(rng.choice((1, 1, 2))))
        yield Row((f"{definition}\n\nInput: {given}", rng.choice(labels)))


def _other_answer(language: Language, rng: random.Random) -> Iterator[Row]:
    asked = language.row().turns[0]
    while True:
        yield Row((asked, language.paragraphs(rng.randint(2, 6))))


def _boilerplate(language: Language, rng: random.Random) -> Iterator[Row]:
    before, after = language.paragraphs(5), language.paragraphs(3)
    while True:
        asked = language.row()
        yield Row((f"{before}\n\n{asked.turns[0]}", f"{asked.turns[1]}\n\n{after}"))


def _passage(language: Language, rng: random.Random) -> Iterator[Row]:
    passage = language.paragraphs(8)
    while True:
        yield Row((f"{passage}\n\n{language.sentence()}", " ".join(language.some(4))))


def _options(language: Language, rng: random.Random) -> Iterator[Row]:
    stem = language.sentence()
    while True:
        words = language.some(4)
        options = " ".join(f"({letter}) {word}" for letter, word in zip("abcd", words, strict=True))
        yield Row((f"{stem} Choose one: {options}", f"The answer is {rng.choice(words)}."))


def _refusal(language: Language, rng: random.Random) -> Iterator[Row]:
    told = language.paragraphs(3)
    while True:
        yield Row((language.row().turns[0], told))


FAMILIES: dict[str, tuple[bool, Callable[[Language, random.Random], Iterator[Row]]]] = {
    "sums with other figures": (True, _sums),
    "template with other names": (True, _names),
    "definition with other inputs": (True, _task),
    "one word differs": (True, _one_word),
    "same prompt, other answer": (False, _other_answer),
    "boilerplate around other content": (False, _boilerplate),
    "passage with other questions": (False, _passage),
    "same question, other options": (False, _options),
    "other prompt, same answer": (False, _refusal),
}
"""Name -> whether it was used for tuning, and rows of one family of look-alikes, without end."""
