"""oi sources"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from .console import json_text, out, safe, show
from .options import AsJson

EXAMPLES = """\
oi sources           all of them
oi sources gpt4all   one, with its files and rules"""


def sources(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A source, or a .py file.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the catalogue of sources: sizes, languages, licences, files, and what is cached."""
    from ..catalogue import registry, select_described
    from ..catalogue.pages import as_dict, as_text
    from ..inputs.cache import Cache
    from ..reports.stats import sources as catalogue

    if as_json:
        chosen = [s.source for s in select_described(name)] if name else registry().all()
        cache = Cache()
        said = [as_dict(s) for s in chosen]
        for s, described in zip(chosen, said, strict=True):
            for subset, there in zip(s.subsets, described["subsets"], strict=True):
                there["cached"] = bool(cache.complete(s, subset))
        typer.echo(json_text(said))
    elif name:
        out().print(Text(safe("\n\n".join(as_text(s.source) for s in select_described(name)))))
    else:
        show("", *catalogue().table(), spare=("answers by", "default", "size", "here"))
        out().print(Text("oi sources NAME shows one source, with the files it looks for."))
