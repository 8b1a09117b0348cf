"""How a JSON file is laid out, decided by its content: its name and its source say only what to
expect.

A file that begins with `{` is a sequence of records, or one object: a record, or something with
records in it. The fields of the source's records decide which."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from ..catalogue import Subset
from ..errors import InputError
from .buffer import Buffer, cut_off

HEAD = 16 << 20
"""How many characters of a file are looked at for its layout."""
_LINES = 100
"""How many lines are looked at if the first record is broken."""
_BETWEEN = re.compile(r"[ \t\r\n,]*+")
_decode = json.JSONDecoder().raw_decode


class Arrangement(NamedTuple):
    """`items` is the key of the list that an envelope has."""

    kind: Literal["empty", "array", "lines", "values", "object", "envelope", "columns"]
    items: str = ""


def arrangement_of(buffer: Buffer, subset: Subset) -> Arrangement:
    """The layout of a file, from a buffer at its start, which it moves. Raises InputError for a
    file that can be read in two ways, or in none."""
    first = buffer.peek()
    if not first:
        return Arrangement("empty")
    if first == "[":
        return Arrangement("array" if subset.format != "lines" or _is_array(buffer) else "lines")
    if first != "{":
        return Arrangement("lines")
    if subset.format == "envelope":
        return Arrangement("envelope", subset.items)
    buffer.skip_space()
    return _of_object(buffer, subset)


def stands_alone(buffer: Buffer) -> bool:
    """Is the object that begins here the whole file, as far as can be read?"""
    buffer.skip_space()
    found = _first_value(buffer)
    return found is None or _behind(buffer.text, found[1]) == len(buffer.text)


def _known(subset: Subset) -> frozenset[str]:
    """The fields that its records may have."""
    return subset.fields.union(*subset.other_fields)


def _is_array(buffer: Buffer) -> bool:
    """Is a file that should be lines, but begins with `[`, an array of objects, and not a line that
    happens to be a list?"""
    line = buffer.text[buffer.at : buffer.at + 4096].lstrip().partition("\n")[0].strip()
    return line == "[" or line[1:].lstrip().startswith("{")


def _of_object(buffer: Buffer, subset: Subset) -> Arrangement:
    found = _first_value(buffer)
    if found is None:
        return _of_cut(buffer, subset)
    value, end = found
    text, start = buffer.text, buffer.at
    between = _BETWEEN.match(text, end)
    assert between
    if between.end() == len(text) and buffer.fault:  # what follows was not read
        return _records(text[start:end])
    if between.end() == len(text):
        return _alone(value, subset) or _records(text[start:end])
    behind = text[between.end()]
    if subset.format == "object" and (behind != "{" or not _known(subset) & value.keys()):
        return Arrangement("object")
    one_line = "\n" not in text[start:end]
    if one_line and ("\n" in between.group() or behind not in "{["):
        return Arrangement("lines")
    return Arrangement("values")


def _first_value(buffer: Buffer) -> tuple[dict[str, Any], int] | None:
    """The object that begins here and where it ends, with at least one character read after it.
    None if it is broken or too long."""
    while True:
        more = len(buffer.text) - buffer.at < HEAD
        try:
            value, end = _decode(buffer.text, buffer.at)
        except json.JSONDecodeError as fault:
            if more and cut_off(fault, buffer.text) and buffer.grow():
                continue
            return None
        except (RecursionError, ValueError):
            return None
        between = _BETWEEN.match(buffer.text, end)
        assert between
        if between.end() == len(buffer.text) and more and buffer.grow():
            continue
        return value, end


def _records(text: str) -> Arrangement:
    """The layout of a file that is one record."""
    return Arrangement("values" if "\n" in text else "lines")


def _of_cut(buffer: Buffer, subset: Subset) -> Arrangement:
    """The layout of a file whose first object is broken, cut off or very long."""
    found = _with_records_in_it(_seen(buffer.text, buffer.at), subset, whole=False)
    if found:
        return found
    lines = buffer.text[buffer.at :].split("\n", _LINES)
    if len(lines) > 1 and not buffer.ended:
        lines.pop()
    bare = [line.rstrip("\r \t,") for line in lines]
    if len(lines) == 1 or bare[0].endswith("}") or any(map(_is_record, bare)):
        return Arrangement("lines")
    return Arrangement("values")


def _is_record(line: str) -> bool:
    if not line.startswith("{"):  # deeper in a record lines are indented
        return False
    try:
        return _decode(line)[1] == len(line)
    except (ValueError, RecursionError):
        return False


def _seen(text: str, at: int, levels: int = 2) -> dict[str, Any]:
    """The complete members of the object that begins at `at`, and what can be seen of the one after
    them."""
    found: dict[str, Any] = {}
    at += 1
    try:
        while True:
            key, at = _decode(text, _behind(text, at))
            at = _behind(text, at)
            if not isinstance(key, str) or text[at] != ":":
                return found
            at = _behind(text, at + 1)
            try:
                found[key], at = _decode(text, at)
            except (ValueError, RecursionError):
                found[key] = _begun(text, at, levels - 1)
                return found
    except (ValueError, RecursionError, IndexError):
        return found


def _begun(text: str, at: int, levels: int) -> Any:
    """A list with only its first element, or an object with its first members; None for anything
    else."""
    if text[at : at + 1] == "{":
        if levels:
            return _seen(text, at, levels)
        return {}
    if text[at : at + 1] != "[":
        return None
    at = _behind(text, at + 1)
    try:
        return [_decode(text, at)[0]]
    except (ValueError, RecursionError):
        return [_begun(text, at, levels)]


def _behind(text: str, at: int) -> int:
    match = _BETWEEN.match(text, at)
    assert match
    return match.end()


def _alone(value: dict[str, Any], subset: Subset) -> Arrangement | None:
    """The layout of a file that is one object; None if that is a record."""
    found = _with_records_in_it(value, subset, whole=True)
    if found or not subset.fields or _known(subset) & value.keys():
        return found
    raise InputError(
        f"The file is one object ({_some(value)}), with no list of records in it.",
        hint="Use a list of records, or one record per line.",
    )


def _with_records_in_it(
    members: Mapping[str, Any], subset: Subset, *, whole: bool
) -> Arrangement | None:
    """The layout of an object with these members; None if it is just a record."""
    own = len(_known(subset) & members.keys())
    if own and _is_table(members, _known(subset), whole=whole):
        return Arrangement("columns")
    lists = lists_of_records(members, subset)
    if len(lists) > 1:
        raise several(lists)
    if lists:
        return Arrangement("envelope", lists[0])
    if subset.format == "object" and not own:
        return Arrangement("object")
    some = all if not subset.fields else any  # of an own file, a record may have objects in it
    known = [isinstance(v, dict) and bool(_known(subset) & v.keys()) for v in members.values()]
    if not own and known and some(known):
        return Arrangement("object")
    return None


def lists_of_records(members: Mapping[str, Any], subset: Subset) -> list[str]:
    """The keys of lists whose elements look more like records than the object itself does."""
    own = len(_known(subset) & members.keys())
    lists = ((key, value) for key, value in members.items() if isinstance(value, list))
    return [
        key
        for key, value in lists
        if value and isinstance(value[0], dict) and len(_known(subset) & value[0].keys()) > own
    ]


def several(lists: list[str]) -> InputError:
    return InputError(
        f"The file is one object with several lists of records ({_some(lists)}).",
        hint="Put the right one into a file of its own.",
    )


def _is_table(members: Mapping[str, Any], fields: frozenset[str], *, whole: bool) -> bool:
    """Are the values under these fields columns? Raises InputError if that cannot be told from a
    record."""
    named = [value for key, value in members.items() if key in fields]
    if all(isinstance(value, list) for value in named):
        if any(value and isinstance(value[0], dict) for value in named):
            return False  # messages, or documents: a cell is rarely an object
        if len(named) > 1 or (named[0] and isinstance(named[0][0], list)):
            return True
        if not whole or not all(isinstance(value, list) for value in members.values()):
            return False
        raise _either(members)
    if not all(isinstance(value, dict) for value in named):
        return False
    labels = [set(value) for value in named]
    if all(label.isdecimal() for label in labels[0]):
        return True
    if len(labels) > 1 and len(labels[0]) > 1 and all(found == labels[0] for found in labels):
        raise _either(members)
    return False


def _either(members: Mapping[str, Any]) -> InputError:
    return InputError(
        f"The file is one object ({_some(members)}), which may be one record or the columns of a"
        " table.",
        hint="Use a list of records, or one record per line.",
    )


def _some(keys: Mapping[str, Any] | list[str]) -> str:
    """The first of the keys, as the file has them."""
    shown = ", ".join(repr(key[:40]) for key in list(keys)[:6])
    if len(keys) > 6:
        return f"{shown}, …"
    return shown
