"""Finding upstream's files: in their folders, in a heap, in archives; under a wrong name; not at
all."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from open_instructions.catalogue import registry, select
from open_instructions.errors import InputError, MissingSourceError, UsageError
from open_instructions.inputs import find, samples_dir

from .conftest import alpaca


def put(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def taken(folder: Path, sources: str, **options: Any) -> list[tuple[str, str, str]]:
    return [(i.source, i.subset, i.name) for i in find(folder, select(sources), **options).inputs]


def test_samples_hold_every_subset_with_twenty_records() -> None:
    from open_instructions.readers import open_file

    absent = {("gpt4all", f"j-{r}") for r in ("v1.1-breezy", "v1.2-jazzy", "v1.3-groovy")}
    for source in registry().all():
        for subset in source.subsets:
            if (source.name, subset.name) in absent:  # other revisions of the same files as `j`
                continue
            inputs = find(samples_dir(), select(f"{source.name}:{subset.name}")).inputs
            for item in inputs:
                count = sum(1 for _ in open_file(item.path, item.member, subset).frames())
                assert count >= 20, (item.name, count)


def test_the_real_layout(real: Path) -> None:
    got = find(real, select("all"), missing="skip")
    counts: dict[tuple[str, str], int] = {}
    for item in got.inputs:
        counts[item.source, item.subset] = counts.get((item.source, item.subset), 0) + 1
    assert counts == {
        ("alpaca", "main"): 1,
        ("dolly", "main"): 2,
        ("gpt4llm", "en"): 1,
        ("gpt4llm", "zh"): 1,
        ("instructionwild", "en"): 1,
        ("instructionwild", "seeds"): 2,
        ("instructionwild", "v2"): 3,
        ("lmflow", "pubmedqa"): 1,
        ("lmflow", "medmcqa"): 2,
        ("lmflow", "medqa"): 1,
        ("lmflow", "natural-instructions"): 36,
        ("lmflow", "native"): 2,
        ("sharegpt", "raw"): 1,
    }
    assert got.missing == (
        ("gpt4all", "main"),
        ("gpt4llm", "comparison"),
        ("instructionwild", "zh"),
    )
    assert "lmflow/originals/pubmedqa/test_ground_truth.json" in got.unused


def test_a_plain_heap_of_downloads(tmp_path: Path) -> None:
    samples = samples_dir()
    for path in samples.rglob("*.*"):
        name = path.name if path.parent.name != "Taiwan" else "taiwan_test.jsonl"
        if not (tmp_path / name).exists():
            shutil.copy(path, tmp_path / name)
    got = taken(tmp_path, "all", missing="skip")
    assert {s for s, _, _ in got} == {
        "alpaca",
        "dolly",
        "gpt4all",
        "gpt4llm",
        "instructionwild",
        "lmflow",
        "sharegpt",
    }
    assert ("lmflow", "medmcqa", "dev.json") in got
    assert ("lmflow", "medqa", "test.jsonl") in got
    assert ("lmflow", "native", "train_20.json") in got


def test_j_and_main_are_told_apart_by_their_shard_names(tmp_path: Path) -> None:
    shutil.copytree(samples_dir() / "gpt4all", tmp_path / "g")
    assert taken(tmp_path, "gpt4all:j") == [
        ("gpt4all", "j", "train-00000-of-00004-0f1c2d3e4b5a6978.parquet")
    ]
    (tmp_path / "v1.3-groovy").mkdir()
    shutil.move(
        tmp_path / "g" / "j" / "train-00000-of-00004-0f1c2d3e4b5a6978.parquet",
        tmp_path / "v1.3-groovy" / "train-00000-of-00004-aa.parquet",
    )
    assert taken(tmp_path, "gpt4all:j-v1.3-groovy")[0][1] == "j-v1.3-groovy"


def test_the_first_form_of_sharegpt_is_taken_and_said(tmp_path: Path) -> None:
    shutil.copytree(samples_dir() / "sharegpt", tmp_path / "s")
    got = find(tmp_path, select("sharegpt"))
    assert [i.subset for i in got.inputs] == ["raw"]
    [note] = got.notes
    assert note.startswith("sharegpt: took raw (")
    assert note.endswith("other forms of the same set; sources='sharegpt:v3' takes another")
    (tmp_path / "s" / "sg_90k_part1.json").unlink()
    assert taken(tmp_path, "sharegpt")[0][1] == "v3"
    assert taken(tmp_path, "sharegpt:html_cleaned")[0][1] == "html_cleaned"


def test_all_missing_sources_in_one_message(tmp_path: Path) -> None:
    put(tmp_path, "alpaca_data.json", [alpaca()])
    with pytest.raises(MissingSourceError) as caught:
        find(tmp_path, select("alpaca,dolly,gpt4llm:zh"))
    said = str(caught.value)
    assert "dolly:main looks for databricks-dolly-15k.jsonl" in said
    assert (
        "from hf://datasets/databricks/databricks-dolly-15k@bdd27f4d94b9c1f951818a7da7fd7aeea5dbff1a/databricks-dolly-15k.jsonl"
        in said
    )
    assert "gpt4llm:zh looks for alpaca_gpt4_data_zh.json" in said
    assert "alpaca:main looks" not in said
    assert "Found: alpaca:main." in said
    assert "missing='skip'" in said
    assert find(tmp_path, select("alpaca,dolly,gpt4llm:zh"), missing="skip").missing == (
        ("dolly", "main"),
        ("gpt4llm", "zh"),
    )


def test_another_source_under_the_right_name(tmp_path: Path) -> None:
    put(
        tmp_path,
        "alpaca_data.json",
        [{"instruction": "a", "context": "", "response": "b", "category": "open_qa"}],
    )
    with pytest.raises(
        InputError,
        match=(
            r"has the name of alpaca:main .* other fields: category, context.* It looks like"
            r" dolly:main"
        ),
    ):
        find(tmp_path, select("all"), missing="skip")
    assert taken(tmp_path, "dolly") == [("dolly", "main", "alpaca_data.json")]


def test_dolly_is_known_by_its_fields_under_any_name(tmp_path: Path) -> None:
    put(
        tmp_path,
        "april/first release.jsonl",
        '{"instruction": "a", "context": "", "response": "b", "category": "open_qa"}\n',
    )
    assert taken(tmp_path, "dolly") == [("dolly", "main", "first release.jsonl")]


def test_the_same_bytes_twice_are_taken_once(tmp_path: Path) -> None:
    put(tmp_path, "a/alpaca_data.json", [alpaca()])
    put(tmp_path, "b/alpaca_data.json", [alpaca()])
    got = find(tmp_path, select("alpaca"))
    assert len(got.inputs) == 1
    assert got.notes == (
        "alpaca: b/alpaca_data.json has the same content as a/alpaca_data.json; one was used",
    )


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path, "a/alpaca_data.json", [alpaca()])
    put(tmp_path, "b/alpaca_data.json", [alpaca("Name a fish.")])
    assert [n for _, _, n in taken(tmp_path, "alpaca")] == [
        "a/alpaca_data.json",
        "b/alpaca_data.json",
    ]


def test_members_of_archives(tmp_path: Path) -> None:
    content = json.dumps([alpaca()]).encode()
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        archive.writestr("deep/alpaca_data.json", content)
        archive.writestr("../evil/alpaca_data.json", content)
    with tarfile.open(tmp_path / "more.tar.gz", "w:gz") as tar:
        info = tarfile.TarInfo("x/alpaca_gpt4_data.json")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("x/alpaca_gpt4_data_zh.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    got = find(tmp_path, select("alpaca,gpt4llm"))
    assert [(i.source, i.subset, i.member) for i in got.inputs] == [
        ("alpaca", "main", 0),
        ("gpt4llm", "en", 0),
    ]


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_an_archive_that_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not an archive")
    with pytest.raises(InputError, match="cannot be read as an archive"):
        find(tmp_path, select("alpaca"))


def test_an_empty_file_under_the_right_name_is_taken(tmp_path: Path) -> None:
    put(tmp_path, "alpaca_data.json", "")
    assert taken(tmp_path, "alpaca") == [("alpaca", "main", "alpaca_data.json")]


def test_no_folder() -> None:
    with pytest.raises(UsageError, match="not a folder"):
        find(Path("/no/such/folder"), select("alpaca"))


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, ".cache/alpaca_data.json", [alpaca()])
    with pytest.raises(MissingSourceError):
        find(tmp_path, select("alpaca"))


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("alpca", "Did you mean 'alpaca'"),
        ("gpt4llm:xx", "no subset 'xx'"),
        ("", "No source"),
        ("./none.py", "no file"),
        ("dolly:", None),
    ],
)
def test_names(wanted: str, says: str | None) -> None:
    if says is None:
        assert select(wanted)[0].subsets == ("main",)
        return
    with pytest.raises(UsageError) as caught:
        select(wanted)
    assert says in str(caught.value)


def test_a_named_subset_narrows_and_adds_up() -> None:
    assert [(s.source.name, s.subsets) for s in select("gpt4llm:zh,gpt4llm:unnatural,dolly")] == [
        ("dolly", ("main",)),
        ("gpt4llm", ("zh", "unnatural")),
    ]
    assert {s.source.name: s.subsets for s in select("all,gpt4all:p3")}["gpt4all"] == ("p3",)


def test_two_members_of_one_name_are_both_read(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for text in ("one", "two"):
            content = json.dumps([alpaca(text)]).encode()
            info = tarfile.TarInfo("alpaca_data.json")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    got = find(tmp_path, select("alpaca")).inputs
    assert len({i.name for i in got}) == 2
    from open_instructions.readers import open_file

    subset = registry().get("alpaca").subset("main")
    assert [
        json.loads(f.text)["instruction"]
        for i in got
        for f, _ in open_file(i.path, i.member, subset).frames()
    ] == ["one", "two"]


def test_names_do_not_depend_on_where_the_folder_lies(tmp_path: Path) -> None:
    for where in ("clash_a", "deep/clash_b"):
        put(tmp_path, f"{where}/alpaca_data.json", [alpaca()])
        put(tmp_path, f"{where}/sub/alpaca_data.json", [alpaca("Name a fish.")])
    assert taken(tmp_path / "clash_a", "alpaca") == taken(tmp_path / "deep" / "clash_b", "alpaca")


def test_linked_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    put(tmp_path, "there/alpaca_data.json", [alpaca()])
    data = tmp_path / "data"
    data.mkdir()
    (data / "link").symlink_to(tmp_path / "there")
    (tmp_path / "there" / "loop").symlink_to(data)
    assert taken(data, "alpaca") == [("alpaca", "main", "alpaca_data.json")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        ("<!DOCTYPE html><p>404", "web page"),
        ("Not found", "not JSON"),
    ],
)
def test_what_a_failed_download_leaves_is_named(tmp_path: Path, content: str, says: str) -> None:
    put(tmp_path, "alpaca_data.json", content)
    with pytest.raises(InputError, match=says):
        find(tmp_path, select("alpaca"))
    assert find(tmp_path, select("dolly"), missing="skip").inputs == ()


def test_a_tar_that_ends_between_its_files_is_said(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for folder in ("a", "b"):
            content = json.dumps([alpaca(folder)]).encode()
            info = tarfile.TarInfo(f"{folder}/alpaca_data.json")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    (tmp_path / "whole.tar").write_bytes(packed.getvalue())
    assert find(tmp_path, select("alpaca")).notes == ()
    (tmp_path / "whole.tar").unlink()
    for cut in (1024, 1124):
        (tmp_path / "cut.tar").write_bytes(packed.getvalue()[:cut])
        got = find(tmp_path, select("alpaca"))
        assert len(got.inputs) == 1
        assert got.notes == ("cut.tar: the archive has no end, so files may be missing from it",)
