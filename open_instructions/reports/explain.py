"""Where one row or rejected record came from, and what each stage did to it.

The stages are pure, so their work is not stored: the record is read again from its file and goes
through the stages again. `store.home` remembers by digest where the file is on this machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..catalogue import Selection, Source, registry, select
from ..catalogue.own import from_described
from ..corpus import names as step_names
from ..corpus import near_duplicates
from ..drafting import Run
from ..errors import Note, NotFoundError, in_python
from ..inputs import Input, digest, find, samples_dir
from ..inputs.own import by_size
from ..ledger import CONVERT, Tally, stages
from ..options import Folders
from ..paths import folders, place
from ..pipeline import Pipeline
from ..preference import Preference, PreferenceDraft, tokens_of
from ..readers import open_file
from ..readers.chunk import cut
from ..recipe import Recipe
from ..schema import Conversation, Draft, Message, Reject, Rejected, to_json
from ..stages.record_rules import Repaired
from ..store import REJECTED, Build, InputEntry, home, open_build
from .alignment import Aligned, aligned_of
from .alike import Alike, turns_of
from .narrative import LONG_IN_PYTHON, lines
from .rows_by_id import found_in, header_of, name_of, near_id, rows_with
from .tables import escaped, safe
from .upstream import parents_at_hand, upstream

_NO_NOTE = Note("")
Turns = list[tuple[str, str]]
Result = Draft | PreferenceDraft | Conversation | Preference | Reject
Replay = Callable[[dict[str, Any], str], "tuple[str, list[StageResult]] | Note"]
"""Reads the record of a row or reject with this id again, as `_read_again` does."""


@dataclass(frozen=True)
class StageResult:
    """A stage's result for the record: the resulting conversations, as turns, and the reasons for
    anything rejected.

    `record` is the raw record after the rules that changed it; `labels` then names those rules.
    """

    stage: str
    conversations: list[Turns]
    refused: list[str]
    labels: str = ""
    record: dict[str, Any] | None = None


@dataclass(frozen=True)
class Explanation:
    """The rows of data/ or preference/ and of rejected/ that belong to an id, and the steps if the
    file is still available. `header` is what the file says for all its records, as JSON text;
    `split` that of the rows, if the build has several. `through` names the builds between this one
    and the record, if it was made of others. `alike` has the row that stays instead of one that is
    nearly the same, `aligned` the items of evaluation sets that it was dropped or marked for."""

    id: str
    rows: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    raw: str
    steps: list[StageResult]
    note: Note = _NO_NOTE
    header: str = ""
    split: str = ""
    through: tuple[str, ...] = ()
    alike: Alike | None = None
    aligned: list[Aligned] = field(default_factory=list)

    def __repr__(self) -> str:
        said = lines(self, LONG_IN_PYTHON)
        return safe("\n".join(in_python(text) if kind == "note" else text for kind, text in said))

    def _repr_html_(self) -> str:
        return f"<pre>{escaped(repr(self))}</pre>"


def explain(
    id: str,
    path: str | os.PathLike[str] | None = None,
    *,
    data_dir: Folders | None = None,
    sources: str | Iterable[str] | None = None,
) -> Explanation:
    """Explain a row or a rejected record by its `id` or `conversation_id`.

    The record's file is searched for in `data_dir`, where the last build found it, and among the
    samples. Name your own source by its .py file in `sources`: a build never decides which code
    runs. Raises NotFoundError if the build has no such id.
    """
    build = open_build(path)
    return _explained(id, build, folders(data_dir), sources, ())


def _explained(
    id: str,
    build: Build,
    data_dirs: Sequence[Path],
    sources: str | Iterable[str] | None,
    through: tuple[str, ...],
) -> Explanation:
    """`through` names the builds that the row was followed through, each by its fingerprint."""
    rows, split = rows_with(build, id)
    name = name_of(build, rows[0]) if rows else id
    rejected = found_in(build, REJECTED, name)
    if not rows and not rejected:
        hint = _where_it_may_be(id, build, data_dirs)
        raise NotFoundError(f"{build.path} has no record {id!r}.", hint=hint)
    origin = (rows or rejected)[0]
    dropped = [
        r for r in rejected if r["stage"] in step_names() and r["level"] != "mark" and not rows
    ]
    hits = aligned_of(build, rows, rejected, _at_hand)
    ahead = upstream(build, origin, data_dirs)
    if isinstance(ahead, Note):
        return Explanation(id, rows, rejected, "", [], ahead, split=split, aligned=hits)
    if ahead and (fingerprint := ahead.build.manifest.fingerprint) not in through:
        seen = (*through, fingerprint)
        inner = _explained(ahead.name, ahead.build, data_dirs, sources, seen)
        through = (f"{ahead.build.path} ({fingerprint[:12]}…)", *inner.through)
        here = replace(inner, id=id, rows=rows, rejected=rejected, split=split, through=through)
        return _ended(replace(here, aligned=hits or inner.aligned), build, dropped, None)
    header = header_of(build, origin)
    found = partial(Explanation, id, rows, rejected, header=header, split=split, aligned=hits)
    name = name if rows else rejected[0]["conversation_id"]
    replay = partial(_read_again, build, data_dirs=data_dirs, sources=sources)
    again = replay(origin, name)
    if isinstance(again, Note):
        raw = next((r["raw"] for r in rejected if r["level"] == "record"), "")
        return found(raw, [], again)
    return _ended(found(*again), build, dropped, replay)


def _where_it_may_be(id: str, build: Build, data_dirs: Sequence[Path]) -> str:
    """A hint about an id that a build does not have."""
    for parent in parents_at_hand(build, data_dirs):
        if found_in(parent, REJECTED, id):
            return f"It was rejected in {parent.path}, of which this build is made."
    if near := near_id(build, id):
        return f"Did you mean {near!r}?"
    return "Ids are in the columns id and conversation_id of all tables."


def _ended(
    found: Explanation, build: Build, dropped: Sequence[dict[str, Any]], replay: Replay | None
) -> Explanation:
    """With what a corpus step did to the row, if it dropped it."""
    if not dropped:
        return found
    first = dropped[0]
    last = StageResult(first["stage"], [], [f"{first['reason']}: {first['detail']}"])
    alike = _alike(build, first, found.steps, replay)
    return replace(found, steps=[*found.steps, last], alike=alike)


def _alike(
    build: Build, dropped: dict[str, Any], steps: Sequence[StageResult], replay: Replay | None
) -> Alike | None:
    """A dropped row and the one that it is nearly the same as: from data/ or preference/, or, if a
    later step dropped that one too, from its file."""
    other = dropped["other"]
    if dropped["stage"] != near_duplicates.Step.name or other is None:
        return None
    kept = turns_of(rows_with(build, other)[0])
    later = [] if kept or replay is None else found_in(build, REJECTED, other)
    if later and replay and not isinstance(again := replay(later[0], other), Note):
        kept = _last_turns(again[1])
    return Alike(other, dropped["reason"], dropped["score"], _last_turns(steps), kept)


def _last_turns(steps: Sequence[StageResult]) -> Turns:
    """The messages of the conversations that the stages ended with."""
    talks = next((step.conversations for step in reversed(steps) if step.conversations), [])
    return [turn for talk in talks for turn in talk]


def _read_again(
    build: Build,
    origin: dict[str, Any],
    name: str,
    *,
    data_dirs: Sequence[Path],
    sources: str | Iterable[str] | None,
) -> tuple[str, list[StageResult]] | Note:
    """The record of a row or reject as text, and the result of each stage; a Note if its file or
    its source is not at hand."""
    known = _source(build, origin["source"], sources)
    if isinstance(known, str):
        return Note(known)
    recipe = Recipe.from_dict(build.manifest.recipe)
    entry = _entry(build, origin)
    item = _input(entry, known, data_dirs, recipe.encoding) if entry else None
    if entry is None or item is None:
        return Note(
            f"{origin['origin_file']} was not found on this machine. To see the stages, pass its "
            "folder as --data-dir."
        )
    return _replay(recipe, origin, item, known, entry.counted_from, name)


def _entry(build: Build, origin: dict[str, Any]) -> InputEntry | None:
    """The manifest's entry for the file that a row came from."""
    wanted = (origin["source"], origin["subset"], origin["origin_file"])
    inputs = build.manifest.inputs
    return next((i for i in inputs if (i.source, i.subset, i.file) == wanted), None)


def _input(
    entry: InputEntry, source: Source, data_dirs: Sequence[Path], encoding: str
) -> Input | None:
    """The file itself, if it is still available."""
    if known := _at_hand(entry.sha256):
        return Input(
            entry.source, entry.subset, known, known.name, entry.member, entry.file, entry.bytes
        )
    for folder in data_dirs:
        for path in by_size(folder, entry.bytes):
            if digest(path) == entry.sha256:
                return Input(
                    entry.source,
                    entry.subset,
                    path,
                    path.name,
                    entry.member,
                    entry.file,
                    entry.bytes,
                )
    selections = [Selection(source, (source.subset(entry.subset).name,), explicit=True)]
    for folder in [*data_dirs, samples_dir()]:
        for item in find(folder, selections, missing="skip", encoding=encoding).inputs:
            if (item.sha256, item.member) == (entry.sha256, entry.member):
                return item
    return None


def _source(build: Build, name: str, said: str | Iterable[str] | None) -> Source | str:
    """The row's source as the build had it, or why it is unavailable."""
    if name in build.manifest.own:
        return from_described(name, build.manifest.own[name], "the manifest").source()
    loaded = {s.source.name: s.source for s in select(said)} if said is not None else {}
    known = loaded.get(name) or (registry().get(name) if name in registry() else None)
    if known is None:
        return (
            f"The source {name} is not known; --sources=./mine.py shows the stages, if it is one "
            "of your own."
        )
    if known.digest != (build.manifest.sources.get(name) or ""):
        return (
            f"The source {name} differs from the one the build was made with: its .py file "
            "changed, or you need to name it with --sources."
        )
    return known


def _at_hand(sha256: str) -> Path | None:
    """The file with this digest, if it is still in its last known place and unchanged."""
    known = home.whereabouts().get(sha256)
    path = place(known) if known else None
    return path if path and path.is_file() and digest(path) == sha256 else None


def _replay(
    recipe: Recipe,
    origin: dict[str, Any],
    item: Input,
    source: Source,
    base: int | None,
    name: str,
) -> tuple[str, list[StageResult]]:
    """The record as text, and the result of each stage. `base` is the file's index base as the
    build settled it, so the records are read the same way."""
    subset = source.subset(item.subset)
    steps: list[tuple[str | None, StageResult]] = []

    def watch(stage: str, result: Any, whose: str | None) -> None:
        if isinstance(result, Repaired):
            step = StageResult(stage, [], [], ", ".join(result.edits), result.record)
        else:
            step = _step(stage, result if isinstance(result, list) else [result])
        steps.append((whose, step))

    # these reject records before there is a draft to show
    unseen = stages()[: stages().index(CONVERT) + 1]
    opened = open_file(item.path, item.member, subset, recipe.encoding)
    file = origin["origin_file"]
    for chunk in cut(opened, item.source, file, start=0, join=recipe.join_parts, index_base=base):
        for run in chunk.read(chunk.data()).runs:
            if any(frame.row == origin["origin_row"] for frame in run):
                alone = Run(chunk._replace(runs=[run]), Tally(), watch)
                for result in Pipeline(recipe, source, subset).run(alone):
                    if isinstance(result, Rejected) and result.stage in unseen:
                        step = StageResult(result.stage, [], [f"{result.reason}: {result.detail}"])
                        steps.append((None, step))
                return "\n".join(frame.text for frame in run), _of(name, steps)
    return "", _of(name, steps)


def _of(name: str, steps: Sequence[tuple[str | None, StageResult]]) -> list[StageResult]:
    """The steps of one conversation, where its records have several. An id that another record has
    too got a number at its end."""
    names = {whose for whose, _ in steps}
    own = name if name in names else name.rpartition("~")[0]
    return [step for whose, step in steps if own not in names or whose in (None, own)]


def _step(stage: str, results: Sequence[Result]) -> StageResult:
    talks = [_turns(r) for r in results if not isinstance(r, Reject)]
    refused = [
        f"{r.reason}: {r.detail}" + (f" ({_start(r.message)})" if r.message else "")
        for r in results
        if isinstance(r, Reject)
    ]
    first = next((r for r in results if isinstance(r, Conversation | Preference)), None)
    labels = ""
    if first and stage == "language":
        labels = f"{first.language} {first.language_score:.2f}"
    if first and stage == "split":
        labels = ", ".join(
            f"{r.id}: {tokens_of(r):,} tokens"
            for r in results
            if isinstance(r, Conversation | Preference)
        )
    return StageResult(stage, talks, refused, labels)


def _turns(result: Draft | PreferenceDraft | Conversation | Preference) -> Turns:
    """Its messages; those of a preference row with the list that they are in."""
    if isinstance(result, Draft | Conversation):
        return [(m.role, _shown(m)) for m in result.messages if isinstance(m, Message)]
    lists = {"prompt": result.prompt, "chosen": result.chosen, "rejected": result.rejected}
    return [(f"{name}: {m.role}", _shown(m)) for name, messages in lists.items() for m in messages]


def _shown(message: Message) -> str:
    """Its content, and each of its fields on a line."""
    fields = (message.fields or {}).items()
    return "\n".join([message.content, *(f"{name}: {to_json(value)}" for name, value in fields)])


def _start(message: Message) -> str:
    text = " ".join(message.content.split())
    return f"{message.role}: {text[:60]}{'…' if len(text) > 60 else ''}"
