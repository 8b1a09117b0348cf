"""The command `oi`: parses, calls, prints. No logic lives here, and nothing heavy is imported
before a command runs."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, NoReturn

import typer

from ..checkout import documents
from ..errors import OpenInstructionsError
from ..paths import store_fault
from . import build, cache, check, decontaminate, explain, fetch, inspect, push, sources, stats
from .console import fail
from .help import Command, Group
from .mistakes import in_words
from .streams import open_closed, outlive_readers

_INTERRUPTED = 130
_NOBODY_READS = 141
"""The exit code that a shell reports for a command that SIGPIPE ended."""
_HELP = {"-h", "--help"}
_GOES_ON = ("build", "fetch")
"""After an interruption, these commands continue from what is done. They finish even if nobody
reads their messages."""

_MORE = "; ".join(filter(None, ("oi COMMAND --help", documents())))

app = typer.Typer(
    name="oi",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": sorted(_HELP)},
    help=(
        "Turn instruction-tuning sets into one set of conversations: Parquet shards, every "
        "record accounted for."
    ),
    epilog=f"Start here:  oi build --sample   then   oi stats\n\nMore:  {_MORE}",
)
app.command("build", cls=Command, epilog=build.EXAMPLES)(build.build)
app.command("fetch", cls=Command, epilog=fetch.EXAMPLES)(fetch.fetch)
app.command("inspect", cls=Command, epilog=inspect.EXAMPLES)(inspect.inspect)
app.command("stats", cls=Command, epilog=stats.EXAMPLES)(stats.stats)
app.command("check", cls=Command, epilog=check.EXAMPLES)(check.check)
app.command("sources", cls=Command, epilog=sources.EXAMPLES)(sources.sources)
app.command("explain", cls=Command, epilog=explain.EXAMPLES)(explain.explain)
app.command("decontaminate", cls=Command, epilog=decontaminate.EXAMPLES)(
    decontaminate.decontaminate
)
app.command("cache", cls=Command, epilog=cache.EXAMPLES)(cache.cache)
app.command("push", cls=Command, epilog=push.EXAMPLES)(push.push)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"open-instructions {version('open-instructions')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback when something fails.")
    ] = False,
) -> None:
    pass


# Recent releases of Typer include a copy of Click; this finds the base of usage errors there, or in
# Click itself.
_WrongUsage: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


def _command(given: Sequence[str]) -> str:
    return next((a for a in given if not a.startswith("-")), "")


def _came_of_an_interruption(error: BaseException) -> bool:
    """Did Ctrl-C cause this error? While a class is created, Python 3.11 turns Ctrl-C into a
    RuntimeError; while threads start, joining them fails after it."""
    seen: BaseException | None = error
    while seen and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__cause__ or seen.__context__
    return seen is not None


def _interrupted(given: Sequence[str]) -> int:
    fail(
        "Interrupted.",
        "Run the same command again to continue." if _command(given) in _GOES_ON else "",
    )
    return _INTERRUPTED


def main(arguments: list[str] | None = None) -> int:
    """Run `oi`; returns the exit code. See docs/cli.md for the codes."""
    try:
        return _main(arguments)
    except BrokenPipeError:  # `oi stats | head`: the reader has seen enough
        return _NOBODY_READS
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # Typer turns it into this
            return _NOBODY_READS
        raise


def _main(arguments: list[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    try:
        result = app([a for a in given if a != "--debug"], prog_name="oi", standalone_mode=False)
        if result == _INTERRUPTED:  # Typer silently turns a KeyboardInterrupt into this
            raise KeyboardInterrupt
        sys.stdout.flush()  # here, where a full disk is reported
        return result if isinstance(result, int) else 0
    except OpenInstructionsError as error:
        if debug:
            raise
        fail(error.message, error.hint)
        return error.exit_code
    except _WrongUsage as error:
        if not error.format_message():  # no command at all: the help has been shown
            return 2
        fail(*in_words(error, _command(given)))
        return 2
    except (KeyboardInterrupt, typer.Abort):
        if debug:
            raise
        return _interrupted(given)
    except BrokenPipeError:
        raise
    except MemoryError as error:
        if debug:
            raise
        hint = "Run the same command again to continue." if _command(given) in _GOES_ON else ""
        fail(
            f"Not enough memory{f': {error}' if str(error) else ''}.",
            f"Use fewer --workers. {hint}".strip(),
        )
        return 1
    except OSError as error:
        if debug:
            raise
        fail(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "") + ".")
        return 1
    except Exception as error:
        if debug:
            raise
        if _came_of_an_interruption(error):
            return _interrupted(given)
        if fault := store_fault(error):
            fail(fault)
        else:
            fail(
                f"{type(error).__name__}: {error}.",
                "This is a bug; --debug shows where. Please report it.",
            )
        return 1


def run() -> NoReturn:
    """The command itself: `main`, then the end of the process. Taking the interpreter apart, object
    by object, is a tenth of the time of a short command, and there is nothing left to close. After
    an interruption, the interpreter still ends the normal way."""
    open_closed()
    if _command(sys.argv[1:]) in _GOES_ON and not _HELP & set(sys.argv):
        outlive_readers()  # their result is on disk, not in their messages
    atexit.register(_end, _orderly_end())  # registered first, and so called last
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads it any more
            stream.flush()
    if code == _INTERRUPTED:
        sys.exit(code)
    _end([])
    os._exit(code)


def _orderly_end() -> list[int]:
    """Make the signals that end a process end it as Ctrl-C does, so that no worker outlives it.
    Returns the list to which signals are added when they come."""
    came: list[int] = []

    def end(number: int, _: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if (
            number is not None and signal.getsignal(number) is signal.SIG_DFL
        ):  # nohup makes a process ignore SIGHUP
            signal.signal(number, end)
    return came


def _end(came: list[int]) -> None:
    """Stop multiprocessing's resource tracker, a process that would otherwise end only after this
    one. Then end this process by the signal that came for it, if any."""
    if tracker := sys.modules.get("multiprocessing.resource_tracker"):
        with suppress(OSError, AttributeError):
            tracker._resource_tracker._stop()
    if came:
        signal.signal(came[0], signal.SIG_DFL)
        signal.raise_signal(came[0])
