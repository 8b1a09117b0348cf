"""Envelopes in slabs: the header and the frames that the careful reader finds, for whole files and
damaged ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.errors import InputError
from open_instructions.readers import Frame, Slab, envelopes, open_file

from .test_readers import subset

KIND = subset("envelope", items="items")


def in_slabs(path: Path, size: int, records: int) -> tuple[dict[str, Any], list[Frame], int]:
    """Header and frames of a file by way of slabs, and how many slabs there were."""
    opened, frames, many = open_file(path, None, KIND), [], 0
    for piece in opened.pieces(size, records):
        if isinstance(piece, Slab):
            many += 1
            frames += piece.frames(piece.data())
        else:
            frames.append(piece[0])
    return opened.header, frames, many


def with_care(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], list[Frame]]:
    with monkeypatch.context() as patch:
        patch.setattr(envelopes, "LONGEST", 0)
        opened = open_file(path, None, KIND)
        return opened.header, [frame for frame, _ in opened.frames()]


@pytest.mark.parametrize(("indent", "newline"), [(None, ""), (4, "\n"), ("\t", "\r\n")])
def test_an_envelope_in_slabs(tmp_path: Path, indent: Any, newline: str) -> None:
    path = tmp_path / "x.json"
    records = [{"id": f"é{n}", "items": ["x" * (n % 7), {"a": '"items": ['}]} for n in range(300)]
    file = {"type": "t", "n": {"x": [1.5, "\u2019"]}, "list": records, "behind": ["é"]}
    text = (
        json.dumps(file, indent=indent, ensure_ascii=False)
        .replace('"items"', '"Items"')
        .replace('"list"', '"items"')
    )
    path.write_bytes(text.replace("\n", newline or "\n").encode())
    header, frames, many = in_slabs(path, 2000, 1000)
    assert header == {"type": "t", "n": {"x": [1.5, "\u2019"]}, "behind": ["é"]}
    assert [f.row for f in frames] == list(range(300))
    assert [json.loads(f.text)["id"] for f in frames] == [f"é{n}" for n in range(300)]
    assert many > 5
    assert [
        p.records for p in open_file(path, None, KIND).pieces(1 << 20, 70) if isinstance(p, Slab)
    ] == [70, 70, 70, 70, 20]


def test_what_is_no_slab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    for text in (
        '{"items": [], "a": 1}',
        '{"items": [{"a": 1}], "items": [{"a": 2}]}',
        '{"items": [{"a": 1}], "it\\u0065ms": [{"a": 2}]}',
        '{"it\\u0065ms": [{"a": 2}], "items": [{"a": 1}]}',
        '{"it\\u0065ms": [{"a": 1}], "b": {"items": [{"a": 1}]}}',
        '{"items": [{"a": 1}], "items": 5}',
        '{"items": [{"a": 1}], "b": NaN}',
        '{"items": [{"a": 1}]} {"items": [{"a": 2}]}',
        '{"items": [{"a": 1}], "b": ' + "1" * 5000 + "}",
        '{"items": [{"a": 1}, {"a": "\udcff", "b": ' + "1" * 5000 + "}]}",
        (
            '{"it\\u0065ms": [], "b": [{"items": [1]}], "it\\u0065ms": [{"q": "", "x": 0, "y":'
            ' "bbbbbbbbb"}]}'
        ),
        '{"items": [{"a": 1}], "\udcff": 1}',
        '[{"items": [{"a": 1}]}]',
        "",
    ):
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        header, frames, many = in_slabs(path, 10, 10)
        assert (header, frames) == with_care(path, monkeypatch), ascii(text)
        assert not many, ascii(text)
    monkeypatch.setattr(envelopes, "_MOST_COMMAS", 3)
    path.write_text('{"items": [0, 0, 0, 0, 0]}')
    assert in_slabs(path, 10, 10)[2] == 0


PARTS = [
    '"items": [{"a": 1}]',
    '"items": [{"a": 1}, {"b": [2, "}"]} ,\n3]',
    '"items": []',
    '"a": "items"',
    '"a": {"items": [1]}',
    '"b": [1, {"c": "é"}]',
    '"it\\u0065ms": [7]',
    '"a": "\\"items\\": ["',
    '"items" : [{}]',
    '"c": NaN',
    '"d',
    "]",
    "",
    '"e": "\\ud800"',
    '"items": [{"a": "\udcff"}]',
    '"f": "\udcff"',
    '"\udcff": 1',
    '"b": [{"items": [1]}]',
]


@given(
    st.lists(st.sampled_from(PARTS), max_size=4),
    st.sampled_from([",", ", ", ",\r\n\t"]),
    st.sampled_from(["}", "", "}}", "} x", " }\n"]),
    st.integers(1, 60),
)
def test_any_envelope(parts: list[str], between: str, end: str, size: int) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder, "x.json")
        path.write_bytes(("{" + between.join(parts) + end).encode("utf-8", "surrogateescape"))
        assert _or_refused(lambda: in_slabs(path, size, 5)[:2]) == _or_refused(
            lambda: with_care(path, patch)
        )


def _or_refused(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except InputError as error:
        return error.message


def test_a_header_with_two_values_under_one_key_stops_the_build(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text in (
        '{"a": 1, "items": [{"b": 1}], "a": 2}',
        '{"a": {"c": 1, "c": 2}, "items": [{"b": 1}]}',
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=r"two values under the key '[ac]'"):
            open_file(path, None, KIND)
    path.write_text('{"a": 1, "items": [{"b": 1}], "a": 1}')
    assert open_file(path, None, KIND).header == {"a": 1}
