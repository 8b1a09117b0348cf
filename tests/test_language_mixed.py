"""The language of most of a conversation, and what has none: filler text, lists of names, what a
user pasted."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from open_instructions.schema import Conversation, Message
from open_instructions.stages.language import Language, labelled, prior
from open_instructions.stages.language.filler import is_filler
from open_instructions.stages.language.votes import is_in_two_scripts, parts, words

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"

ENGLISH = (
    "The baker opens her shop before the sun is up, because the first customers come on their way"
    " to the early train. She has done so for thirty years and says that she would not know what"
    " else to do with a morning."
)
FRENCH = (
    "La boulangère ouvre son magasin avant le lever du soleil, parce que les premiers clients"
    " passent en allant à la gare. Elle le fait depuis trente ans et dit qu'elle ne saurait pas"
    " quoi faire d'autre de ses matinées."
)
GERMAN = (
    "Die Bäckerin öffnet ihren Laden vor Sonnenaufgang, weil die ersten Kunden auf dem Weg zum"
    " frühen Zug kommen. Das macht sie seit dreißig Jahren und sagt, sie wüsste nicht, was sie"
    " sonst mit einem Morgen anfangen sollte."
)
LATIN = (
    "Pistrix ante solis ortum tabernam aperit, quod primi emptores mane ad urbem properant. Hoc iam"
    " triginta annos facit, neque scire se dicit quid aliud his horis agere possit, cum omnes panem"
    " calidum ab ea exspectent."
)
CHINESE = (
    "面包师在太阳升起之前就打开店门，因为第一批顾客要赶早班火车。她这样做已经三十年了，"
    "她说不知道早上还能做什么别的事情。"
)
JAPANESE = (
    "パン屋さんは日が昇る前に店を開けます。最初のお客さんが早い電車に乗る途中で寄るからです。"
    "三十年も続けているそうです。"
)
LOREM = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut"
    " labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco"
    " laboris nisi ut aliquip ex ea commodo."
)
GENERATED = (
    "Vestibulum tincidunt malesuada tellus, ut ultrices ultrices enim. Curabitur sit amet mauris,"
    " morbi in dui quis est pulvinar ullamcorper. Nulla facilisi, integer lacinia sollicitudin"
    " massa, cras metus."
)
CICERO = (
    "Sed ut perspiciatis unde omnis iste natus error sit voluptatem accusantium doloremque"
    " laudantium, totam rem aperiam, eaque ipsa quae ab illo inventore veritatis et quasi"
    " architecto beatae vitae dicta sunt explicabo."
)


def talk(*texts: str) -> Conversation:
    return Conversation(
        "x/0",
        "x",
        "y",
        tuple(Message("user" if i % 2 == 0 else "assistant", t) for i, t in enumerate(texts)),
        "x/0",
    )


def label(*texts: str) -> tuple[str, float]:
    return labelled([talk(*texts)], prior())[0]


def test_five_chinese_turns_behind_one_japanese() -> None:
    found, score = label(
        "パン屋について教えてください。", JAPANESE * 2, *["早上几点开门？", CHINESE] * 5
    )
    assert found == "zh-Hans"
    assert 0.6 < score < 0.9
    [[kept]] = Language(["zh"]).batch(
        [talk("パン屋について教えてください。", JAPANESE, *["早上几点开门？", CHINESE] * 5)]
    )
    assert isinstance(kept, Conversation)


@pytest.mark.parametrize(
    ("texts", "expected", "least", "most"),
    [
        ([ENGLISH, ENGLISH, *[GERMAN, GERMAN] * 4], "de", 0.75, 0.85),
        ([*[GERMAN, GERMAN] * 2, *[ENGLISH, ENGLISH] * 4], "en", 0.6, 0.72),
        ([ENGLISH, ENGLISH, *["早上几点开门？", CHINESE] * 8], "zh-Hans", 0.65, 0.85),
        (["早上几点开门？", CHINESE, *[ENGLISH, ENGLISH] * 4], "en", 0.8, 0.95),
        # in one message, line by line
        (["Text, please.", f"{ENGLISH}\n\n{FRENCH}\n\n{FRENCH}\n\n{FRENCH}"], "fr", 0.6, 0.85),
        # one language all along
        ([ENGLISH, ENGLISH] * 6, "en", 1.0, 1.0),
        ([GERMAN, GERMAN] * 6, "de", 1.0, 1.0),
        ([JAPANESE, JAPANESE] * 3, "ja", 1.0, 1.0),
        ([CHINESE, CHINESE] * 3, "zh-Hans", 1.0, 1.0),
    ],
)
def test_most_of_the_text_gives_the_label_and_the_score_shows_a_mixture(
    texts: list[str], expected: str, least: float, most: float
) -> None:
    found, score = label(*texts)
    assert found == expected
    assert least <= score <= most


def test_later_turns_count_as_much_as_the_first() -> None:
    talks = [ENGLISH, ENGLISH] * 2 + [FRENCH, FRENCH] * 10
    assert label(*talks)[0] == label(*reversed(talks))[0] == "fr"


@pytest.mark.parametrize(
    "filler", [LOREM, GENERATED, CICERO, f"{LOREM}\n\n{GENERATED}\n\n{CICERO}"]
)
@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        (
            "Write an HTML page with a heading and some paragraphs of filler text.",
            "<html><body>\n<h1>Page</h1>\n<p>{}</p>\n</body></html>",
        ),
        (
            "Write a page of placeholder text for my new web site.",
            "Here are some paragraphs that you can use:\n\n{}",
        ),
        (
            "Count the words of this text and tell me the number.\n\n{}",
            "There are thirty-four words in the text that you gave me.",
        ),
        ("Give me sample data for my table as JSON, please.", '[\n{{"id": 1, "body": "{}"}}\n]'),
    ],
)
def test_filler_text_does_not_vote(prompt: str, answer: str, filler: str) -> None:
    assert label(prompt.format(filler), answer.format(filler))[0] == "en"


def test_filler_in_other_letters() -> None:
    assert (
        label(
            "Write some filler text in Russian letters.",
            "Лорем ипсум долор сит амет, ин вис тота петентиум. " * 4,
        )[0]
        == "en"
    )


def test_latin_is_still_latin() -> None:
    assert label(LATIN, LATIN) == ("la", 1.0)
    assert label("Translate this into Latin.", LATIN)[0] == "la"
    assert not is_filler(LATIN)
    assert not is_filler("Lorem ipsum is what printers put where a text will be.")


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        (
            (
                "Which of these is found in the gut?\n\nA. Bacillus subtilis\nB. Lactobacillus"
                " brevis\nC. Escherichia coli"
            ),
            "C. Escherichia coli",
        ),
        (
            "List famous Italian singers.",
            (
                "1. Enrico Caruso\n2. Luciano Pavarotti\n3. Cecilia Bartoli\n4. Renata Tebaldi\n5."
                " Mirella Freni"
            ),
        ),
        (
            "What are the muscles of the forearm?",
            "- Flexor carpi radialis\n- Palmaris longus\n- Pronator teres\n- Brachioradialis",
        ),
        (
            "Name some insects by their scientific names.",
            (
                "Apis mellifera, Bombus terrestris, Vespa crabro, Formica rufa, Musca domestica,"
                " Culex pipiens"
            ),
        ),
        (
            "Create a word search puzzle about winter.",
            "F R O S T W Y D D C\nI C E L L W Y N G H\nS N O W D D F F O R\n\nFROST, ICE, SNOW",
        ),
        (
            "Which Polish cities should I see on my trip?",
            "Kraków\nWrocław\nGdańsk\nŁódź\nPoznań\nToruń",
        ),
    ],
)
def test_lists_of_names_do_not_vote(prompt: str, answer: str) -> None:
    assert label(prompt, answer)[0] == "en"


def test_a_conversation_that_is_all_lists_has_their_language() -> None:
    assert (
        label(
            "Zehn Tiere\nBitte nur Namen\nOhne Artikel",
            "Hund\nKatze\nPferd\nKuh\nSchaf\nZiege\nHuhn\nGans\nEnte\nSchwein",
        )[0]
        == "de"
    )


def test_what_a_user_pasted_is_not_their_language() -> None:
    assert (
        label(f"Summarize the following text in one sentence.\n\n{FRENCH}\n\n{FRENCH}", ENGLISH)[0]
        == "en"
    )
    assert label(f"Translate this sentence from Latin to English.\n\n{LATIN}", ENGLISH)[0] == "en"
    # who answers in the language of what was pasted, goes on with it
    assert label(f"Continue this story.\n\n{GERMAN}", GERMAN)[0] == "de"


def test_a_name_in_another_language_takes_nothing_from_a_question() -> None:
    prompt = (
        f"{ENGLISH} Say which place this sentence names.\n\nSentence: They came from Rio de"
        " Janeiro."
    )
    assert label(prompt, "Rio de Janeiro") == ("en", 1.0)


def test_a_word_said_again_and_again_says_it_once() -> None:
    assert label("Repeat the word hola three hundred times, please.", "hola " * 300)[0] == "en"


def test_chinese_with_english_sentences_is_split_by_script() -> None:
    assert is_in_two_scripts("这句话的意思是什么？ What does this sentence mean?")
    line = f"请把这句话翻译成英语，谢谢你的帮助。{ENGLISH}"
    texts = [part.text for part in parts(talk(line, "好的。" * 10)) if part.role == "user"]
    assert sorted("baker" in text for text in texts) == [False, True]
    assert sorted("请把" in text for text in texts) == [False, True]


def test_labels_are_the_same_in_any_batch() -> None:
    talks = [
        talk(*texts)
        for texts in (
            [ENGLISH, FRENCH],
            [GERMAN, ENGLISH, GERMAN, GERMAN],
            ["x", LOREM],
            [CHINESE, ENGLISH],
            [LATIN, "ok"],
        )
    ]
    one_by_one = [labelled([given], prior())[0] for given in talks]
    assert labelled(talks, prior()) == one_by_one
    assert labelled(talks[::-1] * 3, prior()) == one_by_one[::-1] * 3


def test_a_sample_of_a_long_side_has_its_end() -> None:
    given = words(talk("Anfang " * 200 + "Mitte " * 200 + "Ende " * 200, "ok"))
    assert {"Anfang", "Mitte", "Ende"} <= set(given.split())
    assert len(given) <= 410


@pytest.mark.parametrize(
    "text",
    [
        "a, " * 200_000,
        "```\n" * 100_000,
        "<" * 500_000,
        "ipsum " * 100_000,
        "1. x\n" * 100_000,
        "語a " * 100_000,
        "aé" * 300_000,
    ],
)
def test_long_messages_take_no_longer_than_their_bytes(text: str) -> None:
    started = time.process_time()
    labelled([talk(text, text), talk(f"{FRENCH}\n{text}", f"{ENGLISH}\n{text}")], prior())
    assert time.process_time() - started < 2


@pytest.mark.skipif(not CASES.is_dir(), reason="needs the cases of ../shared")
def test_the_cases() -> None:
    [lorem] = json.loads((CASES / "lorem/alpaca_data.json").read_text(encoding="utf-8"))
    assert label(lorem["instruction"], lorem["output"])[0] == "en"
    mixed = json.loads(
        (CASES / "language-mixed/ShareGPT_V3_unfiltered_cleaned_split.json").read_text(
            encoding="utf-8"
        )
    )[0]
    found, score = label(*[turn["value"] for turn in mixed["conversations"]])
    assert (found, score < 0.8) == ("zh-Hans", True)
