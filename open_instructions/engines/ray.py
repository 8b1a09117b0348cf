"""A Ray cluster: the same chunks, in the same order, on as many nodes as there are.

The nodes write finished chunks into the build's folder, which therefore has to be one that they all see (NFS, Lustre, one
machine). A node that is lost is Ray's business: it runs the chunk again elsewhere.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from ..errors import OpenInstructionsError, UsageError
from . import in_order

T = TypeVar("T")
R = TypeVar("R")

RETRIES = 10
"""How often Ray may run a chunk again whose node or process died."""


def map_ordered(function: Callable[[T], R], items: Iterable[T], workers: int | None = None, address: str | None = None) -> Iterator[R]:
    """The results of `function` in the order of `items`. `workers` is how many run at a time, one per CPU of the cluster if None;
    `address` is the cluster's, or None for the one that is running here, or a new one on this machine."""
    ray = _ray()
    mine = not ray.is_initialized()
    if mine:
        try:
            _knock(address)
            ray.init(address=address, log_to_driver=False, configure_logging=False, include_dashboard=False if address is None else None)
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(f"The Ray cluster {address} cannot be reached: {error}.", hint="ray status shows whether it runs.") from error
    task = ray.remote(max_retries=RETRIES)(_apply)
    shared = ray.put(function)
    many = 2 * (workers or max(int(ray.cluster_resources().get("CPU", 1)), 1))
    waiting: deque[Any] = deque()
    try:
        yield from in_order(partial(task.remote, shared), partial(_result, ray), items, waiting, many)
    finally:
        for reference in waiting:
            ray.cancel(reference, force=True)
        if mine:
            ray.shutdown()


def _knock(address: str | None) -> None:
    """Raises OSError where nobody answers: Ray itself would go on trying for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _apply(function: Callable[[T], R], item: T) -> R:
    return function(item)


def _result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise OpenInstructionsError(
            f"Ray gave up on a chunk: {type(error).__name__}.", hint="The same command goes on from what is done."
        ) from error


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UsageError("The engine ray needs the package ray.", hint="pip install 'open-instructions[ray]'") from error
    return ray
