"""GPT-4-LLM: Alpaca's prompts answered by GPT-4, in English and Chinese, and 9,000 unnatural
instructions.

    {"instruction": "Add the numbers.", "input": "1, 2", "output": "3"}
    -> user: "Add the numbers.\\n\\n1, 2"   assistant: "3"
    {"instruction": …, "input": …, "output": …, "label": "the original answer"}   (unnatural)
    -> the same, the label in `metadata`

    {"user_input": "Below … ### Instruction:\\nName a bird.\\n\\n### Response:",
     "responses_and_scores": [{"response": "A wren.", "source": "gpt4", "score": 9}, …]}
    -> a preference row: the answer with the highest score against the one with the lowest
    {"user_input": …, "completion_a": "A wren.", "completion_b": "A cat."}   (the first version)
    -> a preference row: completion_a is the one that was ranked higher
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from open_instructions.catalogue import Example, File, Hub, Rule, Source, Subset, github, source
from open_instructions.layouts.answers import Answer, ranked, rated, text_answer
from open_instructions.layouts.fields import (
    as_text,
    blank_no_input,
    drop_labels,
    instruction_pair,
    leftover,
    missing_fields,
    number,
    question,
)
from open_instructions.preference import PreferenceDraft
from open_instructions.schema import ASSISTANT, USER, Draft, Message, Reason, Record, Reject

_GITHUB = "github: Instruction-Tuning-with-GPT-4/GPT-4-LLM"


# an lstrip("Su…") in upstream's code removed the beginnings of "Sure! Here is …" and "Subject: …"
_SURE = re.compile(r"(?:ur)?e(?=[!,] [Hh]ere)")
_SUBJECT = re.compile(r"b?ject(?=: )")
_INSTRUCTION, _INPUT, _RESPONSE = (
    "### Instruction:\n",
    "\n\n### Input:\n",
    "\n\n### Response:",
)
_ASKED = ("instruction", "input", "user_input")
_COMPLETIONS = ("completion_a", "completion_b")
_ENGINES = {"gpt4": "gpt-4"}
_FRAGMENT = re.compile(r"(?:e|re|ure)[!,] |(?:ect|ct): |[,，、] ?\w")


def restore_beginning(record: Record) -> Record:
    """`Sure` and `Subject` get their letters back; an answer that begins inside another word or
    with a comma is marked."""
    text = record.get("output")
    if not isinstance(text, str):
        return record
    restored = _restored(text)
    if restored is not None:
        return {**record, "output": restored}
    if _FRAGMENT.match(text):
        return dict(record)
    return record


def _restored(text: str) -> str | None:
    for known, word in ((_SURE, "Sure"), (_SUBJECT, "Subject")):
        if known.match(text):
            return known.sub(word, text, count=1)
    return None


def restore_responses(record: Record) -> Record:
    """The same for the answers of a comparison."""
    marked = False
    changed: Record = {}
    for name in _COMPLETIONS:
        if isinstance(text := record.get(name), str):
            marked |= bool(_FRAGMENT.match(text))
            if (restored := _restored(text)) is not None:
                changed[name] = restored
    answers = record.get("responses_and_scores")
    if isinstance(answers, list):
        texts = [a.get("response") if isinstance(a, dict) else None for a in answers]
        restored_texts = [_restored(text) if isinstance(text, str) else None for text in texts]
        marked |= any(isinstance(text, str) and _FRAGMENT.match(text) for text in texts)
        if any(text is not None for text in restored_texts):
            changed["responses_and_scores"] = [
                answer if text is None else {**answer, "response": text}
                for answer, text in zip(answers, restored_texts, strict=True)
            ]
    return {**record, **changed} if changed or marked else record


def open_template(record: Record) -> Record:
    """Alpaca's template around a prompt is opened: its instruction and its input are fields."""
    text = record.get("user_input")
    if not isinstance(text, str) or text.count(_INSTRUCTION) != 1:
        return record
    body, mark, behind = text.partition(_INSTRUCTION)[2].rpartition(_RESPONSE)
    if not mark or behind.strip() or body.count(_INPUT) > 1:
        return record
    instruction, _, given = body.partition(_INPUT)
    if not instruction.strip():
        return record
    left = {name: value for name, value in record.items() if name != "user_input"}
    return {"instruction": instruction.strip(), "input": given.strip(), **left}


def compare(record: Record) -> Iterator[PreferenceDraft | Reject]:
    """The best of the answers against the worst."""
    asked = [as_text(record.get(name)) or "" for name in _ASKED]
    prompt = [Message(USER, question(*asked))]
    if not prompt[0].content:
        yield Reject(Reason.UNEXPECTED_SHAPE, missing_fields(record, "user_input"))
    elif "responses_and_scores" in record:
        yield from _rated(record, prompt)
    elif wrong := missing_fields(record, *_COMPLETIONS):
        yield Reject(Reason.UNEXPECTED_SHAPE, wrong)
    else:
        used = (*_ASKED, *_COMPLETIONS)
        answers = [text_answer(record[name]) for name in _COMPLETIONS]
        yield from ranked(prompt, answers, "best_worst", used=used)


def _rated(record: Record, prompt: list[Message]) -> list[PreferenceDraft | Reject]:
    given = record["responses_and_scores"]
    if not isinstance(given, list) or not all(
        isinstance(answer, dict) and isinstance(answer.get("response"), str) for answer in given
    ):
        return [Reject(Reason.UNEXPECTED_SHAPE, "responses_and_scores is not a list of responses")]
    answers = []
    for answer in given:
        source = as_text(answer.get("source"))
        score = answer.get("score")
        answers.append(
            Answer(
                (Message(ASSISTANT, answer["response"]),),
                number(score),
                _ENGINES.get(source or "", source),
                leftover(answer, ("response", "score", "source")),
            )
        )
    said = {"score_name": "score", "judge": "gpt-4", "used": (*_ASKED, "responses_and_scores")}
    return rated(prompt, answers, "best_worst", **said)


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
            convert=compare,
            note=(
                "Preference rows: the answer with the highest score against the one with the"
                " lowest, or, in the first version, completion_a against completion_b."
            ),
        ),
    ),
    default=("en", "zh", "comparison"),
    rules=(
        Rule(
            "template",
            "A prompt that stands in Alpaca's template is taken out of it: its instruction and its "
            "input, with a blank line between them.",
            open_template,
            subsets=("comparison",),
        ),
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
            subsets=("en", "zh", "unnatural"),
        ),
        Rule(
            "lost_beginnings",
            "The same for the answers of a comparison.",
            restore_responses,
            subsets=("comparison",),
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
            {
                "user_input": "Follow it.\n\n### Instruction:\nName a bird.\n\n### Response:",
                "responses_and_scores": [
                    {"response": "A pike.", "source": "text-davinci-003", "score": 4.5},
                    {"response": "A wren.", "source": "gpt4", "score": 9},
                    {"response": "Bird.", "source": "icm-1.3b", "score": 1},
                ],
            },
            (
                {
                    "prompt": (("user", "Name a bird."),),
                    "chosen": (("assistant", "A wren."),),
                    "rejected": (("assistant", "Bird."),),
                },
            ),
            subset="comparison",
        ),
        Example(
            {"user_input": "Name a bird.", "completion_a": "A wren.", "completion_b": "A cat."},
            (
                {
                    "prompt": (("user", "Name a bird."),),
                    "chosen": (("assistant", "A wren."),),
                    "rejected": (("assistant", "A cat."),),
                },
            ),
            subset="comparison",
        ),
        Example(
            {
                "user_input": "Name a bird.",
                "responses_and_scores": [
                    {"response": "e! Here is one: a wren.", "source": "gpt4", "score": 8.5},
                    {"response": "A pike.", "source": "icm-1.3b", "score": 0},
                ],
            },
            (
                {
                    "prompt": (("user", "Name a bird."),),
                    "chosen": (("assistant", "Sure! Here is one: a wren."),),
                    "rejected": (("assistant", "A pike."),),
                },
            ),
            subset="comparison",
        ),
        Example(
            {"user_input": "Name a bird.", "completion_a": "A wren.", "completion_b": "A wren."},
            ("equal_answers",),
            subset="comparison",
        ),
    ),
)


@source(GPT4LLM)
def convert(record: Record) -> Iterator[Draft | Reject]:
    yield instruction_pair(record)
