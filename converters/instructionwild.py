"""InstructionWild: 52,191 English and 51,504 Chinese prompts that people shared, answered by
OpenAI's API.

    {"instruction": "Name a river.", "input": "", "output": "The Nile.", "id": 0}
    -> user: "Name a river."   assistant: "The Nile."

The seed prompts and everything of v2 have no answers: they are read and rejected as `no_answer`.
"""

from __future__ import annotations

from collections.abc import Iterator

from open_instructions.catalogue import (
    Example,
    File,
    Hub,
    Source,
    Subset,
    Terms,
    Use,
    github,
    source,
)
from open_instructions.layouts.fields import instruction_pair
from open_instructions.schema import Draft, Record, Reject

LICENSE = "LicenseRef-InstructionWild-noncommercial"
_GITHUB = "github: XueFuzhao/InstructionWild"


def _copy(name: str, revision: str, size: int, sha256: str) -> File:
    return File(
        name, (Hub("QingyiSi/Alpaca-CoT", f"instinwild/{name}", revision),), size, (sha256,)
    )


def _in_git(path: str, size: int, sha256: str) -> File:
    return File(path, (github("XueFuzhao/InstructionWild", "main", path),), size, (sha256,))


_EN = _copy(
    "instinwild_en.json",
    "eb63d8f2cc91146384e9d7711cabfe867f79ca32",
    44_654_868,
    "94282e274391cb68f757e45cbc54170d0df8f0fed3ee0483a186397278aa683e",
)
_ZH = _copy(
    "instinwild_ch.json",
    "d8f9f824a1aad36e88d54427c08871424e7cd91b",
    34_187_366,
    "b28df2b750ff568911ca77c25b085dd131b75a0927c0a2b13a28aa521f6963df",
)
_SEEDS = (
    _in_git(
        "data/seed_prompts_en.jsonl",
        49_986,
        "29fc9baa56911782c3c34517d75227c7b9d28c724fcb7d6e7e56564348511370",
    ),
    _in_git(
        "data/seed_prompts_ch.jsonl",
        47_577,
        "22a3b7b8144836b5210b7c931892ecd7a050a54f4355f2c62dc1c19ec62fc814",
    ),
)
_V2 = (
    _in_git(
        "data_v2/user_1.jsonl",
        63_689,
        "f820530eba46d8c670291692e8d593e0d93db48f09c0f84d92e092146a8faefd",
    ),
    _in_git(
        "data_v2/user_2.jsonl",
        56_905,
        "09a9a573fd4d8e275e367919c705349a1c0728f56f599b0336bb84d1e9c89160",
    ),
    _in_git(
        "data_v2/user_3.jsonl",
        35_241,
        "15e47007ff4c5cff0e15af83ab9bb81945a58c8033bb8c527a039908b786f5bf",
    ),
)


def _answered(
    name: str, suffix: str, drive: str, file: File, language: str, records: int
) -> Subset:
    return Subset(
        name,
        files=(f"instinwild_{suffix}.json",),
        fields=frozenset({"instruction", "output"}),
        downloads=(file,),
        by_hand=(
            "Upstream offers this file on Google Drive only. Open "
            f"https://drive.google.com/file/d/{drive}/view, download instinwild_{suffix}.json "
            "into a folder, and pass the folder as --data-dir. oi fetch takes a copy on the hub."
        ),
        languages=(language,),
        engine="text-davinci-003",
        license=LICENSE,
        records=records,
        format="array",
        id=name + "/{row:06d}",
    )


def _prompts(
    name: str,
    files: tuple[str, ...],
    downloads: tuple[File, ...],
    records: int | None,
    languages: tuple[str, ...],
) -> Subset:
    return Subset(
        name,
        files=files,
        fields=frozenset({"instruction"}),
        common_names=name == "v2",
        downloads=downloads,
        languages=languages,
        engine="none",
        license=LICENSE,
        records=records,
        id="{stem}/{row:06d}",
        note="Prompts without answers: every record is rejected as no_answer.",
    )


INSTRUCTIONWILD = Source(
    name="instructionwild",
    title="InstructionWild",
    description="Prompts from social media, answered by OpenAI's API, in English and Chinese.",
    homepage=_GITHUB,
    cost="$880 for both languages (as published)",
    attribution=(
        "Fuzhao Xue et al., Instruction in the Wild, 2023. For non-commercial research only."
    ),
    subsets=(
        _answered("en", "en", "1qOfrl0RIWgH2_b1rYCEVxjHF3u3Dwqay", _EN, "en", 52191),
        _answered("zh", "ch", "1OqfOUWYfrK6riE9erOx-Izp3nItfqz_K", _ZH, "zh-Hans", 51504),
        _prompts(
            "seeds",
            ("seed_prompts_en.jsonl", "seed_prompts_ch.jsonl"),
            _SEEDS,
            858,
            ("en", "zh-Hans"),
        ),
        _prompts("v2", ("data_v2/user_*.jsonl", "user_[1-4].jsonl"), _V2, None, ("en",)),
    ),
    default=("en", "zh", "seeds", "v2"),
    licenses=(
        (
            LICENSE,
            Terms(Use.NONCOMMERCIAL, "allows non-commercial research only", attribution=True),
        ),
    ),
    template="{instruction}",
    examples=(
        Example(
            {"instruction": "Name a river.", "input": "", "output": "The Nile.", "id": 0},
            ((("user", "Name a river."), ("assistant", "The Nile.")),),
            subset="en",
        ),
        Example(
            {"instruction": "Plan a picnic for six.", "instruction_type": "Generation"},
            ("no_answer",),
            subset="v2",
        ),
    ),
)


@source(INSTRUCTIONWILD)
def convert(record: Record) -> Iterator[Draft | Reject]:
    task = record.get("instruction_type")
    yield instruction_pair(record, task=task if isinstance(task, str) else None)
