"""Summaries: of a build (`stats`) and of the catalogue (`sources`)."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..arrays import strings
from ..catalogue import Source, registry
from ..errors import counted
from ..inputs.cache import Cache
from ..ledger import Ledger
from ..rights.rows import PAIR_COLUMNS, Usage, as_counted
from ..store import PREFERENCE, Build, open_build
from .overlap import overlap_table
from .shares import in_words, shares_table
from .tables import Table, as_html, ledger_table, paragraphs, plain, reasons_table, safe

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Spread:
    """Lengths in tokens: total, mean, and the 50th, 90th, 99th and 100th percentile of the rows."""

    total: int = 0
    mean: float = 0.0
    median: int = 0
    p90: int = 0
    p99: int = 0
    longest: int = 0


@dataclass(frozen=True)
class SourceStats:
    """One source, or all of them: rows, turns, tokens, languages, licences, counts. Languages,
    licences and engines are those of all rows; turns and `tokens` those of conversations.
    `preferences` are the rows of preference/, with `preference_tokens` in all."""

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
    preferences: int = 0
    preference_tokens: int = 0


@dataclass(frozen=True)
class Stats:
    """A build in figures, all splits together; `splits` has the rows of each. Prints as tables;
    `to_dict` is the output of `oi stats --json`."""

    path: Path
    recipe: str
    ledger: Ledger
    sources: dict[str, SourceStats]
    all: SourceStats
    usage: Usage
    attribution: dict[str, str]
    splits: dict[str, int]
    steps: dict[str, dict[str, Any]]

    @property
    def overlap(self) -> Table | None:
        """What was found of evaluation sets; None for a build without any."""
        return overlap_table(self.steps)

    def to_dict(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "recipe": self.recipe,
            "splits": self.splits,
            "steps": self.steps,
            "all": asdict(self.all),
            "sources": {name: asdict(s) for name, s in self.sources.items()},
            "usage": self.usage.to_dict(),
            "attribution": self.attribution,
            **({"steps": self.steps} if self.steps else {}),
        }

    def brief(self) -> list[tuple[str, str]]:
        """Labelled lines: the build's name, size, sources, permitted uses, and where to find
        more."""
        books = self.all.books
        read = books["records_read"] + books["records_unreadable"]
        counts = {name: s.conversations + s.preferences for name, s in self.sources.items()}
        largest = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
        rows, *others = self._rows()
        return [
            ("build", f"{self.path} (recipe {self.recipe})"),
            ("rows", f"{rows}, of {read:,} records; {_few(self.all.languages)}"),
            *(("and", f"{other}, in {PREFERENCE}/") for other in others),
            *([("splits", _few(self.splits))] if len(self.splits) > 1 else ()),
            *([("mix", said)] if (said := in_words(self.steps)) else ()),
            ("sources", _few(largest)),
            ("use", self.usage.brief()),
            ("more", "oi stats --full; the rows are in data/, the rejects in rejected/"),
        ]

    def _rows(self) -> list[str]:
        """How many rows of each kind there are, with how many tokens."""
        found = self.all
        talks = f"{found.conversations:,} with {found.tokens.total:,} tokens"
        if not found.preferences:
            return [talks]
        named = counted(found.preferences, "preference row")
        pairs = f"{named} with {found.preference_tokens:,} tokens"
        return [talks, pairs] if found.conversations else [pairs]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Headings and rows of the overview. It has preference rows if there are any."""
        headings, rows = self._talks()
        if self.all.preferences:
            headings = [*headings, "preference rows", "their tokens"]
            for row, s in zip(rows, [*self.sources.values(), self.all], strict=True):
                row += [f"{s.preferences:,}", f"{s.preference_tokens:,}"]
        return headings, rows

    def _talks(self) -> tuple[list[str], list[list[str]]]:
        headings = [
            "source",
            "conversations",
            "pairs",
            "tokens",
            "mean",
            "median",
            "p99",
            "longest",
            "languages",
        ]
        return headings, [
            [
                s.source,
                f"{s.conversations:,}",
                f"{s.turns:,}",
                f"{s.tokens.total:,}",
                f"{s.tokens.mean:,.0f}",
                f"{s.tokens.median:,}",
                f"{s.tokens.p99:,}",
                f"{s.tokens.longest:,}",
                _few(s.languages),
            ]
            for s in [*self.sources.values(), self.all]
        ]

    def terms(self) -> list[str]:
        """The permitted uses of the build, what restricts them, and whom to credit."""
        names = [f"Name {source}: {text}" for source, text in self.attribution.items()]
        return [self.usage.verdict(), *(f"- {reason}" for reason in self.usage.reasons()), *names]

    def __repr__(self) -> str:
        parts = [
            f"{self.path}  (recipe {self.recipe})",
            plain(*self.table()),
            plain(*ledger_table(self.ledger)),
            plain(*reasons_table(self.ledger)),
            *([plain(*self.overlap)] if self.overlap else []),
            *([plain(*mix)] if (mix := shares_table(self.steps))[1] else ()),
            plain(*self.usage.table()),
            "\n".join(self.terms()),
        ]
        return safe("\n\n".join(parts))

    def _repr_html_(self) -> str:
        parts = [
            paragraphs([f"{self.path}  (recipe {self.recipe})"]),
            as_html(*self.table()),
            as_html(*ledger_table(self.ledger), title="Ledger"),
            as_html(*reasons_table(self.ledger), title="Rejected"),
            *([as_html(*self.overlap, title="Evaluation sets")] if self.overlap else []),
            *([as_html(*mix, title="Mix")] if (mix := shares_table(self.steps))[1] else ()),
            as_html(*self.usage.table(), title="What it may be used for"),
            paragraphs(self.terms()),
        ]
        return "".join(parts)

    def to_pandas(self) -> DataFrame:
        """One row per source: conversations, turns, tokens and their spread, and the ledger's
        counts (records_read and so on)."""
        from pandas import DataFrame

        rows = [
            {
                "source": s.source,
                "conversations": s.conversations,
                "pairs": s.turns,
                "tokens": s.tokens.total,
                "preferences": s.preferences,
            }
            | {
                f"tokens_{name}": value
                for name, value in asdict(s.tokens).items()
                if name != "total"
            }
            | s.books
            for s in self.sources.values()
        ]
        return DataFrame(rows)


def stats(path: str | os.PathLike[str] | None = None) -> Stats:
    """Summarise a build; the newest one by default. Raises NotFoundError if there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    build = open_build(path)
    columns = ["source", "subset", "num_turns", "num_tokens", "language", "license", "engine"]
    names = sorted({source for source, _ in build.ledger.subsets()})
    sums = {name: _Sums() for name in names}
    usage = Usage()
    for batch in build.batches(columns=columns, rows=_TOGETHER):
        table = pa.Table.from_batches([batch])
        usage.count(table)
        for name in pc.unique(table["source"]).to_pylist():
            if name in sums:
                sums[name].count(table.filter(pc.equal(table["source"], strings([name])[0])))
        sums.setdefault("", _Sums()).count(table)
    _count_pairs(build, sums, usage)
    every = _one(sums.pop("", _Sums()), "all", None, build.ledger)
    each = {name: _one(sums[name], name, name, build.ledger) for name in names}
    said = build.manifest
    return Stats(
        build.path,
        said.recipe_name,
        said.ledger,
        each,
        every,
        usage,
        dict(said.attribution),
        said.splits(),
        {name: dict(report) for name, report in said.steps.items()},
    )


def _count_pairs(build: Build, sums: dict[str, _Sums], usage: Usage) -> None:
    """Count the rows of preference/, of each source and in all."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = ["source", "subset", "language", "license", *PAIR_COLUMNS]
    for batch in build.batches(PREFERENCE, columns, rows=_TOGETHER):
        table = as_counted(pa.Table.from_batches([batch]))
        usage.count(table)
        for name in pc.unique(table["source"]).to_pylist():
            own = table.filter(pc.equal(table["source"], strings([name])[0]))
            sums.setdefault(name, _Sums()).count_pairs(own)
        sums.setdefault("", _Sums()).count_pairs(table)


_TOGETHER = 1 << 16
"""The number of rows in memory at a time."""


class _Sums:
    """How often each value occurs in a column. Rows are not kept, however many there are."""

    def __init__(self) -> None:
        self.rows = self.turns = self.pairs = self.pair_tokens = 0
        self.counts: dict[str, Counter[Any]] = {
            name: Counter() for name in ("num_tokens", "language", "license", "engine")
        }

    def count(self, table: Any) -> None:
        import pyarrow.compute as pc

        self.rows += table.num_rows
        self.turns += pc.sum(table["num_turns"]).as_py() or 0
        self._count(table, tuple(self.counts))

    def count_pairs(self, table: Any) -> None:
        import pyarrow.compute as pc

        self.pairs += table.num_rows
        self.pair_tokens += pc.sum(table["num_tokens"]).as_py() or 0
        self._count(table, ("language", "license", "engine"))

    def _count(self, table: Any, columns: Sequence[str]) -> None:
        for name in columns:
            for entry in table[name].value_counts().to_pylist():
                self.counts[name][entry["values"]] += entry["counts"]


def _one(sums: _Sums, label: str, source: str | None, ledger: Ledger) -> SourceStats:
    rejected: Counter[str] = Counter()
    for (_, reason), count in ledger.by_name("rejected_records", source=source).items():
        rejected[reason] += count
    edits: Counter[str] = Counter()
    for (_, rule), count in ledger.by_name("edits", source=source).items():
        edits[rule] += count
    return SourceStats(
        source=label,
        conversations=sums.rows,
        turns=sums.turns,
        tokens=_spread(sums.counts["num_tokens"]),
        languages=_most_first(sums.counts["language"]),
        licenses=_most_first(sums.counts["license"]),
        engines=_most_first(sums.counts["engine"]),
        books=ledger.summary(source),
        rejected=dict(rejected.most_common()),
        edits=dict(edits.most_common()),
        preferences=sums.pairs,
        preference_tokens=sums.pair_tokens,
    )


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _spread(lengths: Counter[int]) -> Spread:
    rows = lengths.total()
    if not rows:
        return Spread()
    ordered = sorted(lengths)
    behind = list(accumulate(lengths[length] for length in ordered))

    def under(share: float) -> int:
        return ordered[bisect_right(behind, min(rows - 1, int(share * rows)))]

    total = sum(length * count for length, count in lengths.items())
    return Spread(total, total / rows, under(0.5), under(0.9), under(0.99), ordered[-1])


def _few(counts: dict[str, int], most: int = 3) -> str:
    shown = [f"{label} {count:,}" for label, count in list(counts.items())[:most]]
    return ", ".join(shown) + (f", +{len(counts) - most}" if len(counts) > most else "")


class Catalogue(tuple[Source, ...]):
    """The known sources; prints as a table, iterates as Source objects."""

    def table(self) -> tuple[list[str], list[list[str]]]:
        headings = [
            "source",
            "default",
            "records",
            "size",
            "here",
            "languages",
            "answers by",
            "licence",
        ]
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
        yield (
            f"{s.name}:{subset.name}",
            chosen,
            records,
            size,
            here,
            ", ".join(subset.languages),
            subset.engine,
            subset.license,
        )


def sources() -> Catalogue:
    """The catalogue: every built-in or installed source.

    >>> [s.name for s in sources()][:3]
    ['alpaca', 'dolly', 'gpt4all']
    """
    return Catalogue(registry().all())
