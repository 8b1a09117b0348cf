"""Options and arguments of the commands: those of a build, made from their one definition, and
those that several commands share."""

from __future__ import annotations

from inspect import Parameter
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from ..options import BuildOptions, Option, options_of

Directory = Annotated[
    str | None,
    typer.Argument(metavar="DIR", help="A build. Default: the newest one.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]


def sources_argument(help: str) -> Any:
    return typer.Argument(metavar="SOURCES", help=help, show_default=False)


def yes_option(group: str | None = None) -> Any:
    """--yes of the commands that fetch."""
    told = "Do not ask before fetching more than 1 GB."
    return typer.Option("--yes", "-y", help=told, rich_help_panel=group)


def parameter(option: Option) -> Parameter:
    """An option of a build as a parameter of a command. It is None if it is not given; a switch and
    a choice of words have their defaults."""
    has_default = option.read is bool or get_origin(option.read) is Literal
    return keyword(
        option.name,
        option.read if has_default else option.read | None,
        typer.Option(
            *_spelt(option),
            metavar=option.metavar or _placeholder(option.read),
            help=option.help,
            min=option.least,
            rich_help_panel=option.group,
        ),
        option.default if has_default else None,
    )


def keyword(name: str, type: Any, described: Any, default: Any = None) -> Parameter:
    """A parameter of a command as Typer reads it."""
    return Parameter(
        name, Parameter.KEYWORD_ONLY, annotation=Annotated[type, described], default=default
    )


def as_in_build(name: str, help: str, **more: Any) -> Any:
    """An option that is spelt like one of `oi build`, with another meaning."""
    [option] = (option for option in options_of(BuildOptions) if option.name == name)
    return typer.Option(*_spelt(option), help=help, **{"metavar": option.metavar} | more)


def _placeholder(read: Any) -> str | None:
    """What stands for a value of this type in the help: its choices, N for a number, or TEXT."""
    if get_origin(read) is Literal:
        return "|".join(get_args(read))
    return {bool: None, int: "N", float: "N"}.get(read, "TEXT")


def _spelt(option: Option) -> list[str]:
    return [option.flag, *filter(None, [option.short])]
