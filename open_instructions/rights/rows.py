"""What the rows of a build stand under, counted from the rows: licence and engine per source, and
what that allows as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

from ..arrays import strings, view
from ..catalogue import Use
from .terms import engine_terms, license_terms, narrowest, use_of

HEADINGS = ["source", "licence", "answers by", "rows", "tokens", "may be used"]


_BRIEF = {
    Use.ANY: "any purpose, as upstream states; the licences have conditions",
    Use.NONCOMMERCIAL: "non-commercial only: some rows exclude commercial use",
    Use.UNCLEAR: "research only: the rights in some rows are unclear or disputed",
}


_BOTH = " + "
"""Between the two engines of a preference row."""


PAIR_COLUMNS = (
    "chosen_engine",
    "rejected_engine",
    "prompt_tokens",
    "chosen_tokens",
    "rejected_tokens",
)


def as_counted(table: Any) -> Any:
    """Rows of preference/ with the columns that are counted: both engines, and all tokens."""
    import pyarrow.compute as pc

    chosen, rejected, *tokens = (table[name] for name in PAIR_COLUMNS)
    both = zip(chosen.to_pylist(), rejected.to_pylist(), strict=True)
    engines = strings([_BOTH.join(sorted({*pair})) for pair in both])
    left = [name for name in table.column_names if name not in PAIR_COLUMNS]
    total = pc.add(pc.add(tokens[0], tokens[1]), tokens[2])
    return table.select(left).append_column("engine", engines).append_column("num_tokens", total)


class Key(NamedTuple):
    source: str
    subset: str
    license: str
    engine: str

    @property
    def use(self) -> Use:
        """By both engines, where a preference row has two."""
        return narrowest([use_of(self.license, name) for name in self.engines])

    @property
    def engines(self) -> list[str]:
        return self.engine.split(_BOTH)


@dataclass
class Usage:
    """Rows and tokens by source, subset, licence and engine; adds up with `+`."""

    counts: dict[Key, tuple[int, int]] = field(default_factory=dict)

    def count(self, table: Any) -> None:
        """Count the rows of a table that has the columns of data/."""
        import numpy as np

        # Arrow's own group_by would import pandas
        group = np.zeros(table.num_rows, np.int64)
        for name in Key._fields:
            column = table[name].dictionary_encode()
            for at, chunk in zip(
                accumulate(map(len, column.chunks), initial=0), column.chunks, strict=False
            ):
                group[at : at + len(chunk)] = group[at : at + len(chunk)] * len(
                    chunk.dictionary
                ) + view(chunk.indices)
        _, firsts, members, rows = np.unique(
            group, return_index=True, return_inverse=True, return_counts=True
        )
        tokens = np.zeros(len(rows), np.int64)
        np.add.at(tokens, members, view(table["num_tokens"]))
        for first, *counts in zip(firsts.tolist(), rows.tolist(), tokens.tolist(), strict=True):
            self._add(Key(*(table[name][first].as_py() for name in Key._fields)), *counts)

    def __add__(self, other: Usage) -> Usage:
        both = Usage(dict(self.counts))
        for key, (rows, tokens) in other.counts.items():
            both._add(key, rows, tokens)
        return both

    def _add(self, key: Key, rows: int, tokens: int) -> None:
        before = self.counts.get(key, (0, 0))
        self.counts[key] = before[0] + rows, before[1] + tokens

    @property
    def use(self) -> Use:
        """What the mix as a whole may be used for: what the narrowest of its rows allows."""
        return narrowest([key.use for key in self.counts])

    def verdict(self) -> str:
        """That in words."""
        uses = {key.use for key in self.counts}
        if self.use == Use.ANY:
            said = (
                "As upstream states, this mix as a whole may be used for any purpose, including "
                "commercially."
            )
        elif self.use == Use.NONCOMMERCIAL:
            said = (
                "Some of these rows exclude commercial use or developing models: as a whole, "
                "this mix is for non-commercial use only."
            )
        else:
            others = (
                ", and others exclude commercial use or developing models"
                if Use.NONCOMMERCIAL in uses
                else ""
            )
            said = (
                f"The rights in some of these rows are unclear or disputed{others}: as a whole, "
                "use this mix for research only."
            )
        return said + self._conditions()

    def brief(self) -> str:
        """That in a line."""
        return _BRIEF[self.use]

    def _conditions(self) -> str:
        terms = [license_terms(key.license) for key in self.counts]
        said = " The authors must be named." if any(t.attribution for t in terms) else ""
        return said + (
            " Some parts may be passed on only under their own licence (share-alike)."
            if any(t.share_alike for t in terms)
            else ""
        )

    def reasons(self) -> list[str]:
        """Per source, licence and engine: why not everything is allowed."""
        found = []
        for key in sorted(self.counts):
            why = []
            license = license_terms(key.license)
            if license.use != Use.ANY:
                why.append(f"{key.license}: {license.why}")
            for name in key.engines:
                if (engine := engine_terms(name)).use != Use.ANY:
                    why.append(f"answers by {name}: {engine.why}")
            if why:
                found.append(
                    f"{key.source}:{key.subset}, {self.counts[key][0]:,} rows: {'; '.join(why)}"
                )
        return found

    def sources(self) -> list[str]:
        """Whose rows they are."""
        return sorted({key.source for key in self.counts})

    def restricted(self) -> int:
        """Rows that may not be used for everything."""
        return sum(rows for key, (rows, _) in self.counts.items() if key.use != Use.ANY)

    def table(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [f"{k.source}:{k.subset}", k.license, k.engine, f"{n:,}", f"{t:,}", str(k.use)]
            for k, (n, t) in sorted(self.counts.items())
        ]
        return HEADINGS, rows

    def to_dict(self) -> dict[str, Any]:
        groups = [
            k._asdict() | {"rows": n, "tokens": t, "use": str(k.use)}
            for k, (n, t) in sorted(self.counts.items())
        ]
        return {
            "use": str(self.use),
            "verdict": self.verdict(),
            "reasons": self.reasons(),
            "groups": groups,
        }
