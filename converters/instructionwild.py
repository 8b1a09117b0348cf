"""InstructionWild: 52,191 English and 51,504 Chinese prompts that people shared, answered by OpenAI's API.

    {"instruction": "Name a river.", "input": "", "output": "The Nile.", "id": 0}
    -> user: "Name a river."   assistant: "The Nile."

The seed prompts and everything of v2 have no answers: they are read and rejected as `no_answer`.
"""

from __future__ import annotations

from collections.abc import Iterator

from open_instructions.catalogue import Example, Source, Subset, source
from open_instructions.schema import Draft, Record, Reject
from open_instructions.shapes import instruction_pair

LICENSE = "LicenseRef-InstructionWild-noncommercial"
_GITHUB = "github: XueFuzhao/InstructionWild"


def _answered(name: str, suffix: str, language: str, records: int) -> Subset:
    return Subset(
        name,
        files=(f"instinwild_{suffix}.json",),
        fields=frozenset({"instruction", "output"}),
        places=(f"Google Drive or Baidu, linked from {_GITHUB}, data/README.md (by hand)",),
        languages=(language,),
        engine="text-davinci-003",
        license=LICENSE,
        records=records,
        format="array",
        id=name + "/{row:06d}",
    )


def _prompts(name: str, files: tuple[str, ...], folder: str, records: int | None, languages: tuple[str, ...]) -> Subset:
    return Subset(
        name,
        files=files,
        fields=frozenset({"instruction"}),
        places=(f"{_GITHUB}, {folder}",),
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
    attribution="Fuzhao Xue et al., Instruction in the Wild, 2023. For non-commercial research only.",
    subsets=(
        _answered("en", "en", "en", 52191),
        _answered("zh", "ch", "zh-Hans", 51504),
        _prompts("seeds", ("seed_prompts_en.jsonl", "seed_prompts_ch.jsonl"), "data", 858, ("en", "zh-Hans")),
        _prompts("v2", ("data_v2/user_*.jsonl", "user_[1-4].jsonl"), "data_v2", None, ("en",)),
    ),
    default=("en", "zh", "seeds", "v2"),
    template="{instruction}",
    examples=(
        Example(
            {"instruction": "Name a river.", "input": "", "output": "The Nile.", "id": 0},
            ((("user", "Name a river."), ("assistant", "The Nile.")),),
            subset="en",
        ),
        Example({"instruction": "Plan a picnic for six.", "instruction_type": "Generation"}, ("no_answer",), subset="v2"),
    ),
)


@source(INSTRUCTIONWILD)
def convert(record: Record) -> Iterator[Draft | Reject]:
    task = record.get("instruction_type")
    yield instruction_pair(record, task=task if isinstance(task, str) else None)
