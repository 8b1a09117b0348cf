"""oi build"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from ..errors import UsageError, counted
from ..paths import shown
from .console import bars, err, out, safe, show, size
from .fetch import watching

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ..building.plan import Plan
    from ..building.progress import Step as BuildStep

EXAMPLES = """Examples:

oi build --sources all --sample                            try it, without downloads

oi build --sources all                                     fetch what is missing, and build

oi build --sources all --data-dir downloads --missing skip

oi build alpaca gpt4llm:zh --data-dir downloads --languages zh --out mix

oi build ./mine.py --data-dir downloads                    a source of your own

oi build --locked mix/oi.lock --out again                  exactly the files of an earlier build

oi build --recipe commercial                               only what may be used commercially

oi build --engine ray --data-dir s3://bucket/raw --out s3://bucket/mix"""


_IN, _CLEANING, _WHERE, _RUNNING = "What goes in", "Cleaning", "Where it goes", "Running"
"""The groups of options in the help."""


def build(
    named: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCES",
            help="Sources to build, like alpaca gpt4llm:zh ./mine.py. Default: all.",
            show_default=False,
        ),
    ] = None,
    sources: Annotated[
        str | None,
        typer.Option(
            "--sources",
            "-s",
            help="The same as a list, like alpaca,gpt4llm:zh,./mine.py.",
            rich_help_panel=_IN,
        ),
    ] = None,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample",
            help="Use the small samples that come with the package.",
            rich_help_panel=_IN,
        ),
    ] = False,
    data_dir: Annotated[
        list[str] | None,
        typer.Option(
            "--data-dir",
            "-d",
            metavar="FOLDER",
            help="Folder with upstream's files, at any depth: a path, or an address like s3://bucket/raw. Can be repeated.",
            rich_help_panel=_IN,
        ),
    ] = None,
    missing: Annotated[
        Literal["stop", "skip"],
        typer.Option(help="What to do if a source has no files.", rich_help_panel=_IN),
    ] = "stop",
    offline: Annotated[
        bool,
        typer.Option(
            "--offline", help="Fetch nothing. Cached files are used.", rich_help_panel=_IN
        ),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Do not ask before fetching more than 1 GB.", rich_help_panel=_IN
        ),
    ] = False,
    locked: Annotated[
        str | None,
        typer.Option(
            metavar="OI.LOCK",
            help="Use exactly the files of this lock, or fail.",
            rich_help_panel=_IN,
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            "-r",
            help="default, vicuna, commercial, classic, or a .yaml file. Default: default, or the lock's recipe.",
            rich_help_panel=_CLEANING,
        ),
    ] = None,
    out_dir: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Where to put the build: a path or an address. Default: builds/RECIPE in $OI_HOME.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    languages: Annotated[
        str | None,
        typer.Option(
            help="Keep only these, like en,zh. Others go to rejected/.", rich_help_panel=_CLEANING
        ),
    ] = None,
    not_languages: Annotated[
        str | None,
        typer.Option(help="Drop these, like ko. They go to rejected/.", rich_help_panel=_CLEANING),
    ] = None,
    licenses: Annotated[
        str | None,
        typer.Option(
            help="Keep only rows under these, like commercial or MIT,CC0-1.0. Others go to rejected/.",
            rich_help_panel=_CLEANING,
        ),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Split conversations over this many tokens. 0 does not split.",
            rich_help_panel=_CLEANING,
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Encoding of files that are not UTF-8, UTF-16 or UTF-32, like gb18030 or cp1252.",
            rich_help_panel=_IN,
        ),
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Tokenizer for counting: an encoding like o200k_base, a path to a tokenizer.json, or owner/name on the hub.",
            rich_help_panel=_CLEANING,
        ),
    ] = None,
    index_base: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SUBSET=0|1",
            help="Whether a subset counts its options from 0 or 1, if its files do not show it, like lmflow:medmcqa=0. Can be repeated.",
            rich_help_panel=_IN,
        ),
    ] = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            help="Run on this machine or on a Ray cluster, all of whose nodes must reach --out.",
            rich_help_panel=_RUNNING,
        ),
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="The cluster, like 10.0.0.1:6379. Default: the one running here.",
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of processes. Default: one per CPU.", rich_help_panel=_RUNNING
        ),
    ] = None,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            help="Start over, even if an interrupted build could be continued.",
            rich_help_panel=_RUNNING,
        ),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Stop at the first record on which a converter, rule or stage fails.",
            rich_help_panel=_RUNNING,
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace a different build in the same folder.",
            rich_help_panel=_WHERE,
        ),
    ] = False,
) -> None:
    """Build merged Parquet shards from upstream's files."""
    from ..building.run import build as run
    from ..reports.tables import LEDGER_SPARE, edits_table, ledger_table, reasons_table

    started = time.monotonic()
    watcher = _Watcher()
    try:
        result = run(
            _asked_for(named, sources),
            data_dir=data_dir or None,
            sample=sample,
            missing=missing,
            offline=offline,
            locked=locked,
            recipe=recipe,
            out=out_dir,
            languages=languages,
            not_languages=not_languages,
            licenses=licenses,
            max_tokens=max_tokens,
            encoding=encoding,
            tokenizer=tokenizer,
            index_base=index_base,
            engine=engine,
            ray_address=ray_address,
            workers=workers,
            overwrite=overwrite,
            restart=restart,
            strict=strict,
            progress=watcher.step,
            announce=watcher.announce,
            fetching=watching(yes=yes),
        )
        watcher.done()
    finally:
        watcher.close()
    ledger = result.ledger
    if result.unchanged:
        out().print(Text(f"This build already exists: {safe(str(result.path))}"))
    show("Ledger", *ledger_table(ledger), spare=LEDGER_SPARE)
    show("Rejected", *reasons_table(ledger))
    show("Changed by rules", *edits_table(ledger))
    for note in result.found.notes[watcher.said :]:
        err().print(Text(safe(f"Note: {note.command}")))
    totals = ledger.summary()
    console = out()
    if result.unchanged:
        return
    read = totals["records_read"] + totals["records_unreadable"]
    console.print(
        Text(
            f"{counted(read, 'record')} = {totals['records_kept']:,} kept + {totals['records_rejected']:,} rejected; "
            f"{counted(totals['rows'], 'row')} in {time.monotonic() - started:.1f} s"
        )
    )
    console.print(Text(safe(str(result.path))))


def _asked_for(named: list[str] | None, listed: str | None) -> str:
    """The sources, named in one of the two ways."""
    if named and listed is not None:
        raise UsageError(
            f"Sources are named in two ways: {' '.join(named)}, and --sources {listed}.",
            hint="Name all of them in one way.",
        )
    return ",".join(named) if named else "all" if listed is None else listed


class _Watcher:
    """Says what was found, then how far it is: bars on a terminal, a line per source in a pipe."""

    def __init__(self) -> None:
        self.said = 0
        self._console = err()
        self._bars: dict[str, TaskID] = {}
        self._progress: Progress | None = None
        self._records: dict[str | None, int] = defaultdict(int)
        self._last: BuildStep | None = None

    def announce(self, job: Plan, done: int) -> None:
        groups = defaultdict(list)
        for item in job.found.inputs:
            groups[item.source, item.subset].append(item)
        for (source, subset), items in groups.items():
            names = ", ".join(shown(i.name) for i in items[:2]) + (
                f", … ({len(items)} files)" if len(items) > 2 else ""
            )
            unique = {i.path: i.size for i in items}
            self._console.print(
                Text(safe(f"{source}:{subset}  {names}  {size(sum(unique.values()))}"))
            )
        self.said = len(job.found.notes)
        for note in job.found.notes:
            self._console.print(Text(safe(f"Note: {note.command}")))
        if job.found.missing:
            gone = ", ".join(f"{source}:{subset}" for source, subset in job.found.missing)
            self._console.print(Text(safe(f"Missing: {gone}")))
        if job.found.unused:
            more = f", … ({len(job.found.unused)} files)" if len(job.found.unused) > 8 else ""
            some = ", ".join(map(shown, job.found.unused[:8])) + more
            self._console.print(Text(safe(f"Not used: {some}")))
        if done:
            self._console.print(Text(f"Continuing: {done:,} chunks are already finished."))
        if self._console.is_terminal:
            self._start_bars(job)

    def _start_bars(self, job: Plan) -> None:
        from ..building.chunks import shares

        self._progress = bars(self._console)
        totals: Counter[str] = Counter()
        for item, size_of in shares(job.found.inputs).items():
            totals[item.source] += size_of
        for source, total in totals.items():
            self._bars[source] = self._progress.add_task(source, total=total, start=False)
        self._progress.start()

    def step(self, step: BuildStep) -> None:
        if self._last and self._last.name != step.name:
            self._finish(self._last)
        self._last = step
        self._records[step.source] += step.records
        if self._progress:
            if step.name not in self._bars:
                self._bars[step.name] = self._progress.add_task(step.name, start=False)
            task = self._bars[step.name]
            self._progress.start_task(task)
            self._progress.update(task, completed=step.done, total=step.total)

    def _finish(self, step: BuildStep) -> None:
        if self._progress:
            self._progress.update(self._bars[step.name], completed=step.total)
        elif step.source is not None:
            self._console.print(
                Text(
                    f"{step.source}: {counted(self._records[step.source], 'record')}, {size(step.total)}"
                )
            )

    def done(self) -> None:
        if self._last:
            self._finish(self._last)

    def close(self) -> None:
        if self._progress:
            self._progress.stop()
