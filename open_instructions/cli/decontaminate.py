"""oi decontaminate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.text import Text

from ..errors import UsageError
from .console import err, out, safe, size
from .fetch import watching
from .options import as_in_build, yes_option

EXAMPLES = """\
oi decontaminate index gsm8k mmlu --out usual.oidx  for builds without a network
oi decontaminate index ./evals/*.jsonl --out ours.oidx
oi build ./tickets.jsonl --decontaminate usual.oidx"""


def decontaminate(
    action: Annotated[
        Literal["index"], typer.Argument(metavar="ACTION", help="What to do: index.")
    ],
    sets: Annotated[
        list[str],
        typer.Argument(
            metavar="SET...", help="Evaluation sets: names like gsm8k, files, hub datasets."
        ),
    ],
    to: Annotated[
        str | None,
        as_in_build("out", "The file to write; its name ends in .oidx.", metavar="FILE"),
    ] = None,
    offline: Annotated[bool, as_in_build("offline", "Fetch nothing.")] = False,
    yes: Annotated[bool, yes_option()] = False,
) -> None:
    """Write an index of evaluation sets, which builds can use in place of them.

    It has hashes of n-grams, ids and lengths, and none of the sets' text.
    """
    from dataclasses import replace

    from ..corpus.contamination import index_file
    from ..corpus.contamination.options import INDEX, decontaminate_of
    from ..corpus.contamination.sets import find_sets, read_sets

    if to is None or not to.endswith(INDEX):
        raise UsageError(
            "--out takes the name of the index file.", hint=f"Like --out usual{INDEX}."
        )
    said = decontaminate_of(list(sets), "the command")
    assert said is not None
    found, notes = find_sets(said.sets, replace(watching(yes=yes), offline=offline))
    read = read_sets(found)
    index_file.write(Path(to), read.entries)
    for note in [*notes, *read.notes]:
        err().print(Text(safe(f"Note: {note.command}")))
    told = ", ".join(f"{name} {items:,}" for name, items in read.items.items())
    out().print(Text(safe(f"{to}: items of {told}; {size(Path(to).stat().st_size)}")))
