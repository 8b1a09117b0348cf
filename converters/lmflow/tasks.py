"""Natural Instructions v2: one file per task, in today's schema and in that of 2021.

    {"Definition": ["Reverse the word."], …,
     "Instances": [{"id": "task1-…", "input": "abc", "output": ["cba"]}, …]}
    -> user: "Reverse the word.\\n\\nabc"   assistant: "cba"   task: the file's name

Each instance is a record. Its first answer becomes the conversation's, and the others go into
`metadata`. The licence is that of the task."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from open_instructions.catalogue import Example, File, Subset, Url
from open_instructions.layouts.fields import NUMBER_AS_TEXT, as_text, pair, question
from open_instructions.schema import Draft, Reason, Record, Reject

_KEPT = ("Source", "URL", "Categories", "Reasoning", "Domains", "Input_language", "Output_language")
UNKNOWN_LICENSE = "LicenseRef-NaturalInstructions-unknown"
_SPDX = {
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "mit": "MIT",
    "cc by 3.0": "CC-BY-3.0",
    "cc by 4.0": "CC-BY-4.0",
    "cc by-nc 4.0": "CC-BY-NC-4.0",
    "cc by-nc-sa 3.0": "CC-BY-NC-SA-3.0",
    "cc by-nc-sa 4.0": "CC-BY-NC-SA-4.0",
    "cc by-sa 3.0": "CC-BY-SA-3.0",
    "cc by-sa 4.0": "CC-BY-SA-4.0",
    "public domain": "LicenseRef-PublicDomain",
    "unknown": UNKNOWN_LICENSE,
}


def spdx(stated: Any) -> str:
    """The SPDX expression for a task's `Instance License`; several licences all apply."""
    each = stated if isinstance(stated, list) else [stated]
    names = [_license(name) for name in each if isinstance(name, str)]
    return " AND ".join(dict.fromkeys(filter(None, names))) or UNKNOWN_LICENSE


def _license(name: str) -> str:
    """The SPDX name of one licence; "" for a name without a letter or digit."""
    if known := _SPDX.get(name.strip().lower()):
        return known
    words = re.findall(r"[^\W_]+", name)
    return "LicenseRef-" + "-".join(words) if words else ""


@lru_cache(maxsize=16)
def _stem(file: str) -> str:
    return PurePosixPath(file).stem


def natural_instructions(record: Record) -> Iterator[Draft | Reject]:
    definition, instance = record.get("Definition"), record.get("Instances")
    if isinstance(definition, list) and all(isinstance(d, str) for d in definition):
        definition = "\n".join(definition)
    if not isinstance(definition, str) or not isinstance(instance, dict):
        yield Reject(Reason.UNEXPECTED_SHAPE, "no Definition, or an instance that is not an object")
        return
    asked, answers = instance.get("input"), instance.get("output")
    given = answers if isinstance(answers, list) else [answers]
    answers = [as_text(answer) for answer in given]
    if not isinstance(asked, str) or None in answers:
        yield Reject(Reason.UNEXPECTED_SHAPE, "no text in input, or no list of texts in output")
        return
    if not answers:
        yield Reject(Reason.NO_ANSWER, "an empty list of answers")
        return
    file = record.get("@file")
    name = instance.get("id")
    different = list(dict.fromkeys(answers))
    metadata: dict[str, Any] = {}
    if len(different) > 1:
        metadata["other_answers"] = different[1:]
    metadata |= {key: record[key] for key in _KEPT if record.get(key)}
    own, used = None, ["input", "output"]
    if isinstance(name, str) and name:
        own = f"natural-instructions/{name}"
        used.append("id")
    edits = ("repeated_answers",) * (len(different) < len(answers))
    edits += (NUMBER_AS_TEXT,) * (not all(isinstance(answer, str) for answer in given))
    yield Draft(
        pair(question(definition, asked), answers[0]),
        id=own,
        task=_stem(file) if isinstance(file, str) else None,
        license=spdx(record.get("Instance License")),
        metadata=metadata,
        used=used,
        edits=edits,
    )


TASK_SUBSET = Subset(
    "natural-instructions",
    files=("task[0-9]*_*.json",),
    fields=frozenset({"Definition", "Instances"}),
    telling=(frozenset({"Definition", "Positive Examples"}),),
    downloads=(
        File(
            "natural-instructions.tar.gz",
            # GitHub sometimes creates this archive again: the commit is fixed, but the bytes of the
            # archive may change
            (
                Url(
                    "https://github.com/allenai/natural-instructions/archive/55a365637381ce7f3748fa2eac7aef1a113bbb82.tar.gz"
                ),
            ),
        ),
    ),
    languages=("en",),
    engine="human",
    license=UNKNOWN_LICENSE,
    format="envelope",
    items="Instances",
    id="natural-instructions/{stem}/{row:06d}",
    any_name=True,
    own_licenses=True,
    convert=natural_instructions,
    note="1,616 or more tasks, one file each; every task has its own licence.",
)

TASK_EXAMPLES = (
    Example(
        {
            "Definition": ["Reverse the word."],
            "Instance License": ["CC BY 4.0"],
            "Instances": {"id": "task1-0", "input": "abc", "output": ["cba", "cba"]},
        },
        ((("user", "Reverse the word.\n\nabc"), ("assistant", "cba")),),
        subset="natural-instructions",
    ),
    Example(
        {"Definition": "Name it.", "Instances": {"input": "x", "output": []}},
        ("no_answer",),
        subset="natural-instructions",
    ),
)
