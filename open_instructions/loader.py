"""Read a build back as a `datasets` object."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .catalogue import suggest
from .columns import DATA_COLUMNS, data_schema
from .errors import UsageError
from .places import for_pyarrow, place
from .stages.language import LABELS, matches
from .store import open_build

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset


def load(
    path: str | os.PathLike[str] | None = None,
    sources: str | Iterable[str] | None = None,
    languages: str | Iterable[str] | None = None,
    columns: str | Iterable[str] | None = None,
    streaming: bool = False,
) -> Dataset | IterableDataset:
    """The rows of a build, with the right features.

    `path` is the build's folder (the newest one by default). `sources` (with `gpt4llm:zh` for a subset) and `languages`
    (BCP 47; `zh` takes zh-Hans and zh-Hant) keep some rows, `columns` some columns. `streaming` returns an
    IterableDataset that holds one batch of rows at a time.

    Raises NotFoundError without a build there, UsageError for a column, source or language that the build has not.

    >>> import open_instructions as oi                                               # doctest: +SKIP
    >>> oi.load(sources="dolly", columns=["messages"])[0]["messages"][0]["role"]     # doctest: +SKIP
    'user'
    """
    from datasets import Dataset, Features, IterableDataset, disable_progress_bars

    build = open_build(path)
    kept = _listed(columns) or list(DATA_COLUMNS)
    for name in kept:
        if name not in DATA_COLUMNS:
            raise UsageError(f"There is no column {name!r}.", hint=suggest(name, DATA_COLUMNS, "Columns are"))
    present = {f"{source}:{subset}" for source, subset in build.ledger.subsets()}
    wanted = _listed(sources)
    for name in wanted:
        if not any(name in (p, p.partition(":")[0]) for p in present):
            raise UsageError(f"This build has no source {name!r}.", hint=suggest(name, sorted(present), "It has"))
    labels = _listed(languages)
    for label in labels:
        if label not in LABELS:
            raise UsageError(f"There is no language {label!r}.", hint=suggest(label, LABELS, "Languages are"))
    features = Features.from_arrow_schema(data_schema())
    files = [str(f) for f in build.files()]

    def fits(source: list[str], subset: list[str], language: list[str]) -> list[bool]:
        return [
            (not wanted or s in wanted or f"{s}:{p}" in wanted) and (not labels or matches(x, labels))
            for s, p, x in zip(source, subset, language, strict=True)
        ]

    if streaming:
        rows: Any = IterableDataset.from_generator(_stream, gen_kwargs={"files": files}, features=features)
        if wanted or labels:
            rows = rows.filter(fits, batched=True, input_columns=["source", "subset", "language"])
        return rows.select_columns(kept)
    import pyarrow as pa
    import pyarrow.parquet as pq

    disable_progress_bars()
    need = list(dict.fromkeys([*kept, "source", "subset", "language"])) if wanted or labels else kept
    tables = []
    for file in files:
        table = pq.read_table(for_pyarrow(place(file)), columns=need)
        if wanted or labels:
            mask = fits(*(table[name].to_pylist() for name in ("source", "subset", "language")))
            table = table.filter(pa.array(mask, pa.bool_()))
        tables.append(table.select(kept).replace_schema_metadata(None))
    return Dataset(pa.concat_tables(tables), info=_info(Features({name: features[name] for name in kept})))


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
    return [item.strip() for item in (value.split(",") if isinstance(value, str) else value) if item.strip()]
