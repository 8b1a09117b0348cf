"""How a file of rows is written: what stands between its cells, whether cells may be quoted, and
whether its first row has names. All of it is told by the first rows, never by the file's name."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..errors import InputError

SAMPLE = 1 << 18
"""So many characters of a file show how it is written."""
_ROWS = 200
"""So many rows are compared."""
_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_WITHOUT_QUOTES = "\t|"
"""Where these stand between cells, some writers know no quotes."""
_ENOUGH = 0.5
"""The share of rows that must have as many cells as most, for a delimiter to be one."""
_LONGEST_NAME = 64
_WORDS = 5
"""More words than this are no name of a column."""
_ENDS = tuple(".?!:。？！：…")
_BEGINS = tuple("{[(<\"'")


class Dialect(NamedTuple):
    """What stands between cells; whether a cell may stand in quotes; whether a blank behind a
    delimiter belongs to it."""

    delimiter: str = ","
    quoted: bool = True
    spaced: bool = False

    def reader(self, lines: Iterable[str]) -> Any:
        """The csv module's reader of these lines, which raises csv.Error for quotes that do not
        fit."""
        csv.field_size_limit(sys.maxsize)  # of this process; rows have a limit of their own
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE,
            quotechar='"' if self.quoted else None,
            skipinitialspace=self.spaced,
            strict=True,
        )


class _Reading(NamedTuple):
    """The rows of a sample in one dialect, those that broke not among them; `share` of them have
    the number of cells that most have."""

    dialect: Dialect
    rows: list[list[str]]
    width: int
    share: float

    @property
    def rank(self) -> tuple[bool, float]:
        return self.width > 1 and self.share >= _ENOUGH, self.share


def dialect_of(lines: Sequence[str], *, whole: bool) -> tuple[Dialect, int]:
    """Of a file that begins with these lines, and ends with them where they are the `whole`; and
    how many cells most of its rows have.

    Raises InputError where two delimiters fit equally well.
    """
    quoted = [_read(lines, dialect, whole) for dialect in _dialects(lines)]
    best = max(quoted, key=lambda reading: reading.rank)
    rivals = [reading for reading in quoted if reading.rank == best.rank]
    if rivals[0].width > 1 and len({reading.dialect.delimiter for reading in rivals}) > 1:
        raise _either(rivals)
    bare = [_read(lines, Dialect(each, quoted=False), whole) for each in _WITHOUT_QUOTES]
    most = max(bare, key=lambda reading: reading.rank)
    if most.rank > best.rank and most.width > 1 and _quotes_are_text(most):
        return most.dialect, most.width
    return best.dialect, best.width


def _dialects(lines: Sequence[str]) -> Iterator[Dialect]:
    for delimiter in _DELIMITERS:
        yield Dialect(delimiter)
        if any(f'{delimiter} "' in line for line in lines):
            yield Dialect(delimiter, spaced=True)


def _read(lines: Sequence[str], dialect: Dialect, whole: bool) -> _Reading:
    rows: list[list[str]] = []
    broken = 0
    left = iter(lines)
    reader = dialect.reader(left)
    while len(rows) + broken < _ROWS:
        try:
            if row := next(reader):
                rows.append(row)
        except StopIteration:
            break
        except csv.Error as error:
            broken += whole or "end of data" not in str(error)
    if rows and not whole and next(left, None) is None:
        rows.pop()  # it may go on behind the sample
    widths = Counter(map(len, rows))
    width, often = widths.most_common(1)[0] if widths else (0, 0)
    return _Reading(dialect, rows, width, often / max(len(rows) + broken, 1))


def _quotes_are_text(reading: _Reading) -> bool:
    """Of rows that were read without regard to quotes: do most cells that begin with one not end
    with one?"""
    begun = [cell for row in reading.rows for cell in row if cell.startswith('"')]
    closed = sum(_is_quoted(cell) for cell in begun)
    return 2 * closed < len(begun)


def _is_quoted(cell: str) -> bool:
    return len(cell) > 1 and cell.endswith('"') and '"' not in cell[1:-1].replace('""', "")


def _either(rivals: Sequence[_Reading]) -> InputError:
    first, second, *_ = dict.fromkeys(_DELIMITERS[each.dialect.delimiter] for each in rivals)
    return InputError(
        f"The cells of its rows may be divided by {first} or by {second}: both fit.",
        hint="Put quotes around the cells, or use JSON Lines.",
    )


def is_header(rows: Sequence[Sequence[str]]) -> bool | None:
    """Does the first of these rows have names, and the others what they name? None where that
    cannot be told.

    >>> is_header([["prompt", "answer"], ["Name a tree.", "The oak is a tree."]])
    True
    >>> is_header([["Name a tree.", "Oak"], ["Name a fish.", "Cod"]])
    False
    """
    # here, because most commands read no table and need no layouts
    from ..layouts.recognise import known_fields

    if not rows:
        return None
    first = rows[0]
    below = [row for row in rows if row != first]  # where files were joined, it comes again
    named = [cell.strip() for cell in first]
    while named and not named[-1]:  # columns that somebody cleared
        named.pop()
    if not named or not all(named[1:]) or not all(map(_may_name, named)):
        return False
    if len(set(named)) < len(named):
        return False
    beside = sum(any(cell.strip() for cell in row[len(named) :]) for row in below)
    if 2 * beside > len(below):
        return False  # a title above the table
    columns = [_column(below, at) for at in range(len(named))]
    if any(name in cells for name, cells in zip(named, columns, strict=True) if name):
        return None
    fields = known_fields()  # evidence enough
    if any(name.casefold().replace(" ", "_") in fields for name in named):
        return True
    if any(_differs(name, cells) for name, cells in zip(named, columns, strict=True) if name):
        return True
    return None


def _column(rows: Sequence[Sequence[str]], at: int) -> list[str]:
    return [row[at].strip() for row in rows if len(row) > at and row[at].strip()]


def _may_name(cell: str) -> bool:
    """Is a text short and plain enough for the name of a column? The first may be empty: pandas
    writes its index under no name."""
    return (
        len(cell) <= _LONGEST_NAME
        and len(cell.split()) <= _WORDS
        and not cell.endswith(_ENDS)
        and not cell.startswith(_BEGINS)
        and not _is_number(cell)
        and cell.isprintable()
    )


def _is_number(cell: str) -> bool:
    digits = cell.strip(".,-+%eE ")
    return bool(digits) and digits[0].isdigit() and not cell.strip("0123456789.,-+%eE ")


def _differs(name: str, cells: Sequence[str]) -> bool:
    """Are the cells below a name other things than names: numbers, or longer by far?"""
    if not cells:
        return False
    if all(map(_is_number, cells)):
        return True
    lengths = sorted(map(len, cells))
    return lengths[len(lengths) // 2] > max(2 * len(name), 12)
