"""What a record says: what Python's own parser makes of its text, whichever parser reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.readers import Frame, frames, parse
from open_instructions.schema import Reason, Reject

_TEXTS = st.text(st.characters(codec=None) | st.sampled_from('"\\/\n\t\x00\x7f\ud83d\ude00\u2028é'))
_NUMBERS = (
    st.integers()
    | st.floats()
    | st.integers(-(10**30), 10**30)
    | st.sampled_from([-0.0, 5e-324, 2**64, -(2**63) - 1])
)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=8,
)
_SNIPPETS = [
    "-0",
    "1e400",
    "1E+5",
    "01",
    "1.",
    "-",
    "NaN",
    "-Infinity",
    "\\ud800",
    '"\\uDC00\\uD83D"',
    "\\x",
    ",",
    "}",
    "{}",
    '"a":1,',
    " ",
    "\x0b",
    "\ufeff",
]


@given(
    st.dictionaries(_TEXTS, _VALUES, max_size=4),
    st.booleans(),
    st.sampled_from(["", *_SNIPPETS]),
    st.data(),
)
def test_a_record_is_what_pythons_parser_makes_of_it(
    record: dict[str, Any], ascii: bool, snippet: str, data: st.DataObject
) -> None:
    text = json.dumps(record, ensure_ascii=ascii)
    at = data.draw(st.integers(0, len(text)))
    text = text[:at] + snippet + text[at:]
    if not ascii and any("\ud800" <= c <= "\udfff" for c in text):
        return  # of bytes that are no UTF-8, see above
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None
    found = parse(Frame(0, text))
    if isinstance(expected, dict):
        assert repr(found) == repr(expected)
    else:
        assert isinstance(found, Reject)


def test_where_too_deep_begins() -> None:
    for opening, closing in (("[", "]"), ('{"b":', "}")):
        text = [
            '{"a": ' + opening * n + "0" * (opening != "[") + closing * n + "}" for n in (255, 256)
        ]
        assert isinstance(parse(Frame(0, text[0])), dict)
        assert parse(Frame(0, text[1])) == Reject(Reason.TOO_DEEP, "nested deeper than 256")
        assert parse(Frame(0, text[1][:-1])) == Reject(
            Reason.TOO_DEEP, "nested deeper than 256"
        )  # and not closed either


def test_without_msgspec(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ['{"a": 1}', '{"a": "\udcff"}', '{"a": NaN}', "[]", '{"a": }']
    found = [repr(parse(Frame(0, text))) for text in texts]
    monkeypatch.setattr(frames, "fast_decoder", lambda shape: None)
    assert [repr(parse(Frame(0, text))) for text in texts] == found
    assert found[0] == "{'a': 1}" and found[2] == "{'a': nan}"
