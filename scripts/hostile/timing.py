"""CPU time at n, 2n and 4n, compared as ratios: what is linear takes four times as long for four
times the text, its square 16 times."""

from __future__ import annotations

import gc
import os
import resource
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

WORST = 7.0
"""From n to 4n. What is linear has 4; the power of 1.5, which many runs of different lengths take,
has 8."""
FLOOR = 0.02
"""Seconds under which nothing is judged."""
SHORT = 0.05
"""Seconds for the longest text under which a ratio says more about the machine than about the text.
"""
AT_ONCE = 5.0
"""Seconds of CPU time that one text may take."""
ALL = 90
"""Seconds of CPU time that all texts of a job may take together; then the kernel ends its process.
"""
KILLED = 900.0
"""Seconds after which a process is killed that does not even take CPU time."""
ENOUGH = 3
"""So many cases that fail say enough of a job."""

Case = tuple[str, Callable[[int], Any], Callable[[Any], Any]]
"""A name, what makes an input of about so many characters, and what is measured on it."""


@dataclass
class Job:
    """What runs in one process: cases, each with an input of `size` characters, and longer ones
    where that takes its time."""

    name: str
    cases: Sequence[Case]
    size: int
    failed: list[str] = field(default_factory=list)
    now: str = ""


class _TooLong(BaseException):
    pass


def run(jobs: Sequence[Job], processes: int, told: Callable[[Job], None]) -> None:
    """Run all of them, so many at a time; each one's `failed` says what is wrong. `told` hears of
    each when it is through."""
    context = get_context("fork")  # so that a case can be any function
    waiting = list(reversed(jobs))
    running: dict[Any, tuple[Job, BaseProcess, float]] = {}
    while waiting or running:
        while waiting and len(running) < processes:
            job = waiting.pop()
            ear, mouth = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(target=_child, args=(job, mouth), daemon=True)
            process.start()
            mouth.close()
            running[ear] = job, process, time.monotonic()
        for one in wait(list(running), timeout=1.0):
            _hear(one, running, told)
        for one, (job, process, begun) in list(running.items()):
            if time.monotonic() - begun > KILLED:
                process.kill()
                job.failed.append(f"{job.now}: killed after {KILLED:.0f} s")
                del running[one]
                told(job)


def _hear(
    ear: Any, running: dict[Any, tuple[Job, BaseProcess, float]], told: Callable[[Job], None]
) -> None:
    job, process, _ = running[ear]
    try:
        kind, said = ear.recv()
    except EOFError:
        process.join()
        if process.exitcode:
            over = process.exitcode in (-signal.SIGKILL, -signal.SIGXCPU)
            end = f"the process ended with {process.exitcode}"
            if over:
                end = f"killed after {ALL} s"
            job.failed.append(f"{job.now}: {end}")
        del running[ear]
        told(job)
        return
    if kind == "now":
        job.now = said
    else:
        job.failed.append(said)


def _child(job: Job, mouth: Connection) -> None:
    # what all jobs have loaded would be looked through again and again, more often for more text
    gc.freeze()
    signal.signal(signal.SIGPROF, _interrupt)
    resource.setrlimit(resource.RLIMIT_CPU, (ALL, ALL))
    failed = 0
    for name, make, call in job.cases:
        mouth.send(("now", name))
        if wrong := judged(make, call, job.size):
            mouth.send(("failed", f"{name}: {wrong}"))
            failed += 1
        if failed == ENOUGH:
            break
    mouth.close()
    os._exit(0)


def _interrupt(*_: object) -> None:
    raise _TooLong


def judged(make: Callable[[int], Any], call: Callable[[Any], Any], size: int) -> str:
    """What is wrong with a case; "" if nothing is."""
    try:
        if _seconds(make(size), call, 1) < FLOOR:
            return ""
        for repeats in (
            1,
            3,
            3,
        ):
            # looked at again where it seems wrong, then for longer texts: the machine is busy too
            times = [_seconds(make(n), call, repeats) for n in (size, 2 * size, 4 * size)]
            if times[2] <= max(WORST * times[0], SHORT):
                return ""
            size *= 2 if repeats > 1 else 1
    except _TooLong:
        return f"over {AT_ONCE:.0f} s for {size:,} characters or a little more"
    except Exception as error:  # noqa: BLE001 - whatever it is, it would end a build
        return f"{type(error).__name__}: {str(error)[:100]}"
    shown = ", ".join(f"{1000 * t:.0f} ms" for t in times)
    return f"{shown} for {size // 2:,} characters, twice and four times as many"


def _seconds(given: Any, call: Callable[[Any], Any], repeats: int) -> float:
    best = AT_ONCE
    for _ in range(repeats):
        signal.setitimer(signal.ITIMER_PROF, AT_ONCE)
        try:
            begun = time.process_time()
            call(given)
            best = min(best, time.process_time() - begun)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    return best
