"""A user's own files before they are built: what is in them, how they would be read, and what would
be rejected."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

from ..catalogue.own import OwnSource, own_source
from ..drafting import Run
from ..inputs import Input
from ..inputs.input import input_of
from ..inputs.own import look_at
from ..layouts.layout import LayoutOptions
from ..layouts.recognise import convert, layout_of, mapped_to
from ..layouts.roles import roles as known_roles
from ..layouts.roles import speaker
from ..ledger import Tally
from ..pipeline import Pipeline
from ..preference import PreferenceDraft
from ..readers import Frame, parse
from ..readers.chunk import Chunk
from ..readers.sample import Sample, sample
from ..recipe import load
from ..schema import Draft, Message, Reason, Record, Reject, Rejected

_EXAMPLES = 3
_AT_ONCE = 500
_MOST_NAMES = 40
"""So many names of fields and roles are kept: data can have any number."""
UNKNOWN, _MOST_ASKED = "unknown", 6
"""A role that has no meaning yet, and how many of them the entry for a recipe asks about."""

Turns = list[tuple[str, str]]


@dataclass
class Becomes:
    """What a record would become: the messages of a conversation, or a prompt and two answers."""

    layout: str
    row: int
    messages: Turns = field(default_factory=list)
    chosen: Turns = field(default_factory=list)
    rejected: Turns = field(default_factory=list)
    metadata: list[str] = field(default_factory=list)


@dataclass
class FileReport:
    """One file, or one member of an archive.

    container  what it is, like "JSON lines"
    size       bytes, of which `read` were read
    places     where the sample is from; empty if every record was read
    records    in the whole file; None if nobody counted them
    sampled    records that were looked at, of `text` bytes
    layouts    per layout, the records that show it
    fields     per layout, the layout's field and its name in the file
    roles      upstream's roles and ours
    rejects    per reason, how many of the sampled records or messages, and the first one's detail
    examples   what three records would become
    known_as   the known source that has the same bytes; "" if none
    """

    name: str
    container: str
    encoding: str
    size: int
    read: int = 0
    places: tuple[str, ...] = ()
    records: int | None = None
    sampled: int = 0
    text: int = 0
    layouts: dict[str, int] = field(default_factory=dict)
    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    rejects: dict[str, tuple[int, str]] = field(default_factory=dict)
    examples: list[Becomes] = field(default_factory=list)
    known_as: str = ""


@dataclass
class Inspection:
    """What `inspect` found: the files, an entry for a recipe's `sources`."""

    files: list[FileReport]
    entry: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def unsaid(self) -> dict[str, str]:
        """The keys that the entry lacks and may need, each with what to write there."""
        unread = any(Reason.UNKNOWN_LAYOUT in file.rejects for file in self.files)
        roles = {name: ours for file in self.files for name, ours in file.roles.items()}
        unknown = [name for name, ours in roles.items() if ours == UNKNOWN][:_MOST_ASKED]
        asked = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: ROLE" for name in unknown)
        could = {
            "fields": "{prompt: FIELD, completion: FIELD}" if unread else "",
            "roles": f"{{{asked}}}, each user, assistant, system or tool" if asked else "",
            "license": "CC-BY-4.0",
            "engine": "human, or a model's name",
        }
        return {key: said for key, said in could.items() if said and key not in self.entry}


def inspect(
    path: str | os.PathLike[str],
    *,
    whole: bool = False,
    options: LayoutOptions | None = None,
    encoding: str = "",
) -> Inspection:
    """Look into a user's own files without building anything.

    path      a file, a folder, a pattern, or hf://datasets/owner/name
    whole     read every record; otherwise a sample from the head, the middle and the tail
    options   how the records are read; by default as each of them shows
    encoding  of text files whose bytes do not tell

    Raises UsageError if there is no such file, InputError for one that cannot be read.

    >>> import open_instructions as oi                                     # doctest: +SKIP
    >>> oi.inspect("tickets.jsonl").files[0].layouts                       # doctest: +SKIP
    {'messages': 200}
    """
    own = own_source(os.fspath(path))
    if options is not None:
        own = replace(own, options=options)
    source = own.source()
    files = []
    for file, known_as in look_at(own):
        item = input_of(file, source.subsets[0], source)
        files.append(_file(item, own, encoding, whole))
        files[-1].known_as = known_as
    return Inspection(files, _entry(os.fspath(path), own, files))


def _file(item: Input, own: OwnSource, encoding: str, whole: bool) -> FileReport:
    source = own.source()
    [subset] = source.subsets
    taken = sample(item.path, item.member, subset, encoding, whole=whole)
    opened = taken.opened
    report = FileReport(item.relative, opened.described, opened.encoding, taken.size)
    pipeline = Pipeline(load(), source, subset)
    rejects: dict[str, list[Any]] = {}
    for frames in _in_batches(taken.frames()):
        _look(frames, own.options, report)
        _judge(frames, item, taken, pipeline, rejects)
        report.sampled += len(frames)
        report.text += sum(len(frame.text.encode("utf-8", "replace")) + 1 for frame in frames)
    report.rejects = {reason: (count, detail) for reason, (count, detail) in rejects.items()}
    report.read, report.places, report.records = taken.read, taken.places, taken.records
    return report


def _in_batches(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    while batch := list(islice(frames, _AT_ONCE)):
        yield batch


def _look(frames: Iterable[Frame], options: LayoutOptions, report: FileReport) -> None:
    """Which layouts records show, what their fields and roles stand for, what they become."""
    layouts: Counter[str] = Counter()
    for frame in frames:
        record = parse(frame)
        if isinstance(record, Reject):
            continue
        layout = layout_of(record, options)
        if layout is None:
            continue
        layouts[layout.name] += 1
        mapped = report.fields.setdefault(layout.name, {})
        if len(mapped) < _MOST_NAMES:
            mapped |= mapped_to(record, options, layout)
        if len(report.roles) < _MOST_NAMES:
            report.roles |= _roles(record, options)
        few = sum(example.layout == layout.name for example in report.examples) < _EXAMPLES
        if len(report.examples) < _EXAMPLES or (few and layouts[layout.name] == 1):
            report.examples += _becomes(record, frame.row, layout.name, options)[:1]
    for name, count in layouts.items():
        report.layouts[name] = report.layouts.get(name, 0) + count
    report.examples = report.examples[: _EXAMPLES * max(1, len(report.layouts))]


def _roles(record: Record, options: LayoutOptions) -> dict[str, str]:
    """Upstream's roles in the lists of a record, and ours."""
    names = known_roles(options.roles)
    found: dict[str, str] = {}
    for value in record.values():
        for entry in value if isinstance(value, list) else ():
            if not isinstance(entry, dict):
                continue
            said = speaker(entry, names)
            if isinstance(said.name, str):
                found[said.name[:_MOST_NAMES]] = said.role or UNKNOWN
    return found


def _becomes(record: Record, row: int, layout: str, options: LayoutOptions) -> list[Becomes]:
    made = []
    for item in convert(record, options):
        if isinstance(item, Reject):
            continue
        example = Becomes(layout, row, metadata=sorted(set(record) - set(item.used)))
        if isinstance(item, PreferenceDraft):
            example.messages = _turns(item.prompt)
            example.chosen, example.rejected = _turns(item.chosen), _turns(item.rejected)
        elif isinstance(item, Draft):
            example.messages = _turns(item.messages)
        made.append(example)
    return made


def _turns(messages: Sequence[Message | Reject]) -> Turns:
    return [(m.role, _text(m)) for m in messages if isinstance(m, Message)]


def _text(message: Message) -> str:
    calls = (message.fields or {}).get("tool_calls", ())
    called = ", ".join(f"calls {call['function']['name']}" for call in calls)
    return message.content if not called else f"{message.content} [{called}]".strip()


def _judge(
    frames: Sequence[Frame],
    item: Input,
    taken: Sample,
    pipeline: Pipeline,
    rejects: dict[str, list[Any]],
) -> None:
    """What the build would reject of these records, duplicates apart."""
    chunk = Chunk(
        0, item.source, item.subset, item.name, taken.opened.header, [[f] for f in frames], 1.0
    )
    for result in pipeline.run(Run(chunk, Tally())):
        if isinstance(result, Rejected):
            entry = rejects.setdefault(result.reason, [0, f"{result.stage}: {result.detail}"])
            entry[0] += 1


def _entry(path: str, own: OwnSource, files: Sequence[FileReport]) -> dict[str, Any]:
    """An entry for `sources` in a recipe."""
    entry: dict[str, Any] = {"name": own.name}
    entry |= {"hub": own.hub} if own.hub else {"files": path}
    shown = {name for file in files for name in file.layouts}
    entry["layout"] = next(iter(shown)) if len(shown) == 1 else own.options.layout
    for key in ("fields", "roles"):
        if pairs := getattr(own.options, key):
            entry[key] = dict(pairs)
    said = {"license": own.license, "engine": own.engine}
    return {**entry, **{key: value for key, value in said.items() if value}}


def records_in_words(report: FileReport) -> str:
    """How many records a file has, counted or estimated from the sample."""
    if report.records is not None:
        return f"{report.records:,}"
    if report.places == ("head",) or not report.text:
        return "unknown"
    return f"about {round(report.sampled * report.size / report.text):,}"
