"""oi build"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from ..errors import Note, UsageError, counted
from ..options import RUNNING, BuildOptions, options_of
from ..paths import shown
from .console import bars, err, out, safe, show, size
from .fetch import watching
from .options import keyword, parameter, sources_argument, yes_option

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ..building.plan import Plan
    from ..building.progress import Update

EXAMPLES = """\
oi build --sample                          try it, without downloads
oi build ./tickets.jsonl alpaca --out mix  your own file, and a known set
oi build                                   fetch what is missing, and build
oi build --data-dir downloads --missing skip
oi build alpaca gpt4llm:zh --data-dir downloads --languages zh --out mix
oi build ./mine.py --data-dir downloads    a source of your own, in Python
oi build --locked mix/oi.lock --out again  the files of an earlier build
oi build --recipe commercial               only what may be used commercially
oi build --recipe sft-mix --plan           what it would do, and nothing more
oi build ./mix -r ./other.yaml -o other      a finished build in another mix
oi build --engine ray --data-dir s3://bucket/raw --out s3://bucket/mix"""


def build(named: list[str] | None, sources: str | None, yes: bool, plan: bool, **said: Any) -> None:
    """Build Parquet shards from known sources and from your own files."""
    if plan:
        _show_plan(_asked_for(named, sources), said)
        return
    from ..building.run import build as run
    from ..reports.shares import shares_table
    from ..reports.tables import LEDGER_SPARE, edits_table, ledger_table, reasons_table

    started = time.monotonic()
    watcher = _Watcher()
    try:
        result = run(
            _asked_for(named, sources),
            **{name: value for name, value in said.items() if value not in (None, [])},
            progress=watcher.step,
            announce=watcher.announce,
            tell=watcher.tell,
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
    show("Mix", *shares_table(result.manifest.steps))
    for note in result.found.notes[watcher.said :]:
        if note.command in watcher.told:
            continue
        err().print(Text(safe(f"Note: {note.command}")))
    totals = ledger.summary()
    console = out()
    if result.unchanged:
        return
    read = totals["records_read"] + totals["records_unreadable"]
    console.print(
        Text(
            f"{counted(read, 'record')} = {totals['records_kept']:,} kept + "
            f"{totals['records_rejected']:,} rejected; {counted(totals['rows'], 'row')} in "
            f"{time.monotonic() - started:.1f} s"
        )
    )
    console.print(Text(safe(str(result.path))))


_PLAN = "Show what would be read, fetched and mixed, and do nothing."


def _show_plan(asked: list[str] | str | None, said: dict[str, Any]) -> None:
    from ..building.choices import Choices
    from ..building.preview import preview

    given = {name: value for name, value in said.items() if value not in (None, [])}
    found = preview(Choices(sources=asked, **given))
    show("Sources", *found.files())
    show("Evaluation sets", *found.evaluation_sets())
    show("Recipe", *found.keys())
    show("Mix", *found.mix())
    out().print(Text(safe(f"The build would go to {found.out}. Nothing was fetched or written.")))


def _parameters(definition: type[BuildOptions]) -> Iterator[Parameter]:
    """The parameters of `oi build`: all options of the definition, and two of its own."""
    help = (
        "What to build: known sources and subsets, your own files and folders, hub datasets, "
        "finished builds, like alpaca gpt4llm:zh ./tickets.csv. Default: the recipe's, or all."
    )
    yield keyword("named", list[str] | None, sources_argument(help))
    for option in options_of(definition):
        yield parameter(option)
        if option.name == "offline":
            yield keyword("yes", bool, yes_option(option.group), False)
    yield keyword("plan", bool, typer.Option("--plan", help=_PLAN, rich_help_panel=RUNNING), False)


build.__signature__ = Signature(list(_parameters(BuildOptions)))  # type: ignore[attr-defined]


def _asked_for(named: list[str] | None, listed: str | None) -> list[str] | str | None:
    """The sources, named in one of the two ways; None if the user names none."""
    if named and listed is not None:
        raise UsageError(
            f"Sources are named in two ways: {' '.join(named)}, and --sources {listed}.",
            hint="Name all of them in one way.",
        )
    if named:
        from ..catalogue.registry import list_of

        return [part for item in named for part in list_of(item)]
    return listed


class _Watcher:
    """Prints what was found, then the progress: bars on a terminal, a line per source in a pipe."""

    def __init__(self) -> None:
        self.said = 0
        self.told: set[str] = set()
        self._console = err()
        self._bars: dict[str, TaskID] = {}
        self._progress: Progress | None = None
        self._records: dict[str | None, int] = defaultdict(int)
        self._last: Update | None = None

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
        for name, many in (job.known.items if job.known else {}).items():
            told = f"{name}  evaluation set, {counted(many, 'item')}"
            self._console.print(Text(safe(told)))
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

    def tell(self, note: str) -> None:
        """Say at once what the build would say at its end: by then, it is too late to stop it."""
        self.told.add(Note(note).command)
        self._console.print(Text(safe(f"Note: {Note(note).command}")))

    def _start_bars(self, job: Plan) -> None:
        from ..building.chunks import bytes_of

        self._progress = bars(self._console)
        totals: Counter[str] = Counter()
        for item, size_of in bytes_of(job.found.inputs).items():
            totals[item.source] += size_of
        for source, total in totals.items():
            self._bars[source] = self._progress.add_task(source, total=total, start=False)
        self._progress.start()

    def step(self, step: Update) -> None:
        if self._last and self._last.name != step.name:
            self._finish(self._last)
        self._last = step
        self._records[step.source] += step.records
        if self._progress:
            if step.name not in self._bars:
                self._bars[step.name] = self._progress.add_task(
                    step.name, start=False, total=step.total, in_bytes=step.in_bytes
                )
            task = self._bars[step.name]
            self._progress.start_task(task)
            self._progress.update(task, completed=step.done, total=step.total)

    def _finish(self, step: Update) -> None:
        if self._progress:
            self._progress.update(self._bars[step.name], completed=step.total)
        elif step.source is not None:
            self._console.print(
                Text(
                    f"{step.source}: {counted(self._records[step.source], 'record')}, "
                    f"{size(step.total)}"
                )
            )

    def done(self) -> None:
        if self._last:
            self._finish(self._last)

    def close(self) -> None:
        if self._progress:
            self._progress.stop()
