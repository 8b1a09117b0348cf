"""What a user installs: the wheel holds every subpackage, the recipes and the samples, and works
without the clone; with OI_NATIVE=1 the HTML stage is compiled, and gives the same texts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from .test_install import ROOT, copied

# the project itself is imported from the wheel, not from the clone
START = (
    "import sys; sys.path = [p for p in sys.path if not p.startswith(sys.argv[2])]; sys.meta_path ="
    " [f for f in sys.meta_path if '__editable__' not in str(f)];sys.path.insert(0, sys.argv[1]);"
    " import open_instructions as oi; assert oi.__file__.startswith(sys.argv[1]), oi.__file__;"
)


PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


def wheel(folder: Path, *, isolated: bool = False, **environment: str) -> Path:
    """A wheel of a copy of the clone, because setuptools leaves its build folder in the tree.
    `isolated` has pip fetch what the build needs; else it is what is installed here."""
    if not (folder / "clone").exists():
        copied(folder)
    options = ["--no-deps", *([] if isolated else ["--no-build-isolation"]), "-w", folder]
    done = subprocess.run(
        [*PIP, "wheel", *options, folder / "clone"],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [found] = folder.glob("*.whl")
    with zipfile.ZipFile(found) as archive:
        archive.extractall(folder / "site")
    return found


def can_fetch(folder: Path) -> bool:
    """Does an index answer pip, with what a compiled build needs?"""
    given = [
        *PIP,
        "--retries=0",
        "--timeout=10",
        "download",
        "--no-deps",
        "-d",
        folder,
        "setuptools>=77",
        "mypy>=1.11",
    ]
    return subprocess.run(given, capture_output=True, check=False).returncode == 0


def run(folder: Path, code: str) -> str:
    command = [sys.executable, "-c", START + code, str(folder / "site"), str(ROOT / "open")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wheel_builds_the_samples(tmp_path: Path) -> None:
    names = zipfile.ZipFile(wheel(tmp_path)).namelist()
    packages = {
        p.parent.relative_to(ROOT).as_posix() for p in (ROOT / "open_instructions").rglob("*.py")
    }
    assert packages <= {os.path.dirname(n) for n in names}
    assert "open_instructions/converters/sharegpt/__init__.py" in names
    assert "open_instructions/configs/vicuna.yaml" in names
    assert "open_instructions/configs/phrases/refusals.yaml" in names
    assert not [
        n
        for n in names
        if n.startswith(("converters/", "tests/", "scripts/")) or n.endswith((".so", ".pyd"))
    ]
    assert (
        run(tmp_path, "print(oi.build('all', sample=True, out='mix').manifest.totals['rows'])")
        == "461"
    )


def test_what_an_earlier_version_left_is_not_installed(tmp_path: Path) -> None:
    old = copied(tmp_path) / "converters" / "old.py"
    old.write_text("")
    assert "open_instructions/converters/old.py" in zipfile.ZipFile(wheel(tmp_path)).namelist()
    old.unlink()
    assert "open_instructions/converters/old.py" not in zipfile.ZipFile(wheel(tmp_path)).namelist()


def test_a_source_distribution_has_what_it_is_built_with(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, 'scripts'); import build_backend as b;"
        " print(b.build_sdist(sys.argv[1]))"
    )
    # nothing is compiled for it, and so nothing has to be there to compile with
    given = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(
        given,
        cwd=copied(tmp_path),
        capture_output=True,
        text=True,
        env=os.environ | {"OI_NATIVE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    archive = tmp_path / done.stdout.split()[-1]
    subprocess.run(
        [*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, archive],
        check=True,
        capture_output=True,
    )
    [made] = tmp_path.glob("*.whl")
    assert "open_instructions/converters/sharegpt/__init__.py" in zipfile.ZipFile(made).namelist()


# pages of random pieces, closed and not, and what the stage makes of them
PAGES = """
import hashlib, random
from open_instructions.stages.html import dom, markdown
from open_instructions.stages.html import to_markdown
PIECES = [
    "<p>", "</p>", "<strong>", "</strong>", "<em>", "</em>", "<code>a_b`</code>",
    "<pre><div class='x'><span>c</span></div><code class='hljs language-c'>", "x &lt; 1;\\n",
    "</code></pre>", "<ol start='3'>", "<ul>", "<li>", "</li>", "</ul>", "</ol>",
    "<table><tr><th>", "<td>", "</td>", "</table>", "<a href='u v'>", "</a>", "<br>", "1. a",
    "# b", "<blockquote>", "</blockquote>", "你好：", "*_[]!|",
    "<span class='katex'><annotation>x^2</annotation></span>", "<img src=i alt=']'>", " \\n ",
    "<h2>", "</h2>", "<", "&amp;", "\\0", "<del>", "<!-- c -->", "<!-- language: lang-js -->",
    "<!-- language-all: C -->", "<!-- begin snippet: js x -->", "<!-- end snippet -->",
    "<pre class='lang-py x'>", "<td rowspan=2>", "<th colspan=3>", "<tbody>", "<hr>", "<s>x</s>",
    "&#99999999999;", "\\x1f", "<h3>", "</h3>", "<svg>", "</svg>", "<![x]>", "<P CLASS=a>",
    "<x-y z>", "</x-y>", "<button>", "</button>", "<pre>\\n", "&copy;", "<blockquote>",
    "<input type='checkbox' checked>", "</p",
]
rng = random.Random(11)
texts = [to_markdown("".join(rng.choices(PIECES, k=rng.randrange(1, 30)))) for _ in range(4000)]
print(dom.__file__.rpartition(".")[2], hashlib.sha256("\\0".join(texts).encode()).hexdigest())
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_compiled_or_not_the_text_is_the_same(tmp_path: Path) -> None:
    """In an environment of its own, with what pip fetches for the build; without a network in this
    one."""
    isolated = can_fetch(tmp_path / "fetched")
    if not isolated and find_spec("mypyc") is None:
        pytest.skip("needs a network, or mypyc")
    (tmp_path / "site").mkdir()
    native = tmp_path / "native"
    native.mkdir()
    wheel(native, isolated=isolated, OI_NATIVE="1")
    shutil.copytree(ROOT / "open_instructions", tmp_path / "site" / "open_instructions")
    kind, digest = run(native, PAGES).split()
    assert kind in ("so", "pyd")
    assert run(tmp_path, PAGES) == f"py {digest}"
