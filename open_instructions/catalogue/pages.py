"""A Source in words: for `oi sources NAME`, for its page in docs/, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..schema import to_json
from . import Source, Subset
from .evidence import Probe
from .published import File


def as_dict(s: Source) -> dict[str, Any]:
    """The output of `oi sources --json`."""
    return {
        "name": s.name,
        "title": s.title,
        "description": s.description,
        "homepage": s.homepage,
        "cost": s.cost,
        "attribution": s.attribution,
        "default": list(s.default),
        "first_of": s.first_of,
        "subsets": [
            {
                "name": x.name,
                "records": x.records,
                "languages": list(x.languages),
                "engine": x.engine,
                "license": x.license,
                "files": list(x.files),
                "fields": sorted(x.fields),
                "other_fields": [sorted(fields) for fields in x.other_fields],
                "telling": [sorted(fields) for fields in x.telling],
                "downloads": [
                    {
                        "name": f.name,
                        "size": f.size,
                        "sha256": list(f.sha256),
                        "places": [str(p) for p in f.places],
                    }
                    for f in x.downloads
                ],
                "by_hand": x.by_hand,
                "note": x.note,
            }
            for x in s.subsets
        ],
        "rules": [
            {"name": f"{s.name}.{r.name}", "description": r.description, "subsets": list(r.subsets)}
            for r in s.rules
        ],
    }


def as_text(s: Source) -> str:
    """For a terminal."""
    lines = [
        f"{s.name}: {s.title}",
        s.description,
        "",
        f"upstream     {s.homepage}",
        f"cost         {s.cost}",
        f"attribution  {s.attribution}",
    ]
    lines.append(f"default      {_default(s)}")
    for subset in s.subsets:
        lines += ["", f"{s.name}:{subset.name}"]
        lines += [f"  {label:<11}{value}" for label, value in _facts(subset)]
    if s.rules:
        lines += ["", "rules (a recipe switches them off under rules_off)"]
        lines += [f"  {s.name}.{r.name}  {r.description}" for r in s.rules]
    return "\n".join(lines)


def as_page(s: Source) -> str:
    """For docs/sources/NAME.md."""
    lines = [
        f"# {s.title}",
        "",
        f"`{s.name}`. {s.description}",
        "",
        f"- Upstream: {s.homepage}",
        f"- Cost: {s.cost}",
        f"- Attribution: {s.attribution}",
    ]
    lines += [f"- By default: {_default(s)}", "", "## Subsets"]
    for subset in s.subsets:
        lines += ["", f"### {s.name}:{subset.name}", ""]
        lines += [f"- {label}: {value}" for label, value in _facts(subset)]
    lines += ["", "## Known damage", ""]
    lines += [f"- `{s.name}.{r.name}`: {r.description}" for r in s.rules] or ["No rules yet."]
    lines += ["", "## Prompt", "", "```", s.template, "```", "", "## Examples", ""]
    for example in s.examples:
        lines += ["```", json.dumps(example.record, ensure_ascii=False)]
        if example.index_base is not None:
            lines.append(f"(in a file that counts from {example.index_base})")
        lines += [*map(_result, example.result), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _default(s: Source) -> str:
    if s.first_of:
        return " or ".join(s.default) + ", the first that is found"
    return ", ".join(s.default)


def _facts(subset: Subset) -> list[tuple[str, str]]:
    files = list(subset.files)
    if subset.any_name:
        files.append("or any file that its fields tell")
    facts = [
        ("records", f"{subset.records:,}" if subset.records else "unknown"),
        ("languages", ", ".join(subset.languages)),
        ("answers by", subset.engine),
        ("licence", subset.license),
        ("files", ", ".join(files)),
        ("needed", _either((subset.fields, *subset.other_fields))),
        ("told by", _either(subset.telling)),
        ("counted", _counted(subset.probe)),
        *(("from", _download(file)) for file in subset.downloads),
        ("by hand", subset.by_hand),
        ("note", subset.note),
    ]
    return [(label, value) for label, value in facts if value]


def _either(shapes: Iterable[frozenset[str]]) -> str:
    return "; or ".join(", ".join(sorted(fields)) for fields in shapes)


def _counted(probe: Probe | None) -> str:
    if probe is None:
        return ""
    return f"{probe.field} from 0 or from 1, as each file shows, or as --index-base says"


def _download(file: File) -> str:
    size = f"{file.size:,} bytes" if file.size is not None else "size not published"
    pinned = f"sha256 {', or '.join(file.sha256)}" if file.sha256 else "the first fetch records it"
    return f"{', else '.join(str(p) for p in file.places)} ({size}, {pinned})"


def _result(result: Any) -> str:
    if isinstance(result, str):
        return f"-> rejected: {result}"
    if isinstance(result, dict):
        said = [(name, m) for name, messages in result.items() for m in messages]
        return "\n".join(f"-> {name}: {role}: {to_json(text)}" for name, (role, text) in said)
    return "\n".join(f"-> {role}: {to_json(content)}" for role, content in result)
