"""A recipe and a subset -> one pure function: a chunk of frames -> conversations, rejected, counts.

Every record and turn that goes in comes out once, in a conversation or in a Rejected; a converter that loses one
raises ConverterError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote

from .catalogue import Source, Subset
from .chunk import Chunk
from .errors import ConverterError
from .ledger import Ledger, Tally
from .readers import Frame, parse, printable
from .recipe import Recipe
from .schema import ASSISTANT, SYSTEM, USER, Conversation, Draft, Reason, Record, Reject, Rejected, encodable, to_json
from .stages import BatchStage, Stage
from .stages.defects import Defects, repair
from .stages.duplicates import key as duplicate_key
from .stages.html import Html
from .stages.language import Language
from .stages.license import License
from .stages.phrases import Phrases
from .stages.split import Split
from .stages.structure import structure

Watch = Callable[[str, Any], None]
"""Called with a stage's name and what came out of it; how `oi explain` sees a record on its way. The stage "rules" stands
for the rules on raw records, and hands over the record and their names."""


class Kept(NamedTuple):
    """A conversation, or one part of it, with the key of the whole; `raw` are its raw records, on the first part only."""

    conversation: Conversation
    key: bytes
    first: bool
    raw: list[str]


@dataclass
class Output:
    """What became of a chunk: conversations with their duplicate keys, rejected, and the books."""

    conversations: list[Kept] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)


@dataclass(slots=True)
class _Job:
    """A conversation on its way through the stages: the frames and the number of turns that it was made of, what was
    rejected, what it is by now."""

    name: str
    frames: list[Frame]
    turns: int
    rejected: list[Rejected]
    current: list[Conversation]
    key: bytes = b""


class Pipeline:
    """All that a recipe does to the records of one subset."""

    def __init__(self, recipe: Recipe, source: Source, subset: Subset) -> None:
        off = {name.partition(".")[2] for name in recipe.rules_off if name.partition(".")[0] == source.name}
        rules = [r for r in source.rules if r.name not in off and r.concerns(subset.name)]
        self._subset = subset
        self._convert = source.converter(subset)
        self._record_rules = [r for r in rules if r.on == "record"]
        # by name; None where the recipe does without
        self.stages: dict[str, Stage | BatchStage | None] = {
            "license": License(recipe.licenses) if recipe.licenses else None,
            "html": Html() if recipe.html else None,
            "defects": Defects(rules),
            "phrases": Phrases(recipe.blocked_words, recipe.phrases, recipe.min_chars),
            "language": Language(recipe.languages, subset.languages, recipe.not_languages, recipe.min_language_score),
            "split": Split(recipe.tokenizer, recipe.max_tokens, recipe.message_overhead, recipe.overlong),
        }

    def __call__(self, chunk: Chunk) -> Output:
        output = Output()
        tally = Tally()
        for part in self.run(chunk, tally):
            if isinstance(part, Rejected):
                output.rejected.append(part)
            else:
                output.conversations.append(part)
        for (stage, what, name), count in tally.items():
            output.ledger.add(chunk.source, chunk.subset, stage, what, count, name)
        return output

    def run(self, chunk: Chunk, tally: Tally, watch: Watch | None = None) -> Iterator[Kept | Rejected]:
        """Take a chunk through everything, stage by stage, so that a stage can take many conversations at once; what
        comes out comes in the order of the records. Counts in `tally`."""
        results = [result for run in chunk.runs for result in self._opened(run, chunk, tally, watch)]
        jobs = [result for result in results if isinstance(result, _Job)]
        self._book_opened(jobs, tally)
        for name, stage in self.stages.items():
            alive = [job for job in jobs if job.current]
            if stage is None:
                records, turns = sum([len(job.frames) for job in alive]), sum([len(job.current[0].messages) for job in alive])
                tally.flow(name, records, turns, records, turns)
            elif alive:
                self._apply(stage, alive, chunk, tally, watch)
        for result in results:
            if isinstance(result, Rejected):
                yield result
            else:
                yield from result.rejected
                raw = [_under(frame.key, frame.text) for frame in result.frames]  # which is UTF-8, or it would not be here
                for number, part in enumerate(result.current):
                    yield Kept(part, result.key, number == 0, [] if number else raw)

    def _opened(self, frames: list[Frame], chunk: Chunk, tally: Tally, watch: Watch | None) -> list[_Job | Rejected]:
        """One run of frames as far as valid conversations."""
        results: list[_Job | Rejected] = []
        records: list[Record] = []
        readable: list[Frame] = []
        for frame in frames:
            record = parse(frame)
            if isinstance(record, Reject):
                tally["read", "rejected_records", record.reason] += 1
                results.append(self._rejected("read", record, None, frame, chunk))
            else:
                records.append(self._with_context(record, frame, chunk))
                readable.append(frame)
        if not records:
            return results
        tally["read", "records_out", ""] += len(records)
        tally["convert", "records_in", ""] += len(records)
        for item in self._drafts(records, readable, chunk, tally, watch):
            results.append(item if isinstance(item, Rejected) else self._structured(item, readable, chunk, tally, watch))
        return results

    def _with_context(self, record: Record, frame: Frame, chunk: Chunk) -> Record:
        if self._subset.format == "envelope" and self._subset.items in record:
            return record
        if self._subset.format == "envelope":
            return {**chunk.header, self._subset.items: record}
        if frame.key:
            return {**record, self._subset.key_field: frame.key}
        return record

    def _drafts(
        self, records: list[Record], frames: list[Frame], chunk: Chunk, tally: Tally, watch: Watch | None
    ) -> list[Draft | Rejected]:
        drafts: list[Draft | Rejected] = []
        repaired: list[Record] = []
        indexes: list[int] = []
        edits: list[tuple[str, ...]] = []
        for index, record in enumerate(records):
            try:
                result = repair(record, self._record_rules)
            except (ConverterError, OSError):
                raise
            except (Exception, SystemExit) as error:
                raise self._bug("A rule", chunk, frames[index], error) from error
            if isinstance(result, Reject):
                tally["convert", "rejected_records", result.reason] += 1
                drafts.append(self._rejected("convert", result, None, frames[index], chunk))
                continue
            if result[1] and watch:
                watch("rules", result)
            repaired.append(result[0])
            indexes.append(index)
            edits.append(result[1])
            for name in result[1]:
                tally["defects", "edits", name] += 1
        if not repaired:
            return drafts
        convert = partial(self._convert, index_base=chunk.index_base) if self._subset.probe else self._convert
        try:
            produced = [_checked(item, len(repaired)) for item in convert(repaired if self._subset.run_key else repaired[0])]
        except OSError:
            raise
        except (Exception, SystemExit) as error:
            raise self._bug("The converter", chunk, frames[indexes[0]], error) from error
        untouched = len(repaired) == len(records) and not any(edits)
        seen: list[int] = []
        for item in produced:
            if isinstance(item, Reject):
                frame = frames[indexes[item.record]]
                level = "rejected_turns" if item.turn else "rejected_records"
                tally["convert", level, item.reason] += 1
                if item.turn:
                    tally["convert", "turns_in", ""] += 1
                else:
                    seen.append(item.record)
                named = next((d.id for d in produced if isinstance(d, Draft) and item.record in d.records), None)
                drafts.append(self._rejected("convert", item, self._id(named or item.id, frame, chunk), frame, chunk))
                continue
            seen += item.records
            for name in item.edits:
                tally["convert", "edits", name] += 1
            if not untouched:
                own = [name for index in item.records for name in edits[index]]
                item = replace(item, records=tuple(indexes[index] for index in item.records), edits=(*own, *item.edits))
            drafts.append(item)
        if sorted(seen) != list(range(len(repaired))):
            raise ConverterError(
                f"The converter of {chunk.source}:{chunk.subset} accounts for records {sorted(seen)} of {len(repaired)} "
                f"at {chunk.file}, row {frames[indexes[0]].row}.",
                hint="Each record must be in exactly one Draft or one Reject without a turn.",
            )
        return drafts

    def _structured(self, draft: Draft, frames: list[Frame], chunk: Chunk, tally: Tally, watch: Watch | None) -> _Job:
        own = [frames[index] for index in draft.records]
        name = self._id(draft.id, own[0], chunk)
        messages, rejects, edits = structure(draft.messages)
        job = _Job(name, own, len(draft.messages), [], [])
        if messages:
            edited = draft.edits + edits
            conversation = Conversation.unchecked(
                id=name, source=chunk.source, subset=chunk.subset, messages=messages, conversation_id=name, task=_clean_text(draft.task),
                engine=draft.engine or self._subset.engine, license=draft.license or self._subset.license,
                edits=tuple(dict.fromkeys(edited)) if edited else (), origin_file=chunk.file, origin_rows=tuple([f.row for f in own]),
                metadata=to_json(draft.metadata) if draft.metadata else None,
            )  # fmt: skip
            job.current.append(conversation)
        if rejects or edits:
            tally.changes("structure", len(own), job.turns, rejects, edits)
            job.rejected += self._all_rejected("structure", rejects, name, own, chunk)
        if watch:
            watch("convert", draft)
            watch("structure", [*job.current, *rejects])
        return job

    def _book_opened(self, jobs: list[_Job], tally: Tally) -> None:
        """What came out of the converter and of the structure, added up once for all: one by one it costs more than they do."""
        records = sum([len(job.frames) for job in jobs])
        turns = sum([job.turns for job in jobs])
        alive = [job for job in jobs if job.current]
        records_out = sum([len(job.frames) for job in alive])
        turns_out = sum([len(job.current[0].messages) for job in alive])
        tally["convert", "records_joined", ""] += records - len(jobs)
        tally["convert", "records_out", ""] += records
        tally["convert", "turns_in", ""] += turns
        tally["convert", "turns_out", ""] += turns
        tally.flow("structure", records, turns, records_out, turns_out)

    def _apply(self, stage: Stage | BatchStage, jobs: list[_Job], chunk: Chunk, tally: Tally, watch: Watch | None) -> None:
        """One stage, for all conversations that came this far. The key of a whole conversation is taken before the split."""
        before = [job.current[0] for job in jobs]
        if stage.name == "split":
            for job, conversation in zip(jobs, before, strict=True):
                job.key = duplicate_key(conversation)
        records_in = turns_in = records_out = turns_out = 0
        for job, conversation, results in zip(jobs, before, self._outcomes(stage, before, jobs, chunk), strict=True):
            if watch:
                watch(stage.name, results)
            records, turns = len(job.frames), len(conversation.messages)
            records_in += records
            turns_in += turns
            if len(results) == 1 and results[0] is conversation:  # which happens most
                records_out += records
                turns_out += turns
                continue
            job.current = [r for r in results if isinstance(r, Conversation)]
            if len(results) > 1 or not job.current or job.current[0].edits is not conversation.edits:
                rejects = [r for r in results if isinstance(r, Reject)]
                named = tuple(e for c in job.current for e in c.edits if e not in conversation.edits)
                tally.changes(stage.name, records, turns, rejects, named)
                if (more := len(job.current) - 1) > 0:
                    tally[stage.name, "parts_added", ""] += more
                    tally[stage.name, "turns_repeated", ""] += more * conversation.has_system
                job.rejected += self._all_rejected(stage.name, rejects, job.name, job.frames, chunk)
            if job.current:
                records_out += records
                turns_out += sum([len(part.messages) for part in job.current])
        tally.flow(stage.name, records_in, turns_in, records_out, turns_out)

    def _outcomes(
        self, stage: Stage | BatchStage, before: list[Conversation], jobs: list[_Job], chunk: Chunk
    ) -> list[list[Conversation | Reject]]:
        """What a stage makes of each conversation. Raises ConverterError, which names the record, where its code fails."""
        if isinstance(stage, BatchStage):
            try:
                return stage.batch(before)
            except OSError:
                raise
            except Exception as error:
                if len(before) == 1:
                    raise self._bug(f"Stage {stage.name}", chunk, jobs[0].frames[0], error) from error
            # one by one, to see which one it was
            return [self._outcomes(stage, [conversation], [job], chunk)[0] for conversation, job in zip(before, jobs, strict=True)]
        outcomes = []
        for conversation, job in zip(before, jobs, strict=True):
            try:
                outcomes.append(stage(conversation))
            except OSError:
                raise
            except Exception as error:
                raise self._bug(f"Stage {stage.name}", chunk, job.frames[0], error) from error
        return outcomes

    def _all_rejected(self, stage: str, rejects: list[Reject], name: str, frames: list[Frame], chunk: Chunk) -> Iterator[Rejected]:
        """A refused turn is one row; a refused record is one row for each raw record in it."""
        for reject in rejects:
            for frame in frames if reject.turn is None else frames[:1]:
                yield self._rejected(stage, reject, name, frame, chunk)

    def _rejected(self, stage: str, reject: Reject, name: str | None, frame: Frame, chunk: Chunk) -> Rejected:
        turn = reject.turn
        raw = _raw(frame) if turn is None else turn.content if turn.raw is None else turn.raw
        if not encodable(raw):
            raw = raw.encode("utf-8", "backslashreplace").decode()
        return Rejected(
            reject.level, chunk.source, chunk.subset, name or self._id(None, frame, chunk), chunk.file, frame.row, stage,
            reject.reason, _clean_text(reject.detail) or "", raw,
        )  # fmt: skip

    def _id(self, own: str | None, frame: Frame, chunk: Chunk) -> str:
        stem = _stem(chunk.file)
        local = own or self._subset.id.format(row=frame.row, stem=stem)
        if not _PLAIN.fullmatch(local):
            # `#` and `~` are ours: they number the parts of a conversation, and conversations under one upstream id
            local = quote(local.encode("utf-8", "replace"), safe="/._-+@:=,").replace("~", "%7E")
        return f"{chunk.source}/{local}"

    @staticmethod
    def _bug(who: str, chunk: Chunk, frame: Frame, error: BaseException) -> ConverterError:
        return ConverterError(
            f"{who} of {chunk.source}:{chunk.subset} failed at {chunk.file}, row {frame.row}: {type(error).__name__}: {error}.",
            hint="This is a bug in its code, not in the data. --debug shows where.",
        )


_PLAIN = re.compile(r"[A-Za-z0-9/._+@:=,-]*")
"""Nothing that an id has to quote."""


@lru_cache(maxsize=16)
def _stem(file: str) -> str:
    return str(PurePosixPath(file).with_suffix(""))


def _raw(frame: Frame) -> str:
    """A record as it stood in its file, with the key that it stood under."""
    return _under(frame.key, printable(frame.text))


def _under(key: str, text: str) -> str:
    return f"{to_json(key)}: {text}" if key else text


_ROLES = (SYSTEM, USER, ASSISTANT)


def _checked(item: Any, records: int) -> Draft | Reject:
    """What a converter yielded, if it keeps the contract. Raises TypeError or ValueError where it does not."""
    if isinstance(item, Reject):
        Reason(item.reason)
        if not isinstance(item.detail, str) or not 0 <= item.record < records:
            raise ValueError(f"a Reject with detail {item.detail!r} for record {item.record}")
        if item.turn is not None and not (isinstance(item.turn.role, str) and isinstance(item.turn.content, str)):
            raise TypeError("a Reject for a turn that is no text")
        return item
    if not isinstance(item, Draft):
        raise TypeError(f"a converter yields Draft and Reject, not {type(item).__name__}")
    for message in item.messages:
        if message.role not in _ROLES or not isinstance(message.content, str):
            raise ValueError(f"a message from {message.role!r} with a {type(message.content).__name__}")
    for said in (item.id, item.task, item.engine, item.license):
        if said is not None and not isinstance(said, str):
            raise TypeError(f"{said!r} in a Draft is no text")
    if type(item.metadata) is not dict and not isinstance(item.metadata, Mapping):
        raise TypeError(f"metadata that are no mapping but a {type(item.metadata).__name__}")
    if item.records != (0,) and (not item.records or not all(0 <= index < records for index in item.records)):
        raise ValueError(f"a Draft of records {item.records}")
    return item


def _clean_text(text: str | None) -> str | None:
    return text if text is None or encodable(text) else text.encode("utf-8", "replace").decode()
