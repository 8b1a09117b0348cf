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
from typing import TYPE_CHECKING
from urllib.parse import quote

from . import pairing
from .catalogue import Source, Subset
from .corpus import CorpusStep
from .drafting import Drafted, Drafting, Refused, Run
from .ledger import Ledger, Lost, Tally
from .preference import Preference, PreferenceDraft, as_score, messages_of, text_of
from .readers import Frame, printable
from .readers.chunk import Chunk
from .recipe import Recipe
from .schema import (
    Conversation,
    Draft,
    Message,
    Reject,
    Rejected,
    encodable,
    raw_text,
    strict_json,
)
from .stages import order
from .stages.definition import About, Definition
from .talks import Kept, Named, Talk, count_records, first_facts, kept_of, results_of, under

if TYPE_CHECKING:
    import pyarrow as pa

ROW = "row"
"""The level of a reject that is one of several rows of its records."""
NOT_FINITE = "not_finite"
"""The edit for metadata with a number that JSON cannot represent (NaN, Infinity) and that became
null."""


@dataclass
class Output:
    """The result of a chunk: conversations, rejects, the facts that corpus steps collected from
    whole conversations, and the counts. `keeps_whole` means that a later round will read the texts
    again. `tables` has the rows of the conversations where they are a table already."""

    conversations: list[Kept] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    facts: dict[str, pa.Table] = field(default_factory=dict)
    tables: dict[str, pa.Table] = field(default_factory=dict)
    keeps_whole: bool = False
    ledger: Ledger = field(default_factory=Ledger)


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
        self._clean = [
            Named(d.name, d.made(recipe, about), d.sides) for d in of_talks if not d.splits
        ]
        self._split = [Named(d.name, d.made(recipe, about)) for d in of_talks if d.splits]

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
        output.facts = first_facts(self._steps, output.conversations)
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
        _count_drafts([item for item in drafts if isinstance(item, Drafted)], run.tally)
        results = [self._started(item, run) for item in drafts]
        talks = [result for result in results if isinstance(result, Talk)]
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
                yield from kept_of(result)

    def _started(self, item: Drafted | Refused, run: Run) -> Talk | Rejected:
        if isinstance(item, Refused):
            name = self._id(item.name, item.frame, run.chunk)
            return self._rejected(
                item.stage, item.reject, name, item.frame, run, item.kind, item.row
            )
        name = self._id(item.draft.id, item.frames[0], run.chunk)
        if item.kin and item.kin.nth > 1:
            name += f"+{item.kin.nth}"
        if isinstance(item.draft, PreferenceDraft):
            return self._paired(item, item.draft, name, run)
        return self._structured(item, item.draft, name, run)

    def _structured(self, drafted: Drafted, draft: Draft, name: str, run: Run) -> Talk:
        """A draft as a valid conversation, or as its rejects."""
        frames, chunk = drafted.frames, run.chunk
        stage = self._structure.name
        made = self._structure(draft.messages, draft.tools)
        given = len([item for item in draft.messages if isinstance(item, Message)])
        talk = Talk(name, frames, given, [], [], draft, drafted.kin)
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
            self._reject(stage, made.rejects, made.edits, given, talk, run)
        if run.watch:
            run.watch("convert", draft, name)
            run.watch(stage, [*talk.current, *made.rejects], name)
        return talk

    def _paired(self, drafted: Drafted, draft: PreferenceDraft, name: str, run: Run) -> Talk:
        """A draft as a valid preference, or as its rejects."""
        frames, chunk = drafted.frames, run.chunk
        stage = self._structure.name
        made = pairing.structured(draft, self._structure)
        given = len([*messages_of(draft)])
        talk = Talk(name, frames, given, [], [], draft, drafted.kin)
        metadata, lossy = strict_json(drafted.metadata) if drafted.metadata else (None, False)
        edits = draft.edits + (NOT_FINITE,) * lossy + made.edits
        if made.chosen:
            talk.current.append(
                Preference(
                    id=name,
                    source=chunk.source,
                    subset=chunk.subset,
                    prompt=made.prompt,
                    chosen=made.chosen,
                    rejected=made.rejected,
                    conversation_id=name,
                    chosen_score=as_score(draft.chosen_score),
                    rejected_score=as_score(draft.rejected_score),
                    score_name=_clean_text(draft.score_name),
                    judge=_clean_text(draft.judge),
                    chosen_engine=_clean_text(draft.chosen_engine) or self._subset.engine,
                    rejected_engine=_clean_text(draft.rejected_engine) or self._subset.engine,
                    task=_clean_text(draft.task),
                    license=draft.license or self._subset.license,
                    edits=tuple(dict.fromkeys(edits)),
                    origin_file=chunk.file,
                    origin_rows=tuple([frame.row for frame in frames]),
                    metadata=metadata,
                    tools=made.tools,
                )
            )
            run.tally["convert", "edits", NOT_FINITE] += lossy
            run.tally[stage, "messages_joined", ""] += made.joined
        self._reject(stage, made.rejects, made.edits, given, talk, run)
        if run.watch:
            run.watch("convert", draft, name)
            run.watch(stage, [*talk.current, *made.rejects], name)
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

    def _count_started(self, talks: Sequence[Talk], tally: Tally) -> None:
        """Counts the output of the converter and the structure stage in one sum per chunk, because
        counting per record would cost more than the stages."""
        records = tally["convert", "records_out", ""]
        messages = sum([talk.drafted for talk in talks])
        alive = [talk for talk in talks if talk.current]
        records_out = count_records(alive)
        messages_out = sum([len(talk.current[0].messages) for talk in alive])
        tally["convert", "messages_in", ""] += messages
        tally["convert", "messages_out", ""] += messages
        tally.flow(self._structure.name, records, messages, records_out, messages_out)

    def _apply(self, named: Named, all_talks: Sequence[Talk], run: Run) -> None:
        """Runs one stage over all remaining conversations."""
        talks = [talk for talk in all_talks if talk.current]
        before = [talk.current[0] for talk in talks]
        records = records_out = count_records(talks)
        messages = messages_out = sum([len(conversation.messages) for conversation in before])
        results = results_of(named, before) if named.stage and talks else []
        for talk, conversation, made in zip(talks, before, results, strict=bool(results)):
            if run.watch:
                run.watch(named.name, made, talk.name)
            first = made[0]
            if first is conversation and len(made) == 1:  # the most common case
                continue
            talk.current = [result for result in made if not isinstance(result, Reject)]
            changed = isinstance(first, Reject) or first.edits is not conversation.edits
            if changed or len(made) > 1:
                records_out -= self._count_changes(named.name, talk, conversation, made, run)
            messages_out += sum([len(part.messages) for part in talk.current])
            messages_out -= len(conversation.messages)
        if talks or named.stage is None:
            run.tally.flow(named.name, records, messages, records_out, messages_out)

    def _count_changes(
        self,
        stage: str,
        talk: Talk,
        conversation: Conversation | Preference,
        results: list[Conversation | Preference | Reject],
        run: Run,
    ) -> int:
        """Counts what a stage changed and rejected in a conversation, and keeps the rejects. The
        number of records that are lost."""
        rejects = [result for result in results if isinstance(result, Reject)]
        edits = tuple(e for part in talk.current for e in part.edits if e not in conversation.edits)
        more = len(talk.current) - 1
        if more > 0:
            run.tally[stage, "parts_added", ""] += more
            run.tally[stage, "messages_repeated", ""] += more * conversation.has_system
        return self._reject(stage, rejects, edits, len(conversation.messages), talk, run)

    def _reject(
        self,
        stage: str,
        rejects: Sequence[Reject],
        edits: Sequence[str],
        messages: int,
        talk: Talk,
        run: Run,
    ) -> int:
        """Counts and keeps what a stage rejected in a talk of so many messages. A rejected message
        is one row; a rejected record is one row for each of its raw records, or one in all if they
        have other drafts. The number of records that are lost."""
        gone, lost = talk.frames[:1], Lost(0)
        if any(reject.message is None for reject in rejects):
            gone, lost = talk.leave()
        run.tally.changes(stage, lost, messages, rejects, edits)
        row = text_of(talk.draft) if lost.rows else None
        for reject in rejects:
            frames = talk.frames[:1] if reject.message or lost.rows else gone
            talk.rejected += [
                self._rejected(stage, reject, talk.name, frame, run, talk.kind, row)
                for frame in frames
            ]
        return lost.records

    def _rejected(
        self,
        stage: str,
        reject: Reject,
        name: str,
        frame: Frame,
        run: Run,
        kind: str | None,
        row: str | None = None,
    ) -> Rejected:
        """`row` is the text of a draft that is rejected while its records have others."""
        chunk = run.chunk
        whole = row if reject.message is None else None
        return Rejected(
            reject.level if whole is None else ROW,
            chunk.source,
            chunk.subset,
            name,
            chunk.file,
            frame.row,
            stage,
            reject.reason,
            _clean_text(reject.detail) or "",
            _raw_of(reject, frame) if whole is None else whole,
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
    return under(frame.key, printable(frame.text))


def _count_drafts(drafts: Sequence[Drafted], tally: Tally) -> None:
    """Counts the records that the converter passed on, before any draft is lost."""
    records = sum([len(d.frames) if d.kin is None else d.kin.own for d in drafts])
    derived = sum([d.kin is not None and d.kin.own == 0 for d in drafts])
    tally["convert", "records_out", ""] += records
    tally["convert", "records_joined", ""] += records - len(drafts) + derived
    if derived:
        tally["convert", "derived", ""] += derived


def _clean_text(text: str | None) -> str | None:
    return text if text is None or encodable(text) else text.encode("utf-8", "replace").decode()
