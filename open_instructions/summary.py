"""Summaries: of a build (`stats`) and of the catalogue (`sources`)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .acquire.cache import Cache
from .arrays import strings
from .catalogue import Source, registry
from .ledger import Ledger
from .places import for_pyarrow
from .store import open_build
from .tables import ledger_table, plain, reasons_table
from .usage import Usage


@dataclass(frozen=True)
class Spread:
    """Lengths in tokens: total, mean, and the values under which 50, 90, 99 and 100 % of the rows lie."""

    total: int = 0
    mean: float = 0.0
    median: int = 0
    p90: int = 0
    p99: int = 0
    longest: int = 0


@dataclass(frozen=True)
class SourceStats:
    """One source, or all of them: rows, pairs of turns, tokens, languages, licences, and the books."""

    source: str
    conversations: int
    turns: int
    tokens: Spread
    languages: dict[str, int]
    licenses: dict[str, int]
    engines: dict[str, int]
    books: dict[str, int]
    rejected: dict[str, int] = field(default_factory=dict)
    edits: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Stats:
    """A build in figures. Prints as tables; `to_dict` is what `oi stats --json` writes."""

    path: Path
    recipe: str
    ledger: Ledger
    sources: dict[str, SourceStats]
    all: SourceStats
    usage: Usage
    attribution: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "recipe": self.recipe,
            "all": asdict(self.all),
            "sources": {name: asdict(s) for name, s in self.sources.items()},
            "usage": self.usage.to_dict(),
            "attribution": self.attribution,
        }

    def brief(self) -> list[tuple[str, str]]:
        """A label and a line each: what it is, how much, from where, what it may be used for, and where more is."""
        books = self.all.books
        read = books["records_read"] + books["records_unreadable"]
        counts = {name: s.conversations for name, s in self.sources.items()}
        largest = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
        return [
            ("build", f"{self.path} (recipe {self.recipe})"),
            ("rows", f"{self.all.conversations:,} with {self.all.tokens.total:,} tokens, of {read:,} records; {_few(self.all.languages)}"),
            ("sources", _few(largest)),
            ("use", self.usage.brief()),
            ("more", "oi stats --full; the rows are in data/, the rejects in rejected/"),
        ]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Headings and rows of the overview."""
        headings = ["source", "conversations", "pairs", "tokens", "mean", "median", "p99", "longest", "languages"]
        return headings, [
            [
                s.source, f"{s.conversations:,}", f"{s.turns:,}", f"{s.tokens.total:,}", f"{s.tokens.mean:,.0f}", f"{s.tokens.median:,}",
                f"{s.tokens.p99:,}", f"{s.tokens.longest:,}", _few(s.languages),
            ]
            for s in [*self.sources.values(), self.all]
        ]  # fmt: skip

    def terms(self) -> list[str]:
        """What the build may be used for, why not for more, and whom to name."""
        names = [f"Name {source}: {text}" for source, text in self.attribution.items()]
        return [self.usage.verdict(), *(f"- {reason}" for reason in self.usage.reasons()), *names]

    def __repr__(self) -> str:
        parts = [
            f"{self.path}  (recipe {self.recipe})",
            plain(*self.table()),
            plain(*ledger_table(self.ledger)),
            plain(*reasons_table(self.ledger)),
            plain(*self.usage.table()),
            "\n".join(self.terms()),
        ]
        return "\n\n".join(parts)


def stats(path: str | os.PathLike[str] | None = None) -> Stats:
    """Summarise a build; the newest one by default. Raises NotFoundError if there is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    build = open_build(path)
    columns = ["source", "subset", "num_turns", "num_tokens", "language", "license", "engine"]
    table = pa.concat_tables([pq.ParquetFile(for_pyarrow(f)).read(columns) for f in build.files()])
    names = sorted({source for source, _ in build.ledger.subsets()})
    import pyarrow.compute as pc

    each = {name: _one(table.filter(pc.equal(table["source"], strings([name])[0])), name, name, build.ledger) for name in names}
    usage = Usage()
    usage.count(table)
    every = _one(table, "all", None, build.ledger)
    named = build.manifest.get("attribution", {})
    return Stats(build.path, build.manifest["recipe"]["name"], build.ledger, each, every, usage, named)


def _one(table: Any, label: str, source: str | None, ledger: Ledger) -> SourceStats:
    rejected: Counter[str] = Counter()
    for (_, reason), count in ledger.by_name("rejected_records", source=source).items():
        rejected[reason] += count
    edits: Counter[str] = Counter()
    for (_, rule), count in ledger.by_name("edits", source=source).items():
        edits[rule] += count
    return SourceStats(
        source=label,
        conversations=table.num_rows,
        turns=sum(table["num_turns"].to_pylist()),
        tokens=_spread(table["num_tokens"]),
        languages=_counts(table["language"]),
        licenses=_counts(table["license"]),
        engines=_counts(table["engine"]),
        books=ledger.summary(source),
        rejected=dict(rejected.most_common()),
        edits=dict(edits.most_common()),
    )


def _counts(column: Any) -> dict[str, int]:
    counted = [(entry["values"], entry["counts"]) for entry in column.value_counts().to_pylist()]
    return dict(sorted(counted, key=lambda pair: (-pair[1], pair[0])))


def _spread(column: Any) -> Spread:
    lengths = sorted(column.to_pylist())
    if not lengths:
        return Spread()

    def under(share: float) -> int:
        return int(lengths[min(len(lengths) - 1, int(share * len(lengths)))])

    return Spread(sum(lengths), sum(lengths) / len(lengths), under(0.5), under(0.9), under(0.99), lengths[-1])


def _few(counts: dict[str, int], most: int = 3) -> str:
    shown = [f"{label} {count:,}" for label, count in list(counts.items())[:most]]
    return ", ".join(shown) + (f", +{len(counts) - most}" if len(counts) > most else "")


class Catalogue(tuple[Source, ...]):
    """The known sources; prints as a table, iterates as Source objects."""

    def table(self) -> tuple[list[str], list[list[str]]]:
        headings = ["source", "default", "records", "size", "here", "languages", "answers by", "licence"]
        cache = Cache()
        return headings, [list(row) for s in self for row in _lines(s, cache)]

    def __repr__(self) -> str:
        return plain(*self.table())


def _lines(s: Source, cache: Cache) -> Iterator[tuple[str, ...]]:
    for subset in s.subsets:
        records = f"{subset.records:,}" if subset.records else "?"
        chosen = ("first found" if s.first_of else "yes") if subset.name in s.default else ""
        sizes = [f.size for f in subset.downloads]
        known = sum(n for n in sizes if n)
        size = f"{known / 1e6:,.1f} MB" if sizes and all(sizes) else "?"
        here = "cached" if cache.complete(s, subset) else "" if subset.downloads else "by hand"
        yield f"{s.name}:{subset.name}", chosen, records, size, here, ", ".join(subset.languages), subset.engine, subset.license


def sources() -> Catalogue:
    """The catalogue: every source that is built in or installed.

    >>> [s.name for s in sources()][:3]
    ['alpaca', 'dolly', 'gpt4all']
    """
    return Catalogue(registry().all())
