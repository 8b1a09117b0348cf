"""GPT-4-LLM: Alpaca's prompts answered by GPT-4, in English and Chinese, and 9,000 unnatural
instructions.

    {"instruction": "Add the numbers.", "input": "1, 2", "output": "3"}
    -> user: "Add the numbers.\\n\\n1, 2"   assistant: "3"
    {"instruction": …, "input": …, "output": …, "label": "the original answer"}   (unnatural)
    -> the same, the label in `metadata`

The comparison files hold preference pairs. They are known and read, and each record is rejected as
`preference_pair`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from open_instructions.catalogue import Example, File, Hub, Rule, Source, Subset, github, source
from open_instructions.layouts.fields import blank_no_input, drop_labels, instruction_pair
from open_instructions.schema import Draft, Reason, Record, Reject

_GITHUB = "github: Instruction-Tuning-with-GPT-4/GPT-4-LLM"


# an lstrip("Su…") in upstream's code removed the beginnings of "Sure! Here is …" and "Subject: …"
_SURE = re.compile(r"(?:ur)?e(?=[!,] [Hh]ere)")
_SUBJECT = re.compile(r"b?ject(?=: )")
_FRAGMENT = re.compile(r"(?:e|re|ure)[!,] |(?:ect|ct): |[,，、] ?\w")


def restore_beginning(record: Record) -> Record:
    """`Sure` and `Subject` get their letters back; an answer that begins inside another word or
    with a comma is marked."""
    text = record.get("output")
    if not isinstance(text, str):
        return record
    for known, word in ((_SURE, "Sure"), (_SUBJECT, "Subject")):
        if known.match(text):
            return {**record, "output": known.sub(word, text, count=1)}
    if _FRAGMENT.match(text):
        return dict(record)
    return record


def refuse_pairs(record: Record) -> Iterator[Draft | Reject]:
    yield Reject(
        Reason.PREFERENCE_PAIR,
        "two or more rated answers to one prompt; this version converts conversations only",
    )


def _file(name: str, *mirrors: Hub, size: int | None = None, sha256: tuple[str, ...] = ()) -> File:
    return File(
        name,
        (github("Instruction-Tuning-with-GPT-4/GPT-4-LLM", "main", f"data/{name}"), *mirrors),
        size,
        sha256,
    )


def _subset(name: str, file: File, language: str, records: int, row: str) -> Subset:
    return Subset(
        name,
        files=(file.name,),
        fields=frozenset({"instruction", "output"}),
        downloads=(file,),
        languages=(language,),
        engine="gpt-4",
        license="CC-BY-NC-4.0",
        records=records,
        format="array",
        id=row,
    )


GPT4LLM = Source(
    name="gpt4llm",
    title="GPT-4-LLM",
    description="Alpaca's prompts, and their Chinese translation by ChatGPT, answered by GPT-4.",
    homepage=_GITHUB,
    cost="more than $880 (estimate, as published)",
    attribution=(
        "Baolin Peng et al., Instruction Tuning with GPT-4, 2023. CC BY-NC 4.0, for research only."
    ),
    subsets=(
        _subset(
            "en",
            _file(
                "alpaca_gpt4_data.json",
                Hub(
                    "llm-wizard/alpaca-gpt4-data",
                    "data/alpaca_gpt4_data.json",
                    "88ef836e16a1d6c0658490cc521184c269c46449",
                ),
                size=43_379_276,
                sha256=("0bd4f62585d494b794deb043ce0baddfec02f27696857c57c9c238d6eff35a18",),
            ),
            "en",
            52002,
            "{row:06d}",
        ),
        _subset(
            "zh",
            _file(
                "alpaca_gpt4_data_zh.json",
                Hub(
                    "llm-wizard/alpaca-gpt4-data-zh",
                    "data/alpaca_gpt4_data_zh.json",
                    "e6d0b7f36198917aadb324dc51988422f51a25fc",
                ),
                # two versions of the same rows are in circulation
                sha256=(
                    "6fcb98c6d79691d1f9a88ef513335da9124e7fdeef5103343f5d9f9a6e8f4903",
                    "951f1331cacabc7b5de2a5d72592a103be0676daba8d92ae7c67b061639e0f46",
                ),
            ),
            "zh-Hans",
            48818,
            "zh/{row:06d}",
        ),
        _subset(
            "unnatural",
            _file("unnatural_instruction_gpt4_data.json"),
            "en",
            9000,
            "unnatural/{row:06d}",
        ),
        Subset(
            "comparison",
            files=("comparison_data*.json", "comparision_data*.json"),
            fields=frozenset({"user_input"}),
            downloads=(_file("comparison_data_v2.json"),),
            languages=("en",),
            engine="gpt-4 and others",
            license="CC-BY-NC-4.0",
            records=52002,
            format="array",
            id="comparison/{row:06d}",
            convert=refuse_pairs,
            note=(
                "Preference pairs, which this version does not convert: every record is rejected as"
                " preference_pair."
            ),
        ),
    ),
    default=("en", "zh"),
    rules=(
        Rule(
            "labels",
            "The template's labels 输入： and 输出： are removed from the beginning of input and "
            "output, unless the text is an example with several of them.",
            drop_labels,
            subsets=("zh",),
        ),
        Rule(
            "no_input",
            'An input that says there is none ("<noinput>", "No input.", "无输入") is emptied.',
            blank_no_input,
        ),
        Rule(
            "lost_beginning",
            'Answers that begin "e! Here is" or "e, here\'s" get their "Sur" back, and "bject: " '
            'its "Su"; others that begin inside a word or with a comma are only marked.',
            restore_beginning,
        ),
    ),
    template="{instruction}\n\n{input}",
    examples=(
        Example(
            {
                "instruction": "给我一个随机数。",
                "input": "",
                "output": "e! Here is a random number: 7",
            },
            ((("user", "给我一个随机数。"), ("assistant", "Sure! Here is a random number: 7")),),
            subset="zh",
        ),
        Example(
            {"instruction": "翻译成英文。", "input": "输入：你好", "output": "输出：Hello"},
            ((("user", "翻译成英文。\n\n你好"), ("assistant", "Hello")),),
            subset="zh",
        ),
        Example(
            {"instruction": "Add the numbers.", "input": "1, 2", "output": "1 + 2 = 3"},
            ((("user", "Add the numbers.\n\n1, 2"), ("assistant", "1 + 2 = 3")),),
        ),
        Example(
            {
                "instruction": "Is the word a noun?",
                "input": "tree",
                "output": "Yes, it is.",
                "label": "Yes",
            },
            ((("user", "Is the word a noun?\n\ntree"), ("assistant", "Yes, it is.")),),
            subset="unnatural",
        ),
        Example(
            {"user_input": "Name a bird.", "completion_a": "A wren.", "completion_b": "A cat."},
            ("preference_pair",),
            subset="comparison",
        ),
    ),
)


@source(GPT4LLM)
def convert(record: Record) -> Iterator[Draft | Reject]:
    yield instruction_pair(record)
