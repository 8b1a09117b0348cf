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

    modules = mypycify(["open_instructions/stages/dom.py", "open_instructions/stages/markdown.py"], opt_level="3")

setup(ext_modules=modules)
