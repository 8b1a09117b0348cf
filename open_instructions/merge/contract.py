"""Checks what a round returns.

A place, part or conversation number that does not exist would lose facts or drop the wrong
conversation, and the ledger would still balance. Raises ConverterError for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..arrays import booleans, flags, view, whole
from ..corpus.step import (
    CLUSTER,
    COPIES,
    DETAIL,
    EDIT,
    GROUP,
    ID,
    NUMBER,
    OTHER,
    OTHER_ID,
    PLACE,
    REASON,
    SPLIT,
    SPLITS,
    CorpusStep,
    verdict_schema,
)
from ..errors import ConverterError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

CHUNK_BITS = 32
"""A conversation's number is its chunk's number times 2**32, plus its place in the chunk."""


def check_facts(step: str, facts: Any, conversations: int) -> pa.Table:
    """Facts about a number of conversations: a table whose places are in that range."""
    found = _table(step, "facts", facts)
    if taken := {NUMBER, ID} & set(found.column_names):
        raise _broken(step, f"gives facts with the column {min(taken)}, which the merge adds")
    if PLACE in found.column_names:
        places = _whole_numbers(step, PLACE, found[PLACE])
        if len(places) and not 0 <= places.min() <= places.max() < conversations:
            raise _broken(step, f"gives facts for a place outside {conversations} conversations")
    return found


def check_parts(step: str, part: Any, facts: int, parts: int) -> np.ndarray[Any, Any]:
    """The part of each fact."""
    import numpy as np

    found = np.asarray(part)
    if found.shape != (facts,):
        raise _broken(step, f"sends {facts} facts to {found.size} parts")
    if facts and not (found.dtype.kind in "iu" and 0 <= found.min() <= found.max() < parts):
        raise _broken(step, f"sends facts to a part that is not one of {parts}")
    return found


def check_asks(step: str, asked: Any, counts: Sequence[int]) -> np.ndarray[Any, Any]:
    """The numbers of the conversations whose text is read again, sorted and unique."""
    import numpy as np

    found = np.unique(_whole_numbers(step, "asks", asked)).astype(np.int64)
    if not _known(found, counts).all():
        raise _broken(step, "asks for a conversation that does not exist")
    return found


def joined(step: str, what: str, tables: Sequence[Any]) -> pa.Table:
    """The rows of all tables, which must have the same schema."""
    import pyarrow as pa

    found = [_table(step, what, table) for table in tables]
    for table in found:
        if table.schema != found[0].schema:
            raise _broken(
                step,
                f"gives {what} with different columns: "
                f"{_columns(found[0].schema)} and {_columns(table.schema)}",
            )
    return pa.concat_tables(found)


def check_verdicts(
    step: CorpusStep, settled: Any, gone: np.ndarray[Any, Any], counts: Sequence[int]
) -> None:
    """Check a step's verdicts. `gone` holds the numbers that earlier steps dropped."""
    import numpy as np

    name = step.name
    found = _table(name, "verdicts", settled)
    if not found.schema.equals(verdict_schema()):
        raise _broken(name, f"settles {found.schema.names}, which is not a verdict")
    judged = _whole_numbers(name, NUMBER, found[NUMBER])
    drops = flags(found[REASON].is_valid())
    unknown = set(found[REASON].drop_null().unique().to_pylist())
    unknown -= {reason.value for reason in step.reasons}
    if unknown:
        raise _broken(name, f"drops for the undeclared reason {min(map(str, unknown))}")
    if flags(found[DETAIL].is_null())[drops].any():
        raise _broken(name, "drops a conversation without a detail")
    for column in (EDIT, SPLIT, GROUP, COPIES):
        if flags(found[column].is_valid())[drops].any():
            raise _broken(name, f"drops a conversation and gives it {column}")
    if len(copies := found[COPIES].drop_null()) and view(copies).min() < 1:
        raise _broken(name, "writes a conversation less than once")
    if unknown := set(found[SPLIT].drop_null().unique().to_pylist()) - set(SPLITS):
        raise _broken(name, f"has the unknown split {min(unknown)}")
    if not _known(judged, counts).all():
        raise _broken(name, "drops a conversation that does not exist")
    if (np.diff(np.sort(judged)) == 0).any() or np.isin(judged, gone).any():
        raise _broken(name, "drops a conversation twice")
    if not found[OTHER].is_null().equals(found[OTHER_ID].is_null()):
        raise _broken(name, f"gives {OTHER} without {OTHER_ID}, or the reverse")
    for column in (OTHER, CLUSTER):
        if not _known(view(found[column].drop_null()), counts).all():
            raise _broken(name, "drops a conversation for one that does not exist")
    others = view(found[OTHER].filter(booleans(drops)).drop_null())
    if len(others) and np.isin(others, np.concatenate([judged[drops], gone])).any():
        raise _broken(name, "drops a conversation for one that is dropped too")


def check_kept(groups: pa.Table, copies: pa.Table, kept: int, alone: int) -> None:
    """Check what all steps together say of conversations that stay. `groups` are the verdicts with
    a group and the index of a split, `copies` those that have copies, sorted by number; `kept` is
    the number of all conversations that stay, `alone` that of verdicts with a split and no
    group."""
    import numpy as np

    for column, table in ((GROUP, groups), (COPIES, copies)):
        if (np.diff(view(table[NUMBER])) == 0).any():
            raise _broken_together(f"give a conversation {column} twice")
    if len(groups) and len(groups) != kept:
        raise _broken_together(f"give {len(groups)} of {kept} conversations a {GROUP}")
    if alone:
        raise _broken_together(f"give a conversation a {SPLIT} without {GROUP}")
    held_out = view(groups[NUMBER])[view(groups[SPLIT]) > 0]
    several = view(copies[NUMBER])[view(copies[COPIES]) > 1]
    if np.isin(several, held_out, assume_unique=True).any():
        raise _broken_together("write a conversation twice that is not in train")
    if len(groups) and _on_both_sides(groups):
        raise _broken_together(f"put one {GROUP} into two splits")


def _on_both_sides(groups: pa.Table) -> bool:
    """Is a group in two splits?"""
    import numpy as np

    codes = view(whole(groups[GROUP]).dictionary_encode().indices)
    split = view(groups[SPLIT])
    one = np.empty(codes.max() + 1, np.int8)
    one[codes] = split
    return bool((one[codes] != split).any())


def _table(step: str, what: str, found: Any) -> pa.Table:
    import pyarrow as pa

    if not isinstance(found, pa.Table):
        raise _broken(step, f"gives a {type(found).__name__} as {what}, not a table")
    return found


def _whole_numbers(step: str, what: str, column: Any) -> np.ndarray[Any, Any]:
    import numpy as np
    import pyarrow as pa

    if not isinstance(column, pa.Array | pa.ChunkedArray):
        raise _broken(step, f"gives a {type(column).__name__} as {what}, not an array")
    if not len(column):
        return np.empty(0, np.int64)
    if not pa.types.is_integer(column.type) or column.null_count:
        raise _broken(step, f"gives values as {what} that are not whole numbers")
    return view(column)


def _known(numbers: np.ndarray[Any, Any], counts: Sequence[int]) -> np.ndarray[Any, Any]:
    """Which numbers belong to a conversation; `counts` has the size of each chunk."""
    import numpy as np

    if not len(numbers):
        return np.ones(0, bool)
    sizes = np.append(np.asarray(counts, np.int64), 0)  # for a chunk that does not exist
    chunk = np.minimum(numbers >> CHUNK_BITS, len(counts))
    place = numbers & ((1 << CHUNK_BITS) - 1)
    known: np.ndarray[Any, Any] = (numbers >= 0) & (place < sizes[chunk])
    return known


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema) or "none"


def _broken_together(what: str) -> ConverterError:
    return ConverterError(f"The steps {what}.")


def _broken(step: str, what: str) -> ConverterError:
    return ConverterError(f"Step {step} {what}.")
