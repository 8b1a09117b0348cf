"""GPT-4-LLM: Alpaca's prompts answered by GPT-4, in English and Chinese, and 9,000 unnatural instructions.

    {"instruction": "Add the numbers.", "input": "1, 2", "output": "3"}
    -> user: "Add the numbers.\\n\\n1, 2"   assistant: "3"
    {"instruction": …, "input": …, "output": …, "label": "the original answer"}   (unnatural)
    -> the same, the label in `metadata`

The comparison files hold preference pairs. They are known and read, and each record is rejected as `preference_pair`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from open_instructions.catalogue import Example, Rule, Source, Subset, source
from open_instructions.schema import Draft, Reason, Record, Reject
from open_instructions.shapes import blank_no_input, drop_prefixes, instruction_pair

_GITHUB = "github: Instruction-Tuning-with-GPT-4/GPT-4-LLM"


# an lstrip("Su…") of upstream's ate the beginnings of "Sure! Here is …" and "Subject: …"
_SURE = re.compile(r"(?:ur)?e(?=[!,] [Hh]ere)")
_SUBJECT = re.compile(r"b?ject(?=: )")
_FRAGMENT = re.compile(r"(?:e|re|ure)[!,] |(?:ect|ct): |[,，、] ?\w")


def restore_beginning(record: Record) -> Record:
    """`Sure` and `Subject` get their letters back; an answer that begins inside another word or with a comma is marked."""
    text = record.get("output")
    if not isinstance(text, str):
        return record
    for known, word in ((_SURE, "Sure"), (_SUBJECT, "Subject")):
        if known.match(text):
            return {**record, "output": known.sub(word, text, count=1)}
    return dict(record) if _FRAGMENT.match(text) else record


def refuse_pairs(record: Record) -> Iterator[Draft | Reject]:
    yield Reject(Reason.PREFERENCE_PAIR, "two or more rated answers to one prompt; this version converts conversations only")


def _subset(name: str, files: tuple[str, ...], language: str, records: int, row: str) -> Subset:
    return Subset(
        name,
        files=files,
        fields=frozenset({"instruction", "input", "output"}) | ({"label"} if name == "unnatural" else set()),
        places=(f"{_GITHUB}, data/{files[0]}",),
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
    attribution="Baolin Peng et al., Instruction Tuning with GPT-4, 2023. CC BY-NC 4.0, for research only.",
    subsets=(
        _subset("en", ("alpaca_gpt4_data.json",), "en", 52002, "{row:06d}"),
        _subset("zh", ("alpaca_gpt4_data_zh.json",), "zh-Hans", 48818, "zh/{row:06d}"),
        _subset("unnatural", ("unnatural_instruction_gpt4_data.json",), "en", 9000, "unnatural/{row:06d}"),
        Subset(
            "comparison",
            files=("comparison_data*.json", "comparision_data*.json"),
            fields=frozenset({"user_input"}),
            places=(f"{_GITHUB}, data/comparison_data_v2.json",),
            languages=("en",),
            engine="gpt-4 and others",
            license="CC-BY-NC-4.0",
            records=52002,
            format="array",
            id="comparison/{row:06d}",
            convert=refuse_pairs,
            note="Preference pairs, which this version does not convert: every record is rejected as preference_pair.",
        ),
    ),
    default=("en", "zh"),
    rules=(
        Rule("no_input", 'An input that only says there is none ("<noinput>", "No input.") becomes empty.', blank_no_input),
        Rule(
            "labels",
            "The template's labels 输入： and 输出： go from the beginning of input and output.",
            partial(drop_prefixes, prefixes={"input": "输入：", "output": "输出："}),
            subsets=("zh",),
        ),
        Rule(
            "lost_beginning",
            'Answers that begin "e! Here is" or "e, here\'s" get their "Sur" back, and "bject: " its "Su"; others that begin inside a word or '
            "with a comma are marked only.",
            restore_beginning,
        ),
    ),
    template="{instruction}\n\n{input}",
    examples=(
        Example(
            {"instruction": "给我一个随机数。", "input": "", "output": "e! Here is a random number: 7"},
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
            {"instruction": "Is the word a noun?", "input": "tree", "output": "Yes, it is.", "label": "Yes"},
            ((("user", "Is the word a noun?\n\ntree"), ("assistant", "Yes, it is.")),),
            subset="unnatural",
        ),
        Example(
            {"user_input": "Name a bird.", "completion_a": "A wren.", "completion_b": "A cat."}, ("preference_pair",), subset="comparison"
        ),
    ),
)


@source(GPT4LLM)
def convert(record: Record) -> Iterator[Draft | Reject]:
    yield instruction_pair(record)
