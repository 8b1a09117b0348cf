"""The standard streams of the process, if one of them is closed or nobody reads it."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from typing import Any

_replaced: list[Any] = []
"""Streams that would close their files if nothing held them."""


def open_closed() -> None:
    """Open /dev/null in place of a closed stream. Otherwise the next file that this process or a
    worker opens would get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode)  # noqa: SIM115 - open as long as the process
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def outlive_readers() -> None:
    """From now on, if the reader of a stream is gone, what is printed to it is dropped, and the
    command continues."""
    for name in ("stdout", "stderr") if os.name == "posix" else ():
        stream = getattr(sys, name)
        _replaced.append(stream)
        sys.__dict__[name] = io.TextIOWrapper(
            io.BufferedWriter(_Outliving(stream.fileno(), "w", closefd=False)),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )


class _Outliving(io.FileIO):
    """A pipe whose reader may leave (`| head`), or a terminal that may be closed."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        # a closed terminal gives the same error as a failing disk
        terminal = stat.S_ISCHR(os.fstat(self.fileno()).st_mode)
        self._gone = (
            (errno.EPIPE, errno.ECONNRESET, errno.EIO)
            if terminal
            else (errno.EPIPE, errno.ECONNRESET)
        )

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in self._gone:
                raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        return len(data)
