"""The documentation is kept true: rendered pages, every name, and the commands of the README are
run."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

import open_instructions as oi
from open_instructions.catalogue import registry
from open_instructions.corpus import STEPS
from open_instructions.ledger import stages
from open_instructions.recipe import Recipe
from open_instructions.reports.tables import ledger_table, plain
from open_instructions.schema import Reason
from open_instructions.stages.order import STAGES
from open_instructions.store.columns import DATA_COLUMNS, REJECTED_COLUMNS

from .test_install import copied, environment, pip_install

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


def test_the_language_page_lists_every_label() -> None:
    from open_instructions.stages.language import LABELS

    text = (ROOT / "docs" / "languages.md").read_text(encoding="utf-8")
    *_, listed = text.split("\n\n")
    told = dict(re.findall(r"`([\w-]+)` ([^,.]+)[,.]", listed.replace("\n", " ")))
    assert sorted([*told, "und"]) == sorted(LABELS)
    assert (told["de"], told["zh-Hant"]) == ("German", "Traditional Chinese")


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


def test_the_pages_name_every_stage_and_step_in_order() -> None:
    schema = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    [row] = re.findall(r"^\| stage \| where: (.*) \|$", schema, re.M)
    assert tuple(re.findall(r"`(\w+)`", row)) == tuple(s for s in stages() if s != "write")
    recipes = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    named = re.findall(r"^\d+\. \*\*(\w+)\*\*", recipes, re.M)
    assert named == [s for s in stages() if s not in ("read", "convert", "write")]


def test_every_reason_is_of_the_reader_a_converter_a_stage_or_a_step() -> None:
    """What the lists of stages and steps say why they reject, and the rest of the enumeration."""
    listed = {reason for each in (*STAGES, *STEPS) for reason in each.reasons}
    before = [reason for reason in Reason if reason not in listed]
    assert before == [*list(Reason)[: len(before) - 1], Reason.STAGE_FAILED]
    assert before[0] == Reason.INVALID_JSON
    assert before[-2] == Reason.NO_SCORES


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
    assert result.manifest.totals["records_kept"] == 1
    assert result.manifest.totals["records_rejected"] == 1


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

[AXOLOTL] = [yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml"]


def test_the_ledger_and_the_row_of_the_readme_are_real(tmp_path: Path) -> None:
    result = oi.build("all", sample=True, out=tmp_path / "mix")
    assert plain(*ledger_table(result.ledger)) + "\n" == LEDGER
    assert ROW in oi.load(result.path, sources="dolly").to_list()


def without_trl(code: str) -> str:
    """`code` less the lines that need TRL."""
    return "".join(
        line for line in code.splitlines(True) if not re.search("trl|SFTConfig|SFTTrainer\\(", line)
    )


def as_one_script() -> str:
    """All shell and Python of the README, from top to bottom, with a line between two blocks.

    Three things are left out: the tests, the indented blocks, which fetch from upstream or need a
    file of the reader's own, and TRL, which `test_trl_trains_as_the_readme_says` runs.
    """
    script = "set -e\n"
    for kind, text in BLOCKS:
        if kind == "sh":
            script += text.replace("make test ", ": make test ")
        if kind == "python":
            text = without_trl(text)
            script += (
                f"python - <<'END'\n{text}print([f'{{n}} {{t.num_rows}}' for n, t in"
                " globals().items() if hasattr(t, 'num_rows')])\nEND\n"
            )
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
    assert names["rejected"].num_rows == 132  # 131 records and a message
    assert set(names["why"]["reason"]) == {"no_answer"}


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_the_readme_from_top_to_bottom_in_one_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a fresh clone, with a home in which nothing was built; its environment is made without
    fetching anything."""
    clone = copied(tmp_path)
    programs = environment(clone / ".venv")
    pip_install(programs, "-e", clone)
    (clone / ".venv" / "installed").touch()
    (clone / "downloads").symlink_to(clone / "open_instructions" / "samples")
    for name in ("OI_HOME", "VIRTUAL_ENV", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    script = as_one_script()
    assert (
        script.count("\noi build ") == 10
        and "\nmake demo " in script
        and "\n: make test " in script
    )
    done = subprocess.run(
        ["bash"], input=script, capture_output=True, text=True, cwd=clone, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    demo, _, own, blend, shell, folders, notebook, recipe, trainer, _ = done.stdout.split("=====\n")
    assert LEDGER in demo and "Next: .venv/bin/oi explain alpaca/000002" in demo
    home = tmp_path / "data" / "open-instructions" / "builds"
    # oi stats of make demo, and those of the section on the shell
    assert done.stderr.count(f"The newest build: {home / 'sample'}\n") == 1
    assert done.stderr.count(f"The newest build: {clone / 'mix'}\n") == 2
    assert "Nothing was fetched or written.\n" in blend and blend.endswith(f"{clone / 'again'}\n")
    assert oi.stats(clone / "blend").splits["validation"] == 4
    assert "messages: 1 record\n" in own and "26 records = 26 kept" in own
    assert (
        "421 with" in shell
        and "changed by no_input" in shell
        and f"{clone / 'mix'}\n" in shell
        and shell.endswith(f"{clone / 'dolly'}\n")
    )
    assert re.findall(r"^/.*", folders, re.M) == [
        str(p) for p in (home / "default", clone / "short", home / "commercial")
    ]
    assert LEDGER in notebook and "['rows 24']" in notebook
    assert recipe.endswith(f"{clone / 'mine'}\n")
    assert "['train 421']" in trainer
    # 23 of Alpaca, 24 of gpt4llm:zh, 22 of gpt4all:p3
    assert oi.load(clone / "short").num_rows == 69
    # axolotl is told a folder and a split that `datasets` loads
    [told] = AXOLOTL["datasets"]
    assert (told["path"], told["type"], told["split"]) == ("mix", "chat_template", "train")
    # what LLaMA-Factory is told: a folder in which all files are of one kind, and what is in them
    [said] = LLAMA_FACTORY.values()
    files = list((clone / said["file_name"]).iterdir())
    assert files and {file.suffix for file in files} == {".parquet"}
    [message, *_] = pq.read_table(files[0])[said["columns"]["messages"]][0].as_py()
    assert set(message) == {said["tags"]["role_tag"], said["tags"]["content_tag"]}
    assert {said["tags"][f"{role}_tag"] for role in ROLES} == set(ROLES)


def tiny_qwen(folder: Path, texts: Iterable[str]) -> None:
    """A model of random weights and a tokenizer, with the chat template of Qwen3, in `folder`."""
    import trl
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens = Tokenizer(models.BPE())
    tokens.pre_tokenizer = byte_level
    tokens.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokens.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=300, special_tokens=special, initial_alphabet=byte_level.alphabet()
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token=special[0], eos_token=special[2]
    )
    templates = Path(trl.__file__).parent / "chat_templates"
    tokenizer.chat_template = (templates / "qwen3.jinja").read_text(encoding="utf-8")
    tokenizer.save_pretrained(folder)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)


@pytest.mark.skipif(not importlib.util.find_spec("trl"), reason="TRL is not installed")
def test_trl_trains_as_the_readme_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of the README: one step of it, on the CPU, with a tiny model in place of a real
    one."""
    monkeypatch.chdir(tmp_path)
    oi.build("all", sample=True, out="mix")
    [code] = [text for kind, text in BLOCKS if kind == "python" and "SFTTrainer" in text]
    for said, here in (
        ('split="train")', 'split="train", cache_dir="cache")'),
        ("max_steps=100)", 'max_steps=1, use_cpu=True, report_to="none")'),
        ("Qwen/Qwen3-0.6B", "tiny"),
        ("SFTTrainer(", "trainer = SFTTrainer("),
        (".train()", ""),
    ):
        assert said in code
        code = code.replace(said, here)
    rows = oi.load("mix")
    tiny_qwen(tmp_path / "tiny", (m["content"] for r in rows["messages"] for m in r))
    names: dict[str, Any] = {}
    exec(code, names)
    trainer = names["trainer"]
    assert trainer.train().global_step == 1
    assert (tmp_path / "out" / "checkpoint-1").is_dir()
    # all rows are learnt from, and of each the answers alone
    assert trainer.train_dataset.num_rows == 421
    birds = trainer.train_dataset.filter(lambda row: row["id"] == "alpaca/000002")[0]
    learnt = [token for token in birds["labels"] if token != -100]
    assert (
        trainer.processing_class.decode(learnt)
        == "<think>\n\n</think>\n\nOstriches, emus and penguins cannot fly.<|im_end|>\n"
    )


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
