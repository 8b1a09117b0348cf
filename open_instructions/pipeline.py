"""A pure function made from a recipe and a subset: a chunk of frames -> conversations, rejects,
counts.

Every record and message comes out exactly once, in a conversation or in a Rejected. If a stage's
code fails on a record, the record becomes a reject `stage_failed`.

Corpus steps collect their facts before the split, when conversations are whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from .catalogue import Source, Subset
from .corpus import CorpusStep
from .corpus.step import no_rows
from .drafting import Drafted, Drafting, Refused, Run
from .ledger import Ledger, Tally
from .readers import Frame, printable
from .readers.chunk import Chunk
from .recipe import Recipe
from .schema import (
    Conversation,
    Message,
    Reject,
    Rejected,
    encodable,
    raw_text,
    strict_json,
    to_json,
)
from .stages import order
from .stages.definition import STOPS, About, BatchStage, Definition, Stage, failed

if TYPE_CHECKING:
    import pyarrow as pa

NOT_FINITE = "not_finite"
"""The edit for metadata with a number that JSON cannot represent (NaN, Infinity) and that became
null."""
CONVERSATION = "conversation"
"""The kind of a reject that a converter recognised as a conversation."""


class Kept(NamedTuple):
    """A conversation or one part of it, and the whole that the part belongs to. `raw` holds its raw
    records, on the first part only."""

    conversation: Conversation
    whole: Conversation
    first: bool
    raw: list[str]


@dataclass
class Output:
    """The result of a chunk: conversations, rejects, the facts that corpus steps collected from
    whole conversations, and the counts. `keeps_whole` means that a later round will read the texts
    again."""

    conversations: list[Kept] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    facts: dict[str, pa.Table] = field(default_factory=dict)
    keeps_whole: bool = False
    ledger: Ledger = field(default_factory=Ledger)


@dataclass(slots=True)
class _Talk:
    """A conversation on its way through the stages: its frames, its number of messages, what was
    rejected, its current parts, and the conversation before the split."""

    name: str
    frames: list[Frame]
    drafted: int
    rejected: list[Rejected]
    current: list[Conversation]
    whole: Conversation | None = None


class _Named(NamedTuple):
    """A stage in the pipeline, with its name. The stage is None if the recipe does not use it."""

    name: str
    stage: Stage | BatchStage | None


class Pipeline:
    """Everything that a recipe does to the records of one subset. `steps` are the build's corpus
    steps, whose first facts are collected here; `stages` defaults to those of `order`."""

    def __init__(
        self,
        recipe: Recipe,
        source: Source,
        subset: Subset,
        steps: Sequence[CorpusStep] = (),
        stages: Sequence[Definition] | None = None,
    ) -> None:
        off = {name.partition(".")[2] for name in recipe.rules_off if _is_of(name, source)}
        rules = [r for r in source.rules if r.name not in off and r.concerns(subset.name)]
        about = About(tuple(rules), subset.languages)
        stages = order.STAGES if stages is None else stages
        self._subset = subset
        self._steps = steps
        of_records = [d.made(recipe, about) for d in stages if d.takes == "record"]
        self._of_records = [stage.name for stage in of_records]
        self._draft = Drafting(recipe, source, subset, of_records)
        [self._structure] = [d.made(recipe, about) for d in stages if d.takes == "draft"]
        of_talks = [d for d in stages if d.takes == "conversation"]
        self._clean = [_Named(d.name, d.made(recipe, about)) for d in of_talks if not d.splits]
        self._split = [_Named(d.name, d.made(recipe, about)) for d in of_talks if d.splits]

    def __call__(self, chunk: Chunk) -> Output:
        output = Output(keeps_whole=any(len(step.rounds) > 1 for step in self._steps))
        tally = Tally()
        for part in self.run(Run(chunk, tally)):
            if isinstance(part, Rejected):
                output.rejected.append(part)
            else:
                output.conversations.append(part)
        for (stage, what, name), count in tally.items():
            output.ledger.add(chunk.source, chunk.subset, stage, what, count, name)
        wholes = [kept.whole for kept in output.conversations if kept.first]
        for step in self._steps:
            output.facts[step.name] = step.rounds[0].facts(wholes, no_rows())
        return output

    def run(self, run: Run) -> Iterator[Kept | Rejected]:
        """Takes a chunk through all stages, one stage at a time, so that a stage can take many
        conversations at once. The output keeps the order of the records."""
        drafts: list[Drafted | Refused] = []
        records = 0
        for frames in run.chunk.runs:
            records += len(frames)
            drafts += self._draft(frames, run)
        self._count_records(records, drafts, run.tally)
        results = [self._started(item, run) for item in drafts]
        talks = [result for result in results if isinstance(result, _Talk)]
        self._count_started(talks, run.tally)
        for named in self._clean:
            self._apply(named, talks, run)
        for talk in talks:
            talk.whole = talk.current[0] if talk.current else None
        for named in self._split:
            self._apply(named, talks, run)
        for result in results:
            if isinstance(result, Rejected):
                yield result
            else:
                yield from result.rejected
                yield from _kept(result)

    def _started(self, item: Drafted | Refused, run: Run) -> _Talk | Rejected:
        if isinstance(item, Refused):
            name = self._id(item.name, item.frame, run.chunk)
            kind = None if item.reject.message is None else CONVERSATION
            return self._rejected(item.stage, item.reject, name, item.frame, run, kind)
        return self._structured(item, run)

    def _structured(self, drafted: Drafted, run: Run) -> _Talk:
        """A draft as a valid conversation, or as its rejects."""
        draft, frames, chunk = drafted.draft, drafted.frames, run.chunk
        stage = self._structure.name
        name = self._id(draft.id, frames[0], chunk)
        made = self._structure(draft.messages, draft.tools)
        given = len([item for item in draft.messages if isinstance(item, Message)])
        talk = _Talk(name, frames, given, [], [])
        metadata, lossy = strict_json(drafted.metadata) if drafted.metadata else (None, False)
        if made.messages:
            edits = draft.edits + (NOT_FINITE,) * lossy + made.edits
            talk.current.append(
                Conversation.unchecked(
                    id=name,
                    source=chunk.source,
                    subset=chunk.subset,
                    messages=made.messages,
                    conversation_id=name,
                    task=_clean_text(draft.task),
                    engine=_clean_text(draft.engine) or self._subset.engine,
                    license=draft.license or self._subset.license,
                    edits=tuple(dict.fromkeys(edits)) if edits else (),
                    origin_file=chunk.file,
                    origin_rows=tuple([frame.row for frame in frames]),
                    metadata=metadata,
                    tools=made.tools,
                )
            )
            if lossy:
                run.tally["convert", "edits", NOT_FINITE] += 1
            if made.joined:
                run.tally[stage, "messages_joined", ""] += made.joined
        if made.rejects or made.edits:
            run.tally.changes(stage, len(frames), given, made.rejects, made.edits)
            talk.rejected += self._all_rejected(stage, made.rejects, talk, run)
        if run.watch:
            run.watch("convert", draft)
            run.watch(stage, [*talk.current, *made.rejects])
        return talk

    def _count_records(
        self, records: int, drafts: Sequence[Drafted | Refused], tally: Tally
    ) -> None:
        """Counts the records that the reader and the record stages passed on."""
        refused = [item for item in drafts if isinstance(item, Refused)]
        lost = Counter(item.stage for item in refused if item.reject.message is None)
        records -= lost["read"]
        tally["read", "records_out", ""] += records
        for name in self._of_records:
            tally[name, "records_in", ""] += records
            records -= lost[name]
            tally[name, "records_out", ""] += records
        tally["convert", "records_in", ""] += records

    def _count_started(self, talks: Sequence[_Talk], tally: Tally) -> None:
        """Counts the output of the converter and the structure stage in one sum per chunk, because
        counting per record would cost more than the stages."""
        records = sum([len(talk.frames) for talk in talks])
        messages = sum([talk.drafted for talk in talks])
        alive = [talk for talk in talks if talk.current]
        records_out = sum([len(talk.frames) for talk in alive])
        messages_out = sum([len(talk.current[0].messages) for talk in alive])
        tally["convert", "records_joined", ""] += records - len(talks)
        tally["convert", "records_out", ""] += records
        tally["convert", "messages_in", ""] += messages
        tally["convert", "messages_out", ""] += messages
        tally.flow(self._structure.name, records, messages, records_out, messages_out)

    def _apply(self, named: _Named, all_talks: Sequence[_Talk], run: Run) -> None:
        """Runs one stage over all remaining conversations."""
        talks = [talk for talk in all_talks if talk.current]
        before = [talk.current[0] for talk in talks]
        records = records_out = sum([len(talk.frames) for talk in talks])
        messages = messages_out = sum([len(conversation.messages) for conversation in before])
        results = _outcomes(named.stage, before) if named.stage and talks else []
        for talk, conversation, made in zip(talks, before, results, strict=bool(results)):
            if run.watch:
                run.watch(named.name, made)
            first = made[0]
            if first is conversation and len(made) == 1:  # the most common case
                continue
            talk.current = [result for result in made if isinstance(result, Conversation)]
            changed = isinstance(first, Reject) or first.edits is not conversation.edits
            if changed or len(made) > 1:
                self._count_changes(named.name, talk, conversation, made, run)
            messages_out += sum([len(part.messages) for part in talk.current])
            messages_out -= len(conversation.messages)
            if not talk.current:
                records_out -= len(talk.frames)
        if talks or named.stage is None:
            run.tally.flow(named.name, records, messages, records_out, messages_out)

    def _count_changes(
        self,
        stage: str,
        talk: _Talk,
        conversation: Conversation,
        results: list[Conversation | Reject],
        run: Run,
    ) -> None:
        """Counts what a stage changed and rejected in a conversation, and keeps the rejects."""
        rejects = [result for result in results if isinstance(result, Reject)]
        edits = tuple(e for part in talk.current for e in part.edits if e not in conversation.edits)
        run.tally.changes(stage, len(talk.frames), len(conversation.messages), rejects, edits)
        more = len(talk.current) - 1
        if more > 0:
            run.tally[stage, "parts_added", ""] += more
            run.tally[stage, "messages_repeated", ""] += more * conversation.has_system
        talk.rejected += self._all_rejected(stage, rejects, talk, run)

    def _all_rejected(
        self, stage: str, rejects: Sequence[Reject], talk: _Talk, run: Run
    ) -> Iterator[Rejected]:
        """A rejected message is one row; a rejected record is one row for each of its raw
        records."""
        for reject in rejects:
            for frame in talk.frames if reject.message is None else talk.frames[:1]:
                yield self._rejected(stage, reject, talk.name, frame, run, CONVERSATION)

    def _rejected(
        self, stage: str, reject: Reject, name: str, frame: Frame, run: Run, kind: str | None
    ) -> Rejected:
        chunk = run.chunk
        return Rejected(
            reject.level,
            chunk.source,
            chunk.subset,
            name,
            chunk.file,
            frame.row,
            stage,
            reject.reason,
            _clean_text(reject.detail) or "",
            _raw_of(reject, frame),
            kind,
        )

    def _id(self, own: str | None, frame: Frame, chunk: Chunk) -> str:
        stem = _stem(chunk.file)
        local = own or self._subset.id.format(row=frame.row, stem=stem)
        if not _PLAIN.fullmatch(local):
            # `#` and `~` are reserved: they number the parts of a conversation, and conversations
            # with the same upstream id
            utf8 = local.encode("utf-8", "replace")
            local = quote(utf8, safe="/._-+@:=,").replace("~", "%7E")
        return f"{chunk.source}/{local}"


def _is_of(rule: str, source: Source) -> bool:
    return rule.partition(".")[0] == source.name


def _kept(talk: _Talk) -> Iterator[Kept]:
    # the text of a frame is UTF-8: other records were rejected before
    raw = [_under(frame.key, frame.text) for frame in talk.frames]
    for number, part in enumerate(talk.current):
        assert talk.whole
        yield Kept(part, talk.whole, number == 0, [] if number else raw)


def _outcomes(
    stage: Stage | BatchStage, before: list[Conversation]
) -> list[list[Conversation | Reject]]:
    """A stage's result for each conversation: a reject if its code fails."""
    if not isinstance(stage, BatchStage):
        return [_alone(stage, conversation) for conversation in before]
    try:
        return stage.batch(before)
    except STOPS:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is one record's
        if len(before) == 1:
            return [[failed(f"Stage {stage.name}", error)]]
    # halve the batch to find what fails: the others get the results that they would get alone
    half = len(before) // 2
    return _outcomes(stage, before[:half]) + _outcomes(stage, before[half:])


def _alone(stage: Stage, conversation: Conversation) -> list[Conversation | Reject]:
    try:
        return stage(conversation)
    except STOPS:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is one record's
        return [failed(f"Stage {stage.name}", error)]


_PLAIN = re.compile(r"[A-Za-z0-9/._+@:=,-]*")
"""An id that needs no quoting."""


@lru_cache(maxsize=16)
def _stem(file: str) -> str:
    return str(PurePosixPath(file).with_suffix(""))


def _raw_of(reject: Reject, frame: Frame) -> str:
    """The rejected text as upstream wrote it: the record or the message."""
    raw = _raw(frame) if reject.message is None else raw_text(reject.message)
    if encodable(raw):
        return raw
    return raw.encode("utf-8", "backslashreplace").decode()


def _raw(frame: Frame) -> str:
    """A record's text as it is in its file, with its key."""
    return _under(frame.key, printable(frame.text))


def _under(key: str, text: str) -> str:
    return f"{to_json(key)}: {text}" if key else text


def _clean_text(text: str | None) -> str | None:
    return text if text is None or encodable(text) else text.encode("utf-8", "replace").decode()
