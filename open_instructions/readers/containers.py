"""What kind of file a name stands for. How a JSON file is arranged, its content tells."""

from __future__ import annotations

from typing import Literal

from .streams import plain_name

Container = Literal["json", "parquet", "delimited", "arrow", "xlsx"]

ENDINGS: dict[str, Container] = {
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".xlsx": "xlsx",
    ".csv": "delimited",
    ".tsv": "delimited",
}


def container_of(name: str) -> Container:
    """What a file of this name holds, whatever is wrapped around it.

    >>> container_of("day.csv.gz"), container_of("day.json")
    ('delimited', 'json')
    """
    ending = plain_name(name).lower().rpartition(".")[2]
    return ENDINGS.get(f".{ending}", "json")
