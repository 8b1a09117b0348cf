"""Look for input that takes more time than its length is worth. Ends with 1 if there is any.

python -m scripts.hostile            all of it, on all CPUs
python -m scripts.hostile html dom   what has one of these in its name
"""

from __future__ import annotations

import os
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from .attacks import attacks
from .listed import unlisted
from .patterns import Found, patterns, unknown
from .scanners import jobs
from .timing import Case, Job, run


def main(wanted: list[str]) -> int:
    begun = time.monotonic()
    missing = [*unknown(), *unlisted()]
    for name in missing:
        print(f"FAILED {name}: not as scripts/hostile lists it")
    every = [*jobs(), *(Job(found.where, list(_cases(found)), size=16_000) for found in patterns())]
    chosen = [job for job in every if not wanted or any(name in job.name for name in wanted)]
    run(chosen, len(os.sched_getaffinity(0)), _tell)
    failed = sum(bool(job.failed) for job in chosen)
    cases = sum(len(job.cases) for job in chosen)
    print(f"{cases:,} hostile inputs of any length, against {len(chosen)} scanners and patterns")
    used = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    print(
        f"{len(chosen) - failed} passed, {failed + len(missing)} failed in"
        f" {time.monotonic() - begun:.0f} s ({used:.0f} s of CPU time)"
    )
    return 1 if failed or missing else 0


def _tell(job: Job) -> None:
    for line in job.failed:
        print(f"FAILED {job.name}: {line}", flush=True)


def _cases(found: Found) -> Iterator[Case]:
    binary = isinstance(found.pattern.pattern, bytes)
    for attack in attacks(found.pattern):
        for method in _methods(found):

            def make(size: int, text: Callable[[int], str] = attack.text) -> Any:
                return text(size).encode("utf-8") if binary else text(size)

            yield f"{method} {attack}", make, _call(found.pattern, method)


def _methods(found: Found) -> list[str]:
    """How it is used: what only looks at the start of a text is not tried from elsewhere."""
    at_start = {"match", "fullmatch"}
    return ["search"] if found.methods - at_start else sorted(found.methods)


def _call(pattern: re.Pattern[Any], method: str) -> Callable[[Any], Any]:
    if method == "search":
        return lambda text: sum(1 for _ in pattern.finditer(text))
    return getattr(pattern, method)  # type: ignore[no-any-return]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
