"""What a user installs: the wheel holds every subpackage, the recipes and the samples, and works without the clone."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_wheel_builds_the_samples(tmp_path: Path) -> None:
    import shutil

    # a copy, because setuptools leaves its build folder in the tree
    clone = tmp_path / "clone"
    shutil.copytree(
        ROOT, clone, ignore=shutil.ignore_patterns(".venv", ".git", "build", "*.egg-info", ".*_cache", "__pycache__", ".hypothesis")
    )
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, clone], check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    packages = {p.parent.relative_to(ROOT).as_posix() for p in (ROOT / "open_instructions").rglob("*.py")}
    assert packages <= {os.path.dirname(n) for n in names}
    assert "open_instructions/converters/sharegpt.py" in names
    assert "open_instructions/configs/vicuna.yaml" in names
    assert not [n for n in names if n.startswith(("converters/", "tests/", "scripts/"))]

    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import sys; sys.path = [p for p in sys.path if not p.startswith(sys.argv[2])]; sys.meta_path = [f for f in sys.meta_path if '__editable__' not in str(f)];"
        "sys.path.insert(0, sys.argv[1]); import open_instructions as oi; assert oi.__file__.startswith(sys.argv[1]), oi.__file__;"
        "print(oi.build('all', sample=True, out='mix').manifest['totals']['rows'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "site"), str(ROOT / "open")], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.stdout.strip() == "421", done.stderr
