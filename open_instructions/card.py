"""The dataset card of a build: front matter that the hub reads, and tables that a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from .catalogue import Source
from .ledger import Ledger

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)


def card(name: str, manifest: Mapping[str, Any], ledger: Ledger, sources: Sequence[Source], languages: Sequence[str]) -> str:
    """README.md for a build. Everything in it is in the manifest or in the catalogue."""
    rows = ledger.summary()["rows"]
    front = {
        "pretty_name": f"Open Instructions: {name}",
        "license": "other",
        "license_name": "per-row",
        "license_link": "#sources-and-licences",
        "language": sorted({label.split("-")[0] for label in languages if label != "und"}),
        "task_categories": ["text-generation"],
        "size_categories": [next((label for limit, label in _SIZES if rows < limit), "100M<n<1B")],
        "tags": ["instruction-tuning", "sft", "conversational", "open-instructions"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*.parquet"}]}],
    }
    lines = ["---", yaml.safe_dump(front, sort_keys=False, allow_unicode=True).rstrip(), "---", "", f"# Open Instructions: {name}", ""]
    lines += [
        f"{rows:,} conversations, built by Open Instructions {manifest['open_instructions']} with the recipe `{manifest['recipe']['name']}`. "
        "Each row says which file and record it came from, under which licence, and which rules changed it.",
        "",
        "```python",
        "from datasets import load_dataset",
        'rows = load_dataset("PATH_OR_REPOSITORY", split="train")',
        'rows[0]["messages"]  # [{"role": "user", "content": …}, {"role": "assistant", "content": …}]',
        "```",
        "",
        "## Sources and licences",
        "",
        "| source | records read | kept | rejected | rows | licence | answers by |",
        "| --- | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    by_name = {s.name: s for s in sources}
    for source, subset in sorted(ledger.subsets()):
        s = ledger.summary(source, subset)
        described = by_name[source].subset(subset)
        read = s["records_read"] + s["records_unreadable"]
        lines.append(
            f"| {source}:{subset} | {read:,} | {s['records_kept']:,} | {s['records_rejected']:,} | {s['rows']:,} "
            f"| {described.license} | {described.engine} |"
        )
    lines += ["", "## Attribution", ""]
    lines += [f"- **{by_name[name].title}**: {by_name[name].attribution}" for name in sorted({source for source, _ in ledger.subsets()})]
    lines += [
        "",
        "Licences are what upstream states, per row in the column `license`. This is information, not legal advice.",
        "",
        "`manifest.json` has the digests of all inputs and shards, the recipe, and the books; `rejected/` has every record and turn "
        "that was refused, with the reason.",
        "",
    ]
    return "\n".join(lines)
