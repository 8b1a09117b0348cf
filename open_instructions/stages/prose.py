"""The prose of an answer: its text without code and addresses.

The text is read in one pass, in linear time: an answer may hold any number of backticks and dots.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

_NEXT = re.compile(
    r"^[ \t]*+(?P<fence>`{3,}+|~{3,}+)|(?P<ticks>`++)|(?P<host>[\w-]++(?:\.[\w-]++)*+)", re.M
)
_FENCE = re.compile(r"^[ \t]*+(`{3,}+|~{3,}+)", re.M)
_TICKS = re.compile("`+")
_DOMAIN = re.compile(r"\.(?:com|org|net|io|ai|dev)\b")
_BEGIN = re.compile(r"\b[\w-]")
_HTTP = re.compile(r"\bhttps?\Z")
_PRINTED = re.compile(r"[!-~]*")


def prose(text: str) -> str:
    """The text with a space in place of each code block, code span and address.

    >>> (prose("Run `import openai` as https://example.org/x says."),
    ...  prose("See api.example.com/v1 now."))
    ('Run   as   says.', 'See   now.')
    """
    kept: list[str] = []
    at = 0
    for start, end in _others(text):
        kept.append(text[at:start])
        at = end
    return " ".join([*kept, text[at:]])


def _others(text: str) -> Iterator[tuple[int, int]]:
    """The spans that are not prose, in order."""
    code = _Code(text)
    at = 0
    while found := _NEXT.search(text, at):
        at = found.end()
        if found["fence"]:
            span = found.start(), _end_of_block(text, found["fence"], at)
        elif found["ticks"]:
            span = found.start(), code.end(found.start(), at)
        else:
            span = _address(text, *found.span())
        if span[1] > span[0]:
            yield span
            at = span[1]


def _end_of_block(text: str, fence: str, at: int) -> int:
    """The end of the next fence at a line's start that is at least as long; the text's end if there
    is none."""
    for found in _FENCE.finditer(text, at):
        if found[1].startswith(fence):
            return found.start(1) + len(fence)
    return len(text)


class _Code:
    """Runs of backticks, by their length."""

    def __init__(self, text: str) -> None:
        self._text, self._line = text, -1
        self._runs: dict[int, list[int]] = defaultdict(list)
        for run in _TICKS.finditer(text):
            self._runs[run.end() - run.start()].append(run.start())

    def end(self, start: int, end: int) -> int:
        """The end of the run that closes this one: the next run of the same length in the same
        line. `start` if there is none."""
        if self._text[start - 1 : start] == "`":  # the rest of a fence
            return start
        if self._line < end:
            found = self._text.find("\n", end)
            self._line = found if found >= 0 else len(self._text)
        same = self._runs[end - start]
        after = bisect_left(same, end)
        if after < len(same) and same[after] < self._line:
            return same[after] + end - start
        return start


def _address(text: str, start: int, end: int) -> tuple[int, int]:
    """The span of the address that begins in this word, or words joined by dots; an empty span if
    none does."""
    first = _BEGIN.search(text, start, end)
    begin = first.start() if first else end
    domain = None
    for domain in _DOMAIN.finditer(text, begin + 1, end):  # noqa: B007 - finds the last one
        pass
    if domain:
        return begin, _end_of_printed(text, domain.end())
    scheme = _HTTP.search(text, max(start, end - 6), end)
    if (
        scheme
        and text.startswith("://", end)
        and (stop := _end_of_printed(text, end + 3)) > end + 3
    ):
        return scheme.start(), stop
    return start, start


def _end_of_printed(text: str, at: int) -> int:
    found = _PRINTED.match(text, at)
    assert found
    return found.end()
