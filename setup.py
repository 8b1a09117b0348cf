"""All there is to say stands in pyproject.toml; here is what can be compiled, for those who ask for it.

    pip install mypy && OI_NATIVE=1 pip install --no-build-isolation .

The same modules, compiled by mypyc: the same results, the HTML stage 1.9 times as fast. Without OI_NATIVE nothing is compiled and no
compiler is needed.
"""

import os

from setuptools import setup

modules = []
if os.environ.get("OI_NATIVE") == "1":
    from mypyc.build import mypycify

    names = ("tags", "code_blocks", "dom", "inline", "tables", "markdown")
    paths = [f"open_instructions/stages/{name}.py" for name in names]
    modules = mypycify(paths, opt_level="3")

setup(ext_modules=modules)
