"""Frames -> drafts: parse records, run the rules on raw records, and call the converter.

Each record comes out in one Reject, or in one Draft or several. If the code of a rule or a
converter fails on a record or breaks its contract, the record is a Reject `stage_failed`: nothing
is lost, and the build reports it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from .catalogue import Source, Subset
from .claims import Kin, kin_of
from .contract import check_contract
from .layouts.fields import leftover
from .ledger import Lost, Tally
from .preference import (
    CONVERSATION,
    NO_PREFERENCE,
    PREFERENCE,
    PreferenceDraft,
    kind_of,
    text_of,
)
from .readers import Frame, parse
from .readers.chunk import Chunk
from .recipe import Recipe
from .schema import Draft, Reason, Record, Reject
from .stages.definition import STOPS, failed

_CONTEXT = frozenset(
    (
        "system",
        "system_prompt",
        "system_message",
        "history",
        "chat_history",
        "context",
        "images",
        "image",
        "videos",
        "audios",
    )
)
"""Fields that an answer refers to. A row without them would be a different conversation."""

Trace = Callable[[str, Any, str | None], None]
"""Called with a stage's name, its result and the id of the conversation; `oi explain` follows a
record this way. The result of a stage that takes raw records is the record and the names of the
rules that changed it, without an id."""


class Run(NamedTuple):
    """A chunk on its way through the pipeline, its tally, and the watcher."""

    chunk: Chunk
    tally: Tally
    watch: Trace | None = None


class Drafted(NamedTuple):
    """A draft, the frames of its records, and the fields that the converter did not use. `kin` is
    None if its records have no other draft."""

    draft: Draft | PreferenceDraft
    frames: list[Frame]
    metadata: dict[str, Any]
    kin: Kin | None = None


class Refused(NamedTuple):
    """A rejected record or message, its record's frame, upstream's name for the record, and what
    it would have been. `row` is the text of a draft whose records have others."""

    stage: str
    reject: Reject
    frame: Frame
    name: str | None = None
    kind: str | None = None
    row: str | None = None


class Drafting:
    """Everything that a recipe and a source do to records before they become conversations."""

    def __init__(
        self, recipe: Recipe, source: Source, subset: Subset, stages: Sequence[Any]
    ) -> None:
        """`stages` are the stages that take raw records."""
        self._subset = subset
        self._coded = subset.probe is not None
        self._convert = source.converter(subset)
        self._stages = stages
        self._metadata = recipe.metadata

    def __call__(self, frames: Sequence[Frame], run: Run) -> list[Drafted | Refused]:
        """Drafts for neighbouring frames that the source declares to be one conversation; usually a
        single frame. The stages that take in records and drafted messages count them, per chunk."""
        tally = run.tally
        results: list[Drafted | Refused] = []
        repaired: list[_Read] = []
        for frame in frames:
            record = parse(frame)
            if isinstance(record, Reject):
                tally["read", "rejected_records", record.reason] += 1
                results.append(Refused("read", record, frame))
                continue
            outcome = self._repaired(self._with_context(record, frame, run.chunk), frame, run)
            if isinstance(outcome, Refused):
                results.append(outcome)
            else:
                repaired.append(outcome)
        if repaired:
            results += self._converted(repaired, run)
        return results

    def _with_context(self, record: Record, frame: Frame, chunk: Chunk) -> Record:
        if self._subset.format == "envelope" and self._subset.items in record:
            return record
        if self._subset.format == "envelope":
            return {**chunk.header, self._subset.items: record}
        if frame.key and self._subset.key_field:
            return {**record, self._subset.key_field: frame.key}
        if frame.key and frame.key != str(
            frame.row
        ):  # the file has its records under keys, but the source expects none
            return {**record, "key": frame.key}
        return record

    def _repaired(self, record: Record, frame: Frame, run: Run) -> _Read | Refused:
        """The record after the record stages."""
        edits: tuple[str, ...] = ()
        for stage in self._stages:
            result = stage(record)
            if isinstance(result, Reject):
                run.tally[stage.name, "rejected_records", result.reason] += 1
                return Refused(stage.name, result, frame)
            if result.edits:
                record = result.record
                edits += result.edits
                for name in result.edits:
                    run.tally[stage.name, "edits", name] += 1
                if run.watch:
                    run.watch(stage.name, result, None)
        return _Read(frame, record, edits)

    def _converted(self, repaired: Sequence[_Read], run: Run) -> list[Drafted | Refused]:
        """The converter's result for a run of records. If it fails, all of them fail, because it
        may have seen them all."""
        tally = run.tally
        records = [item.record for item in repaired]
        convert = (
            partial(self._convert, index_base=run.chunk.index_base)
            if self._coded
            else self._convert
        )
        try:
            produced = list(convert(records if self._subset.run_key else records[0]))
            check_contract(produced, len(records))
        except STOPS:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - code of a source
            reject = failed("The converter", error)
            return [_refuse(reject, item.frame, tally) for item in repaired]
        results: list[Drafted | Refused] = []
        kin, owners = kin_of(produced), _owners(produced)
        for at, item in enumerate(produced):
            if isinstance(item, Reject):
                frame = repaired[item.record].frame
                results.append(_beside_drafts(item, frame, owners.get(item.record), tally))
            else:
                results += self._drafted(item, repaired, kin.get(at), tally)
        return results

    def _drafted(
        self,
        draft: Draft | PreferenceDraft,
        repaired: Sequence[_Read],
        kin: Kin | None,
        tally: Tally,
    ) -> list[Drafted | Refused]:
        """A draft with its unused fields, and the messages that the converter rejected in it."""
        own = [repaired[index] for index in draft.records]
        left = self._left(own, draft.used)
        if left and draft.used and (lost := _CONTEXT.intersection(left)):
            reject = Reject(
                Reason.LOST_CONTEXT, f"{min(lost)!r} cannot be put into the conversation"
            )
            if kin:
                return _refused_kin(reject, draft, repaired, kin, tally)
            return [_refuse(reject, item.frame, tally, draft.id) for item in own]
        for name in draft.edits:
            tally["convert", "edits", name] += 1
        before = [name for item in own for name in item.edits]
        if before:
            draft = replace(draft, edits=(*before, *draft.edits))
        results: list[Drafted | Refused] = []
        if isinstance(draft, Draft):
            results += [
                _refuse(item, repaired[item.record].frame, tally, draft.id, CONVERSATION)
                for item in draft.messages
                if isinstance(item, Reject)
            ]
        metadata = (
            self._wanted(_beside(draft.metadata, left), tally) if left or draft.metadata else {}
        )
        results.append(Drafted(draft, [item.frame for item in own], metadata, kin))
        return results

    def _left(self, own: Sequence[_Read], used: Collection[str]) -> dict[str, Any]:
        """The fields of a draft's records that the converter did not use; for an envelope, those of
        the instances."""
        records = [item.record for item in own]
        if self._subset.format == "envelope":
            bodies = [record.get(self._subset.items) for record in records]
            records = [body if isinstance(body, dict) else {} for body in bodies]
        return (
            leftover(records[0], used)
            if len(records) == 1
            else _together([leftover(r, used) for r in records])
        )

    def _wanted(self, metadata: dict[str, Any], tally: Tally) -> dict[str, Any]:
        """The metadata that the recipe keeps; the rest is counted by field."""
        if self._metadata == "keep":
            return metadata
        kept = wanted_fields(metadata, self._metadata)
        for key in metadata:
            if key not in kept:
                tally.field("convert", "dropped_metadata", key)
        return kept


class _Read(NamedTuple):
    """A record after the rules, its frame, and the names of the rules that changed it."""

    frame: Frame
    record: Record
    edits: tuple[str, ...]


def wanted_fields(fields: dict[str, Any], wanted: str | tuple[str, ...]) -> dict[str, Any]:
    """The fields that a recipe's `metadata` keeps."""
    if wanted == "keep":
        return fields
    if wanted == "drop":
        return {}
    return {key: value for key, value in fields.items() if key in wanted}


def _refused_kin(
    reject: Reject,
    draft: Draft | PreferenceDraft,
    repaired: Sequence[_Read],
    kin: Kin,
    tally: Tally,
) -> list[Drafted | Refused]:
    """A draft whose records have others: they are lost only with the last one."""
    left = kin.claims.leave(kin.number)
    if left.gone:
        return [_refuse(reject, repaired[at].frame, tally, draft.id) for at in left.gone]
    tally.lose("convert", reject.reason, Lost(0, 1))
    frame = repaired[draft.records[0]].frame
    return [Refused("convert", reject, frame, draft.id, kind_of(draft), text_of(draft))]


def _owners(
    produced: Sequence[Draft | PreferenceDraft | Reject],
) -> dict[int, Draft | PreferenceDraft]:
    """The first draft of each record, if there are rejects beside the drafts."""
    if len(produced) == 1:
        return {}
    drafts = [item for item in reversed(produced) if not isinstance(item, Reject)]
    return {record: draft for draft in drafts for record in draft.records}


def _beside_drafts(
    reject: Reject, frame: Frame, draft: Draft | PreferenceDraft | None, tally: Tally
) -> Refused:
    """A reject that the converter gave beside drafts, or in their place. A message has the name of
    the first draft of its record, which is `draft`."""
    if draft is None:
        kind = PREFERENCE if reject.reason in NO_PREFERENCE else None
        if reject.message is not None:
            kind = kind or CONVERSATION
        return _refuse(reject, frame, tally, reject.id, kind)
    return _refuse(reject, frame, tally, draft.id or reject.id, kind_of(draft))


def _refuse(
    reject: Reject, frame: Frame, tally: Tally, name: str | None = None, kind: str | None = None
) -> Refused:
    """Counts a record or a message that is rejected before it becomes part of a conversation."""
    if reject.message is None:
        tally["convert", "rejected_records", reject.reason] += 1
    else:
        tally["convert", "rejected_messages", reject.reason] += 1
        tally["convert", "messages_in", ""] += 1
    return Refused("convert", reject, frame, name, kind)


def _together(left: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The fields of the records of one conversation: a single value if they agree, else a list of
    all values."""
    keys = dict.fromkeys(key for fields in left for key in fields)
    result = {}
    for key in keys:
        values = [fields.get(key) for fields in left]
        result[key] = values[0] if all(value == values[0] for value in values) else values
    return result


def _beside(own: Mapping[str, Any], left: Mapping[str, Any]) -> dict[str, Any]:
    """The converter's metadata and the unused fields. The converter's values keep their names; an
    upstream field with the same name is renamed."""
    metadata = dict(own)
    for key, value in left.items():
        name = key
        while name in metadata:
            name = f"upstream_{name}"
        metadata[name] = value
    return metadata
