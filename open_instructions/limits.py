"""What input from outside may cost, and where it may lead.

A limit on files is an environment variable, which the error names. A limit on a record is a
constant, as the same record must give the same row everywhere: what is beyond it is rejected.
"""

from __future__ import annotations

import os

from .errors import UsageError

UNPACKED_FREE = 1 << 30
"""Up to a gigabyte may come out of a packed file, whatever its size: it is only read, never
written."""

MARKDOWN_FREE = 1 << 20
MARKDOWN_TIMES = 10
"""Markdown indents every line of a list in a list, and has no cells that span. What this adds to a
page may be a megabyte, or ten times the page's own length: far more than pages by people need."""


class TooLarge(Exception):
    """A text that grows beyond its limit."""


class Room:
    """The characters that a page's Markdown may still have beyond its own text."""

    __slots__ = ("_left",)

    def __init__(self, page: int) -> None:
        self._left = max(MARKDOWN_FREE, MARKDOWN_TIMES * page)

    def take(self, characters: int) -> None:
        """Take so many. Raises TooLarge where they are not left, before anybody has made them."""
        self._left -= characters
        if self._left < 0:
            raise TooLarge


def max_download() -> int:
    """Bytes that one download may have: OI_MAX_DOWNLOAD, in gigabytes."""
    return int(_number("OI_MAX_DOWNLOAD", 64.0) * 1e9)


def max_ratio() -> float:
    """How many times its own size a packed file may unpack to: OI_MAX_RATIO. Text in JSON packs 3
    to 20 times, a bomb 1,000 times."""
    return _number("OI_MAX_RATIO", 200.0)


def timeout() -> float:
    """Seconds without a byte after which a server is taken for gone: OI_TIMEOUT."""
    return _number("OI_TIMEOUT", 30.0)


def trusted_hosts() -> frozenset[str]:
    """Servers that may be asked over plain http and at a private address: OI_TRUSTED_HOSTS, like
    127.0.0.1,files.lan."""
    given = os.environ.get("OI_TRUSTED_HOSTS", "").split(",")
    return frozenset(name.strip().strip("[]").lower() for name in given if name.strip())


def too_much(packed: int, unpacked: int) -> str:
    """What is wrong with a packed file of so many bytes that holds so many; "" if nothing is.

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
