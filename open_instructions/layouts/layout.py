"""What a layout is: a shape that records of many sets have, known by its fields, and a pure
function that reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ..preference import PreferenceDraft
from ..schema import Draft, Record, Reject

AUTO = "auto"
"""The name that stands for the layout that a record shows."""

Result = Iterable[Draft | PreferenceDraft | Reject]


@dataclass(frozen=True)
class LayoutOptions:
    """How a user wants the records of a source read.

    layout    the name of a layout; "auto" recognises it, record by record
    fields    pairs of a canonical name and where its value is: a field, a path like `a.b`, or a
              constant in single quotes. A mapped field stands for the canonical one, whose own
              value, if there is one, goes into the metadata
    roles     pairs of upstream's role and ours
    html      whether the assistant's texts are HTML
    paths     of a tree: the best path by rank, or all
    pairs     of n rated answers: the best against the worst, the best against each other one, or
              all pairs
    unpaired  what becomes of single answers with a label: a reject, or for good ones a
              conversation
    """

    layout: str = AUTO
    fields: tuple[tuple[str, str], ...] = ()
    roles: tuple[tuple[str, str], ...] = ()
    html: bool = False
    paths: Literal["best", "all"] = "best"
    pairs: Literal["best_worst", "best_each", "all"] = "best_worst"
    unpaired: Literal["reject", "chosen"] = "reject"


class LayoutExample(NamedTuple):
    """A raw record, what is read from it, and the options that it takes.

    `result` holds, per conversation, a tuple of (role, content) pairs; per preference row a dict
    with such tuples under prompt, chosen and rejected; per reject its reason.
    """

    record: Record
    result: tuple[Any, ...]
    options: LayoutOptions = LayoutOptions()


@dataclass(frozen=True)
class Layout:
    """A layout.

    name      what `--layout` calls it
    title     what it is, in a line
    aliases   canonical fields and the names that they have in files, the usual one first
    fits      whether a record has this shape, by its fields and their types alone
    read      the drafts and rejects of a record that fits; each record gives at least one
    examples  for the documentation and the test that runs them
    """

    name: str
    title: str
    aliases: Mapping[str, tuple[str, ...]]
    fits: Callable[[Record, LayoutOptions], bool]
    read: Callable[[Record, LayoutOptions], Result]
    examples: tuple[LayoutExample, ...] = field(default=())
