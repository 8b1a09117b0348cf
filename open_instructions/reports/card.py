"""The dataset card of a build: front matter for the hub, tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ..catalogue import Source
from ..errors import counted
from ..paths import shown
from ..rights.rows import HEADINGS, Usage
from ..store import DATA, FILES, PREFERENCE, REJECTED, Manifest
from ..store.forms import FULL_NEEDS
from ..store.names import TRAIN
from .overlap import overlap_table
from .shares import in_words, shares_table

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)


_TAGS = ("instruction-tuning", "sft", "conversational", "open-instructions")
_HUB_LICENSES = (
    "apache-2.0",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "mit",
)
"""The hub's names for the licences of the sources."""


_FULL = (
    "A message has `role` and `content`, and where they apply `reasoning_content`, `tool_calls`, "
    "`tool_call_id`, `name` and `weight`; the column `tools` has the definitions of the tools that "
    "a conversation may call, or null. Both columns are JSON: `load_dataset` needs datasets "
    f"{FULL_NEEDS} or later, and gives Python objects.",
    "",
)
"""What the card says of messages in the full form."""


def _license(usage: Usage) -> dict[str, str]:
    """The licence that the hub shows: the licence of all rows if they share one, else a link to the
    licence page."""
    names = {key.license.lower() for key in usage.counts}
    if len(names) == 1 and (only := names.pop()) in _HUB_LICENSES:
        return {"license": only}
    return {"license": "other", "license_name": "per-row", "license_link": "LICENSE.md"}


def _cell(text: str) -> str:
    """A licence, engine or set may be what a record says: no link, tag or column of its own."""
    return shown(text).translate(_MARKUP)


_MARKUP = {ord(sign): f"\\{sign}" for sign in "\\|<[`*"}


def _terms(usage: Usage) -> list[str]:
    return [
        "## What it may be used for",
        "",
        usage.verdict(),
        "",
        *(f"- {shown(reason)}." for reason in usage.reasons()),
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "| --- | --- | --- | ---: | ---: | --- |",
        *("| " + " | ".join(map(_cell, row)) + " |" for row in usage.table()[1]),
        "",
        "Derived from each row's licence, as upstream states it, and from the terms of whoever "
        "made the model that wrote its answers. This is information, not legal advice.",
    ]


def license_page(manifest: Manifest, usage: Usage) -> str:
    """LICENSE.md for a build: the terms of its rows, and whom to name."""
    lines = [
        f"# Licences of Open Instructions: {manifest.recipe_name}",
        "",
        "Each row has its own licence, in the column `license`.",
        "",
    ]
    lines += [
        *_terms(usage),
        "",
        "## Attribution",
        "",
        *(f"- {source}: {text}" for source, text in manifest.attribution.items()),
    ]
    return "\n".join(lines) + "\n"


def _configs(manifest: Manifest) -> list[dict[str, Any]]:
    """The configurations of `load_dataset`, its second argument: the rows without a name,
    `rejected` and `files` only if they have rows, because it cannot load an empty table."""
    tables = {shard.kind for shard in manifest.shards if shard.rows}
    files = {
        "default": _of_splits(manifest, DATA),
        PREFERENCE: _of_splits(manifest, PREFERENCE),
        REJECTED: [{"split": TRAIN, "path": f"{REJECTED}/*.parquet"}],
        FILES: [{"split": TRAIN, "path": f"{FILES}/*.parquet"}],
    }
    if PREFERENCE in tables and DATA not in tables:
        files["default"] = [dict(each) for each in files[PREFERENCE]]  # YAML would use an alias
    there = [name for name in files if name == "default" or name in tables]
    return [{"config_name": name, "data_files": files[name]} for name in there]


def _of_splits(manifest: Manifest, kind: str) -> list[dict[str, str]]:
    """The files of each split that has rows; those of train if none has."""
    splits = dict.fromkeys(shard.split for shard in manifest.of(kind) if shard.rows)
    return [{"split": name, "path": f"{kind}/{name}-*.parquet"} for name in splits or (TRAIN,)]


SPLITS_HEADING, MIX_HEADING, SOURCES_HEADING = "## Splits", "## Mix", "## Sources"


def tables(manifest: Manifest) -> dict[str, list[str]]:
    """The tables of a card by their headings. Those without rows are empty."""
    return {
        SPLITS_HEADING: _splits_table(manifest),
        MIX_HEADING: _mix_table(manifest),
        SOURCES_HEADING: _sources_table(manifest),
    }


def _splits(manifest: Manifest) -> list[str]:
    """How many rows each split has; nothing where all are train."""
    if not (table := _splits_table(manifest)):
        return []
    says = "No `group_id` is in two of them: what belongs together is on one side."
    return [SPLITS_HEADING, "", says, "", *table, ""]


def _splits_table(manifest: Manifest) -> list[str]:
    splits = manifest.splits()
    if len(splits) == 1:
        return []
    kinds = [kind for kind in (DATA, PREFERENCE) if manifest.of(kind)]
    lines = [
        "| split | " + " | ".join(f"rows of {kind}/" for kind in kinds) + " |",
        "| --- |" + " ---: |" * len(kinds),
    ]
    for split in splits:
        counts = [sum(shard.rows for shard in manifest.of(kind, split)) for kind in kinds]
        lines.append(f"| {split} | " + " | ".join(f"{count:,}" for count in counts) + " |")
    return lines


def _sources_table(manifest: Manifest) -> list[str]:
    ledger = manifest.ledger
    lines = [
        "| source | records read | kept | rejected | rows |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for source, subset in sorted(ledger.subsets()):
        s = ledger.summary(source, subset)
        read = s["records_read"] + s["records_unreadable"]
        counts = (read, s["records_kept"], s["records_rejected"], s["rows"])
        cells = " | ".join(f"{count:,}" for count in counts)
        lines.append(f"| {source}:{subset} | {cells} |")
    return lines


def _ways(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """How to load the other tables, as code."""
    says = {
        PREFERENCE: "a prompt, and two answers of which one is preferred",
        REJECTED: "what was rejected, and why",
        FILES: "what input files say once for all their records",
    }
    names = [config["config_name"] for config in configs if config["config_name"] in says]
    return [
        f'load_dataset("PATH_OR_REPOSITORY", "{name}", split="train")  # {says[name]}'
        for name in names
    ]


def _kinds(summary: Mapping[str, int]) -> str:
    """How many rows of each kind there are."""
    pairs = summary.get("preference_rows", 0)
    talks = summary["rows"] - pairs
    said = [f"{talks:,} conversations"] if talks or not pairs else []
    return " and ".join([*said, *([counted(pairs, "preference row")] if pairs else [])])


def _mix(manifest: Manifest) -> list[str]:
    """What each set gave to the mix; nothing without one."""
    if not (table := _mix_table(manifest)):
        return []
    return [MIX_HEADING, "", f"{in_words(manifest.steps)}.", "", *table, ""]


def _mix_table(manifest: Manifest) -> list[str]:
    headings, rows = shares_table(manifest.steps)
    if not rows:
        return []
    return [
        "| " + " | ".join(headings) + " |",
        "| --- |" + " ---: |" * (len(headings) - 1),
        *("| " + " | ".join(map(_cell, row)) + " |" for row in rows),
    ]


_SHOWN = {
    DATA: '"messages"]  # [{"role": "user", "content": …}, {"role": "assistant", "content": …}]',
    PREFERENCE: '"chosen"]  # [{"role": "assistant", "content": …}], as "rejected"; and "prompt"',
}
"""The first row's messages, as code."""


def _overlap(manifest: Manifest) -> list[str]:
    """What was found of evaluation sets, and what became of it."""
    table = overlap_table(manifest.steps)
    if table is None:
        return []
    headings, rows = table
    return [
        "",
        "## Evaluation sets",
        "",
        "Conversations that have an item of these sets. Those that are counted as dropped are in "
        "`rejected/` as `contaminated`, with the item, the place and the share of its words as "
        "evidence; those that are counted as marked are rows with `contaminated_passage` in "
        "`edits`. Paraphrases and translations are not found. The last two columns are what two "
        "other rules would find: half of an item in 8-grams, and any 13-gram.",
        "",
        "| " + " | ".join(headings) + " |",
        "| --- |" + " ---: |" * (len(headings) - 1),
        *("| " + " | ".join(map(_cell, row)) + " |" for row in rows),
    ]


def card(
    manifest: Manifest,
    sources: Sequence[Source],
    languages: Sequence[str],
    usage: Usage,
    full: bool = False,
) -> str:
    """README.md for a build. All of it comes from the manifest or the catalogue. `full` is the form
    of its messages."""
    lines = [
        *_front(manifest, languages, usage),
        *_introduction(manifest, full),
        *_splits(manifest),
        *_mix(manifest),
        *_terms(usage),
        *_sources(manifest),
        *_overlap(manifest),
        *_attribution(manifest, sources),
        "`manifest.json` has the digests of all inputs and shards, the recipe, and the ledger; "
        "`oi.lock` says where to get each input again; `rejected/` has every record and message "
        "that was rejected, with the reason.",
        "",
    ]
    return "\n".join(lines)


def _front(manifest: Manifest, languages: Sequence[str], usage: Usage) -> list[str]:
    """The front matter, which the hub reads."""
    summary = manifest.ledger.summary()
    rows, pairs = summary["rows"], summary.get("preference_rows", 0)
    front = {
        "pretty_name": f"Open Instructions: {manifest.recipe_name}",
        **_license(usage),
        "language": sorted({label.split("-")[0] for label in languages if label != "und"}),
        "task_categories": ["text-generation"],
        "size_categories": [next((label for limit, label in _SIZES if rows < limit), "100M<n<1B")],
        "tags": [*_TAGS, *["preference"] * bool(pairs)],
        "configs": _configs(manifest),
    }
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True).rstrip()
    return ["---", text, "---", ""]


def _introduction(manifest: Manifest, full: bool) -> list[str]:
    name, summary = manifest.recipe_name, manifest.ledger.summary()
    rows, pairs = summary["rows"], summary.get("preference_rows", 0)
    return [
        f"# Open Instructions: {name}",
        "",
        f"{_kinds(summary)}, built by Open Instructions {manifest.open_instructions} with "
        f"the recipe `{name}`. Each row says which file and record it came from, under which "
        "licence, and which rules changed it.",
        "",
        "```python",
        "from datasets import load_dataset",
        'rows = load_dataset("PATH_OR_REPOSITORY", split="train")',
        f"rows[0][{_SHOWN[PREFERENCE if pairs == rows and pairs else DATA]}",
        *_ways(_configs(manifest)),
        "```",
        "",
        *(_FULL if full else ()),
    ]


def _sources(manifest: Manifest) -> list[str]:
    """The counts of each subset, and where upstream published other ones."""
    lines = [
        "",
        SOURCES_HEADING,
        "",
        *_sources_table(manifest),
    ]
    for other in manifest.counts:
        said = f"{other.published:,} records were published, and {other.found:,} found."
        lines += ["", f"{other.name}: {said}"]
    return lines


def _attribution(manifest: Manifest, sources: Sequence[Source]) -> list[str]:
    titles = {s.name: s.title for s in sources}
    named = [
        f"- **{titles.get(name, name)}**: {text}" for name, text in manifest.attribution.items()
    ]
    return ["", "## Attribution", "", *named, ""]
