"""Every error that Open Instructions raises on purpose, and the exit code that `oi` ends with.

    OpenInstructionsError        1   anything below; catch this one to catch them all
    ├── UsageError               2   a flag, a name or a value that cannot be used
    ├── MissingSourceError       3   a requested source has no files
    ├── InputError               4   an input file cannot be read, or is not what its name says
    ├── RecipeError              5   a recipe with an unknown key or a value of the wrong kind
    ├── OutputError              6   the output folder is in use, not a build, or cannot be written
    ├── NotFoundError            7   no such build, or no such record in it
    ├── LedgerError              8   the ledger of a build does not balance; nothing was published
    ├── ConverterError           9   a converter, rule or stage broke its contract: a bug
    ├── FetchError              10   a file could not be fetched, or its checksum is wrong
    └── EmptyBuildError         11   no conversation was kept; nothing was published

Bad data never raises: it becomes a rejected record with a reason. These errors stop a build. An
interrupted command (Ctrl-C) ends with 130.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from reprlib import Repr
from typing import Any

from .options import BuildOptions, options_of


class _Shown(Repr):
    def repr_int(self, x: int, level: int) -> str:
        return str(x) if x.bit_length() < 128 else f"a number of {x.bit_length():,} bits"


_REPR = _Shown()
_REPR.maxlevel, _REPR.maxstring, _REPR.maxother = 2, 80, 80
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = 4


def shown(value: Any) -> str:
    """An untrusted value as errors show it: like repr, but one line of bounded length, however
    large or nested the value is.

    >>> shown("text"), len(shown("a" * 1000))
    ("'text'", 80)
    """
    return _REPR.repr(value)


def shortened(text: str) -> str:
    """An untrusted text as errors show it: its first 200 characters.

    >>> shortened("a" * 1000) == "a" * 200 + "…"
    True
    """
    return text if len(text) <= 200 else text[:200] + "…"


UNSEEN = re.compile(
    # control characters, line separators, halves of surrogate pairs
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
    # joiners, breaks and direction marks
    r"\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"
    # other formats
    r"\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
    r"\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # fillers
    r"\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0000-\U000e0fff]"  # variation selectors, and tags
)
"""Characters that move the cursor, control a terminal, or are invisible: a sentence can be hidden
in tags or variation selectors."""


def safe(text: str) -> str:
    """Text with control characters, terminal escapes, direction marks and invisible characters
    escaped.

    >>> safe("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    return UNSEEN.sub(lambda m: m[0].encode("unicode_escape", "backslashreplace").decode(), text)


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "record"), counted(1200, "record")
    ('1 record', '1,200 records')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def suggest(name: str, known: Sequence[str], label: str) -> str:
    """The nearest known name, or all of them under a label.

    >>> (suggest("alpca", ["alpaca", "dolly"], "Sources are"),
    ...  suggest("x", ["a", "b"], "Sources are"))
    ("Did you mean 'alpaca'?", 'Sources are: a, b.')
    """
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else f"{label}: {', '.join(known)}."


_OPTIONS = options_of(BuildOptions)
_SWITCHES = {
    "--private",
    "--rejected",
    *(option.flag for option in _OPTIONS if option.read is bool),
}
"""The switches of `build`, and the one of `push`."""
_FLAGS = sorted(_SWITCHES | {option.flag for option in _OPTIONS})
_OPTION = re.compile(rf"(?<![^\s(])({'|'.join(_FLAGS)})(?:=(\S*[^\s,;.]))?(?![\w-])")
_EXPLAIN = re.compile(r"(?<!\S)oi explain ('[^']*'|[^\s'-]\S*[^\s,;.])")


def in_python(text: str) -> str:
    """A message with options replaced by parameters of the same names, so that one message fits
    both the command and Python.

    >>> in_python("Use --overwrite, --data-dir or --missing=skip.")
    "Use overwrite=True, data_dir or missing='skip'."
    """

    def parameter(match: re.Match[str]) -> str:
        name, value = match[1].removeprefix("--").replace("-", "_"), match[2]
        if value:
            return f"{name}={value!r}"
        return f"{name}=True" if match[1] in _SWITCHES else name

    text = text.replace("oi build --sample", "open_instructions.build(sample=True)")

    def explain(match: re.Match[str]) -> str:
        id = match[1].strip("'")
        return f"open_instructions.explain({id!r})"

    return _OPTION.sub(parameter, _EXPLAIN.sub(explain, text))


class Note(str):
    """A remark that stops nothing. Like an exception, its text names the functions' parameters;
    `command` has the text with the command's options.

    >>> note = Note("Use --data-dir.")
    >>> str(note), note.command
    ('Use data_dir.', 'Use --data-dir.')
    """

    command: str

    def __new__(cls, text: str) -> Note:
        note = super().__new__(cls, in_python(text))
        note.command = getattr(text, "command", text)
        return note


class OpenInstructionsError(Exception):
    """Base of all errors here; its `hint` says what to do.

    `message` and `hint` name the options of the command; the text of the exception names the
    parameters of the functions."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return in_python(f"{self.message} {self.hint}".strip())


class UsageError(OpenInstructionsError):
    """An option, a name or a value cannot be used."""

    exit_code = 2


class MissingSourceError(OpenInstructionsError):
    """A requested source has no files."""

    exit_code = 3


class InputError(OpenInstructionsError):
    """An input file cannot be read, or is not what its name says."""

    exit_code = 4


class RecipeError(OpenInstructionsError):
    """A recipe has an unknown key or a value of the wrong kind."""

    exit_code = 5


class OutputError(OpenInstructionsError):
    """The output folder is in use, is not a build, or cannot be written."""

    exit_code = 6


class NotFoundError(OpenInstructionsError):
    """There is no such build, or no such record in it."""

    exit_code = 7


class LedgerError(OpenInstructionsError):
    """The ledger of a build does not balance. Nothing was published."""

    exit_code = 8


class ConverterError(OpenInstructionsError):
    """A converter, rule or stage broke its contract: a bug, not bad data."""

    exit_code = 9


class FetchError(OpenInstructionsError):
    """A file could not be fetched, or its checksum is wrong; or a push failed."""

    exit_code = 10


class EmptyBuildError(OpenInstructionsError):
    """No conversation was kept. Nothing was published."""

    exit_code = 11
