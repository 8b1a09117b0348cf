"""The rows of CSV and TSV files as frames. A row with quotes that do not fit, or with another
number of cells than the first, is refused with its text; nothing is shifted.

The csv module reads the rows: it keeps what stands in quotes to the letter, and with `strict` it
says where quotes do not fit. What it does not say is whether the next line then stands in quotes
or not. Both readings are followed until one of them breaks; what lies before is refused.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..errors import InputError, shown
from ..schema import Reason
from .dialect import SAMPLE, Dialect, dialect_of, is_header
from .frames import Frame
from .streams import ByteStream

LONGEST = 16 << 20
"""Characters of a row that goes over several lines; beyond them a quote was not closed."""
_MOST_COLUMNS = 1 << 14
_BLOCK = 1 << 18
_AGREE = 16
"""So many rows in a row with the right number of cells are rows, and not lines in quotes."""
_QUOTES = re.compile('"+')
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ENDS = ("\n", "\r")


class Form(NamedTuple):
    """How a file of rows is written: its dialect, the names of its columns, and whether the first
    row has them, None where that cannot be told."""

    dialect: Dialect
    names: tuple[str, ...]
    header: bool | None


def form_of(stream: ByteStream, said: bool | None = None) -> Form:
    """From a stream at the start of the file; `said` is what the user says of the first row.

    Raises InputError where two delimiters fit equally well, two columns have one name, or there are
    more columns than any table of records has.
    """
    text, sample, most = _text(stream), "", SAMPLE
    while True:
        sample += text.read(most - len(sample))
        whole = len(sample) < most
        lines = list(io.StringIO(sample, newline=""))
        dialect, width = dialect_of(lines, whole=whole)
        found = [row for row in _rows(_Lines(iter(lines)), dialect, width) if isinstance(row, list)]
        if not whole and found:
            found.pop()  # it may go on behind the sample
        if whole or len(found) > 1 or most >= LONGEST:
            break
        most *= 2
    if width > _MOST_COLUMNS:
        raise InputError(f"The file is a table of {width:,} columns.", hint="Leave some out.")
    header = is_header(found) if said is None else said
    return Form(dialect, names_of(found, width, header=bool(header)), header)


def names_of(rows: Sequence[Sequence[str]], width: int, *, header: bool) -> tuple[str, ...]:
    """The names of the columns: those in the first row, or their numbers from 0. A column without
    a name has its number."""
    if not header or not rows:
        return tuple(map(str, range(width)))
    names = [name.strip() or str(at) for at, name in enumerate(rows[0])]
    name, often = Counter(names).most_common(1)[0]
    if often > 1:
        wrong = f"Two columns have the name {shown(name)}."
        raise InputError(wrong, hint="Rename one of them.")
    return tuple(names)


class _Refused(NamedTuple):
    """Lines that are no row, and why."""

    text: str
    reason: Reason
    detail: str


def rows(stream: ByteStream, form: Form) -> Iterator[Frame]:
    """A frame per row below the header, from a stream at the start of the file; a refused one for
    what is no row."""
    lines = _Lines(_text(stream))
    names = None
    refused = None
    row = 0
    for found in _rows(lines, form.dialect, len(form.names)):
        if isinstance(found, list) and form.header and names is None:
            names = found
            continue
        text = ""
        if isinstance(found, _Refused):
            refused = found
        else:
            text = _encode(dict(zip(form.names, found, strict=False)))
            refused = _why_refused(found, names, text, lines, form)
        if stream.fault and not lines.taken[-1].endswith(_ENDS):
            refused = _Refused(_bare(lines.taken), Reason.TRUNCATED, stream.fault)
        if refused:
            yield Frame(row, refused.text, reason=refused.reason, detail=refused.detail)
        else:
            yield Frame(row, text)
        row += 1
    if stream.fault and not (refused and refused.reason is Reason.TRUNCATED):
        yield Frame(row, "", reason=Reason.TRUNCATED, detail=stream.fault)
    elif not row:
        yield Frame(0, "", reason=Reason.EMPTY_FILE, detail="no rows")


def _why_refused(
    cells: list[str], names: list[str] | None, text: str, lines: _Lines, form: Form
) -> _Refused | None:
    """Why a row is no record, with its lines as they stand in the file; None where it is one."""
    if cells == names:
        return _Refused(_bare(lines.taken), Reason.UNEXPECTED_SHAPE, "the header once more")
    if len(cells) != len(form.names):
        others = "the header has" if form.header else "most rows have"
        detail = f"{len(cells):,} cells, where {others} {len(form.names):,}"
        return _Refused(_bare(lines.taken), Reason.UNEXPECTED_SHAPE, detail)
    if "\\u0000" in text and any("\0" in cell for cell in cells):
        return _Refused(text, Reason.INVALID_UTF8, "a NUL, which no text has")
    return None


def _rows(lines: _Lines, dialect: Dialect, width: int) -> Iterator[list[str] | _Refused]:
    """The cells of each row, whose lines are then in `lines.taken`; of what the csv module cannot
    read, the lines up to where a row certainly begins."""
    reader = dialect.reader(lines)
    while True:
        lines.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLong) as error:
            yield _broken(str(error), lines, dialect, width)
            continue
        if len(cells) > 1 or _bare(lines.taken).strip():  # else a blank line
            yield cells


def _broken(error: str, lines: _Lines, dialect: Dialect, width: int) -> _Refused:
    if "end of data" in error:
        return _Refused(_bare(lines.taken), Reason.TRUNCATED, "the file ends inside quotes")
    first, *others = lines.taken
    lines.back(others)
    refused = [first]
    while (found := _Doubt(dialect, width).settle(lines)) is None:
        refused += lines.taken
    lines.taken[:] = refused + found
    return _Refused(_bare(lines.taken), Reason.UNEXPECTED_SHAPE, f"broken quotes: {error}")


def _bare(lines: Sequence[str]) -> str:
    return "".join(lines).rstrip("\r\n")


class _Doubt:
    """Two readings of the lines to come: they begin a row, or go on in quotes. `outside` and
    `inside` are whether the next line is in quotes in either of them, None where that has broken.
    """

    def __init__(self, dialect: Dialect, width: int) -> None:
        self._dialect, self._width = dialect, width
        self.outside: bool | None = False
        self.inside: bool | None = True
        self._row: list[str] = []
        self._agreed = 0

    def settle(self, lines: _Lines) -> list[str] | None:
        """Those that belong to the row before; they are taken, what comes behind them is not. None
        where neither reading holds."""
        lines.taken.clear()
        size = 0
        for line in lines.each():
            size += len(line)
            self._follow(line)
            if size > LONGEST:
                self.inside = None
            if self.outside is None and not self.inside:
                return None if self.inside is None else list(lines.taken)
            if self.outside is not None and (self.inside is None or self._is_sure):
                lines.back(lines.taken)
                return []
        if self.outside is False and self._agreed:
            lines.back(lines.taken)  # in quotes the file would end in them, a second fault
            return []
        return list(lines.taken)

    @property
    def _is_sure(self) -> bool:
        return self._agreed >= _AGREE and self._width > 1

    def _follow(self, line: str) -> None:
        dialect = self._dialect
        if self.inside is not None:
            self.inside = _in_quotes(line, self.inside, dialect)
        if self.outside is None:
            return
        self._row.append(line)
        self.outside = _in_quotes(line, self.outside, dialect)
        if self.outside is False and line.strip():
            cells = next(dialect.reader(self._row))
            self._row = []
            self._agreed += 1
            if len(cells) != self._width:
                self.outside = None


def _in_quotes(line: str, inside: bool, dialect: Dialect) -> bool | None:
    """Does a line end in quotes, if it begins in them or does not? None where a quote stands in it
    that neither begins a cell nor ends one."""
    at = 0
    while True:
        if not inside:
            at = line.find('"', at)
            if at < 0:
                return False
            if not _begins_cell(line, at, dialect):
                return None
            at += 1
        quotes = _QUOTES.search(line, at)
        if quotes is None:
            return True
        at = quotes.end()
        inside = not len(quotes.group()) % 2
        if not inside and line[at : at + 1] not in (dialect.delimiter, "\r", "\n", ""):
            return None


def _begins_cell(line: str, at: int, dialect: Dialect) -> bool:
    if not dialect.spaced:
        return not at or line[at - 1] == dialect.delimiter
    begin = line.rfind(dialect.delimiter, 0, at) + 1
    return begin == at or line[begin:at].isspace()


class _TooLong(Exception):
    """A row that goes over more lines than rows do."""


class _Lines:
    """The lines of a text, with their ends. `taken` are those since somebody last cleared it."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text, self._again = text, deque[str]()
        self.taken: list[str] = []
        self._size = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._text)
        taken = self.taken
        taken.append(line)
        if len(taken) > 1:
            self._size += len(line)
            if self._size > LONGEST:
                raise _TooLong(f"a row of more than {LONGEST:,} characters")
        else:
            self._size = len(line)
        return line

    def each(self) -> Iterator[str]:
        """One after the other, however long they are together."""
        while self._again:
            self.taken.append(self._again.popleft())
            yield self.taken[-1]
        for line in self._text:
            self.taken.append(line)
            yield line

    def back(self, lines: Sequence[str]) -> None:
        """Have these come next."""
        self._again.extendleft(reversed(lines))


class _Raw(io.RawIOBase):
    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        data = self._stream.read(len(target))
        target[: len(data)] = data
        return len(data)


def _text(stream: ByteStream) -> io.TextIOWrapper:
    """The text of a stream; bytes that are not UTF-8 are surrogate escapes, as everywhere."""
    raw = io.BufferedReader(_Raw(stream), _BLOCK)
    return io.TextIOWrapper(raw, "utf-8-sig", "surrogateescape", newline="")
