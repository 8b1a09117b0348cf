"""All there is to say stands in pyproject.toml; here is what can be compiled, for those who ask for
it.

    OI_NATIVE=1 pip install .

The same modules, compiled by mypyc: the same results, the HTML stage 1.9 times as fast. It needs a
C compiler; pip fetches mypy for the build (scripts/build_backend.py). Without OI_NATIVE nothing is
compiled and no compiler is needed.
"""

import os
import sys

from setuptools import setup

modules = []
# what an sdist or the metadata are made of is not compiled, which takes half a minute
if os.environ.get("OI_NATIVE") == "1" and not {"egg_info", "dist_info", "sdist"} & set(sys.argv):
    from mypyc.build import mypycify

    # only the modules themselves have to be free of type errors: other libraries, and their stubs,
    # need not be there to build
    options = ["--follow-imports=silent"]
    names = ("tags", "code_blocks", "dom", "inline", "tables", "markdown")
    paths = [f"open_instructions/stages/html/{name}.py" for name in names]
    modules = mypycify([*options, *paths], opt_level="3")

setup(ext_modules=modules)
