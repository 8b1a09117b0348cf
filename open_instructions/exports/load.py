"""Read a build back: its rows as a `datasets` object, its rejects as a pandas frame."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..arrays import strings
from ..errors import UsageError, suggest
from ..schema import Reason
from ..stages.language import LABELS
from ..store import DATA, PREFERENCE, REJECTED, Build, Shard, open_build
from ..store.columns import REJECTED_COLUMNS, rejected_schema
from ..store.forms import FULL_NEEDS, is_full_schema, text_batch, text_schema
from ..store.names import TRAIN

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset, IterableDataset
    from pandas import DataFrame

_STREAMED = 1024
"""The number of rows that a stream holds as Python objects."""


def load(
    path: str | os.PathLike[str] | None = None,
    sources: str | Iterable[str] | None = None,
    languages: str | Iterable[str] | None = None,
    columns: str | Iterable[str] | None = None,
    streaming: bool = False,
    kind: str | None = None,
    split: str = TRAIN,
    json_text: bool = False,
) -> Dataset | IterableDataset:
    """Load the rows of a build, with the right features.

    `path` is the build's folder (the newest by default). `sources` (with `gpt4llm:zh` for a subset)
    and `languages` (BCP 47; `zh` takes zh-Hans and zh-Hant) select rows, `columns` selects columns.
    `streaming` returns an IterableDataset that holds one batch of rows at a time. `kind` is data or
    preference; None loads data, or preference if the build has no other rows. `split` is train,
    validation or test. In a build with tools, messages and tools are columns of JSON; `json_text`
    gives each as one text, which every version of `datasets` reads and json.loads() opens.

    Raises NotFoundError if there is no build, UsageError for a kind, split, column, source or
    language that the build does not have.

    >>> import open_instructions as oi                                              # doctest: +SKIP
    >>> oi.load(sources="dolly", columns=["messages"])[0]["messages"][0]["role"]    # doctest: +SKIP
    'user'
    """
    from datasets import Dataset, IterableDataset, disable_progress_bars

    build = open_build(path)
    kind = _kind(build, kind)
    _check_split(build, kind, split)
    stored = build.schema(kind)
    given = text_schema(stored) if json_text and is_full_schema(stored) else stored
    kept = _known(columns, "column", given.names) or given.names
    wanted = _sources(build, sources)
    labels = _known(languages, "language", LABELS)
    features = _features(given, kept)
    if streaming:
        asked = {"kind": kind, "columns": kept, "sources": wanted, "languages": labels}
        # a DataLoader's workers divide this list among themselves
        shards = list(build.shards(kind, split))
        about = {"build": build, "asked": asked, "text": given is not stored, "shards": shards}
        stream: IterableDataset = IterableDataset.from_generator(
            _stream, gen_kwargs=about, features=features
        )
        return stream
    import pyarrow as pa

    disable_progress_bars()
    batches = list(build.batches(kind, kept, split=split, sources=wanted, languages=labels))
    if given is not stored:
        batches = list(map(text_batch, batches))
    schema = pa.schema([given.field(name) for name in kept])
    table = pa.Table.from_batches(
        [batch.replace_schema_metadata(None) for batch in batches], schema
    )
    return Dataset(table, info=_info(features))


def rejected(
    path: str | os.PathLike[str] | None = None,
    sources: str | Iterable[str] | None = None,
    reasons: str | Iterable[str] | None = None,
    columns: str | Iterable[str] | None = None,
) -> DataFrame:
    """What a build rejected: the reason and the raw text of each record and message, as a pandas
    DataFrame.

    `path` is the build's folder (the newest by default). `sources` (with `gpt4llm:zh` for a subset)
    and `reasons` (as in the column `reason`) select rows, `columns` selects columns.

    Raises NotFoundError if there is no build, UsageError for an unknown column, source or reason.

    >>> import open_instructions as oi                                              # doctest: +SKIP
    >>> oi.rejected(sources="alpaca", reasons="no_answer")["raw"]                   # doctest: +SKIP
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    build = open_build(path)
    kept = _known(columns, "column", REJECTED_COLUMNS) or list(REJECTED_COLUMNS)
    wanted = _sources(build, sources)
    why = _known(reasons, "reason", [str(reason) for reason in Reason])
    need = list(dict.fromkeys([*kept, "reason"]))
    tables = [rejected_schema().empty_table().select(kept)]
    for batch in build.batches(REJECTED, need, sources=wanted):
        table = pa.Table.from_batches([batch])
        if why:
            table = table.filter(pc.is_in(table["reason"], value_set=strings(why)))
        tables.append(table.select(kept))
    return pa.concat_tables([table.replace_schema_metadata(None) for table in tables]).to_pandas()


def _kind(build: Build, given: str | None) -> str:
    """The table to load. Raises UsageError for one that the build does not have."""
    if given is None:
        return build.default
    _known([given], "kind", (DATA, PREFERENCE))
    if not build.manifest.of(given):
        raise UsageError(f"This build has no {given} rows.", hint="Its rows are in data/.")
    return given


def _check_split(build: Build, kind: str, split: str) -> None:
    """Raises UsageError for a split that the build does not have."""
    there = list(dict.fromkeys(shard.split for shard in build.manifest.of(kind)))
    if split not in there and split != TRAIN:
        raise UsageError(
            f"This build has no split {split!r} in {kind}/.", hint=suggest(split, there, "It has")
        )


def _known(given: str | Iterable[str] | None, what: str, names: Sequence[str]) -> list[str]:
    """The names that the user gave. Raises UsageError for an unknown one."""
    listed = _listed(given)
    for name in listed:
        if name not in names:
            raise UsageError(
                f"There is no {what} {name!r}.",
                hint=suggest(name, names, f"{what.capitalize()}s are"),
            )
    return listed


def _sources(build: Build, given: str | Iterable[str] | None) -> list[str]:
    """The sources and subsets that the user gave. Raises UsageError for one that the build does not
    have."""
    present = sorted({f"{source}:{subset}" for source, subset in build.ledger.subsets()})
    wanted = _listed(given)
    for name in wanted:
        if not any(name in (p, p.partition(":")[0]) for p in present):
            raise UsageError(
                f"This build has no source {name!r}.", hint=suggest(name, present, "It has")
            )
    return wanted


def _features(schema: pa.Schema, kept: Sequence[str]) -> Any:
    """The features of some columns. Raises UsageError where `datasets` is too old for them."""
    import datasets

    if is_full_schema(schema) and not hasattr(datasets, "Json"):
        raise UsageError(
            f"This build has tools, which datasets {datasets.__version__} cannot read.",
            hint=(
                f'pip install -U "datasets>={FULL_NEEDS}" installs one that can; '
                "load(json_text=True) gives messages and tools as JSON text."
            ),
        )
    features = datasets.Features.from_arrow_schema(schema)
    return datasets.Features({name: features[name] for name in kept})


def _info(features: Any) -> Any:
    from datasets import DatasetInfo

    return DatasetInfo(features=features)


def _stream(
    build: Build, asked: dict[str, Any], text: bool, shards: list[Shard]
) -> Iterator[dict[str, Any]]:
    for batch in build.batches(only=shards, rows=_STREAMED, **asked):
        yield from (text_batch(batch) if text else batch).to_pylist()


def _listed(value: str | Iterable[str] | None) -> list[str]:
    if value is None:
        return []
    return [
        item.strip()
        for item in (value.split(",") if isinstance(value, str) else value)
        if item.strip()
    ]
