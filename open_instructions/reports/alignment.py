"""An item of an evaluation set beside the conversation that has it, where the set is on this
machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..catalogue import evaluations
from ..catalogue.own import OwnSource
from ..corpus.contamination.hits import evidence as found_evidence
from ..corpus.contamination.hits import found_in
from ..corpus.contamination.index import index_of
from ..corpus.contamination.items import Item
from ..corpus.contamination.options import Decontaminate, decontaminate_of
from ..corpus.contamination.rounds import MARK
from ..corpus.contamination.sets import EvaluationSet, is_index, items_in, read_sets
from ..corpus.words import spans_of, words_of
from ..errors import OpenInstructionsError
from ..inputs import Input
from ..schema import Message
from ..store import Build, InputEntry

_BEFORE = 60
"""How many characters are shown before the first span."""


class Place(NamedTuple):
    """Where a conversation has something.

    message  the number of the message
    field    the message's field
    spans    where in it, as characters
    """

    message: int
    field: str
    spans: list[list[int]]

    def __str__(self) -> str:
        inside = "" if self.field == "content" else f"{self.field} of "
        return f"{inside}message {self.message}"


class Aligned(NamedTuple):
    """A hit, and both texts.

    item    the item's id
    part    what the conversation has of it
    cover   the share of the item's words that it has
    places  where: one, or two for an item that is cut into two messages
    text    the item's text, "" where the set is not on this machine
    """

    item: str
    part: str
    cover: float
    places: list[Place]
    text: str


def aligned_of(
    build: Build,
    rows: Sequence[Mapping[str, Any]],
    rejected: Sequence[Mapping[str, Any]],
    find: Callable[[str], Path | None],
) -> list[Aligned]:
    """The items that a conversation was dropped or marked for, by its rows and rejects. `find`
    gives the file with a digest, if it is on this machine."""
    hits = [hit for row in rejected for hit in aligned(build, row["evidence"], find)]
    for row in rows if not hits else ():  # rows of a build that is a source have no evidence here
        if "messages" in row and MARK in row["edits"]:
            hits += looked_for(build, row, find)
    return hits


def aligned(
    build: Build, evidence: str | None, find: Callable[[str], Path | None]
) -> list[Aligned]:
    """The hits in a reject's evidence, with the texts of their items. `find` gives the file with a
    digest, if it is on this machine."""
    hits = _hits(evidence)
    names = {str(hit.get("benchmark")) for hit in hits}
    texts: dict[str, Item] = {}
    for each in _here(build, names, find) if hits else ():
        if not any(is_index(item) for _, item in each.files):
            texts |= {f"{each.name}/{item.id}": item for item in _items(each, build)}
    return [_aligned(hit, texts.get(str(hit.get("item")))) for hit in hits]


def looked_for(
    build: Build, row: Mapping[str, Any], find: Callable[[str], Path | None]
) -> list[Aligned]:
    """The same for a row that stays and is marked. Its evidence is in no table: its messages are
    looked at again, with the sets that are on this machine."""
    said = decontaminate_of(build.manifest.recipe.get("decontaminate"), "the manifest")
    here = _here(build, {entry.source for entry in build.manifest.evaluations}, find)
    if said is None or not here:
        return []
    try:
        read = read_sets(here, str(build.manifest.recipe.get("encoding", "")))
    except OpenInstructionsError:  # changed since
        return []
    index = index_of(read.entries)
    messages = [_message(each) for each in row["messages"]]
    [found] = found_in([messages], index, said.threshold)
    return aligned(build, found_evidence(found, found.hits, index), find)


def _message(said: Mapping[str, Any]) -> Message:
    """A message of a row, in either form."""
    reasoning = {"reasoning_content": said.get("reasoning_content")}
    return Message(said["role"], said.get("content") or "", fields=reasoning)


def _hits(evidence: str | None) -> list[Mapping[str, Any]]:
    try:
        said = json.loads(evidence or "{}")
        hits = said.get("hits", []) if isinstance(said, dict) else []
        return [hit for hit in hits if isinstance(hit, dict)] if isinstance(hits, list) else []
    except (ValueError, RecursionError):
        return []


def _aligned(hit: Mapping[str, Any], item: Item | None) -> Aligned:
    part = str(hit.get("part"))
    cover, rest = hit.get("cover"), hit.get("rest")
    return Aligned(
        str(hit.get("item")),
        part,
        cover if isinstance(cover, int | float) else 0.0,
        [_place(hit), *([_place(rest)] if isinstance(rest, dict) else [])],
        _text(item, part) if item else "",
    )


def _place(said: Mapping[str, Any]) -> Place:
    message, field, spans = said.get("message"), said.get("field"), said.get("spans")
    return Place(
        message if isinstance(message, int) else 0,
        field if isinstance(field, str) else "content",
        [each for each in spans if _is_span(each)] if isinstance(spans, list) else [],
    )


def _is_span(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(at) is int for at in value)


def _text(item: Item, part: str) -> str:
    if part == "passage":
        return item.passage
    if part == "answer":
        return "\n".join(item.answers)
    return item.whole


def _here(build: Build, names: set[str], find: Callable[[str], Path | None]) -> list[EvaluationSet]:
    """The sets of a build that are on this machine, with all their files."""
    owns = _sources(build)
    found = []
    for name in sorted(names & owns.keys()):
        entries = [entry for entry in build.manifest.evaluations if entry.source == name]
        paths = [find(entry.sha256) for entry in entries]
        files = [
            (owns[name], _input(entry, path))
            for entry, path in zip(entries, paths, strict=True)
            if path is not None
        ]
        if files and len(files) == len(entries):
            found.append(EvaluationSet(name, tuple(files)))
    return found


def _sources(build: Build) -> dict[str, OwnSource]:
    """How each set of a build is read."""
    said: Decontaminate | None = decontaminate_of(
        build.manifest.recipe.get("decontaminate"), "the manifest"
    )
    if said is None:
        return {}
    own = {each.name: each for each in said.sets if isinstance(each, OwnSource)}
    named = [each for each in said.sets if isinstance(each, str)]
    return own | {name: evaluations.evaluation(name).sources()[0] for name in named}


def _input(entry: InputEntry, path: Path) -> Input:
    return Input(
        entry.source, entry.subset, path, entry.file, entry.member, entry.file, entry.bytes
    )


def _items(each: EvaluationSet, build: Build) -> Sequence[Item]:
    try:
        return items_in(each, str(build.manifest.recipe.get("encoding", "")), [])
    except OpenInstructionsError:  # changed since
        return []


def marked(text: str, spans: Sequence[Sequence[int]]) -> str:
    """A text with its spans in «».

    >>> marked("Why is it so?", [[4, 9]])
    'Why «is it» so?'
    """
    return _between(text, spans, "«", "»")


def near_first(text: str, spans: Sequence[Sequence[int]]) -> tuple[str, list[list[int]]]:
    """A text from shortly before its first span on, and the spans in it.

    >>> near_first("a" * 200 + "b", [[200, 201]])[1]
    [[62, 63]]
    """
    cut = min((start for start, _ in spans), default=0) - _BEFORE
    if cut <= 0:
        return text, [list(span) for span in spans]
    note = "… "
    moved = [[start - cut + len(note), stop - cut + len(note)] for start, stop in spans]
    return note + text[cut:], moved


def lacking(text: str, other: str) -> str:
    """A text with the words in brackets that another text does not have.

    >>> lacking("Why is it red?", "it is why")
    'Why is it [red]?'
    >>> lacking("红色的灯", "灯是红的")
    '红[色]的灯'
    """
    known = set(words_of([other]).hashes.tolist())
    places: list[list[int]] = []
    for word, (start, stop) in zip(words_of([text]).hashes.tolist(), spans_of(text), strict=True):
        if word in known:
            continue
        if places and places[-1][1] == start:
            places[-1][1] = stop
        else:
            places.append([start, stop])
    return _between(text, places, "[", "]")


def _between(text: str, spans: Sequence[Sequence[int]], before: str, after: str) -> str:
    pieces, at = [], 0
    for start, stop in spans:
        if at <= start <= stop <= len(text):
            pieces += [text[at:start], before, text[start:stop], after]
            at = stop
    return "".join([*pieces, text[at:]])
