"""An explanation as lines of text: coloured by the command, plain in a notebook."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import counted
from . import alike
from .alignment import lacking, marked, near_first

if TYPE_CHECKING:
    from .alignment import Aligned, Place
    from .explain import Explanation

Line = tuple[str, str]
"""The kind of the line (heading, refused, note, added, removed, near, or "" for any other), and its
text."""
_MOST_LINES = 60


class Limit(NamedTuple):
    """The number of characters shown of a text by default, and how to see all of it."""

    characters: int
    ask: str


LONG = Limit(2000, "--full shows them")
LONG_IN_PYTHON = Limit(2000, ".raw and .steps have them")


def lines(found: Explanation, most: Limit | None) -> list[Line]:
    """An explanation as lines. Texts longer than `most` are shortened. Text from the data is not
    escaped."""
    return [
        *_outcome(found, most),
        *_record(found, most),
        *_steps(found, most),
        *_pair(found, most),
    ]


def _outcome(found: Explanation, most: Limit | None) -> Iterator[Line]:
    """Where the record is from, and what it became."""
    origin: dict[str, Any] = (found.rows or found.rejected)[0]
    place = f"{origin['origin_file']}, record {origin['origin_row']}"
    yield "heading", found.id
    yield "", f"  from {place}, of {origin['source']}:{origin['subset']}"
    for build in found.through:
        yield "", f"  by way of the build {build}"
    for row in found.rows:
        yield from _kept(row, found.split)
    for row in found.rejected:
        yield from _refused(row, most)
    if found.note:
        yield "note", f"  {found.note.command}"


def _kept(row: dict[str, Any], split: str) -> Iterator[Line]:
    pairs = counted(row["num_turns"], "pair")
    language = f"{row['language']} {row['language_score']:.2f}"
    where = f", in {split}" if split else ""
    yield "", f"  kept as {row['id']}: {pairs}, {_tokens(row):,} tokens, {language}{where}"
    if "chosen" in row:
        yield "", f"    {_preferred(row)}"
    task = f", task {row['task']}" if row["task"] else ""
    yield "", f"    licence {row['license']}, answers by {_engine(row)}{task}"
    rules = ", ".join(row["edits"] or ())
    yield "", f"    changed by {rules}" if rules else "    not changed"


def _refused(row: dict[str, Any], most: Limit | None) -> Iterator[Line]:
    what = "marked" if row["level"] == "mark" else f"rejected {row['level']}"
    yield "refused", f"  {what} at {row['stage']}: {row['reason']}: {row['detail']}"
    if row["level"] == "mark" and row["evidence"]:
        yield "", _indent(_short(_pretty(row["evidence"]), most))
    if row["level"] in ("message", "row"):
        yield "", _indent(_short(row["raw"], most and most._replace(characters=300)))


def _record(found: Explanation, most: Limit | None) -> Iterator[Line]:
    if found.header:
        yield "heading", "the file says once for all its records"
        yield "", _indent(_short(_pretty(found.header), most))
    if found.raw:
        yield "heading", "as read"
        yield "", _indent(_short(_pretty(found.raw), most))


def _steps(found: Explanation, most: Limit | None) -> Iterator[Line]:
    """What each stage did, as the difference to what the one before it left."""
    before: list[str] = []
    for step in found.steps:
        if step.record is not None:
            repaired = json.dumps(step.record, ensure_ascii=False, indent=2)
            yield "heading", f"rules on the record  {step.labels}"
            yield from _changes(_pretty(found.raw).split("\n"), repaired.split("\n"), most)
            continue
        turns = [f"{role}: {content}" for talk in step.conversations for role, content in talk]
        after = [line for turn in turns for line in turn.split("\n")]
        same = bool(before) and after == before
        unchanged = "nothing changed" if same and not step.refused else ""
        yield "heading", "  ".join(filter(None, (step.stage, step.labels, unchanged)))
        for refused in step.refused:
            yield "refused", f"  - {refused}"
        if not step.conversations:
            continue
        if not before:
            yield "", _indent(_short("\n".join(after), most))
        elif not same:
            yield from _changes(before, after, most)
        before = after


def _pair(found: Explanation, most: Limit | None) -> Iterator[Line]:
    """The dropped row beside the one that stays; messages beside items of evaluation sets."""
    near = found.alike
    if near and not near.kept:
        yield "note", f"  The text of {near.other} is not in this build."
    elif near and near.own:
        yield "heading", f"this row beside {near.other}, similarity {near.score or 0:.2f}"
        yield "near", "  [-only here-] {+only there+}"
        yield "", _indent(_short(alike.marked(near.own, near.kept), most))
    for hit in found.aligned:
        yield from _hit(hit, found, most)


def _hit(hit: Aligned, found: Explanation, most: Limit | None) -> list[Line]:
    """An item of an evaluation set, beside the message that has it."""
    part = hit.part.replace("_", " ")
    where = " and ".join(map(str, hit.places))
    told = f"{part} of {hit.item}: {hit.cover:.0%} of its words are in {where}"
    said = [("heading", told)]
    known = [_message(found, place) for place in hit.places]
    for message, place in zip(known, hit.places, strict=True):
        if message:
            begun = (message, place.spans) if most is None else near_first(message, place.spans)
            said.append(("", _indent(_short(marked(*begun), most))))
    if not hit.text:
        return [*said, ("note", "  The evaluation set is not on this machine.")]
    said.append(("near", "  in the evaluation set, with the words in brackets that it lacks:"))
    beside = lacking(hit.text, "\n".join(known)) if all(known) else hit.text
    said.append(("", _indent(_short(beside, most))))
    return said


def _message(found: Explanation, place: Place) -> str:
    """A message of the conversation as it was before the split; "" if the file is not here, or for
    another field than its content."""
    whole = [s for s in found.steps if s.conversations and s.stage != "split"]
    talk = whole[-1].conversations[0] if whole and place.field == "content" else []
    return talk[place.message][1] if 0 <= place.message < len(talk) else ""


def _tokens(row: dict[str, Any]) -> int:
    if "num_tokens" in row:
        return int(row["num_tokens"])
    return sum(row[f"{name}_tokens"] for name in ("prompt", "chosen", "rejected"))


def _engine(row: dict[str, Any]) -> str:
    if "engine" in row:
        return str(row["engine"])
    return f"{row['chosen_engine']} (chosen) and {row['rejected_engine']} (rejected)"


def _preferred(row: dict[str, Any]) -> str:
    """How the two answers of a preference row compare."""
    said = "a preference row"
    if row["chosen_score"] is not None and row["rejected_score"] is not None:
        name = row["score_name"] or "score"
        said += f": {name} {row['chosen_score']:g} against {row['rejected_score']:g}"
    return said + (f", by {row['judge']}" if row["judge"] else "")


def _changes(before: list[str], after: list[str], most: Limit | None) -> list[Line]:
    """The removed and added lines, with one line of context around them, like a diff."""
    shown = _shortened(list(difflib.unified_diff(before, after, lineterm="", n=1))[2:], most)
    return [({"+": "added", "-": "removed"}.get(line[:1], "near"), "  " + line) for line in shown]


def _pretty(raw: str) -> str:
    try:
        return "\n".join(
            json.dumps(json.loads(line), ensure_ascii=False, indent=2) for line in [raw]
        )
    except (ValueError, RecursionError):
        return raw


def _short(text: str, most: Limit | None) -> str:
    more = 0 if most is None else len(text) - most.characters
    if most is None or more <= 0:
        return text
    return f"{text[: most.characters]}\n… {more:,} more characters; {most.ask}"


def _shortened(lines: list[str], most: Limit | None) -> list[str]:
    more = len(lines) - _MOST_LINES
    if most is None or more <= 0:
        return lines
    return [*lines[:_MOST_LINES], f"… {more:,} more lines; {most.ask}"]


def _indent(text: str) -> str:
    return "\n".join("  " + line for line in text.split("\n"))
