"""How the commands show their help: words that a user knows, and examples as they are typed."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    """A command. Its epilog is its examples, which are printed line by line: releases of Typer
    differ in the line breaks that they keep."""

    def __init__(self, *given: Any, epilog: str = "", **named: Any) -> None:
        super().__init__(*given, **named)
        self._examples = epilog

    def get_params(self, ctx: Any) -> Any:
        return _without_types(super().get_params(ctx))

    def get_help(self, ctx: Any) -> str:
        indented = self._examples.strip().replace("\n", "\n   ")
        return f"{super().get_help(ctx)}\n Examples:\n   {indented}\n"


class Group(TyperGroup):
    """The command that has the others."""

    def get_params(self, ctx: Any) -> Any:
        return _without_types(super().get_params(ctx))


def _without_types(parameters: Any) -> Any:
    """Parameters whose help shows a metavar or nothing. Typer adds Python's types, like <bool> or
    <list[str]>, and ranges like [x>=1]."""
    for parameter in parameters:
        shown = "" if parameter.param_type_name == "argument" else parameter.metavar or ""
        parameter.display_type_rich = lambda ctx, shown=shown: shown
        parameter._get_number_range_help_str = lambda: None
    return parameters
