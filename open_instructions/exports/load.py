"""Read a build back: its rows as a `datasets` object, what it rejected as a pandas frame."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import UsageError, suggest
from ..paths import for_pyarrow, place
from ..schema import Reason
from ..stages.language import LABELS, matches
from ..store import REJECTED, Build, open_build
from ..store.columns import DATA_COLUMNS, REJECTED_COLUMNS, data_schema, rejected_schema

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset
    from pandas import DataFrame


def load(
    path: str | os.PathLike[str] | None = None,
    sources: str | Iterable[str] | None = None,
    languages: str | Iterable[str] | None = None,
    columns: str | Iterable[str] | None = None,
    streaming: bool = False,
) -> Dataset | IterableDataset:
    """The rows of a build, with the right features.

    `path` is the build's folder (the newest one by default). `sources` (with `gpt4llm:zh` for a
    subset) and `languages` (BCP 47; `zh` takes zh-Hans and zh-Hant) keep some rows, `columns` some
    columns. `streaming` returns an IterableDataset that holds one batch of rows at a time.

    Raises NotFoundError without a build there, UsageError for a column, source or language that the
    build has not.

    >>> import open_instructions as oi                                               # doctest: +SKIP
    >>> oi.load(sources="dolly", columns=["messages"])[0]["messages"][0]["role"]     # doctest: +SKIP
    'user'
    """
    from datasets import Dataset, Features, IterableDataset, disable_progress_bars

    build = open_build(path)
    kept = _known(columns, "column", DATA_COLUMNS) or list(DATA_COLUMNS)
    wanted = _sources(build, sources)
    labels = _known(languages, "language", LABELS)
    features = Features.from_arrow_schema(data_schema())
    files = [str(f) for f in build.files()]

    def fits(source: list[str], subset: list[str], language: list[str]) -> list[bool]:
        return [
            _is_of(wanted, s, p) and (not labels or matches(x, labels))
            for s, p, x in zip(source, subset, language, strict=True)
        ]

    if streaming:
        rows: Any = IterableDataset.from_generator(
            _stream, gen_kwargs={"files": files}, features=features
        )
        if wanted or labels:
            rows = rows.filter(fits, batched=True, input_columns=["source", "subset", "language"])
        return rows.select_columns(kept)
    import pyarrow as pa
    import pyarrow.parquet as pq

    disable_progress_bars()
    need = (
        list(dict.fromkeys([*kept, "source", "subset", "language"])) if wanted or labels else kept
    )
    tables = []
    for file in files:
        table = pq.read_table(for_pyarrow(place(file)), columns=need)
        if wanted or labels:
            mask = fits(*(table[name].to_pylist() for name in ("source", "subset", "language")))
            table = table.filter(pa.array(mask, pa.bool_()))
        tables.append(table.select(kept).replace_schema_metadata(None))
    return Dataset(
        pa.concat_tables(tables), info=_info(Features({name: features[name] for name in kept}))
    )


def rejected(
    path: str | os.PathLike[str] | None = None,
    sources: str | Iterable[str] | None = None,
    reasons: str | Iterable[str] | None = None,
    columns: str | Iterable[str] | None = None,
) -> DataFrame:
    """What a build rejected, with the reason and the raw text of each record and message, as a
    pandas DataFrame.

    `path` is the build's folder (the newest one by default). `sources` (with `gpt4llm:zh` for a
    subset) and `reasons` (as in the column `reason`) keep some rows, `columns` some columns.

    Raises NotFoundError without a build there, UsageError for a column, source or reason that there
    is none of.

    >>> import open_instructions as oi                                               # doctest: +SKIP
    >>> oi.rejected(sources="alpaca", reasons="no_answer")["raw"]                    # doctest: +SKIP
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    build = open_build(path)
    kept = _known(columns, "column", REJECTED_COLUMNS) or list(REJECTED_COLUMNS)
    wanted = _sources(build, sources)
    why = _known(reasons, "reason", [str(reason) for reason in Reason])
    tables = [rejected_schema().empty_table().select(kept)]
    for file in build.files(REJECTED):
        parquet = pq.ParquetFile(for_pyarrow(file))
        for batch in parquet.iter_batches(
            columns=list(dict.fromkeys([*kept, "source", "subset", "reason"]))
        ):
            described = zip(
                *(batch[name].to_pylist() for name in ("source", "subset", "reason")), strict=True
            )
            mask = [
                _is_of(wanted, source, subset) and (not why or reason in why)
                for source, subset, reason in described
            ]
            tables.append(pa.table(batch.filter(pa.array(mask, pa.bool_()))).select(kept))
    return pa.concat_tables([table.replace_schema_metadata(None) for table in tables]).to_pandas()


def _known(given: str | Iterable[str] | None, what: str, names: Sequence[str]) -> list[str]:
    """The names that a user gave. Raises UsageError for one that there is not."""
    listed = _listed(given)
    for name in listed:
        if name not in names:
            raise UsageError(
                f"There is no {what} {name!r}.",
                hint=suggest(name, names, f"{what.capitalize()}s are"),
            )
    return listed


def _sources(build: Build, given: str | Iterable[str] | None) -> list[str]:
    """The sources and subsets that a user gave. Raises UsageError for one that the build does not
    have."""
    present = sorted({f"{source}:{subset}" for source, subset in build.ledger.subsets()})
    wanted = _listed(given)
    for name in wanted:
        if not any(name in (p, p.partition(":")[0]) for p in present):
            raise UsageError(
                f"This build has no source {name!r}.", hint=suggest(name, present, "It has")
            )
    return wanted


def _is_of(wanted: Sequence[str], source: str, subset: str) -> bool:
    return not wanted or source in wanted or f"{source}:{subset}" in wanted


def _info(features: Any) -> Any:
    from datasets import DatasetInfo

    return DatasetInfo(features=features)


def _stream(files: list[str]) -> Iterable[dict[str, Any]]:
    import pyarrow.parquet as pq

    for file in files:
        for batch in pq.ParquetFile(for_pyarrow(place(file))).iter_batches(1024):
            yield from batch.to_pylist()


def _listed(value: str | Iterable[str] | None) -> list[str]:
    if value is None:
        return []
    return [
        item.strip()
        for item in (value.split(",") if isinstance(value, str) else value)
        if item.strip()
    ]
