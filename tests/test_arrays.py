"""Arrow arrays without pandas: the same as pa.array makes, and pandas is not imported by any
command but those that give it out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions import arrays
from open_instructions.arrays import booleans, digests, lists, numbers, strings, view, whole
from open_instructions.errors import InputError

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.lists(st.none() | texts | st.sampled_from(["", "a", "né", "😀"])))
def test_strings_are_those_of_arrow(values: list[str | None]) -> None:
    made = strings(values)
    made.validate(full=True)
    assert made.equals(pa.array(values, pa.string()))


@pytest.mark.parametrize(
    "values", [[], [None, None], ["a", "a"], ["né", "né", "né"], ["", ""], ["", None]]
)
def test_strings_that_are_all_alike(values: list[str | None]) -> None:
    assert strings(values).equals(pa.array(values, pa.string()))


@given(st.lists(st.lists(texts, max_size=3)))
def test_lists_are_those_of_arrow(values: list[list[str]]) -> None:
    made = lists(values, strings)
    made.validate(full=True)
    assert made.equals(pa.array(values, pa.list_(pa.string())))


def test_numbers_and_masks() -> None:
    assert numbers([1, -2], "int32").equals(pa.array([1, -2], pa.int32()))
    assert numbers([0.5], "float32").equals(pa.array([0.5], pa.float32()))
    assert numbers([], "int64").equals(pa.array([], pa.int64()))
    assert numbers(np.arange(10)[::3], "int64").to_pylist() == [0, 3, 6, 9]
    assert booleans(np.array([True, False] * 5)).to_pylist() == [True, False] * 5
    assert digests([b"ab", b"cd"], 2).equals(pa.array([b"ab", b"cd"], pa.binary(2)))
    with pytest.raises(OverflowError):
        numbers([1 << 31], "int32")


def test_a_column_as_numpy_sees_it() -> None:
    column = pa.chunked_array([[1, 2], [3]], pa.int64())
    assert view(column).tolist() == [1, 2, 3]
    assert view(pa.array([1, 2, 3, 4], pa.int32())[1:3]).tolist() == [2, 3]
    nothing = pa.chunked_array([], pa.int64())
    assert view(nothing).dtype == np.int64 and len(whole(nothing)) == 0
    assert (
        view(pa.Array.from_buffers(pa.int32(), 0, [None, None])).dtype == np.int32
    )  # which some versions take for an address


def test_more_text_than_arrow_can_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_MOST", 5)
    assert strings(["abc", "de"]).to_pylist() == ["abc", "de"]
    with pytest.raises(InputError, match="more than 2 GB"):
        strings(["abc", "def"])


def test_no_command_imports_pandas(tmp_path: Path) -> None:
    code = """if True:
        import sys
        from open_instructions.cli import main

        out = sys.argv[1]
        for command in (
            ["build", "--sample", "-o", out],
            ["stats", out],
            ["check", out],
            ["explain", "alpaca/000002", out],
        ):
            assert main(command) == 0, command
            assert "pandas" not in sys.modules, command
    """
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "mix"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
