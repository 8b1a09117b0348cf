"""A recipe and a subset -> one pure function: a chunk of frames -> conversations, rejected, counts.

Every record and message that goes in comes out once, in a conversation or in a Rejected. A record
on which the code of a stage fails is a reject `stage_failed`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import quote

from .catalogue import Source, Subset
from .drafting import STOPS, Drafted, Drafting, Refused, Run, Watch, failed
from .ledger import Ledger, Tally
from .readers import Frame, printable
from .readers.chunk import Chunk
from .recipe import Recipe
from .schema import Conversation, Message, Reject, Rejected, encodable, strict_json, to_json
from .stages import BatchStage, Stage
from .stages.defects import Defects
from .stages.duplicates import key as duplicate_key
from .stages.gaps import Gaps
from .stages.html import Html
from .stages.html.classic import ClassicHtml
from .stages.language import Language
from .stages.language.classic import ClassicLanguage
from .stages.license import License
from .stages.phrases import Phrases
from .stages.split import Split
from .stages.structure import structure

_HTML: dict[str, Callable[[], Stage | None]] = {
    "native": Html,
    "markdownify": ClassicHtml,
    "off": lambda: None,
}
_LANGUAGE = {"native": Language, "langdetect": ClassicLanguage}
NOT_FINITE = "not_finite"
"""The edit where a number in the metadata that JSON has no form for (NaN, Infinity) became null."""


class Kept(NamedTuple):
    """A conversation, or one part of it, with the key of the whole; `raw` are its raw records, on
    the first part only."""

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
    """A conversation on its way through the stages: the frames and the number of turns that it was
    made of, what was rejected, what it is by now."""

    name: str
    frames: list[Frame]
    turns: int
    rejected: list[Rejected]
    current: list[Conversation]
    key: bytes = b""


class Pipeline:
    """All that a recipe does to the records of one subset."""

    def __init__(self, recipe: Recipe, source: Source, subset: Subset) -> None:
        off = {
            name.partition(".")[2]
            for name in recipe.rules_off
            if name.partition(".")[0] == source.name
        }
        rules = [r for r in source.rules if r.name not in off and r.concerns(subset.name)]
        self._subset = subset
        self._draft = Drafting(recipe, source, subset, rules)
        self._consecutive = recipe.consecutive
        # by name; None where the recipe does without
        self.stages: dict[str, Stage | BatchStage | None] = {
            "license": License(recipe.licenses) if recipe.licenses else None,
            "html": _HTML[recipe.html](),
            "defects": Defects(rules),
            "phrases": Phrases(recipe.blocked_words, recipe.phrases, recipe.min_chars),
            "gaps": Gaps() if recipe.gaps == "reject" else None,
            "language": _LANGUAGE[recipe.detector](
                recipe.languages, subset.languages, recipe.not_languages, recipe.min_language_score
            ),
            "split": Split(
                recipe.tokenizer, recipe.max_tokens, recipe.message_overhead, recipe.overlong, recipe.gaps
            ),
        }  # fmt: skip

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

    def run(
        self, chunk: Chunk, tally: Tally, watch: Watch | None = None
    ) -> Iterator[Kept | Rejected]:
        """Take a chunk through everything, stage by stage, so that a stage can take many
        conversations at once; what comes out comes in the order of the records. Counts in `tally`.
        """
        run = Run(chunk, tally, watch)
        drafts = [item for frames in chunk.runs for item in self._draft(frames, run)]
        results = [self._started(item, run) for item in drafts]
        jobs = [result for result in results if isinstance(result, _Job)]
        self._book_started(jobs, tally)
        for name, stage in self.stages.items():
            alive = [job for job in jobs if job.current]
            if stage is None:
                records = sum([len(job.frames) for job in alive])
                turns = sum([len(job.current[0].messages) for job in alive])
                tally.flow(name, records, turns, records, turns)
            elif alive:
                self._apply(stage, alive, run)
        for result in results:
            if isinstance(result, Rejected):
                yield result
            else:
                yield from result.rejected
                raw = [
                    _under(frame.key, frame.text) for frame in result.frames
                ]  # which is UTF-8, or it would not be here
                for number, part in enumerate(result.current):
                    yield Kept(part, result.key, number == 0, [] if number else raw)

    def _started(self, item: Drafted | Refused, run: Run) -> _Job | Rejected:
        if isinstance(item, Refused):
            name = self._id(item.name, item.frame, run.chunk)
            return self._rejected(item.stage, item.reject, name, item.frame, run.chunk)
        return self._structured(item, run)

    def _structured(self, drafted: Drafted, run: Run) -> _Job:
        """A draft as a valid conversation, or as what is rejected of it."""
        draft, frames, chunk = drafted.draft, drafted.frames, run.chunk
        name = self._id(draft.id, frames[0], chunk)
        made = structure(draft.messages, self._consecutive)
        turns = len([item for item in draft.messages if isinstance(item, Message)])
        job = _Job(name, frames, turns, [], [])
        metadata, lossy = strict_json(drafted.metadata) if drafted.metadata else (None, False)
        if made.messages:
            edits = draft.edits + (NOT_FINITE,) * lossy + made.edits
            job.current.append(
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
                )
            )
            if lossy:
                run.tally["convert", "edits", NOT_FINITE] += 1
            if made.joined:
                run.tally["structure", "turns_joined", ""] += made.joined
        if made.rejects or made.edits:
            run.tally.changes("structure", len(frames), turns, made.rejects, made.edits)
            job.rejected += self._all_rejected("structure", made.rejects, name, frames, chunk)
        if run.watch:
            run.watch("convert", draft)
            run.watch("structure", [*job.current, *made.rejects])
        return job

    @staticmethod
    def _book_started(jobs: list[_Job], tally: Tally) -> None:
        """What came out of the converter and of the structure, added up once for all: one by one it
        costs more than they do."""
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

    def _apply(self, stage: Stage | BatchStage, jobs: list[_Job], run: Run) -> None:
        """One stage, for all conversations that came this far. The key of a whole conversation is
        taken before the split."""
        before = [job.current[0] for job in jobs]
        if stage.name == "split":
            for job, conversation in zip(jobs, before, strict=True):
                job.key = duplicate_key(conversation)
        records = records_out = sum([len(job.frames) for job in jobs])
        turns = turns_out = sum([len(conversation.messages) for conversation in before])
        for job, conversation, results in zip(jobs, before, _outcomes(stage, before), strict=True):
            if run.watch:
                run.watch(stage.name, results)
            first = results[0]
            if first is conversation and len(results) == 1:  # which happens most
                continue
            job.current = [result for result in results if isinstance(result, Conversation)]
            if (
                len(results) > 1
                or isinstance(first, Reject)
                or first.edits is not conversation.edits
            ):
                self._book(stage.name, job, conversation, results, run)
            turns_out += sum([len(part.messages) for part in job.current]) - len(
                conversation.messages
            )
            if not job.current:
                records_out -= len(job.frames)
        run.tally.flow(stage.name, records, turns, records_out, turns_out)

    def _book(
        self, stage: str, job: _Job, conversation: Conversation, results: list[Conversation | Reject], run: Run
    ) -> None:  # fmt: skip
        """Count what a stage changed and refused in a conversation, and keep what it refused."""
        rejects = [result for result in results if isinstance(result, Reject)]
        edits = tuple(
            edit for part in job.current for edit in part.edits if edit not in conversation.edits
        )
        run.tally.changes(stage, len(job.frames), len(conversation.messages), rejects, edits)
        more = len(job.current) - 1
        if more > 0:
            run.tally[stage, "parts_added", ""] += more
            run.tally[stage, "turns_repeated", ""] += more * conversation.has_system
        job.rejected += self._all_rejected(stage, rejects, job.name, job.frames, run.chunk)

    def _all_rejected(
        self, stage: str, rejects: list[Reject], name: str, frames: list[Frame], chunk: Chunk
    ) -> Iterator[Rejected]:
        """A refused turn is one row; a refused record is one row for each raw record in it."""
        for reject in rejects:
            for frame in frames if reject.turn is None else frames[:1]:
                yield self._rejected(stage, reject, name, frame, chunk)

    def _rejected(
        self, stage: str, reject: Reject, name: str | None, frame: Frame, chunk: Chunk
    ) -> Rejected:
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
            # `#` and `~` are ours: they number the parts of a conversation, and conversations under
            # one upstream id
            local = quote(local.encode("utf-8", "replace"), safe="/._-+@:=,").replace("~", "%7E")
        return f"{chunk.source}/{local}"


def _outcomes(
    stage: Stage | BatchStage, before: list[Conversation]
) -> list[list[Conversation | Reject]]:
    """What a stage makes of each conversation: a reject where its code fails."""
    if not isinstance(stage, BatchStage):
        return [_alone(stage, conversation) for conversation in before]
    try:
        return stage.batch(before)
    except STOPS:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is one record's
        if len(before) == 1:
            return [[failed(f"Stage {stage.name}", error)]]
    # in halves, to see which ones it was: the others get the results that they would get alone
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
"""Nothing that an id has to quote."""


@lru_cache(maxsize=16)
def _stem(file: str) -> str:
    return str(PurePosixPath(file).with_suffix(""))


def _raw(frame: Frame) -> str:
    """A record as it stood in its file, with the key that it stood under."""
    return _under(frame.key, printable(frame.text))


def _under(key: str, text: str) -> str:
    return f"{to_json(key)}: {text}" if key else text


def _clean_text(text: str | None) -> str | None:
    return text if text is None or encodable(text) else text.encode("utf-8", "replace").decode()
