"""The engine for a Ray cluster: the same chunks, in the same order, on any number of nodes.

The nodes write into the build's folder, so it must be visible to all of them: a shared folder or an
object store. If a node is lost, Ray runs its work again elsewhere. If the messages of an exchange
do not fit into memory, Ray spills them.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Self, TypeVar

from ..errors import OpenInstructionsError, UsageError
from . import in_order

T = TypeVar("T")
R = TypeVar("R")
M = TypeVar("M")

RETRIES = 10
"""How often Ray may repeat work after its node or process died."""


class Ray:
    """An Engine. `workers` is how many run at a time, None for one per CPU of the cluster.
    `address` is the cluster's; None is a cluster running on this machine, or a new one."""

    sees_files = False

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        self._workers, self._address = workers, address
        self._waiting: deque[Any] = deque()

    def __enter__(self) -> Self:
        self._ray = ray = _ray()
        self._mine = not ray.is_initialized()
        if not self._mine and self._address not in (None, ray.get_runtime_context().gcs_address):
            raise UsageError(
                "Ray is already connected to another cluster in this process.",
                hint="Leave the address out, or call ray.shutdown() first.",
            )
        if self._mine:
            try:
                _knock(self._address)
                ray.init(
                    address=self._address,
                    log_to_driver=False,
                    configure_logging=False,
                    include_dashboard=False if self._address is None else None,
                )
            except (OSError, ValueError, RuntimeError) as error:
                raise UsageError(
                    f"The Ray cluster {self._address} cannot be reached: {error}.",
                    hint="Check with ray status whether it is running.",
                ) from error
        self._many = 2 * (self._workers or max(int(ray.cluster_resources().get("CPU", 1)), 1))
        return self

    def __exit__(self, *raised: object) -> None:
        for reference in self._waiting:
            self._ray.cancel(reference, force=True)
        if self._mine:
            self._ray.shutdown()

    def map(
        self, function: Callable[[T], R], items: Iterable[T], native: bool = False
    ) -> Iterator[R]:
        task = self._task(_apply)
        yield from in_order(
            partial(task.remote, self._ray.put(function)),
            self._result,
            items,
            self._waiting,
            self._many,
        )

    def exchange(
        self,
        scatter: Callable[[T, int], Sequence[M]],
        items: Sequence[T],
        gather: Callable[[Sequence[M]], R],
        parts: int,
    ) -> Iterator[R]:
        sender = self._task(_scatter, num_returns=parts)
        function = self._ray.put(scatter)
        sent = [sender.remote(function, item, parts) for item in items]
        messages = [[references] if parts == 1 else references for references in sent]
        receiver = self._task(_gather).remote
        how = self._ray.put(gather)

        def submit(part: int) -> Any:
            return receiver(how, *(references[part] for references in messages))

        yield from in_order(submit, self._result, range(parts), self._waiting, self._many)

    def _task(self, function: Callable[..., Any], **options: Any) -> Any:
        return self._ray.remote(max_retries=RETRIES, **options)(function)

    def _result(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, Exception) and not isinstance(
                cause, self._ray.exceptions.RayError
            ):
                raise cause from error
            last_line = str(cause or error).strip().rpartition("\n")[2]  # after the traceback
            raise OpenInstructionsError(
                f"Ray gave up on a task: {type(error).__name__}: {last_line}",
                hint="Run the same command again to continue.",
            ) from error


def _knock(address: str | None) -> None:
    """Raises OSError if nothing answers at the address: Ray itself would try for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _apply(function: Callable[[T], R], item: T) -> R:
    return function(item)


def _scatter(function: Callable[[T, int], Sequence[M]], item: T, parts: int) -> Any:
    messages = function(item, parts)
    return messages[0] if parts == 1 else tuple(messages)


def _gather(function: Callable[[Sequence[M]], R], *messages: M) -> R:
    return function(messages)


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "The engine ray needs the package ray.", hint="pip install 'open-instructions[ray]'"
        ) from error
    return ray
