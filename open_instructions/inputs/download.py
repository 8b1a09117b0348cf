"""Download one URL to one file. A part file lets a later try, or a later run, continue. The file is
verified before it appears under its name.

What a server does wrong has an answer: it is slow to say anything (retried with growing pauses), it
is busy (429, 503: as it asks, up to two minutes), it cuts off (resumed by byte range), it has no
ranges (begun again), it sends another file on the second try (begun again), it never ends or never
begins (limits), it sends other bytes than are pinned (refused, and gone).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..catalogue.published import File
from ..errors import FetchError
from ..limits import max_download, timeout
from ..paths import sha256_of
from .guard import guard

Advance = Callable[[int, int | None], None]
"""Called with the number of bytes received so far, and the size of the file if it is known."""

TRIES = 6
"""After this many tries in a row without progress, a download is given up; sooner if the server
does not answer at all."""
_CONNECTS = 3
_LONGEST_PAUSE = 120.0
_SLOW, _SLOW_FOR = 1000, 60.0
"""Less than 1,000 bytes a second for a minute is a stall as well."""
UNREACHABLE = "{} cannot be reached; is there a network?"
_STEP = 1 << 16
"""This many new bytes count as progress; fewer, again and again, do not."""
BUSY = {408, 429, 500, 502, 503, 504}
_REDIRECTS = 5


class Received(NamedTuple):
    size: int
    sha256: str


class _Again(Exception):
    """Worth another try, after so many seconds if the server named a time."""

    def __init__(self, problem: str, pause: float | None = None) -> None:
        super().__init__(problem)
        self.pause = pause


def download(
    url: str,
    target: Path,
    file: File,
    advance: Advance,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Received:
    """Fetch a URL to `target`, which is not there before it is whole and has the size and digest
    that `file` names.

    Raises FetchError, which says what the server did; what came so far stays beside `target` for
    the next try.
    """
    import httpx2

    if not url.startswith(("https://", "http://")):
        raise FetchError(f"{url} is not an address that can be fetched.")
    part = _Part(target)
    failures, most = 0, part.size
    resumed = part.size > 0
    with _client(timeout(), follow_redirects=False) as client:
        while True:
            try:
                _attempt(client, url, part, file, advance)
                return part.finish(url, file)
            except (_Again, httpx2.TransportError) as error:
                failures = failures + 1 if part.size < most + _STEP else 1
                most = max(most, part.size)
                problem = _problem(error)
                if isinstance(error, httpx2.ConnectError) and failures >= _CONNECTS:
                    raise FetchError(
                        f"{url}: {UNREACHABLE.format(httpx2.URL(url).host)}"
                    ) from error
                if failures >= TRIES:
                    raise FetchError(
                        f"{url}: {problem}; given up after {TRIES} tries.",
                        hint="Run the same command again to continue.",
                    ) from error
                pause = _asked_pause(error)
                if pause is None:
                    pause = float(2 ** (failures - 1))
                if pause > _LONGEST_PAUSE:
                    raise FetchError(
                        f"{url}: {problem}; the server asks to wait {pause:.0f} s.",
                        hint="Try again then.",
                    ) from error
                sleep(pause)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise FetchError(f"{url} was not contacted: {error}.") from error
            except _Other:
                if not resumed:
                    raise
                # its beginning may have been another place's: once more, from there
                resumed = False


def _problem(error: Exception) -> str:
    """What went wrong with a request, in a line."""
    import httpx2

    if isinstance(error, httpx2.TimeoutException):
        return f"no data for {timeout():g} s (OI_TIMEOUT)"
    return str(error) or type(error).__name__


def _asked_pause(error: Exception) -> float | None:
    """The seconds that a server asks to wait; None where it says nothing of it."""
    if isinstance(error, _Again):
        return error.pause
    return None


def size_of(url: str) -> int | None:
    """The bytes that a server says a file has; None where it does not say, or does not answer."""
    import httpx2

    try:
        with _client(min(timeout(), 10.0), follow_redirects=True) as client:
            answer = client.head(url)
    except (httpx2.HTTPError, httpx2.InvalidURL, FetchError):
        return None  # what is wrong is said when the file itself is asked for
    if answer.status_code != 200:
        return None
    return _as_size(answer.headers.get("content-length", ""))


def _client(patience: float, *, follow_redirects: bool) -> Any:
    import httpx2

    return httpx2.Client(
        timeout=patience,
        follow_redirects=follow_redirects,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"request": [guard()]},
    )


def refusal(path: Path, name: str) -> str:
    """What a download left in place of data, by its first bytes: a web page, a Git LFS pointer; ""
    if it can be data."""
    with path.open("rb") as opened:
        head = text_head(opened.read(512))
    if other := stand_in(head):
        return f"{other}, not the data"
    if head.startswith(b"Found. Redirecting") and not name.endswith(".parquet"):
        return "a web page, not the data"
    if head:
        return ""
    return "empty"


def text_head(head: bytes) -> bytes:
    """The first bytes of a file, without a mark of its encoding and white space."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")


def stand_in(head: bytes) -> str:
    """What stands in place of data, by what `text_head` left of its first bytes; "" if it can be
    data."""
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer"
    if head.startswith(b"<"):
        return "a web page"
    return ""


class _Other(FetchError):
    """The bytes are not the pinned ones."""


def check(got: Received, file: File, place: str) -> None:
    """Raises FetchError where a file is not the one that the catalogue, or a lock, names."""
    if file.sha256 and got.sha256 not in file.sha256:
        raise _Other(
            f"{place} has changed: its sha256 is {got.sha256}, not {' or '.join(file.sha256)}.",
            hint="Upstream changed the file, or another server answered. Nothing was kept.",
        )
    if not file.sha256 and file.size is not None and got.size != file.size:
        raise FetchError(
            f"{place} has {got.size:,} bytes, but {file.size:,} were published.",
            hint="Nothing was kept.",
        )


class _Part:
    """The bytes received so far, and the server's tag for the file that they are part of."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = target.with_name(target.name + ".part")
        self._note = target.with_name(target.name + ".part.json")
        target.parent.mkdir(parents=True, exist_ok=True)

    @property
    def size(self) -> int:
        if self.path.exists():
            return self.path.stat().st_size
        return 0

    def tag(self, url: str) -> str:
        """The tag of what is there; "" if that cannot be gone on with."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            if note["url"] == url:
                return str(note["tag"])
            return ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def begin(self, url: str, tag: str) -> None:
        self.path.write_bytes(b"")
        self._note.write_text(json.dumps({"url": url, "tag": tag}), encoding="utf-8")

    def open(self) -> IO[bytes]:
        return self.path.open("ab")

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self, url: str, file: File) -> Received:
        got = Received(self.size, sha256_of(self.path))
        try:
            check(got, file, url)
            if not file.sha256 and (wrong := refusal(self.path, file.name)):
                raise FetchError(f"{url} is {wrong}.", hint="Nothing was kept.")
        except FetchError:
            self.drop()
            raise
        self.path.replace(self._target)
        self._note.unlink(missing_ok=True)
        return got


def _attempt(client: Any, url: str, part: _Part, file: File, advance: Advance) -> None:
    """One request. Returns when the part file is whole; raises _Again, an error of httpx2, or
    FetchError."""
    tag = part.tag(url)
    have = part.size if tag or (file.sha256 and part.size) else 0
    if have and file.size is not None and have >= file.size:
        if have == file.size:
            return
        have = 0
    headers = {}
    if have:
        headers["Range"] = f"bytes={have}-"
        if tag:
            headers["If-Range"] = tag
    with _followed(client, url, headers) as answer:
        if answer.status_code in BUSY:
            raise _Again(
                f"the server says {answer.status_code} {answer.reason_phrase}", _retry_after(answer)
            )
        if answer.status_code == 416:
            # there is no such range: what is here is not of this file, or all of it
            part.drop()
            raise _Again("the server has no such range")
        if answer.status_code not in (200, 206):
            raise FetchError(f"{url}: the server says {answer.status_code} {answer.reason_phrase}.")
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise FetchError(
                f"{url}: the server compresses the file although it was asked not to "
                f"({answer.headers['content-encoding']})."
            )
        begins, total = _span(answer)
        if not (have and answer.status_code == 206 and begins == have):
            if answer.status_code == 206 and begins != 0:
                part.drop()
                raise _Again("the server sends another range than requested")
            have = 0
            part.begin(url, _strong_tag(answer))
        expected = file.size if file.size is not None else total
        if file.size is not None and total is not None and total != file.size:
            part.drop()
            raise FetchError(
                f"{url} has {total:,} bytes, but {file.size:,} were published.",
                hint="Nothing was kept.",
            )
        most = max_download()
        if (total or 0) > most:
            raise FetchError(
                f"{url} has {total:,} bytes, over the limit of {most:,} (OI_MAX_DOWNLOAD)."
            )
        have = _body(answer, url, part, have, expected, most, advance)
        if total is not None and have < total:
            raise _Again(f"the connection ended at {have:,} of {total:,} bytes")


def _body(
    answer: Any, url: str, part: _Part, have: int, expected: int | None, most: int, advance: Advance
) -> int:
    """Write what arrives to the part file. Returns its size."""
    begun, counted = time.monotonic(), have
    with part.open() as sink:
        advance(have, expected)
        for block in answer.iter_raw():
            sink.write(block)
            have += len(block)
            if have > most:
                sink.close()
                part.drop()
                raise FetchError(
                    f"{url} does not end: more than {most:,} bytes came (OI_MAX_DOWNLOAD)."
                )
            advance(have, expected)
            if (now := time.monotonic()) - begun > _SLOW_FOR:
                if have - counted < _SLOW * _SLOW_FOR:
                    raise _Again(f"{have - counted:,} bytes in a minute")
                begun, counted = now, have
    return have


class _followed:
    """The answer at the end of redirects: of http and https alone, never from https to http, and
    not for ever."""

    def __init__(self, client: Any, url: str, headers: dict[str, str]) -> None:
        self._client, self._url, self._headers = client, url, headers

    def __enter__(self) -> Any:
        import httpx2

        url = httpx2.URL(self._url)
        for _ in range(_REDIRECTS + 1):
            request = self._client.build_request("GET", url, headers=self._headers)
            self._answer = self._client.send(request, stream=True)
            if not self._answer.has_redirect_location:
                return self._answer
            self._answer.close()
            target = url.join(self._answer.headers["location"])
            if target.scheme not in ("http", "https") or (
                url.scheme == "https" and target.scheme == "http"
            ):
                raise FetchError(f"{self._url} redirects to {target}, which is not followed.")
            url = target
        raise FetchError(f"{self._url} redirects more than {_REDIRECTS} times.")

    def __exit__(self, *raised: object) -> None:
        self._answer.close()


def _span(answer: Any) -> tuple[int, int | None]:
    """Where what comes begins in the file (-1: unknown), and the size of the whole file, if the
    server names it."""
    span = re.fullmatch(
        r"bytes (\d{1,18})-\d+/(\d{1,18}|\*)", answer.headers.get("content-range", "")
    )
    if answer.status_code == 206 and span:
        return int(span[1]), _as_size(span[2])
    begins = 0 if answer.status_code == 200 else -1
    return begins, _as_size(answer.headers.get("content-length", ""))


def _as_size(text: str) -> int | None:
    if _is_number(text):
        return int(text)
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18


def _strong_tag(answer: Any) -> str:
    tag = str(answer.headers.get("etag", ""))
    if tag.startswith('"'):
        return tag
    return str(answer.headers.get("last-modified", ""))


def _retry_after(answer: Any) -> float | None:
    wait = answer.headers.get("retry-after", "")
    if _is_number(wait):
        return float(wait)
    try:
        return max(0.0, parsedate_to_datetime(wait).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
