"""Files in a .gz, .bz2, .xz or .zst: the records in them, cut off or not, and nothing too large."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from open_instructions import limits
from open_instructions.catalogue import Subset
from open_instructions.errors import InputError
from open_instructions.readers import open_file, parse, plain_name
from open_instructions.schema import Reject

ANY = Subset(
    "own", files=(), fields=frozenset(), languages=(), engine="", license="", format="lines"
)
RECORDS = [
    {"prompt": f"Name tree {n}.", "answer": f"Tree {n * n * 7919 % 10007}"} for n in range(300)
]
LINES = "".join(json.dumps(record) + "\n" for record in RECORDS).encode()


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(data)
    return bytes(sink.getvalue().to_pybytes())


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}
every = pytest.mark.parametrize("ending", PACK)


def read(path: Path) -> list[object]:
    """The records of a file, and the reasons of what is refused."""
    found = (parse(frame) for frame, _ in open_file(path, None, ANY).frames())
    return [record.reason.value if isinstance(record, Reject) else record for record in found]


def written(tmp_path: Path, name: str, data: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@every
def test_the_records_in_it(tmp_path: Path, ending: str) -> None:
    assert plain_name(f"day.jsonl{ending.upper()}") == "day.jsonl"
    assert read(written(tmp_path, f"x.jsonl{ending}", PACK[ending](LINES))) == RECORDS


@every
def test_several_in_a_row(tmp_path: Path, ending: str) -> None:
    pack = PACK[ending]
    data = pack(LINES[:1000]) + pack(b"") + pack(LINES[1000:])
    assert read(written(tmp_path, f"x.jsonl{ending}", data)) == RECORDS


@every
def test_unpacked_on_the_way(tmp_path: Path, ending: str) -> None:
    assert read(written(tmp_path, f"x.jsonl{ending}", LINES)) == RECORDS


@every
def test_cut_off_anywhere(tmp_path: Path, ending: str) -> None:
    data = PACK[ending](LINES)
    for size in range(8, len(data), len(data) // 40):
        got = read(written(tmp_path, f"x.jsonl{ending}", data[:size]))
        assert got[:-1] == RECORDS[: len(got) - 1]
        assert got[-1] == "truncated"


@every
def test_what_stands_before_a_cut_is_kept(tmp_path: Path, ending: str) -> None:
    """Of 3 MB that are cut off in the midst, all but what the format holds back."""
    lines = b"".join(b'{"prompt": "%d"}\n' % (n * 7919**3 % 10**15) for n in range(100_000))
    data = PACK[ending](lines)
    got = read(written(tmp_path, f"x.jsonl{ending}", data[: len(data) // 2]))
    assert len(got) > 20_000
    assert got[-1] == "truncated"
    assert got.count("truncated") == 1


def test_a_tar_in_zstd_says_so(tmp_path: Path) -> None:
    assert plain_name("x.tar.gz") == "x.tar.gz"
    with pytest.raises(InputError, match=r"x\.tar\.zst is a \.tar packed with zstd"):
        read(written(tmp_path, "x.tar.zst", zstd(LINES)))


@every
def test_damaged(tmp_path: Path, ending: str) -> None:
    data = bytearray(PACK[ending](LINES))
    data[len(data) // 2] ^= 0xFF
    got = read(written(tmp_path, f"x.jsonl{ending}", bytes(data)))
    assert got[:-1] == RECORDS[: len(got) - 1]
    assert got[-1] == "truncated"


@every
def test_a_bomb_is_refused(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNPACKED_FREE", 1 << 20)
    path = written(tmp_path, f"x.jsonl{ending}", PACK[ending](b" " * (64 << 20)))
    begun = time.process_time()
    with pytest.raises(InputError, match=r"unpack to .* over 200 times"):
        read(path)
    assert time.process_time() - begun < 2


def test_xz_that_wants_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("open_instructions.readers.packed._XZ_MEMORY", 1 << 20)
    path = written(tmp_path, "x.jsonl.xz", lzma.compress(LINES, preset=6))
    (frame, _) = next(open_file(path, None, ANY).frames())
    assert "Memory usage limit" in frame.detail


@every
def test_parquet_and_tables_in_it(tmp_path: Path, ending: str) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"prompt": ["Name a tree."], "answer": ["Oak"]}), sink)
    data = PACK[ending](sink.getvalue().to_pybytes())
    expected = [{"prompt": "Name a tree.", "answer": "Oak"}]
    assert read(written(tmp_path, f"x.parquet{ending}", data)) == expected
    table = b"prompt,answer\nName a tree that grows there.,Oak\n"
    assert read(written(tmp_path, f"x.csv{ending}", PACK[ending](table))) == [
        {"prompt": "Name a tree that grows there.", "answer": "Oak"}
    ]


@every
def test_time_grows_with_the_size(tmp_path: Path, ending: str) -> None:
    def took(times: int) -> float:
        path = written(tmp_path, f"x.jsonl{ending}", PACK[ending](LINES * times))
        return min(_timed(partial(read, path)) for _ in range(3))

    assert took(200) < 7 * took(50)


def _timed(call: Callable[[], object]) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun
