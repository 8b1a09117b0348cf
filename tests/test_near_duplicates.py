"""Near duplicates: what counts as a copy and what does not, in several scripts; that no row is
dropped for one that is not there; and the same rows however a build is cut."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from open_instructions.building.run import BuildResult, build
from open_instructions.corpus.groups import connected
from open_instructions.corpus.near_duplicates import NearDuplicates, Options, bands, sample
from open_instructions.corpus.near_duplicates.agree import Agreed
from open_instructions.corpus.near_duplicates.keep import Contenders, judged
from open_instructions.corpus.near_duplicates.lists import Lists
from open_instructions.corpus.near_duplicates.shingles import read, shingles_of
from open_instructions.errors import RecipeError
from open_instructions.merge import rounds
from open_instructions.recipe import parse
from open_instructions.reports.alike import marked
from open_instructions.reports.check import check
from open_instructions.reports.explain import explain
from open_instructions.schema import Conversation, Message

from .conftest import digests, rows

RIVER = (
    "The river rises in the hills north of the old town and runs past three mills before it meets "
    "the lake near the harbour, where small boats are built and sold every spring."
)
ASKED = "Describe the river near the old town, and say where it goes from there."


def talk(*turns: str, id: str = "") -> dict[str, Any]:
    roles = ("user", "assistant") * (len(turns) // 2)
    said = [{"role": r, "content": c} for r, c in zip(roles, turns, strict=True)]
    return {"messages": said, **({"id": id} if id else {})}


class Made:
    """A build of talks from files, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(
        self, *, near: Any = None, prefer: Sequence[str] = (), **files: Sequence[Any]
    ) -> BuildResult:
        asked = {"threshold": 0.7} if near is None else near
        recipe = self._folder / "mine.yaml"
        recipe.write_text(json.dumps({"near_duplicates": asked, "prefer": list(prefer)}))
        paths = []
        for name, talks in files.items():
            path = self._folder / f"{name}.jsonl"
            path.write_text("\n".join(json.dumps(t) for t in talks))
            paths.append(str(path))
        return build(paths, out=self._folder / "out", recipe=str(recipe), workers=1, overwrite=True)

    def dropped(self, *talks: Any, **said: Any) -> dict[str, tuple[str, str]]:
        """What a build of one file drops: id -> (reason, the id that stays)."""
        return gone(self(a=[t | {"id": f"{n}"} for n, t in enumerate(talks)], **said))


def gone(result: BuildResult) -> dict[str, tuple[str, str]]:
    found = {}
    kept = {row["conversation_id"] for row in rows(result)}
    if (result.path / "preference").exists():
        kept |= {row["conversation_id"] for row in rows(result, "preference")}
    for row in rows(result, "rejected"):
        if row["stage"] == "near_duplicates":
            assert row["other"] in kept  # dropped only for a row that stays
            found[row["conversation_id"]] = (row["reason"], row["other"])
    return found


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


EDITED = RIVER.replace("small boats", "tiny boats")


def test_a_copy_with_one_word_changed(made: Made) -> None:
    result = made(a=[talk(ASKED, RIVER, id="x"), talk(ASKED, EDITED, id="y")])
    assert gone(result) == {"a/y": ("near_duplicate", "a/x")}
    [row] = [r for r in rows(result, "rejected") if r["stage"] == "near_duplicates"]
    # 14 words asked and 33 told: 12 and 31 shingles, of which a word takes three
    assert row["score"] == pytest.approx(40 / (43 + 43 - 40))
    assert row["detail"] == "nearly the same as a/x"
    evidence = json.loads(row["evidence"])
    assert evidence == {"class": "copy", "prompt": 1.0, "answer": 0.903, "sources": ["a", "a"]}
    assert json.loads(row["raw"])["id"] == "y"
    report = result.manifest.steps["near_duplicates"]
    assert report["candidates"] == 2
    assert report["dropped"] == {"copy": 1}
    assert report["by_sources"] == {"a → a": 1}
    assert result.ledger.problems() == []
    assert check(result.path).problems == ()


@pytest.mark.parametrize(
    "edited",
    [
        RIVER.upper(),
        RIVER.replace(", ", " – ").replace(".", "!"),
        RIVER.replace(" ", "\n"),
        RIVER.replace("e", "ｅ"),
        RIVER[: RIVER.index(" every")],
        RIVER + " It is very long.",
        "Sure! " + RIVER,
        f"* **{RIVER}**",
    ],
)
def test_what_a_copy_is(made: Made, edited: str) -> None:
    assert len(made.dropped(talk(ASKED, RIVER), talk(ASKED, edited))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # another answer to the same prompt
        ((ASKED, RIVER), (ASKED, "I do not know any river, but it may well end in the sea.")),
        # a short answer, of which some words differ
        (
            (ASKED, "It rises in the hills and ends in the northern lake."),
            (ASKED, "It rises in the hills and ends in a warm sea."),
        ),
        # another question about the same text
        (
            (f"{RIVER} Where does the river meet the lake?", "It rises near the old town."),
            (f"{RIVER} Who built all of these boats?", "It rises near the old town."),
        ),
        # the same answer to another prompt
        (("Why is water wet, and why does it matter?", RIVER), (ASKED, RIVER)),
        # other figures
        (
            (ASKED, RIVER + " It is 120 miles long."),
            (ASKED, RIVER + " It is 130 miles long."),
        ),
        # one template about two subjects
        (
            (f"Write about Amara. {ASKED}", f"Amara lived here. {RIVER}"),
            (f"Write about Pedro. {ASKED}", f"Pedro lived here. {RIVER}"),
        ),
        # one task with two inputs
        (
            (f"{RIVER} {ASKED} {RIVER[::-1]} Input: I loved this film from the first to the end.",
             "Good."),
            (f"{RIVER} {ASKED} {RIVER[::-1]} Input: What a waste of a long and rainy Sunday.",
             "Good."),
        ),
        (("Name a fruit.", "An apple."), ("Name a river.", "An apple.")),
    ],
)  # fmt: skip
def test_what_a_copy_is_not(made: Made, one: tuple[str, str], other: tuple[str, str]) -> None:
    assert made.dropped(talk(*one), talk(*other)) == {}


def test_numbers_that_one_row_lacks(made: Made) -> None:
    """A list with and without its numbers."""
    steps = [f"{RIVER[n : n + 40]} {n}." for n in (0, 40, 80)]
    plain = " ".join(steps)
    listed = " ".join(f"{n}. {step}" for n, step in enumerate(steps, 1))
    assert len(made.dropped(talk(ASKED, plain), talk(ASKED, listed))) == 1


@pytest.mark.parametrize(
    ("prompt", "answer", "old", "new"),
    [
        (
            "请说明为什么城市需要更多的公园和树木？",
            "公园可以让居民休息、运动和见面，树木能够降低夏天的温度，也能让空气更加清新。",
            "休息",
            "放松",
        ),
        (
            "बताइए कि शहर को अधिक बगीचों की ज़रूरत क्यों होती है?",
            "बगीचे लोगों को आराम और व्यायाम की जगह देते हैं, पेड़ गर्मी में छाया देते हैं और हवा को साफ़ रखते हैं, "
            "इसलिए हर शहर में कई बगीचे होने चाहिए।",
            "आराम",
            "विश्राम",
        ),
        (
            "ทำไมเมืองจึงต้องมีสวนสาธารณะมากขึ้น",
            "สวนทำให้ผู้คนได้พักผ่อน ออกกำลังกาย และพบกัน ต้นไม้ช่วยลดความร้อนและทำให้อากาศสะอาดขึ้นมาก",
            "พบกัน",
            "เจอกัน",
        ),
    ],
    ids=["zh", "hi", "th"],
)
def test_scripts(made: Made, prompt: str, answer: str, old: str, new: str) -> None:
    assert old in answer
    edited = answer.replace(old, new)
    other = answer[len(answer) // 2 :] + answer[: len(answer) // 2 : 2]
    assert made.dropped(talk(prompt, answer), talk(prompt, edited)).keys() <= {"a/0", "a/1"}
    assert len(made.dropped(talk(prompt, answer), talk(prompt, edited))) == 1
    assert made.dropped(talk(prompt, answer), talk(prompt, other[: len(other) // 3])) == {}


def test_a_longer_export_stays(made: Made) -> None:
    short, long = talk(ASKED, RIVER), talk(ASKED, RIVER, "And then?", "Then comes the sea.")
    longest = talk(ASKED, RIVER, "And then?", "Then comes the sea.", "Really?", "Yes.")
    drops = made.dropped(short, longest, long)
    assert drops == {
        "a/0": ("shorter_version", "a/1"),
        "a/2": ("shorter_version", "a/1"),
    }
    # of another source that is preferred, and with other punctuation
    result = made(a=[talk(ASKED, RIVER.upper())], b=[longest], prefer=["a"])
    assert [reason for reason, _ in gone(result).values()] == ["shorter_version"]
    [row] = [r for r in rows(result, "rejected") if r["reason"] == "shorter_version"]
    assert row["detail"].startswith("the beginning of b/")
    assert json.loads(row["evidence"])["class"] == "prefix"
    # one that goes on in another way is another conversation
    assert made.dropped(long, talk(ASKED, RIVER, "Why?", "Because it is so.")) == {}


def test_which_row_stays(made: Made) -> None:
    long = RIVER + " Today it is very clean."
    result = made(a=[talk(ASKED, long)], b=[talk(ASKED, RIVER)], prefer=["b"])
    assert [other[:2] for _, other in gone(result).values()] == ["b/"]
    assert [other[:2] for _, other in gone(made(a=[talk(ASKED, long)], b=[talk(ASKED, RIVER)])).values()] == ["a/"]  # fmt: skip  # noqa: E501
    assert made.dropped(talk(ASKED, RIVER), talk(ASKED, long)) == {"a/0": ("near_duplicate", "a/1")}
    assert made.dropped(talk(ASKED, RIVER), talk(ASKED, RIVER.upper())) == {
        "a/1": ("near_duplicate", "a/0")
    }


def test_within_a_source(made: Made) -> None:
    files = {"a": [talk(ASKED, RIVER)], "b": [talk(ASKED, EDITED), talk(ASKED, RIVER + " Yes.")]}
    assert len(gone(made(**files))) == 2
    found = gone(made(near={"within": "source"}, **files))
    assert len(found) == 1
    assert all(name[:2] == other[:2] == "b/" for name, (_, other) in found.items())


def test_one_answer_to_each_prompt(made: Made) -> None:
    other = "I do not know any river, but it may well end in the sea."
    files = {"a": [talk(ASKED, RIVER)], "b": [talk(ASKED.lower(), other)]}
    result = made(near={"scope": "prompt"}, prefer=["b"], **files)
    assert [(reason, other[:2]) for reason, other in gone(result).values()] == [
        ("near_duplicate", "b/")
    ]
    [row] = [r for r in rows(result, "rejected") if r["stage"] == "near_duplicates"]
    assert row["detail"].startswith("nearly the same prompt as b/")
    assert json.loads(row["evidence"]) == {"class": "prompt", "prompt": 1.0, "sources": ["a", "b"]}
    long = talk(ASKED, RIVER, "Why is water wet, and why does it matter?", "It is not.")
    assert gone(made(near={"scope": "prompt"}, a=[talk(ASKED, RIVER), long])) == {}


def test_preference_rows(made: Made) -> None:
    """Compared with preference rows, and not if the answers changed places."""
    worse = "I do not know any river, but it may well end in the sea, as most of them do."

    def pair(chosen: str, rejected: str) -> dict[str, Any]:
        return {"prompt": ASKED, "chosen": chosen, "rejected": rejected}

    talks = [pair(RIVER, worse), pair(EDITED, worse), pair(worse, RIVER), talk(ASKED, EDITED)]
    result = made(a=talks[:3], b=talks[3:])
    assert len(gone(result)) == 1
    assert len(rows(result, "preference")) == 2


def test_keys_of_the_recipe() -> None:
    assert parse("near_duplicates: true", "x").near_duplicates == NearDuplicates(0.7)
    assert parse("near_duplicates: 0.8", "x").near_duplicates == NearDuplicates(0.8)
    assert parse("near_duplicates: {within: source}", "x").near_duplicates == NearDuplicates(
        within="source"
    )
    assert parse("near_duplicates: false", "x").near_duplicates is None
    assert Options().near_duplicates is None
    for wrong in ("0.4", "1.5", "{scope: answer}", "{treshold: 0.7}"):
        with pytest.raises(RecipeError, match="near_duplicates"):
            parse(f"near_duplicates: {wrong}", "x")


def family(number: int, rng: random.Random) -> list[dict[str, Any]]:
    """A text, copies of it, and rows that share half of it."""
    words = ["lake", "mill", "boat", "hill", "town", "spring", "stone", "bread", "glass", "paper"]
    text = " ".join(rng.choices(words, k=60)) + f" {number}"
    found = [talk(f"Tell me of {text[:80]}", text)]
    for _ in range(rng.randint(0, 3)):
        parts = text.split()
        for place in rng.sample(range(58), rng.randint(1, 4)):
            parts[place] = rng.choice(words) + "s"
        found.append(talk(f"Tell me of {text[:80]}", " ".join(parts)))
    if rng.random() < 0.5:
        found.append(talk(f"Tell me of {text[:80]}", text, "More?", "No."))
    return found


def corpus(seed: int, count: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    talks = [row for number in range(count) for row in family(number, rng)]
    rng.shuffle(talks)
    return [t | {"id": str(n)} for n, t in enumerate(talks)]


@pytest.mark.parametrize(("part", "group", "size"), [(500_000, 256, 7), (5, 1, 3), (50, 2, 1)])
def test_the_same_bytes(
    made: Made, monkeypatch: pytest.MonkeyPatch, part: int, group: int, size: int
) -> None:
    talks = corpus(3, 12)
    whole = made(a=talks)
    assert len(gone(whole)) > 8
    expected = digests(whole.path)
    shutil.rmtree(whole.path)  # else it is up to date
    monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", size)
    monkeypatch.setattr(rounds, "PART", part)
    monkeypatch.setattr(rounds, "GROUP", group)
    assert digests(made(a=talks).path) == expected


def contenders(rows: Sequence[tuple[int, int, Sequence[int], Sequence[int]]]) -> Contenders:
    """Rows from the rank, the length, the keys and the signs of each."""

    def lists(values: Sequence[Sequence[int]], kind: str) -> Lists:
        starts = np.cumsum([0, *map(len, values)])
        return Lists(np.array([v for own in values for v in own], kind), starts)

    ranks, lengths, keys, signs = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Contenders(
        np.array(ranks, np.int32), np.array(lengths, np.int64),
        lists(keys, "uint64"), lists(signs, "uint32"),
    )  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(1, 3)), max_size=9),
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.floats(0.7, 1)), max_size=15),
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_no_chains(rows: list[tuple[int, int, int]], pairs: list[tuple[int, int, float]]) -> None:
    """Every dropped row has a verified partner that stays, and every verified pair one that is
    dropped or neither of two that stay."""
    known = contenders(
        [(rank, size, tuple(range(100 * n, 100 * n + keys)), ())
         for n, (rank, size, keys) in enumerate(rows)]
    )  # fmt: skip
    used = {(a, b): s for a, b, s in pairs if a < b < len(rows)}
    told = judged(known, Agreed.of([(*pair, s, 1, 1) for pair, s in used.items()]), False)
    stays = {row.row for row in told if row.other is None}
    alike = set(map(frozenset, used))
    for row in told:
        assert row.cluster <= row.row
        if row.other is not None:
            assert row.other in stays
            assert frozenset((row.row, row.other)) in alike
    assert not any(pair <= stays for pair in alike)  # of two that are alike, one at most stays
    assert {row for pair in alike for row in pair} == {row.row for row in told}


def test_chains_by_hand() -> None:
    """b is like a and like c, which are not alike: the longest, a, stays, and so does c."""
    rows = contenders([(0, 9, (1,), ()), (0, 8, (2,), ()), (0, 7, (3,), ())])
    told = judged(rows, Agreed.of([(0, 1, 0.8, 1, 1), (1, 2, 0.9, 1, 1)]), False)
    assert [(row.row, row.other, row.cluster) for row in told] == [
        (0, None, 0),
        (1, 0, 0),
        (2, None, 0),
    ]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_components(pairs: list[tuple[int, int]]) -> None:
    one, other = np.array([p[0] for p in pairs], int), np.array([p[1] for p in pairs], int)
    names, roots = connected(one, other)
    expected: dict[int, set[int]] = {}
    for a, b in pairs:
        together = expected.get(a, {a}) | expected.get(b, {b})
        expected.update(dict.fromkeys(together, together))
    assert dict(zip(names.tolist(), roots.tolist(), strict=True)) == {
        name: min(together) for name, together in expected.items()
    }


def test_a_template_of_many_rows_is_left(made: Made) -> None:
    """Thirty rows that differ in a word are a template; a copy of one of them is still found."""
    frame = f"Please answer about {{}}. {ASKED}", f"{RIVER} We speak of {{}} here, of course."
    names = [f"{a}{b}" for a in ("ka", "lo", "mi", "nu", "pa") for b in ("ron", "sel", "tim", "vok", "wen", "zar")]  # fmt: skip  # noqa: E501
    talks = [talk(*(part.format(name) for part in frame)) for name in names]
    assert made.dropped(*talks) == {}
    again = talk(*(part.format("karon").upper() + "!" for part in frame))
    assert len(made.dropped(*talks, again)) == 1


def test_a_template_that_the_sample_misses(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """What many rows of a group share is common too, however rare it is in the build."""
    monkeypatch.setattr(sample, "COMMON", 1000)
    names = [f"{a}{b}" for a in ("ka", "lo", "mi", "nu", "pa") for b in ("ron", "sel", "tim", "vok", "wen")]  # fmt: skip  # noqa: E501
    talks = [talk(ASKED, f"{RIVER} We speak of {name} here, of course.") for name in names]
    assert made.dropped(*talks) == {}
    assert len(made.dropped(*talks[:10])) == 9


def test_common_is_counted_in_a_sample(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample is the same rows for any chunks, and of any order of records."""
    monkeypatch.setattr(sample, "SAMPLE", 10)
    monkeypatch.setattr(sample, "COMMON", 3)
    talks = corpus(5, 15)
    result = made(a=talks)
    report = result.manifest.steps["near_duplicates"]
    assert report["common_shingles"] > 0
    shutil.rmtree(result.path)  # else it is up to date
    monkeypatch.setattr("open_instructions.readers.chunk.CHUNK_RECORDS", 4)
    assert made(a=talks).manifest.steps["near_duplicates"] == report


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
def test_bands_find_pairs_at_the_threshold(threshold: float) -> None:
    size = bands.values_in_band(threshold)
    assert 1 - (1 - threshold**size) ** (120 // size) >= 0.9


def test_common_shingles_are_looked_up() -> None:
    rng = np.random.default_rng(1)
    every = rng.integers(1, 1 << 64, 5000, dtype=np.uint64)
    crowded = np.append(every[:2000], every[:500] + np.uint64(1))  # two in one slot
    known = sample.Common(np.unique(crowded))
    assert known.among(every).tolist() == np.isin(every, crowded).tolist()
    assert not sample.Common(np.empty(0, np.uint64)).among(every).any()


def test_short_texts_are_one_shingle() -> None:
    talks = [
        Conversation("a", "a", "a", (Message("user", "Yes?"), Message("assistant", text)))
        for text in ("No", "no!", "No way", "way no", "No", "1 2 3", "1 2 3 4")
    ]
    hashes, starts, _ = shingles_of(read(talks, False))
    assert np.diff(starts).tolist() == [2, 2, 2, 2, 2, 2, 3]
    answers = [set(hashes[a + 1 : b].tolist()) for a, b in itertools.pairwise(starts)]
    assert answers[0] == answers[1] == answers[4] != answers[2]
    assert answers[2] != answers[3]
    assert answers[5] < answers[6]
    assert all(h & 1 == 0 for h in hashes[starts[:-1]].tolist())  # prompts
    assert all(h & 1 for answer in answers for h in answer)


def test_explain_shows_both(made: Made) -> None:
    result = made(a=[talk(ASKED, RIVER, id="x"), talk(ASKED, EDITED, id="y")])
    said = repr(explain("a/y", result.path))
    assert "this row beside a/x, similarity 0.87" in said
    assert "where [-tiny-]{+small+} boats" in said


def test_explain_shows_both_where_the_mix_left_out_the_one_that_stayed(tmp_path: Path) -> None:
    told = [talk(ASKED, RIVER, id="x"), talk(ASKED, EDITED, id="y")]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(each) + "\n" for each in told))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("near_duplicates: 0.7\nmix: {unit: rows, weights: {alpaca: 1, a: 0}}\n")
    sources = ["alpaca", str(tmp_path / "a.jsonl")]
    result = build(sources, sample=True, recipe=str(recipe), out=tmp_path / "mix")
    said = repr(explain("a/y", result.path))
    assert "this row beside a/x, similarity 0.87" in said
    assert "where [-tiny-]{+small+} boats" in said
    clean = build(sources, sample=True, out=tmp_path / "clean")
    again = build([str(clean.path)], recipe=str(recipe), out=tmp_path / "again")
    assert "  The text of a/x is not in this build." in repr(explain("a/y", again.path))


def test_marks_are_bounded() -> None:
    one, other = "a b " * 20_000, "b a " * 20_000
    begun = time.process_time()
    said = marked([("user", one)], [("user", other)])
    assert "more words were not compared" in said
    assert time.process_time() - begun < 5
    same = marked([("user", f"{one} end")], [("user", f"{one} stop")])
    assert "equal words … " in same
    assert same.endswith("[-end-]{+stop+}")
    assert len(same) < 300


@pytest.mark.parametrize("text", ["", " ", "?!", "a", "\u200b", "a" * 300_000, "你" * 3000])
def test_strange_texts(made: Made, text: str) -> None:
    talks = [
        talk(text + "?", "Yes " + text),
        talk(text + "!", "Yes " + text + "."),
        talk("?", "No"),
    ]
    result = made(a=talks)
    assert result.ledger.problems() == []


def test_many_rows_of_one_template_take_linear_time(made: Made) -> None:
    def seconds(count: int) -> float:
        talks = [talk(f"{ASKED} {n}", f"{RIVER} {n}") for n in range(count)]
        begun = time.process_time()
        assert gone(made(a=talks)) == {}
        return time.process_time() - begun

    seconds(100)
    assert seconds(8000) < 3 * seconds(4000)


PRICES = (
    "def total(items, tax):\n    result = 0\n    for item in items:\n"
    "        result = result + item\n    if result > 100:\n"
    "        return result * tax\n    return result\n"
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Write it in code.", PRICES), ("Write it in code.", PRICES.replace("+", "-"))),
        (("Write it in code.", PRICES), ("Write it in code.", PRICES.replace("* tax", "/ tax"))),
        ((f"Explain.\n{PRICES}", RIVER), (f"Explain.\n{PRICES.replace('>', '<')}", RIVER)),
        (("Is a == b here?", "Maybe."), ("Is a != b here?", "Maybe.")),
        (("Is 7 + 3 a prime?", "No."), ("Is 7 - 3 a prime?", "No.")),
        (("What is the size of -5?", "5"), ("What is the size of 5?", "5")),
        (("Write $5 in words.", "Five."), ("Write €5 in words.", "Five.")),
        (("How are you?", "😀"), ("How are you?", "😢")),
        # the same words, and an answer after it
        (("Is 7 + 3 a prime?", "No."), ("Is 7 - 3 a prime?", "No.", "And 8?", "No.")),
        # a negation, a number in words
        ((ASKED, f"{RIVER} It is safe to drink."), (ASKED, f"{RIVER} It is not safe to drink.")),
        ((ASKED, f"{RIVER} It can be drunk."), (ASKED, f"{RIVER} It cannot be drunk.")),
        ((ASKED, f"{RIVER} It has two arms."), (ASKED, f"{RIVER} It has four arms.")),
        # signs that are part of a word, and letters
        ((f"Write it in C. {ASKED}", RIVER), (f"Write it in C++. {ASKED}", RIVER)),
        ((f"Write it in C# now. {ASKED}", RIVER), (f"Write it in C now. {ASKED}", RIVER)),
        ((ASKED, f"{RIVER} The answer is A."), (ASKED, f"{RIVER} The answer is B.")),
        # a word that excludes the other one
        ((ASKED, f"{RIVER} This is positive."), (ASKED, f"{RIVER} This is negative.")),
        ((ASKED, f"{RIVER} It opens on Monday."), (ASKED, f"{RIVER} It opens on Friday.")),
        # negations that are not words
        (
            (
                "町の公園について短く説明してください。",
                "町の公園は大きくて静かで、子どもたちが毎日そこで遊びます。",
            ),
            (
                "町の公園について短く説明してください。",
                "町の公園は大きくて静かで、子どもたちが毎日そこで遊びません。",
            ),
        ),
        # a name in prompt and answer, of which the other row speaks too
        (
            (f"Write about Amara. {ASKED}", f"Amara and Pedro lived here with Amara. {RIVER}"),
            (f"Write about Pedro. {ASKED}", f"Pedro and Amara lived here with Pedro. {RIVER}"),
        ),
        # another question of some words at the end
        (
            (f"{RIVER} Why did he walk up?", "It rises near the old town."),
            (f"{RIVER} Why did Jay hate his job?", "It rises near the old town."),
        ),
    ],
)
def test_what_says_the_opposite_is_not_a_copy(
    made: Made, one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert made.dropped(talk(*one), talk(*other)) == {}


@pytest.mark.parametrize(
    "edited",
    [
        RIVER.replace(", ", " - "),
        f"**{RIVER}**",
        f"- {RIVER}",
        f"> *{RIVER}*\n---",
        RIVER.replace("small boats", "*small* boats 😀"),
        RIVER.replace(" and runs", " & runs"),
        f"{RIVER} There is no bridge.",
        f"Plan B! {RIVER}",
        RIVER.replace("of the old", "of the! old"),
    ],
)
def test_signs_that_are_decoration(made: Made, edited: str) -> None:
    assert len(made.dropped(talk(ASKED, RIVER), talk(ASKED, edited))) == 1


def test_an_exclamation_mark_is_no_part_of_a_sign(made: Made) -> None:
    link = f"See https://www.river.example for more. {RIVER}"
    assert len(made.dropped(talk(ASKED, link), talk(ASKED, link.replace("://", "!//")))) == 1


def test_many_signs_have_hashes_of_their_own(made: Made) -> None:
    """Of 1,000 signs at one place, 16 bits lose eight or so, and 8 bits 744 or more."""
    signs = itertools.islice(itertools.product("+-/%<>=", repeat=4), 1000)
    talks = [talk(f"Is it a {''.join(sign)} b here?", "Maybe.") for sign in signs]
    assert len(made.dropped(*talks)) < 30


def test_rows_of_the_same_words_are_dropped_for_one_that_stays() -> None:
    """The two signs are at one place. Rows 1 and 3 have another one than the best, row 0."""
    plus, minus = 7 << 16, 7 << 16 | 1
    signs = [(plus,), (minus,), (), (minus,)]
    told = judged(contenders([(0, 9, (1,), own) for own in signs]), Agreed.of(), False)
    assert {row.row: row.other for row in told} == {0: None, 1: None, 2: 0, 3: 1}


def test_a_large_group_is_compared_in_pieces(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pieces are of the group, and the report says how many rows were compared so."""
    frame = f"Please answer about {{}}. {ASKED}", f"{RIVER} We speak of {{}} here, of course."
    names = [f"{a}{b}" for a in ("ka", "lo", "mi", "nu", "pa") for b in ("ron", "sel", "tim", "vok", "wen", "zar")]  # fmt: skip  # noqa: E501
    talks = [talk(*(part.format(name) for part in frame)) for name in names]
    copies = [talk(*(part.format(name).upper() for part in frame)) for name in names]
    talks = [t | {"id": str(n)} for n, t in enumerate([*talks, *copies])]
    whole = made(a=talks)
    expected = gone(whole)
    assert len(expected) == 30
    assert "compared_in_pieces" not in whole.manifest.steps["near_duplicates"]
    shutil.rmtree(whole.path)
    monkeypatch.setattr(bands, "LARGEST", 1)
    cut = made(a=talks)
    assert gone(cut) == expected  # rows with the same words are in the same piece
    assert cut.manifest.steps["near_duplicates"]["compared_in_pieces"] == 60
    assert check(cut.path).problems == ()
