"""The language stage: labels of texts whose language is known, what does not vote, and the same
answer in any batch."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.schema import Conversation, Message, Reject
from open_instructions.stages.language import (
    COMMON,
    PLAUSIBLE,
    Language,
    detect,
    detect_all,
    matches,
    prior,
    script,
    votes,
)
from open_instructions.stages.language import detector as module
from open_instructions.stages.language.detector import Detector
from open_instructions.stages.language.votes import words

FOLDER = Path(__file__).parent / "languages"


def talk(*texts: str) -> Conversation:
    return Conversation(
        "x/0",
        "x",
        "y",
        tuple(Message("user" if i % 2 == 0 else "assistant", t) for i, t in enumerate(texts)),
        "x/0",
    )


def known(block: int) -> list[tuple[str, str]]:
    """(label, text) of the sentences (0) or paragraphs (1) in 75 languages."""
    found = []
    for file in sorted(FOLDER.glob("*.txt")):
        label = "no" if file.stem == "nb" else file.stem
        found += [
            (label, text)
            for text in file.read_text(encoding="utf-8").strip().split("\n\n")[block].split("\n")
        ]
    return found


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Wie backe ich ein Brot ohne Hefe, und wie lange muss es in den Ofen?", "de"),
        ("¿Cómo puedo aprender a tocar la guitarra en casa sin profesor?", "es"),
        ("请问怎么样才能学好英语？我觉得语法很难，单词也记不住。", "zh-Hans"),
        ("請問怎麼樣才能學好英語？我覺得語法很難，單詞也記不住。", "zh-Hant"),
        ("日本の首都は東京です。人口はとても多いです。", "ja"),
        # one word says little: what these sets are written in decides
        ("okay", "en"),
        ("Neutral", "en"),
        ("carbon dioxide", "en"),
        ("Danke schön!", "de"),
        ("1 + 1 = 2", "und"),
        ("", "und"),
    ],
)
def test_labels(text: str, label: str) -> None:
    assert detect(text)[0] == label


def test_the_score_says_how_sure() -> None:
    assert detect("okay")[1] < 0.8
    assert detect("Wie backe ich ein Brot ohne Hefe, und wie lange muss es in den Ofen?")[1] == 1.0


def test_sentences_in_75_languages() -> None:
    given = known(0)
    found = [label for label, _ in detect_all([text for _, text in given], prior())]
    wrong = [(label, got) for (label, _), got in zip(given, found, strict=True) if label != got]
    assert len(given) == 2140
    assert len(wrong) <= 21  # 99 %
    common = [(label, got) for label, got in wrong if label.partition("-")[0] in COMMON]
    assert len(common) <= 6  # of 1,280: 99.5 %


def test_paragraphs_in_75_languages() -> None:
    given = known(1)
    found = [label for label, _ in detect_all([text for _, text in given], prior())]
    assert len(given) == 364
    assert [(label, got) for (label, _), got in zip(given, found, strict=True) if label != got] == [
        ("ms", "id")
    ]


def test_the_labels_are_those_of_the_model_itself() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(PLAUSIBLE)
    texts = [text for _, text in [*known(0)[::7], *known(1)[::7]]] + [
        "SHOUTING IN CAPITALS",
        "Ελληνικά ΚΕΦΑΛΑΙΑ",
        "a\ud800b",
        "x" * 5000,
    ]
    detector = Detector(PLAUSIBLE)
    labels = [detector.languages[row.argmax()] for row in detector.scores(texts, {})]
    assert labels == [identifier.classify(text)[0] for text in texts]


def test_a_text_gets_the_same_scores_in_any_batch() -> None:
    texts = [text for _, text in known(0)] + ["", "a", "1"]
    random.Random(3).shuffle(texts)
    detector = Detector(PLAUSIBLE)
    together = detector.scores(texts[:300], {"en": 1.5})
    assert all(
        (detector.scores([text], {"en": 1.5})[0] == row).all()
        for text, row in zip(texts[:300], together, strict=True)
    )


def test_scores_do_not_depend_on_how_texts_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [text for _, text in known(1)[::9]] + ["", "a", "x" * 5000, "a\ud800b"]
    detector = Detector(PLAUSIBLE)
    whole = detector.scores(texts, {})
    for name, value in (("_TOGETHER", 7), ("_REACH", 1), ("_PIECE", 100)):
        monkeypatch.setattr(module, name, value)
        assert (detector.scores(texts, {}) == whole).all()
    assert detector.scores([], {}).shape == (0, len(detector.languages))


def test_two_bytes_hold_the_weights_of_the_model() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE)
    columns = [i for i, label in enumerate(model.nb_classes) if label in PLAUSIBLE]
    *rows, none = Detector(PLAUSIBLE)._weights / 512
    assert np.array_equal(rows, model.nb_ptc[:, columns])
    assert not none.any()


def test_a_detector_from_kept_tables_is_the_same_and_damaged_ones_are_made_again(
    tmp_path: Path,
) -> None:
    texts = [text for _, text in known(0)[::7]]
    expected = Detector(("de", "en", "sr")).scores(texts, {})

    def scores() -> Any:
        return Detector(("de", "en", "sr"), tmp_path).scores(texts, {})

    assert np.array_equal(scores(), expected)  # which keeps them
    (kept,) = tmp_path.iterdir()
    assert sorted(p.name for p in kept.iterdir()) == [
        "first.npy",
        "labels.npy",
        "more.npy",
        "next.npy",
        "out.npy",
        "row.npy",
        "start.npy",
        "weights.npy",
    ]
    weights = kept / "weights.npy"
    marked = np.load(weights) * 0
    np.save(weights, marked)
    assert not np.array_equal(scores(), expected)  # they are what is read
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert np.array_equal(scores(), expected)
    assert weights.stat().st_size > marked.nbytes
    (kept / "row.npy").write_bytes(b"")
    assert np.array_equal(scores(), expected)
    (tmp_path / "file").write_text("")
    assert np.array_equal(
        Detector(("de", "en", "sr"), tmp_path / "file").scores(texts, {}), expected
    )  # where nothing can be kept


def test_an_unknown_language_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not tell apart xx"):
        Detector(("en", "xx"))


def test_the_source_says_what_is_likely() -> None:
    assert detect("una persona", ["it"])[0] == "it"
    assert detect("una persona", ["es"])[0] == "es"
    assert detect("Wie backe ich ein Brot ohne Hefe?", ["en"])[0] == "de"


@pytest.mark.parametrize(
    ("text", "voting"),
    [
        ("What is `int x`?", "What is"),
        ("Why?\n```\nfor item in things\n```\nthanks", "Why? thanks"),
        ("See https://example.com/a?b=c and ask me@example.com now", "See and ask now"),
        ("Was heißt das:\n> the quoted words of somebody\nund warum?", "Was heißt das: und warum?"),
        ("<p>Bonjour</p> snake_case foo.bar() 12:30", "Bonjour"),
        ("It's a well-known fact: (really) yes!", "It's a well-known fact: (really) yes!"),
        (r"\frac{a}{b} $$a + b$$ sum", "sum"),
        ("हिन्दी में लिखो।", "हिन्दी में लिखो।"),
        ("2023年中国的首都是哪里？用x=1说明。", "年中国的首都是哪里？用 说明。"),
        ("```python\n" + "x = 1\n" * 300 + "```\nSo geht es.", "So geht es."),
    ],
)
def test_what_votes(text: str, voting: str) -> None:
    assert words(talk(text, "1")) == voting


def searched(content: str) -> str:
    """The words of a text without markup, where each token is searched for code."""

    def voting(token: str) -> str:
        if token.isalpha():
            return token
        if token.isascii() and votes._CODE.search(token):
            return ""
        token = votes._ASCII.sub(lambda m: " " if votes._CODE.search(m[0]) else m[0], token)
        return token if votes.LETTER.search(token) else ""

    return " ".join(filter(None, map(voting, content.split()))).strip()[:400].strip()


@given(st.text("aabBé说 .,;'\"()-*1_/\n\t\u3000", max_size=40))
def test_a_line_of_plain_words_needs_no_search(text: str) -> None:
    assert words(talk(f"1 {text}", "1")) == searched(text)


def test_words_of_many_lines() -> None:
    lines = [
        'So it is, (more or less) "fine".',
        "",
        "x = 1",
        "See e.g. this - and that's it.",
        "用x=1说明。",
        " indented",
        "two  spaces",
    ]
    for seed in range(50):
        text = "\n".join(random.Random(seed).choices(lines, k=60))[:490]
        assert words(talk(text, "1")) == searched(text)


def test_both_sides_vote() -> None:
    english = "Please translate the sentence above into German for me, and keep the tone as it is. "
    german = (
        "Hier ist die Übersetzung, die du wolltest, und der Ton ist derselbe geblieben wie im"
        " Original. "
    )
    [[long_answer], [long_prompt]] = Language().batch(
        [talk(english, german * 4), talk(english * 4, german)]
    )
    assert isinstance(long_answer, Conversation)
    assert isinstance(long_prompt, Conversation)
    assert (long_answer.language, long_prompt.language) == ("de", "en")


def test_code_does_not_vote() -> None:
    code = "```\nfor item in the_list_of_all_the_things_that_we_have:\n    print(item)\n```"
    [[got]] = Language().batch(
        [
            talk(
                "Was macht dieser Code, und warum ist er so langsam?\n" + code,
                "Er gibt jedes Ding aus.\n" + code,
            )
        ]
    )
    assert isinstance(got, Conversation)
    assert got.language == "de"


def test_a_language_that_is_not_wanted_is_refused_with_its_label() -> None:
    french = talk(
        "Quelle est la capitale de la France, s'il te plaît ?",
        "La capitale de la France s'appelle Paris.",
    )
    german = talk(
        "Wie heißt die Hauptstadt von Frankreich, bitte?",
        "Die Hauptstadt von Frankreich heißt Paris.",
    )
    [[got], [kept]] = Language(["fr"]).batch([german, french])
    assert isinstance(got, Reject)
    assert (got.reason.value, got.detail) == ("language", "de 1.00")
    assert isinstance(kept, Conversation)
    [[dropped]] = Language(drop=["de"]).batch([german])
    assert isinstance(dropped, Reject)
    [[unsure]] = Language(least=0.9).batch([talk("ok", "ok")])
    assert isinstance(unsure, Reject)


@pytest.mark.parametrize(
    ("label", "wanted", "fits"),
    [
        ("zh-Hant", ["zh"], True),
        ("zh", ["zh-Hant"], False),
        ("en", ["de", "en"], True),
        ("es", ["e"], False),
    ],
)
def test_a_label_falls_under_its_language(label: str, wanted: list[str], fits: bool) -> None:
    assert matches(label, wanted) is fits


def test_scripts_of_chinese() -> None:
    assert script("简体中文") == "zh-Hans"
    assert script("繁體中文") == "zh-Hant"
    assert script("你好") == "zh"
