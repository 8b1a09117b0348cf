"""Record batches of Arrow, which Parquet is read as too: a frame per row. A value that cannot be
had costs its row at most, never the file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..schema import Reason, to_json
from .frames import Frame

_NAMES = 100
"""So many names of a column's numbers are looked at, and so much of each, where a question's
options are meant."""

Labels = Mapping[str, Any]
"""The names of classes, as `datasets` writes them beside a schema: a list of names for a column of
numbers; for an object those of its members; for a list, under "", those of its items."""


def labels_of(schema: Any) -> dict[str, Any]:
    """The names of the classes in the columns of a schema."""
    members = _members(_features(schema))
    return members if isinstance(members, dict) else {}


def names_in(schema: Any, field: str) -> list[str]:
    """The names that a schema gives to the numbers in a column; none without."""
    names = _features(schema).get(field)
    names = names.get("names") if isinstance(names, dict) else None
    if isinstance(names, list):
        return [str(name)[:_NAMES] for name in names[:_NAMES]]
    return []


def _features(schema: Any) -> dict[str, Any]:
    try:
        said = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        found = said["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _members(features: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: _labels(feature) for name, feature in features.items()}
    return {name: labels for name, labels in found.items() if labels}


def _labels(feature: Any) -> Any:
    """What a feature says of classes; nothing if there are none in it."""
    if isinstance(feature, list):  # a list, as datasets wrote it before version 4
        return _of_items(feature[0]) if feature else None
    if not isinstance(feature, dict):
        return None
    kind = feature.get("_type")
    if kind == "ClassLabel":
        names = feature.get("names")
        return names if isinstance(names, list) and all(isinstance(n, str) for n in names) else None
    if kind in ("Sequence", "List", "LargeList"):
        return _of_items(feature.get("feature"))
    return _members(feature)


def _of_items(feature: Any) -> Any:
    labels = _labels(feature)
    return {"": labels} if labels else None


def _with_names(value: Any, labels: Any) -> Any:
    """A value with names in place of the numbers of classes; a number that has none stays."""
    if isinstance(labels, list):
        known = type(value) is int and 0 <= value < len(labels)
        return labels[value] if known else value
    if isinstance(value, list) and "" in labels:
        return [_with_names(item, labels[""]) for item in value]
    if isinstance(value, dict):
        return {
            key: _with_names(item, labels[key]) if key in labels else item
            for key, item in value.items()
        }
    return value


def frames_of(batch: Any, row: int, labels: Labels | None = None) -> Iterator[Frame]:
    """A frame per row, the first with number `row`; a refused one where text is not UTF-8."""
    opened = {field.name for field in batch.schema if "arrow.json" in str(field.type)}
    try:
        records = batch.to_pylist()
        if labels:
            records = [_with_names(record, labels) for record in records]
        found = [Frame(row + at, _text(record, opened)) for at, record in enumerate(records)]
    except (ValueError, OverflowError):  # UnicodeDecodeError is a ValueError
        pass
    else:
        yield from found
        return
    for at in range(batch.num_rows):
        damage: list[str] = []
        record = {name: _plain(batch.column(name)[at], damage) for name in batch.schema.names}
        record = _with_names(record, labels or {})
        if damage:
            yield Frame(row + at, to_json(record), reason=Reason.INVALID_UTF8, detail=damage[0])
        else:
            yield Frame(row + at, _text(record, opened))


def _text(record: dict[str, Any], opened: set[str]) -> str:
    """A row as JSON; columns of JSON, such as `datasets` writes from version 4.7 on, as what their
    text says."""
    if not opened:
        return to_json(record)
    members = [
        f"{to_json(name)}:{_opened(value) if name in opened else to_json(value)}"
        for name, value in record.items()
    ]
    return "{" + ",".join(members) + "}"


def _opened(value: Any) -> str:
    """The text of a value of JSON, to the letter; what is not JSON is a text."""
    if isinstance(value, list):
        return "[" + ",".join(map(_opened, value)) + "]"
    try:
        json.loads(value)
    except (ValueError, TypeError, RecursionError):
        return to_json(value)
    return str(value)


def _plain(scalar: Any, damage: list[str]) -> Any:
    """A value as Python has it, as text where Python has no form for it (a date in the year 12000,
    nanoseconds); for text that is not UTF-8 what is wrong goes to `damage`. As deep as the schema.
    """
    import pyarrow as pa

    try:
        value = scalar.as_py()
        to_json(value)
        return value
    except UnicodeDecodeError as error:
        if isinstance(scalar, pa.StringScalar | pa.LargeStringScalar | pa.StringViewScalar):
            damage.append(str(error))
            return scalar.as_buffer().to_pybytes().decode("utf-8", "backslashreplace")
    except (ValueError, OverflowError):
        pass
    if isinstance(scalar, pa.MapScalar):
        return [
            [_plain(entry["key"], damage), _plain(entry["value"], damage)]
            for entry in scalar.values
        ]
    if isinstance(scalar, pa.StructScalar):
        names = [field.name for field in scalar.type]
        values = [_plain(scalar[at], damage) for at in range(len(names))]
        if len(set(names)) == len(names):
            return dict(zip(names, values, strict=True))
        return list(zip(names, values, strict=True))
    if hasattr(scalar, "values"):  # a list of any kind
        return [_plain(item, damage) for item in scalar.values]
    if isinstance(scalar, pa.DictionaryScalar | pa.ExtensionScalar):
        return _plain(scalar.value, damage)
    return _as_text(scalar)


def _as_text(scalar: Any) -> str:
    import pyarrow as pa

    try:
        return str(scalar.cast(pa.string()).as_py())
    except (pa.ArrowException, ValueError):
        return str(getattr(scalar, "value", scalar.type))
