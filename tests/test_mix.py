"""The mix: shares worked out by hand, and its laws as properties."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from time import process_time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.corpus.budget import budget, tempered
from open_instructions.corpus.mix import Mix, Mixing
from open_instructions.corpus.options import Weights
from open_instructions.corpus.shares import Rows, settle_shares
from open_instructions.corpus.step import no_rows, report_of
from open_instructions.errors import RecipeError, UsageError
from open_instructions.preference import Preference, Tokens
from open_instructions.recipe import Recipe, parse
from open_instructions.reports.shares import in_words, shares_table
from open_instructions.schema import Conversation, Message

from .mixing import copies_of, shares_of, talk, verdicts_of


def mixing(seed: int = 0, **keys: Any) -> Mixing:
    weights = Weights.of(keys.pop("weights", {}))
    return Mixing(Mix(weights=weights, **keys), seed, "cl100k_base")


def several(source: str, count: int, tokens: int = 10, **more: Any) -> list[Conversation]:
    return [talk(f"{source}{n}", source, tokens, **more) for n in range(count)]


TEN_AND_FOUR = [*several("alpaca", 10), *several("dolly", 4)]
"""100 tokens of alpaca, 40 of dolly."""


def test_shares_of_a_total() -> None:
    step = mixing(weights={"alpaca": 3, "dolly": 1}, total=80)
    assert shares_of(step, TEN_AND_FOUR) == {"alpaca": (60, 100, 60), "dolly": (20, 40, 20)}


def test_never_more_than_the_total() -> None:
    """Of 85 tokens alpaca's share is 63 and dolly's 21: 6 conversations of ten, and 2."""
    step = mixing(weights={"alpaca": 3, "dolly": 1}, total=85)
    assert shares_of(step, TEN_AND_FOUR) == {"alpaca": (63, 100, 60), "dolly": (21, 40, 20)}


def test_without_a_total_the_largest_mix() -> None:
    step = mixing(weights={"alpaca": 1, "dolly": 1})
    assert shares_of(step, TEN_AND_FOUR) == {"alpaca": (40, 100, 40), "dolly": (40, 40, 40)}
    [note] = report_of(verdicts_of(step, TEN_AND_FOUR))["notes"]
    assert note == (
        "mix: 80 tokens in all; dolly gives everything that it has, and the weights say what the "
        "others give beside it: a lower weight for it, or max_epochs, takes more of them"
    )


@pytest.mark.parametrize(("held", "said"), [(1, False), (2, True)])
def test_much_that_is_put_aside_is_said(held: int, said: bool) -> None:
    """One conversation of five is not much; two beside four are."""
    aside = [{"number": number, "split": "validation"} for number in range(held)]
    step = mixing(weights={"alpaca": 1}, total=40)
    notes = report_of(verdicts_of(step, several("alpaca", 10), aside))["notes"]
    note = (
        "mix: 2 conversations are put aside, and 4 are for training. A share is of all rows, "
        "before the mix; validation: {rows: 500} says how many"
    )
    assert notes == [note] * said


def test_a_small_part_of_a_set_is_not_nothing() -> None:
    step = mixing(weights={"alpaca": 1}, total=10)
    [share] = report_of(verdicts_of(step, several("alpaca", 2000)))["shares"]
    assert share["epochs"] == 0.0005


def test_weights_that_are_no_binary_fractions_lose_no_row() -> None:
    """0.7 to 0.3 of 100 and of 30: all of dolly, and 70 of alpaca."""
    talks = [*several("alpaca", 10), *several("dolly", 3)]
    step = mixing(weights={"alpaca": 0.7, "dolly": 0.3})
    assert shares_of(step, talks) == {"alpaca": (70, 100, 70), "dolly": (30, 30, 30)}


def test_what_is_left_out() -> None:
    table = verdicts_of(mixing(weights={"alpaca": 1}, total=95), TEN_AND_FOUR).to_pylist()
    assert {row["reason"] for row in table} == {"not_sampled"}
    assert sorted(row["detail"] for row in table) == [
        "beyond what its set gives to the mix",
        *["its set has no weight in the mix"] * 4,
    ]
    report = report_of(verdicts_of(mixing(weights={"alpaca": 1}, total=95), TEN_AND_FOUR))
    assert report["left_out"] == {"dolly:main": 40}
    assert report["notes"] == ["mix: without a weight, and left out: dolly:main (40 tokens)"]


def test_rows_are_repeated_up_to_max_epochs() -> None:
    """Dolly's share is 100 of 200: each of its four rows twice, and two of them a third time."""
    step = mixing(weights={"alpaca": 1, "dolly": 1}, total=200, max_epochs=3)
    assert shares_of(step, TEN_AND_FOUR) == {"alpaca": (100, 100, 100), "dolly": (100, 40, 100)}
    found = copies_of(step, TEN_AND_FOUR)
    assert sorted(n for name, n in found.items() if name.startswith("dolly")) == [2, 2, 3, 3]
    report = report_of(verdicts_of(step, TEN_AND_FOUR))
    assert [row["epochs"] for row in report["shares"]] == [1.0, 2.5]
    assert report["notes"] == [
        "mix: dolly has 40 tokens and its share is 100: its rows are written up to 3 times"
    ]


def test_a_set_that_is_short_scales_the_mix() -> None:
    """Dolly can give 40 of 100, so alpaca gives 40 of 100 too."""
    step = mixing(weights={"alpaca": 1, "dolly": 1}, total=200)
    assert shares_of(step, TEN_AND_FOUR) == {"alpaca": (100, 100, 40), "dolly": (100, 40, 40)}
    assert report_of(verdicts_of(step, TEN_AND_FOUR))["notes"] == [
        "mix: dolly has 40 tokens and its share is 100: 60 are missing at 1 epoch, and 2.50 are "
        "needed; the whole mix is scaled to 40.0%: alpaca gives 40 instead of 100, dolly gives 40 "
        "instead of 100"
    ]


def test_a_set_that_is_short_stops_the_build() -> None:
    step = mixing(weights={"alpaca": 1, "dolly": 1}, total=200, max_epochs=2, shortfall="stop")
    with pytest.raises(UsageError) as caught:
        verdicts_of(step, TEN_AND_FOUR)
    assert caught.value.message == (
        "mix: dolly has 40 tokens and its share is 100: 20 are missing at 2 epochs, and 2.50 are "
        "needed."
    )
    assert caught.value.hint == "Use max_epochs: 3, a total up to 160, or shortfall: scale."


def test_a_set_that_is_short_is_repeated_as_often_as_it_takes() -> None:
    step = mixing(weights={"alpaca": 1, "dolly": 1}, total=200, shortfall="repeat")
    assert shares_of(step, TEN_AND_FOUR) == {"alpaca": (100, 100, 100), "dolly": (100, 40, 100)}
    step = mixing(weights={"alpaca": 1, "dolly": 1}, total=8020, shortfall="repeat")
    with pytest.raises(UsageError, match="10 are missing at 100 epochs"):
        verdicts_of(step, TEN_AND_FOUR)


def test_a_set_that_gives_nothing_is_said() -> None:
    """Its share is less than a token."""
    step = mixing(weights={"alpaca": 1e300, "dolly": 1e-300}, total=50)
    assert shares_of(step, TEN_AND_FOUR) == {"alpaca": (49, 100, 40), "dolly": (0, 40, 0)}
    assert report_of(verdicts_of(step, TEN_AND_FOUR))["notes"] == [
        "mix: nothing is taken where no conversation fits into the share: dolly (whose share is 0 "
        "of 40 tokens)"
    ]


def test_nothing_to_take() -> None:
    with pytest.raises(UsageError, match="a total of 11 tokens takes nothing"):
        verdicts_of(mixing(total=11, weights={"alpaca": 1, "dolly": 1}), TEN_AND_FOUR)
    with pytest.raises(UsageError, match="'sharegpt' has a weight, and nothing is left"):
        verdicts_of(mixing(weights={"alpaca": 1, "sharegpt": 1}), TEN_AND_FOUR)
    with pytest.raises(UsageError, match="no conversation is left to take"):
        verdicts_of(mixing(), [])


@pytest.mark.parametrize(
    ("by", "weights", "taken"),
    [
        ("language", {"en": 1, "zh": 1}, ["alpaca/en1", "alpaca/hans", "alpaca/hant"]),
        ("language", {"en": 1, "zh-Hant": 1}, ["alpaca/en1", "alpaca/hant"]),
        ("language", {"zh": 1, "zh-Hant": 1}, ["alpaca/hans", "alpaca/hant"]),
        ("task", {"qa": 1, "none": 1}, ["alpaca/en1", "alpaca/hans"]),
        ("license", {"MIT": 1}, ["alpaca/hant"]),
    ],
)
def test_weights_over_other_names(by: Any, weights: dict[str, float], taken: list[str]) -> None:
    """A name covers what it begins: zh is zh-Hans and zh-Hant, less what is named itself."""
    talks = [
        talk("en1", tokens=20, language="en", task="qa", license="CC0-1.0"),
        talk("hans", language="zh-Hans", license="CC0-1.0"),
        talk("hant", language="zh-Hant", task="chat", license="MIT"),
    ]
    most = {"max_epochs": 100, "total": 10_000, "shortfall": "scale"}
    assert sorted(copies_of(mixing(by=by, weights=weights, **most), talks)) == taken


def test_a_subset_that_is_named_is_not_of_its_source() -> None:
    talks = [*several("gpt4llm", 4, subset="en"), talk("z", "gpt4llm", 30, subset="zh")]
    step = mixing(weights={"gpt4llm": 1, "gpt4llm:zh": 1})
    assert shares_of(step, talks) == {"gpt4llm": (30, 40, 30), "gpt4llm:zh": (30, 30, 30)}


def test_units() -> None:
    """Two conversations: one of two rows, one of one; answers of 4 tokens, one of them not to be
    learned from."""
    answer, quiet = Message("assistant", "Hello, world!"), {"weight": 0}
    asked = Message("user", "Say it.")
    long = talk("a", tokens=7)
    long = type(long)(**vars(long) | {"messages": (asked, answer)})
    unheard = Message("assistant", "Hello, world!", fields=quiet)
    other = type(long)(**vars(long) | {"messages": (asked, unheard, asked, answer)})
    [asks] = mixing(unit="rows").rounds
    assert asks.facts_of_rows([[long, other], [other]])["size"].to_pylist() == [2, 1]
    [asks] = mixing(unit="tokens").rounds
    assert asks.facts_of_rows([[long, other], [other]])["size"].to_pylist() == [14, 7]
    [asks] = mixing(unit="answer_tokens").rounds
    assert asks.facts_of_rows([[long, other], [other]])["size"].to_pylist() == [8, 4]


def pair(id: str, source: str, tokens: tuple[int, int, int] = (2, 3, 5)) -> Preference:
    asked, good, bad = (
        Message(r, c) for r, c in (("user", "?"), ("assistant", "a"), ("assistant", "b"))
    )
    name = f"{source}/{id}"
    return Preference(
        name, source, "main", (asked,), (good,), (bad,), name, tokens=Tokens(*tokens)
    )  # fmt: skip


PAIRS = [
    *[pair(f"p{n}", "judged") for n in range(6)],
    *[pair(f"p{n}", "alpaca") for n in range(2)],
]
"""Ten tokens each."""


def test_preference_rows_are_a_mix_of_their_own() -> None:
    """With all weights, and the total once more: of data/, 40 tokens each of alpaca and dolly; of
    preference/, 20 of alpaca, which has no more, and 40 of judged."""
    step = mixing(weights={"alpaca": 1, "dolly": 1, "judged": 2})
    found = copies_of(step, [*TEN_AND_FOUR, *PAIRS])
    assert Counter(re.sub("[0-9]", "", name) for name in found) == {
        "alpaca/alpaca": 4, "dolly/dolly": 4, "alpaca/p": 2, "judged/p": 4,
    }  # fmt: skip
    report = report_of(verdicts_of(step, [*TEN_AND_FOUR, *PAIRS]))
    assert [(s["name"], s["taken"]) for s in report["shares"]] == [("alpaca", 40), ("dolly", 40)]
    assert [(s["name"], s["taken"]) for s in report["preference"]["shares"]] == [
        ("judged", 40), ("alpaca", 20),
    ]  # fmt: skip
    assert report["notes"] == [
        "mix: 80 tokens in all; dolly gives everything that it has, and the weights say what the "
        "others give beside it: a lower weight for it, or max_epochs, takes more of them",
        "mix of preference/: 60 tokens in all; alpaca gives everything that it has, and the "
        "weights say what the others give beside it: a lower weight for it, or max_epochs, takes "
        "more of them",
        "mix: data/ has no rows for training of judged",
        "mix: preference/ has no rows for training of dolly",
    ]
    step = mixing(weights={"alpaca": 1, "dolly": 1, "judged": 1}, total=60, max_epochs=2)
    found = copies_of(step, [*TEN_AND_FOUR, *PAIRS])
    assert sum(found.values()) == 12
    assert sorted(count for name, count in found.items() if name.startswith("alpaca/p")) == [1, 2]


def test_a_mix_of_preference_rows_alone() -> None:
    step = mixing(weights={"alpaca": 1, "judged": 1})
    assert len(copies_of(step, PAIRS)) == 4
    report = report_of(verdicts_of(step, PAIRS))
    assert report["shares"] == []
    table = shares_table({"mix": report})[1]
    assert table == [
        ["alpaca (preference/)", "1", "20", "20", "20", "1"],
        ["judged (preference/)", "1", "20", "60", "20", "0.33"],
    ]
    words = "0 tokens and 40 tokens (preference/) for training, by source"
    assert in_words({"mix": report}) == words
    with pytest.raises(UsageError, match="mix of preference/: a total of 19 tokens takes nothing"):
        copies_of(mixing(weights={"alpaca": 1, "judged": 1}, total=19), PAIRS)
    with pytest.raises(UsageError, match="mix of preference/: judged has 60 tokens and its share"):
        keys: dict[str, Any] = {"weights": {"judged": 1}, "total": 70, "shortfall": "stop"}
        copies_of(mixing(**keys), PAIRS)


def test_preference_rows_without_a_weight_are_left_out_and_that_is_said() -> None:
    report = report_of(verdicts_of(mixing(weights={"dolly": 1}), [*TEN_AND_FOUR, *PAIRS]))
    assert report["preference"] == {
        "shares": [], "more_shares": 0, "left_out": {"judged:main": 60, "alpaca:main": 20},
    }  # fmt: skip
    assert report["notes"][1] == (
        "mix of preference/: without a weight, and left out: judged:main (60 tokens), alpaca:main "
        "(20 tokens)"
    )


def test_the_units_of_a_preference_row() -> None:
    """Both answers are what a trainer learns from; "a" and "b" are a token each."""
    for unit, size in (("rows", 1), ("tokens", 10), ("answer_tokens", 2)):
        [asks] = mixing(unit=unit).rounds
        assert asks.facts([PAIRS[0]], np.zeros(1, np.int64), no_rows())["size"].to_pylist() == [
            size
        ]


def test_what_another_split_has_is_neither_counted_nor_taken() -> None:
    held = [{"number": n, "split": "validation", "step": "holdout"} for n in range(5)]
    step = mixing(weights={"alpaca": 1, "dolly": 1}, max_epochs=2)
    found = verdicts_of(step, TEN_AND_FOUR, held)
    assert not set(found["number"].to_pylist()) & set(range(5))
    assert [r["available"] for r in report_of(found)["shares"]] == [50, 40]


def test_what_has_no_weight_is_left_out_of_every_split() -> None:
    """Five of alpaca's ten rows and one of dolly's four are for validation."""
    held = [{"number": n, "split": "validation", "step": "holdout"} for n in (0, 1, 2, 3, 4, 10)]
    found = verdicts_of(mixing(weights={"dolly": 1}), TEN_AND_FOUR, held)
    assert sorted(found["number"].to_pylist()) == list(range(10))
    assert set(found["detail"].to_pylist()) == {"its set has no weight in the mix"}
    [share] = report_of(found)["shares"]
    assert (share["available"], share["taken"]) == (30, 30)
    assert report_of(found)["left_out"] == {"alpaca:main": 100}


def test_many_sets_and_weights_take_linear_time() -> None:
    many = 50_000
    labels = [f"task {n:05d}" for n in range(many)]
    weights = Weights.of(dict.fromkeys(labels, 1))
    rows = Rows(np.arange(many), np.full(many, 10), np.arange(many), np.zeros(many, bool))
    began = process_time()
    found = settle_shares(Mix(by="task", weights=weights), labels, {"data": rows})["data"]
    assert process_time() - began < 10
    assert found.copies.all()


def test_temperature() -> None:
    """Sizes 10,000 and 100: at 2, weights 100 and 10."""
    talks = [*several("alpaca", 10, 1000), *several("dolly", 10, 10)]
    assert tempered(10_000, 2.0) == 100
    assert tempered(8, 3.0).limit_denominator(10**6) == 2
    step = mixing(temperature=2.0, total=110)
    assert {k: v[0] for k, v in shares_of(step, talks).items()} == {"alpaca": 100, "dolly": 10}
    assert shares_of(mixing(), talks) == {
        "alpaca": (10_000, 10_000, 10_000), "dolly": (100, 100, 100),
    }  # fmt: skip


def test_which_rows_are_taken_depends_on_the_seed_alone() -> None:
    """The three with the lowest xxh3_64 of `mix 0 alpaca/alpaca0` and so on."""
    step = mixing(weights={"alpaca": 1}, total=30)
    assert sorted(copies_of(step, TEN_AND_FOUR)) == LOWEST
    assert sorted(copies_of(step, list(reversed(TEN_AND_FOUR)))) == LOWEST
    assert sorted(copies_of(step, TEN_AND_FOUR, parts=3)) == LOWEST
    assert sorted(copies_of(mixing(1, weights={"alpaca": 1}, total=30), TEN_AND_FOUR)) != LOWEST


LOWEST = ["alpaca/alpaca0", "alpaca/alpaca2", "alpaca/alpaca4"]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("{total: 0}", "mix: total is 0, so nothing would be taken"),
        ("{max_epochs: 0}", "mix: max_epochs is 0, and goes from 1"),
        ("{max_epochs: 1000}", "mix: max_epochs is 1000, and goes from 1 .* to 100"),
        ("{weights: {alpaca: 0, dolly: 0}}", "mix: all weights are 0"),
        ("{weights: {alpaca: 1}, temperature: 2}", "weights and temperature exclude each other"),
        ("{weights: {alpaca: -1}}", "'alpaca' has -1, which is not a finite number from 0"),
        ("{temperature: 0}", "temperature is 0, and goes from 1"),
        ("{shortfall: repeat}", "shortfall repeat needs a total"),
        (f"{{total: {10**19}}}", r"mix: total takes a number up to 1,000,000,000,000,000,000, not"),
        (f"{{total: {10**400}}}", "mix: total takes a number up to"),
        (f"{{weights: {{alpaca: {10**400}}}}}", "has a number above 1,000,000,000,000,000,000"),
        (f"{{temperature: {10**400}}}", "mix: temperature takes a number up to"),
        ("{weights: {alpaca: .nan}}", "which is not a finite number from 0"),
        ("{max_epochs: 1.5}", "mix: max_epochs takes a whole number, not 1.5"),
        ("{seed: -3}", "seed is -3, and cannot be negative"),
        ("{unit: words}", "unit is rows, tokens or answer_tokens, not 'words'"),
        ("{wieghts: {alpaca: 1}}", "unknown key 'wieghts'"),
        ("[alpaca]", "mix takes a mapping of keys to values"),
    ],
)
def test_bad_keys(keys: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        parse(f"mix: {keys}", "mine.yaml")


def test_a_mix_goes_through_the_manifest() -> None:
    recipe = parse("mix: {weights: {alpaca: 3, dolly: 7}, total: 5_000}\nseed: 4", "mine.yaml")
    assert recipe.to_dict()["mix"]["weights"] == {"alpaca": 3.0, "dolly": 7.0}
    assert Recipe.from_dict(recipe.to_dict()) == recipe


# --- laws

SOURCES = ("alpaca", "dolly", "own", "new")


@st.composite
def worlds(draw: st.DrawFn) -> list[Conversation]:
    """Conversations of three or four sources, of any size, at least one of which each can give."""
    counts = draw(st.tuples(*[st.integers(1, 12)] * 3, st.integers(0, 12)))
    return [
        talk(f"{source}{n}", source, draw(st.integers(1, 60)))
        for source, count in zip(SOURCES, counts, strict=True)
        for n in range(count)
    ]


weights = st.fixed_dictionaries({name: st.integers(1, 9) for name in SOURCES[:3]})
totals = st.one_of(st.none(), st.integers(1, 900))
epochs = st.integers(1, 3)


def taken(talks: Sequence[Conversation], **keys: Any) -> dict[str, int]:
    """Copies by id; nothing where not even one conversation fits."""
    try:
        return copies_of(mixing(**keys), talks)
    except UsageError as error:
        assert "takes nothing" in error.message
        return {}


def within(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(count <= other.get(name, 0) for name, count in one.items())


def of(source: str, found: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in found.items() if name.startswith(f"{source}/")}


@given(worlds(), weights, totals, totals, epochs)
def test_a_smaller_mix_is_contained_in_a_larger_one(
    talks: list[Conversation],
    weights: dict[str, float],
    one: int | None,
    two: int | None,
    most: int,
) -> None:
    less, more = sorted([one or 10**9, two or 10**9])
    small = taken(talks, weights=weights, total=less, max_epochs=most)
    large = taken(talks, weights=weights, total=more, max_epochs=most)
    whole = taken(talks, weights=weights, max_epochs=most)
    assert within(small, large)
    assert within(large, whole)


@given(worlds(), weights, totals, epochs, st.sampled_from(SOURCES[:3]), st.integers(1, 9))
def test_a_raised_weight_only_adds_rows_of_its_set(
    talks: list[Conversation],
    weights: dict[str, float],
    total: int | None,
    most: int,
    which: str,
    more: int,
) -> None:
    before = taken(talks, weights=weights, total=total, max_epochs=most)
    raised = weights | {which: weights[which] + more}
    after = taken(talks, weights=raised, total=total, max_epochs=most)
    assert within(of(which, before), of(which, after))
    for other in set(SOURCES) - {which}:
        assert within(of(other, after), of(other, before))


@given(worlds(), weights, totals, epochs, st.integers(0, 9))
def test_a_new_source_moves_nothing_else(
    talks: list[Conversation], weights: dict[str, float], total: int | None, most: int, weight: int
) -> None:
    """Rows of others can only make room. Without a weight, they do not even do that."""
    old = [t for t in talks if t.source != "new"]
    before = taken(old, weights=weights, total=total, max_epochs=most)
    if any(t.source == "new" for t in talks):
        after = taken(talks, weights=weights | {"new": weight}, total=total, max_epochs=most)
        for source in SOURCES[:3]:
            assert within(of(source, after), of(source, before))
    assert taken(talks, weights=weights, total=total, max_epochs=most) == before


@given(worlds(), weights, totals, epochs)
def test_every_set_gives_its_share_and_none_more(
    talks: list[Conversation], weights: dict[str, float], total: int | None, most: int
) -> None:
    """What a set gives is at most its part of the total, and less by at most a conversation, where
    none is short; sets that are not named give nothing; no row is written more than `most` times;
    without a total, one set gives all that it has."""
    found = taken(talks, weights=weights, total=total, max_epochs=most)
    every = sum(weights.values())
    sizes = {t.conversation_id: t.num_tokens for t in talks}
    have = {s: sum(t.num_tokens for t in talks if t.source == s) for s in SOURCES}
    largest = min(Fraction(have[s] * most * every, w) for s, w in weights.items())
    reached = largest if total is None else min(largest, Fraction(total))
    for source, weight in weights.items():
        gave = sum(sizes[name] * count for name, count in of(source, found).items())
        assert gave <= reached * weight / every
        if found:
            assert gave > reached * weight / every - 1 - max(sizes.values())
    assert of("new", found) == {}
    assert max(found.values(), default=0) <= most
    if total is None:
        assert any(
            of(s, found) == {t.conversation_id: most for t in talks if t.source == s}
            for s in weights
        )


@given(worlds(), weights, totals, st.integers(1, 4), st.randoms())
def test_the_order_of_rows_and_parts_is_of_no_account(
    talks: list[Conversation], weights: dict[str, float], total: int | None, parts: int, by: Any
) -> None:
    expected = taken(talks, weights=weights, total=total)
    by.shuffle(talks)
    if expected:
        step = mixing(weights=weights, total=total)
        assert copies_of(step, talks, parts=parts) == expected


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 10**12), min_size=1),
    st.integers(1, 10**13),
    st.integers(1, 5),
)
def test_a_budget_is_exact(sizes: dict[str, int], total: int, most: int) -> None:
    """Of sets in proportion to their size, all is taken: to the last token."""
    weights = {name: Fraction(size) for name, size in sizes.items()}
    found = budget(weights, sizes, None, most)
    assert {share.name: share.given for share in found.shares} == {
        name: size * most for name, size in sizes.items()
    }
    assert sum(share.given for share in budget(weights, sizes, total, most).shares) <= total
