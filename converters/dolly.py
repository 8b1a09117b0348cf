"""Dolly: 15,011 English instructions and answers written by Databricks employees.

{"instruction": "What is it made of?", "context": "Glass is made of sand.",
 "response": "Sand.", "category": "closed_qa"}
-> user: "What is it made of?\\n\\nGlass is made of sand."   assistant: "Sand."   task: "closed_qa"
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from open_instructions.catalogue import Example, File, Hub, Rule, Source, Subset, source
from open_instructions.layouts.fields import instruction_pair
from open_instructions.schema import Draft, Record, Reject

_MARK = re.compile(
    r"(?:(?<=[.,;:!?])|(?<=[.!?][\"'”’)]))(?:\[\d{1,3}\])+(?=\s|$)|\[(?:citation needed|page"
    r" needed|nb \d+|Note \d+|T \d+)\]"
)


def drop_citation_marks(record: Record) -> Record:
    changed = {
        key: _MARK.sub("", record[key])
        for key in ("context", "response")
        if isinstance(record.get(key), str) and "[" in record[key] and _MARK.search(record[key])
    }
    if changed:
        return {**record, **changed}
    return record


_FILE = "databricks-dolly-15k.jsonl"

DOLLY = Source(
    name="dolly",
    title="databricks-dolly-15k",
    description=(
        "Instructions and answers by more than 5,000 Databricks employees; no model wrote answers."
    ),
    homepage="hub: databricks/databricks-dolly-15k",
    cost="not published",
    attribution="(c) 2023 Databricks, Inc. CC BY-SA 3.0. Contains text of Wikipedia, CC BY-SA 3.0.",
    subsets=(
        Subset(
            "main",
            files=(_FILE,),
            fields=frozenset({"instruction", "response"}),
            telling=(frozenset({"instruction", "context", "response", "category"}),),
            downloads=(
                File(
                    _FILE,
                    (
                        Hub(
                            "databricks/databricks-dolly-15k",
                            _FILE,
                            "bdd27f4d94b9c1f951818a7da7fd7aeea5dbff1a",
                        ),
                    ),
                    13_085_339,
                    ("2df9083338b4abd6bceb5635764dab5d833b393b55759dffb0959b6fcbf794ec",),
                ),
            ),
            languages=("en",),
            engine="human",
            license="CC-BY-SA-3.0",
            records=15011,
            id="{stem}/{row:06d}",
            any_name=True,
            note="The release of April 2023 (15,015 records, with citation marks) can be read too.",
        ),
    ),
    default=("main",),
    rules=(
        Rule(
            "citation_marks",
            "Wikipedia's marks ([3] after punctuation, [citation needed]) are removed from "
            "context and response.",
            drop_citation_marks,
        ),
    ),
    template="{instruction}\n\n{context}",
    examples=(
        Example(
            {
                "instruction": "What is it made of?",
                "context": "Glass is made of sand.[3]",
                "response": "Sand.",
                "category": "closed_qa",
            },
            ((("user", "What is it made of?\n\nGlass is made of sand."), ("assistant", "Sand.")),),
        ),
        Example(
            {
                "instruction": "How is pain said?",
                "context": "",
                "response": "[pɛ̃], and row[0] is code.",
                "category": "open_qa",
            },
            ((("user", "How is pain said?"), ("assistant", "[pɛ̃], and row[0] is code.")),),
        ),
        Example(
            {"instruction": "Say more.", "context": "", "response": " ", "category": "open_qa"},
            ("no_answer",),
        ),
    ),
)


@source(DOLLY)
def convert(record: Record) -> Iterator[Draft | Reject]:
    category = record.get("category")
    task = category if isinstance(category, str) else None
    used = ("category",) if task else ()
    yield instruction_pair(
        record, prompt=("instruction", "context"), answer="response", task=task, used=used
    )
