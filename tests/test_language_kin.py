"""Languages that the model does not know or takes for one another, in sentences written for this
test."""

from __future__ import annotations

import pytest

from open_instructions.recipe import Recipe
from open_instructions.stages.language import (
    LABELS,
    PLAUSIBLE,
    detect,
    detect_all,
    kin,
    matches,
    prior,
)

SENTENCES = {
    "mi": [
        "Kei te pīrangi au ki te ako i te reo Māori kia pai ai taku kōrero ki ōku kaumātua.",
        "He aha te take i haere ai ngā tamariki ki te moana i tērā wiki?",
        "Ka tunu parāoa tōku māmā i ngā ata katoa, ā, ka kai tahi mātou.",
    ],
    "tn": [
        (
            "Ke kopa gore o nthuse go kwala lekwalo le le yang kwa mothaping wa me ka ga letsatsi"
            " la boikhutso."
        ),
        "Bana ba sekolo ba tsamaya kwa nokeng mme ba bona ditlhapi tse dintsi.",
        "Fa pula e sa ne, balemi ba tlhoka metsi a mantsi go nosetsa masimo a bone.",
    ],
    "ts": [
        "Ndzi kombela leswaku u ndzi pfuna ku tsala papila leri yaka eka muthori wa mina.",
        "Vana va xikolo va famba va ya enambyeni naswona va vona tinhlampfi to tala.",
        "Loko mpfula yi nga ni, varimi va lava mati yo tala ku cheleta masimu ya vona.",
    ],
    "st": [
        "Ke kopa hore o nthuse ho ngola lengolo le yang ho mohiri wa ka ka letsatsi la phomolo.",
        "Bana ba sekolo ba tsamaya ho ya nokeng mme ba bona ditlhapi tse ngata.",
    ],
    "sn": [
        "Ndinokumbira kuti mundibatsirewo kunyora tsamba yandinoda kupa mukuru webasa rangu.",
        "Vana vechikoro vanofamba vachienda kurwizi uye vanoona hove dzakawanda.",
    ],
    "lg": [
        "Nkusaba onnyambe okuwandiika ebbaluwa gye njagala okuwa mukama wange ku mulimu.",
        "Abaana b'essomero batambula nga bagenda ku mugga era balaba ebyennyanja bingi.",
    ],
    "bs": [
        "Sedmica ima sedam dana, a ko ne zna šta će s njima, neka pije kafu i sluša muziku.",
        "Univerzitet u Sarajevu objavio je spisak učesnika takmičenja iz historije i hemije.",
    ],
    "hr": [
        "Tjedan ima sedam dana, a tko ne zna što bi s njima, neka pije kavu i sluša glazbu.",
        "Sveučilište u Zagrebu objavilo je popis sudionika natjecanja iz povijesti i kemije.",
    ],
    "ms": [
        "Bolehkah awak tolong saya kerana kereta saya rosak di hadapan pejabat polis?",
        "Syarikat itu mahu kakitangan baharu bekerja mulai bulan Ogos selepas cuti sekolah.",
    ],
    "id": [
        "Bisakah kamu menolong saya karena mobil saya mogok di depan kantor polisi?",
        "Perusahaan itu ingin karyawan baru bekerja mulai bulan Agustus setelah libur sekolah.",
    ],
    "ha": ["Ina so in koyi yadda ake dafa abinci mai daɗi saboda baƙi suna zuwa gobe da yamma."],
    "ig": ["Achọrọ m ịmụta otu esi esi nri dị ụtọ n'ihi na ndị ọbịa na-abịa echi n'abalị."],
    "lb": [
        "Ech wëll léieren, wéi een e gutt Brout baakt, well muer den Owend d'Frënn op Besuch"
        " kommen."
    ],
}


@pytest.mark.parametrize("label", SENTENCES)
def test_sentences(label: str) -> None:
    assert [found for found, _ in detect_all(SENTENCES[label], prior())] == [label] * len(
        SENTENCES[label]
    )


def test_the_labels_are_names_of_bcp_47_and_a_recipe_takes_them() -> None:
    assert {"mi", "tn", "ts", "st", "sn", "lg", "bs", "nso", "ha", "und", "zh-Hant"} <= set(LABELS)
    assert len(LABELS) == len(set(LABELS)) == len(PLAUSIBLE) + 3 + 3
    assert Recipe("x", languages=("mi", "tn", "sn")).languages == ("mi", "tn", "sn")
    assert matches("mi", ["mi"])
    assert not matches("mi", ["m"])


def test_neighbours_in_the_pacific_are_not_maori() -> None:
    hawaiian = "Makemake au e aʻo i ka ʻōlelo Hawaiʻi i hiki iaʻu ke kamaʻilio me koʻu mau kūpuna."
    samoan = "Ou te manaʻo e aʻoaʻo le gagana Samoa ina ia mafai ona ou talanoa ma oʻu mātua."
    assert "mi" not in [
        label
        for label, _ in detect_all(
            [hawaiian, samoan, "I am to go to the tea room, or to no one."], prior()
        )
    ]


def test_without_a_word_of_either_the_score_is_open() -> None:
    label, score = detect("Danas je lijep dan i idemo na more.")
    assert label in ("hr", "bs")
    assert score < 0.8


def test_words_are_of_known_labels_and_small_letters() -> None:
    known = {*PLAUSIBLE, *kin.UNKNOWN_TO_THE_MODEL}
    for label, words in kin._WORDS.items():
        assert label in known
        assert words
        assert all(kin._TOKEN.fullmatch(word) and word == word.lower() for word in words)
    assert known >= kin.LOOKED_AT
    assert {label for family in kin._FAMILIES for label in family} <= set(kin._WORDS)
