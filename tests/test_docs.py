"""The documentation is kept true: rendered pages, every name, and the commands of the README are run."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import open_instructions as oi
from open_instructions.catalogue import registry
from open_instructions.recipe import Recipe
from open_instructions.reports.tables import ledger_table, plain
from open_instructions.schema import Reason
from open_instructions.store.columns import DATA_COLUMNS, REJECTED_COLUMNS

from .test_install import copied, environment

ROLES = ("system", "user", "assistant")
ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def make_docs() -> Any:
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "scripts" / "make_docs.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rendered_pages_are_up_to_date() -> None:
    stale = [
        name
        for name, text in make_docs().pages().items()
        if (ROOT / "docs" / name).read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run make docs"


def test_the_schema_page_names_every_column_and_reason() -> None:
    text = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    named = {
        name.strip()
        for line in re.findall(r"^\| ([a-z_, ]+) \|", text, re.M)
        for name in line.split(",")
    }
    assert {*DATA_COLUMNS, *REJECTED_COLUMNS} <= named
    assert re.findall(r"`(\w+)`", text.split("Reasons: ")[1].split("\n\n")[0]) == [
        str(r) for r in Reason
    ]


def test_the_recipes_page_names_every_key_and_its_default() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| (\w+) \| ([^|]*) \|", text, re.M))
    defaults = Recipe("test").to_dict().items()
    shown = {
        key: json.dumps(value).strip('"')
        for key, value in defaults
        if key not in ("name", "description")
    }
    assert {k: v.strip() for k, v in table.items() if k in shown} == shown
    assert set(table) >= {f.name for f in fields(Recipe)}


def test_data_license_names_every_source_and_every_own_licence() -> None:
    text = (ROOT / "DATA_LICENSE").read_text(encoding="utf-8")
    for source in registry().all():
        assert f"({source.name})" in text
        for subset in source.subsets:
            assert subset.license in text or subset.license in ("MIT",)


def test_the_source_of_the_docs_works(make: Any, tmp_path: Path) -> None:
    code = re.findall(
        r"```python\n(.*?)```",
        (ROOT / "docs" / "adding-a-source.md").read_text(encoding="utf-8"),
        re.S,
    )[0]
    (tmp_path / "mine.py").write_text(code.replace('name="mine"', 'name="docs-example"'))
    result = make(
        {"questions1.jsonl": '{"q": "2 + 2?", "a": "4\\n-- Bot"}\n{"q": "?"}\n'},
        str(tmp_path / "mine.py"),
    )
    assert result.manifest["totals"]["records_kept"] == 1
    assert result.manifest["totals"]["records_rejected"] == 1


def test_the_recipe_of_the_docs_works(tmp_path: Path) -> None:
    from open_instructions.recipe import parse

    text = re.findall(
        r"```yaml\n(.*?)```", (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8"), re.S
    )[0]
    assert parse(text, "mine.yaml").rules_off == ("alpaca.no_input",)


# --- the README

BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.S)
LEDGER = next(text for kind, text in BLOCKS if not kind)
[ROW, LLAMA_FACTORY] = sorted(
    (json.loads(text) for kind, text in BLOCKS if kind == "json"), key=len, reverse=True
)


def test_the_ledger_and_the_row_of_the_readme_are_real(tmp_path: Path) -> None:
    result = oi.build("all", sample=True, out=tmp_path / "mix")
    assert plain(*ledger_table(result.ledger)) + "\n" == LEDGER
    assert ROW in oi.load(result.path, sources="dolly").to_list()


def as_one_script() -> str:
    """All shell and Python of the README, from top to bottom, with a line between two blocks. The tests do not run themselves, and
    what fetches from upstream, which stands in indented blocks, is left out."""
    script = "set -e\n"
    for kind, text in BLOCKS:
        if kind == "sh":
            script += text.replace("make test ", ": make test ").replace(
                "make hostile ", ": make hostile "
            )
        if kind == "python":
            script += f"python - <<'END'\n{text}print([f'{{n}} {{t.num_rows}}' for n, t in globals().items() if hasattr(t, 'num_rows')])\nEND\n"
        if kind in ("sh", "python"):
            script += "echo =====\n"
    return script


def test_the_python_of_the_notebook_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8"), re.S
    ):
        exec(block.replace('split="train")', 'split="train", cache_dir="cache")'), names)
    assert names["rows"].num_rows == 421
    assert names["rejected"].num_rows == 152  # 151 records and a message
    assert set(names["why"]["reason"]) == {"no_answer"}


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_the_readme_from_top_to_bottom_in_one_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a fresh clone, with a home in which nothing was built; its environment is made without fetching anything."""
    clone = copied(tmp_path)
    programs = environment(clone / ".venv")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        f"--python={programs / 'python'}",
    ]
    subprocess.run(
        [*pip, "install", "--ignore-installed", "--no-deps", "--no-build-isolation", "-e", clone],
        check=True,
        capture_output=True,
    )
    (clone / ".venv" / "installed").touch()
    (clone / "downloads").symlink_to(clone / "open_instructions" / "samples")
    for name in ("OI_HOME", "VIRTUAL_ENV", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    script = as_one_script()
    assert (
        script.count("\noi build ") == 4 and "\nmake demo " in script and "\n: make test " in script
    )
    done = subprocess.run(
        ["bash"], input=script, capture_output=True, text=True, cwd=clone, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    demo, _, shell, folders, notebook, trainer, _ = done.stdout.split("=====\n")
    assert LEDGER in demo and "Next: .venv/bin/oi explain alpaca/000002" in demo
    home = tmp_path / "data" / "open-instructions" / "builds"
    # oi stats of make demo, and those of the next section, read what it built
    assert done.stderr.count(f"The newest build: {home / 'sample'}\n") == 3
    assert (
        "421 with" in shell
        and "changed by no_input" in shell
        and shell.endswith(f"{clone / 'dolly'}\n")
    )
    assert re.findall(r"^/.*", folders, re.M) == [
        str(p) for p in (home / "default", clone / "mix", home / "commercial")
    ]
    assert LEDGER in notebook and "['rows 24']" in notebook
    assert "['train 69']" in trainer  # 23 of Alpaca, 24 of gpt4llm:zh, 22 of gpt4all:p3
    # what LLaMA-Factory is told: a folder in which all files are of one kind, and what is in them
    [said] = LLAMA_FACTORY.values()
    files = list((clone / said["file_name"]).iterdir())
    assert files and {file.suffix for file in files} == {".parquet"}
    [message, *_] = pq.read_table(files[0])[said["columns"]["messages"]][0].as_py()
    assert set(message) == {said["tags"]["role_tag"], said["tags"]["content_tag"]}
    assert {said["tags"][f"{role}_tag"] for role in ROLES} == set(ROLES)


def test_every_command_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    from open_instructions.cli import app

    assert {c.name for c in app.registered_commands} == set(re.findall(r"^## oi (\w+)", text, re.M))
    for code in range(10):
        assert f"| {code} |" in text


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            if (
                not target.startswith("https")
                and "`" not in target
                and page.parent.name != "sources"
            ):
                assert (page.parent / target).exists(), (page.name, target)
