"""Where people stand: Python and Ray started in a clone, beside an ordinary install, and what else
may lie there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WHERE = (
    "import open_instructions as oi, open_instructions.converters as c, open_instructions.configs"
    " as f; print(oi.__file__, c.__file__, f.__file__)"
)


def copied(folder: Path) -> Path:
    """A fresh clone of this checkout, as it is now."""
    ignored = shutil.ignore_patterns(
        ".venv", ".git", "build", "*.egg-info", ".*_cache", "__pycache__", ".hypothesis"
    )
    return Path(shutil.copytree(ROOT, folder / "clone", ignore=ignored))


def environment(folder: Path, *paths: Path) -> Path:
    """The `bin` of a fresh virtual environment, with this one's libraries but none of its editable
    installs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    libraries = [p for p in sys.path if p.endswith("-packages")]
    # a line of a .pth file is a folder to look in; .pth files in such a folder, as of an editable
    # install, are not read
    (packages / "libraries.pth").write_text("\n".join(map(str, [*paths, *libraries])) + "\n")
    return folder / "bin"


def pip_install(programs: Path, *what: str | Path) -> None:
    """`pip install` into an environment, without what it has already."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        f"--python={programs / 'python'}",
    ]
    subprocess.run(
        [*pip, "install", "--ignore-installed", "--no-deps", "--no-build-isolation", *what],
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A clone, and the `bin` of an environment into which `pip install .` put it."""
    folder = tmp_path_factory.mktemp("installed")
    clone = copied(folder)
    programs = environment(folder / "env")
    pip_install(programs, clone)
    return clone, programs


def run(*command: str | Path, cwd: Path, **more: str) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=os.environ | more,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_python_in_a_clone_beside_an_ordinary_install(
    installed: tuple[Path, Path], tmp_path: Path
) -> None:
    clone, programs = installed
    here = [clone / "open_instructions", clone / "converters", clone / "configs"]
    assert run(programs / "python", "-c", WHERE, cwd=clone).split() == [
        str(p / "__init__.py") for p in here
    ]
    made = (
        "import open_instructions as oi; print(oi.build('all', sample=True,"
        f" out={str(tmp_path / 'mix')!r}, recipe='vicuna').manifest.totals['records_read'])"
    )
    assert run(programs / "python", "-c", made, cwd=clone) == "587"
    # elsewhere it is the installed one, with its rooms inside
    assert all(
        "site-packages/open_instructions/" in path
        for path in run(programs / "python", "-c", WHERE, cwd=tmp_path).split()
    )


@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed (extra ray)")
def test_ray_in_a_clone_beside_an_ordinary_install(
    installed: tuple[Path, Path], tmp_path: Path
) -> None:
    clone, programs = installed
    given = [
        "build",
        "-s",
        "dolly",
        "--sample",
        "-o",
        str(tmp_path / "mix"),
        "--engine",
        "ray",
        "--workers",
        "1",
    ]
    said = run(programs / "oi", *given, cwd=clone, RAY_ENABLE_UV_RUN_RUNTIME_ENV="0")
    assert "24 records = 24 kept + 0 rejected; 24 rows" in said


def test_the_rooms_are_of_the_same_clone_whatever_is_installed(tmp_path: Path) -> None:
    """An editable install of another clone maps the rooms, and must not lend them."""
    clone = copied(tmp_path)
    code = "import sys; sys.path.insert(0, '.');" + WHERE
    assert str(ROOT / "converters") not in run(sys.executable, "-c", code, cwd=clone)
    assert str(clone / "converters" / "__init__.py") in run(sys.executable, "-c", code, cwd=clone)


@pytest.mark.parametrize(
    "project", [None, "[project]\nname = 'another'\n", "name = [", "project = 3\n"]
)
def test_folders_of_the_same_names_beside_an_installed_package_are_not_taken(
    tmp_path: Path, project: str | None
) -> None:
    shutil.copytree(
        ROOT / "open_instructions",
        tmp_path / "open_instructions",
        ignore=shutil.ignore_patterns("__pycache__", "samples"),
    )
    for room in ("converters", "configs"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("raise SystemExit('not ours')")
    if project is not None:
        (tmp_path / "pyproject.toml").write_text(project)
    code = (
        "import open_instructions\ntry:\n    import open_instructions.converters\nexcept"
        " ModuleNotFoundError as error:\n    print(error)"
    )
    said = run(environment(tmp_path / "env") / "python", "-c", code, cwd=tmp_path)
    assert said == "No module named 'open_instructions.converters'"
    # and only the rooms are found beside the package, in a clone too
    code = (
        "import importlib.util as u; print([u.find_spec(f'open_instructions.{n}') for n in"
        " ('tests', 'scripts', 'docs')])"
    )
    assert run(sys.executable, "-c", code, cwd=ROOT) == "[None, None, None]"
