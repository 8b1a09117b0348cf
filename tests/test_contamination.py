"""Whether a conversation has an item of an evaluation set: the rule, by values worked out by
hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.corpus.contamination.entries import entries_of
from open_instructions.corpus.contamination.hits import Found, evidence, found_in
from open_instructions.corpus.contamination.index import Index, covered, index_of, with_common
from open_instructions.corpus.contamination.items import Item, items_of
from open_instructions.corpus.words import _APART, _bounded
from open_instructions.layouts.layout import LayoutOptions
from open_instructions.schema import Message, Reject

TWENTY = "A baker sells 12 loaves for 3 coins each and 5 rolls for 2 coins. How much does she earn?"
"""Twenty words."""
CHOICE = Item(
    "Which metal bends most easily in the cold winter air?",
    ("brass", "lead", "iron", "tin"),
    ("lead", "B"),
    id="c",
)


def index(*items: Item) -> Index:
    return index_of(entries_of("made", items))


def found(of: Index, *messages: tuple[str, str], threshold: float = 0.6) -> Found:
    [one] = found_in([[Message(role, text) for role, text in messages]], of, threshold)
    return one


def hits(of: Index, *messages: tuple[str, str]) -> list[tuple[str, str, float]]:
    names = of.names_of_items()
    one = found(of, *messages)
    return [(names[hit.item], hit.part, round(hit.cover, 3)) for hit in one.hits]


SUM = Item(TWENTY, (), ("46",), id="s")


def test_a_question_with_its_answer() -> None:
    of = index(SUM)
    assert hits(of, ("user", TWENTY), ("assistant", "She earns 46.")) == [
        ("made/s", "question_with_answer", 1.0)
    ]
    assert hits(of, ("user", TWENTY), ("assistant", "She earns 47.")) == [
        ("made/s", "question", 1.0)
    ]


def test_case_marks_and_a_frame_around_it_make_no_difference() -> None:
    text = f"Please help me.\n\n{TWENTY.upper().replace('.', ' ;')}\nThink first."
    assert hits(index(SUM), ("user", text), ("assistant", "No.")) == [("made/s", "question", 1.0)]


def test_other_figures_are_another_item() -> None:
    text = TWENTY.replace("12", "13")
    assert hits(index(SUM), ("user", text), ("assistant", "46")) == []
    one = found(index(SUM), ("user", text))
    assert (one.eights, one.thirteen) == ({0}, {0})  # the other rules take it for the item


def test_cover_counts_the_words_in_shared_grams() -> None:
    """Of twenty words the first seven and the last seven are there: grams at 0, 1, 2 cover 0 to 6,
    those at 13, 14, 15 cover 13 to 19."""
    words = TWENTY.split()
    assert len(words) == 20
    text = " ".join([*words[:7], "and so on 5 2", *words[13:]])
    one = found(index(SUM), ("user", text), threshold=0.5)
    assert [round(hit.cover, 4) for hit in one.hits] == [0.7]
    assert found(index(SUM), ("user", text), threshold=0.71).hits == []


def test_a_short_item_is_found_only_as_a_whole_message() -> None:
    of = index(Item("Who built the old mill?", id="m"))
    assert hits(of, ("user", "who built the OLD mill")) == [("made/m", "question", 1.0)]
    assert hits(of, ("user", "Tell me: who built the old mill?")) == []


def test_a_choice_is_found_by_its_stem_and_with_its_options() -> None:
    of = index(CHOICE)
    assert hits(of, ("user", CHOICE.question), ("assistant", "B")) == [
        ("made/c", "question_with_answer", 1.0)
    ]
    assert hits(of, ("user", CHOICE.whole), ("assistant", "It is lead.")) == [
        ("made/c", "question_with_answer", 1.0)
    ]
    # a single letter has to be all of the answer
    assert hits(of, ("user", CHOICE.question), ("assistant", "B minor")) == [
        ("made/c", "question", 1.0)
    ]


def test_the_answer_counts_in_what_the_assistant_says_until_the_next_question() -> None:
    of = index(SUM)
    talk = [("user", TWENTY), ("assistant", "Wait."), ("user", "And?"), ("assistant", "46")]
    assert hits(of, *talk) == [("made/s", "question", 1.0)]
    assert hits(of, ("user", "Go."), ("assistant", f"{TWENTY} 46")) == [
        ("made/s", "question_with_answer", 1.0)
    ]


def test_an_answer_and_a_passage_alone() -> None:
    answer = "The gate was closed because the river had carried away its lower hinge"
    passage = "In the spring of that year the river rose above the second step of the mill."
    of = index(
        Item("Why was the gate of the mill closed that spring?", (), (answer,), passage, "p")
    )
    assert hits(of, ("user", "Go on."), ("assistant", f"Well. {answer}.")) == [
        ("made/p", "answer", 1.0)
    ]
    assert hits(of, ("user", f"Translate: {passage}"), ("assistant", "No.")) == [
        ("made/p", "passage", 1.0)
    ]


def test_grams_of_more_than_five_items_do_not_count() -> None:
    frame = "In the long hall of the northern palace there hangs a painting that shows {} at night"
    animals = ["a grey heron", "two old foxes", "the last bear", "one tame crow", "a blind mole"]
    five = [Item(frame.format(animal), id=str(n)) for n, animal in enumerate(animals)]
    other = ("user", frame.format("some young wolves"))
    assert len(hits(index(*five), other)) == 5
    six = [*five, Item(frame.format("three thin cats"), id="5")]
    assert hits(index(*six), other) == []
    assert hits(index(*six), ("user", frame.format("a grey heron"))) == [
        ("made/0", "question", 1.0)  # as a whole message
    ]


def test_the_same_item_in_many_sets_is_one_item() -> None:
    """Grams are counted by items, and equal ones are the same."""
    import pyarrow as pa

    of = index_of(pa.concat_tables([entries_of(f"set{n}", [SUM]) for n in range(9)]))
    assert len(hits(of, ("user", f"Now: {TWENTY}"))) == 9


def test_what_is_common_in_the_sources_does_not_count() -> None:
    of = index(SUM)
    every = with_common(of, np.arange(len(of.fives.grams)))
    one = found(every, ("user", f"Now: {TWENTY}"))
    assert (one.hits, one.quoted) == ([], {0})
    assert len(found(every, ("user", TWENTY)).hits) == 1  # a whole message still is


def test_han_characters_are_words() -> None:
    text = "小林的仓库里有48个灯笼，每天卖出6个，一周以后还剩下多少个？"
    of = index(Item(text, id="z"))
    assert hits(of, ("user", f"请问：{text}谢谢")) == [("made/z", "question", 1.0)]
    assert hits(of, ("user", text.replace("48", "49"))) == []


def test_marks_that_only_normalising_makes_are_bounded() -> None:
    """NFKC takes the square of the marks in a row, and some characters become marks by it."""
    for character in ("\uff9e", "\uff9f", "\u0f73", "\u0301", "\uff9e\u0301"):
        marks = _bounded(character * 90)
        assert max(map(len, marks.split(_APART))) <= 30


def test_reasoning_is_looked_at() -> None:
    message = Message("assistant", "46", fields={"reasoning_content": f"Asked: {TWENTY}"})
    [one] = found_in([[Message("user", "Go."), message]], index(SUM), 0.6)
    said = json.loads(evidence(one, one.hits, index(SUM)))
    assert said["hits"][0]["field"] == "reasoning_content"
    assert said["hits"][0]["part"] == "question_with_answer"


def test_evidence_has_places_and_no_text_of_the_item() -> None:
    of = index(SUM)
    text = f"Héllo! {TWENTY} Bye."
    one = found(of, ("user", text), ("assistant", "46"))
    said = json.loads(evidence(one, one.hits, of))
    assert said == {
        "hits": [
            {
                "benchmark": "made",
                "item": "made/s",
                "part": "question_with_answer",
                "message": 0,
                "spans": [[7, 7 + len(TWENTY) - 1]],
                "cover": 1.0,
            }
        ]
    }
    assert text[slice(*said["hits"][0]["spans"][0])] == TWENTY[:-1]


def test_evidence_is_bounded() -> None:
    items = [Item(" ".join(f"w{n}x{k}" for k in range(9)), id=str(n)) for n in range(30)]
    of = index(*items)
    one = found(of, ("user", " ".join(item.question for item in items)))
    said = json.loads(evidence(one, one.hits, of))
    assert len(said["hits"]) == 10
    assert said["more"] == 20


def test_two_other_rules() -> None:
    """Tülu 3: half of the item in 8-grams. Nine of twenty words are not half, ten are."""
    words = TWENTY.split()
    nine, ten = " ".join(words[:9]), " ".join(words[:10])
    assert found(index(SUM), ("user", nine)).eights == set()
    assert found(index(SUM), ("user", ten)).eights == {0}
    twelve, thirteen = " ".join(words[:12]), " ".join(words[:13])
    assert found(index(SUM), ("user", twelve)).thirteen == set()
    assert found(index(SUM), ("user", thirteen)).thirteen == {0}


def test_the_index_as_a_table_is_the_same() -> None:
    of = index(SUM, CHOICE)
    again = Index.from_table(of.to_table())
    for one, other in zip(_arrays(of), _arrays(again), strict=True):
        assert np.array_equal(one, other)


def _arrays(of: Index) -> list[Any]:
    return [array for part in of for array in (part if isinstance(part, tuple) else [part])]


PLAIN = (
    "river", "stone", "amber", "lantern", "quiet", "marble", "orchard", "copper", "violet",
    "harbor", "7", "12",
)  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=30))
def test_cover_is_that_of_the_tokens_one_by_one(pairs: list[tuple[int, int]]) -> None:
    expected = [len({p + k for key, p in pairs if key == at for k in range(5)}) for at in range(4)]
    keys, places = (np.array([pair[n] for pair in pairs], np.int64) for n in (0, 1))
    assert covered(keys, places, 4, 5).tolist() == expected


@given(
    st.lists(st.sampled_from(PLAIN), min_size=8, max_size=25),
    st.lists(st.sampled_from(PLAIN), max_size=10),
    st.lists(st.sampled_from(PLAIN), max_size=10),
)
def test_a_copy_is_found_whatever_is_around_it(
    item: Sequence[str], before: Sequence[str], after: Sequence[str]
) -> None:
    of = index(Item(" ".join(item), id="0"))
    text = " ".join([*before, *item, *after])
    assert [part for _, part, _ in hits(of, ("user", text))] == ["question"]


@given(st.lists(st.lists(st.sampled_from(PLAIN), max_size=20), min_size=1, max_size=6))
def test_a_text_is_judged_the_same_alone_and_among_others(texts: list[list[str]]) -> None:
    of = index(SUM, Item(" ".join(PLAIN), id="p"))
    messages = [[Message("user", " ".join(words))] for words in texts]
    together = [one.hits for one in found_in(messages, of, 0.6)]
    assert together == [found_in([each], of, 0.6)[0].hits for each in messages]


# --- records as items ---

AUTO = LayoutOptions()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"question": "Why?", "answer": "So."}, Item("Why?", (), ("So.",))),
        (
            {"question": "Why?", "choices": ["a", "b"], "answer": 1},
            Item("Why?", ("a", "b"), ("b", "B"), number=1),
        ),
        (
            {"question": "Why?", "A": "x", "B": "y", "answer": "A"},
            Item("Why?", ("x", "y"), ("x", "A")),
        ),
        (
            {
                "question": "Why?",
                "choices": {"text": ["x", "y"], "label": ["1", "2"]},
                "label": "1",
            },
            Item("Why?", ("x", "y"), ("x", "A")),
        ),
        ({"prompt": "Write a poem."}, Item("Write a poem.")),
        ({"instruction": "Add.", "output": "3", "id": "x-7"}, Item("Add.", (), ("3",), id="x-7")),
        (
            {"question": "How many?", "answer": "3 + 4\n#### 7"},
            Item("How many?", (), ("3 + 4\n#### 7", " 7")),
        ),
    ],
)
def test_records_as_items(record: dict[str, Any], expected: Item) -> None:
    assert items_of(record, AUTO) == [expected]


def test_mapped_fields() -> None:
    options = LayoutOptions(
        fields=(
            ("question", "q.text"),
            ("options", "right,wrong 1"),
            ("answer", "right"),
            ("context", "passage"),
            ("id", "key"),
        )
    )
    record = {"q": {"text": "Why?"}, "right": "x", "wrong 1": "y", "passage": "Long.", "key": 7}
    assert items_of(record, options) == [Item("Why?", ("x", "y"), ("x", "A"), "Long.", "7")]


def test_turns_are_items() -> None:
    options = LayoutOptions(fields=(("question", "prompt"),))
    found = items_of({"prompt": ["One?", "Two?"], "id": "9"}, options)
    assert found == [Item("One?", id="9"), Item("Two?", id="9")]


def test_an_id_is_never_text() -> None:
    """It goes into builds: neither the question nor an escape may come with it."""
    for bad in ("why is it so", "\x1b[31m", "x" * 65, "问题", "a\nb"):
        assert items_of({"question": "Why?", "answer": "So.", "id": bad}, AUTO) == [
            Item("Why?", (), ("So.",))
        ]


def test_a_record_without_a_question() -> None:
    found = items_of({"text": "A story."}, AUTO)
    assert isinstance(found, Reject)


def test_no_module_here_opens_a_build(tmp_path: Path) -> None:
    """The step is pure: what it needs comes from the merge."""
    from open_instructions.corpus.contamination import rounds, scan

    for module in (rounds, scan):
        text = Path(module.__file__).read_text(encoding="utf-8")
        assert "open(" not in text


# --- what is written another way, or in two messages ---


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ("1250", "1,250"),
        ("1250", "1 250"),
        ("1,250", "1\u202f250"),
        ("1250300", "1’250’300"),
        ("1250", "１，２５０"),
        ("1250", "١٬٢٥٠"),
        ("1250", "१२५०"),
    ],
)
def test_a_figure_is_the_same_however_it_is_written(item: str, text: str) -> None:
    asked = "A baker sells {} loaves and five rolls; how much does she earn in all?"
    of = index(Item(asked.format(item), id="f"))
    assert hits(of, ("user", f"Now: {asked.format(text)}")) == [("made/f", "question", 1.0)]
    assert hits(of, ("user", f"Now: {asked.format('1251')}")) == []


def test_letters_that_look_like_others() -> None:
    """Cyrillic а, е, о, с and Greek ο in place of Latin ones."""
    text = TWENTY.translate(str.maketrans("aeocn", "аеосп"[:4] + "n")).replace("A b", "Α b")
    assert text != TWENTY
    assert hits(index(SUM), ("user", f"Now: {text}")) == [("made/s", "question", 1.0)]


def test_an_exact_copy_in_a_dense_set() -> None:
    """Eight items share all but two words: only six words of each are in grams that count, too few
    to be found by. But all of it is there."""
    frame = "In the long hall of the northern palace hangs a painting of a sleeping {}"
    animals = ("heron", "fox", "bear", "crow", "mole", "otter", "stoat", "hare")
    of = index(*[Item(frame.format(animal), id=animal) for animal in animals])
    assert int(of.known[0]) == 5
    assert hits(of, ("user", f"Well: {frame.format('fox')}")) == [("made/fox", "question", 1.0)]
    assert hits(of, ("user", f"Well: {frame.format('wolf')}")) == []


def test_both_shares_count() -> None:
    """Of twenty words the first thirteen are in the text: 0.65 of them by both shares, which is
    just enough; twelve are too few, with 0.6."""
    words = [f"w{n}" for n in "abcdefghijklmnopqrst"]
    of = index(Item(" ".join(words), id="w"))
    assert hits(of, ("user", " ".join(words[:13]))) == [("made/w", "question", 0.65)]
    assert hits(of, ("user", " ".join(words[:12]))) == []


LONG = (
    "The ferry leaves the north pier at dawn with 14 goats and a crate of lamps on board. "
    "At the second island 5 goats go ashore, and the crate is swapped for a bale of wool. "
    "How many goats are still on the ferry when it turns back?"
)


@pytest.mark.parametrize("first", ["user", "system"])
def test_an_item_that_is_cut_into_two_messages(first: str) -> None:
    at = LONG.index("5 goats")
    of = index(Item(LONG, (), ("9",), id="l"))
    between = [("assistant", "Go on.")] if first == "user" else []
    talk = [(first, f"Read. {LONG[:at]}"), *between, ("user", LONG[at:]), ("assistant", "9")]
    assert [(name, part) for name, part, _ in hits(of, *talk)] == [
        ("made/l", "question_with_answer")
    ]
    one = found(of, *talk)
    [told] = json.loads(evidence(one, one.hits, of))["hits"]
    assert (told["message"], told["rest"]["message"]) == (0, len(talk) - 2)
    [start, stop] = told["spans"][0]
    assert talk[0][1][start:stop] == LONG[:at].strip()
    assert told["rest"]["spans"] == [[0, len(LONG) - at - 1]]
    # one message alone does not have enough of it, and other figures are another item
    assert hits(of, *talk[:1]) == hits(of, *talk[-2:]) == []
    talk[-2] = ("user", LONG[at:].replace("5", "6"))
    assert hits(of, *talk) == []


def test_two_messages_of_one_frame_are_not_a_cut_item() -> None:
    """Together they have all words of the item; but each has the frame."""
    words = [f"w{chr(97 + n % 26)}{'ab'[n // 26]}" for n in range(30)]
    item = " ".join(words)
    one = " ".join([*words[:17], *("other" for _ in range(13))])
    other = " ".join(["yes", *words[5:15], *words[17:]])
    of = index(Item(item, id="i"))
    assert hits(of, ("user", one), ("assistant", "So."), ("user", other)) == [
        ("made/i", "question", 0.767)  # the second alone, with 23 of 30
    ]
    less = " ".join([*words[5:15], *("no" for _ in range(6)), *words[23:]])
    assert hits(of, ("user", one), ("assistant", "So."), ("user", less)) == []


def test_a_question_in_the_system_prompt_is_answered_after_the_first_message() -> None:
    of = index(SUM)
    talk = [("system", TWENTY), ("user", "Begin."), ("assistant", "It is 46.")]
    assert hits(of, *talk) == [("made/s", "question_with_answer", 1.0)]
    later = [("system", TWENTY), ("user", "Hi."), ("assistant", "Hi."), ("user", "And?")]
    assert hits(of, *later, ("assistant", "46")) == [("made/s", "question", 1.0)]
