"""Limits for untrusted input: how much it may cost, and which servers may be contacted.

Limits on files are environment variables, which error messages name. Limits on records are
constants, because the same record must give the same row everywhere; records beyond them are
rejected.
"""

from __future__ import annotations

import os

from .errors import UsageError

UNPACKED_FREE = 1 << 30
"""A packed file of any size may unpack to this many bytes: they are only read, never written."""

MARKDOWN_FREE = 1 << 20
MARKDOWN_TIMES = 10
"""Markdown indents every line of nested lists, and has no cells that span. This may add a megabyte
to a page, or ten times the page's own length: far more than pages written by people need."""


class TooLarge(Exception):
    """Raised when a text would grow beyond its limit."""


class Room:
    """How many characters a page's Markdown may still have beyond its own text."""

    __slots__ = ("_left",)

    def __init__(self, page: int) -> None:
        self._left = max(MARKDOWN_FREE, MARKDOWN_TIMES * page)

    def take(self, characters: int) -> None:
        """Use some characters. Raises TooLarge if too few are left; call it before making them."""
        self._left -= characters
        if self._left < 0:
            raise TooLarge


def max_download() -> int:
    """The most bytes of one download: OI_MAX_DOWNLOAD, in gigabytes."""
    return int(_number("OI_MAX_DOWNLOAD", 64.0) * 1e9)


def max_ratio() -> float:
    """How many times its own size a packed file may unpack to: OI_MAX_RATIO. JSON text has a ratio
    of 3 to 20, a zip bomb 1,000."""
    return _number("OI_MAX_RATIO", 200.0)


def timeout() -> float:
    """Seconds without a byte after which a download fails: OI_TIMEOUT."""
    return _number("OI_TIMEOUT", 30.0)


def trusted_hosts() -> frozenset[str]:
    """Servers that may use plain http and private addresses: OI_TRUSTED_HOSTS, such as
    127.0.0.1,files.lan."""
    given = os.environ.get("OI_TRUSTED_HOSTS", "").split(",")
    return frozenset(name.strip().strip("[]").lower() for name in given if name.strip())


def too_much(packed: int, unpacked: int) -> str:
    """The problem with a packed file that unpacks to so many bytes; "" if there is none.

    >>> too_much(1000, 2000)
    ''
    """
    if unpacked <= UNPACKED_FREE or unpacked <= packed * max_ratio():
        return ""
    return (
        f"{packed:,} bytes unpack to {unpacked:,} and more, over {max_ratio():g} times "
        "(OI_MAX_RATIO)"
    )


def _number(name: str, default: float) -> float:
    given = os.environ.get(name, "")
    try:
        value = float(given) if given else default
    except ValueError:
        value = 0.0
    if not value > 0:
        raise UsageError(f"{name} is {given!r}, but must be a number above 0.")
    return value
