"""What a recipe refuses for its words: whole words in answers, not in code, not in prompts."""

from __future__ import annotations

from typing import Any

import pytest

from open_instructions.schema import Conversation, Message, Reject
from open_instructions.stages.language import COMMON, detect
from open_instructions.stages.phrases import Phrases, phrases


def talk(*texts: str) -> Conversation:
    return Conversation(
        "x/0",
        "x",
        "y",
        tuple(Message("user" if i % 2 == 0 else "assistant", t) for i, t in enumerate(texts)),
        "x/0",
    )


@pytest.mark.parametrize(
    ("answer", "blocked"),
    [
        ("I was made by OpenAI.", True),
        ("openai's model", True),
        ("**ChatGPT** says so", True),
        ("```python\nimport openai\n```", False),
        ("Call `openai.api_key = key`.", False),
        ("See https://openai.com/blog for it.", False),
        ("An openairport of the mind.", False),
        ("~~~\nopenai\n~~~\nand ``openai`` and openai.com and www.openai.com/x", False),
        ("看https://a.b/c。OpenAI是公司。", True),
        ("ＯｐｅｎＡＩ and open\u00adai", True),
    ],
)
def test_blocked_words_are_words_of_an_answer(answer: str, blocked: bool) -> None:
    [got] = Phrases(["openai", "chatgpt"])(
        talk("Who are you?", "A model.", "Who made you?", answer)
    )
    assert isinstance(got, Reject) is blocked
    if isinstance(got, Reject):
        assert got.reason.value == "blocked_word"
        assert got.detail.endswith("in message 3")


def test_what_a_person_says_is_not_looked_at() -> None:
    [got] = Phrases(["openai"], ["refusals"])(
        talk("As an AI language model made by OpenAI, what are you?", "A model.")
    )
    assert isinstance(got, Conversation)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (
            "Well, As an  AI\nlanguage model, I have no pets.",
            "'as an ai language model' in message 1 (en)",
        ),
        ("I’m sorry, but I can’t do that.", "\"i'm sorry, but i can't\" in message 1 (en)"),
        ("作为一个人工智能，我没有感情。", "'作为一个人工智能' in message 1 (zh-Hans)"),
        (
            "Als KI-Sprachmodell habe ich keine Haustiere.",
            "'als ki-sprachmodell' in message 1 (de)",
        ),
        ("Ministers spoke of it as an AI language modelling firm.", None),
        ("Schreib `as an AI language model` in den Code.", None),
    ],
)
def test_refusals(answer: str, detail: str | None) -> None:
    [got] = Phrases(lists=["refusals"])(talk("Do you have a cat?", answer))
    assert (got.detail if isinstance(got, Reject) else None) == detail


def test_a_message_of_the_service_is_no_answer() -> None:
    limit = "!Too many requests in 1 hour. Try again later."
    results: list[Any] = Phrases(lists=["service_messages"])(talk("a", "b", "c", limit, "d", "e"))
    assert [m.content for m in results[0].messages] == ["a", "b", "d", "e"]
    assert [(r.reason.value, r.message.content) for r in results[1:]] == [
        ("no_answer", "c"),
        ("service_message", limit),
    ]
    [alone] = Phrases(lists=["service_messages"])(talk("a", "Network error."))
    assert isinstance(alone, Reject)
    assert (alone.reason.value, alone.level) == ("service_message", "record")
    [about] = Phrases(lists=["service_messages"])(
        talk("a", "A network error is an error of a network.")
    )
    assert isinstance(about, Conversation)


def test_too_few_characters() -> None:
    [got] = Phrases(min_chars=16)(talk("0123456", "01234567"))
    assert isinstance(got, Reject)
    assert (got.reason.value, got.detail) == (
        "too_short",
        "15 characters in all; the minimum is 16",
    )
    assert isinstance(Phrases(min_chars=16)(talk("01234567", "01234567"))[0], Conversation)


def test_nothing_is_refused_by_default() -> None:
    given = talk("Who?", "As an AI language model of OpenAI")
    assert Phrases()(given) == [given]


def test_phrases_are_in_the_language_that_they_stand_under() -> None:
    known = phrases("refusals")
    assert {language.partition("-")[0] for language, _ in known} == set(COMMON)
    wrong = [
        (language, phrase)
        for language, phrase in known
        if detect(phrase, [language.partition("-")[0]])[0].partition("-")[0]
        != language.partition("-")[0]
    ]
    assert wrong == []
