"""How the records of a user's own source are read: by layouts. Apart from `own`, because commands
that read no records need no layouts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from ..layouts import tree
from ..layouts.layout import LayoutOptions
from ..layouts.recognise import convert, convert_run, known_fields
from ..preference import PreferenceDraft
from ..schema import Draft, Record, Reject
from .source import Converter

__all__ = ["converter", "known_fields", "tree_of"]

Drafted = Draft | PreferenceDraft


def converter(options: LayoutOptions, *, task: str | None, trees: bool) -> Converter:
    """The converter of an own source. With `trees`, it takes runs of records."""
    return partial(_read, _read_run if trees else convert, options, task)


def _read(
    read: Converter, options: LayoutOptions, task: str | None, given: Any
) -> Iterable[Drafted | Reject]:
    """What a layout reads from a record or a run of records, with the source's task."""
    results = read(given, options)
    if task is None:
        return results
    return [
        result if isinstance(result, Reject) or result.task else replace(result, task=task)
        for result in results
    ]


def tree_of(record: Record) -> str | None:
    """What neighbouring records of one tree have in common; None for anything else."""
    found = record.get("message_tree_id")
    is_name = isinstance(found, str | int) and not isinstance(found, bool)
    return str(found) if is_name and tree.is_row(record) else None


def _read_run(records: list[Record], options: LayoutOptions) -> Iterable[Drafted | Reject]:
    """The rows of one tree, or a single record of any layout."""
    if len(records) > 1 or tree.is_row(records[0]):
        return convert_run(records, options)
    return convert(records[0], options)
