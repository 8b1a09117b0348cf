"""LMFlow's collections: its own file format, and the originals of the sets that its server, now
gone, offered.

`native` reads text2text, text_only (where its text has a prompt and an answer), conversation,
text_to_textlist (its first answer) and text_to_scored_textlist (its best); paired_conversation and
paired_text_to_text become preference rows; images and numbers are rejected with a reason.

native    LMFlow's own format
paired    its preference records
medical   PubMedQA, MedMCQA and MedQA
licences  rights without an SPDX name
choices   questions with options, which the medical sets share
tasks     Natural Instructions
"""

from __future__ import annotations

from collections.abc import Iterator

from open_instructions.catalogue import Example, Rule, Source, Subset, source
from open_instructions.preference import PreferenceDraft
from open_instructions.schema import Draft, Record, Reject

from .choices import mark_equal_options
from .licences import LICENSES
from .medical import MEDICAL_EXAMPLES, MEDICAL_SUBSETS, drop_stray_quote, mark_missing_rt
from .native import read_instance, refuse_unanswered
from .tasks import TASK_EXAMPLES, TASK_SUBSET

LMFLOW = Source(
    name="lmflow",
    title="LMFlow collections",
    description=(
        "PubMedQA, MedMCQA, MedQA and Natural Instructions, in LMFlow's own format and from their"
        " originals."
    ),
    homepage="github: OptimalScale/LMFlow",
    cost="not published",
    attribution=(
        "PubMedQA: Qiao Jin et al., MIT. MedMCQA: Ankit Pal et al., labelled MIT and Apache-2.0."
        " MedQA: Di Jin et al., MIT for the repository. Natural Instructions v2: Yizhong Wang et"
        " al., each task under its own licence."
    ),
    subsets=(
        *MEDICAL_SUBSETS,
        TASK_SUBSET,
        Subset(
            "native",
            files=("train_[0-9]*.json", "test_[0-9]*.json", "valid_[0-9]*.json"),
            fields=frozenset({"type", "instances"}),
            by_hand=(
                "LMFlow's server is gone, and its archives are nowhere else. The subsets "
                "pubmedqa, medmcqa, medqa and natural-instructions are the originals of what it "
                "offered. Files that you still have can be read from --data-dir."
            ),
            languages=("en",),
            engine="unstated",
            license="LicenseRef-LMFlow-unstated",
            format="envelope",
            items="instances",
            id="{stem}/{row:06d}",
            any_name=True,
            path_parts=3,
            note="Any file in LMFlow's own format, whatever its name.",
        ),
    ),
    default=("pubmedqa", "medmcqa", "medqa", "natural-instructions", "native"),
    licenses=LICENSES,
    rules=(
        Rule(
            "unanswered",
            'An instance whose output is "NA" or "N/A" is rejected.',
            refuse_unanswered,
            subsets=("native",),
        ),
        Rule(
            "missing_rt",
            'A record with a word that lost its letters "rt" ("aery", "hypeension") is marked; '
            "nothing is changed.",
            mark_missing_rt,
            subsets=("medmcqa",),
        ),
        Rule(
            "equal_options",
            "A multiple-choice question with two equal options is marked; nothing is changed.",
            mark_equal_options,
            subsets=("medmcqa", "medqa"),
        ),
        Rule(
            "stray_quote",
            "An unopened quotation mark is removed from the end of a question.",
            drop_stray_quote,
            subsets=("medqa",),
        ),
    ),
    template=(
        "pubmedqa: {contexts}, Question: {question}; medmcqa, medqa: {question}, A. …;"
        " natural-instructions: {Definition}, {input}"
    ),
    examples=(
        *MEDICAL_EXAMPLES,
        *TASK_EXAMPLES,
        Example(
            {"type": "text2text", "instances": {"input": "2 + 2?", "output": "4"}},
            ((("user", "2 + 2?"), ("assistant", "4")),),
            subset="native",
        ),
        Example(
            {
                "type": "text_only",
                "instances": {"text": "Defintion: Reverse it. \n Input: abc \n Output: cba \n\n"},
            },
            ((("user", "Defintion: Reverse it. \n Input: abc"), ("assistant", "cba")),),
            subset="native",
        ),
        Example(
            {"type": "text2text", "instances": {"input": "Who?", "output": "NA"}},
            ("no_answer",),
            subset="native",
        ),
        Example(
            {
                "type": "paired_text_to_text",
                "instances": {"prompt": "2 + 2?", "chosen": "4", "rejected": "5", "margin": 1},
            },
            (
                {
                    "prompt": (("user", "2 + 2?"),),
                    "chosen": (("assistant", "4"),),
                    "rejected": (("assistant", "5"),),
                },
            ),
            subset="native",
        ),
        Example({"type": "float_only", "instances": {"value": 0.5}}, ("no_text",), subset="native"),
    ),
)


@source(LMFLOW)
def convert(record: Record) -> Iterator[Draft | PreferenceDraft | Reject]:
    yield from read_instance(record)
