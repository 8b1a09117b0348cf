"""Files of repositories on the hub, through huggingface_hub: its cache, its token (hf auth login,
HF_TOKEN) and HF_ENDPOINT.

huggingface_hub compares sizes and never digests, and gives up at once where a connection is reset.
Here each file is hashed when it has come, against the pin and against what the hub says of it, and
a connection that fails is tried again.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ..catalogue.published import File, Hub
from ..errors import FetchError
from ..limits import max_download, timeout
from ..paths import sha256_of
from .download import BUSY, TRIES, UNREACHABLE, Advance, Received, check, refusal
from .guard import guard

T = TypeVar("T")


class HubFile(NamedTuple):
    """A file of a repository, as the hub describes it: at which commit, its size, its sha256 if it
    is in LFS, its git id if not."""

    path: str
    commit: str
    size: int | None
    sha256: str
    blob: str


def endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


@cache
def _listing(repo: str, revision: str, server: str | None) -> tuple[HubFile, ...]:
    from huggingface_hub import HfApi

    info = _tried(
        lambda: HfApi(endpoint=server).dataset_info(
            repo, revision=revision, files_metadata=True, timeout=timeout()
        ),
        repo,
    )
    return tuple(_hub_file(item, info.sha or revision) for item in info.siblings or ())


def _hub_file(item: Any, commit: str) -> HubFile:
    if item.lfs:
        return HubFile(item.rfilename, commit, item.size, item.lfs.sha256, "")
    return HubFile(item.rfilename, commit, item.size, "", item.blob_id or "")


def repository(repo: str, revision: str, *, fresh: bool = False) -> tuple[HubFile, ...]:
    """All files of a repository at a revision. The hub is asked once per process, or again if
    `fresh`: a branch moves. Raises FetchError if they cannot be listed."""
    if fresh:
        _listing.cache_clear()
    return _listing(repo, revision, endpoint())


def text_of(repo: str, file: HubFile, most: int = 4 << 20) -> str:
    """The text of a small file; "" for a large one. Raises FetchError."""
    from huggingface_hub import hf_hub_download

    if (file.size or 0) > most:
        return ""
    path = _tried(
        lambda: hf_hub_download(
            repo, file.path, repo_type="dataset", revision=file.commit, endpoint=endpoint()
        ),
        str(Hub(repo, file.path, file.commit)),
    )
    with Path(path).open("rb") as stream:
        return stream.read(most).decode("utf-8", "replace")


def listed(place: Hub) -> list[HubFile]:
    """The files that a place names: one, or all that fit its pattern. Raises FetchError if there is
    none, or none can be asked for."""
    known = _listing(place.repo, place.revision, endpoint())
    if place.is_pattern:
        found = [file for file in known if fnmatchcase(file.path, place.path)]
    else:
        found = [file for file in known if file.path == place.path]
    if not found:
        raise FetchError(
            f"{place}: the repository has no such file.", hint="Upstream may have moved it."
        )
    return found


def fetch(listed: HubFile, place: Hub, file: File, advance: Advance) -> tuple[Path, Received]:
    """Fetch one file into the hub's cache. Returns its path there. Raises FetchError; bytes that
    are not the pinned ones are removed."""
    from huggingface_hub import hf_hub_download

    address = str(Hub(place.repo, listed.path, listed.commit))
    if (listed.size or 0) > max_download():
        raise FetchError(
            f"{address} has {listed.size:,} bytes, over the limit of {max_download():,}"
            " (OI_MAX_DOWNLOAD)."
        )
    for last in (False, True):
        path = Path(
            _tried(
                lambda: hf_hub_download(
                    place.repo,
                    listed.path,
                    repo_type="dataset",
                    revision=listed.commit,
                    endpoint=endpoint(),
                    tqdm_class=_bar(advance, listed.size),
                ),
                address,
            )
        )
        got = Received(path.stat().st_size, sha256_of(path))
        try:
            check(got, file, address)
            if listed.sha256 and got.sha256 != listed.sha256:
                raise FetchError(
                    f"{address} has sha256 {got.sha256}, but the hub says {listed.sha256}.",
                    hint="Nothing was kept.",
                )
            if listed.blob and _git_id(path, got.size) != listed.blob:
                raise FetchError(
                    f"{address} differs from what the hub says: its git id is not {listed.blob}.",
                    hint="Nothing was kept.",
                )
            if wrong := refusal(path, listed.path):
                raise FetchError(f"{address} is {wrong}.", hint="Nothing was kept.")
            return path, got
        except FetchError:
            # it may have been damaged in the cache, long ago: the second time it comes from the hub
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            if last:
                raise
    raise AssertionError


def _git_id(path: Path, size: int) -> str:
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


_down: dict[str | None, float] = {}
"""Endpoints that could not be connected to, and when: the next call need not wait to find out."""
_DOWN_FOR = 60.0


def _tried(call: Callable[[], T], what: str) -> T:
    """The result of a call, tried again where the network or a busy server failed. Raises
    FetchError with what the hub said."""
    import httpx2
    from huggingface_hub.errors import (
        DisabledRepoError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    server = endpoint()
    if time.monotonic() - _down.get(server, -_DOWN_FOR) < _DOWN_FOR:
        raise FetchError(f"{what}: {UNREACHABLE.format(server or 'the hub')}")
    for attempt in range(TRIES):
        try:
            with _guarded(server):
                return call()
        except GatedRepoError as error:
            raise FetchError(
                f"{what} requires accepting terms on the hub.",
                hint="Accept its terms there, then run hf auth login.",
            ) from error
        except RepositoryNotFoundError as error:
            raise FetchError(
                f"{what} is not on the hub, or you have no access to it.",
                hint="If it is private, run hf auth login.",
            ) from error
        except RevisionNotFoundError as error:
            raise FetchError(f"{what} has no such revision.") from error
        except DisabledRepoError as error:
            raise FetchError(f"{what} was disabled on the hub.") from error
        except HFValidationError as error:
            raise FetchError(f"{what} is not the name of a repository: {error}") from error
        except (httpx2.HTTPError, OSError) as error:
            cause = error.__cause__ or error
            if isinstance(cause, OfflineModeIsEnabled):
                raise FetchError(f"{what}: HF_HUB_OFFLINE is set.") from error
            if (
                isinstance(error, httpx2.ConnectError) or isinstance(cause, httpx2.ConnectError)
            ) and attempt:
                _down[server] = time.monotonic()
                raise FetchError(f"{what}: {UNREACHABLE.format(server or 'the hub')}") from error
            status = getattr(getattr(cause, "response", None), "status_code", None)
            final = status is not None and status not in BUSY
            disk = (
                not isinstance(cause, httpx2.HTTPError | HfHubHTTPError)
                and getattr(cause, "errno", None) is not None
            )
            if final or disk or attempt == TRIES - 1:
                raise FetchError(f"{what}: {in_words(error)}.") from error
            time.sleep(2.0**attempt)
    raise AssertionError


_checking: ContextVar[Callable[[Any], None] | None] = ContextVar("_checking", default=None)
"""What checks the requests of this thread; the session of huggingface_hub has other users too,
which are not ours to check."""


@contextmanager
def _guarded(server: str | None) -> Iterator[None]:
    """Let requests of huggingface_hub go only to public servers and to the endpoint that the user
    named."""
    import httpx2
    from huggingface_hub import get_session

    _watch_new_sessions()
    _watched(get_session())
    before = _checking.set(guard([httpx2.URL(server).host] if server else []))
    try:
        yield
    finally:
        _checking.reset(before)


def _watched(session: Any) -> Any:
    hooks = session.event_hooks
    if _check not in hooks["request"]:
        session.event_hooks = {**hooks, "request": [*hooks["request"], _check]}
    return session


@cache
def _watch_new_sessions() -> None:
    """Have the sessions checked that huggingface_hub makes later: where a connection fails, it
    replaces its session in the middle of a call."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import _http

    factory = getattr(_http, "_GLOBAL_CLIENT_FACTORY", _http.default_client_factory)
    set_client_factory(lambda: _watched(factory()))


def _check(request: Any) -> None:
    if check := _checking.get():
        check(request)


def in_words(error: BaseException) -> str:
    """What huggingface_hub met, in one line: it wraps what the server said."""
    cause = error.__cause__ or error
    first = next(iter(str(cause).strip().splitlines()), "") or type(cause).__name__
    said = getattr(error, "server_message", None) or getattr(cause, "server_message", None)
    if said and said not in first:
        return f"{first} ({said})"
    return first


def _bar(advance: Advance, size: int | None) -> Any:
    """What huggingface_hub moves its bar with, as a call of ours."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named | {"disable": True})
            self.done = int(named.get("initial") or 0)
            advance(self.done, size)

        def update(self, n: float | None = 1) -> None:
            self.done += int(n or 0)
            advance(self.done, size)

    return Bar
