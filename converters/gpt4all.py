"""GPT4All: prompts from Stack Overflow, OIG's chip2, P3 and others, answered by GPT-3.5-Turbo in
March 2023.

    {"prompt": "<p>How do I sort?</p>", "response": "Use `sorted`.",
     "source": "pacovaldez/stackoverflow-questions"}
    -> user: "How do I sort?"   assistant: "Use `sorted`."
       task: "pacovaldez/stackoverflow-questions"

Stack Overflow's prompts are the HTML body of a question and become Markdown. The collector's odd
rows are read too: a prompt or response that is an object with "value" or "description",
{"turn_0_question", "turn_0_answer"}, and two turns in {"prompt", "response_turn_1",
"prompt_turn_2", "response_turn_2"}."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from open_instructions.catalogue import Example, File, Hub, Rule, Source, Subset, Terms, Use, source
from open_instructions.layouts.fields import NUMBER_AS_TEXT, as_text, pair
from open_instructions.schema import Draft, Message, Reason, Record, Reject

_END = re.compile(r"(?:(?<!\s)|(?<=</s> ))\s*+</s>\s*+\Z|</s> ?(?=\n)")
"""White space is matched only from its beginning; otherwise the time would be quadratic in its
length."""
_STACK_OVERFLOW = "pacovaldez/stackoverflow-questions"
_PAIRS = (
    (("prompt", "response_turn_1"), ("prompt_turn_2", "response_turn_2")),
    (("prompt", "response"),),
    (("turn_0_question", "turn_0_answer"),),
)
"""Which fields hold the turns, the richest shape first. Fields of other shapes go into
`metadata`."""
_SHAPES = (
    frozenset({"prompt", "response"}),
    frozenset({"prompt", "response_turn_1", "prompt_turn_2", "response_turn_2"}),
    frozenset({"turn_0_question", "turn_0_answer"}),
)


def drop_end_marks(record: Record) -> Record:
    changed = {
        k: _END.sub("", v)
        for k, v in record.items()
        if k.startswith("response") and isinstance(v, str) and "</s>" in v
    }
    if any(record[k] != v for k, v in changed.items()):
        return {**record, **changed}
    return record


def _subset(
    name: str,
    files: tuple[str, ...],
    downloads: tuple[File, ...],
    records: int | None,
    format: Any = "parquet",
    note: str = "",
) -> Subset:
    return Subset(
        name,
        files=files,
        fields=_SHAPES[0],
        other_fields=_SHAPES[1:],
        telling=tuple(shape | {"source"} for shape in _SHAPES),
        common_names=True,
        downloads=downloads,
        languages=("en",),
        engine="gpt-3.5-turbo",
        license="LicenseRef-GPT4All-mixed",
        records=records,
        format=format,
        id=name + "/{stem}/{row:06d}",
        note=note,
    )


_REPO = "nomic-ai/gpt4all_prompt_generations"
_REVISIONS = ("v1.1-breezy", "v1.2-jazzy", "v1.3-groovy")
_MAIN = (
    "data/train-00000-of-00002-de0ae301d048d960.parquet",
    "data/train-00001-of-00002-014071b0381dd5ae.parquet",
)
_J = tuple(
    f"data/train-0000{number}-of-00004-{tag}.parquet"
    for number, tag in enumerate(
        ("49a07627b3b5bdbe", "62d2ea1ccbf3c546", "5d4368eca33ee435", "ef0356d35c1172f0")
    )
)
_P3 = File(
    "data.jsonl",
    (Hub(f"{_REPO}_with_p3", "data.jsonl", "40ef1243655fe1f2106eb610019a6e49fc878159"),),
    815_386_793,
    ("440c04d2ce5ee5de6a41319f97aaeda757988d796415cf103c2c6dafe95ebfc6",),
)


def _j(name: str, revision: str) -> File:
    return File(name, (Hub("nomic-ai/gpt4all-j-prompt-generations", name, revision),))


GPT4ALL = Source(
    name="gpt4all",
    title="GPT4All prompt generations",
    description="Prompts from Stack Overflow, OIG and P3, answered by GPT-3.5-Turbo.",
    homepage=f"hub: {_REPO}",
    cost="$500 (as published)",
    attribution=(
        "Nomic AI, GPT4All, 2023. Prompts of Stack Overflow users under CC BY-SA; answers under"
        " OpenAI's terms."
    ),
    subsets=(
        *(
            _subset(
                f"j-{revision}",
                (f"*{revision}*/*train-*.parquet", f"*{revision}*.parquet"),
                (_j("data/train-*.parquet", revision),),
                None,
                note=f"GPT4All-J as its revision {revision} has it.",
            )
            for revision in _REVISIONS
        ),
        _subset(
            "j",
            ("train-0000[0-3]-of-00004-*.parquet",),
            tuple(_j(name, "main") for name in _J),
            808812,
            note="GPT4All-J v1.0, with OIG's subsets.",
        ),
        _subset(
            "main",
            ("train-0000[01]-of-00002-*.parquet",),
            tuple(File(n, (Hub(_REPO, n),)) for n in _MAIN),
            437604,
        ),
        _subset(
            "p3",
            ("data.jsonl",),
            (_P3,),
            806199,
            "lines",
            "With P3, whose answers are mostly one word.",
        ),
    ),
    default=("main",),
    licenses=(
        (
            "LicenseRef-GPT4All-mixed",
            Terms(
                Use.UNCLEAR,
                "prompts from Stack Overflow (CC BY-SA), OIG and P3 under one label that their "
                "authors did not choose",
                attribution=True,
            ),
        ),
    ),
    rules=(
        Rule(
            "end_marks",
            "The literal `</s>` that joins texts is removed from responses.",
            drop_end_marks,
        ),
    ),
    template="{prompt}",
    examples=(
        Example(
            {
                "prompt": "<p>What does <code>a &lt; b</code> mean?</p>",
                "response": "It compares.",
                "source": _STACK_OVERFLOW,
            },
            ((("user", "What does `a < b` mean?"), ("assistant", "It compares.")),),
            subset="main",
        ),
        Example(
            {
                "prompt": {"value": "Name a metal."},
                "response": "Iron.</s> \n",
                "source": "bigscience/p3",
            },
            ((("user", "Name a metal."), ("assistant", "Iron.")),),
            subset="p3",
        ),
        Example(
            {
                "prompt": "Hi.",
                "response_turn_1": "Hello.",
                "prompt_turn_2": "Bye.",
                "response_turn_2": "See you.",
                "source": "",
            },
            (
                (
                    ("user", "Hi."),
                    ("assistant", "Hello."),
                    ("user", "Bye."),
                    ("assistant", "See you."),
                ),
            ),
            subset="p3",
        ),
        Example(
            {"prompt": 42, "response": "A number.", "source": "unified_chip2"},
            ("unexpected_shape",),
            subset="main",
        ),
    ),
)


def _text(value: Any) -> str | None:
    """Text, unwrapped if the collector put it into an object; None for anything else."""
    if isinstance(value, dict):
        value = value.get("value", value.get("description"))
    if isinstance(value, str):
        return value
    return None


@source(GPT4ALL)
def convert(record: Record) -> Iterator[Draft | Reject]:
    origin = record.get("source")
    stack_overflow = isinstance(origin, str) and "stackoverflow" in origin
    shape = next((s for s in _PAIRS if all(q in record and a in record for q, a in s)), None)
    if shape is None:
        if _text(record.get("prompt")) is not None:
            yield Reject(Reason.NO_ANSWER, "a prompt without a response")
        else:
            yield Reject(Reason.UNEXPECTED_SHAPE, f"fields {', '.join(sorted(record))}")
        return
    messages: list[Message] = []
    edits: tuple[str, ...] = ()
    for asked, answered in shape:
        prompt, response = _text(record[asked]), _text(record[answered])
        if prompt is not None and record[answered] is None:
            yield Reject(Reason.NO_ANSWER, f"{answered} is null")
            return
        if (
            prompt is not None
            and response is None
            and (response := as_text(record[answered])) is not None
        ):
            edits = (NUMBER_AS_TEXT,)
        if prompt is None or response is None:
            wrong = asked if prompt is None else answered
            yield Reject(Reason.UNEXPECTED_SHAPE, f"{wrong} is a {type(record[wrong]).__name__}")
            return
        messages += pair(prompt, response, prompt_is_html=stack_overflow)
    used = [
        name
        for names in shape
        for name in names
        if not isinstance(record[name], dict) or len(record[name]) == 1
    ]
    task = origin if isinstance(origin, str) and origin else "unspecified"
    yield Draft(
        messages, task=task, used=(*used, "source") if task == origin else used, edits=edits
    )
