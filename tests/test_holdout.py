"""Validation and test: groups and sides worked out by hand, and the laws as properties."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.corpus.groups import components, seeded
from open_instructions.corpus.holdout import Held, Holdout, id_key, prompt_key
from open_instructions.corpus.sides import Sides
from open_instructions.corpus.step import report_of
from open_instructions.errors import RecipeError, UsageError
from open_instructions.preference import Preference, Tokens
from open_instructions.recipe import Recipe, parse
from open_instructions.schema import Conversation, Message

from .mixing import talk, verdicts_of


def holdout(
    validation: Any = None, test: Any = None, seed: int = 0, sides: Sides | None = None
) -> Holdout:
    def held(said: Any) -> Held | None:
        return Held(**said) if isinstance(said, dict) else None if said is None else Held(said)

    return Holdout(held(validation), held(test), seed, sides)


def split_of(step: Holdout, talks: Sequence[Any], *more: Any) -> dict[str, tuple[str, str]]:
    """Side and group of each, by id."""
    found = verdicts_of(step, talks, *more).to_pylist()
    assert len(found) == len(talks)
    return {
        talks[row["number"]].conversation_id: (row["split"] or "train", row["group_id"])
        for row in found
    }


def clusters(talks: Sequence[Conversation], *alike: Sequence[int]) -> list[dict[str, Any]]:
    return [
        {"number": n, "cluster": min(each), "step": "near_duplicates"}
        for each in alike
        for n in each
    ]


def pair(id: str, prompt: str, source: str = "alpaca") -> Preference:
    asked, good, bad = Message("user", prompt), Message("assistant", "a"), Message("assistant", "b")
    name = f"{source}/{id}"
    return Preference(
        name, source, "pairs", (asked,), (good,), (bad,), name, tokens=Tokens(1, 2, 3),
        origin_file="pairs.json",
    )  # fmt: skip


def test_what_belongs_together() -> None:
    """Equal prompts but for capitals and white space; rows of one record; near duplicates; and
    whatever hangs together through them. A preference row with the prompt of a conversation."""
    talks = [
        talk("a", prompt="Name a tree."),
        talk("b", "dolly", prompt=" name a\nTREE. "),
        pair("p", "Name a tree."),
        talk("c", origin_rows=(7,)),
        talk("c+2", origin_rows=(7,)),
        talk("d"),
        talk("e"),
        talk("f"),
    ]
    found = split_of(holdout(0.5), talks, clusters(talks, [4, 5]))
    together: dict[str, list[str]] = {}
    for name, (_, group) in found.items():
        together.setdefault(group, []).append(name)
    assert sorted(together.values()) == [
        ["alpaca/a", "dolly/b", "alpaca/p"],
        ["alpaca/c", "alpaca/c+2", "alpaca/d"],
        ["alpaca/e"],
        ["alpaca/f"],
    ]
    assert all(len({found[name][0] for name in names}) == 1 for names in together.values())


def test_a_group_is_the_smallest_hash_of_its_prompts() -> None:
    """xxh3_64 of `what is a?` and of `what is b?`, in hex."""
    talks = [talk("a"), talk("b")]
    assert split_of(holdout(0.5), talks) == {
        "alpaca/a": ("train", "8795a7f3db77d65a"),
        "alpaca/b": ("validation", "3ec75517ef847186"),
    }
    [both] = {group for _, group in split_of(holdout(0.1), talks, clusters(talks, [0, 1])).values()}
    assert both == "3ec75517ef847186"


def test_a_cluster_whose_first_member_is_gone_or_has_no_cluster_itself() -> None:
    talks = [talk("a"), talk("b"), talk("c")]
    earlier = [{"number": n, "cluster": 0, "step": "near_duplicates"} for n in (1, 2)]
    assert len({group for _, group in split_of(holdout(0.01), talks, earlier).values()}) == 1
    earlier = [{"number": n, "cluster": 9 << 32, "step": "near_duplicates"} for n in (1, 2)]
    found = split_of(holdout(0.01), talks, earlier)
    assert found["alpaca/b"] == found["alpaca/c"] != found["alpaca/a"]


def test_the_system_prompt_is_before_the_first_answer() -> None:
    asked, answer = Message("user", "Hi."), Message("assistant", "Hello.")
    system = Message("system", "Be a pirate.")
    plain = Conversation("x", "own", "main", (asked, answer))
    pirate = Conversation("x", "own", "main", (system, asked, answer))
    longer = Conversation("x", "own", "main", (asked, answer, Message("user", "And?"), answer))
    assert prompt_key(plain) == prompt_key(longer) != prompt_key(pirate)


def test_a_later_part_does_not_join_what_begins_like_it() -> None:
    """Many go on with "Continue." after a split; that makes them no group."""
    whole, other = talk("a", prompt="One.", origin_rows=(3, 4)), talk("b", prompt="Two.")
    part = Conversation("alpaca/a#2", "alpaca", "main", other.messages, "alpaca/a")
    [asked] = holdout(0.5).rounds
    facts = asked.facts_of_rows([[whole, part], [other]])  # type: ignore[attr-defined]
    assert facts["place"].to_pylist() == [0, 0, 1]  # one for each record
    assert facts["rows"].to_pylist() == [2, 0, 1]
    first, second, third = facts["prompt"].to_pylist()
    assert first == second == prompt_key(whole) != third


def counts(step: Holdout, talks: Sequence[Any]) -> dict[str, int]:
    return dict(Counter(side for side, _ in split_of(step, talks).values()))


def test_a_later_part_that_stands_alone_is_with_its_conversation() -> None:
    """Though its record was in another file: neither prompt nor record says so. Other rows with one
    id are not together for that."""
    first, other = talk("a"), talk("b")
    part = Conversation(
        "alpaca/a#3", "alpaca", "main", other.messages, "alpaca/a", origin_file="longer.json"
    )
    step = holdout(0.5)
    found = verdicts_of(step, [first, part, other])["group_id"].to_pylist()
    assert found[0] == found[1] != found[2]
    twins = [talk("c", prompt="One."), talk("c", prompt="Two.", origin_rows=(9,))]
    found = verdicts_of(step, twins)["group_id"].to_pylist()
    assert found[0] != found[1]


THOUSAND = [talk(str(n), tokens=1 + n % 3) for n in range(1000)]
"""1,999 tokens."""


def test_a_share() -> None:
    """Of 1,000 groups a tenth, give or take: their hashes decide, and nothing else."""
    found = counts(holdout(0.1, 0.2), THOUSAND)
    assert found == {"train": 700, "validation": 102, "test": 198}
    alone = split_of(holdout(0.1), THOUSAND)
    both = split_of(holdout(0.1, 0.2), THOUSAND)
    held = {name for name, (side, _) in alone.items() if side == "validation"}
    assert held == {name for name, (side, _) in both.items() if side == "validation"}
    other = split_of(holdout(0.1, seed=1), THOUSAND)
    assert held != {name for name, (side, _) in other.items() if side == "validation"}


def test_a_share_is_in_proportion_by_source() -> None:
    talks = [
        talk(str(n), source) for source, many in (("a", 3000), ("b", 300)) for n in range(many)
    ]
    found = report_of(verdicts_of(holdout(0.1), talks))["splits"]["validation"]["sources"]
    assert found == {"a:main": 278, "b:main": 25}


def test_a_number_of_rows_and_of_tokens() -> None:
    assert counts(holdout({"rows": 25}), THOUSAND) == {"train": 975, "validation": 25}
    report = report_of(verdicts_of(holdout(test={"tokens": 101}), THOUSAND))
    assert report["splits"]["test"]["tokens"] == 101
    assert report["notes"] == []
    more = split_of(holdout({"rows": 60}), THOUSAND)
    less = split_of(holdout({"rows": 25}), THOUSAND)
    assert {n for n, s in less.items() if s[0] != "train"} < {
        n for n, s in more.items() if s[0] != "train"
    }


def test_groups_are_never_parted() -> None:
    """Four groups of three rows: ten rows of a split cannot be had."""
    talks = [talk(f"{n}-{m}", prompt=f"Prompt {n}.") for n in range(4) for m in range(3)]
    found = report_of(verdicts_of(holdout({"rows": 10}), talks))
    assert found["splits"]["validation"]["rows"] == 9
    assert found["notes"] == ["validation: 9 rows of 10: groups are never parted"]
    one = [*THOUSAND[:30], *[talk(f"s{n}", prompt="What is 21?") for n in range(70)]]
    [note] = report_of(verdicts_of(holdout(0.5), one))["notes"]
    assert note == (
        "validation: 85.00% of the rows, where 50.00% were asked for; one group has 71 rows, and "
        "groups are never parted"
    )


def test_a_split_without_rows_is_said_and_one_with_all_rows_stops() -> None:
    [note] = report_of(verdicts_of(holdout(0.0001), THOUSAND[:3]))["notes"]
    assert note == "validation: no row; 3 groups of rows may be too few"
    with pytest.raises(UsageError, match="validation and test take every row"):
        verdicts_of(holdout({"rows": 2}, {"rows": 1}), THOUSAND[:3])


def sides(known: Mapping[str, tuple[int, str]]) -> Sides:
    """Of an earlier build: side and group by id."""
    ids = sorted((id_key(name), side) for name, (side, _) in known.items())
    prompts = sorted({(int(group, 16), side) for side, group in known.values()})

    def arrays(pairs: list[tuple[int, int]]) -> tuple[Any, Any]:
        keys, sides = zip(*pairs, strict=True)
        return np.array(keys, np.uint64), np.array(sides, np.int8)

    return Sides("f" * 64, arrays(ids), arrays(prompts))


def as_sides(found: Mapping[str, tuple[str, str]]) -> Sides:
    number = {"train": 0, "validation": 1, "test": 2}
    return sides({name: (number[side], group) for name, (side, group) in found.items()})


def test_the_sides_of_an_earlier_build_stay() -> None:
    """Its rows keep their sides, whatever the share is now; new rows are for training without a
    share. Ids or texts say which rows are its own."""
    before = split_of(holdout(0.3), THOUSAND[:100])
    moved_ids = [
        Conversation(**vars(t) | {"conversation_id": f"other/{t.id}"}) for t in THOUSAND[:50]
    ]
    now = split_of(holdout({"from_": "x"}, sides=as_sides(before)), [*moved_ids, *THOUSAND[50:]])
    for t in THOUSAND[:50]:
        assert now[f"other/{t.id}"][0] == before[t.conversation_id][0]
    for t in THOUSAND[50:100]:
        assert now[t.conversation_id] == before[t.conversation_id]
    assert {now[t.conversation_id][0] for t in THOUSAND[100:]} == {"train"}
    shared = split_of(holdout({"from_": "x", "share": 0.1}, sides=as_sides(before)), THOUSAND)
    assert {n: shared[n][0] for n in before} == {n: s[0] for n, s in before.items()}
    assert {s[0] for n, s in shared.items() if n not in before} == {"train", "validation"}


def test_rows_that_a_new_one_joins_go_to_training_and_are_counted() -> None:
    talks = [talk("a"), talk("b"), talk("c")]
    known = sides({
        "alpaca/a": (0, "1" * 16), "alpaca/b": (1, "2" * 16), "alpaca/c": (2, "3" * 16),
    })  # fmt: skip
    step = holdout({"from_": "x"}, sides=known)
    apart = verdicts_of(step, talks)
    assert apart["split"].to_pylist() == [None, "validation", "test"]
    assert report_of(apart)["moved"] == 0
    joined = verdicts_of(step, talks, clusters(talks, [0, 1]))
    assert joined["split"].to_pylist() == [None, None, "test"]
    assert report_of(joined)["moved"] == 1
    assert report_of(joined)["notes"][-1] == (
        "holdout: 1 row was on another side in the earlier build: new rows joined their groups"
    )
    joined = verdicts_of(step, talks, clusters(talks, [1, 2]))
    assert joined["split"].to_pylist() == [None, "validation", "validation"]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("validation: 1.5", r"a share is above 0 and below 1, not 1.5; .* write \{rows: 2\}"),
        ("validation: 500", r"not 500; for a number write \{rows: 500\}"),
        ("validation: 0", "a share is above 0 and below 1, not 0"),
        ("test: -0.1", "a share is above 0"),
        ("test: {rows: 0}", "test: rows is 0, so nothing would be put aside"),
        ("validation: {rows: 5, tokens: 5}", "rows and tokens exclude each other"),
        ("validation: {share: 0.1, rows: 5}", "share and rows exclude each other"),
        ("validation: {form: ./x}", "unknown key 'form'. Did you mean 'from'"),
        ("validation: [0.1]", r"validation: share takes a number, not \[0.1\]"),
        ("{validation: 0.5, test: 0.5}", "validation and test take every row: 0.5 and 0.5"),
        ("{validation: {from: a}, test: {from: b}}", "can keep the sides of one build"),
        ("seed: -1", "seed is -1, but cannot be negative"),
    ],
)
def test_bad_keys(keys: str, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse(keys, "mine.yaml")
    assert re.search(says, f"{caught.value.message} {caught.value.hint}")


def test_keys_go_through_the_manifest() -> None:
    recipe = parse("validation: {from: ./parent, share: 0.02}\ntest: true", "mine.yaml")
    assert recipe.test == Held(share=0.01)
    said = recipe.to_dict()["validation"]
    assert said == {"share": 0.02, "rows": None, "tokens": None, "from": "parent"}
    assert Recipe.from_dict(recipe.to_dict()) == recipe


# --- laws

prompts = st.sampled_from([f"Prompt {n}." for n in range(25)])
records = st.integers(0, 40)


@st.composite
def worlds(draw: st.DrawFn) -> list[Any]:
    """Conversations and preference rows with few prompts and records, so that groups are large."""
    count = draw(st.integers(1, 40))
    return [
        pair(f"p{n}", draw(prompts))
        if draw(st.booleans())
        else talk(f"t{n}", prompt=draw(prompts), origin_rows=(draw(records),))
        for n in range(count)
    ]


shares = st.floats(0.01, 0.49)
helds = st.one_of(
    shares,
    st.builds(lambda n: {"rows": n}, st.integers(1, 9)),
    st.builds(lambda n: {"tokens": n}, st.integers(1, 90)),
)


def sides_by(step: Holdout, talks: list[Any], earlier: Any = ()) -> dict[str, str]:
    try:
        return {name: side for name, (side, _) in split_of(step, talks, earlier).items()}
    except UsageError as error:
        assert "every row" in error.message
        return {}


@given(worlds(), helds, helds, st.lists(st.lists(st.integers(0, 39), min_size=2), max_size=4))
def test_nothing_leaks(talks: list[Any], one: Any, two: Any, alike: list[list[int]]) -> None:
    """No prompt, record or cluster is on two sides."""
    number = {n: min(each) for each in alike for n in each if n < len(talks)}
    earlier = [{"number": n, "cluster": of, "step": "near_duplicates"} for n, of in number.items()]
    found = sides_by(holdout(one, two), talks, earlier)
    if not found:
        return
    seen: dict[Any, str] = {}
    for n, item in enumerate(talks):
        side = found[item.conversation_id]
        keys: list[Any] = [prompt_key(item), (item.origin_file, item.origin_rows)]
        for key in [*keys, *([("cluster", number[n])] if n in number else [])]:
            assert seen.setdefault(key, side) == side


@given(worlds(), worlds(), shares, shares)
def test_adding_data_moves_only_rows_whose_groups_it_joins(
    old: list[Any], new: list[Any], one: float, two: float
) -> None:
    new = [
        type(item)(**vars(item) | {"conversation_id": f"{item.conversation_id}-new"})
        for item in new
    ]
    before = sides_by(holdout(one, two), old)
    after = sides_by(holdout(one, two), [*old, *new])
    if not before or not after:
        return
    groups = {name: group for name, (_, group) in split_of(holdout(one), [*old, *new]).items()}
    joined = {groups[item.conversation_id] for item in new}
    for item in old:
        name = item.conversation_id
        if groups[name] not in joined:
            assert before[name] == after[name]


@given(worlds(), shares, shares)
def test_a_larger_share_contains_a_smaller_one(talks: list[Any], one: float, two: float) -> None:
    less, more = sorted([one, two])
    small = sides_by(holdout(less), talks)
    large = sides_by(holdout(more), talks)
    if small and large:
        assert all(large[n] == "validation" for n, side in small.items() if side == "validation")


@given(worlds(), helds, helds, st.integers(1, 4), st.randoms())
def test_the_order_of_rows_and_parts_is_of_no_account(
    talks: list[Any], one: Any, two: Any, parts: int, by: Any
) -> None:
    step = holdout(one, two)
    expected = sides_by(step, talks)
    by.shuffle(talks)
    if expected:
        table = verdicts_of(step, talks, parts=parts)
        found = {
            talks[row["number"]].conversation_id: row["split"] or "train"
            for row in table.to_pylist()
        }
        assert found == expected


@given(worlds(), worlds(), helds, shares)
def test_an_earlier_build_keeps_its_sides(
    old: list[Any], new: list[Any], held: Any, share: float
) -> None:
    """Every row of it that is still there, unless a new one joins groups of two sides."""
    new = [
        type(item)(**vars(item) | {"conversation_id": f"{item.conversation_id}-new"})
        for item in new
    ]
    found = {}
    try:
        found = split_of(holdout(held), old)
        step = holdout({"from_": "x", "share": share}, sides=as_sides(found))
        table = verdicts_of(step, [*old, *new])
    except UsageError:
        return
    now = {
        [*old, *new][row["number"]].conversation_id: (row["split"] or "train", row["group_id"])
        for row in table.to_pylist()
    }
    mixed_groups: dict[str, set[str]] = {}
    for name, (side, _) in found.items():
        mixed_groups.setdefault(now[name][1], set()).add(side)
    moved = 0
    for name, (side, _) in found.items():
        if len(mixed_groups[now[name][1]]) == 1:
            assert now[name][0] == side
        else:
            assert now[name][0] == "train"
            moved += side != "train"
    assert report_of(table)["moved"] == moved


@given(st.integers(1, 60), st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59))))
def test_components(count: int, edges: list[tuple[int, int]]) -> None:
    edges = [(a % count, b % count) for a, b in edges]
    root = list(range(count))
    for _ in range(count):
        for a, b in edges:
            root[a] = root[b] = min(root[a], root[b])
    one, other = (np.array(side, np.int64) for side in zip(*edges, strict=True)) if edges else (
        np.empty(0, np.int64), np.empty(0, np.int64),
    )  # fmt: skip
    assert components(count, one, other).tolist() == root


def test_a_long_chain_takes_few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain of 100,000 whose numbers are shuffled, and one in which they fall."""
    passes: list[int] = []
    minimum = np.minimum

    class Counted:
        def __call__(self, *args: Any) -> Any:
            return minimum(*args)

        def at(self, *args: Any) -> None:
            passes.append(1)
            minimum.at(*args)

    monkeypatch.setattr(np, "minimum", Counted())
    for order in (np.random.default_rng(0).permutation(100_000), np.arange(100_000)[::-1]):
        passes.clear()
        assert components(100_000, order[1:], order[:-1]).max() == 0
        assert len(passes) <= 12


def test_hashes_are_one_to_one() -> None:
    values = np.arange(10_000, dtype=np.uint64)
    assert len(np.unique(seeded(values, 0))) == 10_000
    assert not np.array_equal(seeded(values, 0), seeded(values, 1))
    assert pa.array(seeded(values[:2], 0)).to_pylist() == MIXED


MIXED = [16294208416658607535, 16490336266968443936]
"""SplitMix64 in plain integers."""
