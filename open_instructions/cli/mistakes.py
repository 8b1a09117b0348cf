"""Usage errors as sentences: what was typed wrong, and what to type instead. Typer's own messages
use the terms of its parsers."""

from __future__ import annotations

import difflib
import re
from typing import Any

from ..errors import suggest


def in_words(error: Any, command: str) -> tuple[str, str]:
    """The message for a usage error of Typer, and a hint. `command` is the command that was typed,
    in case the error does not know it."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else f"oi {command}".strip()
    if hasattr(error, "possibilities"):
        return _no_such_option(context, command, error.option_name)
    if wanted := re.match(r"No such command '(.*?)'\.", error.format_message(), re.S):
        known = list(context.command.commands) if context else []
        return f"There is no command {wanted[1]!r}.", suggest(wanted[1], known, "Commands are")
    if wanted := re.match(r"Option '(--?[\w-]+)' requires an argument\.", error.format_message()):
        return f"{wanted[1]} needs a value.", f"See {command} --help."
    return _wrong_value(error) or _sentence(error.format_message()), f"See {command} --help."


def _no_such_option(context: Any, command: str, option: str) -> tuple[str, str]:
    parameters = context.command.get_params(context) if context else []
    known = [name for parameter in parameters for name in parameter.opts if name.startswith("--")]
    near = difflib.get_close_matches(option[:100], known, n=1, cutoff=0.6)
    return (
        f"{command} has no option {option[:100]}.",
        f"Did you mean {near[0]}?" if near else f"{command} --help lists its options.",
    )


def _wrong_value(error: Any) -> str:
    """The message for a value of the wrong kind; "" for any other error."""
    parameter = getattr(error, "param", None)
    found: list[Any] = getattr(
        error.__cause__, "errors", list
    )()  # from pydantic, in the releases of Typer that use it
    if parameter is None or not found:
        return ""
    name = next((o for o in parameter.opts if o.startswith("--")), str(parameter.name).upper())
    [fault, *_] = found
    given, kind = str(fault["input"])[:80], fault["type"]
    choices = re.findall(r"'(\w+)'", str(fault["msg"]).rpartition(" is not one of ")[2])
    if choices:
        return f"{name} takes {', '.join(choices[:-1])} or {choices[-1]}, not {given!r}."
    if kind == "greater_than_equal":
        return f"{name} takes a whole number from {fault['ctx']['ge']}, not {given}."
    if kind.startswith("float"):
        return f"{name} takes a number, not {given!r}."
    return f"{name} takes a whole number, not {given!r}." if kind.startswith("int") else ""


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "?", "!")) else f"{text}."
