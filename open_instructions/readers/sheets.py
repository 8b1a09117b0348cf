"""The rows of .xlsx workbooks as frames: each sheet is a table with columns of its own. Cells are
text, as in a CSV file that Excel writes.

openpyxl reads them row by row. calamine is ten times faster, and makes room for all cells between
the first and the last: two of them, far apart, in a file of 5 KB take all memory.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from itertools import chain, islice
from typing import Any, NamedTuple

from ..errors import InputError
from ..limits import too_much
from ..schema import Reason
from .delimited import names_of
from .dialect import is_header
from .frames import Frame

_SAMPLE = 200
_MOST_STRINGS = 256 << 20
"""Bytes of the table of texts, which is held in memory."""
_MOST_BLANK = 1 << 20
"""A sheet of Excel has so many rows; a damaged one may say that there are more."""
_MANY_CELLS = 1 << 26
"""Beyond so many, one in a hundred has something in it: openpyxl fills rows up to their last."""
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


_Row = tuple[Any, ...] | str
"""The cells of a row; or what is wrong where a sheet breaks off."""


class _Sheet(NamedTuple):
    """The rows of a sheet that are not blank, and the names of its columns by their numbers."""

    rows: Iterator[_Row]
    names: dict[int, str]
    header: bool | None


def check_installed(path: Any) -> None:
    """Raises InputError where nothing here reads workbooks."""
    try:
        import openpyxl  # noqa: F401
    except ImportError:
        raise InputError(
            f"{path} needs the package openpyxl.", hint="pip install 'open-instructions[xlsx]'"
        ) from None


def has_header(file: Any, path: Any, said: bool | None = None) -> bool | None:
    """Do the first rows of its sheets have the names of their columns? None where that cannot be
    told of one of them, and the others have some."""
    found = {sheet.header for sheet in _sheets(file, path, said)}
    if False in found:
        return False
    return None if None in found or not found else True


def rows(file: Any, path: Any, said: bool | None = None) -> Iterator[Frame]:
    """A frame per row of each sheet, but for its header; blank rows are none. `said` is whether the
    user says that first rows are headers.

    Raises InputError where it cannot be read as a workbook.
    """
    row = 0
    for sheet in _sheets(file, path, said):
        for cells in islice(sheet.rows, bool(sheet.header), None):
            if isinstance(cells, str):
                yield Frame(row, "", reason=Reason.TRUNCATED, detail=cells)
            else:
                yield _frame(row, cells, sheet.names)
            row += 1
    if not row:
        yield Frame(0, "", reason=Reason.EMPTY_FILE, detail="no rows")


def _frame(row: int, cells: tuple[Any, ...], names: Mapping[int, str]) -> Frame:
    found = dict.fromkeys(names.values(), "")
    for at, cell in enumerate(cells):
        if text := _text(cell):
            found[names.get(at) or str(at)] = text
    if any(cell is _NO_VALUE for cell in cells):
        detail = "a formula whose value the file does not have"
        return Frame(row, _encode(found), reason=Reason.UNEXPECTED_SHAPE, detail=detail)
    return Frame(row, _encode(found))


_NO_VALUE = object()


def _sheets(file: Any, path: Any, said: bool | None) -> Iterator[_Sheet]:
    _refuse_bombs(file, path)
    with_values, with_formulas = _opened(file, path, values=True), _opened(file, path, values=False)
    for values, formulas in zip(with_values.worksheets, with_formulas.worksheets, strict=True):
        found = _rows(values, formulas)
        first = list(islice(found, _SAMPLE))
        if not first:
            continue
        whole = [list(map(_text, cells)) for cells in first if not isinstance(cells, str)]
        names, header = _columns(whole, said)
        yield _Sheet(chain(first, found), names, header)


def _columns(rows: list[list[str]], said: bool | None) -> tuple[dict[int, str], bool | None]:
    """The columns that have text in the first rows of a sheet, by their names or their numbers; and
    whether the first row has names."""
    used = sorted({at for row in rows for at, text in enumerate(row) if text.strip()})
    dense = [[row[at] if at < len(row) else "" for at in used] for row in rows]
    header = is_header(dense) if said is None else said
    if not header:
        return {at: str(at) for at in used}, header
    first = [name.strip() or str(at) for at, name in zip(used, dense[0], strict=True)]
    return dict(zip(used, names_of([first], len(used), header=True), strict=True)), header


def _refuse_bombs(file: Any, path: Any) -> None:
    """Raises InputError for a workbook that unpacks to more than data do, and for what is none."""
    try:
        file.seek(0)
        entries = zipfile.ZipFile(file).infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a workbook: {error}.",
            hint="Save it as .xlsx without a password, or as .csv.",
        ) from error
    packed = sum(entry.compress_size for entry in entries)
    wrong = too_much(packed, sum(entry.file_size for entry in entries))
    strings = sum(e.file_size for e in entries if e.filename.lower().endswith("sharedstrings.xml"))
    if strings > _MOST_STRINGS:
        wrong = f"it has {strings:,} bytes of texts, over the limit of {_MOST_STRINGS:,}"
    if wrong:
        raise InputError(f"{path} is refused: {wrong}.", hint="Save it as .csv.")


def _opened(file: Any, path: Any, *, values: bool) -> Any:
    import openpyxl

    file.seek(0)
    try:
        return openpyxl.load_workbook(file, read_only=True, data_only=values)
    except Exception as error:
        raise InputError(
            f"{path} cannot be read as a workbook: {_said(error)}.", hint="Save it again."
        ) from error


def _rows(values: Any, formulas: Any) -> Iterator[_Row]:
    """The rows that are not blank; a formula without a value is `_NO_VALUE`."""
    values.reset_dimensions()
    formulas.reset_dimensions()
    both = zip(values.iter_rows(), formulas.iter_rows(), strict=True)
    blank = cells = used = 0
    while blank <= _MOST_BLANK and (cells <= _MANY_CELLS or cells < 100 * used):
        try:
            row = tuple(map(_value, *next(both)))
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - a damaged sheet raises whatever it leads to
            yield _said(error)
            return
        filled = len(row) - row.count(None) - row.count("")
        cells, used, blank = cells + len(row), used + filled, 0 if filled else blank + 1
        if filled:
            yield row
    yield "its cells lie too far apart"


def _value(cell: Any, meant: Any) -> Any:
    if cell.value is None and meant.data_type == "f":
        return _NO_VALUE
    return cell.value


def _said(error: Exception) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__


def _text(value: Any) -> str:
    """A cell as Excel writes it into a CSV file, dates as ISO 8601 has them."""
    if value is None or value is _NO_VALUE:
        return ""
    if isinstance(value, str):
        return _ESCAPED.sub(_unescaped, value) if "_x" in value else value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _unescaped(match: re.Match[str]) -> str:
    """The character that XML has no other form for."""
    code = int(match[1], 16)
    return match[0] if 0xD800 <= code < 0xE000 else chr(code)
